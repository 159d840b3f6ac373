"""The rankogram: how probable each rank is for each treatment, beside the effect and the evidence it rests on.

`rankogram(record)` draws, `layout(record)` tells where everything stands. The effect with its interval and the share
of direct evidence stand in every row, because a ranking alone says more than is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun, format_number, format_percent
from bmac_meta.plots.ink import draw
from bmac_meta.plots.marks import Layout, Mark, horizontal, paragraph, paragraph_height, rectangle, written
from bmac_meta.plots.panel import footnotes, headline
from bmac_meta.plots.style import HAIRLINE, JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH, RULE_WIDTH, SMALL_SIZE, TEXT_SIZE
from bmac_meta.plots.text import clean, widest, wrap

PITCH = 22.0
BAR = 15.0
GAP = 11.0
LABEL_SHARE = 0.26
NARROWEST = 56.0
"""Least width of all bars of a row together, in points: the longest word of their heading."""
BARS_HEADING = "Probability of each rank"


@dataclass(frozen=True, slots=True)
class RankRow:
    """One treatment: its name, the probability of each rank (best first), P-score, effect and direct share."""

    label: str
    probabilities: tuple[float, ...]
    score: float
    effect: str
    direct: str


@dataclass(frozen=True, slots=True)
class Rankogram:
    """A ranking in numbers and words: the rows, the best first, and the heading of the column of effects."""

    title: str
    rows: tuple[RankRow, ...]
    effect_heading: str = "Effect (95% CI)"
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        count = len(self.rows)
        if count < 2 or any(len(row.probabilities) != count for row in self.rows):
            raise InputError(f"A rankogram needs two treatments or more, and {count} probabilities for each.")


@dataclass(frozen=True, slots=True)
class _Columns:
    label: float
    bars: float
    pitch: float
    score: float
    effect: float
    direct: float
    width: float


def rankogram(record: Rankogram, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a rankogram at least `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Rankogram, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a rankogram stands."""
    columns = _columns(record, width * POINTS_PER_INCH)
    head, top = headline(record.title, record.subtitle, columns.width)
    top += 8
    headings, top = _headings(record, columns, top)
    body = [mark for row in range(len(record.rows)) for mark in _row(record, row, columns, top)]
    bottom = top + len(record.rows) * PITCH + 3
    axis = list(_axis(record, columns, bottom))
    notes, bottom = footnotes(record.footnotes, bottom + 2.6 * TEXT_SIZE, columns.width)
    marks = (*head, *headings, *body, *axis, *notes)
    return Layout(marks, columns.width, bottom + MARGIN, record.title, record.description or describe(record))


def describe(record: Rankogram) -> str:
    """Say in a sentence what a rankogram shows."""
    best = ", ".join(f"{row.label} {format_percent(row.probabilities[0], 0)}" for row in record.rows[:3])
    return f"Rank probabilities of {count_noun(len(record.rows), 'treatment')}; probability of being the best: {best}."


def table(record: Rankogram) -> pd.DataFrame:
    """Return the rows of a rankogram."""
    ranks = [{f"rank_{i + 1}": p for i, p in enumerate(row.probabilities)} for row in record.rows]
    known = [{"treatment": r.label, "p_score": r.score, "effect": r.effect, "direct": r.direct} for r in record.rows]
    return pd.DataFrame([a | b for a, b in zip(known, ranks, strict=True)])


def _columns(record: Rankogram, width: float) -> _Columns:
    label = min(widest([clean(row.label) for row in record.rows], TEXT_SIZE), LABEL_SHARE * width)
    effect = max(widest([row.effect for row in record.rows], TEXT_SIZE), 78.0)
    score, direct = widest(["P-score"], TEXT_SIZE, True), widest(["direct"], TEXT_SIZE, True)
    right = score + effect + direct + 3 * GAP
    bars = MARGIN + label + GAP
    least = max(9.0, NARROWEST / len(record.rows))
    pitch = max(least, min((width - MARGIN - right - bars) / len(record.rows), 30.0))
    end = bars + pitch * len(record.rows)
    ends = (end + GAP + score, end + 2 * GAP + score + effect, end + right)
    return _Columns(MARGIN + label, bars, pitch, *ends, max(width, ends[-1] + MARGIN))


def _headings(record: Rankogram, columns: _Columns, top: float) -> tuple[list[Mark], float]:
    room = columns.effect - columns.score - GAP
    texts = [
        (record.effect_heading, columns.effect, room),
        ("P-score", columns.score, 99.0),
        ("direct", columns.direct, 99.0),
    ]
    lines = [(wrap(text, width, TEXT_SIZE, True), x, "right") for text, x, width in texts]
    across = columns.pitch * len(record.rows)
    lines.append((wrap(BARS_HEADING, across, TEXT_SIZE, True), columns.bars, "left"))
    bottom = top + paragraph_height(max(len(found) for found, *_ in lines))
    marks: list[Mark] = []
    for found, x, align in lines:
        start = bottom - paragraph_height(len(found))
        marks += paragraph("heading", found, x, start, TEXT_SIZE, bold=True, align=align)
    marks.append(horizontal("rule", MARGIN, columns.direct, bottom + 3, RULE_WIDTH, role="soft"))
    return marks, bottom + 5


def _row(record: Rankogram, number: int, columns: _Columns, top: float) -> Iterator[Mark]:
    row, y = record.rows[number], top + (number + 0.5) * PITCH
    lines = wrap(row.label, columns.label - MARGIN, TEXT_SIZE, lines=2)
    start = y - len(lines) * TEXT_SIZE * 1.3 / 2
    yield from paragraph("label", lines, MARGIN, start, TEXT_SIZE, row=number, full_text=clean(row.label))
    base = y + BAR / 2
    yield horizontal("base", columns.bars, columns.bars + columns.pitch * len(record.rows), base, HAIRLINE, role="hair")
    for rank, probability in enumerate(row.probabilities):
        left = columns.bars + rank * columns.pitch
        if probability > 0:
            yield rectangle(
                "bar", left + 1, base - BAR * probability, left + columns.pitch - 1, base, role="accent", row=number
            )
    yield written("score", format_number(row.score, 2), columns.score, y, TEXT_SIZE, align="right", row=number)
    yield written("effect", row.effect, columns.effect, y, TEXT_SIZE, align="right", row=number)
    yield written("direct", row.direct, columns.direct, y, TEXT_SIZE, align="right", row=number)


def _axis(record: Rankogram, columns: _Columns, y: float) -> Iterator[Mark]:
    every = 1 if columns.pitch >= 12 else 2
    for rank in range(0, len(record.rows), every):
        x = columns.bars + (rank + 0.5) * columns.pitch
        yield written("rank", str(rank + 1), x, y + SMALL_SIZE, SMALL_SIZE, align="center", role="soft")
    yield written("rank", "rank", columns.bars - 4, y + SMALL_SIZE, SMALL_SIZE, align="right", role="soft")
