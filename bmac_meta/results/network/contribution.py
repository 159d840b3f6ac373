"""How much each direct comparison and each trial contributes to each network estimate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_percent
from bmac_meta.results.network.terms import SHARE_DECIMALS, Terms
from bmac_meta.stats.network import Contributions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 3
METHOD_WORDS = {
    "random-walk": "random walk along the flow of evidence (Davies 2022)",
    "hat-matrix": "absolute entries of the hat matrix, made to sum to 1",
}


@dataclass(frozen=True, repr=False, eq=False)
class Contribution(Shown):
    """The shares of direct comparisons and of trials in every network estimate; each row sums to 1.

    `shares` holds the numbers, `trials` the names of the trials, `reference` the treatment that the card compares the
    others with, and `order` the positions of the treatments, the best first.
    """

    terms: Terms
    shares: Contributions
    trials: tuple[str, ...]
    reference: str
    order: tuple[int, ...]

    @property
    def method(self) -> str:
        """How contributions were computed, in words."""
        return METHOD_WORDS[self.shares.method]

    @property
    def sources(self) -> tuple[str, ...]:
        """The direct comparisons, in the order of the columns of `shares.comparison`."""
        names, place = self.shares.treatments, self.order.index
        ends = zip(self.shares.edge_first.tolist(), self.shares.edge_second.tolist(), strict=True)
        return tuple(self.terms.versus(*(names[end] for end in sorted(pair, key=place))) for pair in ends)

    def rows(self) -> tuple[tuple[str, str, int], ...]:
        """Return treatment, comparator and row of `shares` of each network estimate, those of the reference first."""
        place = {treatment: at for at, treatment in enumerate(self.order)}
        reference = self.shares.treatments.index(self.reference)
        found = []
        for row, ends in enumerate(zip(self.shares.first.tolist(), self.shares.second.tolist(), strict=True)):
            a, b = sorted(ends, key=lambda end: (end == reference, place[end]))
            found.append((reference not in ends, place[a], place[b], a, b, row))
        names = self.shares.treatments
        return tuple((names[a], names[b], row) for *_, a, b, row in sorted(found))

    def own(self, row: int) -> int | None:
        """Return the column of the direct comparison of the same two treatments; None where no trial makes it."""
        same = (self.shares.edge_first == self.shares.first[row]) & (self.shares.edge_second == self.shares.second[row])
        return int(np.flatnonzero(same)[0]) if same.any() else None

    def tidy(self) -> pd.DataFrame:
        """Return a row per network estimate and direct comparison that contributes to it."""
        return self._long("by_comparison", self.sources, self.shares.comparison)

    def by_trial(self) -> pd.DataFrame:
        """Return a row per network estimate and trial that contributes to it."""
        return self._long("trial", self.trials, self.shares.trial)

    def _long(self, heading: str, names: tuple[str, ...], shares: np.ndarray) -> pd.DataFrame:
        treatment, comparator, rows = (np.array(column, dtype=object) for column in zip(*self.rows(), strict=True))
        ordered = np.round(shares[rows.astype(np.intp)], SHARE_DECIMALS)
        place, column = np.nonzero(ordered)
        share = ordered[place, column]
        by = np.lexsort((column, -share, place))
        place, column = place[by], column[by]
        ends = {"treatment": treatment[place], "comparator": comparator[place]}
        return pd.DataFrame(ends | {heading: np.array(names, dtype=object)[column], "share": share[by]})

    def card(self) -> Card:
        """Return the largest contributions to each effect against the reference as a card."""
        mine = [entry for entry in self.rows() if entry[1] == self.reference]
        rows = tuple(self._cells(*entry) for entry in mine)
        headings = ("network estimate", "own trials", "largest comparisons", "largest trials")
        lines = (Line("method", aside=self.method),)
        aside = f"{count_noun(len(self.sources), 'direct comparison')} · {count_noun(len(self.trials), 'trial')}"
        return Card(f"Contributions · {self.terms.question.title}", aside, lines, (Grid(headings, rows),))

    def _cells(self, treatment: str, comparator: str, row: int) -> tuple[str, ...]:
        own = self.own(row)
        share = 0.0 if own is None else float(self.shares.comparison[row, own])
        comparisons = _largest(self.sources, self.shares.comparison[row])
        return (
            self.terms.versus(treatment, comparator),
            format_percent(share, 0),
            comparisons,
            _largest(self.trials, self.shares.trial[row]),
        )

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw what the effects against the reference are made of; `save` also writes the figure with its table."""
        from bmac_meta.results.network import pictures  # matplotlib is slow to import

        return pictures.bars_of_contribution(self, save, **options)


def _largest(names: tuple[str, ...], shares: np.ndarray) -> str:
    top = [i for i in np.argsort(-np.round(shares, SHARE_DECIMALS), kind="stable")[:LARGEST] if shares[i] > 0]
    return ", ".join(f"{names[i]} {format_percent(float(shares[i]), 0)}" for i in top)
