"""Several outcomes of the same trials, pooled together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bmac_meta.card import Card, Grid, Line
from bmac_meta.numbers import count_noun, format_level, format_number
from bmac_meta.question import Question
from bmac_meta.results.answer import Answer, bare_p, p_words
from bmac_meta.stats.multivariate import MultivariateEffects

NUMBERS = ("estimate", "se", "statistic", "p_value", "ci_low", "ci_high", "tau2")


@dataclass(frozen=True, repr=False, eq=False)
class Multivariate(Answer):
    """A pooled effect for each of several outcomes, with the correlation of their true effects.

    `column` says what the outcomes are called by, `covariance` where the covariance of the errors is from.
    """

    question: Question
    fit: MultivariateEffects
    column: str
    covariance: str
    rows: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return a row per outcome, on the scale of pooling and as shown."""
        numbers = pd.DataFrame({name: getattr(self.fit, name) for name in NUMBERS})
        counts = self.rows[self.column].astype(str).value_counts()
        numbers.insert(0, "k", [int(counts[name]) for name in self.fit.outcomes])
        numbers.insert(0, "outcome", self.fit.outcomes)
        shown = {
            f"{name}_shown": [self.shown(value) for value in numbers[name]] for name in ("estimate", *NUMBERS[4:6])
        }
        return numbers.assign(**shown)

    def card(self) -> Card:
        """Return the outcomes as a card."""
        fit = self.fit
        aside = f"together · {count_noun(len(fit.outcomes), 'outcome')} of {count_noun(fit.clusters, 'trial')}"
        homogeneity = f"Q({fit.q_df}) = {format_number(fit.q, 1)}, {p_words(fit.q_p)}"
        lines = (
            Line("true effects", aside=f"{self._correlations()}; {homogeneity}"),
            Line("errors", aside=self.covariance),
            Line("method", aside=f"{fit.method}, unstructured covariance between outcomes; normal intervals"),
            *self.left_out_lines(),
        )
        headings = (self.column, "rows", self.measure.code, f"{format_level(fit.level)} CI", "p", "τ")
        rows = tuple(self._cells(row) for row in self.tidy().itertuples())
        return Card(self.question.title, aside, lines, (Grid(headings, rows),), self.notes)

    def _correlations(self) -> str:
        pairs = combinations(range(len(self.fit.outcomes)), 2)
        return ", ".join(self._correlation(*pair) for pair in pairs) or "one outcome"

    def _correlation(self, first: int, second: int) -> str:
        names = f"{self.fit.outcomes[first]} with {self.fit.outcomes[second]}"
        value = float(self.fit.correlation[first, second])
        return f"{names} τ = 0, no correlation" if math.isnan(value) else f"{names} r = {format_number(value)}"

    def _cells(self, row: object) -> tuple[str, ...]:
        interval, tau = self.interval(row.ci_low, row.ci_high), self.spread(row.tau2)
        return row.outcome, str(row.k), self.number(row.estimate), interval, bare_p(row.p_value), tau
