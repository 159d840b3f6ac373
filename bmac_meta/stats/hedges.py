"""The small-sample correction of standardized mean differences."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gamma

from bmac_meta.errors import check_word
from bmac_meta.stats.columns import POSITIVE, FloatArray, read_columns, refuse_where

SmdCorrection = Literal["exact", "approximate", "none"]

# From here on the series is exact to a double; below it, so are the gamma functions themselves.
SERIES_FROM = 80.0


def hedges_correction(df: ArrayLike) -> FloatArray:
    """Return the factor J that makes a standardized mean difference with these degrees of freedom unbiased.

    J = Γ(df/2)/(sqrt(df/2)·Γ((df−1)/2)), exact to a few units in the last place for every df above 1, also
    where a difference of log-gamma functions loses half the digits. Raises `InputError` for df of 1 or less,
    for which the expectation does not exist. Hedges 1981, doi:10.3102/10769986006002107.

    >>> round(float(hedges_correction(10)), 4)
    0.9227
    """
    (df, _) = read_columns({"df": (df, POSITIVE)})
    refuse_where(df <= 1, "the correction does not exist for 1 degree of freedom or fewer", {"df": df}, "Leave it out.")
    large = np.sqrt((df - 1) / df) * np.exp(_series(df))
    return np.where(df < SERIES_FROM, _gamma_ratio(df), large)[()]


def unbiased_variance_factor(df: FloatArray) -> FloatArray:
    """Return 1 − (df − 2)/(df·J²), the weight of g² in the unbiased variance of g, for df above 1.

    Hedges 1983, doi:10.1037/0033-2909.93.2.388.

    >>> float(unbiased_variance_factor(np.float64(2.0)))
    1.0
    """
    # For large df the difference from 1 is formed before it is lost: J² = (df − 1)/df·exp(2s), s the series.
    series = 2 * _series(df)
    large = np.exp(-series) / (np.maximum(df, SERIES_FROM) - 1) - np.expm1(-series)
    return np.where(df < SERIES_FROM, 1 - (df - 2) / (df * _gamma_ratio(df) ** 2), large)


def _gamma_ratio(df: FloatArray) -> FloatArray:
    df = np.minimum(df, SERIES_FROM)
    return gamma(df / 2) / (np.sqrt(df / 2) * gamma((df - 1) / 2))


def _series(df: FloatArray) -> FloatArray:
    # ln[Γ(x + 1/2) / (Γ(x)·sqrt(x))] as a series in 1/x, with x = (df − 1)/2.
    x = (np.maximum(df, SERIES_FROM) - 1) / 2
    square = 1 / x**2
    return (-1 / 8 + square * (1 / 192 + square * (-1 / 640 + square * (17 / 14336)))) / x


def smd_correction(df: FloatArray, correction: SmdCorrection = "exact") -> FloatArray:
    """Return the factor that turns d into g: exact, the approximation 1 − 3/(4·df − 1), or none."""
    return _CORRECTIONS[check_word("correction of an SMD", correction, _CORRECTIONS)](df)


_CORRECTIONS = {
    "exact": hedges_correction,
    "approximate": lambda df: 1 - 3 / (4 * df - 1),
    "none": np.ones_like,
}
