"""The pooled effect of rows that are not independent: several of one study, or with errors that go together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Line
from bmac_meta.numbers import count_noun, format_level, format_number, format_percent
from bmac_meta.question import Question
from bmac_meta.results.answer import Answer, p_words
from bmac_meta.results.pooled import INTERVAL_WORDS
from bmac_meta.stats.gls import DependentEffects
from bmac_meta.stats.multilevel import ThreeLevel, VarianceIntervals
from bmac_meta.stats.pymare_engine import SMALLEST_DF, ClusterRobust

NUMBERS = ("estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high")


class Dependent(Answer):
    """Shows a pooled effect of rows that are not independent; the class of an answer has `fit` and `notes`."""

    fit: ClusterRobust | ThreeLevel | DependentEffects
    notes: tuple[str, ...]

    @property
    def k(self) -> int:
        """The number of rows."""
        return int(self.fit.k)

    def answer_line(self) -> Line:
        """Return the line of the pooled effect."""
        return self.effect_line(self.fit.estimate, self.fit.ci_low, self.fit.ci_high, self.fit.level)

    def q_words(self) -> str:
        """Return Cochran's Q in words."""
        return f"Q({self.fit.q_df}) = {format_number(self.fit.q, 1)}, {p_words(self.fit.q_p)}"

    def test_words(self) -> str:
        """Return the test of no effect in words."""
        reference = "z" if math.isinf(self.fit.df) else f"t({self.fit.df:.4g})"
        return f"{reference} = {format_number(self.fit.statistic, 2)}, {p_words(self.fit.p_value)}"

    def table(self, *names: str, **more: object) -> pd.DataFrame:
        """Return a table of one row with the numbers of the fit, some more of them, and some others."""
        asked = {"question": self.question.title, "measure": self.measure.code, "k": self.k}
        numbers = {name: getattr(self.fit, name) for name in (*NUMBERS, *names)}
        shown = {f"{name}_shown": self.shown(numbers[name]) for name in ("estimate", "ci_low", "ci_high")}
        return pd.DataFrame([asked | numbers | shown | more])


@dataclass(frozen=True, repr=False, eq=False)
class Robust(Dependent):
    """A pooled effect with cluster-robust (CR2) standard error and Satterthwaite degrees of freedom.

    `cluster` is the column that says which rows belong together, `correlation` the one assumed for the weights.
    """

    question: Question
    fit: ClusterRobust
    cluster: str
    correlation: float
    rows: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        return self.table("clusters", "tau2", "reliable", "working", "level", correlation=self.correlation)

    def card(self) -> Card:
        """Return the answer as a card."""
        fit = self.fit
        aside = f"cluster-robust · {count_noun(self.k, 'row')} in {count_noun(fit.clusters, 'cluster')}"
        lines = (self.answer_line(), Line("test", aside=self._test_words()))
        lines += (Line("between rows", f"τ = {self.spread(fit.tau2)}", "", "for the weights only"), self._method_line())
        return Card(self.question.title, aside, (*lines, *self.left_out_lines()), (), self.notes)

    def _test_words(self) -> str:
        if not math.isnan(self.fit.p_value):
            return self.test_words()
        if self.fit.df < SMALLEST_DF:
            why = f"{self.fit.df:.1f} degrees of freedom are fewer than {SMALLEST_DF:g}"
        else:
            why = "one cluster supplies all the information"
        return f"no p: {why}, so the interval only describes; more studies would be needed"

    def _method_line(self) -> Line:
        weights = {
            "correlated": f"rows of one {self.cluster} weighted as if correlated by {self.correlation:g}",
            "independent": "rows weighted one by one",
        }[self.fit.working]
        return Line("method", aside=f"CR2, Satterthwaite's degrees of freedom {self.fit.df:.1f}; {weights}")


@dataclass(frozen=True, repr=False, eq=False)
class Multilevel(Dependent):
    """A pooled effect by a three-level model: rows within clusters within a population of clusters."""

    question: Question
    fit: ThreeLevel
    variances: VarianceIntervals
    cluster: str
    rows: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        names = ("pi_low", "pi_high", "between", "within", "tau2", "intraclass", "q", "q_df", "q_p", "log_likelihood")
        limits = ("between_low", "between_high", "within_low", "within_high")
        more = {name: getattr(self.variances, name) for name in limits}
        return self.table(*names, "clusters", "method", "interval", "level", **more)

    def card(self) -> Card:
        """Return the answer as a card."""
        fit, limits = self.fit, self.variances
        aside = f"three levels · {count_noun(self.k, 'row')} in {count_noun(fit.clusters, 'cluster')}"
        missing = f"a prediction interval needs 3 rows; here are {self.k}"
        lines = (
            self.answer_line(),
            Line("test", aside=self.test_words()),
            self.prediction_line(fit.pi_low, fit.pi_high, fit.level, missing),
            self._tau_line("between", fit.between, limits.between_low, limits.between_high),
            self._tau_line("within", fit.within, limits.within_low, limits.within_high),
            Line("together", f"τ = {self.spread(fit.tau2)}", "", f"{self._share_words()}, {self.q_words()}"),
            Line("method", aside=f"{fit.method}, {self._reference()}; intervals of τ by profile likelihood"),
        )
        return Card(self.question.title, aside, (*lines, *self.left_out_lines()), (), self.notes)

    def _tau_line(self, where: str, variance: float, low: float, high: float) -> Line:
        what = {"between": f"clusters by {self.cluster}", "within": "rows of one cluster"}
        interval = f"{format_level(self.variances.level)} CI {self.spreads(low, high)}"
        return Line(where, f"τ = {self.spread(variance)}", interval, what[where])

    def _share_words(self) -> str:
        if math.isnan(self.fit.intraclass):
            return "no variance to share out"
        return f"{format_percent(self.fit.intraclass, 0)} of τ² between"

    def _reference(self) -> str:
        return "normal interval" if math.isinf(self.fit.df) else f"t({self.fit.df:g}) interval"


@dataclass(frozen=True, repr=False, eq=False)
class Correlated(Dependent):
    """A pooled effect of rows whose errors have a known covariance, by generalized least squares.

    `pairs` counts the pairs of rows that go together, `covariance` says where the covariance is from.
    """

    question: Question
    fit: DependentEffects
    pairs: int
    covariance: str
    rows: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        names = ("pi_low", "pi_high", "tau2", "q", "q_df", "q_p", "log_likelihood", "method", "interval", "level")
        return self.table(*names, correlated_pairs=self.pairs)

    def card(self) -> Card:
        """Return the answer as a card."""
        fit = self.fit
        aside = f"known covariance · {count_noun(self.k, 'row')}"
        common = fit.method == "common effect"
        reason = "the model has one true effect" if common else f"it needs 3 rows; here are {self.k}"
        tau = "τ is taken to be 0" if common else f"τ = {self.spread(fit.tau2)}, {self.q_words()}"
        lines = (
            self.answer_line(),
            Line("test", aside=self.test_words()),
            self.prediction_line(fit.pi_low, fit.pi_high, fit.level, f"no prediction interval: {reason}"),
            Line("between rows", aside=tau),
            Line("covariance", aside=f"{self.covariance}; {count_noun(self.pairs, 'pair')} of rows go together"),
            Line("method", aside=f"{fit.method} · {INTERVAL_WORDS[fit.interval]}"),
        )
        return Card(self.question.title, aside, (*lines, *self.left_out_lines()), (), self.notes)
