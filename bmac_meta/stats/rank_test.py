"""Begg and Mazumdar's rank correlation test of funnel asymmetry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.funnel import read_funnel, sum_of_others, without_rounding

LARGEST_EXACT_K = 500
CHUNK_CELLS = 1 << 18
MOST_TRIALS = 10_000


@dataclass(frozen=True, slots=True)
class RankTest:
    """Holds Kendall's rank correlation of standardized effects and variances; fields are floats, or (B,).

    `exact` is True where `p_value` comes from the permutation distribution and not from its normal
    approximation. `tau` and `p_value` are NaN where all effects or all variances are equal, for then there is
    nothing to rank.
    """

    tau: float | NDArray
    p_value: float | NDArray
    exact: bool | BoolArray
    k: int | NDArray


def begg_test(
    estimate: ArrayLike, *, variance: ArrayLike, mask: ArrayLike | None = None, minimum_trials: int = 10
) -> RankTest:
    """Test whether standardized effects and their variances are correlated, by Kendall's τ-b.

    Without ties the p-value is exact up to 500 trials; otherwise it is normal with the tie-corrected variance
    and no continuity correction. Numbers that agree to 12 digits count as tied. Shapes (k,) or (B, k) with
    `mask`. Raises `NotEnoughTrials` below `minimum_trials`. Sources: Begg & Mazumdar 1994, 10.2307/2533446;
    Kendall 1970, Rank Correlation Methods (4th ed.).

    >>> result = begg_test([0.1, 0.3, 0.2, 0.7], variance=[0.01, 0.02, 0.03, 0.04], minimum_trials=4)
    >>> result.exact, round(result.tau, 4)
    (True, 0.6667)
    """
    funnel = read_funnel(estimate, variance, mask, minimum_trials)
    if funnel.y.shape[1] > MOST_TRIALS:
        raise InputError(
            f"Begg's test compares every two trials; here are {funnel.y.shape[1]:,}, and it is for {MOST_TRIALS:,} at "
            "most. Use Egger's test."
        )
    rows = [_kendall(_standardized(y, v), v) for y, v in funnel.rows()]
    return RankTest(**unbatch({name: np.array([row[name] for row in rows]) for name in rows[0]}, funnel.single))


def _standardized(y: NDArray, v: NDArray) -> NDArray:
    """Return the effects less their weighted mean, over the standard errors of these differences."""
    weight = 1.0 / v
    heaviest = int(weight.argmax())
    others, total = sum_of_others(weight[None])[0], weight.sum()
    every = np.ones((1, y.size), dtype=bool)
    distance = without_rounding((y - y[heaviest])[None], y[None], every)[0]
    return (distance - (weight * distance).sum() / total) / np.sqrt(v * (others / total))


def _kendall(x: NDArray, y: NDArray) -> dict[str, float]:
    x, y = _twelve_digits(x), _twelve_digits(y)
    k, (signs, untied_x, untied_y) = x.size, _pairs(x, y)
    concordance, pairs_x, pairs_y = (0.5 * part.sum() for part in (signs, untied_x, untied_y))
    if pairs_x == 0 or pairs_y == 0:
        return {"tau": np.nan, "p_value": np.nan, "exact": False, "k": k}
    exact = bool(pairs_x == pairs_y == k * (k - 1) / 2 and k <= LARGEST_EXACT_K)
    p_value = _exact_p(k, concordance) if exact else _normal_p(k, concordance, untied_x, untied_y)
    return {"tau": concordance / np.sqrt(pairs_x * pairs_y), "p_value": p_value, "exact": exact, "k": k}


def _pairs(x: NDArray, y: NDArray) -> NDArray:
    """Return for each trial (3, k) the pairs in one order less those in opposite orders, and those untied in x, y."""
    step = max(1, CHUNK_CELLS // x.size)
    parts = []
    for start in range(0, x.size, step):
        order_x, order_y = (np.sign(part[start : start + step, None] - part) for part in (x, y))
        parts.append([part.sum(axis=1) for part in (order_x * order_y, np.abs(order_x), np.abs(order_y))])
    return np.concatenate(parts, axis=1)


def _twelve_digits(values: NDArray) -> NDArray:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa, 12), exponent)


def _exact_p(k: int, concordance: float) -> float:
    discordant = round((k * (k - 1) / 2 - abs(concordance)) / 2)
    return min(1.0, 2.0 * float(_at_most(k)[discordant]))


@lru_cache(maxsize=64)
def _at_most(k: int) -> NDArray:
    """Return the chance of at most i inversions among k things in random order, for i up to the middle."""
    chance = np.zeros(k * (k - 1) // 4 + 2)
    chance[0] = 1.0
    for size in range(2, k + 1):
        running = np.cumsum(chance)
        running[size:] -= np.cumsum(chance)[:-size]
        chance = running / size
    return np.cumsum(chance)


def _normal_p(k: int, concordance: float, untied_x: NDArray, untied_y: NDArray) -> float:
    ties = [k - 1.0 - untied for untied in (untied_x, untied_y)]
    whole, lost = k * (k - 1.0) * (2.0 * k + 5.0), sum((t * (2.0 * t + 7.0)).sum() for t in ties)
    pairs = np.prod([t.sum() for t in ties]) / (2.0 * k * (k - 1.0))
    triples = np.prod([(t * (t - 1.0)).sum() for t in ties]) / (9.0 * k * (k - 1.0) * (k - 2.0))
    return float(2.0 * ndtr(-abs(concordance) / np.sqrt((whole - lost) / 18.0 + pairs + triples)))
