"""Independent rows: every contrast of every trial, rotated so that its variance is λ + τ² and nothing is
correlated.

In a random-effects network the contrasts of one trial have the covariance V + τ² S, where S has 1 on its
diagonal and 1/2 elsewhere (Higgins & Whitehead 1996,
doi:10.1002/(SICI)1097-0258(19961230)15:24<2733::AID-SIM562>3.0.CO;2-0). With S = L Lᵀ and L⁻¹ V L⁻ᵀ = U Λ Uᵀ,
the rows Uᵀ L⁻¹ y have the variances Λ + τ², for every τ² at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bmac_meta.stats.network.data import BoolArray, FloatArray, IntArray, NetworkData, TrialBlock
from bmac_meta.stats.network.multiarm import pair_weight


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Holds N independent rows of a network.

    `effect` and `variance` (N,), `columns` (N, n) with one column per treatment (each row sums to zero),
    `trial` (N,) and, per block, the rotations (k, m − 1, m − 1) that made the rows from the contrasts with
    the first arm.
    """

    effect: FloatArray
    columns: FloatArray
    variance: FloatArray
    trial: IntArray
    rotations: tuple[FloatArray, ...]

    def parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return effect, columns and variance."""
        return self.effect, self.columns, self.variance

    def take(self, keep: BoolArray) -> Rows:
        """Return some of the rows; they can't be rotated any more."""
        return Rows(self.effect[keep], self.columns[keep], self.variance[keep], self.trial[keep], ())

    def rotate(self, contrasts: Sequence[FloatArray]) -> FloatArray:
        """Return rows (N, …) from values of the contrasts, one array (k, m − 1, …) per block."""
        return _stack(
            [np.einsum("kij,kj...->ki...", turn, part) for turn, part in zip(self.rotations, contrasts, strict=True)]
        )


@lru_cache(maxsize=64)
def heterogeneity_shape(others: int) -> FloatArray:
    """Return S for trials with `others` contrasts: 1 on the diagonal, 1/2 elsewhere."""
    shape = 0.5 * (np.eye(others) + 1.0)
    shape.setflags(write=False)
    return shape


def contrast_columns(block: TrialBlock, treatments: int) -> FloatArray:
    """Return the design (k, m − 1, n) of the contrasts with the first arm."""
    k, others = block.effect.shape
    columns = np.zeros((k, others, treatments))
    trial, contrast = np.arange(k)[:, None], np.arange(others)
    columns[trial, contrast, block.arms[:, 1:]] = 1.0
    columns[trial, contrast, block.arms[:, :1]] = -1.0
    return columns


def independent_rows(data: NetworkData) -> Rows:
    """Return the rows of a network with their sampling variances."""
    parts = [_rotation(block) for block in data.blocks]
    turns = tuple(turn for turn, _ in parts)
    blank = np.empty(0)
    frame = Rows(blank, blank, _stack([spread for _, spread in parts]), _row_trials(data), turns)
    columns = frame.rotate([contrast_columns(block, len(data.treatments)) for block in data.blocks])
    effect = frame.rotate([block.effect for block in data.blocks])
    return Rows(effect, columns, frame.variance, frame.trial, turns)


def _rotation(block: TrialBlock) -> tuple[FloatArray, FloatArray]:
    others = block.size - 1
    if others == 1:
        return np.ones_like(block.covariance), block.covariance[:, :, 0]
    root = np.linalg.inv(np.linalg.cholesky(heterogeneity_shape(others)))
    spread, axes = np.linalg.eigh(root @ block.covariance @ root.T)
    return np.swapaxes(axes, 1, 2) @ root, spread


def standardized_rows(data: NetworkData, tau2: float) -> Rows:
    """Return rows of variance 1 at one tau2, by the Cholesky factor of each trial's covariance.

    Printed contrasts that disagree by rounding are reconciled with the weights at this tau2.
    """
    turns = tuple(_inverse_root(block, tau2) for block in data.blocks)
    blank = np.empty(0)
    frame = Rows(blank, blank, np.ones(data.rows_count), _row_trials(data), turns)
    columns = frame.rotate([contrast_columns(block, len(data.treatments)) for block in data.blocks])
    effect = frame.rotate([reconciled_effect(block, tau2) for block in data.blocks])
    return Rows(effect, columns, frame.variance, frame.trial, turns)


def total_covariance(block: TrialBlock, tau2: float) -> FloatArray:
    """Return V + τ² S of each trial (k, m − 1, m − 1)."""
    return block.covariance + tau2 * heterogeneity_shape(block.size - 1)


def reconciled_effect(block: TrialBlock, tau2: float) -> FloatArray:
    """Return the effects (k, m − 1) that fit the printed pairs best under the weights at tau2."""
    if tau2 == 0.0 or not block.residual.any():
        return block.effect
    covariance = total_covariance(block, tau2)
    divergence = (pair_weight(covariance) * block.residual).sum(axis=1)[:, 1:]
    return block.effect + np.einsum("kij,kj->ki", covariance, divergence)


def _inverse_root(block: TrialBlock, tau2: float) -> FloatArray:
    covariance = total_covariance(block, tau2)
    if block.size == 2:
        return 1.0 / np.sqrt(covariance)
    return np.linalg.inv(np.linalg.cholesky(covariance))


def _row_trials(data: NetworkData) -> IntArray:
    return np.concatenate([np.repeat(block.trial, block.size - 1) for block in data.blocks])


def _stack(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([part.reshape(-1, *part.shape[2:]) for part in parts])
