"""The evidence map: how many trials and patients there are for each pair of properties, and where are none.

`evidence_map(record)` draws, `layout(record)` tells where everything stands. An empty cell shows a pale 0: a
gap is a finding.
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
from bmac_meta.plots.key import Entry, key
from bmac_meta.plots.marks import (
    LEADING,
    Layout,
    Mark,
    disc,
    disc_diameter,
    horizontal,
    paragraph,
    paragraph_height,
    written,
)
from bmac_meta.plots.panel import footnotes, headline
from bmac_meta.plots.style import (
    HAIRLINE,
    JOURNAL_WIDTH,
    MARGIN,
    POINTS_PER_INCH,
    RULE_WIDTH,
    SMALL_SIZE,
    TEXT_SIZE,
)
from bmac_meta.plots.text import clean, measure, widest, wrap

PITCH = 24.0
LARGEST = 21.0
NARROWEST = 30.0
"""Smallest width of a column in points; the figure grows where there are too many columns for it."""
LABEL_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class EvidenceMap:
    """Counts of trials by two properties, in numbers and words.

    Attributes:
        title: stands above the map.
        trials: counts of trials; the index names the rows, the columns the columns. Missing cells are 0.
        patients: counts of patients in the same cells, to which the areas of the discs are proportional;
            None: the areas are proportional to the trials.
        row_heading: what the rows are.
        column_heading: what the columns are.
        totals: whether totals stand at the right and below; leave out where one trial is in several cells and
            a sum would count it twice.
        subtitle: a grey line below the title.
        footnotes: lines below the map.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    trials: pd.DataFrame
    patients: pd.DataFrame | None = None
    row_heading: str = ""
    column_heading: str = ""
    totals: bool = False
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if self.trials.empty:
            raise InputError("An evidence map needs at least one row and one column of counts.")
        if (self.trials.fillna(0) < 0).to_numpy().any():
            raise InputError("An evidence map counts trials; counts cannot be negative.")
        if self.patients is not None and self.patients.shape != self.trials.shape:
            raise InputError(
                f"Trials have shape {self.trials.shape}, patients {self.patients.shape}; give equal shapes."
            )


@dataclass(frozen=True, slots=True)
class _Grid:
    label_right: float
    centers: tuple[float, ...]
    pitch: float
    total: float
    width: float


def evidence_map(record: EvidenceMap, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw an evidence map at least `width` inches wide and as high as its rows need."""
    return draw(layout(record, width))


def layout(record: EvidenceMap, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of an evidence map stands."""
    grid = _grid(record, width * POINTS_PER_INCH)
    marks, top = headline(record.title, record.subtitle, grid.width)
    head, top = _head(record, grid, top + 8)
    body, bottom = _body(record, grid, top)
    legend, bottom = key(_entries(record), bottom + 8, grid.width)
    notes, bottom = footnotes(record.footnotes, bottom + 3, grid.width)
    everything = (*marks, *head, *body, *legend, *notes)
    return Layout(everything, grid.width, bottom + MARGIN, record.title, record.description or describe(record))


def describe(record: EvidenceMap) -> str:
    """Say in a sentence what an evidence map shows."""
    counts = record.trials.fillna(0).to_numpy()
    rows, columns = count_noun(counts.shape[0], "row"), count_noun(counts.shape[1], "column")
    return f"Counts of trials in {rows} and {columns}; {(counts == 0).sum()} of {counts.size} cells are empty."


def table(record: EvidenceMap) -> pd.DataFrame:
    """Return the cells of an evidence map: row, column, trials and, where known, patients."""
    cells = [
        {"row": str(row), "column": str(column), "trials": int(_count(record.trials, i, j))}
        for i, row in enumerate(record.trials.index)
        for j, column in enumerate(record.trials.columns)
    ]
    found = pd.DataFrame(cells)
    return found if record.patients is None else found.assign(patients=_flat(record.patients))


def _flat(counts: pd.DataFrame) -> list[int]:
    return [int(value) for value in counts.fillna(0).to_numpy().ravel()]


def _count(counts: pd.DataFrame, row: int, column: int) -> float:
    value = counts.iat[row, column]
    return 0.0 if pd.isna(value) else float(value)


def _grid(record: EvidenceMap, width: float) -> _Grid:
    names = [clean(name) for name in record.trials.index]
    label = max(
        min(widest(names, TEXT_SIZE), LABEL_SHARE * width),
        measure(clean(record.row_heading), TEXT_SIZE, True),
    )
    count = len(record.trials.columns) + record.totals
    narrowest = max(NARROWEST, min(widest(_words(record), SMALL_SIZE) + 4, 62.0))
    pitch = max(narrowest, min((width - 2 * MARGIN - label - 8) / count, 76.0))
    left = MARGIN + label + 8
    centers = tuple(left + (number + 0.5) * pitch for number in range(count))
    return _Grid(MARGIN + label, centers, pitch, centers[-1], max(width, left + count * pitch + MARGIN))


def _words(record: EvidenceMap) -> list[str]:
    return [word for name in record.trials.columns for word in clean(name).split(" ")]


def _head(record: EvidenceMap, grid: _Grid, top: float) -> tuple[list[Mark], float]:
    """Return the headings of rows and columns above a rule, and where the rows begin."""
    names = [*record.trials.columns, *(["Total"] if record.totals else [])]
    lines = [wrap(str(name), grid.pitch - 3, SMALL_SIZE, lines=4) for name in names]
    marks: list[Mark] = []
    if record.column_heading:
        center = (grid.centers[0] + grid.centers[len(record.trials.columns) - 1]) / 2
        marks += paragraph("heading", [record.column_heading], center, top, TEXT_SIZE, bold=True, align="center")
        top += paragraph_height(1) + 3
    bottom = top + paragraph_height(max(len(text) for text in lines), SMALL_SIZE)
    for text, center, name in zip(lines, grid.centers, names, strict=True):
        start = bottom - paragraph_height(len(text), SMALL_SIZE)
        marks += paragraph("column", text, center, start, SMALL_SIZE, align="center", full_text=clean(name))
    y = bottom - TEXT_SIZE * LEADING / 2
    marks.append(written("heading", record.row_heading, MARGIN, y, TEXT_SIZE, bold=True))
    marks.append(horizontal("rule", MARGIN, grid.centers[-1] + grid.pitch / 2, bottom + 4, RULE_WIDTH, role="soft"))
    return marks, bottom + 5


def _body(record: EvidenceMap, grid: _Grid, top: float) -> tuple[list[Mark], float]:
    marks: list[Mark] = []
    edge = grid.centers[-1] + grid.pitch / 2
    for row, name in enumerate(record.trials.index):
        y = top + (row + 0.5) * PITCH
        if row:
            marks.append(horizontal("hairline", MARGIN, edge, y - PITCH / 2, HAIRLINE, role="wash"))
        marks += _row_label(str(name), grid, y, row)
        for column in range(len(record.trials.columns)):
            marks += _cell(record, row, column, grid.centers[column], y)
        if record.totals:
            marks.append(_total(record.trials.iloc[row], grid.total, y, row))
    bottom = top + len(record.trials.index) * PITCH
    return [
        *marks,
        *(_column_totals(record, grid, bottom) if record.totals else []),
    ], bottom + PITCH * record.totals


def _row_label(name: str, grid: _Grid, y: float, row: int) -> Iterator[Mark]:
    lines = wrap(name, grid.label_right - MARGIN, TEXT_SIZE, lines=2)
    top = y - paragraph_height(len(lines)) / 2
    yield from paragraph("label", lines, MARGIN, top, TEXT_SIZE, row=row, full_text=clean(name))


def _cell(record: EvidenceMap, row: int, column: int, x: float, y: float) -> Iterator[Mark]:
    """Make a disc with the number of trials on it; an empty cell has a pale 0 and no disc."""
    count = _count(record.trials, row, column)
    sizes = record.trials if record.patients is None else record.patients
    size = _count(sizes, row, column)
    if count and size:
        yield disc("bubble", x, y, _diameter(size, sizes), role="accent", tint=0.62, row=row)
    role, bold = ("ink", True) if count else ("rule", False)
    yield written("count", f"{count:,.0f}", x, y, TEXT_SIZE, role=role, bold=bold, align="center", row=row)


def _diameter(size: float, sizes: pd.DataFrame) -> float:
    return disc_diameter(size, float(sizes.fillna(0).to_numpy().max()), LARGEST)


def _total(counts: pd.Series, x: float, y: float, row: int | None) -> Mark:
    return written("total", f"{counts.fillna(0).sum():,.0f}", x, y, TEXT_SIZE, role="grey", align="center", row=row)


def _column_totals(record: EvidenceMap, grid: _Grid, top: float) -> Iterator[Mark]:
    y = top + PITCH / 2
    yield horizontal("rule", MARGIN, grid.centers[-1] + grid.pitch / 2, top, RULE_WIDTH, role="rule")
    yield written("total", "Total", MARGIN, y, TEXT_SIZE, role="grey")
    for column in range(len(record.trials.columns)):
        yield _total(record.trials.iloc[:, column], grid.centers[column], y, None)
    yield _total(record.trials.sum(), grid.total, y, None)


def _entries(record: EvidenceMap) -> list[Entry]:
    """Return the key: what the numbers and the discs are."""
    if record.patients is None:
        return [Entry("Numbers and areas: trials", 0.0, 0.0, lambda x, y: [])]
    first = Entry("Numbers: trials. Areas:", 0.0, 0.0, lambda x, y: [])
    largest = float(record.patients.fillna(0).to_numpy().max())
    return [first, *(_size_entry(size, record.patients) for size in _key_sizes(largest))]


def _size_entry(size: float, sizes: pd.DataFrame) -> Entry:
    diameter = _diameter(size, sizes)

    def symbol(x: float, y: float) -> Iterator[Mark]:
        yield disc("key", x + diameter / 2, y, diameter, role="accent", tint=0.62)

    return Entry(count_noun(int(size), "patient"), diameter, diameter, symbol)


def _key_sizes(largest: float) -> list[float]:
    """Return up to three round numbers for the key, each about a quarter of the next.

    >>> _key_sizes(2400)
    [100.0, 500.0, 2000.0]
    """
    sizes = [_round_below(largest / part) for part in (20, 4.5, 1) if largest / part >= 1]
    return list(dict.fromkeys(sizes))


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(lead * power for lead in (1.0, 2.0, 5.0) if lead * power <= value)
