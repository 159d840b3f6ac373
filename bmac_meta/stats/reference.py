"""Reference distributions: critical values and p-values of t and normal, of F and chi-squared.

Infinite degrees of freedom mean the normal, or the chi-squared, distribution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, stdtr, stdtrit

FEW = 64


def critical(level: float, degrees: NDArray) -> NDArray:
    """Return the two-sided critical value of t at a confidence level; NaN without degrees of freedom."""
    if degrees.size > FEW:
        different, place = np.unique(degrees, return_inverse=True)
        return critical(level, different)[place] if different.size <= FEW else _quantile(level, degrees)
    return _quantile(level, degrees)


def _quantile(level: float, degrees: NDArray) -> NDArray:
    return stdtrit(np.where(degrees > 0.0, degrees, np.nan), 0.5 + 0.5 * level)


def two_sided(statistic: NDArray, degrees: NDArray) -> NDArray:
    """Return the two-sided p-value of a t statistic; NaN where there is no degree of freedom."""
    return 2.0 * stdtr(np.where(degrees > 0.0, degrees, np.nan), -np.abs(statistic))


def upper_chi2(statistic: NDArray, degrees: NDArray) -> NDArray:
    """Return the upper tail of chi-squared; 1 where there is no degree of freedom."""
    return np.where(degrees > 0.0, chdtrc(np.maximum(degrees, 1.0), np.maximum(statistic, 0.0)), 1.0)


def upper_f(statistic: NDArray, numerator: NDArray, denominator: NDArray) -> NDArray:
    """Return the upper tail of F; with an infinite denominator, chi-squared over its degrees of freedom."""
    finite = np.isfinite(denominator)
    tail = fdtrc(numerator, np.where(finite, denominator, 1.0), np.maximum(statistic, 0.0))
    return np.where(finite, tail, upper_chi2(statistic * numerator, numerator))
