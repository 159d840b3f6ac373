"""The league table: every comparison of a network in one square."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import WIDTH, Card, Grid, Line, Shown, as_text, text_width
from bmac_meta.numbers import count_noun
from bmac_meta.results.network.terms import Terms, model_words
from bmac_meta.stats.network import DirectEvidence, NetworkFit
from bmac_meta.stats.network.fit import quantile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTION = (
    "below the diagonal: from the whole network; above: from the trials that compare the two alone; each cell is the "
    "treatment that stands earlier on the diagonal against the later one"
)


@dataclass(frozen=True, repr=False, eq=False)
class League(Shown):
    """Every comparison: the network estimate below the diagonal, the direct one above it.

    Each cell compares the treatment that stands earlier on the diagonal with the later one, so that the two cells of
    a pair can be compared. `order` holds the positions of the treatments in `fit`.
    """

    terms: Terms
    fit: NetworkFit
    direct: DirectEvidence
    order: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def treatments(self) -> tuple[str, ...]:
        """The treatments in the order of the diagonal."""
        return tuple(self.fit.treatments[i] for i in self.order)

    def numbers(self, row: int, column: int) -> tuple[float, float, float]:
        """Return estimate and limits of a cell by its place, on the scale of pooling; NaN where there is none."""
        earlier, later = sorted((row, column))
        a, b = self.order[earlier], self.order[later]
        if row > column:
            return tuple(float(matrix[a, b]) for matrix in (self.fit.estimate, self.fit.ci_low, self.fit.ci_high))
        margin = quantile(self.fit.df, self.fit.level) * self.direct.se[a, b]
        middle = self.direct.estimate[a, b]
        return float(middle), float(middle - margin), float(middle + margin)

    def cell(self, row: int, column: int) -> str:
        """Return the text of a cell: a name on the diagonal, an estimate with its interval, or nothing."""
        if row == column:
            return self.terms.name(self.treatments[row])
        return self.terms.estimate(*self.numbers(row, column))

    @property
    def frame(self) -> pd.DataFrame:
        """The table as it is printed: texts, with the treatments as rows and columns."""
        places = range(len(self.order))
        cells = [[self.cell(i, j) for j in places] for i in places]
        return pd.DataFrame(cells, index=list(self.treatments), columns=list(self.treatments))

    def tidy(self) -> pd.DataFrame:
        """Return a row per pair: network and direct estimates with their limits, on the scale of pooling."""
        first, second = np.triu_indices(len(self.order), 1)
        below = np.array([self.numbers(j, i) for i, j in zip(first, second, strict=True)]).reshape(-1, 3)
        above = np.array([self.numbers(i, j) for i, j in zip(first, second, strict=True)]).reshape(-1, 3)
        names = np.array(self.treatments, dtype=object)
        columns = {"treatment": names[first], "comparator": names[second]}
        for word, values in (("network", below), ("direct", above)):
            columns |= {f"{word}{end}": values[:, i] for i, end in enumerate(("", "_ci_low", "_ci_high"))}
        place = np.array(self.order)
        return pd.DataFrame(columns | {"trials": self.direct.trials[place[first], place[second]]})

    def card(self) -> Card:
        """Return the league table as a card."""
        return self._card(((0, len(self.order)),))

    def __repr__(self) -> str:
        return as_text(self._card(self._spans()))

    def _card(self, spans: tuple[tuple[int, int], ...]) -> Card:
        grids = tuple(self._grid(start, end, "continued" if start else "") for start, end in spans)
        aside = f"{count_noun(len(self.order), 'treatment')} · {self.terms.code} ({self.terms.percent} CI)"
        notes = (*((self.terms.direction,) if self.terms.direction else ()), model_words(self.fit), *self.notes)
        return Card(f"League table · {self.terms.question.title}", aside, (Line("cells", aside=CAPTION),), grids, notes)

    def _grid(self, start: int, end: int, caption: str) -> Grid:
        names = [self.terms.name(name) for name in self.treatments]
        rows = tuple((names[i], *(self._text(i, j) for j in range(start, end))) for i in range(len(names)))
        return Grid(("", *names[start:end]), rows, caption)

    def _text(self, row: int, column: int) -> str:
        return "—" if row == column else self.cell(row, column) or "·"

    def _spans(self) -> tuple[tuple[int, int], ...]:
        """Return runs of columns, each narrow enough for a terminal."""
        names = [self.terms.name(name) for name in self.treatments]
        label, count = max(map(text_width, names)), len(names)
        widths = [
            2 + max([text_width(names[j]), *(text_width(self._text(i, j)) for i in range(count))]) for j in range(count)
        ]
        spans, start, room = [], 0, WIDTH - label
        for column, width in enumerate(widths):
            if width > room and column > start:
                spans.append((start, column))
                start, room = column, WIDTH - label
            room -= width
        return (*spans, (start, count))

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the league table as a heat map; `save` also writes the figure with its table."""
        from bmac_meta.results.network import pictures  # matplotlib is slow to import

        return pictures.map_of_league(self, save, **options)
