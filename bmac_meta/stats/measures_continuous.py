"""Mean differences, also in per cent of the scale, and ratios of means of two independent arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import check_word
from bmac_meta.stats.columns import (
    NUMBER,
    SMALLEST,
    SPREAD,
    FloatArray,
    read_columns,
    refuse_empty_scale,
    refuse_where,
)
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.ratios import log_ratio
from bmac_meta.stats.two_means import TwoMeans, read_two_means

RatioCorrection = Literal["delta", "none"]

# A masked scale must have some width too.
_TOP = replace(NUMBER, filler=2.0)


def mean_difference(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return mean differences A − B in the units of the instrument.

    Inputs broadcast to one shape; the variance is sd_a²/n_a + sd_b²/n_b, without assuming equal spread.
    Where `mask` is False the trial is left out. Raises `InputError` for missing values, negative SDs, sizes
    below 1, and trials with no spread in either arm. Cochrane Handbook 10.3.1.

    >>> effect = mean_difference(mean_a=55, sd_a=47, n_a=155, mean_b=75, sd_b=64, n_b=156)
    >>> float(effect.estimate), round(float(effect.variance), 3)  # Normand 1999, stroke, first trial
    (-20.0, 40.508)
    """
    arms = read_two_means(SPREAD, mean_a, sd_a, n_a, mean_b, sd_b, n_b, mask)
    return effect_sizes("MD", arms.mean_a - arms.mean_b, arms.variance_of_difference, arms.present)


def ratio_of_means(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    correction: RatioCorrection = "delta",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return logarithms of the ratio of means A/B.

    With v = sd²/(n·mean²) of each arm the estimate is ln(mean_a/mean_b) + (v_a − v_b)/2, which removes the
    bias of the logarithm to first order, and its variance v_a + v_b; ``correction="none"`` leaves out the
    second term of the estimate. A trial whose means differ in sign, or where one is 0, has no such ratio
    and is not included. Raises `InputError` as `mean_difference` does. Hedges, Gurevitch & Curtis 1999,
    doi:10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2; Lajeunesse 2015, doi:10.1890/14-2402.1.

    >>> effect = ratio_of_means(
    ...     mean_a=55, sd_a=47, n_a=155, mean_b=75, sd_b=64, n_b=156, correction="none"
    ... )
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)  # Normand 1999, first trial
    (-0.3102, 0.0094)
    """
    check_word("correction of a ratio of means", correction, ["delta", "none"])
    arms = read_two_means(SPREAD, mean_a, sd_a, n_a, mean_b, sd_b, n_b, mask)
    sizes = np.minimum(np.abs(arms.mean_a), np.abs(arms.mean_b))
    exists = (np.sign(arms.mean_a) == np.sign(arms.mean_b)) & (sizes >= SMALLEST)
    a, b = (np.where(exists, np.abs(mean), 1.0) for mean in (arms.mean_a, arms.mean_b))
    variance_a, variance_b = (arms.sd_a / a) ** 2 / arms.n_a, (arms.sd_b / b) ** 2 / arms.n_b
    bias = (variance_b - variance_a) / 2 if correction == "delta" else 0.0
    return effect_sizes("ROM", log_ratio(a, b) - bias, variance_a + variance_b, arms.present & exists)


def percent_of_maximum_difference(
    *,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    scale_min: ArrayLike,
    scale_max: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return mean differences A − B in per cent of the range of the instrument (0 to 100).

    This puts versions of one scale, or instruments of one kind, on one footing by a linear rescale that is
    known beforehand. Works for final scores and for changes. Raises `InputError` as `mean_difference` does,
    for a scale whose maximum is not above its minimum, and for a difference wider than the scale. Cohen,
    Cohen, Aiken & West 1999, doi:10.1207/S15327906MBR3403_2.

    >>> effect = percent_of_maximum_difference(
    ...     mean_a=3, sd_a=2, n_a=50, mean_b=4, sd_b=2, n_b=50, scale_min=0, scale_max=10
    ... )
    >>> float(effect.estimate), float(effect.variance)
    (-10.0, 16.0)
    """
    arms = read_two_means(SPREAD, mean_a, sd_a, n_a, mean_b, sd_b, n_b, mask)
    low, high, present = read_columns({"scale_min": (scale_min, NUMBER), "scale_max": (scale_max, _TOP)}, mask)
    _refuse_impossible_scale(low, high, arms)
    percent = 100 / (high - low)
    estimate = percent * (arms.mean_a - arms.mean_b)
    return effect_sizes("POMP", estimate, percent**2 * arms.variance_of_difference, arms.present & present)


def _refuse_impossible_scale(low: FloatArray, high: FloatArray, arms: TwoMeans) -> None:
    refuse_empty_scale(low, high)
    refuse_where(
        np.abs(arms.mean_a - arms.mean_b) > high - low,
        "the means lie further apart than the scale is wide",
        {"mean_a": arms.mean_a, "mean_b": arms.mean_b, "scale_min": low, "scale_max": high},
        "Check which version of the instrument was used.",
    )
