"""Contribution bars: what each network estimate is made of, as bars of one whole.

`contribution_bars(record)` draws, `layout(record)` tells where everything stands. The estimate's own trials are
colored; other comparisons are grey, with their names where there is room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun, format_percent
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key, swatch
from bmac_meta.plots.marks import Layout, Mark, paragraph, paragraph_height, rectangle, written
from bmac_meta.plots.panel import footnotes, headline, level_axis, level_axis_height
from bmac_meta.plots.scale import Scale
from bmac_meta.plots.style import JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH, SMALL_SIZE, TEXT_SIZE
from bmac_meta.plots.text import clean, elide, measure, widest, wrap

PITCH = 19.0
HEIGHT = 13.0
GAP = 8.0
LABEL_SHARE = 0.3
LEAST_NAME = 48.0
"""Least room for a name that is cut, in points; below it stands the share alone."""
TINTS = (0.0, 0.45)
OWN_TINT = 0.35


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: what it is, its share, and whether it is the estimate's own direct evidence."""

    label: str
    share: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A network estimate and its parts in the order in which they are drawn."""

    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ContributionBars:
    """Contributions in numbers and words."""

    title: str
    bars: tuple[Bar, ...]
    axis_label: str = "share of the network estimate"
    own_words: str = "trials of the two treatments"
    other_words: str = "other comparisons, the largest first"
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.bars:
            raise InputError("Contribution bars need at least one estimate.")
        for bar in self.bars:
            if any(part.share < 0 for part in bar.parts) or abs(sum(part.share for part in bar.parts) - 1) > 1e-6:
                raise InputError(f"The shares of {bar.label!r} must be 0 or more and sum to 1.")


def contribution_bars(record: ContributionBars, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw contribution bars `width` inches wide."""
    return draw(layout(record, width))


def layout(record: ContributionBars, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a figure of contribution bars stands."""
    points = width * POINTS_PER_INCH
    head, top = headline(record.title, record.subtitle, points)
    top += 8
    label = min(widest([clean(bar.label) for bar in record.bars], TEXT_SIZE), LABEL_SHARE * points)
    scale = Scale(0.0, 1.0, MARGIN + label + GAP, points - MARGIN - 10, "percent")
    body = [mark for row in range(len(record.bars)) for mark in _bar(record, row, scale, label, top)]
    bottom = top + len(record.bars) * PITCH + 2
    axis = level_axis(scale, bottom, record.axis_label)
    bottom += level_axis_height(scale, record.axis_label)
    legend, bottom = key(_entries(record), bottom + 4, points)
    notes, bottom = footnotes(record.footnotes, bottom + 3, points)
    marks = (*head, *body, *axis, *legend, *notes)
    return Layout(marks, points, bottom + MARGIN, record.title, record.description or describe(record))


def describe(record: ContributionBars) -> str:
    """Say in a sentence what contribution bars show."""
    own = ", ".join(f"{bar.label} {format_percent(_own(bar), 0)}" for bar in record.bars)
    return f"What {count_noun(len(record.bars), 'network estimate')} are made of. Share of their own trials: {own}."


def table(record: ContributionBars) -> pd.DataFrame:
    """Return a row per part of a bar."""
    rows = [(bar.label, part.label, part.share, part.own) for bar in record.bars for part in bar.parts]
    return pd.DataFrame(rows, columns=["estimate", "part", "share", "own"])


def _own(bar: Bar) -> float:
    return sum(part.share for part in bar.parts if part.own)


def _bar(record: ContributionBars, row: int, scale: Scale, label: float, top: float) -> Iterator[Mark]:
    bar, y = record.bars[row], top + (row + 0.5) * PITCH
    lines = wrap(bar.label, label, TEXT_SIZE, lines=2)
    yield from paragraph(
        "label", lines, MARGIN, y - paragraph_height(len(lines)) / 2, TEXT_SIZE, row=row, full_text=clean(bar.label)
    )
    start = 0.0
    for number, part in enumerate(bar.parts):
        yield from _part(part, number, scale, (start, start + part.share), y, row)
        start += part.share


def _part(part: Part, number: int, scale: Scale, ends: tuple[float, float], y: float, row: int) -> Iterator[Mark]:
    left, right = (scale.place(min(end, 1.0)) for end in ends)
    role, tint = ("accent", OWN_TINT) if part.own else ("hair", TINTS[number % 2])
    yield rectangle(
        "part", left, y - HEIGHT / 2, right, y + HEIGHT / 2, role=role, tint=tint, edge="paper", size=0.6, row=row
    )
    text = _inside(part, right - left - 4)
    if text:
        yield written("part_label", text, left + 2.5, y, SMALL_SIZE, row=row, full_text=clean(part.label))


def _inside(part: Part, room: float) -> str:
    """Return what fits into a part: its name with its share, its name (cut where need be), its share, or nothing."""
    share, name = format_percent(part.share, 0), clean(part.label)
    for text in (f"{name} {share}", name):
        if measure(text, SMALL_SIZE) <= room:
            return text
    if room > LEAST_NAME:
        return elide(name, room, SMALL_SIZE)
    return share if measure(share, SMALL_SIZE) <= room else ""


def _entries(record: ContributionBars) -> list[Entry]:
    entries = [swatch(record.own_words, role="accent", tint=OWN_TINT)] if any(_own(bar) for bar in record.bars) else []
    return [*entries, swatch(record.other_words, role="hair")]
