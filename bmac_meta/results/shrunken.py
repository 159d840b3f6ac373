"""The true effects of single trials, as all trials together let them be seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta import stats
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import CachedTable
from bmac_meta.numbers import count_noun, format_level, format_percent
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmac_meta.results.regression import Regression

NUMBERS = ("estimate", "se", "ci_low", "ci_high", "share", "fitted")
REPORTED = 1.959963984540054
NOTE = (
    "each trial is drawn towards what all trials expect of it, the more so the less precise it is; the intervals do "
    "not count the uncertainty of τ"
)


@dataclass(frozen=True, repr=False, eq=False)
class Shrunken(Shown):
    """Empirical Bayes estimates of the true effects of the trials; `answer` is the pool or the regression behind them.

    `fit` holds the numbers on the scale of pooling.
    """

    answer: Pooled | Regression
    fit: stats.ShrunkenEffects

    @property
    def pooled(self) -> Pooled | None:
        """The pooled effect that trials are drawn towards; None for a regression."""
        return self.answer if isinstance(self.answer, Pooled) else None

    @CachedTable
    def frame(self) -> pd.DataFrame:
        """The estimates, a row per trial, on the scale of pooling: `reported` and `reported_se` are the trial's own."""
        rows = self.answer.rows
        own = {"study": rows["study"].astype(str), "reported": rows["estimate"], "reported_se": rows["se"]}
        return pd.DataFrame(own | {name: getattr(self.fit, name) for name in NUMBERS}).reset_index(drop=True)

    def tidy(self) -> pd.DataFrame:
        """Return the estimates, a row per trial."""
        return self.frame.copy()

    def card(self) -> Card:
        """Return the estimates as a card."""
        answer, fit = self.answer, self.fit
        level = f"{format_level(fit.level)} CI"
        headings = ("trial", "as reported", "95% CI", "shrunken", level, "own share")
        rows = tuple(self._cells(row) for row in self.frame.to_dict("records"))
        towards = "the pooled effect" if self.pooled is not None else f"what {answer.design.formula} expects"
        how = "as given" if fit.method == "given" else f"by {fit.method}"
        lines = (Line("towards", aside=f"{towards}; τ = {answer.spread(fit.tau2)}, {how}"),)
        aside = f"shrunken effects · {count_noun(int(fit.k), 'trial')}"
        return Card(answer.question.title, aside, lines, (Grid(headings, rows),), (NOTE, *answer.notes))

    def _cells(self, row: dict[str, Any]) -> tuple[str, ...]:
        answer = self.answer
        return (
            row["study"],
            *self.reported(row),
            answer.number(row["estimate"]),
            answer.interval(row["ci_low"], row["ci_high"]),
            format_percent(row["share"], 0),
        )

    def reported(self, row: dict[str, Any]) -> tuple[str, str]:
        """Write what a trial reported: its effect and the 95% interval."""
        center, half = row["reported"], REPORTED * row["reported_se"]
        return self.answer.number(center), self.answer.interval(center - half, center + half)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the shrunken effects, with what each trial reported beside them; `save` also writes the figure."""
        from bmac_meta.results import forests  # matplotlib is slow to import

        return forests.forest_of_shrunken(self, save, **options)


def shrunken_by(regression: Regression) -> Shrunken:
    """Estimate the true effect of each trial from its own result and from what the regression expects of it.

    Source: Raudenbush & Bryk 1985, 10.3102/10769986010002075.
    """
    fit = regression.fit
    found = stats.shrunken_effects(
        regression.rows["estimate"].to_numpy(float),
        variance=regression.rows["se"].to_numpy(float) ** 2,
        design=regression.design.matrix,
        tau2=fit.tau2 if fit.method == "given" else fit.method,
        interval=fit.interval,
        level=fit.level,
    )
    return Shrunken(regression, found)
