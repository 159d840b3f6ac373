"""The test of skewness that comes before a median is turned into a mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.columns import BoolArray, FloatArray, blank
from bmac_meta.stats.spread_quantiles import read_ordered

Scenario = Literal["range", "quartiles", "five numbers"]


@dataclass(frozen=True, slots=True, eq=False)
class SkewnessTest:
    """The test of skewness at the 5% level: `skewed` where `statistic` exceeds `critical`; one shape each.

    `statistic` is 0 for a symmetric summary and never negative; `scenario` says which numbers it used.
    """

    statistic: FloatArray
    critical: FloatArray
    skewed: BoolArray
    scenario: Scenario


def skewness_from_quartiles(
    *,
    median: ArrayLike,
    n: ArrayLike,
    q1: ArrayLike | None = None,
    q3: ArrayLike | None = None,
    minimum: ArrayLike | None = None,
    maximum: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> SkewnessTest:
    """Test at the 5% level whether a median with quartiles, a range, or both comes from skewed data.

    With R = |minimum + maximum − 2·median|/(maximum − minimum) and Q = |q1 + q3 − 2·median|/(q3 − q1):

    - range (the authors' S1): R against 1/ln(n + 9) + 2.5/(n + 1);
    - quartiles (S2): Q against 2.65/sqrt(n) − 6/n²;
    - five numbers (S3): max(2.65·ln(0.6n)/sqrt(n)·R, Q) against 3/sqrt(n) − 40/n³.

    Skewed data should not be turned into a mean and a standard deviation. Raises `InputError` for a summary
    that is incomplete, out of order or without width, and for fewer than 5 patients. Shi, Luo, Wan et al.
    2023, doi:10.1177/09622802231172043.

    >>> test = skewness_from_quartiles(q1=4, median=6, q3=14, n=20)
    >>> round(float(test.statistic), 4), round(float(test.critical), 4), bool(test.skewed)
    (0.6, 0.5776, True)
    """
    ends = {"minimum": minimum, "q1": q1, "median": median, "q3": q3, "maximum": maximum}
    given = {name: values for name, values in ends.items() if values is not None}
    if tuple(given) == ("q1", "median", "q3"):
        return _skewed_quartiles(*read_ordered(given, n, mask))
    if tuple(given) == ("minimum", "median", "maximum"):
        return _skewed_range(*read_ordered(given, n, mask))
    if len(given) == len(ends):
        return _skewed_five_numbers(*read_ordered(given, n, mask))
    raise InputError(
        f"The skewness test needs the median with q1 and q3, with minimum and maximum, or with all four; "
        f"here are {', '.join(given)}. Give the missing one, or leave out its partner."
    )


def _skewed_range(
    minimum: FloatArray, median: FloatArray, maximum: FloatArray, n: FloatArray, present: BoolArray
) -> SkewnessTest:
    critical = 1 / np.log(n + 9) + 2.5 / (n + 1)
    return _skewness_test(_asymmetry(minimum, median, maximum), critical, "range", present)


def _skewed_quartiles(
    q1: FloatArray, median: FloatArray, q3: FloatArray, n: FloatArray, present: BoolArray
) -> SkewnessTest:
    return _skewness_test(_asymmetry(q1, median, q3), 2.65 / np.sqrt(n) - 6 / n**2, "quartiles", present)


def _skewed_five_numbers(
    minimum: FloatArray,
    q1: FloatArray,
    median: FloatArray,
    q3: FloatArray,
    maximum: FloatArray,
    n: FloatArray,
    present: BoolArray,
) -> SkewnessTest:
    outer = 2.65 * np.log(0.6 * n) / np.sqrt(n) * _asymmetry(minimum, median, maximum)
    statistic = np.maximum(outer, _asymmetry(q1, median, q3))
    return _skewness_test(statistic, 3 / np.sqrt(n) - 40 / n**3, "five numbers", present)


def _skewness_test(statistic: FloatArray, critical: FloatArray, scenario: Scenario, present: BoolArray) -> SkewnessTest:
    skewed = (present & (statistic > critical))[()]
    return SkewnessTest(blank(statistic, present), blank(critical, present), skewed, scenario)


def _asymmetry(low: FloatArray, middle: FloatArray, high: FloatArray) -> FloatArray:
    return np.abs((high - middle) - (middle - low)) / (high - low)
