"""The pooled answer to one question."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_interval, format_number, format_p, format_percent
from bmac_meta.question import Question
from bmac_meta.stats.heterogeneity import Tau2Interval, q_profile
from bmac_meta.stats.inference import RandomEffects, probability_beyond
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.stats.panel import SmallKPanel, small_k_panel
from bmac_meta.stats.priors import HalfNormal
from bmac_meta.vocabulary import NOT_REPORTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STANDARDIZED = ("SMD", "SMDH", "SMCR", "SMCC", "ZCOR", "GEN")
SHARES = ("PR", "PLO", "PAS", "PFT")
INTERVAL_WORDS = {
    "knapp-hartung-floored": "floored Knapp–Hartung",
    "knapp-hartung": "plain Knapp–Hartung",
    "wald": "Wald",
    "t": "Wald with t",
}


@dataclass(frozen=True, repr=False, eq=False)
class Pooled(Shown):
    """A pooled effect with its interval, prediction interval and heterogeneity, and the trials that went in.

    `fit` holds the numbers on the scale of pooling (logarithms for ratios), `rows` the trials, `left_out` what was not
    used and why. `engine` says whose arithmetic it is.
    """

    question: Question
    fit: RandomEffects
    rows: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()
    engine: str = "bmac_meta"

    @property
    def measure(self) -> Measure:
        """The effect measure."""
        return MEASURES[self.question.measure]

    @property
    def k(self) -> int:
        """The number of trials."""
        return int(self.fit.k)

    @cached_property
    def patients(self) -> int | None:
        """The number of patients where every trial tells it, else None."""
        names = [name for name in ("n_a", "n_b", "n") if name in self.rows]
        sizes = self.rows[names].apply(pd.to_numeric) if names else None
        return int(sizes.to_numpy(float).sum()) if names and sizes.notna().all(axis=None) else None

    @cached_property
    def tau2_interval(self) -> Tau2Interval:
        """The Q-profile interval of tau2."""
        return q_profile(self._estimates, variance=self._variances, level=self.fit.level)

    @cached_property
    def panel(self) -> SmallKPanel | None:
        """The answers of five methods side by side; None for a single trial."""
        if self.k < 2:
            return None
        prior = HalfNormal(0.5 * self.unit)
        return small_k_panel(self._estimates, variance=self._variances, level=self.fit.level, prior=prior)

    @cached_property
    def unit(self) -> float:
        """One standard deviation in the unit of the effects: 1, or that of the typical trial for differences in points."""
        if self.measure.is_ratio or self.measure.code in STANDARDIZED or self.patients is None:
            return 1.0
        per_patient = sum(1 / self.rows[name].astype(float) for name in ("n_a", "n_b") if name in self.rows)
        return float(np.median(self.rows["se"] / np.sqrt(per_patient)))

    @cached_property
    def _estimates(self) -> np.ndarray:
        return self.rows["estimate"].to_numpy(float)

    @cached_property
    def _variances(self) -> np.ndarray:
        return self.rows["se"].to_numpy(float) ** 2

    def beyond(self, threshold: float) -> float:
        """Return the share of new trials expected to lie below a threshold (scale of pooling); NaN below 3 trials."""
        return float(probability_beyond(self.fit, threshold, side="below"))

    def shown(self, value: float) -> float:
        """Return a value on the scale that is shown: ratios for logarithms, shares for transformed ones."""
        n = {"n": self._harmonic_n} if self.measure.needs_n else {}
        return float(self.measure.shown(value, **n))

    @cached_property
    def _harmonic_n(self) -> float:
        """The harmonic mean of the trials' sizes, for the double arcsine: Miller 1978."""
        sizes = self.rows["total_a" if "total_a" in self.rows else "total"].to_numpy(float)
        return float(len(sizes) / np.sum(1 / sizes))

    def number(self, value: float) -> str:
        """Write a value as it is shown; shares are percentages."""
        if self.measure.code in SHARES:
            return format_percent(self.shown(value))
        return format_number(self.shown(value), self.measure.decimals)

    def interval(self, low: float, high: float) -> str:
        """Write an interval as it is shown."""
        if self.measure.code in SHARES:
            return f"{self.number(low)} to {self.number(high)}"
        return format_interval(self.shown(low), self.shown(high), self.measure.decimals)

    @property
    def favours(self) -> str:
        """Whom the interval favors, in words; empty where no direction is known."""
        null, (below, above) = self.measure.null, self.question.sides
        if null is None or below is None:
            return ""
        if self.fit.ci_high < null:
            return f"favours {below}"
        if self.fit.ci_low > null:
            return f"favours {above}"
        return "includes no effect"

    def sentence(self) -> str:
        """Return the answer in a sentence made from the numbers."""
        level = f"{self.fit.level:.0%}"
        ci = f"{self.measure.code} {self.number(self.fit.estimate)}, {level} CI {self.interval(self.fit.ci_low, self.fit.ci_high)}"
        trials = count_noun(self.k, "trial")
        told = {"": "", "includes no effect": "; no difference is among the values that fit"}
        verdict = told.get(self.favours, f"; it {self.favours}")
        return f"{self.question.title}: {trials}, {ci}{verdict}{self._new_trial()}."

    def _new_trial(self) -> str:
        if math.isnan(self.fit.pi_low) or self.measure.null is None:
            return ""
        crosses = self.fit.pi_low <= self.measure.null <= self.fit.pi_high
        return "; a new trial could show either" if crosses else "; a new trial is expected on the same side"

    def card(self) -> Card:
        """Return the answer as a card."""
        aside = [f"{self.fit.model} effect{'s' * (self.fit.model == 'random')}", count_noun(self.k, "trial")]
        aside += [count_noun(self.patients, "patient")] if self.patients is not None else []
        lines = (self._effect_line(), *self._spread_lines(), self._method_line(), *self._source_lines())
        return Card(self.question.title, " · ".join(aside), lines, self._panel_grid(), self._note_lines())

    def _effect_line(self) -> Line:
        fit = self.fit
        ci = f"{fit.level:.0%} CI {self.interval(fit.ci_low, fit.ci_high)}"
        words = self.favours or self.question.unit or self.measure.label
        return Line(self.measure.code, self.number(fit.estimate), ci, words)

    def _spread_lines(self) -> tuple[Line, ...]:
        fit, level = self.fit, f"{self.fit.level:.0%}"
        if self.k == 1:
            return (
                Line(
                    "a new trial",
                    aside="one trial: it is shown as it is; nothing is known of how trials differ",
                ),
            )
        if fit.model == "common":
            return (
                Line(
                    "between trials",
                    aside=f"τ is taken to be 0 by the common-effect model; {self._q_words()}",
                ),
            )
        return (self._prediction_line(level), self._tau_line(level))

    def _prediction_line(self, level: str) -> Line:
        fit = self.fit
        if math.isnan(fit.pi_low):
            return Line("a new trial", aside=f"a prediction interval needs 3 trials; here are {self.k}")
        null = self.measure.null
        words = (
            ""
            if null is None
            else ("includes no effect" if fit.pi_low <= null <= fit.pi_high else "excludes no effect")
        )
        return Line("a new trial", "", f"{level} PI {self.interval(fit.pi_low, fit.pi_high)}", words)

    def _tau_line(self, level: str) -> Line:
        limits = self.tau2_interval
        low, high = math.sqrt(limits.tau2_low), math.sqrt(limits.tau2_high)
        digits = max(2, self.measure.decimals)
        tau = f"τ = {format_number(math.sqrt(self.fit.tau2), digits)}"
        return Line(
            "between trials",
            tau,
            f"{level} CI {format_interval(low, high, digits)}",
            f"I² = {self.fit.i2:.0f}%, {self._q_words()}",
        )

    def _q_words(self) -> str:
        return f"Q({self.fit.q_df}) = {format_number(self.fit.q, 1)}, {format_p(self.fit.q_p)}"

    def _method_line(self) -> Line:
        fit = self.fit
        words = f"{INTERVAL_WORDS[fit.interval]}, {'z' if math.isinf(fit.df) else f't({fit.df:g})'}"
        tau2 = fit.method if fit.model == "random" else "common effect"
        engine = "" if self.engine == "bmac_meta" else f", by {self.engine}"
        return Line("method", aside=f"{tau2} · {words}{engine}" if self.k > 1 else "one trial, normal interval")

    def _source_lines(self) -> tuple[Line, ...]:
        lines = []
        if "spread_a" in self.rows:
            sources = pd.concat([self.rows[name].dropna() for name in ("spread_a", "spread_b") if name in self.rows])
            counts = sources.value_counts()
            lines.append(
                Line("spread of arms", aside=" · ".join(f"{word} {number}" for word, number in counts.items()))
            )
        if len(self.left_out):
            lines.append(Line("left out", aside=f"{left_out_words(self.left_out)}: see .left_out"))
        return tuple(line for line in lines if line.aside)

    def _panel_grid(self) -> tuple[Grid, ...]:
        if self.k < 2 or self.fit.model == "common" or self.measure.null is None:
            return ()
        panel = self.panel
        if not (bool(panel.advised) or bool(panel.verdict_depends)):
            return ()
        rows = tuple(
            (
                row.method,
                self.number(row.estimate),
                self.interval(row.ci_low, row.ci_high),
                "yes" if row.excludes_null else "no",
            )
            for row in panel.rows
        )
        verdict = (
            "the verdict depends on the method"
            if bool(panel.verdict_depends)
            else "the verdict is the same by every method"
        )
        caption = f"{count_noun(self.k, 'trial')}: {verdict}"
        return (
            Grid(
                ("method", self.measure.code, f"{self.fit.level:.0%} interval", "excludes no effect"),
                rows,
                caption,
            ),
        )

    def _note_lines(self) -> tuple[str, ...]:
        if not self.measure.needs_n:
            return self.notes
        return (
            *self.notes,
            f"back-transformed with the harmonic mean of the sizes, n = {self._harmonic_n:.1f}",
        )

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        fit = self.fit
        names = (
            "estimate",
            "se",
            "ci_low",
            "ci_high",
            "pi_low",
            "pi_high",
            "statistic",
            "df",
            "p_value",
            "tau2",
            "i2",
            "h2",
            "q",
            "q_df",
            "q_p",
            "log_likelihood",
        )
        numbers = {name: getattr(fit, name) for name in names}
        shown = {
            f"{name}_shown": self.shown(numbers[name])
            for name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
        }
        asked = {
            "question": self.question.title,
            "measure": self.measure.code,
            "k": self.k,
            "patients": self.patients,
        }
        limits = {"tau2_low": self.tau2_interval.tau2_low, "tau2_high": self.tau2_interval.tau2_high}
        method = {"model": fit.model, "tau2_method": fit.method, "interval": fit.interval, "level": fit.level}
        return pd.DataFrame([asked | numbers | limits | shown | method])

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the forest plot; `save="name.svg"` also writes it, with the table it is a picture of beside it."""
        from bmac_meta.results import forests  # matplotlib is slow to import

        return forests.forest_of_pooled(self, save, **options)


def left_out_words(left_out: pd.DataFrame) -> str:
    """Say how many trials were left out with numbers in hand, and how many print none on the outcome."""
    silent = left_out["reason"].eq(NOT_REPORTED)
    with_rows, without = left_out["study"][~silent].nunique(), left_out["study"][silent].nunique()
    parts = [f"rows of {count_noun(with_rows, 'trial')}, each with its reason"] if with_rows else []
    parts += [f"{count_noun(without, 'trial')} with no number on this outcome"] if without else []
    return "; ".join(parts)
