"""How far the trials differ, by every estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_level, format_number, format_p
from bmac_meta.results.pooled import INTERVAL_WORDS, Pooled
from bmac_meta.stats.heterogeneity import Heterogeneity as Numbers
from bmac_meta.stats.heterogeneity import Tau2Interval
from bmac_meta.stats.inference import RandomEffects

NAMES = {
    "DL": "DerSimonian–Laird",
    "HE": "Hedges",
    "HS": "Hunter–Schmidt",
    "SJ": "Sidik–Jonkman",
    "ML": "maximum likelihood",
    "REML": "restricted maximum likelihood",
    "EB": "empirical Bayes",
    "PM": "Paule–Mandel",
    "DL2": "two-step DerSimonian–Laird",
    "CA2": "two-step Hedges",
    "PMM": "median-unbiased Paule–Mandel",
}


@dataclass(frozen=True, repr=False, eq=False)
class Heterogeneity(Shown):
    """How far the trials of a pooled effect differ.

    `numbers` are Q, τ², I² and H² with Q-profile limits, `profile` is the profile-likelihood interval of τ²,
    `estimators` the pooled effect by each estimator of τ², with the floored Knapp–Hartung interval.
    """

    pooled: Pooled
    numbers: Numbers
    profile: Tau2Interval
    estimators: Mapping[str, RandomEffects]

    def tidy(self) -> pd.DataFrame:
        """Return a row per estimator: τ², I² (percent), H² and the pooled effect, on the scale of pooling."""
        names = ("tau2", "i2", "h2", "estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high")
        rows = [
            {"tau2_method": word} | {name: getattr(fit, name) for name in names}
            for word, fit in self.estimators.items()
        ]
        return pd.DataFrame(rows)

    def card(self) -> Card:
        """Return the heterogeneity as a card."""
        pooled, numbers = self.pooled, self.numbers
        q = f"{count_noun(numbers.q_df, 'degree')} of freedom, {format_p(numbers.q_p)}"
        lines = (
            Line("Q", format_number(numbers.q, 1), "", q),
            Line("τ", pooled.spread(numbers.tau2), self._interval(numbers), f"{numbers.method}; interval by Q-profile"),
            Line("", "", self._interval(self.profile), f"by {self.profile.method}"),
            Line("I²", *self._share("i2", 0, "%"), "share of the variance of a typical trial"),
            Line("H²", *self._share("h2", 1, ""), "variance over that by chance alone"),
        )
        aside = f"heterogeneity · {count_noun(pooled.k, 'trial')}"
        return Card(pooled.question.title, aside, lines, (self._grid(),), pooled.notes)

    def _level(self) -> str:
        return f"{format_level(self.numbers.level)} CI"

    def _interval(self, limits: Numbers | Tau2Interval) -> str:
        return f"{self._level()} {self.pooled.spreads(limits.tau2_low, limits.tau2_high)}"

    def _share(self, name: str, digits: int, unit: str) -> tuple[str, str]:
        value, low, high = (
            format_number(getattr(self.numbers, name + end), digits) + unit for end in ("", "_low", "_high")
        )
        return value, f"{self._level()} {low} to {high}"

    def _grid(self) -> Grid:
        pooled = self.pooled
        headings = ("τ² by", "τ", "I²", pooled.measure.code, self._level())
        rows = tuple(
            (
                f"{NAMES[word]} ({word})",
                pooled.spread(fit.tau2),
                f"{format_number(fit.i2, 0)}%",
                pooled.number(fit.estimate),
                pooled.interval(fit.ci_low, fit.ci_high),
            )
            for word, fit in self.estimators.items()
        )
        words = INTERVAL_WORDS[self.estimators[self.numbers.method].interval]
        return Grid(headings, rows, f"the pooled effect by every estimator of τ², with the {words} interval")
