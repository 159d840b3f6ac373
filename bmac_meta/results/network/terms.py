"""How the numbers and names of a network are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bmac_meta.errors import nearest, unknown_word
from bmac_meta.numbers import format_interval, format_level, format_number, format_p
from bmac_meta.question import Question
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.stats.network import NetworkFit
from bmac_meta.stats.network.fit import ChiSquared

# Equal shares keep their order on every machine only when the last digits, which machines compute differently, are cut.
SHARE_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Terms:
    """What a network's results share: the question, the treatments' names as they are spoken, the level.

    `names` gives the spoken name of a treatment's code; a code without one is its own name. `decimals` is how many
    digits are shown, those of the measure unless the effects are finer than that.
    """

    question: Question
    names: Mapping[str, str] = field(default_factory=dict)
    level: float = 0.95
    decimals: int = 2

    @property
    def measure(self) -> Measure:
        """The effect measure."""
        return MEASURES[self.question.measure]

    @property
    def code(self) -> str:
        """The short name of the measure, for the head of a column."""
        return "Effect" if self.question.measure == "GEN" else self.question.measure

    @property
    def percent(self) -> str:
        """The level of the intervals, as in "95%"."""
        return f"{format_level(self.level)}"

    def name(self, treatment: str) -> str:
        """Return the spoken name of a treatment."""
        return self.names.get(treatment, treatment)

    def versus(self, first: str, second: str) -> str:
        """Return who is compared with whom."""
        return f"{self.name(first)} vs {self.name(second)}"

    def shown(self, value: float) -> float:
        """Return a value on the scale that is shown: ratios for logarithms."""
        return float(self.measure.shown(value))

    def number(self, value: float) -> str:
        """Write a value as it is shown; empty where there is none."""
        return "" if math.isnan(value) else format_number(self.shown(value), self.decimals)

    def interval(self, low: float, high: float) -> str:
        """Write an interval as it is shown; empty where there is none."""
        if math.isnan(low):
            return ""
        return format_interval(self.shown(low), self.shown(high), self.decimals)

    def estimate(self, value: float, low: float, high: float) -> str:
        """Write an estimate with its interval in brackets; empty where there is none."""
        return "" if math.isnan(value) else f"{self.number(value)} ({self.interval(low, high)})"

    def spread(self, tau2: float) -> str:
        """Write the standard deviation between trials; empty where it could not be estimated."""
        return "" if math.isnan(tau2) else format_number(math.sqrt(tau2), max(2, self.decimals))

    def pair(self, first: str, second: str) -> Question:
        """Return the question of one comparison of the network."""
        return replace(self.question, treatment=self.name(first), comparator=self.name(second))

    @property
    def direction(self) -> str:
        """Whom an effect below the null favors, in words; empty where no direction is known."""
        if self.question.lower_is_better is None or self.measure.null is None:
            return ""
        side = "below" if self.question.lower_is_better else "above"
        return f"{side} {self.measure.null_shown:g} favours the treatment named first"

    @property
    def small_values(self) -> str | None:
        """Whether small effects are "desirable" or "undesirable"; None where nobody said."""
        return {True: "desirable", False: "undesirable", None: None}[self.question.lower_is_better]


def treatment_named(word: object, treatments: tuple[str, ...], names: Mapping[str, str]) -> str:
    """Return the code of a treatment from its code or its spoken name; raise `UnknownWordError` with the known ones."""
    if not isinstance(word, str):
        raise unknown_word("treatment in this network", word, treatments)
    if word in treatments:
        return word
    spoken = {name.casefold(): code for code, name in names.items() if code in treatments}
    known = spoken | {code.casefold(): code for code in treatments}
    found = known.get(str(word).strip().casefold())
    if found is None:
        guess = nearest(word, treatments)
        raise unknown_word(
            "treatment in this network", word, [guess, *(t for t in treatments if t != guess)] if guess else treatments
        )
    return found


def q_words(q: ChiSquared, name: str = "Q") -> str:
    """Write a heterogeneity statistic with its degrees of freedom and p."""
    return (
        f"{name}({q.df}) = {format_number(q.statistic, 1)}, {format_p(q.p_value)}"
        if q.df
        else f"{name}: no degree of freedom"
    )


def model_words(fit: NetworkFit) -> str:
    """Say how a network was fitted: the estimator of tau2 and the distribution of the intervals."""
    quantiles = "z" if math.isinf(fit.df) else f"t({fit.df:g})"
    if fit.model == "common":
        return f"one common effect for each comparison · {quantiles}"
    tau2 = "τ² given" if fit.tau2_method == "given" else fit.tau2_method
    return f"{tau2}, one τ for all comparisons · {quantiles}"
