"""The likelihood of effects with a known covariance, as that of independent ones, which the shared kernel maximizes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.stats.batch import Batch
from bmac_meta.stats.design import Frame, frame_moments
from bmac_meta.stats.gls_rotation import EPSILON, Links, Places, Rotation
from bmac_meta.stats.projection import Moments, dot, power_of_two_unit, total
from bmac_meta.stats.regressors import as_design

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regressors:
    """Holds a design as an orthonormal `basis` (1 or n, k, p) with `change` (1 or n, p, p): basis × change = design.

    `constant` (1 or n, p) are the coefficients with which the design gives 1 in every row, or None if none do.
    """

    basis: Array
    change: Array
    constant: Array | None

    @classmethod
    def of(cls, design: ArrayLike | None, batch: Batch) -> Regressors:
        """Check a design, or take a column of ones."""
        if design is None:
            return cls(np.ones((1, batch.width, 1)), np.ones((1, 1, 1)), np.ones((1, 1)))
        checked = as_design(design, batch)
        change = checked.basis.swapaxes(1, 2) @ checked.raw
        if not checked.constant:
            return cls(checked.basis, change, None)
        ones = checked.present.astype(float)[:, :, None]
        constant = np.linalg.solve(change, checked.basis.swapaxes(1, 2) @ ones)[:, :, 0]
        here = checked.present[:, :, None]
        low = checked.raw.min(axis=1, where=here, initial=np.inf)
        level = (checked.raw.max(axis=1, where=here, initial=-np.inf) == low) & (low != 0)
        # A constant column is exact where the solution above would bring rounding to the other coefficients.
        own = np.where(np.arange(low.shape[1]) == level.argmax(axis=1)[:, None], 1 / np.where(level, low, 1.0), 0.0)
        return cls(checked.basis, change, np.where(level.any(axis=1, keepdims=True), own, constant))

    def rows(self, rows: slice) -> Regressors:
        """Return the design of some of the meta-analyses."""
        if len(self.basis) == 1:
            return self
        constant = None if self.constant is None else self.constant[rows]
        return Regressors(self.basis[rows], self.change[rows], constant)


@dataclass(frozen=True, slots=True)
class DependentModel:
    """Holds checked meta-analyses of dependent effects, with the rotation where all have the same."""

    batch: Batch
    links: Links
    regressors: Regressors
    rotation: Rotation | None

    @classmethod
    def of(cls, batch: Batch, links: Links, regressors: Regressors) -> DependentModel:
        """Rotate once where all meta-analyses have the same links."""
        return cls(batch, links, regressors, Rotation.of(links) if links.shared else None)

    def project(self, rows: slice) -> tuple[RotatedProjection, Array]:
        """Return some of the meta-analyses as independent rows, and what was taken off their effects (n,)."""
        links, present, basis = self._masked(rows)
        effect = self.batch.estimate[rows]
        origin = np.zeros(len(effect))
        if self.regressors.constant is not None:
            # Measured from the most precise effect, no digits are lost to an offset.
            first = np.where(present, self.batch.variance[rows], np.inf).argmin(axis=1)[:, None]
            origin = np.take_along_axis(effect, first, axis=1)[:, 0]
        effect = np.where(present, effect - origin[:, None], 0.0)
        rotation = Rotation.of(links) if self.rotation is None else self.rotation
        columns = np.broadcast_to(basis, (*effect.shape, basis.shape[2]))
        turned = rotation.apply(np.concatenate([columns, effect[:, :, None]], axis=2))
        here = np.broadcast_to(present, basis.shape[:2]).T.astype(float)
        plain = Frame.of(basis.transpose(2, 1, 0), np.zeros_like(here), here)
        trials = present.sum(axis=1).astype(float)
        return RotatedProjection.of(turned, rotation.between, trials, rotation.volume, plain.log_determinant()), origin

    def _masked(self, rows: slice) -> tuple[Links, NDArray[np.bool_], Array]:
        """Return links, rows present (1 or n, k) and basis (1 or n, k, p; 0 where absent) of some meta-analyses."""
        links, basis = self.links.rows(rows), self.regressors.rows(rows).basis
        present = np.ones((1, self.batch.width), dtype=bool) if links.present is None else links.present
        return links, present, np.where(present[:, :, None], basis, 0.0)

    def absorbed(self, rows: slice) -> NDArray[np.bool_]:
        """Say in which of some meta-analyses (1 or n) the design takes up all that the true effects do."""
        links, present, basis = self._masked(rows)
        trials = present.sum(axis=1)
        free = trials - basis.shape[2]
        if links.between is not None:
            axes = np.linalg.qr(basis)[0]
            both = present[:, :, None] & present[:, None, :]
            free = trials - (axes * (np.where(both, links.between, 0.0) @ axes)).sum(axis=(1, 2))
        return free <= 1e-10 * trials

    def coefficients(self, rows: slice, values: Array, covariance: Array, origin: Array) -> tuple[Array, Array]:
        """Return coefficients (n, p) and their covariance (n, p, p) in terms of the design as given."""
        regressors = self.regressors.rows(rows)
        change = regressors.change
        raw = np.linalg.solve(change, values[:, :, None])[:, :, 0]
        if regressors.constant is not None:
            raw = raw + origin[:, None] * regressors.constant
        return raw, np.linalg.solve(change, np.linalg.solve(change, covariance).swapaxes(1, 2))


@dataclass(frozen=True, slots=True)
class RotatedProjection:
    """Computes the moments for independent rows with variances 1 + tau2 × `between`.

    `columns` is (p, k, n), `effect` and `between` are (k, n), 0 where masked; tau2 is measured in `unit`² (n,), which
    brings the largest `between` near 1. `trials` (n,) counts the rows present, `volume` (n,) is log|V| and `plain`
    log|XᵀX| of the rows before they were rotated.
    """

    columns: Array
    effect: Array
    between: Array
    unit: Array
    trials: Array
    volume: Array
    plain: Array

    @classmethod
    def of(cls, turned: Array, between: Array, trials: Array, volume: Array, plain: Array) -> RotatedProjection:
        """Take rotated columns and, last, effects (n, k, p + 1), and constants that may be (1,) or (1, k)."""
        count = len(turned)
        unit = power_of_two_unit(1 / between.max(axis=1))
        scaled = np.broadcast_to((between * (unit * unit)[:, None]).T, (turned.shape[1], count))
        constants = (np.broadcast_to(part, count) for part in (unit, trials, volume, plain))
        return cls(turned[:, :, :-1].transpose(2, 1, 0).copy(), turned[:, :, -1].T.copy(), scaled, *constants)

    @property
    def degrees(self) -> Array:
        """Return k − p, the residual degrees of freedom (n,)."""
        return self.trials - len(self.columns)

    @property
    def smallest_variance(self) -> Array:
        """Return the tau2 (n,) that equals the error of the most precise row."""
        return 1 / self.between.max(axis=0)

    @property
    def largest_variance(self) -> Array:
        """Return the tau2 (n,) that equals the error of the least precise row; infinite where B is singular."""
        least = self.between.min(axis=0, where=self.between > 0, initial=np.inf)
        return np.where(self._held().any(axis=0), np.inf, 1 / least)

    def take(self, index: Places) -> RotatedProjection:
        """Return the same for some of the meta-analyses, repeated where the index repeats."""
        return RotatedProjection(*(getattr(self, name)[..., index] for name in RotatedProjection.__slots__))

    def _frame(self, tau2: Array) -> tuple[Frame, Array]:
        """Return the weighted design at tau2 (n,), and `between` of its anchors (p, n)."""
        frame = Frame.of(self.columns, self.effect, 1 / (1 + tau2 * self.between))
        return frame, np.take_along_axis(self.between, frame.elimination.anchors, axis=0)

    def quadratic(self, tau2: Array) -> tuple[Array, Array]:
        """Return yᵀPy and yᵀPBPy at tau2 (n,)."""
        frame, anchored = self._frame(tau2)
        rest, shift = frame.residual(frame.distance)
        pull = dot(frame.others * self.between * rest, rest) + dot(frame.anchored * anchored * shift, shift)
        return dot(rest, rest) + dot(shift, shift), pull

    def moments(self, tau2: Array) -> Moments:
        """Return the moments at tau2, shaped (n,) or (g, n), with B beside every P but the one of yᵀPy."""
        if tau2.ndim > 1:
            flat = self.take(np.tile(np.arange(tau2.shape[1]), len(tau2))).moments(tau2.ravel())
            return Moments(*(getattr(flat, name).reshape(tau2.shape) for name in Moments.__slots__))
        frame, anchored = self._frame(tau2)
        return frame_moments(replace(frame, others=frame.others * self.between, anchored=frame.anchored * anchored))

    def spread(self) -> tuple[Array, Array]:
        """Return a tau2 beyond which the likelihood only falls, and the sum of the rows' own variances, (n,).

        With s the eigenvalues of B on the residuals and z those residuals, the two sides of the score are yᵀPBPy =
        Σ (z²/s) / (1/s + tau2)² and tr PB = Σ 1 / (1/s + tau2); the second is larger where tau2 exceeds Σ z²/s. That
        sum is the least of Σ rest² / between over the coefficients that best fit the rows which hold nothing of tau2.
        """
        own = np.divide(1.0, self.between, out=np.zeros_like(self.between), where=self.between > 0)
        frame = Frame.of(self.columns, self.effect, own)
        rest, shift = frame.residual(frame.distance)
        squares = dot(rest, rest) + dot(shift, shift)
        held = np.flatnonzero(self._held().any(axis=0))
        if held.size:
            squares[held] = self.take(held)._bound(own[:, held])
        return squares, total(own)

    def _held(self) -> NDArray[np.bool_]:
        """Say which rows (k, n) hold something, but nothing of tau2."""
        return (self.between <= 0) & ((self.effect != 0) | (self.columns != 0).any(axis=0))

    def _bound(self, own: Array) -> Array:
        """Return twice such a sum (n,), of any of these coefficients; what rounding errs by is far smaller."""
        x, y = self.columns.transpose(2, 1, 0), self.effect.T[:, :, None]
        held = np.where(self._held().T[:, :, None], x, 0.0)
        size, own_size = (np.sqrt((part * part).sum(axis=(1, 2))) for part in (x, held))
        inverse = np.linalg.pinv(held, rcond=EPSILON * len(own) * size / np.where(own_size > 0, own_size, size))
        rest = y - x @ (inverse @ y)
        return 2 * (own.T[:, :, None] * rest * rest).sum(axis=(1, 2)) + self.smallest_variance

    def log_determinants(self, tau2: Array) -> tuple[Array, Array]:
        """Return log|V + tau2 B| and log|XᵀWX| − log|XᵀX| at tau2 (n,)."""
        volume = self.volume + total(np.log1p(tau2 * self.between))
        return volume, self._frame(tau2)[0].log_determinant() - self.plain

    def coefficients(self, tau2: Array) -> tuple[Array, Array, Array]:
        """Return the coefficients (n, p) of the columns, their covariance (n, p, p), and yᵀPy (n,), at tau2 (n,)."""
        frame, _ = self._frame(tau2)
        rest, shift = frame.residual(frame.distance)
        roots, places = np.sqrt(frame.anchored), frame.elimination.anchors.T
        rows = np.take_along_axis(self.columns.transpose(2, 1, 0), places[:, :, None], axis=1)
        beta = np.linalg.solve(rows, (frame.start + shift / roots).T[:, :, None])[:, :, 0]
        half = np.linalg.solve(rows, frame.inverse / (roots.T[:, :, None] * roots.T[:, None, :]))
        return beta, np.linalg.solve(rows, half.swapaxes(1, 2)), dot(rest, rest) + dot(shift, shift)
