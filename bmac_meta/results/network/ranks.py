"""The ranking of treatments, never without the intervals and the share of direct evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import Sealed
from bmac_meta.numbers import format_number, format_percent
from bmac_meta.results.network.terms import Terms
from bmac_meta.stats.network import NetworkFit, RankProbabilities, rank_probabilities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWS = 20_000


@dataclass(frozen=True, repr=False, eq=False)
class Ranks(Sealed, Shown):
    """Treatments by P-score, with rank probabilities, effects against a reference and shares of direct evidence.

    `order` holds the positions of the treatments in `fit`, the best first; `scores` and `shares` (n,) are the P-scores
    and the shares of direct evidence in the effects against `reference`, in the order of `fit`.
    """

    terms: Terms
    fit: NetworkFit
    reference: str
    order: tuple[int, ...]
    scores: np.ndarray
    shares: np.ndarray
    small_values: str
    notes: tuple[str, ...] = ()

    @cached_property
    def probabilities(self) -> RankProbabilities:
        """Rank probabilities by simulation from the joint distribution of the effects; the same on every machine."""
        return rank_probabilities(self.fit, self.small_values, draws=DRAWS)

    @property
    def column(self) -> int:
        """The position of the reference."""
        return self.fit.treatments.index(self.reference)

    def effect(self, row: int) -> str:
        """Write the effect of a treatment against the reference, with its interval."""
        if row == self.column:
            return "reference"
        fit, column = self.fit, self.column
        return self.terms.estimate(fit.estimate[row, column], fit.ci_low[row, column], fit.ci_high[row, column])

    def share(self, row: int) -> str:
        """Write the share of direct evidence in that effect."""
        return "" if row == self.column else format_percent(self.shares[row], 0)

    def tidy(self) -> pd.DataFrame:
        """Return a row per treatment: P-score, SUCRA, mean rank, effect, direct share and rank probabilities."""
        order, fit, column = np.array(self.order), self.fit, self.column
        simulated = self.probabilities
        known = {
            "treatment": np.array(fit.treatments, dtype=object)[order],
            "p_score": self.scores[order],
            "sucra": simulated.sucra[order],
            "mean_rank": simulated.mean_rank[order],
            "estimate": fit.estimate[order, column],
            "ci_low": fit.ci_low[order, column],
            "ci_high": fit.ci_high[order, column],
            "share_direct": np.where(order == column, np.nan, self.shares[order]),
        }
        ranks = {f"rank_{i + 1}": simulated.probability[order, i] for i in range(len(order))}
        return pd.DataFrame(known | ranks)

    def card(self) -> Card:
        """Return the ranking as a card."""
        rows = tuple(self._row(row) for row in self.order)
        effect = f"{self.terms.code} against {self.terms.name(self.reference)} ({self.terms.percent} CI)"
        headings = ("treatment", "P-score", "mean rank", "best", effect, "direct")
        words = "small effects are " + ("good" if self.small_values == "desirable" else "bad")
        error = float(self.probabilities.error.max())
        error_words = f"standard error of a probability at most {format_number(100 * error, 1)} points"
        simulated = f"best, mean rank: {self.probabilities.draws:,} draws, {error_words}"
        lines = (
            Line("ranking", aside=f"{words}; overlapping intervals mean that the order is not settled"),
            Line("", aside=simulated),
        )
        return Card(
            f"Ranking · {self.terms.question.title}",
            "read with the intervals",
            lines,
            (Grid(headings, rows),),
            self.notes,
        )

    def _row(self, row: int) -> tuple[str, ...]:
        simulated = self.probabilities
        best = format_percent(float(simulated.probability[row, 0]), 0)
        mean = format_number(float(simulated.mean_rank[row]), 1)
        return (
            self.terms.name(self.fit.treatments[row]),
            f"{self.scores[row]:.2f}",
            mean,
            best,
            self.effect(row),
            self.share(row),
        )

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the rank probabilities beside the effects; `save` also writes the figure with its table."""
        from bmac_meta.results.network import pictures  # matplotlib is slow to import

        return pictures.rankogram_of(self, save, **options)
