"""The moments of the weighted projection for any regression design, stable for variances of any range.

At each tau2, p trials (the anchors) are chosen by Gaussian elimination with complete pivoting on the
weighted design, and the design is rewritten so that their rows are unit vectors. With the rows of the other
trials scaled to G, the projection is built from (I + GᵀG)⁻¹, which is well conditioned whatever the
weights; no leverage near 1 is ever subtracted from 1. With one column of ones this is the anchor of
`MeanProjection`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.projection import Moments, dot, power_of_two_unit, total

SMALLEST_PIVOT = 1e-11


@dataclass(frozen=True, slots=True)
class Elimination:
    """Holds a design whose anchor rows are unit vectors: `columns` (p, k, m), `anchors`, `pivots` (p, m)."""

    columns: NDArray
    anchors: NDArray
    pivots: NDArray


def eliminate(columns: NDArray, root_weight: NDArray) -> Elimination:
    """Choose p anchor rows of designs (p, k, m) under weights (k, m) and reduce them to unit vectors."""
    reduced = np.broadcast_to(columns, columns.shape[:2] + root_weight.shape[1:]).copy()
    size, trials, count = reduced.shape
    every = np.arange(count)
    anchors, pivots = np.empty((size, count), dtype=int), np.empty((size, count))
    for step in range(size):
        strength = reduced[step:] * root_weight
        strength = np.abs(strength, out=strength).reshape(-1, count).argmax(axis=0)
        column, row = step + strength // trials, strength % trials
        chosen = reduced[column, :, every].T
        reduced[column, :, every] = reduced[step].T
        anchors[step], pivots[step] = row, chosen[row, every]
        reduced[step] = chosen / np.where(pivots[step] == 0.0, 1.0, pivots[step])
        for other in range(size):
            if other != step:
                reduced[other] -= reduced[other, row, every] * reduced[step]
    return Elimination(reduced, anchors, pivots)


@dataclass(frozen=True, slots=True)
class Frame:
    """Holds the weighted design split into anchors and others, for m problems.

    `others` (k, m) are the weights, zero for anchors; `anchored` (p, m) the weights of the anchors; `scaled`
    (p, k, m) is G, `inverse` (m, p, p) is (I + GᵀG)⁻¹ and `gram` GᵀG; `start` (p, m) the anchors' effects and
    `distance` (k, m) the weighted distance of the others from what the anchors alone predict.
    """

    elimination: Elimination
    others: NDArray
    anchored: NDArray
    scaled: NDArray
    gram: NDArray
    inverse: NDArray
    start: NDArray
    distance: NDArray

    @classmethod
    def of(cls, columns: NDArray, effect: NDArray, weight: NDArray) -> Frame:
        """Take designs (p, k, m or 1), effects (k, m) and weights (k, m; zero where masked)."""
        root = np.sqrt(weight)
        parts = eliminate(columns, root)
        start = np.take_along_axis(effect, parts.anchors, axis=0)
        anchored = np.take_along_axis(root, parts.anchors, axis=0)
        np.put_along_axis(root, parts.anchors, 0.0, axis=0)
        scaled = parts.columns * (root / anchored[:, None])
        gram = np.einsum("pkm,qkm->pqm", scaled, scaled).transpose(2, 0, 1)
        inverse = np.linalg.inv(np.eye(len(start)) + gram)
        distance = root * (effect - np.einsum("pkm,pm->km", parts.columns, start))
        return cls(parts, root * root, anchored * anchored, scaled, gram, inverse, start, distance)

    def residual(self, vector: NDArray) -> tuple[NDArray, NDArray]:
        """Return the weighted residuals of the others (k, m) and minus those of the anchors (p, m)."""
        toward = np.einsum("pkm,km->pm", self.scaled, vector)
        shift = np.einsum("mpq,qm->pm", self.inverse, toward)
        return vector - np.einsum("pkm,pm->km", self.scaled, shift), shift

    def leverage(self) -> tuple[NDArray, NDArray, NDArray]:
        """Return BG (p, k, m) with B the inverse, the others' leverages (k, m), and I − B (m, p, p)."""
        product = np.einsum("pqm,qkm->pkm", np.ascontiguousarray(self.inverse.transpose(1, 2, 0)), self.scaled)
        return product, dot(product, self.scaled), self.gram @ self.inverse

    def log_determinant(self) -> NDArray:
        """Return log|XᵀWX| (m,) for the design given."""
        pivots = np.log(np.abs(self.elimination.pivots)) * 2.0
        return np.linalg.slogdet(np.eye(len(self.start)) + self.gram)[1] + total(np.log(self.anchored) + pivots)


def frame_moments(frame: Frame) -> Moments:
    """Return the moments of P for the weights of a frame, each (m,)."""
    others, anchored = frame.others, frame.anchored
    rest, shift = frame.residual(frame.distance)
    pull = np.einsum("pkm,pm->km", frame.scaled, anchored * shift) + others * rest
    rest2, shift2 = frame.residual(pull)
    product, leverage, complement = frame.leverage()
    spread = np.einsum("pkm,qkm->pqm", product * others, frame.scaled)
    across = total(anchored * np.einsum("pkm,km->pm", product * product, others))
    within = np.einsum("mp,mpq->m", anchored.T, complement * complement * anchored.T[:, None, :])
    return Moments(
        y_p_y=dot(rest, rest) + dot(shift, shift),
        y_pp_y=dot(others * rest, rest) + dot(anchored * shift, shift),
        y_ppp_y=dot(rest2, rest2) + dot(shift2, shift2),
        trace_w=total(others) + total(anchored),
        trace_ww=dot(others, others) + dot(anchored, anchored),
        trace_p=dot(others, 1.0 - leverage) + np.einsum("pm,mpp->m", anchored, complement),
        trace_pp=dot(others * others, 1.0 - 2.0 * leverage)
        + np.einsum("pqm,qpm->m", spread, spread)
        + 2.0 * across
        + within,
    )


@dataclass(frozen=True, slots=True)
class DesignProjection:
    """Computes the moments for regression designs, in units where the smallest variance is near 1.

    `columns` is (p, k, 1) for one common design or (p, k, n); `effect` and `variance` (infinite where
    masked) are (k, n) in scaled units, `effect` measured from `origin` (n,), which is zero unless the
    design spans a constant.
    """

    columns: NDArray
    effect: NDArray
    variance: NDArray
    unit: NDArray
    trials: NDArray
    origin: NDArray

    @classmethod
    def of(
        cls, columns: NDArray, estimate: NDArray, variance: NDArray, trials: NDArray, constant: bool
    ) -> DesignProjection:
        """Take designs (p, k, 1 or n), effects, variances (k, n), trial counts, and whether 1 is spanned."""
        smallest = variance.min(axis=0)
        unit = power_of_two_unit(smallest)
        first = np.take_along_axis(estimate, variance.argmin(axis=0)[None], axis=0)[0]
        origin = first if constant else np.zeros_like(first)
        effect = np.where(np.isinf(variance), 0.0, (estimate - origin) / unit)
        return cls(columns, effect, variance / (unit * unit), unit, trials, origin)

    @property
    def degrees(self) -> NDArray:
        """Return k − p, the residual degrees of freedom (n,)."""
        return self.trials - self.columns.shape[0]

    @property
    def smallest_variance(self) -> NDArray:
        """Return the smallest variance of each meta-analysis (n,), in scaled units."""
        return self.variance.min(axis=0)

    @property
    def largest_variance(self) -> NDArray:
        """Return the largest variance of each meta-analysis (n,), in scaled units."""
        return np.where(np.isinf(self.variance), 0.0, self.variance).max(axis=0)

    def take(self, index: NDArray) -> DesignProjection:
        """Return the same for some of the meta-analyses, repeated where the index repeats."""
        columns = self.columns if self.columns.shape[2] == 1 else self.columns[:, :, index]
        rows = self.effect[:, index], self.variance[:, index]
        return DesignProjection(columns, *rows, self.unit[index], self.trials[index], self.origin[index])

    def frame(self, tau2: NDArray) -> Frame:
        """Return the weighted design at tau2 (n,)."""
        return Frame.of(self.columns, self.effect, 1.0 / (self.variance + tau2))

    def plain_frame(self) -> Frame:
        """Return the unweighted design, as in ordinary least squares."""
        return Frame.of(self.columns, self.effect, np.isfinite(self.variance).astype(float))

    def quadratic(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""
        frame = self.frame(tau2)
        rest, shift = frame.residual(frame.distance)
        pull = dot(frame.others * rest, rest) + dot(frame.anchored * shift, shift)
        return dot(rest, rest) + dot(shift, shift), pull

    def moments(self, tau2: NDArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""
        if tau2.ndim == 1:
            return frame_moments(self.frame(tau2))
        repeated = self.take(np.tile(np.arange(tau2.shape[1]), tau2.shape[0]))
        flat = repeated.moments(tau2.ravel())
        return Moments(*(getattr(flat, name).reshape(tau2.shape) for name in Moments.__slots__))

    def spread(self) -> tuple[NDArray, NDArray]:
        """Return the residual sum of squares of ordinary least squares and Σ v (1 − h), both (n,)."""
        frame = self.plain_frame()
        rest, shift = frame.residual(frame.distance)
        _, leverage, complement = frame.leverage()
        present = np.where(frame.others > 0.0, self.variance, 0.0)
        anchored = np.take_along_axis(self.variance, frame.elimination.anchors, axis=0)
        variances = dot(present, 1.0 - leverage) + np.einsum("pm,mpp->m", anchored, complement)
        return dot(rest, rest) + dot(shift, shift), variances

    def total_squares(self) -> NDArray:
        """Return the sum of squared deviations of the effects from their plain mean (n,)."""
        present = np.isfinite(self.variance)
        rest = np.where(present, self.effect - total(self.effect) / self.trials, 0.0)
        return dot(rest, rest)

    def log_determinants(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return log|V| and log|XᵀWX| − log|XᵀX| at tau2 (n,), both in original units."""
        variance = self.variance + tau2
        logs = np.log(variance, out=np.zeros_like(variance), where=np.isfinite(variance))
        unit2 = 2.0 * np.log(self.unit)
        precision = self.frame(tau2).log_determinant() - self.plain_frame().log_determinant()
        return total(logs) + self.trials * unit2, precision - self.columns.shape[0] * unit2
