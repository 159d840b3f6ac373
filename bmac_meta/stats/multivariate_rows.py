"""The rows of many analyses of several outcomes, in blocks, in units of their errors, and where to look for a top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.batch import Batch
from bmac_meta.stats.multivariate_likelihood import Array, Blocks, Model, log_diagonal
from bmac_meta.stats.multivariate_search import starting_factors
from bmac_meta.stats.projection import MeanProjection, power_of_two_unit
from bmac_meta.stats.tau2 import solve

CHUNK_CELLS = 1 << 20
SMALLEST_EIGENVALUE = 1e-12


@dataclass(frozen=True, slots=True)
class Rows:
    """Holds the effects of a batch with the covariance of their errors.

    `matrices` is (1 or B, k, k), `columns` of the design (1 or B, k, p), `place` (k,) the number of the outcome, and
    `present` (1 or B, k); what stands in absent rows is never used. The rows are those of `blocks`.
    """

    batch: Batch
    matrices: Array
    columns: Array
    place: NDArray[np.int64]
    present: NDArray[np.bool_]
    blocks: Blocks

    @classmethod
    def of(
        cls, batch: Batch, matrices: Array, columns: Array, place: NDArray[np.int64], trial: NDArray[np.int64]
    ) -> Rows:
        """Take a checked batch, with the number of the outcome and of the trial of each row, (k,)."""
        present = np.ones((1, batch.width), dtype=bool) if batch.mask is None else batch.mask
        whole = matrices if matrices.ndim == 3 else matrices[None]
        return cls(batch, whole, columns, place, present, Blocks.of(trial, _coupled(whole, present)))

    @property
    def outcomes(self) -> int:
        """Return q, the number of outcomes."""
        return int(self.place.max()) + 1

    @property
    def cells(self) -> int:
        """Return about how many numbers the search in one analysis holds at once."""
        m, w = self.blocks.row.shape
        columns = w + 2 * self.blocks.trials * self.outcomes + self.columns.shape[2]
        return m * w * columns * starting_factors(*np.ones((2, 1, self.outcomes))).shape[1]

    def suspects(self) -> Iterator[int]:
        """Give the analyses in which the covariance of the errors may not be positive definite."""
        step = max(1, CHUNK_CELLS // (self.blocks.row.size * self.blocks.row.shape[1]))
        count = max(len(self.matrices), len(self.present))
        for start in range(0, count, step):
            chunk = slice(start, min(start + step, count))
            there = self.blocks.vectors(_some(self.present, chunk).astype(float)) > 0
            pairs, one = there[..., :, None] & there[..., None, :], np.eye(there.shape[2])
            matrix = np.where(pairs, self.blocks.matrices(_some(self.matrices, chunk)), one)
            finite = np.isfinite(matrix).all(axis=(1, 2, 3))
            matrix = np.where(finite[:, None, None, None], matrix, one)
            sound = (np.abs(matrix - matrix.swapaxes(2, 3)) <= 1e-9 * np.abs(matrix)).all(axis=(1, 2, 3)) & finite
            spread = np.sqrt(np.diagonal(matrix, axis1=2, axis2=3))
            matrix = np.where(sound[:, None, None, None], matrix / spread[..., None] / spread[..., None, :], 0.0)
            doubtful = np.linalg.eigvalsh(matrix)[..., 0].min(axis=1) <= SMALLEST_EIGENVALUE
            yield from (start + np.flatnonzero(doubtful)).tolist()

    def model(self, chunk: slice, restricted: bool) -> tuple[Model, Array, Array]:
        """Return the model of some analyses, the units of their outcomes (n, q), and coefficients (n, p).

        The effects in the model are what those coefficients leave, so that no offset costs digits; add them to its own.
        """
        unit, weight = self._units(chunk)
        there = self.blocks.vectors(weight)
        pairs = there[..., :, None] * there[..., None, :]
        errors = np.where(pairs > 0, self.blocks.matrices(_some(self.matrices, chunk)), np.eye(there.shape[2]))
        scaled = 0.5 * (errors + errors.swapaxes(2, 3)) * np.where(pairs > 0, pairs, 1.0)
        root = np.linalg.cholesky(scaled)
        effect, design = (self.blocks.vectors(part) for part in self._scaled(chunk, weight))
        member, count = self._member(there > 0), np.count_nonzero(weight, axis=1)
        volume = 2 * log_diagonal(root).sum(axis=1) - 2 * np.log(weight, where=weight > 0, out=0 * weight).sum(axis=1)
        plain = np.where(weight[..., None] > 0, _some(self.columns, chunk), 0.0)
        constant = 2 * log_diagonal(np.linalg.qr(plain, mode="r"))
        whiten = partial(_whitened, root)
        model = Model(whiten(effect), whiten(design), whiten(member), volume, constant, count, restricted)
        base = model.fit(np.arange(len(unit)), np.zeros((len(unit), self.outcomes, self.outcomes))).beta
        rest = effect - (design @ base[:, None, :, None])[..., 0]
        return replace(model, effect=whiten(rest)), unit, base

    def starts(self, chunk: slice, unit: Array, base: Array, method: str) -> Array:
        """Return factors (n, s, q, q) of the covariance between outcomes to start from, in their units."""
        weight = self._units(chunk)[1]
        effect, design = self._scaled(chunk, weight)
        rest = effect - (design @ base[..., None])[..., 0]
        basis = np.linalg.qr(design)[0]
        rest = rest - (basis @ (basis.swapaxes(1, 2) @ rest[..., None]))[..., 0]
        variance = np.where(weight > 0, self.batch.variance[chunk], 1.0) * weight**2
        variance[weight == 0] = np.inf
        parts = [
            _spread(rest[:, own], variance[:, own], method) for own in np.arange(self.outcomes)[:, None] == self.place
        ]
        largest, alone = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
        return starting_factors(largest, alone)

    def _units(self, chunk: slice) -> tuple[Array, Array]:
        """Return each outcome's unit, near its smallest error (n, q), and its inverse by rows (n, k), 0 if absent."""
        variance = np.where(_some(self.present, chunk), self.batch.variance[chunk], np.inf)
        owns = np.arange(self.outcomes)[:, None] == self.place
        unit = power_of_two_unit(np.stack([variance[:, own].min(axis=1) for own in owns], axis=1))
        return unit, np.where(np.isfinite(variance), 1 / unit[:, self.place], 0.0)

    def _scaled(self, chunk: slice, weight: Array) -> tuple[Array, Array]:
        """Return effects (n, k) and design (n, k, p) in the units of their outcomes, 0 if absent."""
        effect = np.where(weight > 0, self.batch.estimate[chunk], 0.0) * weight
        return effect, np.where(weight[..., None] > 0, _some(self.columns, chunk), 0.0) * weight[..., None]

    def _member(self, there: NDArray[np.bool_]) -> Array:
        """Return of which trial of its block and of which outcome each row is, (n, m, w, c, q)."""
        member = np.zeros((*there.shape, self.blocks.trials, self.outcomes))
        block, slot = np.nonzero(self.blocks.present)
        number, place = self.blocks.trial[block, slot], self.place[self.blocks.row[block, slot]]
        member[:, block, slot, number, place] = there[:, block, slot]
        return member


def _some(values: NDArray, chunk: slice) -> NDArray:
    return values if len(values) == 1 else values[chunk]


def _coupled(matrices: Array, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pairs of rows (k, k) have correlated errors in some analysis in which both are present."""
    step = max(1, CHUNK_CELLS // matrices[0].size)
    coupled = np.zeros(matrices.shape[1:], dtype=bool)
    for start in range(0, max(len(matrices), len(present)), step):
        chunk = slice(start, start + step)
        here = _some(present, chunk)
        if len(matrices) == 1:
            here = here.any(axis=0, keepdims=True)
        coupled |= ((_some(matrices, chunk) != 0) & here[:, :, None] & here[:, None, :]).any(axis=0)
    return coupled


def _whitened(root: Array, values: Array) -> Array:
    """Return root⁻¹ times values (n, m, w, ...)."""
    flat = values.reshape(*values.shape[:3], -1)
    return np.linalg.solve(root, flat).reshape(values.shape)


def _spread(rest: Array, variance: Array, method: str) -> tuple[Array, Array]:
    """Return the mean square (n,) of the residuals (n, k) of an outcome, and its variance between trials by itself."""
    here = np.isfinite(variance)
    count = here.sum(axis=1)
    typical = np.exp(np.log(variance, where=here, out=np.zeros_like(variance)).sum(axis=1) / count)
    projection = MeanProjection.of(rest.T, variance.T, count.astype(float))
    alone = solve(projection, method)[0] * projection.unit**2
    return np.maximum((rest**2).sum(axis=1) / count, 1e-3 * typical), np.maximum(alone, 1e-2 * typical)
