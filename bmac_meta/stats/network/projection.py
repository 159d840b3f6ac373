"""The moments of the weighted projection for a network, many left-out variants of it at a time.

`bmac_meta.stats.tau2` estimates every τ² from these moments. Networks have many columns, so that here the
normal matrices of all variants are formed and inverted in one sweep of matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.design import DesignProjection
from bmac_meta.stats.network.data import BoolArray, FloatArray, IntArray
from bmac_meta.stats.projection import Moments, Projection, power_of_two_unit

WIDEST_RANGE = 1e7


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """Holds the products of the columns of a design (N, p), for the pairs of columns that meet in some row.

    `products` (N, c) belong to the entries `row`, `column` (c,) of the lower triangle of the normal matrix.
    """

    products: FloatArray
    row: IntArray
    column: IntArray
    size: int

    @classmethod
    def of(cls, columns: FloatArray) -> Gram:
        """Find the products that are not zero in all rows."""
        met = (columns != 0.0).astype(np.float32)
        row, column = np.nonzero(np.tril(met.T @ met))
        return cls(columns[:, row] * columns[:, column], row, column, columns.shape[1])

    def normal(self, weight: FloatArray, alive: FloatArray) -> FloatArray:
        """Return XᵀWX (M, p, p) for weights (M, N), zero where a row or column is not alive (M, p)."""
        entries = (weight @ self.products) * (alive[:, self.row] * alive[:, self.column])
        matrix = np.zeros((weight.shape[0], self.size, self.size))
        matrix[:, self.row, self.column] = entries
        matrix[:, self.column, self.row] = entries
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class NetworkProjection:
    """Computes the moments for n variants of one design, in units where the smallest variance is near 1.

    `effect` and `variance` (N,) are in scaled units; `keep` (n, N) is 1 for the rows of a variant and 0 for
    others; `alive` (n, p) likewise for its columns; `trials` (n,) counts its rows.
    """

    effect: FloatArray
    columns: FloatArray
    gram: Gram
    variance: FloatArray
    keep: FloatArray
    alive: FloatArray
    unit: FloatArray

    @property
    def trials(self) -> FloatArray:
        """Return the number of independent rows (n,)."""
        return self.keep.sum(axis=1)

    @property
    def degrees(self) -> FloatArray:
        """Return the residual degrees of freedom (n,)."""
        return self.trials - self.alive.sum(axis=1)

    @property
    def smallest_variance(self) -> FloatArray:
        """Return the smallest variance of each variant (n,), in scaled units."""
        return np.where(self.keep > 0.0, self.variance, np.inf).min(axis=1)

    @property
    def largest_variance(self) -> FloatArray:
        """Return the largest variance of each variant (n,), in scaled units."""
        return np.where(self.keep > 0.0, self.variance, 0.0).max(axis=1)

    def take(self, index: IntArray) -> NetworkProjection:
        """Return the same for some of the variants, repeated where the index repeats."""
        parts = (self.effect, self.columns, self.gram, self.variance)
        return NetworkProjection(*parts, self.keep[index], self.alive[index], self.unit[index])

    def quadratic(self, tau2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""
        weight = self.keep / (self.variance + tau2[:, None])
        rest = self._rest(weight, self._inverse(weight), self.effect)
        pull = weight * rest
        return np.einsum("ij,ij->i", pull, rest), np.einsum("ij,ij->i", pull, pull)

    def moments(self, tau2: FloatArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""
        if tau2.ndim == 1:
            return self._moments(tau2)
        flat = self.take(np.tile(np.arange(tau2.shape[1]), tau2.shape[0]))._moments(tau2.ravel())
        return Moments(*(getattr(flat, name).reshape(tau2.shape) for name in Moments.__slots__))

    def _moments(self, tau2: FloatArray) -> Moments:
        weight = self.keep / (self.variance + tau2[:, None])
        inverse = self._inverse(weight)
        rest = self._rest(weight, inverse, self.effect)
        pull = weight * rest
        second = self._rest(weight, inverse, pull)
        square = weight * weight
        turned = inverse @ self.gram.normal(square, self.alive)
        cube = self.gram.normal(square * weight, self.alive)
        total, squares = weight.sum(axis=1), square.sum(axis=1)
        return Moments(
            y_p_y=np.einsum("ij,ij->i", pull, rest),
            y_pp_y=np.einsum("ij,ij->i", pull, pull),
            y_ppp_y=np.einsum("ij,ij,ij->i", weight, second, second),
            trace_w=total,
            trace_ww=squares,
            trace_p=total - np.trace(turned, axis1=1, axis2=2),
            trace_pp=squares - 2.0 * np.einsum("nij,nji->n", inverse, cube) + np.einsum("nij,nji->n", turned, turned),
        )

    def spread(self) -> tuple[FloatArray, FloatArray]:
        """Return the residual sum of squares of ordinary least squares and Σ v (1 − h), both (n,)."""
        inverse = self._inverse(self.keep)
        rest = self._rest(self.keep, inverse, self.effect)
        leverage = np.einsum("nij,nij->n", inverse, self.gram.normal(self.keep * self.variance, self.alive))
        return np.einsum("ij,ij,ij->i", self.keep, rest, rest), self.keep @ self.variance - leverage

    def total_squares(self) -> FloatArray:
        """Return the sum of squared effects (n,); a network has no mean to measure them from."""
        return self.keep @ (self.effect * self.effect)

    def log_determinants(self, tau2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log|V| and log|XᵀWX| − log|XᵀX| at tau2 (n,), both in original units."""
        total = self.variance + tau2[:, None]
        unit2 = 2.0 * np.log(self.unit)
        precision = self._log_determinant(self.keep / total) - self._log_determinant(self.keep)
        volume = (self.keep * np.log(total)).sum(axis=1) + self.trials * unit2
        return volume, precision - self.alive.sum(axis=1) * unit2

    def _log_determinant(self, weight: FloatArray) -> FloatArray:
        return np.linalg.slogdet(self._normal(weight))[1]

    def _normal(self, weight: FloatArray) -> FloatArray:
        matrix = self.gram.normal(weight, self.alive)
        diagonal = np.arange(self.gram.size)
        matrix[:, diagonal, diagonal] += 1.0 - self.alive
        return matrix

    def _inverse(self, weight: FloatArray) -> FloatArray:
        return np.linalg.inv(self._normal(weight)) * (self.alive[:, :, None] * self.alive[:, None, :])

    def _rest(self, weight: FloatArray, inverse: FloatArray, effect: FloatArray) -> FloatArray:
        towards = (weight * effect) @ self.columns
        return effect - np.einsum("nij,nj->ni", inverse, towards) @ self.columns.T


def is_wide(variance: FloatArray) -> bool:
    """Say whether variances differ by more than normal matrices can bear."""
    return bool(variance.max() > WIDEST_RANGE * variance.min())


def project(effect: FloatArray, columns: FloatArray, variance: FloatArray, alive: BoolArray) -> Projection:
    """Return the projection for one design (N, p) of which the columns `alive` (p,) are used.

    Where the variances differ by more than a factor of 1e7, the slower elimination of `DesignProjection` is
    used, which loses no digit to the range of the weights.
    """
    if not is_wide(variance):
        return project_variants(effect, columns, variance, np.ones((1, effect.size)), alive[None])
    design = np.ascontiguousarray(columns[:, alive].T)[:, :, None]
    rows = np.full(1, float(effect.size))
    return DesignProjection.of(design, effect[:, None], variance[:, None], rows, constant=False)


def project_variants(
    effect: FloatArray, columns: FloatArray, variance: FloatArray, keep: NDArray, alive: NDArray
) -> NetworkProjection:
    """Return the projection for variants that keep some rows (n, N) and use some columns (n, p)."""
    unit = power_of_two_unit(variance.min(keepdims=True))
    units = np.repeat(unit, keep.shape[0])
    scaled = variance / (unit * unit)
    marks = keep.astype(float), alive.astype(float)
    return NetworkProjection(effect / unit, columns, Gram.of(columns), scaled, *marks, units)
