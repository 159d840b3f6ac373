"""Effects of one measure as another, and scores on another scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import check_word
from bmac_meta.stats.columns import (
    LARGER_NUMBER,
    NUMBER,
    POSITIVE,
    FloatArray,
    as_numbers,
    blank,
    read_columns,
    refuse_empty_scale,
    refuse_where,
)
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes

Distribution = Literal["logistic", "cox"]

# Standard deviation of the logistic distribution, and Cox's factor for the normal one.
_FACTORS = {"logistic": np.pi / np.sqrt(3), "cox": 1.65}


def smd_from_log_odds_ratio(
    *,
    estimate: ArrayLike,
    variance: ArrayLike,
    distribution: Distribution = "logistic",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return log odds ratios as standardized mean differences.

    Taken as a cut through a continuous outcome, a log odds ratio is π/sqrt(3) times the standardized
    difference if the outcome is logistic, about 1.65 times if it is normal (``"cox"``). Where `mask` is
    False the trial is left out. Raises `InputError` for missing values or variances of 0 or less. Chinn
    2000, doi:10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M; Sánchez-Meca et al. 2003,
    doi:10.1037/1082-989X.8.4.448; Cochrane Handbook 10.6.

    >>> effect = smd_from_log_odds_ratio(estimate=np.log(2.25), variance=1 / 135 + 1 / 15 + 1 / 40 + 1 / 10)
    >>> round(float(effect.estimate), 3), round(float(effect.se), 3)  # 135 and 40 of 150 and 50
    (0.447, 0.246)
    """
    estimate, variance, present = _read(estimate, variance, mask)
    factor = _FACTORS[check_word("distribution", distribution, _FACTORS)]
    return effect_sizes("SMD", estimate / factor, variance / factor**2, present)


def log_odds_ratio_from_smd(
    *,
    estimate: ArrayLike,
    variance: ArrayLike,
    distribution: Distribution = "logistic",
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return standardized mean differences as log odds ratios: the inverse of `smd_from_log_odds_ratio`.

    >>> effect = log_odds_ratio_from_smd(estimate=0.5, variance=0.04)
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)
    (0.9069, 0.1316)
    """
    estimate, variance, present = _read(estimate, variance, mask)
    factor = _FACTORS[check_word("distribution", distribution, _FACTORS)]
    return effect_sizes("OR", estimate * factor, variance * factor**2, present)


def points_from_smd(*, smd: ArrayLike, sd: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return standardized mean differences, or limits of their intervals, in points of an instrument.

    SMD·sd, where sd is the spread between patients on that instrument (pooled over the arms of trials that
    used it, or of the control arms; its choice should be stated). NaN stays NaN. Raises `InputError` for an
    sd of 0 or less. Cochrane Handbook 15.5.3.2.

    >>> float(points_from_smd(smd=-0.5, sd=20))
    -10.0
    """
    sd, present = read_columns({"sd": (sd, POSITIVE)}, mask)
    return (np.where(present, as_numbers("smd", smd), np.nan) * sd)[()]


def rescale_score(
    *,
    score: ArrayLike,
    scale_min: ArrayLike,
    scale_max: ArrayLike,
    new_min: ArrayLike = 0.0,
    new_max: ArrayLike = 100.0,
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return scores of a scale on a scale with other ends, by default in per cent of the maximum.

    Linear: scale_min goes to new_min and scale_max to new_max. Swapped new ends turn the direction round. For
    standard deviations, standard errors and differences see `rescale_spread`. Raises `InputError` for missing
    values, a scale whose maximum is not above its minimum, and scores outside it. Cohen et al. 1999,
    doi:10.1207/S15327906MBR3403_2.

    >>> float(rescale_score(score=2, scale_min=1, scale_max=5))
    25.0
    """
    score, low, high, bottom, top, present = read_columns(
        {
            "score": (score, NUMBER),
            "scale_min": (scale_min, NUMBER),
            "scale_max": (scale_max, LARGER_NUMBER),
            "new_min": (new_min, NUMBER),
            "new_max": (new_max, NUMBER),
        },
        mask,
    )
    refuse_empty_scale(low, high, present)
    refuse_where(
        present & ((score < low) | (score > high)),
        "the score lies outside the scale",
        {"score": score, "scale_min": low, "scale_max": high},
        "Check which version of the instrument was used; differences are rescaled by rescale_spread.",
    )
    return blank(bottom + (score - low) * ((top - bottom) / (high - low)), present)


def rescale_spread(
    *,
    spread: ArrayLike,
    scale_min: ArrayLike,
    scale_max: ArrayLike,
    new_min: ArrayLike = 0.0,
    new_max: ArrayLike = 100.0,
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return standard deviations, standard errors or differences of a scale on a scale of other width.

    Multiplied by the ratio of the widths, by default into percentage points of the range; the sign stays.
    NaN stays NaN. Raises `InputError` for a scale whose maximum is not above its minimum. Cohen et al.
    1999, doi:10.1207/S15327906MBR3403_2.

    >>> float(rescale_spread(spread=2, scale_min=0, scale_max=20))
    10.0
    """
    low, high, bottom, top, present = read_columns(
        {
            "scale_min": (scale_min, NUMBER),
            "scale_max": (scale_max, LARGER_NUMBER),
            "new_min": (new_min, NUMBER),
            "new_max": (new_max, NUMBER),
        },
        mask,
    )
    refuse_empty_scale(low, high, present)
    spread = np.where(present, as_numbers("spread", spread), np.nan)
    return (spread * (np.abs(top - bottom) / (high - low)))[()]


def _read(estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None) -> tuple[FloatArray, ...]:
    return read_columns({"estimate": (estimate, NUMBER), "variance": (variance, POSITIVE)}, mask)
