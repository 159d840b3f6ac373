"""Weighted least squares on the rows of a network, with a check that no digits are lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.stats.network.data import BoolArray, FloatArray, IntArray
from bmac_meta.stats.network.graph import component_labels

WIDEST = 100.0
SMALLEST_PIVOT = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Holds a least-squares solution for rows of variance 1.

    `coefficients` (p,) and `root` (p, r), whose product with its transpose is the covariance of the
    coefficients; both are zero for columns that were left out. `residual` (N,), `squares` its sum of squares,
    `rank` r.
    """

    coefficients: FloatArray
    root: FloatArray
    residual: FloatArray
    squares: float
    rank: int

    def covariance(self) -> FloatArray:
        """Return the covariance (p, p) of the coefficients."""
        return self.root @ self.root.T

    def differences(self) -> tuple[FloatArray, FloatArray]:
        """Return all differences of coefficients, row minus column, and their standard errors, (p, p)."""
        estimate = self.coefficients[:, None] - self.coefficients
        gap = self.root[:, None, :] - self.root
        return estimate, np.sqrt(np.einsum("ijr,ijr->ij", gap, gap))


def least_squares(effect: FloatArray, columns: FloatArray, alive: BoolArray) -> Solution:
    """Solve for the columns (N, p) where `alive` (p,) is True, which must be independent.

    Rows of like size are solved by the Cholesky factor of the normal matrix and a step of refinement, others by
    orthogonal factors.
    """
    order = np.flatnonzero(alive)
    used = columns[:, order]
    found = _normal_root(used)
    if found is None:
        estimate, found = _orthogonal(effect, used)
    else:
        estimate = _refined(effect, used, found)
    coefficients, root = np.zeros(columns.shape[1]), np.zeros((columns.shape[1], order.size))
    coefficients[order], root[order] = estimate, found
    residual = effect - used @ estimate
    return Solution(coefficients, root, residual, float(residual @ residual), order.size)


def _normal_root(columns: FloatArray) -> FloatArray | None:
    """Return a root of (XᵀX)⁻¹, or None where normal equations would lose more than about four digits."""
    size = np.abs(columns).max(axis=1, initial=0.0)
    if size.min(initial=np.inf) * WIDEST < size.max(initial=0.0):
        return None
    scale = np.linalg.norm(columns, axis=0)
    unit = columns / scale
    try:
        factor = np.linalg.cholesky(unit.T @ unit)
    except np.linalg.LinAlgError:
        return None
    if np.diag(factor).min(initial=1.0) < SMALLEST_PIVOT:
        return None
    return np.linalg.inv(factor).T / scale[:, None]


def _refined(effect: FloatArray, columns: FloatArray, root: FloatArray) -> FloatArray:
    estimate = root @ (root.T @ (columns.T @ effect))
    return estimate + root @ (root.T @ (columns.T @ (effect - columns @ estimate)))


def _orthogonal(effect: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and root by Householder factors of rows and columns in the order of their size.

    That keeps the factors accurate row by row when variances differ by many powers of ten (Cox & Higham 1998,
    in Numerical Analysis 1997, pp. 57-73).
    """
    order = np.argsort(-np.linalg.norm(columns, axis=0), kind="stable")
    rows = np.argsort(-np.abs(columns).max(axis=1, initial=0.0), kind="stable")
    orthogonal, triangle = np.linalg.qr(columns[np.ix_(rows, order)])
    inverse = np.linalg.inv(triangle)
    estimate, root = np.empty(order.size), np.empty((order.size, order.size))
    estimate[order], root[order] = inverse @ (orthogonal.T @ effect[rows]), inverse
    return estimate, root


def references(adjacent: BoolArray, weight: FloatArray) -> IntArray:
    """Return for each treatment (n,) the best-connected treatment (by `weight` (n,)) of its component."""
    labels = component_labels(adjacent)
    order = np.lexsort((-weight, labels))
    first = np.ones(order.size, dtype=bool)
    first[1:] = labels[order][1:] != labels[order][:-1]
    best = np.empty(order.size, dtype=np.intp)
    best[labels[order][first]] = order[first]
    return best[labels]


def adjacency(columns: FloatArray) -> BoolArray:
    """Say which treatments (n, n) some row of the design (N, n) links."""
    present = (columns != 0.0).astype(np.float32)
    return present.T @ present > 0.0


def solve_network(effect: FloatArray, columns: FloatArray) -> tuple[Solution, IntArray]:
    """Solve for treatment effects with one reference per connected part; return the solution and the
    references (n,).

    The coefficient of a reference is 0; only differences within one part mean anything.
    """
    weight = np.einsum("ij,ij->j", columns, columns)
    reference = references(adjacency(columns), weight)
    alive = reference != np.arange(reference.size)
    return least_squares(effect, columns, alive), reference
