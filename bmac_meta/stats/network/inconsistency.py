"""Where the trials of a network disagree: within designs, between designs, and which design drives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.stats.network.data import FloatArray, IntArray, NetworkData, TrialBlock, select_trials
from bmac_meta.stats.network.fit import ChiSquared, chi_squared, generalized_q
from bmac_meta.stats.network.graph import block_designs, component_labels, membership, sum_by
from bmac_meta.stats.network.least_squares import solve_network
from bmac_meta.stats.network.rows import (
    contrast_columns,
    heterogeneity_shape,
    reconciled_effect,
    standardized_rows,
    total_covariance,
)


@dataclass(frozen=True, slots=True, eq=False)
class PooledDesigns:
    """Holds the trials of a network pooled by design (the set of treatments that a trial compares).

    `network` has one "trial" per design, with the pooled effects and their covariance; `names` are the
    treatments of each design (D), `trials` its number of trials (D,), `within` its Q within. `moment` is tr(P
    S) of the model with a free effect for each design, the slope of E(Q within) in τ².
    """

    network: NetworkData
    names: tuple[tuple[str, ...], ...]
    trials: IntArray
    within: tuple[ChiSquared, ...]
    moment: float


def pool_designs(data: NetworkData, tau2: float = 0.0) -> PooledDesigns:
    """Pool the trials of each design at a given tau2, the first stage of a two-stage network meta-analysis.

    Krahn, Binder & König 2013, doi:10.1186/1471-2288-13-35. Fit `network` at tau2 = 0 to get the network
    estimates.
    """
    blocks, within, counts, moment, first = [], [], [], 0.0, 0
    for block in data.blocks:
        pooled = _pool_block(block, tau2, first)
        blocks.append(pooled.block)
        counts.append(pooled.trials)
        squares_df = zip(pooled.squares, (pooled.trials - 1) * (block.size - 1), strict=True)
        within.extend(chi_squared(squares, df) for squares, df in squares_df)
        moment += pooled.moment
        first += pooled.block.trial.size
    names = tuple(_names(data, blocks))
    network = NetworkData(data.treatments, tuple(" : ".join(name) for name in names), tuple(blocks))
    return PooledDesigns(network, names, np.concatenate(counts), tuple(within), moment)


@dataclass(frozen=True, slots=True, eq=False)
class _PooledBlock:
    block: TrialBlock
    trials: IntArray
    squares: FloatArray
    moment: float


def _pool_block(block: TrialBlock, tau2: float, first: int) -> _PooledBlock:
    designs = block_designs(block)
    count = designs.arms.shape[0]
    weight = np.linalg.inv(total_covariance(block, tau2))
    effect = reconciled_effect(block, tau2)
    covariance = np.linalg.inv(sum_by(designs.of_trial, count, weight))
    towards = sum_by(designs.of_trial, count, np.einsum("kij,kj->ki", weight, effect))
    pooled = np.einsum("dij,dj->di", covariance, towards)
    rest = effect - pooled[designs.of_trial]
    squares = sum_by(designs.of_trial, count, np.einsum("ki,kij,kj->k", rest, weight, rest))
    squares[np.bincount(designs.of_trial, minlength=count) == 1] = 0.0
    shape = heterogeneity_shape(block.size - 1)
    spread = sum_by(designs.of_trial, count, weight @ shape @ weight)
    moment = np.einsum("kij,ji->", weight, shape) - np.einsum("dij,dji->", covariance, spread)
    blank = np.zeros((*designs.arms.shape, block.size))
    summary = TrialBlock(first + np.arange(count), designs.arms, pooled, covariance, blank)
    return _PooledBlock(summary, np.bincount(designs.of_trial, minlength=count), squares, float(moment))


def _names(data: NetworkData, blocks: list[TrialBlock]) -> Iterator[tuple[str, ...]]:
    for block in blocks:
        for arms in block.arms:
            yield tuple(data.treatments[arm] for arm in arms)


@dataclass(frozen=True, slots=True, eq=False)
class QDecomposition(Sealed):
    """Holds the generalized Q of a network and its parts.

    `total` = `within` + `between` under a common effect. `designs` names the treatments of each design,
    `trials` (D,) counts its trials, `by_design` is Q within each, `detached` is Q between designs when the
    effect of that design is left free. `between_random` is the design-by-treatment interaction test under
    random effects, with `tau2_within` by the method of moments within designs (NaN, and taken as 0, where no
    design has two trials).
    """

    total: ChiSquared
    within: ChiSquared
    between: ChiSquared
    between_random: ChiSquared
    tau2_within: float
    designs: tuple[tuple[str, ...], ...]
    trials: IntArray
    by_design: tuple[ChiSquared, ...]
    detached: tuple[ChiSquared, ...]


def decompose_q(data: NetworkData) -> QDecomposition:
    """Split the generalized Q of a network into heterogeneity within and inconsistency between designs.

    Design-by-treatment interaction: Higgins et al. 2012, doi:10.1002/jrsm.1044; decomposition and detaching:
    Krahn et al. 2013, doi:10.1186/1471-2288-13-35; τ² within designs: Jackson et al. 2012,
    doi:10.1002/sim.5453.
    """
    pooled = pool_designs(data)
    squares = sum(part.statistic for part in pooled.within)
    df = sum(part.df for part in pooled.within)
    tau2_within = max(0.0, (squares - df) / pooled.moment) if df else np.nan
    random = pool_designs(data, tau2_within) if tau2_within > 0.0 else pooled
    between = generalized_q(pooled.network)
    return QDecomposition(
        total=generalized_q(data),
        within=chi_squared(squares, df),
        between=between,
        between_random=generalized_q(random.network),
        tau2_within=tau2_within,
        designs=pooled.names,
        trials=pooled.trials,
        by_design=pooled.within,
        detached=_detached(pooled.network, between),
    )


def _detached(network: NetworkData, between: ChiSquared) -> tuple[ChiSquared, ...]:
    rows = standardized_rows(network, 0.0)
    solution, _ = solve_network(*rows.parts()[:2])
    spread = rows.columns @ solution.root
    sizes = membership(network).sum(axis=1) - 1
    df = network.rows_count - sizes - len(network.treatments) + _parts_without_each(network)
    found = []
    for design, left in enumerate(df):
        own = rows.trial == design
        gone = _explained(solution.residual[own], spread[own], between.df - left)
        found.append(chi_squared(between.statistic - gone if left else 0.0, left))
    return tuple(found)


def _explained(residual: FloatArray, spread: FloatArray, rank: int) -> float:
    """Return how much Q falls when rows get their own effects: rᵀ (I − H)⁻ r, given the rank of I − H."""
    size, axes = np.linalg.eigh(np.eye(residual.size) - spread @ spread.T)
    kept = slice(size.size - rank, None)
    return float(((axes.T @ residual)[kept] ** 2 / size[kept]).sum())


def _parts_without_each(network: NetworkData) -> IntArray:
    member = membership(network).astype(np.float32)
    own = member[:, :, None] * member[:, None, :]
    labels = component_labels(own.sum(axis=0) - own > 0.0)
    return (labels == np.arange(labels.shape[1])).sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class NetHeat(Sealed):
    """Holds what a net heat plot shows, one row and column per design (D, D).

    `contribution` (row, column) is the part of the network estimate of the row's design that comes from the
    direct evidence of the column's: the Frobenius norm of that block of the hat matrix over sqrt(m − 1),
    which is the absolute entry itself for two-arm designs. `q` (D,) is each design's share of Q between
    designs; `heat` (row, column) is how much of the row's share vanishes when the effect of the column's
    design is left free.
    """

    designs: tuple[tuple[str, ...], ...]
    contribution: FloatArray
    q: FloatArray
    heat: FloatArray
    tau2: float


def net_heat(data: NetworkData, tau2: float = 0.0) -> NetHeat:
    """Return the data of a net heat plot (Krahn, Binder & König 2013, doi:10.1186/1471-2288-13-35)."""
    pooled = pool_designs(data, tau2)
    count = len(pooled.names)
    q = _design_squares(pooled.network, np.arange(count), count)
    after = np.zeros((count, count))
    for column in range(count):
        others = np.delete(np.arange(count), column)
        if others.size:
            after[:, column] = _design_squares(_only(pooled.network, others), others, count)
    return NetHeat(pooled.names, _hat_blocks(pooled.network), q, q[:, None] - after, tau2)


def _only(data: NetworkData, trials: IntArray) -> NetworkData:
    return select_trials(data, np.isin(np.arange(len(data.trials)), trials))


def _design_squares(network: NetworkData, designs: IntArray, count: int) -> FloatArray:
    rows = standardized_rows(network, 0.0)
    solution, _ = solve_network(*rows.parts()[:2])
    return np.bincount(designs[rows.trial], weights=solution.residual**2, minlength=count)


def _hat_blocks(network: NetworkData) -> FloatArray:
    count = len(network.trials)
    rows = standardized_rows(network, 0.0)
    solution, _ = solve_network(*rows.parts()[:2])
    n = len(network.treatments)
    plain = np.concatenate([contrast_columns(block, n).reshape(-1, n) for block in network.blocks])
    weighted = rows.columns @ solution.root
    back = _unstandardize(rows.rotations, weighted)
    squares = (plain @ solution.root @ back.T) ** 2
    by_row = sum_by(rows.trial, count, squares)
    blocks = sum_by(rows.trial, count, by_row.T).T
    return np.sqrt(blocks / (membership(network).sum(axis=1)[:, None] - 1.0))


def _unstandardize(rotations: tuple[FloatArray, ...], values: FloatArray) -> FloatArray:
    parts, at = [], 0
    for turn in rotations:
        k, others = turn.shape[:2]
        part = values[at : at + k * others].reshape(k, others, -1)
        parts.append(np.einsum("kji,kj...->ki...", turn, part).reshape(k * others, -1))
        at += k * others
    return np.concatenate(parts)
