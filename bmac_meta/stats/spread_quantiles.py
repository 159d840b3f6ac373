"""Means and standard deviations of normal data from medians, quartiles and ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from bmac_meta.stats.columns import (
    NUMBER,
    SIZE,
    SPREAD,
    BoolArray,
    FloatArray,
    blank,
    read_columns,
    refuse_where,
)


def sd_from_quartiles(*, q1: ArrayLike, q3: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the standard deviation of normal data from the quartiles.

    SD = (q3 − q1)/(2Φ⁻¹((0.75n − 0.125)/(n + 0.25))). Raises `InputError` for quartiles that are equal or
    reversed and for fewer than 5 patients. Wan, Wang, Liu & Tong 2014, equation 16,
    doi:10.1186/1471-2288-14-135.

    >>> round(float(sd_from_quartiles(q1=8, q3=13, n=20)), 4)
    3.9892
    """
    q1, q3, n, present = read_ordered({"q1": q1, "q3": q3}, n, mask)
    return blank((q3 - q1) / _interquartile_width(n), present)


def sd_from_iqr(*, iqr: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the standard deviation of normal data from the width between the quartiles.

    As `sd_from_quartiles`, for papers that print only the width. Raises `InputError` for a negative width and
    for fewer than 5 patients. Wan et al. 2014, equation 16, doi:10.1186/1471-2288-14-135.

    >>> round(float(sd_from_iqr(iqr=5, n=20)), 4)
    3.9892
    """
    iqr, n, present = read_columns({"iqr": (iqr, SPREAD), "n": (n, SIZE)}, mask)
    _refuse_few(n, present)
    return blank(iqr / _interquartile_width(n), present)


def sd_from_range(*, minimum: ArrayLike, maximum: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the standard deviation of normal data from the range.

    SD = (maximum − minimum)/(2Φ⁻¹((n − 0.375)/(n + 0.25))). Raises `InputError` for a range that is empty
    or reversed and for fewer than 5 patients. Wan et al. 2014, equation 9, doi:10.1186/1471-2288-14-135.

    >>> round(float(sd_from_range(minimum=3, maximum=20, n=20)), 4)
    4.5497
    """
    minimum, maximum, n, present = read_ordered({"minimum": minimum, "maximum": maximum}, n, mask)
    return blank((maximum - minimum) / _range_width(n), present)


def sd_from_five_numbers(
    *, minimum: ArrayLike, q1: ArrayLike, q3: ArrayLike, maximum: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard deviation of normal data from the range and the quartiles together.

    The estimates of `sd_from_range` and `sd_from_quartiles` with weights w and 1 − w, w = 1/(1 +
    0.07·n^0.6). Raises `InputError` for numbers out of order and for fewer than 5 patients. Shi, Luo, Weng
    et al. 2020, equation 10, doi:10.1002/jrsm.1429.

    >>> round(float(sd_from_five_numbers(minimum=3, q1=8, q3=13, maximum=20, n=20)), 4)
    4.3833
    """
    minimum, q1, q3, maximum, n, present = read_ordered(
        {"minimum": minimum, "q1": q1, "q3": q3, "maximum": maximum}, n, mask
    )
    weight = 1 / (1 + 0.07 * n**0.6)
    return blank(
        weight * (maximum - minimum) / _range_width(n) + (1 - weight) * (q3 - q1) / _interquartile_width(n), present
    )


def mean_from_quartiles(
    *, q1: ArrayLike, median: ArrayLike, q3: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the mean of normal data from the median and the quartiles.

    w·(q1 + q3)/2 + (1 − w)·median with w = 0.7 + 0.39/n. Raises `InputError` for numbers out of order and
    for fewer than 5 patients. Luo, Wan, Liu & Tong 2018, doi:10.1177/0962280216669183.

    >>> round(float(mean_from_quartiles(q1=6, median=9, q3=17, n=30)), 4)
    10.7825
    """
    q1, median, q3, n, present = read_ordered({"q1": q1, "median": median, "q3": q3}, n, mask)
    weight = 0.7 + 0.39 / n
    return blank(weight * (q1 + q3) / 2 + (1 - weight) * median, present)


def mean_from_range(
    *, minimum: ArrayLike, median: ArrayLike, maximum: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the mean of normal data from the median and the range.

    w·(minimum + maximum)/2 + (1 − w)·median with w = 4/(4 + n^0.75). Raises `InputError` for numbers out of
    order and for fewer than 5 patients. Luo et al. 2018, doi:10.1177/0962280216669183.

    >>> round(float(mean_from_range(minimum=3, median=10, maximum=20, n=20)), 4)
    10.4459
    """
    minimum, median, maximum, n, present = read_ordered(
        {"minimum": minimum, "median": median, "maximum": maximum}, n, mask
    )
    weight = 4 / (4 + n**0.75)
    return blank(weight * (minimum + maximum) / 2 + (1 - weight) * median, present)


def mean_from_five_numbers(
    *,
    minimum: ArrayLike,
    q1: ArrayLike,
    median: ArrayLike,
    q3: ArrayLike,
    maximum: ArrayLike,
    n: ArrayLike,
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return the mean of normal data from minimum, quartiles, median and maximum.

    v·(minimum + maximum)/2 + w·(q1 + q3)/2 + (1 − v − w)·median with v = 2.2/(2.2 + n^0.75) and
    w = 0.7 − 0.72/n^0.55. Raises `InputError` for numbers out of order and for fewer than 5 patients.
    Luo et al. 2018, doi:10.1177/0962280216669183.

    >>> round(float(mean_from_five_numbers(minimum=3, q1=8, median=10, q3=13, maximum=20, n=20)), 4)
    10.5638
    """
    columns = {"minimum": minimum, "q1": q1, "median": median, "q3": q3, "maximum": maximum}
    minimum, q1, median, q3, maximum, n, present = read_ordered(columns, n, mask)
    outer = 2.2 / (2.2 + n**0.75)
    inner = 0.7 - 0.72 / n**0.55
    return blank(outer * (minimum + maximum) / 2 + inner * (q1 + q3) / 2 + (1 - outer - inner) * median, present)


def _interquartile_width(n: FloatArray) -> FloatArray:
    return 2 * ndtri((0.75 * n - 0.125) / (n + 0.25))


def _range_width(n: FloatArray) -> FloatArray:
    # Upper tail, so that a large n loses no digits: 1 − (n − 0.375)/(n + 0.25) = 0.625/(n + 0.25).
    return -2 * ndtri(0.625 / (n + 0.25))


def read_ordered(columns: dict[str, ArrayLike], n: ArrayLike, mask: ArrayLike | None = None) -> tuple[FloatArray, ...]:
    """Return a summary in ascending order, n, and which cells are present, checked for order, width and size."""
    rules = {**{name: (values, NUMBER) for name, values in columns.items()}, "n": (n, SIZE)}
    *numbers, n, present = read_columns(rules, mask)
    numbers = [np.where(present, values, float(place)) for place, values in enumerate(numbers)]
    _refuse_few(n, present)
    named = dict(zip(columns, numbers, strict=True))
    order = " ≤ ".join(columns)
    unordered = np.any(np.diff(np.stack(numbers), axis=0) < 0, axis=0)
    refuse_where(unordered, f"{order} does not hold", named, "Check the numbers against the paper.")
    pairs = [(low, high) for low, high in (("minimum", "maximum"), ("q1", "q3")) if low in named]
    for low, high in pairs:
        ends = {low: named[low], high: named[high]}
        refuse_where(
            named[low] == named[high],
            f"{low} and {high} are equal",
            ends,
            "Nothing follows about the spread.",
        )
    return (*numbers, n, present)


def _refuse_few(n: FloatArray, present: BoolArray) -> None:
    reason = "the formulas do not hold for fewer than 5 patients"
    refuse_where(present & (n < 5), reason, {"n": n}, "Leave the arm out.")
