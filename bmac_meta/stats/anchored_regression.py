"""Weighted least squares of many problems at once, stable for weights of any range, in real or complex numbers.

Arrays have problems on the last axis and rows on the last but one. Whatever is analytic in the weights stays so:
derivatives can be taken by complex steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.design import eliminate

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def log_determinant(matrix: Array) -> Array:
    """Return the logarithms of the determinants, whatever their sign, of real or complex matrices (..., p, p).

    >>> log_determinant(np.array([[0.0, 1.0], [1.0, 0.0]])).item()
    0.0
    """
    if matrix.shape[-1] == 1:
        return 0.5 * np.log(matrix[..., 0, 0] ** 2)
    sign, size = np.linalg.slogdet(matrix)
    return size + 0.5 * np.log(sign**2)


@dataclass(frozen=True, slots=True)
class AnchoredRegression:
    """Holds the weighted least squares of r rows on p columns, n times.

    The design is rewritten so that p of its rows, the `anchors` (p, n), are unit vectors: it is `columns` (p, r, n)
    then, and `corner` (p, p, n) has the anchors as they were, one in each column. `root` (p, n) is the root of their
    weights, `gram` (p, p, n) the information of the other rows in these units and `core` the inverse of 1 + `gram`;
    `fitted` (p, n) are the fitted values of the anchors, `weight` and `rest` (r, n) weights and residuals of all rows.
    """

    columns: Array
    anchors: Index
    corner: Array
    root: Array
    gram: Array
    core: Array
    fitted: Array
    weight: Array
    rest: Array

    @classmethod
    def of(cls, columns: Array, effect: Array, weight: Array) -> AnchoredRegression:
        """Take columns (p, r, n or 1), effects (r, n or 1) and weights (r, n; 0 for rows that don't count)."""
        columns, effect = (np.broadcast_to(part, part.shape[:-1] + weight.shape[-1:]) for part in (columns, effect))
        anchors, reduced = _reduce(columns, np.sqrt(weight.real))
        place = anchors, np.arange(weight.shape[1])
        root, others = np.sqrt(weight[place]), weight.copy()
        others[place] = 0
        weighted = reduced * others
        gram = np.einsum("prn,qrn->pqn", weighted, reduced) / (root[:, None] * root)
        core = _inverse(_unit(len(columns)) + gram)
        distance = effect - np.einsum("prn,pn->rn", reduced, effect[place])
        shift = np.einsum("pqn,qn->pn", core, np.einsum("prn,rn->pn", weighted, distance) / root) / root
        rest = distance - np.einsum("prn,pn->rn", reduced, shift)
        return cls(reduced, anchors, columns[:, *place], root, gram, core, effect[place] + shift, weight, rest)

    @property
    def misfit(self) -> Array:
        """Return the weighted sum of squared residuals (n,)."""
        return (self.weight * self.rest**2).sum(axis=0)

    @property
    def inverse(self) -> Array:
        """Return the covariance of the fitted values of the anchors (p, p, n)."""
        return self.core / (self.root[:, None] * self.root)

    def log_precision(self) -> Array:
        """Return log|XᵀWX| (n,) for the columns that were given."""
        others = log_determinant((_unit(len(self.gram)) + self.gram).T)
        return others + 2 * (np.log(self.root).sum(axis=0) + log_determinant(self.corner.T))

    def leverage(self) -> tuple[Array, Array, Array]:
        """Return (XᵀWX)⁻¹Xᵀ (p, r, n), leverages h (r, n) and 1 − h, which is as exact near 0 as near 1."""
        product = np.einsum("pqn,qrn->prn", self.inverse, self.columns)
        leverage = self.weight * np.einsum("prn,prn->rn", product, self.columns)
        rest = 1 - leverage
        rest[self.anchors, np.arange(rest.shape[1])] = np.einsum("pqn,qpn->pn", self.gram, self.core)
        return product, leverage, rest

    def coefficients(self, level: Array) -> tuple[Array, Array]:
        """Return the coefficients (p, n) of the columns that were given, and their covariance (p, p, n).

        `level` (p, n) is what the effects of the anchors were lowered by.
        """
        corner = self.corner.transpose(1, 0, 2)
        half = _solve(corner, self.inverse)
        return _solve(corner, (self.fitted + level)[:, None])[:, 0], _solve(corner, half.transpose(1, 0, 2))


def condense(columns: Array, effect: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return p rows of weight 1, as columns (p, p, n) and effects (p, n), that stand for r rows, and their misfit (n,).

    They say the same about the coefficients; the weighted sum of squares of the r rows is theirs and the misfit. Takes
    real arrays as `AnchoredRegression.of` does, and columns that may be 0 or depend on each other.
    """
    columns, effect = (np.broadcast_to(part, part.shape[:-1] + weight.shape[-1:]) for part in (columns, effect))
    parts, every = eliminate(columns, np.sqrt(weight)), np.arange(weight.shape[1])
    root, others = np.zeros(parts.pivots.shape), np.sqrt(weight)
    for own, row, pivot in zip(root, parts.anchors, parts.pivots, strict=True):
        own[:] = np.where(pivot == 0, 0, others[row, every])
        others[row, every] = np.where(pivot == 0, others[row, every], 0)
    start = effect[parts.anchors, every]
    scaled = parts.columns * others / np.where(root == 0, 1, root)[:, None]
    distance = others * (effect - np.einsum("prn,pn->rn", parts.columns, start))
    matrix = np.eye(len(root)) + np.einsum("prn,qrn->npq", scaled, scaled)
    shift = np.linalg.solve(matrix, np.einsum("prn,rn->np", scaled, distance)[..., None])[..., 0].T
    upper = np.linalg.cholesky(matrix).transpose(2, 1, 0)
    misfit = ((distance - np.einsum("prn,pn->rn", scaled, shift)) ** 2).sum(axis=0) + (shift**2).sum(axis=0)
    corner = root * columns[:, parts.anchors, every]
    return np.einsum("ijn,cjn->cin", upper, corner), np.einsum("ijn,jn->in", upper, root * start + shift), misfit


def _reduce(columns: Array, root: Array) -> tuple[Index, Array]:
    """Return p anchors among the rows (p, n), and the columns rewritten so that these are unit vectors (p, r, n)."""
    every = np.arange(root.shape[1])
    if len(columns) == 1:
        anchors = np.abs(columns[0].real * root).argmax(axis=0)[None]
        reduced = columns / columns[0][anchors, every]
    else:
        parts = eliminate(columns.real, root)
        if not np.iscomplexobj(columns):
            return parts.anchors, parts.columns
        anchors = parts.anchors
        reduced = np.einsum("pqn,qrn->prn", _inverse(columns[:, anchors, every]), columns)
    reduced[:, anchors, every] = _unit(len(columns))
    return anchors, reduced


def _unit(size: int) -> Array:
    return np.eye(size)[:, :, None]


def _inverse(matrix: Array) -> Array:
    return 1 / matrix if len(matrix) == 1 else np.linalg.inv(matrix.T).T


def _solve(matrix: Array, right: Array) -> Array:
    """Solve systems with matrices (p, p, n) for right sides (p, r, n)."""
    if len(matrix) == 1:
        return right / matrix[0]
    return np.linalg.solve(matrix.transpose(2, 0, 1), right.transpose(2, 0, 1)).transpose(1, 2, 0)
