"""The frame of a plot with two axes: title above, quiet axes on the left and below, notes underneath, no box.

The label of the upright axis stands level above it, where it can be read without turning the head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bmac_meta.plots.marks import (
    LEADING,
    Layout,
    Mark,
    horizontal,
    paragraph,
    paragraph_height,
    vertical,
    written,
)
from bmac_meta.plots.scale import Scale, Tick, ticks
from bmac_meta.plots.style import MARGIN, RULE_WIDTH, SMALL_SIZE, TEXT_SIZE, TITLE_SIZE
from bmac_meta.plots.text import widest, wrap

TICK_LENGTH = 3.0
TICK_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A region of a figure with a scale for each direction.

    Attributes:
        x: scale from left to right.
        y: scale from bottom to top (its `start` is the lower edge unless the axis is reversed).
    """

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        """Left edge in points."""
        return self.x.start

    @property
    def right(self) -> float:
        """Right edge in points."""
        return self.x.end

    @property
    def top(self) -> float:
        """Upper edge in points."""
        return min(self.y.start, self.y.end)

    @property
    def bottom(self) -> float:
        """Lower edge in points."""
        return max(self.y.start, self.y.end)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a pair of values stands, in points."""
        return self.x.place(x), self.y.place(y)


def headline(title: str, subtitle: str, width: float) -> tuple[list[Mark], float]:
    """Return the marks of a title and a subtitle on a figure `width` points wide, and where they end."""
    room = width - 2 * MARGIN
    lines = wrap(title, room, TITLE_SIZE, True) if title else ()
    marks = list(paragraph("title", lines, MARGIN, MARGIN, TITLE_SIZE, bold=True))
    y = MARGIN + paragraph_height(len(lines), TITLE_SIZE)
    below = wrap(subtitle, room, TEXT_SIZE) if subtitle else ()
    marks += paragraph("subtitle", below, MARGIN, y + 1, TEXT_SIZE, role="grey")
    return marks, y + paragraph_height(len(below)) + (1 if below else 0)


def footnotes(texts: Iterable[str], top: float, width: float) -> tuple[list[Mark], float]:
    """Return small grey lines below a plot, and where they end."""
    marks: list[Mark] = []
    for text in texts:
        lines = wrap(text, width - 2 * MARGIN, SMALL_SIZE)
        marks += paragraph("footnote", lines, MARGIN, top, SMALL_SIZE, role="grey")
        top += paragraph_height(len(lines), SMALL_SIZE)
    return marks, top


def tick_room(found: Sequence[Tick]) -> float:
    """Return the room that an upright axis takes to the left of a panel, in points."""
    return widest((label for _, label in found), SMALL_SIZE) + TICK_LENGTH + TICK_GAP


def upright_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Return the ticks of an upright axis."""
    return ticks(scale, gap=14.0, level=False)


def level_axis(
    scale: Scale, y: float, label: str = "", gap: float = 0.0, found: Sequence[Tick] | None = None
) -> Iterator[Mark]:
    """Make an axis from left to right at height `y` with its ticks and, `gap` points below, its label."""
    yield horizontal("axis", scale.start, scale.end, y, RULE_WIDTH, role="soft")
    for value, text in ticks(scale) if found is None else found:
        x = scale.place(value)
        yield vertical("tick", x, y, y + TICK_LENGTH, RULE_WIDTH, role="soft")
        middle = y + TICK_LENGTH + 2 + SMALL_SIZE / 2
        yield written("tick_label", text, x, middle, SMALL_SIZE, align="center", role="soft")
    for number, text in enumerate(_label_lines(scale, label)):
        middle = y + level_axis_height() + gap + (number + 0.5) * TEXT_SIZE * LEADING
        yield written("axis_label", text, (scale.start + scale.end) / 2, middle, TEXT_SIZE, align="center", role="soft")


def level_axis_height(scale: Scale | None = None, label: str = "") -> float:
    """Return the height of an axis from left to right with its label, in points."""
    lines = _label_lines(scale, label) if scale else ()
    return TICK_LENGTH + 4 + SMALL_SIZE * LEADING + paragraph_height(len(lines))


def _label_lines(scale: Scale, label: str) -> tuple[str, ...]:
    return wrap(label, scale.end - scale.start, TEXT_SIZE) if label else ()


def upright_axis(scale: Scale, x: float, label: str = "", label_left: float | None = None) -> Iterator[Mark]:
    """Make an axis from bottom to top at `x` with its ticks to the left and its label level above it."""
    top = min(scale.start, scale.end)
    yield vertical("axis", x, top, max(scale.start, scale.end), RULE_WIDTH, role="soft")
    for value, text in upright_ticks(scale):
        y = scale.place(value)
        yield horizontal("tick", x - TICK_LENGTH, x, y, RULE_WIDTH, role="soft")
        left = x - TICK_LENGTH - TICK_GAP
        yield written("tick_label", text, left, y, SMALL_SIZE, align="right", role="soft")
    if label:
        left = x if label_left is None else label_left
        yield written("axis_label", label, left, top - TEXT_SIZE * LEADING, TEXT_SIZE, role="soft")


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with one panel before its contents are drawn.

    Attributes:
        panel: the region for the contents.
        marks: title, axes and footnotes.
        width: width of the figure in points.
        height: height of the figure in points.
        sides: middle of the room between the ticks and the label of the level axis.
        foot: top of the room between the axis and the footnotes.
    """

    panel: Panel
    marks: tuple[Mark, ...]
    width: float
    height: float
    sides: float
    foot: float

    def layout(self, behind: Iterable[Mark], front: Iterable[Mark], title: str, description: str) -> Layout:
        """Return the layout with contents behind and in front of the axes."""
        return Layout((*behind, *self.marks, *front), self.width, self.height, title, description)


@dataclass(frozen=True, slots=True)
class Words:
    """The words around a panel: title, subtitle, labels of both axes, lines below."""

    title: str
    subtitle: str = ""
    x_label: str = ""
    y_label: str = ""
    footnotes: tuple[str, ...] = ()


def chart(
    words: Words,
    width: float,
    height: float,
    x: Scale,
    y: Scale,
    sides: float = 0.0,
    foot: float = 0.0,
    beside: float = 0.0,
) -> Chart:
    """Frame one panel `height` points high on a figure `width` points wide.

    `x` and `y` give limits and kind of the scales; where they stand is set here. A `y` whose `start` is less
    than its `end` runs downwards. `sides` is room kept free between the ticks and the label of the level
    axis, `foot` room kept free between the axis and the footnotes, `beside` room kept free above and to the
    right of the panel.
    """
    marks, top = headline(words.title, words.subtitle, width)
    top += 7 + max(1.6 * TEXT_SIZE * LEADING if words.y_label else 0, beside)
    downwards = y.start < y.end
    upright = Scale(y.low, y.high, top if downwards else top + height, top + height if downwards else top, y.shown)
    left = MARGIN + tick_room(upright_ticks(upright))
    level = Scale(x.low, x.high, left + 4, width - MARGIN - 8 - beside, x.shown)
    below = top + height + 4
    marks += upright_axis(upright, left, words.y_label, MARGIN)
    marks += level_axis(level, below, words.x_label, sides)
    bottom = below + level_axis_height(level, words.x_label) + sides + foot
    middles = below + level_axis_height() + sides / 2, bottom - foot
    notes, bottom = footnotes(words.footnotes, bottom + 5, width)
    return Chart(Panel(level, upright), (*marks, *notes), width, bottom + MARGIN, *middles)


def level_sides(panel: Panel, null: float, low: str | None, high: str | None, y: float) -> Iterator[Mark]:
    """Make the words "← favours A" and "favours B →" on both sides of the null, centered at height `y`."""
    x = panel.x.place_clipped(null)
    if low:
        lines = wrap(f"← favours {low}", x - 5 - MARGIN, TEXT_SIZE, lines=1)
        yield written("favours_low", lines[0], x - 5, y, TEXT_SIZE, align="right")
    if high:
        lines = wrap(f"favours {high} →", panel.right + 8 - x - 5, TEXT_SIZE, lines=1)
        yield written("favours_high", lines[0], x + 5, y, TEXT_SIZE)
