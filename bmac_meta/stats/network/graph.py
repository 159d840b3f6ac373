"""The graph of a network: its components, designs and comparisons, and the parts that can be pooled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bmac_meta.errors import DisconnectedNetwork, InputError
from bmac_meta.stats.network.data import (
    BoolArray,
    FloatArray,
    IntArray,
    NetworkData,
    TrialBlock,
    TrialContrasts,
    assemble,
    reanchor,
    select_trials,
    trials_of,
)


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Holds the pairs of treatments that are compared within a trial.

    `first` and `second` (c,) index the treatments, first < second; `trials` (c,) counts the trials.
    """

    first: IntArray
    second: IntArray
    trials: IntArray


def comparison_counts(data: NetworkData) -> IntArray:
    """Return the number of trials (n, n) that compare each two treatments directly."""
    counts = np.zeros((len(data.treatments),) * 2, dtype=np.intp)
    for block in data.blocks:
        rows, columns = np.broadcast_arrays(block.arms[:, :, None], block.arms[:, None, :])
        np.add.at(counts, (rows, columns), 1)
    np.fill_diagonal(counts, 0)
    return counts


def comparisons(data: NetworkData) -> Comparisons:
    """Return the pairs of treatments with direct evidence, in the order of the treatments."""
    counts = np.triu(comparison_counts(data))
    first, second = np.nonzero(counts)
    return Comparisons(first, second, counts[first, second])


def trials_by_treatment(data: NetworkData) -> IntArray:
    """Return the number of trials (n,) with each treatment."""
    arms = np.concatenate([block.arms.ravel() for block in data.blocks])
    return np.bincount(arms, minlength=len(data.treatments))


def membership(data: NetworkData) -> BoolArray:
    """Say which trial (t, n) has which treatment."""
    found = np.zeros((len(data.trials), len(data.treatments)), dtype=bool)
    for block in data.blocks:
        found[block.trial[:, None], block.arms] = True
    return found


def component_labels(adjacent: BoolArray) -> IntArray:
    """Return for each node of graphs (…, n, n) the smallest node that it is linked with (…, n), or itself."""
    n = adjacent.shape[-1]
    reach = (adjacent | np.eye(n, dtype=bool)).astype(np.float32)
    for _ in range(max(1, int(n).bit_length())):
        reach = np.minimum(reach @ reach, 1.0)
    return reach.argmax(axis=-1)


def components(data: NetworkData) -> tuple[tuple[str, ...], ...]:
    """Return the treatments of each connected part of the network, the largest part first.

    >>> from bmac_meta.stats.network.entry import network_from_contrasts
    >>> pairs = {"trial": [1, 2], "treatment_a": "AC", "treatment_b": "BD"}
    >>> net = network_from_contrasts([1, 2], variance=[1, 1], **pairs)
    >>> components(net)
    (('A', 'B'), ('C', 'D'))
    """
    labels = component_labels(comparison_counts(data) > 0)
    parts = [tuple(data.treatments[i] for i in np.flatnonzero(labels == label)) for label in np.unique(labels)]
    return tuple(sorted(parts, key=len, reverse=True))


def require_connected(data: NetworkData) -> None:
    """Raise `DisconnectedNetwork` listing the components, unless all treatments are linked by trials."""
    parts = components(data)
    if len(parts) == 1:
        return
    told = "; ".join(f"({i}) {', '.join(part)}" for i, part in enumerate(parts, start=1))
    raise DisconnectedNetwork(
        f"The network falls into {len(parts)} parts that no chain of trials links: {told}. Pool one part at "
        "a time (subnetwork with its treatments), add a trial between the parts, or join nodes."
    )


def subnetwork(data: NetworkData, treatments: Iterable[str]) -> NetworkData:
    """Return the network of some treatments: other arms are taken out, and trials with fewer than two arms
    left.

    Raises `UnknownWordError` for a treatment that is not there and `InputError` when no trial is left.
    """
    wanted = {data.treatments[data.index(name)] for name in treatments}
    kept = [part for trial in trials_of(data) if (part := _restrict(trial, wanted)) is not None]
    if not kept:
        raise InputError(
            f"no trial compares two of {sorted(wanted)}: name treatments that trials compare; there are "
            f"{', '.join(data.treatments)}."
        )
    present = {name for trial in kept for name in trial.treatments}
    return assemble(kept, [name for name in data.treatments if name in present])


def _restrict(trial: TrialContrasts, wanted: set[str]) -> TrialContrasts | None:
    order = np.array([i for i, name in enumerate(trial.treatments) if name in wanted], dtype=np.intp)
    if order.size < 2:
        return None
    effect, covariance = reanchor(trial.effect, trial.covariance, order)
    return TrialContrasts(trial.trial, tuple(trial.treatments[i] for i in order), effect, covariance)


def without_trials(data: NetworkData, trials: Iterable[object]) -> NetworkData:
    """Return the network without some trials, by name; treatments that no trial has any more go as well."""
    keep = np.ones(len(data.trials), dtype=bool)
    keep[[data.trial_index(trial) for trial in trials]] = False
    if not keep.any():
        raise InputError("no trial is left: leave fewer trials out.")
    left = select_trials(data, keep)
    present = [name for name, count in zip(left.treatments, trials_by_treatment(left), strict=True) if count]
    return _reindexed(left, present)


def _reindexed(data: NetworkData, present: list[str]) -> NetworkData:
    place = np.array([present.index(name) if name in present else -1 for name in data.treatments])
    blocks = tuple(TrialBlock(b.trial, place[b.arms], b.effect, b.covariance, b.residual) for b in data.blocks)
    return NetworkData(tuple(present), data.trials, blocks)


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """Holds the designs (sets of treatments compared in a trial) of one block of trials.

    `arms` (d, m) are the treatments of each design and `of_trial` (k,) the design of each trial of the block.
    """

    arms: IntArray
    of_trial: IntArray


def block_designs(block: TrialBlock) -> Designs:
    """Return the designs among the trials of one size."""
    arms, of_trial = np.unique(block.arms, axis=0, return_inverse=True)
    return Designs(arms, of_trial.reshape(-1))


def sum_by(groups: IntArray, count: int, values: FloatArray) -> FloatArray:
    """Return the sums (count, …) of values (k, …) by group (k,)."""
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, groups, values)
    return sums
