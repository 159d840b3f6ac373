"""What every subset of the trials says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.arguments import one_of
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import CachedTable, read_only
from bmac_meta.numbers import count_noun, format_number, format_percent
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOSH_ROWS = 6


@dataclass(frozen=True, repr=False, eq=False)
class Gosh(Shown):
    """The pooled effect of every subset of the trials, or of a random sample of the subsets.

    `fit` holds an entry per subset, `pooled` is the answer of all trials. Source: Olkin, Dahabreh & Trikalinos 2012
    (doi:10.1002/jrsm.1053).
    """

    pooled: Pooled
    fit: stats.Gosh
    seed: int

    @cached_property
    def chosen(self) -> np.ndarray:
        """Which subsets have two trials or more, (n,): one trial has no heterogeneity to show."""
        return read_only(self.fit.k > 1)

    @CachedTable
    def splits(self) -> pd.DataFrame:
        """The median effect and I² of the subsets with and without each trial, the widest split first."""
        members, estimate, i2 = (part[self.chosen] for part in (self.fit.members, self.fit.estimate, self.fit.i2))
        rows = []
        for study, held in zip(self.pooled.rows["study"].astype(str), members.T, strict=True):
            row = {"study": study}
            for name, subset in (("with", held), ("without", ~held)):
                row |= {f"estimate_{name}": _median(estimate[subset]), f"i2_{name}": _median(i2[subset])}
            rows.append(row)
        table = pd.DataFrame(rows)
        gap = (table["estimate_with"] - table["estimate_without"]).abs()
        return table.loc[gap.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)

    def tidy(self) -> pd.DataFrame:
        """Return a row per subset: how many trials, estimate, se, tau2, i2 (percent) on the scale of pooling."""
        names = ("k", "estimate", "se", "tau2", "i2")
        return pd.DataFrame({name: getattr(self.fit, name) for name in names})

    def card(self) -> Card:
        """Return the subsets as a card."""
        pooled, estimate = self.pooled, self.fit.estimate[self.chosen]
        low, middle, high = np.quantile(estimate, (0.025, 0.5, 0.975))
        spread = np.quantile(self.fit.i2[self.chosen], (0.025, 0.5, 0.975))
        lines = (
            Line("subsets", aside=self._subset_words()),
            Line(
                pooled.measure.code, pooled.number(middle), f"95% lie {pooled.interval(low, high)}", self._other_side()
            ),
            Line("I²", f"{spread[1]:.0f}%", f"95% lie {spread[0]:.0f}% to {spread[2]:.0f}%"),
        )
        headings = ("trial", f"{pooled.measure.code} with", "without", "I² with", "without")
        rows = tuple(self._cells(row) for row in self.splits.head(GOSH_ROWS).to_dict("records"))
        grid = Grid(headings, rows, "median of the subsets with and without a trial, the widest split first")
        aside = f"all subsets · {count_noun(pooled.k, 'trial')}"
        return Card(pooled.question.title, aside, lines, (grid,), pooled.notes)

    def _subset_words(self) -> str:
        count = f"{int(self.chosen.sum()):,}"
        if self.fit.complete:
            return f"all {count} of two trials or more"
        return f"a random sample of {count} of two trials or more (seed {self.seed})"

    def _other_side(self) -> str:
        null, estimate = self.pooled.measure.null, self.fit.estimate[self.chosen]
        if null is None:
            return ""
        side = np.sign(self.pooled.fit.estimate - null)
        return f"{format_percent(float(np.mean(np.sign(estimate - null) == -side)))} on the other side"

    def _cells(self, row: dict[str, Any]) -> tuple[str, ...]:
        names = ("estimate_with", "estimate_without")
        effects = [self.pooled.number(row[name]) for name in names]
        i2 = [f"{format_number(row[name], 0)}%" for name in ("i2_with", "i2_without")]
        return row["study"], *effects, *i2

    def holds(self, study: str) -> np.ndarray:
        """Return which subsets hold a trial, (n,); raises `UnknownWordError` for one that is not there."""
        studies = list(self.pooled.rows["study"].astype(str))
        one_of(study, studies, "study among these effects")
        return self.fit.members[:, studies.index(study)]

    def draw(self, *, highlight: str | None = None, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the cloud of subsets, those with one trial apart: `highlight`, or the one with the widest split."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.gosh_of_subsets(self, highlight, save, **options)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else math.nan
