"""Effect measures of one arm: means, proportions, correlations, and estimates that are given as such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from bmac_meta.errors import check_word
from bmac_meta.stats.columns import (
    CORRELATION,
    COUNT,
    NUMBER,
    POSITIVE,
    SIZE,
    FloatArray,
    as_numbers,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.measures_binary import checked_addition, refuse_more_events_than_patients
from bmac_meta.stats.ratios import log_ratio

ProportionTransform = Literal["raw", "logit", "arcsine", "freeman-tukey"]
CorrelationTransform = Literal["raw", "z"]


def raw_mean(*, mean: ArrayLike, sd: ArrayLike, n: ArrayLike, mask: ArrayLike | None = None) -> EffectSizes:
    """Return means of single arms with variance sd²/n.

    Inputs broadcast to one shape. Where `mask` is False the arm is left out. Raises `InputError` for missing
    values, SDs of 0 or less, and sizes below 1.

    >>> float(raw_mean(mean=10, sd=2, n=16).se)
    0.5
    """
    mean, sd, n, present = read_columns({"mean": (mean, NUMBER), "sd": (sd, POSITIVE), "n": (n, SIZE)}, mask)
    return effect_sizes("MN", mean, sd**2 / n, present)


def proportion(
    *,
    events: ArrayLike,
    total: ArrayLike,
    transform: ProportionTransform = "raw",
    add: float = 0.5,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return proportions of single arms, raw or transformed.

    With x of n events and p = x/n, estimate and variance are

    - ``"raw"`` (PR): p, p(1 − p)/n;
    - ``"logit"`` (PLO): ln(p/(1 − p)), 1/x + 1/(n − x);
    - ``"arcsine"`` (PAS): arcsin(sqrt(p)), 1/(4n);
    - ``"freeman-tukey"`` (PFT): half of arcsin(sqrt(x/(n + 1))) + arcsin(sqrt((x + 1)/(n + 1))), 1/(4n + 2).

    `add` goes to events and to non-events of the arms where either is 0; only raw and logit need it, and with
    `add=0` they leave such arms out. Raises `InputError` for missing or negative counts, events above the
    total, and totals below 1. Freeman & Tukey 1950, doi:10.1214/aoms/1177729756; Schwarzer et al. 2019,
    doi:10.1002/jrsm.1348.

    >>> effect = proportion(events=3, total=11, transform="freeman-tukey")
    >>> round(2 * float(effect.estimate), 4), round(4 * float(effect.variance), 4)  # Miller 1978, p. 138
    (1.1391, 0.087)
    """
    check_word("transform of a proportion", transform, _PROPORTIONS)
    x, n, present = read_columns({"events": (events, COUNT), "total": (total, SIZE)}, mask)
    refuse_more_events_than_patients(x, n)
    code, corrected, formula = _PROPORTIONS[transform]
    others = n - x
    empty = (x == 0) | (others == 0)
    extra = np.where(empty & corrected, checked_addition(add), 0.0)
    exists = ~empty | (extra > 0) | (not corrected)
    x, others = (np.where(exists, cell + extra, 1.0) for cell in (x, others))
    return effect_sizes(code, *formula(x, others), present & exists)


def correlation(
    *, r: ArrayLike, n: ArrayLike, transform: CorrelationTransform = "raw", mask: ArrayLike | None = None
) -> EffectSizes:
    """Return correlations of single samples, raw or by Fisher's z.

    ``"raw"`` (COR) has variance (1 − r²)²/(n − 1) and needs 2 pairs; ``"z"`` (ZCOR) is arctanh(r) with
    variance 1/(n − 3) and needs 4. Smaller samples are not included. Raises `InputError` for missing
    values, r not strictly between −1 and 1 (a perfect correlation has no variance), and sizes below 1.
    Fisher 1921, Metron 1:3–32.

    >>> effect = correlation(r=0.62, n=15, transform="z")
    >>> round(float(effect.estimate), 4), round(float(effect.variance), 4)
    (0.725, 0.0833)
    """
    check_word("transform of a correlation", transform, ["raw", "z"])
    r, n, present = read_columns({"r": (r, CORRELATION), "n": (n, SIZE)}, mask)
    if transform == "raw":
        return effect_sizes("COR", r, ((1 - r) * (1 + r)) ** 2 / np.where(n > 1, n - 1, 1), present & (n > 1))
    return effect_sizes("ZCOR", np.arctanh(r), 1 / np.where(n > 3, n - 3, 1), present & (n > 3))


def generic_effect(*, estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None = None) -> EffectSizes:
    """Return estimates that are given with their variances, checked.

    Raises `InputError` for missing values and for variances of 0 or less.

    >>> float(generic_effect(estimate=0.5, variance=0.04).se)
    0.2
    """
    columns = {"estimate": (estimate, NUMBER), "variance": (variance, POSITIVE)}
    estimate, variance, present = read_columns(columns, mask)
    return effect_sizes("GEN", estimate, variance, present)


def logit_back_transform(estimate: ArrayLike) -> FloatArray:
    """Return the proportion whose logit is given.

    >>> float(logit_back_transform(0.0))
    0.5
    """
    return expit(as_numbers("estimate", estimate))


def arcsine_back_transform(estimate: ArrayLike) -> FloatArray:
    """Return the proportion whose arcsine square root is given.

    Values outside 0 to π/2, which a limit of an interval can take, give 0 and 1.

    >>> round(float(arcsine_back_transform(0.7854)), 3)
    0.5
    """
    return np.sin(np.clip(as_numbers("estimate", estimate), 0, np.pi / 2)) ** 2


def freeman_tukey_back_transform(estimate: ArrayLike, *, n: ArrayLike) -> FloatArray:
    """Return the proportion whose Freeman-Tukey double arcsine is given, for a stated number of patients.

    Exact inverse of `proportion(..., transform="freeman-tukey")` for an arm of n. A pooled value has no n
    of its own: whoever transforms it back must say which is meant (Miller takes the harmonic mean), since
    the answer depends on it. Values beyond the transforms of 0 and of n events, which a limit of an
    interval can take, give 0 and 1. Raises `InputError` for n below 1. Miller 1978,
    doi:10.1080/00031305.1978.10479283.

    >>> sizes = [11, 17, 21, 6]  # Miller 1978
    >>> n = len(sizes) / sum(1 / size for size in sizes)
    >>> round(float(freeman_tukey_back_transform(1.2262 / 2, n=n)), 4)
    0.3164
    """
    estimate, n = np.broadcast_arrays(as_numbers("estimate", estimate), as_numbers("n", n))
    refuse_where(~(n >= 1), "n is not a number of patients of 1 or more", {"n": n}, "Say which n is meant.")
    lowest = np.arctan2(1, np.sqrt(n)) / 2
    angle = np.clip(estimate, lowest, np.pi / 2 - lowest)
    below_half = angle <= np.pi / 4
    # The transform is symmetric about a half: the smaller tail is computed, so that nothing cancels.
    double = 2 * np.where(below_half, angle, np.pi / 2 - angle)
    scaled = (n + 1) * np.sin(double)
    w = np.where(double > 2 * lowest, (scaled - 1 / np.sin(double)) / n, 0.0)
    # Equal to sqrt(1 - w²), which near a half would lose half of the digits.
    root = np.cos(double) * np.sqrt(scaled**2 - 1) / (n * np.sin(double))
    tail = w**2 / (2 * (1 + root))
    return np.where(below_half, tail, 1 - tail)[()]


def _raw(x: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    n = x + others
    return x / n, x * others / n**3


def _logit(x: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    return log_ratio(x, others), 1 / x + 1 / others


def _arcsine(x: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.arctan2(np.sqrt(x), np.sqrt(others)), 1 / (4 * (x + others))


def _freeman_tukey(x: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    first = np.arctan2(np.sqrt(x), np.sqrt(others + 1))
    second = np.arctan2(np.sqrt(x + 1), np.sqrt(others))
    return (first + second) / 2, 1 / (4 * (x + others) + 2)


# For each transform: its code, whether an empty cell needs a correction, and its formula.
_PROPORTIONS: dict[str, tuple[str, bool, Callable]] = {
    "raw": ("PR", True, _raw),
    "logit": ("PLO", True, _logit),
    "arcsine": ("PAS", False, _arcsine),
    "freeman-tukey": ("PFT", False, _freeman_tukey),
}
