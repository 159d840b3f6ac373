"""The shared moments of the weighted projection P, from which every estimator of tau2 is written once.

With V = diag(variance) + tau2 I, W = V⁻¹ and a design X, P = W − W X (XᵀWX)⁻¹ XᵀW. The estimators need only
yᵀPy, yᵀPPy, yᵀPPPy, tr P, tr PP, tr W, tr WW and two log-determinants. Here X is a column of ones;
`design.py` has any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

total = partial(np.add.reduce, axis=0)
EINSUM_PAYS = 4096
CACHED_CELLS = 1 << 15


def dot(left: NDArray, right: NDArray) -> NDArray:
    """Return the sum over the first axis of the product of two arrays of one shape."""
    if left.size < EINSUM_PAYS:
        return total(left * right)
    return np.einsum("k...,k...->...", left, right)


@dataclass(frozen=True, slots=True)
class Moments:
    """Holds the moments of P at some tau2; each array has the shape of that tau2.

    `y_p_y` is the generalized Q, `y_pp_y` minus its derivative and `y_ppp_y` half of its second derivative.
    """

    y_p_y: NDArray
    y_pp_y: NDArray
    y_ppp_y: NDArray
    trace_w: NDArray
    trace_ww: NDArray
    trace_p: NDArray
    trace_pp: NDArray


class Projection(Protocol):
    """Is what the estimators of tau2 need to know of n meta-analyses.

    Everything is in scaled units: tau2 times `unit`² is in original ones.
    """

    unit: NDArray
    trials: NDArray

    @property
    def degrees(self) -> NDArray:
        """Return k − p, the residual degrees of freedom (n,)."""

    @property
    def smallest_variance(self) -> NDArray:
        """Return the smallest variance of each meta-analysis (n,)."""

    @property
    def largest_variance(self) -> NDArray:
        """Return the largest variance of each meta-analysis (n,)."""

    def take(self, index: NDArray) -> Projection:
        """Return the same for some of the meta-analyses, repeated where the index repeats."""

    def quadratic(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""

    def moments(self, tau2: NDArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""

    def spread(self) -> tuple[NDArray, NDArray]:
        """Return the residual sum of squares of ordinary least squares and Σ v (1 − h), both (n,)."""

    def total_squares(self) -> NDArray:
        """Return the sum of squared deviations of the effects from their plain mean (n,)."""

    def log_determinants(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return log|V| and log|XᵀWX| − log|XᵀX| at tau2 (n,), both in original units."""


@dataclass(frozen=True, slots=True)
class MeanFit:
    """Holds the weighted mean at some tau2, in original units, with what likelihood and I² need; each (n,).

    `y_p_y`, `log_volume` and `log_precision` belong to that tau2, `q` (Cochran's) and `trace_p` to tau2 =
    0; `trace_p` alone is in scaled units.
    """

    mean: NDArray
    variance: NDArray
    y_p_y: NDArray
    log_volume: NDArray
    log_precision: NDArray
    q: NDArray
    trace_p: NDArray


def power_of_two_unit(smallest_variance: NDArray) -> NDArray:
    """Return powers of two near the root of the smallest variances: a unit change that rounds nothing."""
    return np.ldexp(1.0, np.frexp(smallest_variance)[1] >> 1)


@dataclass(frozen=True, slots=True)
class MeanProjection:
    """Computes the moments for an intercept-only model, in units where the smallest variance is near 1.

    The most precise trial of each meta-analysis, the anchor, is kept apart and the others are measured from
    it: then no moment is a difference of large numbers, whatever the offset of the effects and the range of
    the variances. `distance` and `variance` are (k − 1, n) for the others, with infinite variance where
    masked, which `present` (True for all, or k − 1, n) says too; `anchor_variance`, `unit`, `trials` and
    `origin` (the anchor's effect in original units) are (n,).
    """

    distance: NDArray
    variance: NDArray
    anchor_variance: NDArray
    unit: NDArray
    trials: NDArray
    origin: NDArray
    present: NDArray | bool

    @classmethod
    def of(cls, estimate: NDArray, variance: NDArray, trials: NDArray) -> MeanProjection:
        """Take effects and variances (k, n; infinite where masked) and the numbers of trials (n,)."""
        columns = np.arange(estimate.shape[1])
        anchor = variance.argmin(axis=0)
        origin, smallest = estimate[anchor, columns], variance[anchor, columns]
        unit = power_of_two_unit(smallest)
        others, distance = variance[1:].copy(), estimate[1:] - origin
        moved = anchor.nonzero()[0]
        others[anchor[moved] - 1, moved] = variance[0, moved]
        distance[anchor[moved] - 1, moved] = estimate[0, moved] - origin[moved]
        unit2 = unit * unit
        others /= unit2
        distance /= unit
        present = np.isfinite(others)
        if present.all():
            return cls(distance, others, smallest / unit2, unit, trials, origin, True)
        distance[~present] = 0.0
        return cls(distance, others, smallest / unit2, unit, trials, origin, present)

    @property
    def degrees(self) -> NDArray:
        """Return k − 1 (n,)."""
        return self.trials - 1.0

    @property
    def smallest_variance(self) -> NDArray:
        """Return the anchors' variances (n,)."""
        return self.anchor_variance

    @property
    def largest_variance(self) -> NDArray:
        """Return the largest variance of each meta-analysis (n,)."""
        others = np.maximum.reduce(self.variance, axis=0, initial=0.0, where=self.present)
        return np.maximum(self.anchor_variance, others)

    def take(self, index: NDArray) -> MeanProjection:
        """Return the same for some of the meta-analyses, repeated where the index repeats."""
        if index.size == self.trials.size and (index == np.arange(index.size)).all():
            return self
        rows = self.distance[:, index], self.variance[:, index]
        own = (part[index] for part in (self.anchor_variance, self.unit, self.trials, self.origin))
        return MeanProjection(*rows, *own, self.present if self.present is True else self.present[:, index])

    def _weigh(self, tau2: NDArray) -> tuple[NDArray, ...]:
        """Return the weights of others and anchor, totals without and with it, the mean and the residuals."""
        weight, weight0 = 1.0 / (self.variance + tau2), 1.0 / (self.anchor_variance + tau2)
        others = total(weight)
        weights = others + weight0
        mean = dot(weight, self.distance) / weights
        return weight, weight0, others, weights, mean, self.distance - mean

    def fit(self, tau2: NDArray) -> MeanFit:
        """Return the weighted mean at tau2 (n,) with its Wald variance, and the heterogeneity at tau2 = 0."""
        both = np.zeros((2, tau2.size))
        both[1] = tau2
        weight, weight0, others, weights, mean, rest = self._gridded()._weigh(both)
        quadratic = dot(weight * rest, rest) + weight0 * mean * mean
        trace = others[0] * (1.0 + weight0[0] / weights[0]) - dot(weight[:, 0], weight[:, 0]) / weights[0]
        unit2 = self.unit * self.unit
        log_unit2 = np.log(unit2)
        logs = np.log(weight[:, 1], out=np.zeros_like(self.variance), where=self.present)
        volume = self.trials * log_unit2 - np.log(weight0[1]) - total(logs)
        precision = np.log(weights[1] / self.trials) - log_unit2
        parts = unit2 / weights[1], quadratic[1], volume, precision, quadratic[0], trace
        return MeanFit(self.origin + self.unit * mean[1], *parts)

    def _gridded(self) -> MeanProjection:
        rows = self.distance[:, None, :], self.variance[:, None, :]
        return MeanProjection(*rows, self.anchor_variance, self.unit, self.trials, self.origin, True)

    def quadratic(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""
        weight, weight0, _, _, mean, rest = self._weigh(tau2)
        pull, pull0 = weight * rest, weight0 * mean
        return dot(pull, rest) + pull0 * mean, dot(pull, pull) + pull0 * pull0

    def moments(self, tau2: NDArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""
        if tau2.ndim == 1:
            return self._moments(tau2)
        if self.distance.size * len(tau2) <= CACHED_CELLS:
            return self._gridded()._moments(tau2)
        rows = [self._moments(row) for row in tau2]
        return Moments(*(np.stack([getattr(row, name) for row in rows]) for name in Moments.__slots__))

    def _moments(self, tau2: NDArray) -> Moments:
        weight, weight0, others, weights, mean, rest = self._weigh(tau2)
        pull, pull0 = weight * rest, weight0 * mean
        weighted, square = weight * pull, weight * weight
        slope, share0, squares = total(weighted), weight0 / weights, total(square)
        ratio = squares / weights
        bend = share0 * pull0 * (others * pull0 + 2.0 * slope) - slope * slope / weights
        spread = share0 * share0 * (others * others + 2.0 * squares) + ratio * ratio
        return Moments(
            y_p_y=dot(pull, rest) + pull0 * mean,
            y_pp_y=dot(pull, pull) + pull0 * pull0,
            y_ppp_y=dot(weighted, pull) + bend,
            trace_w=weights,
            trace_ww=squares + weight0 * weight0,
            trace_p=others * (1.0 + share0) - ratio,
            trace_pp=squares - 2.0 * dot(square, weight) / weights + spread,
        )

    def spread(self) -> tuple[NDArray, NDArray]:
        """Return the sum of squares about the plain mean and Σ v (1 − 1/k), both (n,)."""
        mean = total(self.distance) / self.trials
        rest = self.distance - mean
        squares = total(rest * rest, where=self.present) + mean * mean
        variances = total(self.variance, where=self.present) + self.anchor_variance
        return squares, variances * (1.0 - 1.0 / self.trials)

    def total_squares(self) -> NDArray:
        """Return the sum of squared deviations of the effects from their plain mean (n,)."""
        return self.spread()[0]

    def log_determinants(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return log|V| and log Σw − log k at tau2 (n,), both in original units."""
        fit = self.fit(tau2)
        return fit.log_volume, fit.log_precision
