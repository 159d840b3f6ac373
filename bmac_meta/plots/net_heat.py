"""The net heat plot: which design drives the inconsistency of a network (Krahn 2013, doi:10.1186/1471-2288-13-35).

`net_heat(record)` draws, `layout(record)` tells where everything stands. The area of a grey square is how much a
column's design contributes to the row's estimate; the ground is how much of the row's inconsistency vanishes (orange)
or appears (blue) when the column's design is set free.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun, format_number
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key, swatch
from bmac_meta.plots.marks import Layout, Mark, paragraph, rectangle, square, written
from bmac_meta.plots.panel import footnotes, headline
from bmac_meta.plots.style import JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH, SMALL_SIZE, TEXT_SIZE
from bmac_meta.plots.text import clean, widest, wrap

LARGEST_PITCH, LEAST_PITCH = 30.0, 12.0
LABEL_SHARE = 0.34
STRONGEST = 0.15
"""Share of white in the color of the strongest heat."""


@dataclass(frozen=True, slots=True)
class NetHeatMap:
    """Net heat in numbers and words: names of the designs, contributions and heat (row, column)."""

    title: str
    designs: tuple[str, ...]
    contribution: np.ndarray
    heat: np.ndarray
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        count = len(self.designs)
        if not count or self.contribution.shape != (count, count) or self.heat.shape != (count, count):
            raise InputError(f"Net heat of {count} designs needs matrices of {count} × {count}.")


def net_heat(record: NetHeatMap, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a net heat plot at most `width` inches wide, unless its designs need more."""
    return draw(layout(record, width))


def layout(record: NetHeatMap, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a net heat plot stands."""
    points, count = width * POINTS_PER_INCH, len(record.designs)
    label = min(
        widest([clean(f"{i + 1}  {name}") for i, name in enumerate(record.designs)], TEXT_SIZE), LABEL_SHARE * points
    )
    pitch = max(LEAST_PITCH, min(LARGEST_PITCH, (points - 2 * MARGIN - label - 8) / count))
    left = MARGIN + label + 8
    total = max(points, left + count * pitch + MARGIN)
    head, top = headline(record.title, record.subtitle, total)
    top += 20
    frame = (left, top, pitch)
    body = [*_grounds(record, frame), *_squares(record, frame), *_names(record, frame, label)]
    legend, bottom = key(_entries(record), top + count * pitch + 8, total)
    notes, bottom = footnotes(record.footnotes, bottom + 3, total)
    return Layout(
        (*head, *body, *legend, *notes), total, bottom + MARGIN, record.title, record.description or describe(record)
    )


def describe(record: NetHeatMap) -> str:
    """Say in a sentence what a net heat plot shows."""
    row, column = np.unravel_index(int(np.argmax(record.heat)), record.heat.shape)
    size = format_number(float(record.heat[row, column]), 2)
    most = f"Most heat: {record.designs[row]} when {record.designs[column]} is set free ({size})."
    return f"Net heat of {count_noun(len(record.designs), 'design')}. {most}"


def table(record: NetHeatMap) -> pd.DataFrame:
    """Return a row per cell of a net heat plot."""
    names = record.designs
    cells = [
        (names[i], names[j], record.contribution[i, j], record.heat[i, j])
        for i in range(len(names))
        for j in range(len(names))
    ]
    return pd.DataFrame(cells, columns=["design", "freed", "contribution", "heat"])


def ground(heat: float, hottest: float) -> tuple[str, float]:
    """Return role and tint of a cell's ground.

    >>> ground(8.0, 8.0), ground(0.0, 8.0)
    (('high', 0.15), ('paper', 0.0))
    """
    share = min(abs(heat) / hottest, 1.0) if hottest > 0 else 0.0
    if share < 1e-6:
        return "paper", 0.0
    return "high" if heat > 0 else "low", STRONGEST + (1.0 - STRONGEST) * (1.0 - share)


def _hottest(record: NetHeatMap) -> float:
    return float(np.abs(record.heat).max())


def _places(count: int, frame: tuple[float, float, float]) -> Iterator[tuple[int, int, float, float]]:
    left, top, pitch = frame
    for row in range(count):
        for column in range(count):
            yield row, column, left + (column + 0.5) * pitch, top + (row + 0.5) * pitch


def _grounds(record: NetHeatMap, frame: tuple[float, float, float]) -> Iterator[Mark]:
    half, hottest = frame[2] / 2, _hottest(record)
    for row, column, x, y in _places(len(record.designs), frame):
        role, tint = ground(float(record.heat[row, column]), hottest)
        yield rectangle(
            "ground", x - half, y - half, x + half, y + half, role=role, tint=tint, edge="wash", size=0.6, row=row
        )


def _squares(record: NetHeatMap, frame: tuple[float, float, float]) -> Iterator[Mark]:
    for row, column, x, y in _places(len(record.designs), frame):
        side = 0.8 * frame[2] * math.sqrt(min(float(record.contribution[row, column]), 1.0))
        if side > 0.2:
            yield square("contribution", x, y, side, role="rule", row=row)


def _names(record: NetHeatMap, frame: tuple[float, float, float], label: float) -> Iterator[Mark]:
    left, top, pitch = frame
    for row, name in enumerate(record.designs):
        y = top + (row + 0.5) * pitch
        text = wrap(f"{row + 1}  {name}", label, TEXT_SIZE, lines=1)
        yield from paragraph("label", text, MARGIN, y - TEXT_SIZE * 0.65, TEXT_SIZE, row=row, full_text=clean(name))
        yield written(
            "column", str(row + 1), left + (row + 0.5) * pitch, top - 7, SMALL_SIZE, align="center", role="soft"
        )


def _entries(record: NetHeatMap) -> list[Entry]:
    hottest = _hottest(record)
    first = Entry(
        "contribution of the column to the row (area)",
        8.0,
        8.0,
        lambda x, y: [square("key", x + 4, y, 7.0, role="rule")],
    )
    levels = [
        (hottest, "Q that vanishes when the column is set free"),
        (hottest / 4, ""),
        (-hottest / 4, "Q that appears"),
    ]
    swatches = []
    for value, words in levels:
        role, tint = ground(value, hottest)
        swatches.append(
            swatch(f"{words} {format_number(abs(value), 1)}".strip(), role=role, tint=tint, edge="hair", size=0.4)
        )
    return [first, *swatches] if hottest > 1e-9 else [first]
