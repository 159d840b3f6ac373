"""Meta-regressions of trials that change places in one design, many permutations at once.

A permutation leaves effects and weights of the trials as they are and changes the rows of the design that they meet.
So the sums that all follows from, of products of columns times powers of the weights, are those of one matrix, of
permuted products, with another, of weights at some tau2: for all permutations and all places in one multiplication.
Such sums lose digits where weights differ by many orders of size or the design explains nearly all the squares, which
is not for this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.batch import Batch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.design import DesignProjection
from bmac_meta.stats.inference import interval_scale
from bmac_meta.stats.octaves import Octaves, Pieces
from bmac_meta.stats.projection import Moments, dot, total
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.tau2 import solve

# Digits are safe where variances differ by no more than this factor and the design leaves so much of the squares.
LARGEST_RATIO, LEAST_LEFT = 1e4, 0.05
MOMENTS = len(Moments.__slots__)
CHUNK_CELLS = 1 << 19
STRETCHES_KEPT = 16


@dataclass(frozen=True, slots=True)
class Permuted:
    """Computes the moments of n permutations of one meta-regression, `whole`, of which the design spans a constant.

    `orders` (N, k) say which trial comes to each row of the design in N permutations; the n are `which` (n,) of them.
    """

    whole: DesignProjection
    orders: NDArray
    which: NDArray
    octaves: Octaves

    @classmethod
    def of(cls, whole: DesignProjection, orders: NDArray) -> Permuted:
        """Take one meta-regression and its permutations (N, k)."""
        base, values = float(whole.smallest_variance[0]), partial(_values, whole, orders)
        return cls(whole, orders, np.arange(len(orders)), Octaves.of(base, values, STRETCHES_KEPT))

    @property
    def unit(self) -> NDArray:
        """Return the unit of the whole (n,)."""
        return np.broadcast_to(self.whole.unit, self.which.shape)

    @property
    def trials(self) -> NDArray:
        """Return k (n,)."""
        return np.broadcast_to(self.whole.trials, self.which.shape)

    @property
    def degrees(self) -> NDArray:
        """Return k − p, the residual degrees of freedom (n,)."""
        return np.broadcast_to(self.whole.degrees, self.which.shape)

    @property
    def smallest_variance(self) -> NDArray:
        """Return the smallest variance (n,)."""
        return np.broadcast_to(self.whole.smallest_variance, self.which.shape)

    @property
    def largest_variance(self) -> NDArray:
        """Return the largest variance (n,)."""
        return np.broadcast_to(self.whole.largest_variance, self.which.shape)

    def take(self, index: NDArray) -> Permuted:
        """Return some of the permutations, repeated where the index repeats."""
        return replace(self, which=self.which[index])

    def safe(self) -> BoolArray:
        """Say where the sums keep their digits (n,)."""
        squares = self.whole.total_squares()
        narrow = self.whole.largest_variance <= LARGEST_RATIO * self.whole.smallest_variance
        return narrow & (self.spread()[0] >= LEAST_LEFT * squares)

    def quadratic(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""
        moments = self.moments(tau2)
        return moments.y_p_y, moments.y_pp_y

    def moments(self, tau2: NDArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""
        numbers, _ = self.octaves.numbers(tau2.ravel(), np.broadcast_to(self.which, tau2.shape).ravel())
        return Moments(*numbers[:MOMENTS].reshape(-1, *tau2.shape))

    def spread(self) -> tuple[NDArray, NDArray]:
        """Return the residual sum of squares of ordinary least squares and Σ v (1 − h), both (n,)."""
        basis, effect, variance = self.whole.columns[:, :, 0].T, self.whole.effect[:, 0], self.whole.variance[:, 0]
        orders, rest = self.orders[self.which], effect - effect.mean()
        squares = self.whole.total_squares() - ((rest[orders] @ basis) ** 2).sum(axis=1)
        return squares, variance[orders] @ (1.0 - (basis**2).sum(axis=1))

    def total_squares(self) -> NDArray:
        """Return the sum of squared deviations of the effects from their plain mean (n,)."""
        return np.broadcast_to(self.whole.total_squares(), self.which.shape)

    def log_determinants(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return log|V| and log|XᵀWX| − log|XᵀX| at tau2 (n,), both in original units."""
        parts = [
            replace(self.whole, variance=self.whole.variance[order]).log_determinants(tau2[i : i + 1])
            for i, order in enumerate(self.orders[self.which])
        ]
        volume, precision = np.array(parts)[:, :, 0].T
        return volume, precision

    def coefficients(self, tau2: NDArray, raw: NDArray) -> tuple[NDArray, NDArray]:
        """Return coefficients (n, p) of columns `raw` (k, p) at tau2 (n,), and their variances (n, p).

        They are those of the effects less their weighted mean, which changes the coefficients of a constant only.
        """
        numbers, size = self.octaves.numbers(tau2, self.which)[0][MOMENTS:].T, len(self.whole.columns)
        scale = np.abs(raw).max(axis=0)
        way = self.whole.unit * np.linalg.inv(self.whole.columns[:, :, 0] @ (raw / scale)) / scale[:, None]
        covariance = numbers[:, size:].reshape(-1, size, size)
        return numbers[:, :size] @ way.T, np.einsum("ij,njk,ik->ni", way, covariance, way)


def permuted_fits(
    y: NDArray, v: NDArray, raw: NDArray, orders: NDArray, tau2: str | float, interval: str
) -> tuple[list[NDArray], BoolArray]:
    """Return coefficients, standard errors and those of Wald, (s, p), and tau2 (s,) of permutations (n, k) of trials.

    They are those of the s permutations whose numbers keep their digits, which last is told (n,). `raw` is the design
    (k, p). The weighted mean of the effects is missing in the coefficients.
    """
    batch = Batch(y[None], v[None], None, True)
    design = as_design(raw, batch)
    model = Permuted.of(design.project(batch, slice(0, 1)), orders)
    safe = model.safe() & design.constant
    if not safe.any():
        return [np.empty((0, design.size))] * 3 + [np.empty(0)], safe
    model = model.take(np.flatnonzero(safe))
    between = solve(model, tau2)[0] if isinstance(tau2, str) else tau2 / model.unit**2
    coefficients, variance = model.coefficients(between, raw)
    scale, _ = interval_scale(interval, model.quadratic(between)[0], model.degrees)
    wald = np.sqrt(variance)
    return [coefficients, wald * np.sqrt(scale)[:, None], wald, between * model.unit**2], safe


def _values(whole: DesignProjection, orders: NDArray, places: NDArray) -> Pieces:
    """Return moments, coefficients and covariances of all permutations at some tau2 (m,), (7 + p + p², N, m)."""
    weight = 1.0 / (whole.variance + places)
    rest = whole.effect - dot(weight, np.broadcast_to(whole.effect, weight.shape)) / total(weight)
    powers = np.stack([weight, weight**2, weight**3])
    sums = total(weight), total(weight**2), *(powers * rest**2).sum(axis=1)
    flat = [part.transpose(1, 0, 2).reshape(len(rest), -1) for part in (powers, powers * rest)]
    step = max(1, CHUNK_CELLS // orders.shape[1])
    chunks = (orders[start : start + step] for start in range(0, len(orders), step))
    numbers = np.concatenate([_numbers(_sums(whole.columns[:, :, 0], chunk, *flat), sums) for chunk in chunks], axis=1)
    return numbers, np.ones(numbers.shape[1:], dtype=bool)


def _sums(columns: NDArray, orders: NDArray, powers: NDArray, pulls: NDArray) -> tuple[NDArray, NDArray]:
    """Return XᵀWʲX (3, n, m, p, p) and XᵀWʲr (3, n, m, p) for j = 1, 2, 3 and permutations (n, k).

    `columns` are X (p, k); `powers` and `pulls` (k, 3 m) are the powers of the weights, and the same times r.
    """
    place = np.empty_like(orders)
    np.put_along_axis(place, orders, np.broadcast_to(np.arange(orders.shape[1]), orders.shape), axis=1)
    moved, size = [column[place] for column in columns], len(columns)
    first = np.stack([part @ pulls for part in moved], axis=-1)
    second = np.empty((*first.shape, size))
    for i, j in combinations_with_replacement(range(size), 2):
        second[..., i, j] = second[..., j, i] = (moved[i] * moved[j]) @ powers
    shape = len(orders), 3, -1
    return tuple(np.moveaxis(part.reshape(*shape, *part.shape[2:]), 1, 0) for part in (second, first))


def _numbers(sums: tuple[NDArray, NDArray], scalars: tuple[NDArray, ...]) -> NDArray:
    """Return moments, coefficients and covariances (7 + p + p², n, m) from sums with columns and without."""
    (one, two, three), (first, second, third) = sums
    trace_w, trace_ww, square, square2, square3 = scalars
    inverse = np.linalg.inv(one)
    beta = _times(inverse, first)
    turn, ratio = second - _times(two, beta), inverse @ two
    moments = [
        square - _dot(beta, first),
        square2 - _dot(beta, second + turn),
        square3 - _dot(beta, 2.0 * third - _times(three, beta)) - _dot(turn, _times(inverse, turn)),
        np.broadcast_to(trace_w, beta.shape[:2]),
        np.broadcast_to(trace_ww, beta.shape[:2]),
        trace_w - np.einsum("nmpp->nm", ratio),
        trace_ww - 2.0 * np.einsum("nmpq,nmpq->nm", inverse, three) + np.einsum("nmpq,nmqp->nm", ratio, ratio),
    ]
    rest = np.concatenate([beta, inverse.reshape(*beta.shape[:2], -1)], axis=2)
    return np.concatenate([np.stack(moments), np.moveaxis(rest, 2, 0)])


def _times(matrices: NDArray, vectors: NDArray) -> NDArray:
    return np.einsum("nmpq,nmq->nmp", matrices, vectors)


def _dot(left: NDArray, right: NDArray) -> NDArray:
    return np.einsum("nmp,nmp->nm", left, right)
