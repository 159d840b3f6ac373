"""The same pool over again: without each trial, trial after trial, in every subset of the trials.

The permutation test has a module of its own and can be had from here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats.batch import as_floats
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.permutation import PermutationTest, check_count, one_analysis, permutation_test

CHUNK_ROWS = 1 << 15


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Holds pools of the first 1, 2, … k trials in an order.

    `order` (k,) are the places of the trials in the data, first to last; the fields of `pooled` are (k,), in
    it.
    """

    order: NDArray
    pooled: RandomEffects


@dataclass(frozen=True, slots=True)
class Gosh:
    """Holds the pools of many subsets of the trials, each field (n,) and `members` (n, k).

    `complete` says whether these are all subsets that aren't empty; otherwise they are a random sample of
    them.
    """

    members: BoolArray
    estimate: NDArray
    se: NDArray
    tau2: NDArray
    i2: NDArray
    k: NDArray
    complete: bool


def leave_one_out(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
) -> RandomEffects:
    """Pool k times, each time without one trial: row i of the result, of k rows, is the pool without trial i.

    `estimate` and `variance` are (k,); the other arguments are those of `random_effects`. Raises
    `NotEnoughTrials` for a single trial.

    >>> leave_one_out([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0], model="common").estimate.tolist()
    [4.0, 3.5, 1.5]
    """
    y, v = one_analysis(estimate, variance)
    if y.size < 2:
        raise NotEnoughTrials("1 trial can't be left out of 1: nothing would remain. There is only this trial.")
    mask = ~np.eye(y.size, dtype=bool)
    options = {"tau2": tau2, "interval": interval, "model": model, "level": level}
    return random_effects(y, variance=v, mask=mask, **options)


def cumulative(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    by: ArrayLike | None = None,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
) -> Cumulative:
    """Pool the first trial, the first two, and so on to all of them.

    `estimate` and `variance` are (k,). The order is that of ascending `by` (k,), such as the year or the
    negative weight, ties in the order given; without it the order given. The other arguments are those of
    `random_effects`.

    >>> cumulative([4.0, 1.0], variance=[1.0, 1.0], by=[2011, 2004], model="common").pooled.estimate.tolist()
    [1.0, 2.5]
    """
    y, v = one_analysis(estimate, variance)
    order = np.arange(y.size) if by is None else _read_order(by, y.size)
    mask = np.tri(y.size, dtype=bool)
    options = {"tau2": tau2, "interval": interval, "model": model, "level": level}
    return Cumulative(order, random_effects(y[order], variance=v[order], mask=mask, **options))


def gosh(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    subsets: int = 100_000,
    seed: int = 0,
    tau2: str = "REML",
    model: str = "random",
) -> Gosh:
    """Pool every subset of the trials or, where there are too many of them, a random sample.

    `estimate` and `variance` are (k,). Where there are more than `subsets` a sample of so many is drawn
    uniformly, with replacement, by a generator with this `seed`. τ² and I² of a single trial are NaN. Source:
    Olkin, Dahabreh & Trikalinos 2012, 10.1002/jrsm.1053.

    >>> gosh([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0]).k.tolist()
    [1, 1, 2, 1, 2, 2, 3]
    """
    y, v = one_analysis(estimate, variance)
    check_count("subsets", subsets)
    complete = y.size < 63 and 2**y.size - 1 <= subsets
    members = _every_subset(y.size) if complete else _sample_of_subsets(y.size, subsets, seed)
    names = ("estimate", "se", "tau2", "i2", "k")
    parts: dict[str, list[NDArray]] = {name: [] for name in names}
    for start in range(0, len(members), CHUNK_ROWS):
        mask = members[start : start + CHUNK_ROWS]
        pooled = random_effects(y, variance=v, mask=mask, tau2=tau2, model=model, interval="wald")
        for name in names:
            parts[name].append(getattr(pooled, name))
    return Gosh(members, **{name: np.concatenate(part) for name, part in parts.items()}, complete=complete)


def _read_order(by: ArrayLike, k: int) -> NDArray:
    values = as_floats("by", by)
    if values.shape != (k,) or np.isnan(values).any():
        raise InputError(
            f"by has shape {values.shape} with {int(np.isnan(values).sum())} missing; give one number for "
            f"each of the {k} trials, such as its year."
        )
    return values.argsort(kind="stable")


def _every_subset(k: int) -> BoolArray:
    return (np.arange(1, 2**k)[:, None] >> np.arange(k) & 1).astype(bool)


def _sample_of_subsets(k: int, count: int, seed: int) -> BoolArray:
    draw = np.random.default_rng(seed)
    members = draw.integers(0, 2, size=(count, k), dtype=np.int8).astype(bool)
    while (empty := ~members.any(axis=1)).any():
        members[empty] = draw.integers(0, 2, size=(int(empty.sum()), k), dtype=np.int8).astype(bool)
    return members


__all__ = [
    "Cumulative",
    "Gosh",
    "PermutationTest",
    "cumulative",
    "gosh",
    "leave_one_out",
    "permutation_test",
]
