"""The same pools over again: without each trial, trial after trial, in every subset of the trials.

The permutation test has a module of its own and can be had from here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.arguments import one_seed
from bmac_meta.copies import read_only
from bmac_meta.errors import InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import Batch, as_batch, as_floats, unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.left_out import without_each
from bmac_meta.stats.permutation import PermutationTest, check_count, permutation_test
from bmac_meta.stats.tau2 import TAU2_METHODS, log_likelihood, solve

CHUNK_ROWS, CHUNK_CELLS = 1 << 15, 1 << 21
# From so many trials on tau2 without one of them comes from fits of all.
MANY = 300
WORDS = ("level", "method", "interval", "model", "prediction")
NUMBERS = tuple(field.name for field in fields(RandomEffects) if field.name not in WORDS)
MOST_COLUMNS, MOST_SAMPLED = 62, 10_000_000


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Holds pools of the first 1, 2, … k trials in an order.

    `order`, (k,) or (B, k), are the places of the trials in the data, first to last, masked ones at the end;
    the fields of `pooled` have the same shape and are in that order, as are the trials of its `weights`, (k,
    k) or (B, k, k). Where no trial is added, numbers are NaN, and whole numbers 0.
    """

    order: NDArray
    pooled: RandomEffects


@dataclass(frozen=True, slots=True)
class Gosh:
    """Holds the pools of many subsets of the trials, each field (n,) or (B, n), and `members` (n, k).

    `complete` says whether these are all subsets that aren't empty; otherwise they are a random sample of
    them. A batch has one list of subsets. If complete, a subset with a masked trial is NaN (and its `k` 0), so
    that each subset of the trials present stands there once. In a sample masked trials are left out of the
    subset, and one of which none is left is NaN.
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
    mask: ArrayLike | None = None,
) -> RandomEffects:
    """Pool k times, each time without one trial: place i of the result is the pool without trial i.

    `estimate` and `variance` are (k,), or (B, k) with `mask`; fields of the result have that shape, weights
    one more axis (k,). A masked trial can't be left out: its numbers are NaN, and whole numbers 0. `tau2` may
    be given for all pools, for each meta-analysis (B,), or for each pool, (k,) or (B, k). The other arguments
    are those of `random_effects`. Raises `NotEnoughTrials` for a single trial.

    >>> leave_one_out([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0], model="common").estimate.tolist()
    [4.0, 3.5, 1.5]
    """
    batch = as_batch(estimate, variance, mask)
    present = _present(batch)
    _require_two(present)

    def members(row: NDArray, place: NDArray) -> BoolArray:
        rest = present[row] & present[row, place][:, None]
        rest[np.arange(place.size), place] = False
        return rest

    options = {"tau2": tau2, "interval": interval, "model": model, "level": level}
    if model != "random" or not isinstance(tau2, str) or present.sum(axis=1).min() < MANY:
        return _pools(batch, members, options)
    between, height = _heterogeneity_without_each(batch, present, check_word("tau2 method", tau2, TAU2_METHODS))
    pools = _pools(batch, members, options | {"tau2": between[0] if batch.single else between})
    return replace(pools, method=tau2, log_likelihood=read_only(height[0] if batch.single else height))


def cumulative(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    by: ArrayLike | None = None,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> Cumulative:
    """Pool the first trial, the first two, and so on to all of them.

    `estimate` and `variance` are (k,), or (B, k) with `mask`. The order is that of ascending `by`, (k,) or
    (B, k), such as the year or the negative weight, ties in the order given; without it the order given.
    The other arguments are those of `leave_one_out`, a given `tau2` being in the order of the pools.

    >>> cumulative([4.0, 1.0], variance=[1.0, 1.0], by=[2011, 2004], model="common").pooled.estimate.tolist()
    [1.0, 2.5]
    """
    batch = as_batch(estimate, variance, mask)
    present = _present(batch)
    order = np.lexsort((_read_order(by, batch, present), ~present), axis=1)
    y, v, here = (np.take_along_axis(part, order, axis=1) for part in (batch.estimate, batch.variance, present))

    def members(row: NDArray, place: NDArray) -> BoolArray:
        return here[row] & here[row, place][:, None] & (np.arange(batch.width) <= place[:, None])

    options = {"tau2": tau2, "interval": interval, "model": model, "level": level}
    pooled = _pools(Batch(y, v, here, batch.single), members, options)
    return Cumulative(order[0] if batch.single else order, pooled)


def gosh(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    subsets: int = 100_000,
    seed: int = 0,
    tau2: str | ArrayLike = "REML",
    model: str = "random",
    mask: ArrayLike | None = None,
) -> Gosh:
    """Pool every subset of the trials or, where there are too many of them, a random sample.

    `estimate` and `variance` are (k,), or (B, k) with `mask`. Where there are more than `subsets` a sample of
    so many is drawn uniformly, with replacement, by a generator with this `seed`; what is left of it in a
    meta-analysis without the masked trials, if anything, is uniform over the subsets of the trials present.
    Columns that no meta-analysis has a trial in don't count. τ² and I² of a single trial are NaN. Source:
    Olkin, Dahabreh & Trikalinos 2012, 10.1002/jrsm.1053.

    >>> gosh([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0]).k.tolist()
    [1, 1, 2, 1, 2, 2, 3]
    """
    batch, most, seed = as_batch(estimate, variance, mask), check_count("subsets", subsets), one_seed(seed)
    present = _present(batch)
    used = present.any(axis=0)
    size = int(used.sum())
    complete = size <= MOST_COLUMNS and 2**size - 1 <= most
    if not complete and most > MOST_SAMPLED:
        raise InputError(f"subsets is {most:,}, more than a random sample can have; ask for {MOST_SAMPLED:,} at most.")
    every = np.zeros((2**size - 1 if complete else most, batch.width), dtype=bool)
    every[:, used] = _every_subset(size) if complete else _sample_of_subsets(size, most, seed)

    def members(row: NDArray, place: NDArray) -> BoolArray:
        chosen, here = every[place], present[row]
        return chosen & (here if not complete else ~(chosen & ~here).any(axis=1)[:, None])

    names = ("estimate", "se", "tau2", "i2", "k")
    options = {"tau2": tau2, "model": model, "interval": "wald"}
    numbers, _ = _numbers(batch, len(every), members, options, names)
    fields = {name: read_only(numbers[name][0] if batch.single else numbers[name]) for name in names}
    return Gosh(read_only(every), **fields, complete=complete)


def _heterogeneity_without_each(batch: Batch, present: BoolArray, method: str) -> tuple[NDArray, NDArray]:
    """Return tau2 without each trial and the log-likelihood there, (B, k), from fits of all; NaN where masked."""
    between, height = np.full((2, *present.shape), np.nan)
    for row, here in enumerate(present):
        y, v = batch.estimate[row, here], batch.variance[row, here]
        model, _ = without_each(y, v, np.ones((y.size, 1)), np.arange(y.size))
        tau2, _ = solve(model, method)
        between[row, here] = tau2 * model.unit**2
        height[row, here] = log_likelihood(model, tau2, restricted=method == "REML")
    return between, height


Members = Callable[[NDArray, NDArray], BoolArray]


def _pools(batch: Batch, members: Members, options: Mapping[str, Any]) -> RandomEffects:
    numbers, words = _numbers(batch, batch.width, members, options, NUMBERS)
    return RandomEffects(**unbatch(numbers, batch.single), **words)


def _numbers(
    batch: Batch, count: int, members: Members, options: Mapping[str, Any], names: tuple[str, ...]
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Pool `count` sets of the trials of each meta-analysis, and return the fields named (B, count) with their words.

    `members(row, place)` says for some meta-analyses (m,) and sets (m,) which trials (m, k) are in them. Where
    none is, numbers are NaN, and whole numbers 0.
    """
    between = _read_tau2(batch, count, options)
    total, size = batch.count * count, max(1, min(CHUNK_ROWS, CHUNK_CELLS // batch.width))
    whole: dict[str, NDArray] = {}
    for start in range(0, total, size):
        row, place = np.divmod(np.arange(start, min(start + size, total)), count)
        mask = members(row, place)
        kept = mask.any(axis=1)
        if not kept.any():
            continue
        row, place = row[kept], place[kept]
        tau2 = between if isinstance(between, str) else between[row, place]
        fit = random_effects(
            batch.estimate[row], variance=batch.variance[row], mask=mask[kept], **{**options, "tau2": tau2}
        )
        for name in names:
            values = getattr(fit, name)
            if name not in whole:
                nothing = 0 if values.dtype.kind == "i" else np.nan
                whole[name] = np.full((batch.count, count, *values.shape[1:]), nothing, values.dtype)
            whole[name][row, place] = values
    return whole, {name: getattr(fit, name) for name in WORDS}


def _read_tau2(batch: Batch, count: int, options: Mapping[str, Any]) -> str | NDArray:
    """Return the name of an estimator, or a given tau2 for each pool (B, count)."""
    tau2 = options["tau2"]
    if isinstance(tau2, str) or options["model"] == "common":
        return tau2 if isinstance(tau2, str) else "REML"
    values = as_floats("tau2", tau2)
    if not batch.single and values.shape == (batch.count,):
        values = values[:, None]
    elif values.shape not in ((), (1,), (count,) if batch.single else (batch.count, count)):
        shapes = f"({count},)" if batch.single else f"({batch.count},) or ({batch.count}, {count})"
        raise InputError(
            f"tau2 has shape {values.shape}; give one number of at least 0, or an array {shapes}, or the name of an "
            "estimator, such as 'REML'."
        )
    return np.broadcast_to(values, (batch.count, count))


def _present(batch: Batch) -> BoolArray:
    return np.ones(batch.estimate.shape, dtype=bool) if batch.mask is None else batch.mask


def _require_two(present: BoolArray) -> None:
    few = present.sum(axis=1) < 2
    if few.any():
        where = f" in meta-analysis {int(few.argmax())} (counted from 0)" if few.size > 1 else ""
        raise NotEnoughTrials(f"1 trial can't be left out of 1: nothing would remain{where}. There is only this trial.")


def _read_order(by: ArrayLike | None, batch: Batch, present: BoolArray) -> NDArray:
    """Return what trials are ordered by (B, k), 0 where masked."""
    if by is None:
        return np.zeros(present.shape)
    values = as_floats("by", by)
    shapes = ((batch.width,),) if batch.single else ((batch.width,), present.shape)
    missing = int((np.isnan(values) & present).sum()) if values.shape in shapes else int(np.isnan(values).sum())
    if values.shape not in shapes or missing:
        raise InputError(
            f"by has shape {values.shape} with {missing} missing; give one number for "
            f"each of the {batch.width} trials, such as its year."
        )
    return np.where(present, values, 0.0)


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
