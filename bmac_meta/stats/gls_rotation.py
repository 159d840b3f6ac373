"""Linked effects rotated into independent ones, block by block, so that each keeps its digits.

With V the covariance of the errors and B that of the true effects in units of tau2, the rows of each block of
linked effects are rotated so that V becomes the identity and B diagonal. Rows that nothing links never mix. A
diagonalization of the matrix would know small eigenvalues only as well as the largest; the rows of a factor are
made orthogonal instead, as in one-sided Jacobi methods (Demmel & Veselić 1992, doi:10.1137/0613074).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from bmac_meta.errors import BmacMetaError

Array = NDArray[np.float64]
Places = NDArray[np.int64]

EPSILON = np.finfo(float).eps
MOST_STEPS = 60
# Rows of which no two have a larger tangent than this are turned all at once.
GENTLE = 0.1


@dataclass(frozen=True, slots=True)
class Links:
    """Holds the covariance of the errors, and of the true effects in units of tau2, of n meta-analyses.

    `covariance` and `between` (None for independent true effects) are (1 or n, k, k), `present` is (1 or n, k) or
    None when every row is there. What stands in the rows and columns of absent ones is ignored.
    """

    covariance: Array
    between: Array | None = None
    present: NDArray[np.bool_] | None = None

    @property
    def shared(self) -> bool:
        """Say whether all the meta-analyses have the same links."""
        return all(part is None or len(part) == 1 for part in (self.covariance, self.between, self.present))

    def rows(self, rows: slice) -> Links:
        """Return the links of some of the meta-analyses."""
        parts = (self.covariance, self.between, self.present)
        return Links(*(part if part is None or len(part) == 1 else part[rows] for part in parts))

    def blocks(self) -> list[Places]:
        """Return sets (m, b) of m blocks of b rows each, which are linked with no others in any meta-analysis."""
        linked = self._linked(self.covariance)
        if self.between is not None:
            linked |= self._linked(self.between)
        _, label = connected_components(linked, directed=False)
        size = np.bincount(label)
        pieces = np.split(np.argsort(label, kind="stable"), np.cumsum(size)[:-1])
        return [np.array([piece for piece in pieces if piece.size == width]) for width in np.unique(size)]

    def _linked(self, matrix: Array) -> NDArray[np.bool_]:
        links = matrix != 0
        if self.present is not None:
            links = links & self.present[:, :, None] & self.present[:, None, :]
        return links.any(axis=0)

    def within(self, rows: Places) -> tuple[Array, Array]:
        """Return covariance and between in blocks (m, b), (1 or n, m, b, b); absent rows are 1 and 0 there."""
        square = (slice(None), rows[:, :, None], rows[:, None, :])
        own = np.eye(rows.shape[1])
        covariance = self.covariance[square]
        between = np.broadcast_to(own, (1, *covariance.shape[1:])) if self.between is None else self.between[square]
        if self.present is None:
            return covariance, between
        here = self.present[:, rows]
        both = here[..., :, None] & here[..., None, :]
        return np.where(both, covariance, own), np.where(both, between, 0.0)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Holds what makes the rows of n meta-analyses independent, with errors of variance 1.

    `blocks` are pairs of rows (m, b) and transforms (1 or n, m, b, b); `between` (1 or n, k) is the diagonal that B
    becomes, and `volume` (1 or n) is log|V|.
    """

    blocks: list[tuple[Places, Array]]
    between: Array
    volume: Array

    @classmethod
    def of(cls, links: Links) -> Rotation:
        """Rotate the blocks of linked rows, those of one size together."""
        parts = [(rows, *_whiten(*links.within(rows))) for rows in links.blocks()]
        between = np.empty((len(parts[0][2]), links.covariance.shape[1]))
        for rows, _, diagonal, _ in parts:
            between[:, rows] = diagonal
        return cls([part[:2] for part in parts], between, np.add.reduce([part[3] for part in parts]))

    def apply(self, columns: Array) -> Array:
        """Return columns (n, k, c) of the meta-analyses in rotated rows."""
        turned = np.empty_like(columns)
        for rows, transform in self.blocks:
            turned[:, rows] = transform @ columns[:, rows]
        return turned


def _whiten(covariance: Array, between: Array) -> tuple[Array, Array, Array]:
    """Return for blocks (n, m, b, b) the transforms, the diagonals (n, m, b) of B, and the sums of log|V| (n,).

    Rows come from the least to the most precise, so that whitening adds none to a less precise one.
    """
    shape = np.broadcast_shapes(covariance.shape, between.shape)
    covariance, between = (np.broadcast_to(part, shape).reshape(-1, *shape[2:]) for part in (covariance, between))
    width = shape[-1]
    order = np.argsort(-np.einsum("nbb->nb", covariance), axis=1)
    covariance, between = (_reorder(part, order) for part in (covariance, between))
    spread = np.sqrt(np.einsum("nbb->nb", covariance))[:, :, None]
    root = np.linalg.cholesky(0.5 * (covariance + covariance.swapaxes(1, 2)) / (spread * spread.swapaxes(1, 2)))
    volume = 2 * (np.log(spread[..., 0]) + np.log(np.einsum("nbb->nb", root))).sum(axis=1)
    rows = np.linalg.solve(root, np.concatenate([_factor(between) / spread, np.eye(width) / spread], axis=2))
    _orthogonalize(rows)
    diagonal = (rows[:, :, :width] ** 2).sum(axis=2)
    transform = np.empty((len(rows), width, width))
    np.put_along_axis(transform, order[:, None, :], rows[:, :, width:], axis=2)
    return transform.reshape(shape), diagonal.reshape(shape[:3]), volume.reshape(shape[:2]).sum(axis=1)


def _reorder(matrix: Array, order: Places) -> Array:
    return np.take_along_axis(np.take_along_axis(matrix, order[:, :, None], axis=1), order[:, None, :], axis=2)


def _factor(between: Array) -> Array:
    """Return F with F Fᵀ = B, exactly of its rank, (n, b, b)."""
    if (between == between * np.eye(between.shape[-1])).all():
        return np.sqrt(between)
    values, vectors = np.linalg.eigh(between)
    floor = EPSILON * between.shape[-1] * values[:, -1:]
    return vectors * np.sqrt(np.where(values > floor, values, 0.0))[:, None, :]


def _orthogonalize(rows: Array) -> None:
    """Rotate rows (n, b, 2 b), in place, until their first halves are orthogonal.

    After the first rotation rows of similar length are orthogonal, and long ones reach into short ones by small
    angles, which are turned back. Only rows shorter than the longest by more than the digits there are remain
    tangled: they are rotated again among themselves. What a singular B does not reach shrinks until it is 0.
    """
    width = rows.shape[1]
    if width == 1:
        return
    rows[:] = _principal(rows)
    _clear(rows)
    left = np.arange(len(rows))
    for _ in range(MOST_STEPS):
        tangent = _tangents(rows[left, :, :width])
        slanted = tangent.any(axis=(1, 2))
        if not slanted.any():
            return
        left, tangent = left[slanted], tangent[slanted]
        tangled = (np.abs(tangent) > GENTLE).any(axis=2)
        gentle = ~tangled.any(axis=1)
        rows[left[gentle]] = _turn_all(rows[left[gentle]], tangent[gentle])
        for one in np.flatnonzero(~gentle):
            rows[left[one], tangled[one]] = _principal(rows[left[one], tangled[one]])
    raise BmacMetaError("the covariance could not be diagonalized; check its units.")


def _principal(rows: Array) -> Array:
    """Return rows (..., m, 2 b) rotated so that their first halves are orthogonal, as measured by the longest."""
    axes = np.linalg.svd(rows[..., : rows.shape[-1] // 2])[0]
    return axes.swapaxes(-1, -2) @ rows


def _clear(rows: Array) -> None:
    """Put 0, in place, for what rounding left of rows that a singular B does not reach."""
    start = rows[:, :, : rows.shape[1]]
    size = np.sqrt((start * start).sum(axis=2))
    singular = (start == 0).all(axis=1).any(axis=1)
    start[singular[:, None] & (size <= EPSILON * rows.shape[1] * size.max(axis=1, keepdims=True))] = 0.0


def _tangents(rows: Array) -> Array:
    """Return the tangents (n, b, b) of the angles by which each two rows must turn to be orthogonal; 0 if they are."""
    size = np.sqrt((rows * rows).sum(axis=2, keepdims=True))
    size = np.where(size > 0, size, 1.0)
    unit = rows / size
    cosine = unit @ unit.swapaxes(1, 2)
    np.einsum("nbb->nb", cosine)[:] = 0.0
    some = np.abs(cosine) > EPSILON * (40 + 4 * rows.shape[1])
    ratio = size.swapaxes(1, 2) / size
    slant = (ratio - 1 / ratio) / (2 * np.where(some, cosine, 1.0))
    return np.where(some, np.copysign(1 / (np.abs(slant) + np.hypot(1.0, slant)), slant), 0.0)


def _turn_all(rows: Array, tangent: Array) -> Array:
    """Return rows rotated by many small angles at once (Cayley's transform of the tangents, which is orthogonal)."""
    skew = 0.25 * (tangent.swapaxes(1, 2) - tangent)
    return np.linalg.solve(np.eye(rows.shape[1]) - skew, rows + skew @ rows)
