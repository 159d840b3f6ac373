"""Events under two treatments in the same patients (both knees, cross-over), with a stated correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.stats.columns import (
    CORRELATION,
    COUNT,
    SIZE,
    BoolArray,
    FloatArray,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.measures_binary import checked_addition, refuse_more_events_than_patients
from bmac_meta.stats.ratios import log_ratio
from bmac_meta.stats.spread import variance_of_change


def paired_risk_ratio(
    *,
    events_a: ArrayLike,
    events_b: ArrayLike,
    total: ArrayLike,
    r: ArrayLike,
    add: float = 0.5,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the marginal risk ratio A/B of two treatments that the same patients had.

    The variance is v_a + v_b − 2·r·sqrt(v_a·v_b), where v_a and v_b are those of the arms if they were
    independent and r is the (phi) correlation of the two outcomes within patients. `add` goes to all cells
    of trials that have an empty one; double zeros are not included. Where `mask` is False the trial is left
    out. Raises `InputError` for missing or negative counts, events above the total, totals below 1, and an
    r that two such risks can't have. Elbourne et al. 2002, doi:10.1093/ije/31.1.140; Zou 2007,
    doi:10.1177/1740774506075667.

    >>> phi = (20 * 20 - 10 * 5) / (30 * 25 * 25 * 30) ** 0.5  # pairs: both 20, one 10 and 5, none 20
    >>> effect = paired_risk_ratio(events_a=30, events_b=25, total=55, r=phi)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)
    (0.1823, 0.02)
    """
    pair, exists = _read_counts(events_a, events_b, total, r, mask).for_ratio(add)
    variance_a, variance_b = pair.c_a / (pair.a * pair.n), pair.c_b / (pair.b * pair.n)
    return effect_sizes("RR", log_ratio(pair.a, pair.b), pair.variance(variance_a, variance_b), exists)


def paired_odds_ratio(
    *,
    events_a: ArrayLike,
    events_b: ArrayLike,
    total: ArrayLike,
    r: ArrayLike,
    add: float = 0.5,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the marginal odds ratio A/B of two treatments that the same patients had.

    Marginal, so that it can be pooled with parallel trials. Variance, corrections and errors as in
    `paired_risk_ratio`. Becker & Balagtas 1993, doi:10.2307/2532242.

    >>> phi = (20 * 20 - 10 * 5) / (30 * 25 * 25 * 30) ** 0.5
    >>> effect = paired_odds_ratio(events_a=30, events_b=25, total=55, r=phi)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)
    (0.3646, 0.0782)
    """
    pair, exists = _read_counts(events_a, events_b, total, r, mask).for_ratio(add)
    variance_a, variance_b = 1 / pair.a + 1 / pair.c_a, 1 / pair.b + 1 / pair.c_b
    estimate = log_ratio(pair.a * pair.c_b, pair.c_a * pair.b)
    return effect_sizes("OR", estimate, pair.variance(variance_a, variance_b), exists)


def paired_risk_difference(
    *,
    events_a: ArrayLike,
    events_b: ArrayLike,
    total: ArrayLike,
    r: ArrayLike,
    add: float = 0.5,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return risk differences A − B of two treatments that the same patients had.

    Variance, corrections and errors as in `paired_risk_ratio`, with double zeros corrected as in
    `risk_difference`. Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    >>> phi = (20 * 20 - 10 * 5) / (30 * 25 * 25 * 30) ** 0.5
    >>> effect = paired_risk_difference(events_a=30, events_b=25, total=55, r=phi)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)
    (0.0909, 0.0048)
    """
    pair = _read_counts(events_a, events_b, total, r, mask).corrected(add)
    variance_a, variance_b = pair.a * pair.c_a / pair.n**3, pair.b * pair.c_b / pair.n**3
    return effect_sizes("RD", (pair.a - pair.b) / pair.n, pair.variance(variance_a, variance_b), pair.present)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """The checked cells of two treatments in the same patients: a and b with, c_a and c_b without event."""

    a: FloatArray
    c_a: FloatArray
    b: FloatArray
    c_b: FloatArray
    r: FloatArray
    present: BoolArray
    double_zero: BoolArray

    @property
    def n(self) -> FloatArray:
        """The number of patients."""
        return self.a + self.c_a

    @property
    def empty_cell(self) -> BoolArray:
        """Whether any of the four cells is 0."""
        return (self.a == 0) | (self.c_a == 0) | (self.b == 0) | (self.c_b == 0)

    def variance(self, variance_a: FloatArray, variance_b: FloatArray) -> FloatArray:
        """Return the variance of the difference of the two treatments' statistics."""
        return variance_of_change(np.sqrt(variance_a), np.sqrt(variance_b), self.r)

    def corrected(self, add: float) -> PairedCounts:
        """Return the cells with `add` in trials with an empty one; refuse an impossible correlation."""
        extra = np.where(self.empty_cell, checked_addition(add), 0.0)
        cells = (cell + extra for cell in (self.a, self.c_a, self.b, self.c_b))
        pair = PairedCounts(*cells, self.r, self.present, self.double_zero)
        _refuse_impossible_correlation(pair)
        return pair

    def for_ratio(self, add: float) -> tuple[PairedCounts, BoolArray]:
        """Return the corrected cells and which trials have a ratio; the others hold ones."""
        pair = self.corrected(add)
        exists = ~pair.empty_cell & ~self.double_zero
        cells = (np.where(exists, cell, 1.0) for cell in (pair.a, pair.c_a, pair.b, pair.c_b))
        return PairedCounts(*cells, self.r, self.present, self.double_zero), self.present & exists


def _read_counts(
    events_a: ArrayLike, events_b: ArrayLike, total: ArrayLike, r: ArrayLike, mask: ArrayLike | None
) -> PairedCounts:
    columns = {
        "events_a": (events_a, COUNT),
        "events_b": (events_b, COUNT),
        "total": (total, SIZE),
        "r": (r, CORRELATION),
    }
    a, b, n, r, present = read_columns(columns, mask)
    refuse_more_events_than_patients(a, n)
    refuse_more_events_than_patients(b, n)
    double_zero = ((a == 0) & (b == 0)) | ((a == n) & (b == n))
    return PairedCounts(a, n - a, b, n - b, r, present, double_zero)


def _refuse_impossible_correlation(pair: PairedCounts) -> None:
    n = pair.n
    # Patients with an event under both treatments, as r implies it: no cell of that table can be negative.
    both = (pair.a * pair.b + pair.r * np.sqrt(pair.a * pair.c_a * pair.b * pair.c_b)) / n
    slack = 1e-9 * n
    low, high = np.maximum(0, pair.a + pair.b - n), np.minimum(pair.a, pair.b)
    refuse_where(
        pair.present & ((both < low - slack) | (both > high + slack)),
        "two outcomes with these risks can't have this correlation",
        {"events_a": pair.a, "events_b": pair.b, "total": n, "r": pair.r},
        "State a smaller r for this trial.",
    )
