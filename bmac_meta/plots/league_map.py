"""The league table as a heat map: every comparison as text, on a ground that says how far it is from no effect.

`league_map(record)` draws, `layout(record)` tells where everything stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key, swatch
from bmac_meta.plots.marks import LEADING, Layout, Mark, rectangle, written
from bmac_meta.plots.panel import footnotes, headline
from bmac_meta.plots.style import JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH
from bmac_meta.plots.text import clean, wrap

SIZE, LEAST = 6.2, 4.4
AIR = 3.0
GROUND = 0.35
"""Least share of white in the color of the strongest effect, so that ink can be read on it."""


@dataclass(frozen=True, slots=True)
class LeagueCell:
    """One comparison: two lines of text, its z value (NaN for none), and whether no effect is outside its interval."""

    estimate: str = ""
    interval: str = ""
    z: float = math.nan
    excludes_null: bool = False


@dataclass(frozen=True, slots=True)
class LeagueMap:
    """A league table in words.

    Attributes:
        title: stands above the table.
        names: the treatments in the order of the diagonal.
        cells: rows of cells; those on the diagonal are not drawn.
        favours_earlier: whether a negative z favors the treatment that stands earlier; None where nobody said.
        corners: words for the triangle above and the one below the diagonal.
        subtitle: a grey line below the title.
        footnotes: lines below the table.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    names: tuple[str, ...]
    cells: tuple[tuple[LeagueCell, ...], ...]
    favours_earlier: bool | None = None
    corners: tuple[str, str] = ("direct evidence", "network")
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        count = len(self.names)
        if not count or len(self.cells) != count or any(len(row) != count for row in self.cells):
            raise InputError(f"A league table of {count} treatments needs {count} rows of {count} cells.")


def league_map(record: LeagueMap, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a league table at least `width` inches wide."""
    return draw(layout(record, width))


def layout(record: LeagueMap, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a league table stands; it grows beyond `width` to keep its texts readable."""
    count = len(record.names)
    points = width * POINTS_PER_INCH
    needed = _needed(record)
    size = max(LEAST, min(SIZE, SIZE * ((points - 2 * MARGIN) / count - AIR) / needed))
    pitch = max(
        (points - 2 * MARGIN) / count if size < SIZE else min((points - 2 * MARGIN) / count, 92.0),
        size / SIZE * needed + AIR,
    )
    total = max(points, 2 * MARGIN + count * pitch)
    height = 2 * size * LEADING + 2 * AIR
    names = [wrap(name, pitch - AIR, size, True, lines=3) for name in record.names]
    height = max(height, max(len(lines) for lines in names) * size * LEADING + AIR)
    head, top = headline(record.title, record.subtitle, total)
    top += 6
    body = [mark for row in range(count) for mark in _row(record, row, names[row], (top, pitch, height, size))]
    legend, bottom = key(_entries(record), top + count * height + 6, total)
    notes, bottom = footnotes(record.footnotes, bottom + 3, total)
    marks = (*head, *body, *legend, *notes)
    return Layout(marks, total, bottom + MARGIN, record.title, record.description or describe(record))


def describe(record: LeagueMap) -> str:
    """Say in a sentence what a league table shows."""
    above, below = record.corners
    return f"League table of {count_noun(len(record.names), 'treatment')}: {below} below the diagonal, {above} above."


def table(record: LeagueMap) -> pd.DataFrame:
    """Return a row per cell of a league table, with its texts and its z value."""
    places = [(i, j) for i in range(len(record.names)) for j in range(len(record.names)) if i != j]
    rows = [(record.names[i], record.names[j], record.corners[i > j], record.cells[i][j]) for i, j in places]
    return pd.DataFrame(
        [
            {"row": a, "column": b, "evidence": kind, "estimate": c.estimate, "interval": c.interval, "z": c.z}
            for a, b, kind, c in rows
        ]
    )


def _needed(record: LeagueMap) -> float:
    """Return the width of the widest text of the cells, and of the longest word of the names, at the usual size."""
    from_cells = [text for row in record.cells for cell in row for text in (cell.estimate, cell.interval)]
    words = [word for name in record.names for word in clean(name).split(" ")]
    return max(_width(from_cells, False), _width(words, True))


def _width(texts: list[str], bold: bool) -> float:
    return max((written("cell", text, 0, 0, SIZE, bold=bold).width for text in texts), default=0.0)


def _row(record: LeagueMap, row: int, name: tuple[str, ...], place: tuple[float, ...]) -> Iterator[Mark]:
    top, pitch, height, size = place
    y = top + row * height
    for column in range(len(record.names)):
        left = MARGIN + column * pitch
        box = (left + 0.5, y + 0.5, left + pitch - 0.5, y + height - 0.5)
        middle = (left + pitch / 2, y + height / 2)
        if row == column:
            yield rectangle("diagonal", *box, role="wash", row=row)
            yield from _stacked("name", name, middle, size, bold=True, row=row)
        else:
            yield from _cell(record, record.cells[row][column], box, middle, size, row)


def _cell(
    record: LeagueMap, cell: LeagueCell, box: tuple[float, ...], middle: tuple[float, float], size: float, row: int
) -> Iterator[Mark]:
    if not cell.estimate:
        return
    role, tint = ground(cell.z, record.favours_earlier)
    yield rectangle("ground", *box, role=role, tint=tint, row=row)
    x, y = middle
    half = size * LEADING / 2
    yield written("estimate", cell.estimate, x, y - half, size, align="center", bold=cell.excludes_null, row=row)
    yield written("interval", cell.interval, x, y + half, size * 0.92, align="center", role="soft", row=row)


def _stacked(
    kind: str, lines: tuple[str, ...], middle: tuple[float, float], size: float, **looks: object
) -> Iterator[Mark]:
    x, y = middle
    for number, text in enumerate(lines):
        yield written(
            kind, text, x, y + (number - (len(lines) - 1) / 2) * size * LEADING, size, align="center", **looks
        )


def ground(z: float, favours_earlier: bool | None) -> tuple[str, float]:
    """Return role and tint of a cell: blue where the earlier treatment is favored, orange where the later one is.

    >>> ground(-4.0, True), ground(0.0, True)[1]
    (('low', 0.35), 1.0)
    """
    if math.isnan(z) or favours_earlier is None:
        return "wash", 0.5
    earlier = (z < 0) == favours_earlier
    return "low" if earlier else "high", 1.0 - (1.0 - GROUND) * min(abs(z) / 4.0, 1.0)


def _entries(record: LeagueMap) -> list[Entry]:
    first = Entry(
        f"Below the diagonal: {record.corners[1]}; above: {record.corners[0]}. Bold: the interval excludes no effect.",
        0.0,
        0.0,
        lambda x, y: [],
    )
    if record.favours_earlier is None:
        return [first]
    words = (("earlier favoured, |z| ≥ 4", -4.0), ("|z| = 2", -2.0), ("later favoured, |z| = 2", 2.0), ("|z| ≥ 4", 4.0))
    sign = 1.0 if record.favours_earlier else -1.0
    return [first, *(_swatch(text, sign * z, record.favours_earlier) for text, z in words)]


def _swatch(words: str, z: float, favours_earlier: bool) -> Entry:
    role, tint = ground(z, favours_earlier)
    return swatch(words, role=role, tint=tint)
