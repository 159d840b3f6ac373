"""A funnel of trials: how it is read, when it is too small to judge, and the weighted line through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.arguments import whole_number
from bmac_meta.errors import DesignError, NotEnoughTrials
from bmac_meta.stats.batch import as_batch, map_chunks
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.inference import ratio
from bmac_meta.stats.reference import critical, two_sided

SMALLEST_K = 3
ROUNDING = 16 * np.finfo(float).eps


@dataclass(frozen=True, slots=True)
class Funnel:
    """Holds effects and variances (B, k), with harmless numbers where `present` is False."""

    y: NDArray
    v: NDArray
    present: BoolArray
    single: bool

    @property
    def trials(self) -> NDArray:
        """Return the number of trials of each meta-analysis (B,)."""
        return self.present.sum(axis=1)

    def rows(self) -> list[tuple[NDArray, NDArray]]:
        """Return effects and variances of the trials present, one pair per meta-analysis."""
        return [(self.y[row][here], self.v[row][here]) for row, here in enumerate(self.present)]


def read_funnel(
    estimate: ArrayLike,
    variance: ArrayLike,
    mask: ArrayLike | None,
    minimum_trials: int,
    what: str = "small-study effects",
) -> Funnel:
    """Check effects and variances, (k,) or (B, k), and refuse meta-analyses with too few trials."""
    batch = as_batch(estimate, variance, mask)
    present = np.ones(batch.estimate.shape, dtype=bool) if batch.mask is None else batch.mask
    require_trials(present.sum(axis=1), minimum_trials, what)
    y, v = np.where(present, batch.estimate, 0.0), np.where(present, batch.variance, 1.0)
    return Funnel(y, v, present, batch.single)


def require_trials(trials: ArrayLike, minimum_trials: int, what: str = "small-study effects") -> None:
    """Raise `NotEnoughTrials` where a meta-analysis has fewer trials than asked for, or fewer than 3.

    >>> require_trials([4], 10)
    Traceback (most recent call last):
    bmac_meta.errors.NotEnoughTrials: small-study effects can't be assessed with 4 trials; needs 10. ...
    """
    trials = np.atleast_1d(trials)
    needed, fewest = max(whole_number("minimum_trials", minimum_trials), SMALLEST_K), int(trials.min())
    if fewest >= needed:
        return
    where = f" (meta-analysis {int(trials.argmin())}, counted from 0)" if trials.size > 1 else ""
    way_out = f", or pass minimum_trials={fewest} to compute it all the same" if fewest >= SMALLEST_K else ""
    raise NotEnoughTrials(
        f"{what} can't be assessed with {fewest} trial{'s' * (fewest != 1)}{where}; needs {needed}. "
        f"Judge from the trials themselves{way_out}."
    )


def require_variation(x: NDArray, present: BoolArray) -> None:
    """Raise `DesignError` where a predictor (B, k) is the same in all trials."""
    low = np.where(present, x, np.inf).min(axis=1)
    high = np.where(present, x, -np.inf).max(axis=1)
    same = high - low <= 1e-10 * np.maximum(np.abs(low), np.abs(high))
    if same.any():
        where = f" in meta-analysis {int(same.argmax())} (counted from 0)" if same.size > 1 else ""
        raise DesignError(
            f"asymmetry can't be seen when all trials have one precision: the predictor is "
            f"{float(low[same][0]):g} throughout{where}. Give a predictor that varies between trials."
        )


def without_rounding(distance: NDArray, value: NDArray, present: BoolArray) -> NDArray:
    """Return differences of values (B, k), with 0 for those within the rounding of the values."""
    largest = np.abs(np.where(present, value, 0.0)).max(axis=1, keepdims=True)
    return np.where(np.abs(distance) <= ROUNDING * largest, 0.0, distance)


def sum_of_others(values: NDArray) -> NDArray:
    """Return for each of positive values (B, k) the sum of the others, without loss where one dominates."""
    largest = values.argmax(axis=1)[:, None]
    rest = values.copy()
    np.put_along_axis(rest, largest, 0.0, axis=1)
    sums = rest.sum(axis=1, keepdims=True)
    others = sums - rest + values.max(axis=1, keepdims=True)
    np.put_along_axis(others, largest, sums, axis=1)
    return others


def weighted_line(y: NDArray, x: NDArray, weight: NDArray, present: BoolArray, level: float) -> dict[str, NDArray]:
    """Return slope, limit at x = 0 and their inference from weighted least squares of y on x, each (B,).

    The residual variance is free, so that t with k − 2 degrees of freedom is the reference. Everything is
    measured from the heaviest trial, so that an offset of effects or predictor costs no digits.
    """
    require_variation(x, present)

    def part(rows: slice) -> dict[str, NDArray]:
        return _weighted_line(y[rows], x[rows], weight[rows], present[rows], level)

    return map_chunks(part, *y.shape)


def _weighted_line(y: NDArray, x: NDArray, weight: NDArray, present: BoolArray, level: float) -> dict[str, NDArray]:
    weight = np.where(present, weight, 0.0)
    heaviest = weight.argmax(axis=1)[:, None]
    x0, y0 = np.take_along_axis(x, heaviest, 1), np.take_along_axis(y, heaviest, 1)
    x_rest, x_mean = _centred(x - x0, weight)
    y_rest, y_mean = _centred(without_rounding(y - y0, y, present), weight)
    k, squares = present.sum(axis=1), (weight * x_rest**2).sum(axis=1)
    slope = (weight * x_rest * y_rest).sum(axis=1) / squares
    scatter = (weight * (y_rest - slope[:, None] * x_rest) ** 2).sum(axis=1)
    exact = scatter <= ROUNDING**2 * (weight * y_rest**2).sum(axis=1)
    scatter = np.where(exact, 0.0, scatter) / (k - 2.0)
    centre = x0[:, 0] + x_mean
    limit = y0[:, 0] + (y_mean - slope * centre)
    limit_se = np.sqrt(scatter * (1.0 / weight.sum(axis=1) + centre**2 / squares))
    return {"k": k, **_inference(slope, np.sqrt(scatter / squares), limit, limit_se, k - 2.0, level)}


def _centred(distance: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
    mean = (weight * distance).sum(axis=1) / weight.sum(axis=1)
    return distance - mean[:, None], mean


def _inference(
    slope: NDArray, slope_se: NDArray, limit: NDArray, limit_se: NDArray, df: NDArray, level: float
) -> dict[str, NDArray]:
    statistic, reach = ratio(slope, slope_se), critical(level, df) * limit_se
    return {
        "slope": slope,
        "slope_se": slope_se,
        "statistic": statistic,
        "df": df,
        "p_value": two_sided(statistic, df),
        "limit": limit,
        "limit_se": limit_se,
        "limit_p_value": two_sided(ratio(limit, limit_se), df),
        "limit_ci_low": limit - reach,
        "limit_ci_high": limit + reach,
    }
