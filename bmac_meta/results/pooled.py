"""The pooled answer to one question."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line
from bmac_meta.narrowing import said_yes
from bmac_meta.numbers import count_noun, format_level, format_number, format_p
from bmac_meta.question import Question
from bmac_meta.results import points
from bmac_meta.results.answer import Answer
from bmac_meta.stats.heterogeneity import Tau2Interval, q_profile
from bmac_meta.stats.inference import RandomEffects, probability_beyond
from bmac_meta.stats.panel import SmallKPanel, small_k_panel
from bmac_meta.stats.priors import HalfNormal
from bmac_meta.vocabulary import SHARES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STANDARDIZED = ("SMD", "SMDH", "SMCR", "SMCC", "ZCOR", "GEN")
FIT_COLUMNS = (
    *("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high", "statistic", "df", "p_value"),
    *("tau2", "i2", "h2", "q", "q_df", "q_p", "log_likelihood"),
)
SHOWN_COLUMNS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
VERDICTS = {
    "": "",
    "includes no effect": "; no difference is among the values that fit",
    "excludes no effect": "; no difference is not among the values that fit",
}
INTERVAL_WORDS = {
    "knapp-hartung-floored": "floored Knapp–Hartung",
    "knapp-hartung": "plain Knapp–Hartung",
    "wald": "Wald",
    "t": "Wald with t",
}


@dataclass(frozen=True, repr=False, eq=False)
class Pooled(Answer):
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
    def k(self) -> int:
        """The number of trials."""
        return int(self.fit.k)

    @cached_property
    def patients(self) -> int | None:
        """The number of patients where every trial tells it, else None; patients with both treatments count once."""
        if self._sizes is None:
            return None
        paired = said_yes(self.rows["paired"]) if "paired" in self.rows else np.zeros(len(self.rows), bool)
        return int(np.where(paired, self._sizes.max(axis=1), self._sizes.sum(axis=1)).sum())

    @cached_property
    def _sizes(self) -> np.ndarray | None:
        """The sizes of the arms, a row per trial; None where a trial does not tell them."""
        plain = _first(self.rows, "n", "total")
        arms = [_first(self.rows, f"n{side}", f"total{side}") for side in ("_a", "_b")]
        own = plain in self.measure.columns or arms == [None, None]
        names = [plain] if own else arms
        found = [pd.to_numeric(self.rows[name], errors="coerce") for name in names if name is not None]
        sizes = np.column_stack([column.to_numpy(float, na_value=np.nan) for column in found]) if found else np.empty(0)
        return sizes if sizes.size and (np.isfinite(sizes) & (sizes > 0)).all() else None

    @cached_property
    def tau2_interval(self) -> Tau2Interval:
        """The Q-profile interval of tau2."""
        return q_profile(self._estimates, variance=self._variances, level=self.fit.level)

    @cached_property
    def panel(self) -> SmallKPanel | None:
        """The answers of five methods side by side, four where no prior suits; None for a single trial."""
        if self.k < 2:
            return None
        fit, prior = self.fit, self.tau_prior
        tau2 = {"given": fit.tau2, "common effect": "REML"}.get(fit.method, fit.method)
        data = {"variance": self._variances, "level": fit.level}
        return small_k_panel(self._estimates, **data, tau2=tau2, prior=prior)

    @property
    def tau_prior(self) -> HalfNormal | None:
        """The prior on τ where none is chosen: half-normal(0.5 standard deviations); None where the SD is not known."""
        return None if self.unit is None else HalfNormal(0.5 * self.unit)

    @cached_property
    def unit(self) -> float | None:
        """One standard deviation in the unit of the effects: 1, or that of the typical trial for other differences.

        None for differences of trials that do not tell their sizes.
        """
        if self.measure.is_ratio or self.measure.code in STANDARDIZED:
            return 1.0
        if self._sizes is None:
            return None
        per_patient = (1 / self._sizes).sum(axis=1)
        return float(np.median(np.sqrt(self._variances / per_patient)))

    @cached_property
    def _estimates(self) -> np.ndarray:
        return self.rows["estimate"].to_numpy(float)

    @cached_property
    def _variances(self) -> np.ndarray:
        return self.rows["se"].to_numpy(float) ** 2

    def beyond(self, threshold: float) -> float:
        """Return the share of new trials expected to lie below a threshold (scale of pooling); NaN below 3 trials."""
        return float(probability_beyond(self.fit, threshold, side="below"))

    @property
    def favours(self) -> str:
        """Whom the interval favors, in words; empty where the measure knows no null."""
        return self.verdict(self.fit.ci_low, self.fit.ci_high)

    def sentence(self) -> str:
        """Return the answer in a sentence made from the numbers."""
        fit, name = self.fit, "share" if self.measure.code in SHARES else self.measure.code
        ci = f"{format_level(fit.level)} CI {self.interval(fit.ci_low, fit.ci_high)}"
        verdict = VERDICTS.get(self.favours, f"; it {self.favours}")
        told = f"{count_noun(self.k, 'trial')}, {name} {self.number(fit.estimate)}, {ci}{verdict}{self._new_trial()}"
        return f"{self.question.title}: {told}."

    def _new_trial(self) -> str:
        if math.isnan(self.fit.pi_low) or self.measure.null is None:
            return ""
        crosses = self.fit.pi_low <= self.measure.null <= self.fit.pi_high
        return "; a new trial could show either" if crosses else "; a new trial is expected on the same side"

    def card(self) -> Card:
        """Return the answer as a card."""
        aside = [f"{self.fit.model} effect{'s' * (self.fit.model == 'random')}", count_noun(self.k, "trial")]
        aside += [count_noun(self.patients, "patient")] if self.patients is not None else []
        lines = (*self._effect_lines(), *self._spread_lines(), self._method_line(), *self._source_lines())
        return Card(self.question.title, " · ".join(aside), lines, self._panel_grid(), self._note_lines())

    def _effect_lines(self) -> tuple[Line, ...]:
        fit, unit = self.fit, self.question.unit
        line = self.effect_line(fit.estimate, fit.ci_low, fit.ci_high, fit.level)
        return (line, Line("unit", aside=unit)) if unit and unit != line.aside else (line,)

    def _spread_lines(self) -> tuple[Line, ...]:
        fit, level = self.fit, f"{format_level(self.fit.level)}"
        if self.k == 1:
            words = "one trial: it is shown as it is; nothing is known of how trials differ"
            return (Line("a new trial", aside=words),)
        if fit.model == "common":
            words = f"τ is taken to be 0 by the common-effect model; {self._q_words()}"
            return (Line("between trials", aside=words),)
        missing = f"a prediction interval needs 3 trials; here are {self.k}"
        return (self.prediction_line(fit.pi_low, fit.pi_high, fit.level, missing), self._tau_line(level))

    def _tau_line(self, level: str) -> Line:
        limits, usual = self.tau2_interval, max(2, self.measure.decimals)
        tau = f"τ = {self.spread(self.fit.tau2, usual)}"
        if self.fit.method == "given":
            return Line("between trials", tau, "as given", f"I² = {self.fit.i2:.0f}%, {self._q_words()}")
        interval = f"{level} CI {self.spreads(limits.tau2_low, limits.tau2_high, usual)}"
        return Line("between trials", tau, interval, f"I² = {self.fit.i2:.0f}%, {self._q_words()}")

    def _q_words(self) -> str:
        return f"Q({self.fit.q_df}) = {format_number(self.fit.q, 1)}, {format_p(self.fit.q_p)}"

    def _method_line(self) -> Line:
        fit = self.fit
        words = f"{INTERVAL_WORDS[fit.interval]}, {'z' if math.isinf(fit.df) else f't({fit.df:g})'}"
        tau2 = fit.method if fit.model == "random" else "common effect"
        engine = "" if self.engine == "bmac_meta" else f", by {self.engine}"
        return Line("method", aside=f"{tau2} · {words}{engine}" if self.k > 1 else "one trial, normal interval")

    def _source_lines(self) -> tuple[Line, ...]:
        names = [name for name in ("spread_a", "spread_b") if name in self.rows]
        counts = pd.concat([self.rows[name] for name in names]).value_counts() if names else pd.Series(dtype=int)
        lines = (
            Line("spread of arms", aside=" · ".join(f"{word} {number}" for word, number in counts.items())),
            Line("rules", aside=" · ".join(self.question.choices)),
            *self.left_out_lines(),
        )
        return tuple(line for line in lines if line.aside)

    @cached_property
    def _needed_panel(self) -> SmallKPanel | None:
        """The panel where it is to be seen: with few trials, or where the verdict depends on the method."""
        if self.k < 2 or self.fit.model == "common" or self.measure.null is None:
            return None
        return self.panel if bool(self.panel.advised) or bool(self.panel.verdict_depends) else None

    def _panel_grid(self) -> tuple[Grid, ...]:
        panel = self._needed_panel
        if panel is None:
            return ()
        rows = tuple(
            (row.method, self.number(row.estimate), self.interval(row.ci_low, row.ci_high), _yes(row.excludes_null))
            for row in panel.rows
        )
        same = "depends on the method" if bool(panel.verdict_depends) else "is the same by every method"
        headings = ("method", self.measure.code, f"{format_level(self.fit.level)} interval", "excludes no effect")
        return (Grid(headings, rows, f"{count_noun(self.k, 'trial')}: the verdict {same}"),)

    def _note_lines(self) -> tuple[str, ...]:
        notes = self.notes if self._needed_panel is None else (*self._prior_notes(), *self.notes)
        if self.harmonic_n is None:
            return notes
        return (*notes, f"back-transformed with the harmonic mean of the sizes, n = {self.harmonic_n:.1f}")

    def _prior_notes(self) -> tuple[str, ...]:
        """Return what is to be said of the prior on τ in the panel."""
        if self.tau_prior is None:
            return ("no Bayesian answer: its prior is in SDs, for which the arms' sizes are needed; see bayes(prior)",)
        if self.measure.code == "GEN":
            return ("the prior on τ suits log ratios and standardized differences; for others see bayes(prior)",)
        return ()

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        fit = self.fit
        numbers = {name: getattr(fit, name) for name in FIT_COLUMNS}
        shown = {f"{name}_shown": self.shown(numbers[name]) for name in SHOWN_COLUMNS}
        asked = {"question": self.question.title, "measure": self.measure.code, "k": self.k, "patients": self.patients}
        limits = {"tau2_low": self.tau2_interval.tau2_low, "tau2_high": self.tau2_interval.tau2_high}
        method = {"model": fit.model, "tau2_method": fit.method, "interval": fit.interval, "level": fit.level}
        return pd.DataFrame([asked | numbers | limits | shown | method])

    in_points = points.in_points

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the forest plot; `save="name.svg"` also writes it, with the table it is a picture of beside it."""
        from bmac_meta.results import forests  # matplotlib is slow to import

        return forests.forest_of_pooled(self, save, **options)


def _first(frame: pd.DataFrame, *names: str) -> str | None:
    return next((name for name in names if name in frame), None)


def _yes(answer: object) -> str:
    return "yes" if answer else "no"
