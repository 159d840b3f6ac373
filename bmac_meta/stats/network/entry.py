"""How trials enter a network: as arms, as all pairwise contrasts, or as contrasts with their covariance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.network.checks import (
    arm_faults,
    check_lengths,
    contradictions,
    number_faults,
    pair_faults,
    read_names,
    read_numbers,
    refuse,
    trial_faults,
)
from bmac_meta.stats.network.data import (
    FloatArray,
    IntArray,
    NetworkData,
    TrialBlock,
    TrialContrasts,
    assemble,
    trials_of,
)
from bmac_meta.stats.network.multiarm import pair_effect, reconcile, shared_covariance

EFFECT_TOLERANCE = 0.005
VARIANCE_TOLERANCE = 0.15


def network_from_arms(
    mean: ArrayLike,
    *,
    variance: ArrayLike,
    trial: Sequence[object],
    treatment: Sequence[object],
    treatments: Sequence[str] | None = None,
) -> NetworkData:
    """Build a network from one row per arm: its mean (or log odds, …) and the variance of that.

    All four columns have one entry per arm, in any order. Contrasts of one trial share the variance of their
    common arm, so that a multi-arm trial enters with its exact covariance. `treatments` fixes the order of
    the treatments (default: sorted). Raises `InputError` naming every trial with one arm, with a treatment
    against itself, or with numbers that can't be used.

    >>> arms = network_from_arms([1.0, 0.4, 0.1], variance=[0.1, 0.2, 0.1], trial=["T"] * 3, treatment="ABC")
    >>> arms.blocks[0].covariance[0].round(9).tolist()
    [[0.3, 0.1], [0.1, 0.2]]
    """
    effect, spread = read_numbers("mean", mean), read_numbers("variance", variance)
    names, arms = read_names("trial", trial), read_names("treatment", treatment)
    check_lengths(mean=effect, variance=spread, trial=names, treatment=arms)
    by_trial = _by_trial(names)
    labels = [f"trial {name!r}, arm {arm!r}" for name, arm in zip(names, arms, strict=True)]
    refuse([*number_faults(effect, spread, labels, "mean"), *arm_faults(by_trial, arms)])
    return assemble(
        (_from_arms(name, [arms[i] for i in rows], effect[rows], spread[rows]) for name, rows in by_trial.items()),
        treatments,
    )


def network_from_contrasts(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    trial: Sequence[object],
    treatment_a: Sequence[object],
    treatment_b: Sequence[object],
    treatments: Sequence[str] | None = None,
    effect_tolerance: float = EFFECT_TOLERANCE,
    variance_tolerance: float = VARIANCE_TOLERANCE,
) -> NetworkData:
    """Build a network from one row per pairwise contrast: the effect of `treatment_a` minus `treatment_b`.

    A trial with m arms must bring all m(m − 1)/2 pairs, in any order and direction. They must agree: no
    effect may lie farther than `effect_tolerance` of its standard error from the nearest consistent
    effects, and no variance farther than the share `variance_tolerance` of itself from a sum of two arms'
    variances, which must be positive. What is within tolerance is taken as rounding. A trial with correlated
    arms enters by `network_from_covariances`. Raises `InputError` naming every trial at fault and the
    discrepancy. Rücker & Schwarzer 2014, doi:10.1002/sim.6236.
    """
    effect, spread = read_numbers("estimate", estimate), read_numbers("variance", variance)
    names = read_names("trial", trial)
    first, second = read_names("treatment_a", treatment_a), read_names("treatment_b", treatment_b)
    check_lengths(estimate=effect, variance=spread, trial=names, treatment_a=first, treatment_b=second)
    pairs = list(zip(first, second, strict=True))
    labels = [f"trial {name!r}, {a} vs {b}" for name, (a, b) in zip(names, pairs, strict=True)]
    itself = [
        f"{label}: a treatment against itself. Name the two arms apart, or leave the row out."
        for label, (a, b) in zip(labels, pairs, strict=True)
        if a == b
    ]
    refuse([*number_faults(effect, spread, labels, "estimate"), *itself])
    by_trial = _by_trial(names)
    refuse(list(pair_faults(by_trial, pairs)))
    frame = assemble((_frame(name, [pairs[i] for i in rows]) for name, rows in by_trial.items()), treatments)
    arm_place, trial_place = _places(frame.treatments), _places(frame.trials)
    ends = np.array([(arm_place[a], arm_place[b]) for a, b in pairs])
    trial_of = np.array([trial_place[name] for name in names])
    filled = [_fill(block, effect, spread, ends, trial_of) for block in frame.blocks]
    limits = (effect_tolerance, variance_tolerance)
    multi = [(b, f) for b, f in zip(frame.blocks, filled, strict=True) if b.size > 2]
    refuse([fault for b, f in multi for fault in contradictions(frame, b.trial, b.arms, *f, limits)])
    return replace(frame, blocks=tuple(_printed(b, *f) for b, f in zip(frame.blocks, filled, strict=True)))


def network_from_covariances(trials: Iterable[TrialContrasts], treatments: Sequence[str] | None = None) -> NetworkData:
    """Build a network from trials with effects against their first treatment and the covariance of these.

    For correlated arms, standardized mean differences of multi-arm trials (Gleser & Olkin 2009) and the like.
    Raises `InputError` naming every trial with a wrong shape, a matrix that is no covariance, one arm, a
    treatment twice, or a name that another trial has.
    """
    listed = [_as_trial(trial) for trial in trials]
    if not listed:
        raise InputError("there are no trials: give at least one trial with two arms.")
    counts = Counter(trial.trial for trial in listed)
    twice = [
        f"trial {name!r} is there {count} times: give each trial a name of its own."
        for name, count in counts.items()
        if count > 1
    ]
    refuse([*twice, *(fault for trial in listed for fault in trial_faults(trial))])
    return assemble(listed, treatments)


def join_networks(*networks: NetworkData, treatments: Sequence[str] | None = None) -> NetworkData:
    """Put the trials of several networks into one; raise `InputError` when two trials have one name."""
    joined = network_from_covariances([trial for part in networks for trial in trials_of(part)], treatments)
    printed = {
        part.trials[trial]: {tuple(part.treatments[a] for a in block.arms[row]): block.residual[row]}
        for part in networks
        for block in part.blocks
        for row, trial in enumerate(block.trial)
    }
    return replace(joined, blocks=tuple(_carry(joined, block, printed) for block in joined.blocks))


def _by_trial(trial: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, name in enumerate(trial):
        found.setdefault(name, []).append(i)
    return found


def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


def _from_arms(name: str, arms: list[str], mean: FloatArray, variance: FloatArray) -> TrialContrasts:
    return TrialContrasts(name, tuple(arms), mean[1:] - mean[0], np.diag(variance[1:]) + variance[0])


def _frame(name: str, pairs: list[tuple[str, str]]) -> TrialContrasts:
    arms = tuple(sorted({arm for pair in pairs for arm in pair}))
    return TrialContrasts(name, arms, np.zeros(len(arms) - 1), np.eye(len(arms) - 1))


def _fill(
    block: TrialBlock, effect: FloatArray, variance: FloatArray, ends: IntArray, trial_of: IntArray
) -> tuple[FloatArray, FloatArray]:
    place = np.full(trial_of.max() + 1, -1)
    place[block.trial] = np.arange(block.trial.size)
    rows = np.flatnonzero(place[trial_of] >= 0)
    at = place[trial_of[rows]]
    a = (block.arms[at] == ends[rows, :1]).argmax(axis=1)
    b = (block.arms[at] == ends[rows, 1:]).argmax(axis=1)
    effects, variances = np.zeros((2, *block.arms.shape, block.size))
    effects[at, b, a], effects[at, a, b] = effect[rows], -effect[rows]
    variances[at, b, a] = variances[at, a, b] = variance[rows]
    return effects, variances


def _printed(block: TrialBlock, effect: FloatArray, variance: FloatArray) -> TrialBlock:
    covariance = shared_covariance(variance)
    if block.size == 2:
        return replace(block, effect=effect[:, 0, 1:], covariance=covariance)
    consistent = reconcile(effect, covariance)
    residual = effect - pair_effect(consistent)
    return replace(block, effect=consistent, covariance=covariance, residual=residual)


def _as_trial(trial: TrialContrasts) -> TrialContrasts:
    name = read_names("trial", [trial.trial])[0]
    try:
        effect = np.asarray(trial.effect, dtype=float)
        covariance = np.asarray(trial.covariance, dtype=float)
    except (TypeError, ValueError) as cause:
        raise InputError(f"trial {name!r}: its effects and covariance must be numbers: {cause}.") from cause
    return TrialContrasts(name, tuple(read_names("treatment", trial.treatments)), effect, covariance)


def _carry(joined: NetworkData, block: TrialBlock, printed: dict[str, dict[tuple[str, ...], FloatArray]]) -> TrialBlock:
    residual = np.empty_like(block.residual)
    for row, trial in enumerate(block.trial):
        ((arms, old),) = printed[joined.trials[trial]].items()
        order = [arms.index(joined.treatments[arm]) for arm in block.arms[row]]
        residual[row] = old[np.ix_(order, order)]
    return replace(block, residual=residual)
