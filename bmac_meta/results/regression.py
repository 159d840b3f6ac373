"""A meta-regression: what tells the trials apart, how much of their difference it accounts for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line
from bmac_meta.design import DesignMatrix
from bmac_meta.numbers import count_noun, format_interval, format_level, format_number, format_p
from bmac_meta.question import Question
from bmac_meta.results import influence, shrunken
from bmac_meta.results.answer import Answer, bare_p, decimals_for, some
from bmac_meta.results.pooled import INTERVAL_WORDS
from bmac_meta.stats.coefficient_tests import coefficient_test
from bmac_meta.stats.heterogeneity import Tau2Interval
from bmac_meta.stats.permutation import PermutationTest
from bmac_meta.stats.regression import MetaRegression, Prediction, predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRIALS_PER_COVARIATE = 10
TRANSFORMED = {
    "PLO": "the log odds",
    "PAS": "the arcsine of the root of the share",
    "PFT": "the double arcsine of the share",
    "ZCOR": "Fisher's z",
}


@dataclass(frozen=True, repr=False, eq=False)
class Regression(Answer):
    """The effects of trials regressed on what is known of the trials.

    `fit` holds the numbers on the scale of pooling, `design` the columns, `tau2_interval` the Q-profile interval of
    what is left between trials, `permutation` the permutation test if one was asked for.
    """

    question: Question
    design: DesignMatrix
    fit: MetaRegression
    tau2_interval: Tau2Interval
    rows: pd.DataFrame
    left_out: pd.DataFrame
    permutation: PermutationTest | None = None
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """The number of trials."""
        return int(self.fit.k)

    @property
    def exploratory(self) -> bool:
        """Whether there are fewer than 10 trials for each covariate."""
        return self.k < TRIALS_PER_COVARIATE * self.design.covariates

    def predict(self, table: pd.DataFrame) -> Predicted:
        """Predict the mean effect, and that of a new trial, for new values of the columns of the formula."""
        prediction = predict(self.fit, self.design.rows(table))
        places = table[list(self.design.columns)].reset_index(drop=True)
        return Predicted(self.question, self.design.formula, places, prediction, self.rows, self.left_out)

    def tests(self) -> pd.DataFrame:
        """Return a test of each term of the formula as a whole: all levels of a factor, an interaction; a row each.

        Without an intercept the levels of a factor are means, and its test asks whether all of them are 0.
        """
        rows = []
        for term, places in self.design.terms.items():
            found = coefficient_test(self.fit, np.eye(len(self.design.names))[list(places)])
            rows.append({"term": term, "statistic": found.statistic, "df": found.df, "df2": found.df2})
            rows[-1]["p_value"] = found.p_value
        return pd.DataFrame(rows)

    influence = influence.influence_on
    shrunken = shrunken.shrunken_by

    def tidy(self) -> pd.DataFrame:
        """Return a row per coefficient, on the scale of pooling."""
        fit = self.fit
        table = pd.DataFrame(
            {
                "term": self.design.names,
                "estimate": fit.coefficients,
                "se": fit.se,
                "statistic": fit.statistic,
                "df": fit.df,
                "p_value": fit.p_values,
                "ci_low": fit.ci_low,
                "ci_high": fit.ci_high,
            }
        )
        permuted = {} if self.permutation is None else {"permutation_p": self.permutation.p_values}
        return table.assign(**permuted)

    def card(self) -> Card:
        """Return the regression as a card."""
        aside = f"meta-regression · {count_noun(self.k, 'trial')}"
        lines = (Line("formula", aside=self.design.formula), *self._explained_lines(), self._rest_line())
        lines += (self._method_line(), *self._caution_lines(), *self._unsaid_lines(), *self.left_out_lines())
        return Card(self.question.title, aside, lines, (self._grid(), *self._test_grid()), self._note_lines())

    def _test_grid(self) -> tuple[Grid, ...]:
        """Return the tests of whole terms where they say more than those of the coefficients and that of all."""
        terms = self.design.terms
        if len(terms) < 2 or all(len(places) == 1 for places in terms.values()):
            return ()
        rows = tuple(
            (row["term"], _test_words(row["statistic"], row["df"], row["df2"]), bare_p(row["p_value"]))
            for row in self.tests().to_dict("records")
        )
        caption = "each term as a whole"
        if "Intercept" not in self.design.names:
            caption += "; without an intercept, whether all means of a factor are 0"
        return (Grid(("term", "test", "p"), rows, caption),)

    def _explained_lines(self) -> tuple[Line, ...]:
        fit = self.fit
        if not self.design.covariates:
            return ()
        test = _test_words(fit.omnibus, fit.omnibus_df, fit.omnibus_df2)
        return (Line("covariates", aside=f"{test}, {format_p(fit.omnibus_p)} · {self._share_words()}"),)

    def _share_words(self) -> str:
        fit = self.fit
        if math.isnan(fit.r2):
            return "τ² was given, so no share of it is explained"
        if fit.tau2_without == 0:
            return "no τ² without them, so none to account for"
        return f"R² = {fit.r2:.0f}% of τ² (τ from {self.spread(fit.tau2_without)} to {self.spread(fit.tau2)})"

    def _rest_line(self) -> Line:
        fit, limits = self.fit, self.tau2_interval
        interval = f"{format_level(limits.level)} CI {self.spreads(limits.tau2_low, limits.tau2_high)}"
        q = f"Q({fit.q_df}) = {format_number(fit.q_residual, 1)}, {format_p(fit.q_p)}"
        words = f"I² = {fit.i2:.0f}%, {q}"
        return Line("left between", f"τ = {self.spread(fit.tau2)}", interval, words)

    def _method_line(self) -> Line:
        fit = self.fit
        tau2 = "given τ²" if fit.method == "given" else fit.method
        reference = "z" if math.isinf(fit.df) else f"t({fit.df:g})"
        return Line("method", aside=f"{tau2} · {INTERVAL_WORDS[fit.interval]}, {reference}")

    def _caution_lines(self) -> tuple[Line, ...]:
        lines = ()
        if self.exploratory:
            asked = f"{TRIALS_PER_COVARIATE} trials per covariate are the least for a test"
            words = f"{count_noun(self.k, 'trial')} for {count_noun(self.design.covariates, 'covariate')}; {asked}"
            lines += (Line("exploratory", aside=words),)
        if self.permutation is not None:
            kind = "all" if self.permutation.exact else "a random sample of"
            lines += (Line("permutation", aside=f"{kind} {self.permutation.count:,} {self._permuted_words()}"),)
        return lines

    def _permuted_words(self) -> str:
        """Say what was counted: where all orders are too many, those that differ only in trials alike count as one."""
        if not self.design.covariates:
            return "changes of sign"
        distinct = self.permutation.exact and self.permutation.count < math.factorial(self.k)
        return "orders of the trials that differ in the covariates" if distinct else "orders of the trials"

    def _unsaid_lines(self) -> tuple[Line, ...]:
        """Return the trials that are not in it because they do not say a column."""
        lines = ()
        for column in self.design.columns:
            silent = self.left_out["study"][self.left_out["reason"] == f"{column} is not reported"]
            if len(silent):
                lines += (Line("not reported", aside=f"{column}: {some(silent.astype(str).tolist())}"),)
        return lines

    def _grid(self) -> Grid:
        reference = "z" if math.isinf(self.fit.df) else "t"
        headings = ("term", "coefficient", "SE", f"{format_level(self.fit.level)} CI", reference, "p")
        headings += ("permuted p",) if self.permutation is not None else ()
        return Grid(headings, tuple(self._cells(row) for row in self.tidy().to_dict("records")))

    def _cells(self, row: dict[str, Any]) -> tuple[str, ...]:
        digits = decimals_for(row["se"])
        cells = (
            str(row["term"]),
            format_number(row["estimate"], digits),
            format_number(row["se"], digits),
            format_interval(row["ci_low"], row["ci_high"], digits),
            format_number(row["statistic"], 2),
            bare_p(row["p_value"]),
        )
        permuted = row.get("permutation_p")
        return cells if permuted is None else (*cells, bare_p(permuted))

    def _note_lines(self) -> tuple[str, ...]:
        scale = f"the log {self.measure.label}" if self.measure.is_ratio else TRANSFORMED.get(self.measure.code, "")
        logs = f"coefficients are on the scale of {scale}" if scale else ""
        against = f"compared with {', '.join(self.design.references)}" if self.design.references else ""
        return (*(words for words in (logs, against) if words), *self.notes)

    def bubble(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the trials against the one covariate, with the line and its bands; `save` also writes the figure.

        Raises `InputError` for a formula that has more than one column, or none that holds numbers.
        """
        from bmac_meta.results import bubbles  # matplotlib is slow to import

        return bubbles.bubble_of_regression(self, save, **options)


def _test_words(statistic: float, df: int, df2: float) -> str:
    """Write a test statistic: F, or chi-squared where the denominator has no end.

    >>> _test_words(2.5, 2, 10.0), _test_words(2.5, 2, math.inf)
    ('F(2, 10) = 2.50', 'χ²(2) = 5.00')
    """
    if math.isfinite(df2):
        return f"F({df}, {df2:g}) = {format_number(statistic, 2)}"
    return f"χ²({df}) = {format_number(statistic * df, 2)}"


@dataclass(frozen=True, repr=False, eq=False)
class Predicted(Answer):
    """What a meta-regression expects at new values of its covariates: `places` holds them, one row each."""

    question: Question
    formula: str
    places: pd.DataFrame
    prediction: Prediction
    rows: pd.DataFrame
    left_out: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """Return a row per place: its values, the estimate with both intervals, on the scale of pooling and shown."""
        names = ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high")
        numbers = pd.DataFrame({name: getattr(self.prediction, name) for name in names})
        for name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
            numbers[f"{name}_shown"] = [self.shown(value) for value in numbers[name]]
        places = self.places.rename(columns={name: f"{name} (given)" for name in numbers if name in self.places})
        return pd.concat([places, numbers], axis=1)

    def card(self) -> Card:
        """Return the predictions as a card."""
        level = f"{format_level(self.prediction.level)}"
        headings = (*map(str, self.places.columns), self.measure.code, f"{level} CI", f"{level} PI")
        rows = zip(self.places.to_dict("records"), self.tidy().to_dict("records"), strict=True)
        grid = Grid(headings, tuple(self._cells(*row) for row in rows))
        return Card(self.question.title, "predicted", (Line("formula", aside=self.formula),), (grid,))

    def _cells(self, place: dict[str, Any], row: dict[str, float]) -> tuple[str, ...]:
        given = (f"{value:g}" if isinstance(value, int | float) else str(value) for value in place.values())
        intervals = (self.interval(row[f"{kind}_low"], row[f"{kind}_high"]) for kind in ("ci", "pi"))
        return (*given, self.number(row["estimate"]), *intervals)
