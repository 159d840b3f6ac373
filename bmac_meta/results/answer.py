"""What every answer on the scale of an effect measure can say of itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from bmac_meta.card import Line, Shown
from bmac_meta.narrowing import floats_in
from bmac_meta.numbers import count_noun, format_interval, format_level, format_number, format_p, format_percent
from bmac_meta.question import Question
from bmac_meta.results.precision import Precision
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.vocabulary import NOT_REPORTED, SHARES

NAMED = 4
NO_ERROR = 1e-6
"""A standard error that is a smaller share of what the trials' own ones give is rounding, as plain Knapp–Hartung's."""
FITTED = (("estimate", "se"), ("median", "sd"))


class Answer(Shown):
    """Shows numbers of a question on the scale on which its measure is shown.

    The class of an answer has `question`, `rows` (the effects that went in) and `left_out`.
    """

    question: Question
    rows: pd.DataFrame
    left_out: pd.DataFrame

    @property
    def measure(self) -> Measure:
        """The effect measure."""
        return MEASURES[self.question.measure]

    @cached_property
    def harmonic_n(self) -> float | None:
        """The harmonic mean of the trials' sizes where the measure needs one to be shown, else None."""
        if not self.measure.needs_n:
            return None
        sizes = patients_of(self.rows)
        return float(len(sizes) / (1 / sizes).sum())

    def shown(self, value: float) -> float:
        """Return a value on the scale that is shown: ratios for logarithms, shares for transformed ones."""
        return float(self.measure.shown(value, n=self.harmonic_n))

    def on_axis(self, value: float) -> float:
        """Return a value on the scale of a plot's axis: logarithms stay, other transforms are undone."""
        return float(value) if self.measure.is_ratio else self.shown(value)

    @cached_property
    def precision(self) -> Precision:
        """How many digits are worth printing: by the standard error of the fit, else by those of the trials."""
        fit, rows = getattr(self, "fit", getattr(self, "prediction", None)), self.rows
        trials = rows["estimate"].to_numpy(float), rows["se"].to_numpy(float)
        together = 1 / math.sqrt((1 / trials[1] ** 2).sum())
        names = next((pair for pair in FITTED if hasattr(fit, pair[0])), None)
        if names is not None:
            estimate, se = (np.ravel(np.asarray(getattr(fit, name), dtype=float)) for name in names)
            known = np.isfinite(estimate) & np.isfinite(se) & (se > NO_ERROR * together)
            if known.any():
                return Precision.of(self.measure, estimate[known], se[known])
        return Precision.of(self.measure, *trials)

    @property
    def decimals(self) -> int:
        """How many decimals effects are shown with; shares are percentages with one."""
        return 1 if self.measure.code in SHARES else self.precision.decimals(self.measure.decimals)

    def number(self, value: float) -> str:
        """Write a value as it is shown; shares are percentages."""
        if self.measure.code in SHARES:
            return format_percent(self.shown(value))
        return format_number(self.shown(value), self.decimals, self.precision.power_decimals)

    def interval(self, low: float, high: float) -> str:
        """Write an interval as it is shown."""
        if self.measure.code in SHARES:
            return f"{self.number(low)} to {self.number(high)}"
        return format_interval(self.shown(low), self.shown(high), self.decimals, self.precision.power_decimals)

    def spread(self, tau2: float, usual: int = 2) -> str:
        """Write τ, the root of a variance between trials; NaN is the empty string."""
        return format_number(math.sqrt(tau2), self.precision.spread_decimals(usual)) if tau2 >= 0 else ""

    def spreads(self, low: float, high: float, usual: int = 2) -> str:
        """Write an interval of τ from the limits of its square."""
        return f"{self.spread(low, usual)} to {self.spread(high, usual)}"

    def verdict(self, low: float, high: float) -> str:
        """Say whom an interval favors; empty where no direction is known."""
        null, (below, above) = self.measure.null, self.question.sides
        if null is None or math.isnan(low):
            return ""
        if low <= null <= high:
            return "includes no effect"
        side = below if high < null else above
        return f"favours {side}" if side else "excludes no effect"

    def effect_line(self, estimate: float, low: float, high: float, level: float, kind: str = "CI") -> Line:
        """Return the line of an effect with its interval and whom it favors."""
        words = self.verdict(low, high) or self.question.unit or self.measure.label
        code = {"GEN": "effect", "PETO": "Peto OR"}.get(self.measure.code, self.measure.code)
        return Line(code, self.number(estimate), f"{format_level(level)} {kind} {self.interval(low, high)}", words)

    def prediction_line(self, low: float, high: float, level: float, missing: str = "") -> Line:
        """Return the line of a prediction interval, or why there is none."""
        if math.isnan(low):
            return Line("a new trial", aside=missing)
        null = self.measure.null
        crosses = null is not None and low <= null <= high
        words = "" if null is None else "includes no effect" if crosses else "excludes no effect"
        return Line("a new trial", "", f"{format_level(level)} PI {self.interval(low, high)}", words)

    def left_out_lines(self) -> tuple[Line, ...]:
        """Return the line that says how many trials were left out, if any were."""
        words = left_out_words(self.left_out)
        return (Line("left out", aside=f"{words}: see .left_out"),) if words else ()


def patients_of(rows: pd.DataFrame) -> np.ndarray:
    """Return the patients of effects of one arm, (k,); columns of the effects' own go before those of arm a."""
    return floats_in(rows["total" if "total" in rows else "total_a"])


def left_out_words(left_out: pd.DataFrame) -> str:
    """Say how many trials were left out with numbers in hand, and how many print none on the outcome."""
    silent = left_out["reason"].eq(NOT_REPORTED)
    with_rows, without = left_out["study"][~silent].nunique(), left_out["study"][silent].nunique()
    parts = [f"rows of {count_noun(with_rows, 'trial')}, each with its reason"] if with_rows else []
    parts += [f"{count_noun(without, 'trial')} with no number on this outcome"] if without else []
    return "; ".join(parts)


def p_words(p: float) -> str:
    """Write a p value; one that does not exist is said to be so.

    >>> p_words(0.02), p_words(float("nan"))
    ('p = .020', 'no p')
    """
    return "no p" if math.isnan(p) else format_p(p)


def bare_p(p: float) -> str:
    """Write a p value for a column headed p.

    >>> bare_p(0.02), bare_p(1e-9), bare_p(float("nan"))
    ('.020', '< .001', 'none')
    """
    return "none" if math.isnan(p) else format_p(p).removeprefix("p = ").removeprefix("p ")


def decimals_for(se: float, least: int = 2) -> int:
    """Return how many decimals show two digits of a standard error.

    >>> decimals_for(0.0067), decimals_for(12.0), decimals_for(0.0)
    (4, 2, 2)
    """
    if not (0 < se < math.inf):
        return least
    return min(9, max(least, 1 - math.floor(math.log10(se))))


def some(names: Sequence[str]) -> str:
    """Name the first few of many.

    >>> some(["A", "B", "C", "D", "E"])
    'A, B, C, D and 1 more'
    """
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
