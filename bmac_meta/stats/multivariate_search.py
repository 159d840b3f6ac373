"""The highest likelihood of several outcomes of the same trials: climbs from many starts, for many analyses at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.multivariate_likelihood import Array, Model

MOST_STEPS = 400
LANE_CELLS = 1 << 21
# A step counts as small where rounding may hide which of its ends is higher, and as the last one where Newton's next
# error is below all digits.
SMALL, LAST, LEAST_RISE = 1e-5, 1e-10, 1e-14
NO_CURVATURE = 1e-6
# A start that stands for no variance between trials, in units of the smallest variance of an error.
LITTLE = 0.01


def highest(model: Model, factors: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the factor (n, q, q) with the highest likelihood reached from factors (n, s, q, q), and if it is a top."""
    count, starts = factors.shape[:2]
    lane, flat = np.repeat(np.arange(count), starts), factors.reshape(-1, *factors.shape[2:])
    size = max(1, LANE_CELLS // model.cells)
    parts = [
        climb(model, lane[place : place + size], flat[place : place + size]) for place in range(0, lane.size, size)
    ]
    top, height, arrived = (np.concatenate(part) for part in zip(*parts, strict=True))
    # Of places that rounding cannot tell apart, one at which a climb has come to an end.
    rank = np.where(arrived, height, height - 1e-9 * (1 + np.abs(height))).reshape(count, starts)
    best = rank.argmax(axis=1) + starts * np.arange(count)
    return top[best], arrived[best]


def climb(model: Model, lane: NDArray[np.int64], factor: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the factors (n, q, q) of the tops that lanes come to, their heights (n,), and which have come to an end.

    A factor has all its q × q entries free: a triangle has corners where climbs get lost. The steps are Newton's,
    turned uphill and away from saddles, and halved until they gain a tenth of what their slope promises.
    """
    top, height, arrived = np.empty_like(factor), np.empty(lane.size), np.zeros(lane.size, dtype=bool)
    active, now = np.arange(lane.size), _Climbers.at(model, lane, factor)
    for _ in range(MOST_STEPS):
        tried = _Climbers.at(model, lane[active], now.next)
        good = (tried.height > now.height + 0.1 * now.rise) | (now.fresh & (now.size <= SMALL))
        ended = (now.size <= LAST) | (now.fresh & (now.rise <= LEAST_RISE * (1 + np.abs(now.height))))
        now = now.following(good, tried)
        top[active], height[active], arrived[active] = now.factor, now.height, ended
        active, now = active[~ended], now.take(~ended)
        if not active.size:
            break
    return top, height, arrived


@dataclass(frozen=True, slots=True)
class _Climbers:
    """Holds where n climbs stand, and their next steps.

    They stand at the covariance between outcomes U diag(s)² Uᵀ, with `axes` U (n, q, q) and `spread` s (n, q) that
    falls, and step to U (diag(s) + L) with `step` L (n, q, q), lower triangular. In these coordinates, made anew at
    each place, nothing is lost where the outcomes vary in some directions only, or a million times more in some.
    `height` is the log-likelihood, `size` that of the step relative to the spread, `rise` what its slope promises, and
    `fresh` says that the step is Newton's, not yet halved, all (n,).
    """

    axes: Array
    spread: Array
    height: Array
    step: Array
    size: Array
    rise: Array
    fresh: NDArray[np.bool_]

    @classmethod
    def at(cls, model: Model, lane: NDArray[np.int64], factor: Array) -> _Climbers:
        axes, spread, _ = np.linalg.svd(factor)
        inner = spread[:, None] * np.eye(spread.shape[1])
        fit = model.fit(lane, axes * spread[:, None], axes)
        gradient, matrix = model.slopes(fit, inner)
        rows, columns = np.tril_indices(spread.shape[1])
        scale = np.sqrt(1 + spread**2)[:, columns]
        along, straight = _uphill(scale * gradient, matrix * scale[:, :, None] * scale[:, None, :], fit.height)
        step = np.zeros_like(factor)
        step[:, rows, columns] = scale * along
        rise = (gradient * scale * along).sum(axis=1)
        return cls(axes, spread, fit.height, step, np.abs(along).max(axis=1), rise, straight)

    @property
    def factor(self) -> Array:
        return self.axes * self.spread[:, None]

    @property
    def next(self) -> Array:
        """Return the factors at the end of the steps."""
        return self.factor + self.axes @ self.step

    def following(self, good: NDArray[np.bool_], tried: _Climbers) -> _Climbers:
        """Return the climbs that were good at their new place, the others where they stand, with half their step."""
        half = self.step / 2, self.size / 2, self.rise / 2, np.zeros(good.size, dtype=bool)
        waiting = _Climbers(self.axes, self.spread, self.height, *half)
        pairs = ((getattr(tried, name), getattr(waiting, name)) for name in _Climbers.__slots__)
        return _Climbers(*(np.where(good.reshape(-1, *(1,) * (new.ndim - 1)), new, old) for new, old in pairs))

    def take(self, which: NDArray[np.bool_]) -> _Climbers:
        return _Climbers(*(getattr(self, name)[which] for name in _Climbers.__slots__))


def _uphill(gradient: Array, matrix: Array, height: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return Newton's steps (n, d) turned uphill, and which are that: not those out of a saddle."""
    sharp = np.sqrt(np.maximum(np.abs(np.diagonal(matrix, axis1=1, axis2=2)), 1.0))
    values, vectors = np.linalg.eigh(matrix / sharp[:, :, None] / sharp[:, None, :])
    slope = (vectors.swapaxes(1, 2) @ (gradient / sharp)[:, :, None])[..., 0]
    largest = np.abs(values).max(axis=1, keepdims=True)
    along = slope / np.maximum(np.abs(values), 1e-10 * largest + np.finfo(float).tiny)
    still = (slope * along).sum(axis=1) <= LEAST_RISE * (1 + np.abs(height))
    still |= np.abs(along).max(axis=1) <= SMALL
    saddle = still & (values[:, -1] > NO_CURVATURE * largest[:, 0])
    along[saddle] = 0.0
    along[saddle, -1] = np.where(slope[saddle, -1] < 0, -0.1, 0.1)
    step = (vectors @ along[:, :, None])[..., 0] / sharp
    return step / np.maximum(np.abs(step).max(axis=1, keepdims=True) / 2, 1.0), ~saddle


def starting_factors(largest: Array, alone: Array) -> Array:
    """Return factors (n, s, q, q) to start from.

    `largest` (n, q) are the squares of the effects about their means, `alone` (n, q) the variances between trials of
    each outcome by itself. The starts have one or a share of the other as variances, with correlations of 0 and of
    ±0.9 in the patterns of signs, and uncorrelated ones in which one outcome has much and the others have little or
    the other way about. Fewer starts miss the highest of several tops in some samples of few trials.
    """
    size = largest.shape[1]
    patterns = np.array([np.eye(size), *(0.1 * np.eye(size) + 0.9 * np.outer(s, s) for s in _signs(size))])
    spreads = np.sqrt(np.stack([largest, 0.1 * largest, 0.001 * largest, alone], axis=1))
    correlated = spreads[:, :, None, :, None] * np.linalg.cholesky(patterns[: 1 if size == 1 else None])
    correlated = correlated.reshape(len(largest), -1, size, size)
    if size == 1:
        return correlated
    chosen = np.concatenate([np.eye(size), 1 - np.eye(size), np.zeros((1, size))]) > 0
    uneven = np.sqrt(np.where(chosen, alone[:, None], LITTLE))
    return np.concatenate([correlated, uneven[..., None] * np.eye(size)], axis=1)


def _signs(size: int) -> Iterator[Array]:
    """Give the patterns of signs, up to a change of all, in which at most two outcomes go against the others."""
    seen = set()
    for against in (flip for count in range(3) for flip in combinations(range(size), count)):
        signs = np.ones(size)
        signs[list(against)] = -1
        signs *= signs[0]
        if tuple(signs) not in seen:
            seen.add(tuple(signs))
            yield signs
