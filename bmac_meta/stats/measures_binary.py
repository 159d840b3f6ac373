"""Effect measures of two independent arms with events and totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.arguments import one_number
from bmac_meta.errors import check_word
from bmac_meta.stats.columns import COUNT, SIZE, BoolArray, FloatArray, read_columns, refuse_where
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.ratios import log_ratio

DoubleZero = Literal["drop", "keep"]


def risk_ratio(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    add: float = 0.5,
    double_zero: DoubleZero = "drop",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the risk ratio A/B.

    With counts a of n_a and c of n_b the variance is 1/a − 1/n_a + 1/c − 1/n_b. `add` goes to all four
    cells of those trials that have an empty cell, and to no other; with `add=0` they are not included. A
    trial with no event in either arm, or with nothing but events, says nothing about a ratio and is not
    included, unless `double_zero="keep"`. Raises `InputError` for missing or negative counts, events above
    the total, and totals below 1. Cochrane Handbook 10.4.

    >>> effect = risk_ratio(events_a=4, total_a=123, events_b=11, total_b=139)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)  # Colditz 1994 (BCG), Aronson 1948
    (-0.8893, 0.3256)
    """
    table, exists = _read(events_a, total_a, events_b, total_b, mask).for_ratio(add, double_zero)
    estimate = log_ratio(table.a * table.n_b, table.c * table.n_a)
    variance = table.b / (table.a * table.n_a) + table.d / (table.c * table.n_b)
    return effect_sizes("RR", estimate, variance, exists)


def odds_ratio(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    add: float = 0.5,
    double_zero: DoubleZero = "drop",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the odds ratio A/B.

    The variance is the sum of the reciprocals of the four cells (Woolf 1955,
    doi:10.1111/j.1469-1809.1955.tb01348.x). Empty cells, double zeros and errors: as in `risk_ratio`.

    >>> effect = odds_ratio(events_a=40, total_a=1000, events_b=100, total_b=4000)
    >>> round(float(effect.estimate), 4)  # Gleser & Olkin 2009, p. 362, study 1
    0.4855
    """
    table, exists = _read(events_a, total_a, events_b, total_b, mask).for_ratio(add, double_zero)
    estimate = log_ratio(table.a * table.d, table.b * table.c)
    variance = 1 / table.a + 1 / table.b + 1 / table.c + 1 / table.d
    return effect_sizes("OR", estimate, variance, exists)


def risk_difference(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    add: float = 0.5,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return risk differences A − B.

    The variance is p_a(1−p_a)/n_a + p_b(1−p_b)/n_b. `add` goes to all four cells of those trials that have an
    empty cell, since the variance would otherwise be too small or 0; `add=0` takes every trial as it is and
    leaves out those whose variance is 0 (double zeros). Errors: as in `risk_ratio`. Cochrane Handbook 10.4.

    >>> effect = risk_difference(events_a=40, total_a=1000, events_b=100, total_b=4000)
    >>> round(float(effect.estimate), 4)  # Gleser & Olkin 2009, p. 360, Table 19.2
    0.015
    """
    table = _read(events_a, total_a, events_b, total_b, mask).corrected(add)
    estimate = (table.a * table.n_b - table.c * table.n_a) / (table.n_a * table.n_b)
    variance = table.a * table.b / table.n_a**3 + table.c * table.d / table.n_b**3
    return effect_sizes("RD", estimate, variance, table.present)


def peto_odds_ratio(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the odds ratio A/B by Peto's one-step method.

    The estimate is (O − E)/V and its variance 1/V, with V the hypergeometric variance. Empty cells need no
    correction; a double zero is not included, since V is 0. Errors: as in `risk_ratio`. Yusuf et al.
    1985, doi:10.1016/S0033-0620(85)80003-7.

    >>> effect = peto_odds_ratio(events_a=1, total_a=10, events_b=2, total_b=10)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)  # V = 10·10·3·17/(20²·19)
    (-0.7451, 1.4902)
    """
    table = _read(events_a, total_a, events_b, total_b, mask)
    total = table.n_a + table.n_b
    information = (table.a + table.c) / total * ((table.b + table.d) / total)
    information = information * (table.n_a * table.n_b) / (total - 1)
    exists = information > 0
    information = np.where(exists, information, 1.0)
    excess = (table.a * table.n_b - table.c * table.n_a) / total
    return effect_sizes("PETO", excess / information, 1 / information, table.present & exists)


def arcsine_difference(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return differences A − B of the arcsine of the square root of the risks.

    The variance is 1/(4n_a) + 1/(4n_b), whatever the events: double zeros count and nothing is added. Errors:
    as in `risk_ratio`. Rücker, Schwarzer, Carpenter & Olkin 2009, doi:10.1002/sim.3511.

    >>> effect = arcsine_difference(events_a=40, total_a=1000, events_b=100, total_b=4000)
    >>> round(2 * float(effect.estimate), 4)  # Gleser & Olkin 2009, p. 364, who define it twice as large
    0.0852
    """
    table = _read(events_a, total_a, events_b, total_b, mask)
    angle_a, angle_b = (
        np.arctan2(np.sqrt(table.a), np.sqrt(table.b)),
        np.arctan2(np.sqrt(table.c), np.sqrt(table.d)),
    )
    return effect_sizes("AS", angle_a - angle_b, 1 / (4 * table.n_a) + 1 / (4 * table.n_b), table.present)


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """The checked cells of two arms: a with and b without event in arm A, c with and d without in arm B."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    present: BoolArray
    double_zero: BoolArray

    @property
    def n_a(self) -> FloatArray:
        """The total of arm A."""
        return self.a + self.b

    @property
    def n_b(self) -> FloatArray:
        """The total of arm B."""
        return self.c + self.d

    @property
    def empty_cell(self) -> BoolArray:
        """Whether any of the four cells is 0."""
        return (self.a == 0) | (self.b == 0) | (self.c == 0) | (self.d == 0)

    def corrected(self, add: float) -> TwoByTwo:
        """Return the table with `add` in each cell of the trials that have an empty one."""
        extra = np.where(self.empty_cell, checked_addition(add), 0.0)
        cells = (cell + extra for cell in (self.a, self.b, self.c, self.d))
        return TwoByTwo(*cells, self.present, self.double_zero)

    def for_ratio(self, add: float, double_zero: DoubleZero) -> tuple[TwoByTwo, BoolArray]:
        """Return the corrected table and which of its trials have a ratio; the others hold ones."""
        check_word("policy for double zeros", double_zero, ["drop", "keep"])
        table = self.corrected(add)
        exists = ~table.empty_cell & (~self.double_zero | (double_zero == "keep"))
        cells = (np.where(exists, cell, 1.0) for cell in (table.a, table.b, table.c, table.d))
        return TwoByTwo(*cells, self.present, self.double_zero), self.present & exists


def _read(
    events_a: ArrayLike, total_a: ArrayLike, events_b: ArrayLike, total_b: ArrayLike, mask: ArrayLike | None
) -> TwoByTwo:
    a, n_a, c, n_b, present = read_columns(
        {
            "events_a": (events_a, COUNT),
            "total_a": (total_a, SIZE),
            "events_b": (events_b, COUNT),
            "total_b": (total_b, SIZE),
        },
        mask,
    )
    refuse_more_events_than_patients(a, n_a, "a")
    refuse_more_events_than_patients(c, n_b, "b")
    b, d = n_a - a, n_b - c
    return TwoByTwo(a, b, c, d, present, ((a == 0) & (c == 0)) | ((b == 0) & (d == 0)))


def checked_addition(add: float) -> float:
    """Return the continuity correction; raise `InputError` unless it is a number from 0 to 1."""
    wanted = "what goes into each cell of a trial or arm that has an empty one, a number from 0 to 1, such as 0.5"
    return one_number("add", add, wanted, lambda number: 0 <= number <= 1)


def refuse_more_events_than_patients(events: FloatArray, total: FloatArray, arm: str = "") -> None:
    """Raise `InputError` where there are more events than patients."""
    suffix = f"_{arm}" if arm else ""
    refuse_where(
        events > total,
        "there are more events than patients",
        {f"events{suffix}": events, f"total{suffix}": total},
        "Count patients with an event, not events.",
    )
