"""Standardized mean differences of two independent arms."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.columns import POSITIVE, FloatArray
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.hedges import SmdCorrection, smd_correction, unbiased_variance_factor
from bmac_meta.stats.two_means import TwoMeans, read_two_means

SmdVariance = Literal["ls", "unbiased", "borenstein", "revman"]


def standardized_mean_difference(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    variance: SmdVariance = "ls",
    correction: SmdCorrection = "exact",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return standardized mean differences A − B: Hedges' g, with the pooled standard deviation as unit.

    With N = n_a + n_b, m = N − 2, d the uncorrected and g = J·d the corrected difference, `variance` is

    - ``"ls"``: 1/n_a + 1/n_b + g²/(2N), the large-sample form (Hedges 1982, doi:10.1037/0033-2909.92.2.490);
    - ``"unbiased"``: 1/n_a + 1/n_b + (1 − (m−2)/(m·J²))·g² (Hedges 1983, doi:10.1037/0033-2909.93.2.388);
    - ``"borenstein"``: J²·(1/n_a + 1/n_b + d²/(2N)) (Borenstein 2009, Handbook of Research
      Synthesis and Meta-Analysis, 2nd ed., equation 12.17);
    - ``"revman"``: N/(n_a·n_b) + g²/(2(N − 3.94)) (Deeks & Higgins 2010, algorithms of Review Manager 5).

    `correction` is ``"exact"`` for the J of Hedges 1981, ``"approximate"`` for 1 − 3/(4m − 1), which Review
    Manager uses, or ``"none"`` for Cohen's d; the unbiased variance belongs to the exact one only. A trial
    with N of 3 or less is not included. Raises `InputError` as `mean_difference` does, and for standard
    deviations of 0.

    >>> effect = standardized_mean_difference(mean_a=55, sd_a=47, n_a=155, mean_b=75, sd_b=64, n_b=156)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)  # Normand 1999, first trial
    (-0.3552, 0.0131)
    """
    variance_formula = _SMD_VARIANCES[check_word("variance of an SMD", variance, _SMD_VARIANCES)]
    if variance == "unbiased" and correction != "exact":
        raise InputError(
            f"The unbiased variance is that of an SMD with the exact correction; here it is {correction!r}. "
            "Choose another variance, or correction='exact'."
        )
    arms = read_two_means(POSITIVE, mean_a, sd_a, n_a, mean_b, sd_b, n_b, mask)
    factor = smd_correction(arms.df, correction)
    g = factor * (arms.mean_a - arms.mean_b) / arms.pooled_sd
    return effect_sizes("SMD", g, variance_formula(arms, g, factor), arms.present & arms.enough)


def standardized_mean_difference_heteroscedastic(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return standardized mean differences A − B for arms of unequal spread.

    The unit is s = sqrt((sd_a² + sd_b²)/2), corrected by the exact J with n_a + n_b − 2 degrees of freedom.
    The variance is J² times Bonett's, taken at the corrected estimate g: g²·(sd_a⁴/(n_a−1) +
    sd_b⁴/(n_b−1))/(8s⁴) + (sd_a²/(n_a−1) + sd_b²/(n_b−1))/s². An arm of one patient leaves the trial out.
    Raises `InputError` as `standardized_mean_difference` does. Bonett 2008, doi:10.1037/1082-989X.13.2.99;
    2009, doi:10.1037/a0016619.

    >>> effect = standardized_mean_difference_heteroscedastic(
    ...     mean_a=55, sd_a=47, n_a=155, mean_b=75, sd_b=64, n_b=156
    ... )
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)  # Normand 1999, first trial
    (-0.3553, 0.0131)
    """
    arms = read_two_means(POSITIVE, mean_a, sd_a, n_a, mean_b, sd_b, n_b, mask)
    enough = arms.enough & (arms.n_a > 1) & (arms.n_b > 1)
    unit = np.sqrt((arms.sd_a**2 + arms.sd_b**2) / 2)
    factor = smd_correction(arms.df)
    g = factor * (arms.mean_a - arms.mean_b) / unit
    part_a = (arms.sd_a / unit) ** 2 / np.where(enough, arms.n_a - 1, 1)
    part_b = (arms.sd_b / unit) ** 2 / np.where(enough, arms.n_b - 1, 1)
    curvature = (part_a * (arms.sd_a / unit) ** 2 + part_b * (arms.sd_b / unit) ** 2) / 8
    return effect_sizes("SMDH", g, factor**2 * (g**2 * curvature + part_a + part_b), arms.present & enough)


def _ls(arms: TwoMeans, g: FloatArray, factor: FloatArray) -> FloatArray:
    return 1 / arms.n_a + 1 / arms.n_b + g**2 / (2 * (arms.n_a + arms.n_b))


def _unbiased(arms: TwoMeans, g: FloatArray, factor: FloatArray) -> FloatArray:
    return 1 / arms.n_a + 1 / arms.n_b + unbiased_variance_factor(arms.df) * g**2


def _borenstein(arms: TwoMeans, g: FloatArray, factor: FloatArray) -> FloatArray:
    return factor**2 * (1 / arms.n_a + 1 / arms.n_b) + g**2 / (2 * (arms.n_a + arms.n_b))


def _revman(arms: TwoMeans, g: FloatArray, factor: FloatArray) -> FloatArray:
    return 1 / arms.n_a + 1 / arms.n_b + g**2 / (2 * (arms.df + 2 - 3.94))


_SMD_VARIANCES = {"ls": _ls, "unbiased": _unbiased, "borenstein": _borenstein, "revman": _revman}
