"""Means of two treatments in the same patients (both knees, cross-over), with a stated correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.stats.columns import (
    CORRELATION,
    NUMBER,
    POSITIVE,
    SHARE,
    SIZE,
    SPREAD,
    BoolArray,
    FloatArray,
    Rule,
    blank,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.hedges import hedges_correction
from bmac_meta.stats.spread import variance_of_change


def paired_mean_difference(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return mean differences A − B between two treatments that the same n patients had.

    The variance is (sd_a² + sd_b² − 2·r·sd_a·sd_b)/n, with r the correlation of the two outcomes within
    patients; n counts patients, not knees. Where `mask` is False the trial is left out. Raises `InputError`
    for missing values, negative SDs, r not strictly between −1 and 1, and sizes below 1. Elbourne et al.
    2002, doi:10.1093/ije/31.1.140; Cochrane Handbook 23.2.7.

    >>> effect = paired_mean_difference(mean_a=7.0, sd_a=2.38, mean_b=6.5, sd_b=2.21, n=10, r=0.68)
    >>> float(effect.estimate), round(float(effect.se), 3)  # Cochrane Handbook 5.1, 16.4.6.4
    (0.5, 0.583)
    """
    pair = _read_means(SPREAD, mean_a, sd_a, mean_b, sd_b, n, r, mask)
    return effect_sizes("MD", pair.mean_a - pair.mean_b, pair.variance / pair.n, pair.present)


def paired_standardized_mean_difference(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return standardized mean differences A − B of a paired design, in the units of parallel trials.

    The unit is the spread between patients, s = sqrt((sd_a² + sd_b²)/2), corrected by the exact J with 2(n
    − 1)/(1 + r²) degrees of freedom; the variance is (sd_a² + sd_b² − 2·r·sd_a·sd_b)/(n·s²) + g²(1 +
    r²)/(4n), which for r = 0 is that of parallel arms. An n of which no more than 1 degree of freedom is
    left is not included. Raises `InputError` as `paired_mean_difference` does, and for SDs of 0. Bonett
    2008, doi:10.1037/1082-989X.13.2.99; Cousineau 2020, doi:10.20982/tqmp.16.4.p418.

    >>> effect = paired_standardized_mean_difference(
    ...     mean_a=7.0, sd_a=2.38, mean_b=6.5, sd_b=2.21, n=1000, r=0.68
    ... )
    >>> round(float(effect.estimate), 3)  # Cochrane Handbook 5.1, 16.4.6.4, has 0.218 for n = 10, uncorrected
    0.218
    """
    pair = _read_means(POSITIVE, mean_a, sd_a, mean_b, sd_b, n, r, mask)
    df = 2 * (pair.n - 1) / (1 + pair.r**2)
    enough = df > 1
    square = (pair.sd_a**2 + pair.sd_b**2) / 2
    g = hedges_correction(np.where(enough, df, 2.0)) * (pair.mean_a - pair.mean_b) / np.sqrt(square)
    variance = pair.variance / (pair.n * square) + g**2 * (1 + pair.r**2) / (4 * pair.n)
    return effect_sizes("SMD", g, variance, pair.present & enough)


def effective_sample_size(
    *, units: ArrayLike, patients: ArrayLike, icc: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return how many independent patients an arm of several units per patient (knees) is worth.

    units/(1 + (units/patients − 1)·icc), with icc the correlation of two units of one patient: the number
    of units for icc = 0, of patients for icc = 1. Raises `InputError` for more patients than units, sizes
    below 1, or an icc outside 0 to 1. Cochrane Handbook 23.1.4.

    >>> float(effective_sample_size(units=30, patients=20, icc=0.5))
    24.0
    """
    units, patients, icc, present = read_columns(
        {"units": (units, SIZE), "patients": (patients, SIZE), "icc": (icc, SHARE)}, mask
    )
    refuse_where(
        present & (patients > units),
        "there are more patients than units",
        {"units": units, "patients": patients},
        "Every patient has at least one.",
    )
    return blank(units / (1 + (units / patients - 1) * icc), present)


@dataclass(frozen=True, slots=True)
class PairedMeans:
    """The checked columns of two treatments in the same patients, with means."""

    mean_a: FloatArray
    sd_a: FloatArray
    mean_b: FloatArray
    sd_b: FloatArray
    n: FloatArray
    r: FloatArray
    present: BoolArray

    @property
    def variance(self) -> FloatArray:
        """The variance of a patient's difference."""
        return variance_of_change(self.sd_a, self.sd_b, self.r)


def _read_means(
    spread: Rule,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    mask: ArrayLike | None,
) -> PairedMeans:
    columns = {
        "mean_a": (mean_a, NUMBER),
        "sd_a": (sd_a, spread),
        "mean_b": (mean_b, NUMBER),
        "sd_b": (sd_b, spread),
        "n": (n, SIZE),
        "r": (r, CORRELATION),
    }
    return PairedMeans(*read_columns(columns, mask))
