"""The Bayesian answer: what the trials and a stated prior say together."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Line
from bmac_meta.numbers import MINUS, count_noun, format_level, format_number, format_percent
from bmac_meta.question import Question
from bmac_meta.results.answer import Answer
from bmac_meta.stats.bayes import BayesianPool


@dataclass(frozen=True, repr=False, eq=False)
class Bayesian(Answer):
    """The posterior of the mean effect, of the effect in a new trial, and of the heterogeneity.

    `mean_prior` is the mean and SD of the prior of the mean effect, None for a flat one. `threshold` is on the scale of
    pooling; `below` says which side of it is beyond.
    """

    question: Question
    fit: BayesianPool
    rows: pd.DataFrame
    left_out: pd.DataFrame
    below: bool
    mean_prior: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """The number of trials."""
        return int(self.fit.k)

    @property
    def beyond(self) -> tuple[float, float]:
        """The probabilities that the mean effect, and the effect in a new trial, lie beyond the threshold."""
        above = self.fit.probability_above, self.fit.new_probability_above
        return (1 - above[0], 1 - above[1]) if self.below else above

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        names = ("median", "mean", "sd", "ci_low", "ci_high", "pi_low", "pi_high", "tau_median", "tau_mean", "tau_sd")
        numbers = {name: getattr(self.fit, name) for name in (*names, "tau_low", "tau_high", "threshold")}
        chances = dict(zip(("probability_beyond", "new_probability_beyond"), self.beyond, strict=True))
        shown = {
            f"{name}_shown": self.shown(numbers[name]) for name in ("median", "ci_low", "ci_high", "pi_low", "pi_high")
        }
        asked = {"question": self.question.title, "measure": self.measure.code, "k": self.k}
        how = {"prior": self.fit.prior, "interval": self.fit.interval, "level": self.fit.level}
        return pd.DataFrame([asked | numbers | chances | shown | how])

    def card(self) -> Card:
        """Return the answer as a card."""
        fit = self.fit
        tau = self.spreads(fit.tau_low**2, fit.tau_high**2)
        prior = fit.prior.replace("(-", f"({MINUS}").replace(", -", f", {MINUS}")
        lines = (
            self.effect_line(fit.median, fit.ci_low, fit.ci_high, fit.level, "CrI"),
            self.prediction_line(fit.pi_low, fit.pi_high, fit.level),
            Line("between trials", f"τ = {self.spread(fit.tau_median**2)}", f"{format_level(fit.level)} CrI {tau}"),
            *self._beyond_lines(),
            Line("prior", aside=f"τ: {prior}; mean effect: {self._mean_prior_words()}"),
            Line("method", aside=f"posterior medians, {fit.interval} intervals, by quadrature"),
        )
        aside = f"Bayes · {count_noun(self.k, 'trial')}"
        return Card(self.question.title, aside, (*lines, *self.left_out_lines()), (), self.notes)

    def _mean_prior_words(self) -> str:
        if self.mean_prior is None:
            return "flat"
        mean, sd = (format_number(part, 2) for part in self.mean_prior)
        return f"normal({mean}, {sd})"

    def _beyond_lines(self) -> tuple[Line, ...]:
        if self.measure.null is None and self.fit.threshold == 0:
            return ()
        mean, new = map(chance_words, self.beyond)
        where = f"{'below' if self.below else 'above'} {self.number(self.fit.threshold)}"
        side = self.question.sides[0 if self.below else 1]
        null = self.fit.threshold == self.measure.null
        words = f" (favours {side})" if null and side else ""
        return (Line("probability", aside=f"{mean} that the mean effect lies {where}{words}; {new} for a new trial"),)


def chance_words(chance: float) -> str:
    """Write a probability as a percentage, never as certain.

    >>> chance_words(0.8861), chance_words(0.99996), chance_words(0.0001)
    ('88.6%', 'over 99.9%', 'under 0.1%')
    """
    if chance > 0.9995:
        return "over 99.9%"
    return "under 0.1%" if chance < 0.0005 else format_percent(chance)
