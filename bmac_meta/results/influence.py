"""What each trial does to the pooled effect, and what every subset of the trials says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.errors import unknown_word
from bmac_meta.numbers import count_noun, format_number, format_percent
from bmac_meta.results.answer import root
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CARD_ROWS = 40
GOSH_ROWS = 6
RESIDUAL = 1.959963984540054
COOK = 0.454936423119573
"""The median of χ² with 1 degree of freedom."""
DIAGNOSTICS = (
    "residual",
    "residual_se",
    "rstudent",
    "dffits",
    "cook",
    "covariance_ratio",
    "hat",
    "tau2_deleted",
    "q_deleted",
)


@dataclass(frozen=True, repr=False, eq=False)
class Influence(Shown):
    """What leaving out each trial does to the pooled effect; `pooled` is the one of all trials.

    A trial stands out by cut-offs of Viechtbauer & Cheung 2010 (doi:10.1002/jrsm.11) that the card states. They are
    for looking twice, not for leaving out.
    """

    pooled: Pooled
    diagnostics: stats.Influence
    heterogeneity: stats.Baujat
    line: stats.Radial

    @property
    def cutoffs(self) -> dict[str, float]:
        """The sizes beyond which a trial stands out."""
        k = self.pooled.k
        return {"rstudent": RESIDUAL, "dffits": 3 * math.sqrt(1 / (k - 1)), "cook": COOK, "hat": 3 / k}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The diagnostics, a row per trial; `stands_out` names those beyond their cut-off."""
        numbers = {name: getattr(self.diagnostics, name) for name in DIAGNOSTICS}
        table = pd.DataFrame({"study": self.pooled.rows["study"].astype(str), **numbers})
        table["weight"] = np.asarray(self.pooled.fit.weights)
        beyond = {name: table[name].abs() > limit for name, limit in self.cutoffs.items()}
        table["stands_out"] = [", ".join(name for name in beyond if beyond[name][row]) for row in table.index]
        return table

    def tidy(self) -> pd.DataFrame:
        """Return the diagnostics, a row per trial."""
        return self.frame

    def card(self) -> Card:
        """Return the diagnostics as a card."""
        shown = self.frame.head(CARD_ROWS)
        more = len(self.frame) - len(shown)
        headings = ("trial", "residual", "DFFITS", "Cook", "cov", "hat", "τ", "Q", "weight")
        caption = "τ and Q without the trial; cov: ratio of the variances of the pooled effect without and with it"
        caption += f"; and {more} more: see .tidy()" if more else ""
        grid = Grid(headings, tuple(_row(row) for row in shown.to_dict("records")), caption)
        aside = f"influence · {count_noun(self.pooled.k, 'trial')}"
        return Card(self.pooled.question.title, aside, self._lines(), (grid,), self.pooled.notes)

    def _lines(self) -> tuple[Line, ...]:
        limits, k = self.cutoffs, self.pooled.k
        found = self.frame[self.frame["stands_out"] != ""]
        words = [f"{row.study} ({row.stands_out})" for row in found.itertuples()]
        cut = (
            f"residual beyond ±1.96 (of {k} trials {format_number(0.05 * k, 1)} lie there by chance), DFFITS beyond "
            f"±{limits['dffits']:.2f}, Cook above {COOK:.2f}, hat above {limits['hat']:.2f}"
        )
        method = f"τ² by {self.pooled.fit.method}, anew without each trial; studentized residuals"
        return (
            Line("stands out", aside="; ".join(words) or "no trial"),
            Line("cut-offs", aside=cut),
            Line("method", aside=method),
        )

    def baujat(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw each trial's part in the heterogeneity against its pull on the pool; `save` also writes the figure."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.baujat_of_influence(self, save, **options)

    def radial(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the radial (Galbraith) plot; `save` also writes the figure with its table."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.radial_of_influence(self, save, **options)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["study"],
        format_number(row["rstudent"]),
        format_number(row["dffits"]),
        format_number(row["cook"]),
        format_number(row["covariance_ratio"]),
        format_number(row["hat"]),
        root(row["tau2_deleted"]),
        format_number(row["q_deleted"], 1),
        format_percent(row["weight"]),
    )


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
        return self.fit.k > 1

    @cached_property
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
        if study not in studies:
            raise unknown_word("study among these effects", study, studies)
        return self.fit.members[:, studies.index(study)]

    def draw(self, *, highlight: str | None = None, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the cloud of subsets, those with one trial apart: `highlight`, or the one with the widest split."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.gosh_of_subsets(self, highlight, save, **options)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else math.nan
