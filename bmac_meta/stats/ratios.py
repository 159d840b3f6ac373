"""Logarithms of ratios without loss of digits."""

from __future__ import annotations

import numpy as np

from bmac_meta.stats.columns import FloatArray


def log_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return ln(numerator/denominator) of positive numbers, exact also when the two are nearly equal.

    Swapping the two turns the sign and changes no digit.

    >>> float(log_ratio(1 + 2**-40, 1.0)) == 2**-40 - 2**-81
    True
    """
    larger = np.maximum(numerator, denominator)
    smaller = np.minimum(numerator, denominator)
    return np.where(numerator >= denominator, 1.0, -1.0) * np.log1p((larger - smaller) / smaller)
