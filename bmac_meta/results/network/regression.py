"""How the effects of a network change with a property of its trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import tables_as_copies
from bmac_meta.numbers import count_noun, format_interval, format_number, format_p
from bmac_meta.results.network.terms import Terms, q_words
from bmac_meta.stats.network import NetworkRegression
from bmac_meta.stats.network.fit import quantile


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class NetworkTrend(Shown):
    """A network meta-regression: one coefficient for all treatments against one of them.

    `fit` holds the numbers, `column` the covariate, `levels` its two words where it is a word (the coefficient is then
    the second minus the first), `left_out` the trials without a value.
    """

    terms: Terms
    fit: NetworkRegression
    column: str
    levels: tuple[str, str] | None
    trials: int
    left_out: pd.DataFrame
    exploratory: bool = False
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return the coefficient and the effects against the reference at one value of the covariate."""
        fit = self.fit
        column = fit.treatments.index(fit.reference)
        margin = quantile(np.inf if fit.distribution == "z" else fit.q.df, fit.level) * fit.effects_se[:, column]
        estimate = fit.estimate[:, column]
        effects = {
            "term": fit.treatments,
            "estimate": estimate,
            "ci_low": estimate - margin,
            "ci_high": estimate + margin,
        }
        slope = {"term": self.column, "estimate": fit.coefficient, "ci_low": fit.ci_low, "ci_high": fit.ci_high}
        frame = pd.concat([pd.DataFrame([slope]), pd.DataFrame(effects)], ignore_index=True)
        return frame[frame["term"] != fit.reference].reset_index(drop=True)

    def card(self) -> Card:
        """Return the coefficient and the adjusted effects as a card."""
        fit, terms = self.fit, self.terms
        digits = max(3, terms.decimals)
        per = f"{self.levels[1]} instead of {self.levels[0]}" if self.levels else "per unit"
        ci = f"{terms.percent} CI {format_interval(fit.ci_low, fit.ci_high, digits)}"
        scale = ", on the log scale" if terms.measure.is_ratio else ""
        r2 = "" if np.isnan(fit.r2) else f", explains {fit.r2:.0%} of τ²"
        lines = (
            Line(self.column, format_number(fit.coefficient, digits), ci, f"{format_p(fit.p_value)}, {per}{scale}"),
            Line("model", aside=f"one coefficient for every treatment against {terms.name(fit.reference)}"),
            Line("between trials", aside=f"τ = {terms.spread(fit.tau2) or 'not estimable'}{r2}, {q_words(fit.q)}"),
            *((Line("exploratory", aside="fewer than 10 trials for the coefficient"),) if self.exploratory else ()),
        )
        rows = tuple(
            (terms.name(row.term), terms.number(row.estimate), terms.interval(row.ci_low, row.ci_high))
            for row in self.tidy().iloc[1:].itertuples()
        )
        at = f"effects against {terms.name(fit.reference)} at {self.column} = {self._value()}"
        grid = Grid(("treatment", terms.code, f"{terms.percent} CI"), rows, at)
        return Card(
            f"By {self.column} · {terms.question.title}", count_noun(self.trials, "trial"), lines, (grid,), self.notes
        )

    def _value(self) -> str:
        if self.levels and self.fit.at in (0.0, 1.0):
            return self.levels[int(self.fit.at)]
        return f"{self.fit.at:.4g}" + (
            f" (between {self.levels[0]} = 0 and {self.levels[1]} = 1)" if self.levels else ""
        )
