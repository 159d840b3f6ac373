"""The columns of a forest plot: how wide each is, measured from what stands in it, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bmac_meta.plots.forest_records import Forest
from bmac_meta.plots.forest_rows import Row
from bmac_meta.plots.marks import Align
from bmac_meta.plots.style import MARGIN, MARKER_SIZE, SMALL_SIZE, TEXT_SIZE
from bmac_meta.plots.text import clean, measure, widest, wrap

GAP = 9.0
"""Space between two columns in points."""
GUTTER = 12.0
"""Space on both sides of the plot."""
PLOT_WIDTH = 128.0
"""Smallest width of the plot in points; the figure grows where its columns leave less."""
LABEL_SHARE = 0.33
"""Largest share of the figure that labels may take before they are wrapped."""
NARROW_LABELS = 96.0
"""Labels are wrapped to no less than this to make room for the plot."""
WORDS_WIDTH = 160.0
"""Lines of words, such as those on heterogeneity, widen the column of labels up to this."""
NARROW_HEADING = 48.0
LABEL_LINES = 2
CELL_WIDTH = 120.0
"""Texts of the left columns are elided beyond this."""
JUDGEMENT_PITCH = 11.0
JUDGEMENT_SIZE = 8.4
REFERENCE_SIZE = 6.2
"""Type size of the headings of judgements and of the labels of references."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of texts: the lines of its heading, its edges in points, and the side its texts stand at."""

    heading: tuple[str, ...]
    left: float
    right: float
    align: Align = "left"

    @property
    def anchor(self) -> float:
        """Where the texts of the column are aligned."""
        return {"left": self.left, "center": (self.left + self.right) / 2, "right": self.right}[self.align]


@dataclass(frozen=True, slots=True)
class EffectColumn:
    """The column of estimates and intervals: four anchors so that decimals stand below each other.

    Attributes:
        column: heading and edges of the whole column.
        estimate: right edge of the estimates.
        low: right edge of the lower limits with their bracket.
        to: center of the word "to".
        high: right edge of the upper limits with their bracket.
    """

    column: Column
    estimate: float
    low: float
    to: float
    high: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Where everything of a forest plot stands from left to right, in points.

    Attributes:
        label: the column of labels.
        left: the columns between labels and plot.
        groups: headings that span several of them.
        plot: left and right edge of the plot.
        effect: the column of estimates and intervals.
        weight: the column of weights, None for none.
        judgements: (heading, center) of every judgement of bias.
        width: width of the figure.
    """

    label: Column
    left: tuple[Column, ...]
    groups: tuple[Column, ...]
    plot: tuple[float, float]
    effect: EffectColumn
    weight: Column | None
    judgements: tuple[tuple[str, float], ...]
    width: float


def grid(forest: Forest, rows: Sequence[Row], width: float) -> Grid:
    """Measure the rows of a forest plot and set its columns on a figure at least `width` points wide."""
    spans = _left_spans(forest, rows)
    effect_span = _effect_span(forest, rows)
    weight_width = _weight_width(forest, rows)
    right_side = _right_side(forest, effect_span, weight_width)
    middle = sum(GAP + span for span in spans)
    label_width = _label_width(forest, rows, width, width - 2 * MARGIN - middle - right_side - 2 * GUTTER)
    width = max(width, 2 * MARGIN + label_width + middle + right_side + 2 * GUTTER + PLOT_WIDTH)
    plot_left = MARGIN + label_width + middle + GUTTER
    plot_right = width - MARGIN - right_side - GUTTER
    label = Column(wrap(forest.label_heading, label_width, TEXT_SIZE, True), MARGIN, MARGIN + label_width)
    columns = _left_columns(forest, rows, spans, label.right)
    effect = _effect_column(forest, rows, plot_right + GUTTER, effect_span)
    weight = _weight_column(forest, effect.column.right, weight_width)
    judged_from = (weight or effect.column).right
    return Grid(
        label=label,
        left=columns,
        groups=_groups(forest, columns),
        plot=(plot_left, plot_right),
        effect=effect,
        weight=weight,
        judgements=_judgements(forest, judged_from),
        width=width,
    )


def _label_width(forest: Forest, rows: Sequence[Row], width: float, room: float) -> float:
    natural = max(_label_widths(forest, rows))
    spare = 0.0 if forest.left_headings else WORDS_WIDTH
    words = widest((clean(row.label) for row in rows if row.kind == "words"), SMALL_SIZE)
    widest_label = min(max(natural, min(words + 2, spare)), LABEL_SHARE * width)
    return max(min(widest_label, room - PLOT_WIDTH), min(widest_label, NARROW_LABELS))


def _label_widths(forest: Forest, rows: Sequence[Row]) -> Iterator[float]:
    """Return the widths of the labels that cannot reach into an empty column beside them."""
    yield measure(clean(forest.label_heading), TEXT_SIZE, True)
    for row in rows:
        if any(row.left[:1]) or (row.kind != "words" and not forest.left_headings):
            size = SMALL_SIZE if row.kind == "prediction" else TEXT_SIZE
            yield measure(clean(row.label), size, row.bold) + letter_width(row.letter)


def letter_width(letter: str) -> float:
    """Return the room that a footnote letter takes behind a label, in points."""
    return measure(letter, MARKER_SIZE) + 1.5 if letter else 0.0


def _cells(rows: Sequence[Row], number: int) -> list[tuple[str, bool]]:
    return [(clean(row.left[number]), row.bold) for row in rows if row.left]


def _left_spans(forest: Forest, rows: Sequence[Row]) -> list[float]:
    """Return the widths of the left columns, widened where the heading of a group needs more."""
    spans = [_span(_cells(rows, number), heading) for number, (_, heading) in enumerate(forest.left_headings)]
    for start, stop, heading in _runs(forest):
        have = sum(spans[start:stop]) + GAP * (stop - start - 1)
        need = widest(heading_lines(heading, have), TEXT_SIZE, True)
        spans[start:stop] = [span + max(0.0, need - have) / (stop - start) for span in spans[start:stop]]
    return spans


def _span(cells: Iterable[tuple[str, bool]], heading: str) -> float:
    text = min(CELL_WIDTH, max((measure(cell, TEXT_SIZE, bold) for cell, bold in cells), default=0.0))
    return max(text, widest(heading_lines(heading, text), TEXT_SIZE, True))


def heading_lines(heading: str, room: float) -> tuple[str, ...]:
    """Wrap a heading to the room above its column, widened so that no word of ordinary length is broken."""
    longest = min(widest(clean(heading).split(" "), TEXT_SIZE, True), CELL_WIDTH)
    return wrap(heading, max(room, longest, NARROW_HEADING), TEXT_SIZE, True)


def _runs(forest: Forest) -> list[tuple[int, int, str]]:
    """Return (first, last + 1, heading) of the neighbors that share a named group."""
    runs, start = [], 0
    for heading, members in groupby(group for group, _ in forest.left_headings):
        count = len(list(members))
        runs += [(start, start + count, heading)] if heading else []
        start += count
    return runs


def _left_columns(forest: Forest, rows: Sequence[Row], spans: Sequence[float], left: float) -> tuple[Column, ...]:
    columns = []
    for number, (span, (_, heading)) in enumerate(zip(spans, forest.left_headings, strict=True)):
        left += GAP
        align = "right" if _numeric(cell for cell, _ in _cells(rows, number)) else "left"
        columns.append(Column(wrap(heading, span, TEXT_SIZE, True), left, left + span, align))
        left += span
    return tuple(columns)


def _numeric(cells: Iterable[str]) -> bool:
    """Tell whether most texts of a column are numbers, so that it is set flush right."""
    filled = [cell for cell in cells if cell]
    numbers = sum(cell[0].isdigit() or cell[0] in "−-<>≤≥.+±(" for cell in filled)
    return 2 * numbers >= len(filled)


def _groups(forest: Forest, columns: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(_group(heading, columns[start:stop]) for start, stop, heading in _runs(forest))


def _group(heading: str, columns: Sequence[Column]) -> Column:
    """Set a heading over its columns: centered over several, at the side of its texts over one."""
    left, right = columns[0].left, columns[-1].right
    align = columns[0].align if len(columns) == 1 else "center"
    return Column(heading_lines(heading, right - left + 0.01), left, right, align)


def _effect_widths(rows: Sequence[Row]) -> tuple[float, float, float, float]:
    """Return the widths of estimates, of lower limits, of "to", and of upper limits, brackets included."""
    found = [(row.effect, row.bold) for row in rows]
    estimate = max(measure(effect[0], TEXT_SIZE, bold) for effect, bold in found)
    low = max(measure("(" + effect[1], TEXT_SIZE, bold) for effect, bold in found)
    high = max(measure(effect[2] + ")", TEXT_SIZE, bold) for effect, bold in found)
    return estimate, low, measure(" to ", TEXT_SIZE, any(bold for _, bold in found)) + 1, high


def _effect_span(forest: Forest, rows: Sequence[Row]) -> float:
    numbers = sum(_effect_widths(rows)) + 5
    reasons = min(widest((clean(row.words) for row in rows), TEXT_SIZE), 100.0)
    lines = heading_lines(forest.effect_heading, max(numbers, 60.0))
    return max(numbers, reasons, widest(lines, TEXT_SIZE, True))


def _effect_column(forest: Forest, rows: Sequence[Row], left: float, span: float) -> EffectColumn:
    _, low, to, high = _effect_widths(rows)
    right = left + span
    column = Column(wrap(forest.effect_heading, span, TEXT_SIZE, True), left, right, "right")
    return EffectColumn(column, right - high - to - low - 5, right - high - to, right - high - to / 2, right)


def _weight_width(forest: Forest, rows: Sequence[Row]) -> float:
    weights = [(row.weight, row.bold) for row in rows if row.weight]
    return _span(weights, forest.weight_heading) if weights else 0.0


def _weight_column(forest: Forest, left: float, span: float) -> Column | None:
    if not span:
        return None
    return Column(wrap(forest.weight_heading, span, TEXT_SIZE, True), left + GAP, left + GAP + span, "right")


def _right_side(forest: Forest, effect: float, weight: float) -> float:
    judged = len(forest.mark_headings) * _judgement_pitch(forest)
    return effect + (GAP + weight if weight else 0.0) + (GAP + judged if judged else 0.0)


def _judgements(forest: Forest, left: float) -> tuple[tuple[str, float], ...]:
    pitch = _judgement_pitch(forest)
    return tuple((heading, left + GAP + (number + 0.5) * pitch) for number, heading in enumerate(forest.mark_headings))


def _judgement_pitch(forest: Forest) -> float:
    return max(JUDGEMENT_PITCH, widest(map(clean, forest.mark_headings), REFERENCE_SIZE) + 2)
