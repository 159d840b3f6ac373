"""The record that every network function takes: trials by number of arms, with full covariances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bmac_meta.copies import Sealed
from bmac_meta.errors import InputError, unknown_word

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TrialBlock(Sealed):
    """Holds all trials with the same number of arms m.

    `trial` (k,) indexes `NetworkData.trials`; `arms` (k, m) indexes `NetworkData.treatments` and ascends
    along each row. `effect` (k, m − 1) is each arm minus the first arm of its trial and `covariance` (k, m −
    1, m − 1) its sampling covariance. `residual` (k, m, m) is antisymmetric: what printed pairwise contrasts
    (column minus row) differ from the consistent effects, by rounding; all zero where arms or covariances
    came in.
    """

    trial: IntArray
    arms: IntArray
    effect: FloatArray
    covariance: FloatArray
    residual: FloatArray

    @property
    def size(self) -> int:
        """Return the number of arms m."""
        return self.arms.shape[1]

    def take(self, rows: NDArray) -> TrialBlock:
        """Return some of the trials."""
        parts = (self.trial, self.arms, self.effect, self.covariance, self.residual)
        return TrialBlock(*(part[rows] for part in parts))


@dataclass(frozen=True, eq=False, repr=False)
class NetworkData:
    """Holds a network of trials: `treatments` and `trials` by name, and the trials in blocks of equal size.

    Made by `network_from_arms`, `network_from_contrasts` or `network_from_covariances`; `join_networks` puts
    networks together. The order of `treatments` is the order of every matrix that is computed from the
    network.
    """

    treatments: tuple[str, ...]
    trials: tuple[str, ...]
    blocks: tuple[TrialBlock, ...]

    def __repr__(self) -> str:
        return f"NetworkData({len(self.trials)} trials, {len(self.treatments)} treatments)"

    @cached_property
    def rows_count(self) -> int:
        """Return the number of independent contrasts, the sum of (arms − 1) over the trials."""
        return sum(block.effect.size for block in self.blocks)

    def index(self, treatment: str) -> int:
        """Return the position of a treatment; raise `UnknownWordError` listing them when it is not there."""
        if str(treatment) not in self.treatments:
            raise unknown_word("treatment", treatment, self.treatments)
        return self.treatments.index(str(treatment))

    def trial_index(self, trial: object) -> int:
        """Return the position of a trial; raise `UnknownWordError` listing them when it is not there."""
        if str(trial) not in self.trials:
            raise unknown_word("trial", str(trial), self.trials)
        return self.trials.index(str(trial))


@dataclass(frozen=True, slots=True, eq=False)
class TrialContrasts(Sealed):
    """Holds one trial: its m treatments, the m − 1 effects against the first, and their covariance."""

    trial: str
    treatments: tuple[str, ...]
    effect: FloatArray
    covariance: FloatArray


def reanchor(effect: FloatArray, covariance: FloatArray, order: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return effects (m − 1,) and covariance for the arms in another order, the first of `order` as
    reference.

    `order` (r,) picks r ≥ 2 of the m arms, arm 0 being the present reference.
    """
    full, spread = np.zeros(effect.size + 1), np.zeros((effect.size + 1, effect.size + 1))
    full[1:], spread[1:, 1:] = effect, covariance
    first, others = order[0], order[1:]
    cross = spread[np.ix_(others, [first])]
    moved = spread[np.ix_(others, others)] - cross - cross.T + spread[first, first]
    return full[others] - full[first], moved


def assemble(trials: Iterable[TrialContrasts], treatments: Sequence[str] | None = None) -> NetworkData:
    """Group checked trials into a network; `treatments` gives their order (default: sorted by name)."""
    listed = list(trials)
    names = _treatment_order(listed, treatments)
    position = {name: i for i, name in enumerate(names)}
    by_size: dict[int, list[tuple[int, IntArray, FloatArray, FloatArray]]] = {}
    for i, trial in enumerate(listed):
        arms = np.array([position[name] for name in trial.treatments])
        order = np.argsort(arms)
        effect, covariance = reanchor(trial.effect, trial.covariance, order)
        by_size.setdefault(arms.size, []).append((i, arms[order], effect, covariance))
    blocks = tuple(_block(by_size[size]) for size in sorted(by_size))
    return NetworkData(names, tuple(trial.trial for trial in listed), blocks)


def _block(rows: list[tuple[int, IntArray, FloatArray, FloatArray]]) -> TrialBlock:
    trial, arms, effect, covariance = (np.array(column) for column in zip(*rows, strict=True))
    return TrialBlock(trial, arms, effect, covariance, np.zeros((*arms.shape, arms.shape[1])))


def _treatment_order(trials: list[TrialContrasts], treatments: Sequence[str] | None) -> tuple[str, ...]:
    present = {name for trial in trials for name in trial.treatments}
    if treatments is None:
        return tuple(sorted(present))
    order = tuple(str(name) for name in treatments)
    if set(order) != present or len(order) != len(present):
        missing, unknown = sorted(present - set(order)), sorted(set(order) - present)
        raise InputError(
            f"treatments= must list each treatment of the network once; missing: {missing}, not in any "
            f"trial: {unknown}, listed: {list(order)}."
        )
    return order


def trials_of(data: NetworkData) -> list[TrialContrasts]:
    """Return the trials of a network one by one, in its order of trials."""
    found: dict[int, TrialContrasts] = {}
    for block in data.blocks:
        for row, trial in enumerate(block.trial):
            names = tuple(data.treatments[arm] for arm in block.arms[row])
            found[int(trial)] = TrialContrasts(data.trials[trial], names, block.effect[row], block.covariance[row])
    return [found[i] for i in range(len(data.trials))]


def select_trials(data: NetworkData, keep: BoolArray) -> NetworkData:
    """Return the network of the trials where `keep` (trials,) is True; every treatment stays listed.

    A treatment that no trial compares any more is then a component of its own.
    """
    renumber = np.cumsum(keep) - 1
    blocks = []
    for block in data.blocks:
        part = block.take(keep[block.trial])
        if part.trial.size:
            blocks.append(TrialBlock(renumber[part.trial], part.arms, part.effect, part.covariance, part.residual))
    names = tuple(name for name, kept in zip(data.trials, keep, strict=True) if kept)
    return NetworkData(data.treatments, names, tuple(blocks))
