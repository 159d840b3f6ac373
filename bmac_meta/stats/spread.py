"""Standard deviations and standard errors from what papers print instead of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from bmac_meta.errors import check_word
from bmac_meta.stats.columns import (
    CORRELATION,
    NUMBER,
    POSITIVE,
    PROBABILITY,
    SIZE,
    SPREAD,
    BoolArray,
    FloatArray,
    blank,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.ratios import log_ratio

Quantile = Literal["t", "z"]


def sd_from_se(*, se: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the standard deviation of one arm from the standard error of its mean: SE·sqrt(n).

    Raises `InputError` for missing values, a negative SE, or fewer than 1 patient. Cochrane Handbook 6.5.2.2.

    >>> float(sd_from_se(se=2, n=25))
    10.0
    """
    se, n, present = read_columns({"se": (se, SPREAD), "n": (n, SIZE)}, mask)
    return blank(se * np.sqrt(n), present)


def sd_from_ci(
    *,
    low: ArrayLike,
    high: ArrayLike,
    n: ArrayLike,
    level: ArrayLike = 0.95,
    quantile: Quantile = "t",
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return the standard deviation of one arm from the confidence interval of its mean.

    SD = sqrt(n)·(high − low)/(2q), where q is the quantile of t with n − 1 degrees of freedom, or with
    `quantile="z"` that of the normal distribution, for intervals known to be made with it. Raises
    `InputError` for limits that are equal or reversed and for fewer than 2 patients. Cochrane Handbook
    6.5.2.2.

    >>> round(float(sd_from_ci(low=30.0, high=34.2, n=25)), 2)
    5.09
    """
    check_word("quantile", quantile, ["t", "z"])
    n, present = read_columns({"n": (n, SIZE)}, mask)
    refuse_where(present & (n < 2), "one patient has no standard deviation", {"n": n}, "Leave the arm out.")
    df = n - 1 if quantile == "t" else None
    return blank(np.sqrt(n) * se_from_ci(low=low, high=high, level=level, df=df, mask=mask), present)


def se_from_ci(
    *,
    low: ArrayLike,
    high: ArrayLike,
    level: ArrayLike = 0.95,
    df: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return the standard error of any estimate from its symmetric confidence interval.

    SE = (high − low)/(2q), with q of the normal distribution, or of t when `df` is given (n_a + n_b − 2 for
    a difference between two arms). For ratios use `se_from_ratio_ci`. Raises `InputError` for limits that
    are equal or reversed, or a level outside 0 to 1. Cochrane Handbook 6.5.2.3 and 6.3.1.

    >>> round(float(se_from_ci(low=1, high=3)), 4)
    0.5102
    """
    low, high, present = read_columns({"low": (low, NUMBER), "high": (high, NUMBER)}, mask)
    _refuse_reversed(low, high, present)
    return blank((high - low) / (2 * _two_sided_quantile(level, df, present)), present)


def se_from_ratio_ci(
    *, low: ArrayLike, high: ArrayLike, level: ArrayLike = 0.95, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard error of the logarithm of a ratio from the confidence interval of the ratio.

    SE = (ln high − ln low)/(2z). Raises `InputError` for limits of 0 or less, equal or reversed.
    Cochrane Handbook 6.3.2.

    >>> round(float(se_from_ratio_ci(low=0.5, high=2)), 4)
    0.3537
    """
    low, high, present = read_columns({"low": (low, POSITIVE), "high": (high, POSITIVE)}, mask)
    _refuse_reversed(low, high, present)
    return blank(log_ratio(high, low) / (2 * _two_sided_quantile(level, None, present)), present)


def se_from_p(
    *, estimate: ArrayLike, p: ArrayLike, df: ArrayLike | None = None, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard error of an estimate from its two-sided p value.

    SE = |estimate|/q(1 − p/2), with q of t when `df` is given (n_a + n_b − 2 for a difference between two
    arms), else of the normal distribution; a ratio enters as its logarithm. Raises `InputError` for an
    estimate of 0, from which nothing follows, and for p outside 0 to 1. Cochrane Handbook 6.5.2.3 and
    6.3.2.

    >>> round(float(se_from_p(estimate=3.8, p=0.008, df=25 + 22 - 2)), 2)
    1.37
    """
    estimate, p, present = read_columns({"estimate": (estimate, NUMBER), "p": (p, PROBABILITY)}, mask)
    _refuse_zero(estimate, "estimate", present)
    return blank(np.abs(estimate) / _upper_quantile(p / 2, df, present), present)


def se_from_t(*, estimate: ArrayLike, t: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the standard error of an estimate from its t (or z) value: |estimate/t|.

    Raises `InputError` for an estimate or a t value of 0. Cochrane Handbook 6.5.2.3.

    >>> round(float(se_from_t(estimate=3.8, t=2.78)), 2)
    1.37
    """
    estimate, t, present = read_columns({"estimate": (estimate, NUMBER), "t": (t, NUMBER)}, mask)
    _refuse_zero(estimate, "estimate", present)
    _refuse_zero(t, "t", present)
    return blank(np.abs(estimate / t), present)


def sd_from_difference_se(
    *, se: ArrayLike, n_a: ArrayLike, n_b: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard deviation within arms from the standard error of the difference of their means.

    SD = SE/sqrt(1/n_a + 1/n_b), one value for both arms. Raises `InputError` for a negative SE or fewer
    than 1 patient. Cochrane Handbook 6.5.2.3.

    >>> round(float(sd_from_difference_se(se=1.37, n_a=25, n_b=22)), 2)
    4.69
    """
    se, n_a, n_b, present = read_columns({"se": (se, SPREAD), "n_a": (n_a, SIZE), "n_b": (n_b, SIZE)}, mask)
    return blank(se / np.sqrt(1 / n_a + 1 / n_b), present)


def pooled_sd(
    *, sd_a: ArrayLike, n_a: ArrayLike, sd_b: ArrayLike, n_b: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard deviation within two arms, pooled with their degrees of freedom as weights.

    Raises `InputError` for negative SDs or fewer than 3 patients together. Cochrane Handbook 10.3.1.

    >>> round(float(pooled_sd(sd_a=47, n_a=155, sd_b=64, n_b=156)), 2)
    56.17
    """
    columns = {"sd_a": (sd_a, SPREAD), "n_a": (n_a, SIZE), "sd_b": (sd_b, SPREAD), "n_b": (n_b, SIZE)}
    sd_a, n_a, sd_b, n_b, present = read_columns(columns, mask)
    refuse_where(
        present & (n_a + n_b <= 2), "there are fewer than 3 patients", {"n_a": n_a, "n_b": n_b}, "Leave the trial out."
    )
    return blank(np.sqrt(((n_a - 1) * sd_a**2 + (n_b - 1) * sd_b**2) / (n_a + n_b - 2)), present)


def change_sd(
    *, sd_baseline: ArrayLike, sd_final: ArrayLike, r: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the standard deviation of the change from baseline, given the correlation of the two scores.

    SD² = sd_baseline² + sd_final² − 2·r·sd_baseline·sd_final. Raises `InputError` for negative SDs and for
    r that is not strictly between −1 and 1. Cochrane Handbook 6.5.2.8.

    >>> round(float(change_sd(sd_baseline=6.4, sd_final=7.1, r=0.80)), 2)
    4.32
    """
    columns = {"sd_baseline": (sd_baseline, SPREAD), "sd_final": (sd_final, SPREAD), "r": (r, CORRELATION)}
    baseline, final, r, present = read_columns(columns, mask)
    return blank(np.sqrt(variance_of_change(baseline, final, r)), present)


def variance_of_change(sd_baseline: FloatArray, sd_final: FloatArray, r: FloatArray) -> FloatArray:
    """Return the variance of the difference of two correlated scores, from columns already checked."""
    # Written so that nothing cancels when the two SDs are equal and r is near 1.
    return (sd_baseline - sd_final) ** 2 + 2 * (1 - r) * sd_baseline * sd_final


def correlation_from_sds(
    *, sd_baseline: ArrayLike, sd_final: ArrayLike, sd_change: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the correlation of baseline and final scores that three printed standard deviations imply.

    r = (sd_baseline² + sd_final² − sd_change²)/(2·sd_baseline·sd_final). Raises `InputError` for SDs of 0
    or less, and where no correlation fits the three. Cochrane Handbook 6.5.2.8.

    >>> round(float(correlation_from_sds(sd_baseline=6.4, sd_final=7.1, sd_change=4.5)), 2)
    0.78
    """
    columns = {
        name: (values, POSITIVE)
        for name, values in (("sd_baseline", sd_baseline), ("sd_final", sd_final), ("sd_change", sd_change))
    }
    baseline, final, change, present = read_columns(columns, mask)
    r = (baseline**2 + final**2 - change**2) / (2 * baseline * final)
    refuse_where(
        present & (np.abs(r) > 1),
        "no correlation fits the three standard deviations",
        {"sd_baseline": baseline, "sd_final": final, "sd_change": change},
        "One of them is probably a standard error or a misprint.",
    )
    return blank(r, present)


def _two_sided_quantile(level: ArrayLike, df: ArrayLike | None, present: BoolArray) -> FloatArray:
    level, _ = read_columns({"level": (level, PROBABILITY)})
    return _upper_quantile((1 - level) / 2, df, present)


def _upper_quantile(tail: FloatArray, df: ArrayLike | None, present: BoolArray) -> FloatArray:
    if df is None:
        return -ndtri(tail)
    df, _ = read_columns({"df": (df, POSITIVE)}, present)
    return -stdtrit(df, tail)


def _refuse_reversed(low: FloatArray, high: FloatArray, present: BoolArray) -> None:
    refuse_where(
        present & (low >= high),
        "the lower limit is not below the upper one",
        {"low": low, "high": high},
        "Check the order and the signs of the limits.",
    )


def _refuse_zero(values: FloatArray, name: str, present: BoolArray) -> None:
    reason = f"{name} is 0, from which no standard error follows"
    refuse_where(present & (values == 0), reason, {name: values}, "Leave it out.")
