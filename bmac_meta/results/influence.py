"""What each trial does to the pooled effect, or to a meta-regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from bmac_meta import stats
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import CachedTable
from bmac_meta.numbers import count_noun, format_number, format_percent
from bmac_meta.results.answer import Answer
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmac_meta.results.regression import Regression

CARD_ROWS = 40
SHOWN_SHIFTS = 2
RESIDUAL = 1.959963984540054
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


class Diagnosed(Shown):
    """Shows deletion diagnostics; the class of a result says of which answer they are and how many coefficients it has.

    A trial stands out by cut-offs of Viechtbauer & Cheung 2010 (doi:10.1002/jrsm.11) that the card states. They are
    for looking twice, not for leaving out.
    """

    diagnostics: stats.Influence
    spread = "the variances of the pooled effect"

    @property
    def answer(self) -> Pooled | Regression:
        """The answer of all trials."""
        raise TypeError(f"{type(self).__name__} does not say of which answer its diagnostics are.")

    @property
    def coefficients(self) -> int:
        """How many coefficients the answer has."""
        return self.diagnostics.dfbetas.shape[-1]

    @property
    def cutoffs(self) -> dict[str, float]:
        """The sizes beyond which a trial stands out."""
        k, p = self.answer.k, self.coefficients
        dffits, cook = 3 * math.sqrt(p / (k - p)), float(chdtri(p, 0.5))
        return {"rstudent": RESIDUAL, "dffits": dffits, "cook": cook, "hat": 3 * p / k}

    @CachedTable
    def frame(self) -> pd.DataFrame:
        """The diagnostics, a row per trial; `stands_out` names those beyond their cut-off."""
        numbers = {name: getattr(self.diagnostics, name) for name in DIAGNOSTICS}
        table = pd.DataFrame({"study": self.answer.rows["study"].astype(str), **numbers, **self.columns()})
        beyond = {name: table[name].abs() > limit for name, limit in self.cutoffs.items()}
        table["stands_out"] = [", ".join(name for name in beyond if beyond[name][row]) for row in table.index]
        return table

    def columns(self) -> dict[str, np.ndarray]:
        """Return what else is known of each trial, by the name of its column."""
        return {}

    def tidy(self) -> pd.DataFrame:
        """Return the diagnostics, a row per trial."""
        return self.frame

    def card(self) -> Card:
        """Return the diagnostics as a card."""
        answer, shown = self.answer, self.frame.head(CARD_ROWS)
        more = len(self.frame) - len(shown)
        last = tuple(self.columns())[-SHOWN_SHIFTS:]
        headings = ("trial", "residual", "DFFITS", "Cook", "cov", "hat", "τ", "Q", *last)
        caption = f"τ and Q without the trial; cov: ratio of {self.spread} without and with it"
        caption += f"; and {more} more: see .tidy()" if more else ""
        grid = Grid(headings, tuple(_row(row, last, answer) for row in shown.to_dict("records")), caption)
        aside = f"influence · {count_noun(answer.k, 'trial')}"
        return Card(answer.question.title, aside, self._lines(), (grid,), answer.notes)

    def _lines(self) -> tuple[Line, ...]:
        limits, k = self.cutoffs, self.answer.k
        found = self.frame[self.frame["stands_out"] != ""]
        words = [f"{row.study} ({row.stands_out})" for row in found.itertuples()]
        cut = (
            f"residual beyond ±1.96 (of {k} trials {format_number(0.05 * k, 1)} lie there by chance), DFFITS beyond "
            f"±{limits['dffits']:.2f}, Cook above {limits['cook']:.2f}, hat above {limits['hat']:.2f}"
        )
        method = f"τ² by {self.answer.fit.method}, anew without each trial; studentized residuals"
        return (
            Line("stands out", aside="; ".join(words) or "no trial"),
            Line("cut-offs", aside=cut),
            Line("method", aside=method),
        )


@dataclass(frozen=True, repr=False, eq=False)
class Influence(Diagnosed):
    """What leaving out each trial does to the pooled effect; `pooled` is the one of all trials."""

    pooled: Pooled
    diagnostics: stats.Influence
    heterogeneity: stats.Baujat
    line: stats.Radial

    @property
    def answer(self) -> Pooled:
        """The pooled effect of all trials."""
        return self.pooled

    def columns(self) -> dict[str, np.ndarray]:
        """Return the weight of each trial."""
        return {"weight": np.asarray(self.pooled.fit.weights)}

    def baujat(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw each trial's part in the heterogeneity against its pull on the pool; `save` also writes the figure."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.baujat_of_influence(self, save, **options)

    def radial(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the radial (Galbraith) plot; `save` also writes the figure with its table."""
        from bmac_meta.results import influence_plots  # matplotlib is slow to import

        return influence_plots.radial_of_influence(self, save, **options)


@dataclass(frozen=True, repr=False, eq=False)
class RegressionInfluence(Diagnosed):
    """What leaving out each trial does to a meta-regression; a trial that it can't do without has no residual.

    The table has the shift of each coefficient in its standard errors (DFBETAS) as well.
    """

    regression: Regression
    diagnostics: stats.Influence
    spread = "the determinants of the coefficients' covariance"

    @property
    def answer(self) -> Regression:
        """The regression of all trials."""
        return self.regression

    def columns(self) -> dict[str, np.ndarray]:
        """Return the shift of each coefficient."""
        names = self.regression.design.names
        return {f"dfbetas {name}": shift for name, shift in zip(names, self.diagnostics.dfbetas.T, strict=True)}


def influence_on(regression: Regression) -> RegressionInfluence:
    """Measure what leaving out each trial does to the regression: residuals, DFFITS, Cook, leverage, DFBETAS, τ².

    Raises `NotEnoughTrials` with fewer than two trials more than coefficients. Source: Viechtbauer & Cheung 2010,
    10.1002/jrsm.11.
    """
    rows, fit = regression.rows, regression.fit
    found = stats.influence(
        rows["estimate"].to_numpy(float),
        variance=rows["se"].to_numpy(float) ** 2,
        design=regression.design.matrix,
        tau2=fit.tau2 if fit.method == "given" else fit.method,
    )
    return RegressionInfluence(regression, found)


def _row(row: dict[str, Any], last: tuple[str, ...], answer: Answer) -> tuple[str, ...]:
    return (
        row["study"],
        format_number(row["rstudent"]),
        format_number(row["dffits"]),
        format_number(row["cook"]),
        format_number(row["covariance_ratio"]),
        format_number(row["hat"]),
        answer.spread(row["tau2_deleted"]),
        format_number(row["q_deleted"], 1),
        *(format_percent(row[name]) if name == "weight" else format_number(row[name]) for name in last),
    )
