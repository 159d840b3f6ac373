"""The (restricted) likelihood of several outcomes of the same trials, block by block, for many analyses at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Says which rows go together: `row` (m, w) are the rows of each block, 0 where padded.

    `present` (m, w) says which places are no padding, `trial` (m, w) is the number of the row's trial within its
    block, and `trials` how many trials the largest block has.
    """

    row: NDArray[np.int64]
    present: NDArray[np.bool_]
    trial: NDArray[np.int64]
    trials: int

    @classmethod
    def of(cls, trial: NDArray[np.int64], coupled: NDArray[np.bool_]) -> Blocks:
        """Take the trial of each row (k,) and the pairs of rows (k, k) whose errors are correlated."""
        block = _joined(trial, *np.nonzero(coupled))
        order = np.lexsort((trial, block))
        first = np.flatnonzero(np.diff(block[order], prepend=-1))
        size = np.diff(first, append=order.size)
        present = np.arange(size.max()) < size[:, None]
        row, number = np.zeros(present.shape, dtype=int), np.zeros(present.shape, dtype=int)
        row[present] = order
        fresh = np.diff(trial[order], prepend=-1) != 0
        count = np.cumsum(fresh)
        number[present] = count - np.repeat(count[first], size)
        return cls(row, present, number, int(number.max()) + 1)

    def vectors(self, values: Array) -> Array:
        """Return the values (n, k, ...) of the rows as (n, m, w, ...), 0 where padded."""
        there = self.present.reshape(1, *self.present.shape, *(1,) * (values.ndim - 2))
        return np.where(there, values[:, self.row], 0.0)

    def matrices(self, values: Array) -> Array:
        """Return the diagonal blocks (n, m, w, w) of matrices (n, k, k), those of the identity where padded."""
        there = self.present[:, :, None] & self.present[:, None, :]
        return np.where(there, values[:, self.row[:, :, None], self.row[:, None, :]], np.eye(self.row.shape[1]))


def _joined(trial: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each row that is shared by the rows of one trial and of trials linked by their errors."""
    label, ends = np.arange(trial.max() + 1), (trial[left], trial[right])
    while True:
        lower = label.copy()
        for one, other in (ends, ends[::-1]):
            np.minimum.at(lower, one, label[other])
        lower = lower[lower]
        if (lower == label).all():
            return label[trial]
        label = lower


@dataclass(frozen=True, slots=True)
class Fit:
    """Generalized least squares of n lanes: what belongs to the coefficients, and the whitened rest for the slopes.

    `beta` (n, p), `root` (n, p, p) with the inverse of `rootᵀ root` as covariance, `misfit` and `height` (n,), the
    log-likelihood. Whitened: `member` (n, m, w, c q), `basis` (n, m, w, p) orthonormal, `rest` (n, m, w).
    """

    beta: Array
    root: Array
    misfit: Array
    height: Array
    member: Array
    basis: Array
    rest: Array

    @property
    def covariance(self) -> Array:
        """Return the covariance of the coefficients (n, p, p)."""
        inverse = np.linalg.inv(self.root)
        return inverse @ inverse.swapaxes(1, 2)


@dataclass(frozen=True, slots=True)
class Model:
    """Holds n analyses in blocks, their rows whitened by the known covariance of the errors.

    `effect` (n, m, w), `design` (n, m, w, p) and `member` (n, m, w, c, q), which says of which of the c trials of its
    block and of which of the q outcomes a row is; all zero in rows that are absent. `volume` (n,) is the
    log-determinant of that covariance, `constant` (n,) that of the normal equations of the plain design, `rows` (n,)
    counts. A lane is one analysis at one factor (q, q), lower triangular, of the covariance between outcomes.
    """

    effect: Array
    design: Array
    member: Array
    volume: Array
    constant: Array
    rows: NDArray[np.int64]
    restricted: bool

    @property
    def cells(self) -> int:
        """Return how many numbers a fit of one lane holds."""
        _, m, w, c, q = self.member.shape
        return m * w * (w + 2 * c * q + self.design.shape[3])

    def fit(self, lane: NDArray[np.int64], factor: Array, frame: Array | None = None) -> Fit:
        """Return the fits of lanes: the number of the analysis (n,) and the factor (n, q, q) of each.

        A frame (n, q, q) changes the coordinates of the outcomes for the slopes, in which the factor is frame⁻¹ factor.
        The covariance of a whitened block is I + A Aᵀ. Its root is the triangle of the QR decomposition of Aᵀ stacked
        on I, which keeps twice the digits of one made from that sum.
        """
        member, design, effect = self.member[lane], self.design[lane], self.effect[lane]
        n, m, w, p = design.shape
        spread = (member @ factor[:, None, None]).reshape(n, m, w, -1)
        stacked = np.concatenate([spread.swapaxes(2, 3), np.broadcast_to(np.eye(w), (n, m, w, w))], axis=2)
        root = np.linalg.qr(stacked, mode="r")
        member = member if frame is None else member @ frame[:, None, None]
        parts = np.concatenate([member.reshape(n, m, w, -1), design, effect[..., None]], axis=3)
        white = np.linalg.solve(root.swapaxes(2, 3), parts)
        basis, triangle = _orthonormal(white[..., -p - 1 : -1].reshape(n, m * w, p))
        plain = white[..., -1].reshape(n, m * w, 1)
        share = basis.swapaxes(1, 2) @ plain
        rest = plain - basis @ share
        misfit = (rest * rest).sum(axis=(1, 2))
        height = self._height(lane, log_diagonal(root).sum(axis=1), log_diagonal(triangle), misfit)
        beta = np.linalg.solve(triangle, share)[..., 0]
        shapes = white[..., : -p - 1], basis.reshape(n, m, w, p), rest.reshape(n, m, w)
        return Fit(beta, triangle, misfit, height, *shapes)

    def _height(self, lane: NDArray[np.int64], volume: Array, precision: Array, misfit: Array) -> Array:
        height = self.rows[lane] * np.log(2 * np.pi) + self.volume[lane] + 2 * volume + misfit
        if self.restricted:
            height += 2 * precision - self.constant[lane] - self.design.shape[3] * np.log(2 * np.pi)
        return -0.5 * height

    def slopes(self, fit: Fit, factor: Array) -> tuple[Array, Array]:
        """Return the gradient (n, d) of the log-likelihood in the lower triangle of factors, and its derivative.

        With V the covariance of the effects, P the projection onto what the design leaves, and V_E what a change E of
        the covariance between outcomes does to V: the first derivative in the direction E is (yᵀPV_E P y − tr PV_E)/2
        and the second one, in E and F, tr(P V_E P V_F)/2 − yᵀ P V_E P V_F P y; for ML the traces have V⁻¹ for P.
        """
        gram, lever, cover, pull = self._products(fit)
        slope = 0.5 * np.einsum("nmcicj->nij", self._paired(pull @ pull.swapaxes(2, 3) - gram + cover))
        rows, columns = np.tril_indices(factor.shape[1])
        matrix = self._bends(gram, lever, cover, pull, _changes(factor, rows, columns))
        matrix += 2 * (columns[:, None] == columns) * slope[:, rows[:, None], rows]
        return (2 * slope @ factor)[:, rows, columns], 0.5 * (matrix + matrix.swapaxes(1, 2))

    def information(self, lane: NDArray[np.int64], factor: Array) -> Array:
        """Return the expected information about the q(q + 1)/2 entries of the covariance between outcomes."""
        gram, lever, cover, pull = self._products(self.fit(lane, factor))
        rows, columns = np.tril_indices(factor.shape[1])
        one = np.broadcast_to(np.eye(factor.shape[1]), factor.shape)
        return self._bends(gram, lever, cover, np.zeros_like(pull), _changes(one, rows, columns))

    def _products(self, fit: Fit) -> tuple[Array, Array, Array, Array]:
        """Return, in each block, ZᵀV⁻¹Z, ZᵀV⁻¹X in an orthonormal basis, its square for REML, and ZᵀPy."""
        turned = fit.member.swapaxes(2, 3)
        gram, lever, pull = turned @ fit.member, turned @ fit.basis, turned @ fit.rest[..., None]
        cover = lever @ lever.swapaxes(2, 3) if self.restricted else np.zeros_like(gram)
        return gram, lever, cover, pull

    def _bends(self, gram: Array, lever: Array, cover: Array, pull: Array, change: Array) -> Array:
        """Return the second derivatives (n, d, d) in changes (n, d, q, q) of the covariance between outcomes."""
        blocks = self._bend(0.5 * gram - cover - pull @ pull.swapaxes(2, 3), gram, change)
        return blocks + self._bend_of_fit(lever, pull, change)

    def _paired(self, matrix: Array) -> Array:
        return matrix.reshape(*matrix.shape[:2], *self.member.shape[3:], *self.member.shape[3:])

    def _bend(self, left: Array, right: Array, change: Array) -> Array:
        """Return, for changes E and F, the sum over blocks of tr(left E right F), with E and F acting in each trial."""
        n, q = len(left), self.member.shape[4]
        first = self._paired(left).transpose(0, 3, 5, 1, 2, 4).reshape(n, q * q, -1)
        second = self._paired(right).transpose(0, 1, 4, 2, 3, 5).reshape(n, -1, q * q)
        whole = (first @ second).reshape(n, q, q, q, q)
        return np.einsum("nejk,nfli,nijkl->nef", change, change, whole, optimize=True)

    def _bend_of_fit(self, lever: Array, pull: Array, change: Array) -> Array:
        """Return what the second derivatives owe to the coefficients, which move with the covariance."""
        n, q, p = len(lever), self.member.shape[4], lever.shape[3]
        lever, pull = lever.reshape(n, -1, q * p), pull.reshape(n, -1, q)
        shift = np.einsum("neij,nijp->nep", change, (pull.swapaxes(1, 2) @ lever).reshape(n, q, q, p))
        matrix = shift @ shift.swapaxes(1, 2)
        if self.restricted:
            both = (lever.swapaxes(1, 2) @ lever).reshape(n, q, p, q, p)
            inner = np.einsum("neij,nipjr->nepr", change, both)
            matrix += 0.5 * np.einsum("nepr,nfrp->nef", inner, inner)
        return matrix


def _changes(factor: Array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
    """Return how the covariance between outcomes (q, q) changes with each free entry of its factor, (n, d, q, q)."""
    half = np.zeros((len(factor), rows.size, *factor.shape[1:]))
    half[:, np.arange(rows.size), rows] = factor.swapaxes(1, 2)[:, columns]
    return half + half.swapaxes(2, 3)


def _orthonormal(columns: Array) -> tuple[Array, Array]:
    """Return an orthonormal basis (n, k, p) of columns and their triangle, made with the largest rows first.

    In that order the rounding of a row stays below the size of that row, however different the rows are.
    """
    order = np.argsort(-np.square(columns).sum(axis=2), axis=1)[..., None]
    ordered, triangle = np.linalg.qr(np.take_along_axis(columns, order, axis=1))
    basis = np.empty_like(columns)
    np.put_along_axis(basis, order, ordered, axis=1)
    return basis, triangle


def log_diagonal(triangle: Array) -> Array:
    """Return the logarithm of the absolute determinant of triangular matrices."""
    return np.log(np.abs(np.diagonal(triangle, axis1=-2, axis2=-1))).sum(axis=-1)
