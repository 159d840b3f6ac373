"""The claims of speed, each with its limit and with the same job done by another package, if any."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.meta_analysis import combine_effects, effectsize_2proportions, effectsize_smd

from benchmarks.kernel import peer, trials
from benchmarks.network import all_tables, random_arms, senn, senn_contrasts
from bmac_meta import Effects, Network
from bmac_meta.results.network import NetworkPooled
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.influence import influence
from bmac_meta.stats.measures_binary import odds_ratio
from bmac_meta.stats.measures_standardized import standardized_mean_difference
from bmac_meta.stats.network import fit_network, leave_one_trial_out, network_from_arms
from bmac_meta.stats.permutation import permutation_test
from bmac_meta.stats.resampling import leave_one_out
from bmac_meta.stats.tau2 import estimate_tau2

TABLES = {"events_a", "total_a", "events_b", "total_b"}
PYMARE, STATSMODELS = "PyMARE", "statsmodels, DL"


@dataclass(frozen=True, slots=True)
class Claim:
    """A task with its limit in seconds, None for one that is shown for comparison.

    `peer` does `1 / scale` of the same job with another package.
    """

    what: str
    task: Callable[[], object]
    limit: float | None = None
    repeats: int = 8
    calls: int = 1
    peer: Callable[[], object] | None = None
    peer_name: str = PYMARE
    scale: float = 1.0


def ragged_tables(sizes: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw events and totals of both arms of all trials, one meta-analysis after the other."""
    count = int(sizes.sum())
    totals = generator.integers(20, 200, (2, count))
    events = generator.binomial(totals, generator.uniform(0.05, 0.5, count))
    return {"events_a": events[0], "total_a": totals[0], "events_b": events[1], "total_b": totals[1]}


def ragged_means(sizes: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw means, standard deviations and sizes of both arms, as `ragged_tables` draws events."""
    count = int(sizes.sum())
    mean, sd = generator.normal(50, 3, (2, count)), generator.uniform(5, 15, (2, count))
    n = generator.integers(15, 150, (2, count))
    return {"mean_a": mean[0], "sd_a": sd[0], "n_a": n[0], "mean_b": mean[1], "sd_b": sd[1], "n_b": n[1]}


def pool_ragged(raw: dict[str, np.ndarray], sizes: np.ndarray) -> RandomEffects:
    """Pool each meta-analysis from raw numbers: log odds ratios, or standardized mean differences."""
    effect = (odds_ratio if raw.keys() == TABLES else standardized_mean_difference)(**raw)
    present = np.arange(sizes.max()) < sizes[:, None]
    estimate, variance, mask = np.zeros(present.shape), np.ones(present.shape), present.copy()
    estimate[present], variance[present], mask[present] = effect.estimate, effect.variance, effect.included
    return random_effects(estimate, variance=variance, mask=mask)


def statsmodels_ragged(raw: dict[str, np.ndarray], sizes: np.ndarray) -> None:
    """Pool each meta-analysis from its raw numbers with statsmodels, by DerSimonian and Laird."""
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        columns = [column[end - size : end] for column in raw.values()]
        if raw.keys() == TABLES:
            estimate, variance = effectsize_2proportions(*columns, statistic="odds-ratio", zero_correction=0.5)
        else:
            estimate, variance = effectsize_smd(*columns)
        combine_effects(estimate, variance, method_re="dl").summary_frame()


def one_meta_analysis() -> list[Claim]:
    """Return the claims about one meta-analysis of 20 trials."""
    (y,), (v,) = trials(1, 20)
    frame = pd.DataFrame({"study": [f"Trial {i}" for i in range(1, 21)], "g": y, "se": np.sqrt(v)})
    columns = {"estimate": "g", "se": "se", "study": "study"}
    ready = Effects.from_frame(frame, **columns)
    other = {"peer": lambda: peer(y, v)}
    return [
        Claim("pool of 20 trials, with its result", ready.pool, 5e-4, 5, 200, **other),
        Claim("the same from a DataFrame", lambda: Effects.from_frame(frame, **columns).pool(), None, 5, 50),
        Claim("its numbers alone", lambda: random_effects(y, variance=v), None, 5, 200),
        Claim("leave one of 20 trials out, with its result", ready.leave_one_out, None, 5, 50, **other, scale=20),
    ]


def batches() -> list[Claim]:
    """Return the claims about many meta-analyses at once."""
    y, v = trials(100_000, 20)
    subsets = np.array(list(itertools.product([False, True], repeat=13)))[1:]
    one = {"variance": v[0, :13], "mask": subsets}
    generator = np.random.default_rng(7)
    sizes = generator.integers(2, 41, 5_000)
    tables, means = ragged_tables(sizes, generator), ragged_means(sizes, generator)
    few = sizes[:20]
    part = [{name: column[: few.sum()] for name, column in raw.items()} for raw in (tables, means)]
    return [
        Claim(
            "100,000 REML fits of 20 trials",
            lambda: estimate_tau2(y, variance=v),
            0.5,
            peer=lambda: peer(y[0], v[0]),
            scale=100_000,
        ),
        Claim("the same with interval, prediction, Q, I²", lambda: random_effects(y, variance=v)),
        Claim(
            "10,000 ragged, from tables and means to pools",
            lambda: [pool_ragged(raw, sizes) for raw in (tables, means)],
            1.0,
            peer=lambda: [statsmodels_ragged(raw, few) for raw in part],
            peer_name=STATSMODELS,
            scale=sizes.size / few.size,
        ),
        Claim(
            "8,191 subsets of 13 trials, REML fits",
            lambda: estimate_tau2(y[0, :13], **one),
            0.1,
            peer=lambda: peer(y[0, :13], v[0, :13]),
            scale=8_191,
        ),
        Claim("the same with interval, prediction, Q, I²", lambda: random_effects(y[0, :13], **one), 0.1),
    ]


def shared_arms(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw six effects, three pairs of which share a control arm, and the covariance of their errors, many times."""
    y, v = trials(count, 6)
    pairs = np.kron(np.eye(3), 1.0 - np.eye(2))
    half = 0.5 * np.minimum(v[:, :, None], v[:, None])
    return y, np.where(np.eye(6) > 0, v[:, :, None], half * pairs)


def many_fits() -> list[Claim]:
    """Return the claims about what takes many fits: leaving out, permuting, effects that share an arm."""
    y, v = trials(10_000, 20)
    effects, errors = shared_arms(10_000)
    (one,), (spread,) = trials(1, 1_000)
    generator = np.random.default_rng(11)
    few, design = (np.column_stack([np.ones(k), generator.normal(size=(k, 2))]) for k in (20, 1_000))
    return [
        Claim(
            "leave one of 20 trials out, 10,000 times",
            lambda: leave_one_out(y, variance=v),
            2.0,
            3,
            peer=lambda: peer(y[0, 1:], v[0, 1:]),
            scale=200_000,
        ),
        Claim(
            "10,000 GLS fits of 6 effects with shared arms",
            lambda: generalized_least_squares(effects, covariance=errors),
            0.6,
            3,
        ),
        Claim(
            "9,999 permutations of a regression, 20 trials",
            lambda: permutation_test(y[0], variance=v[0], design=few),
            1.5,
            3,
            peer=lambda: peer(y[0], v[0], few),
            scale=9_999,
        ),
        Claim(
            "influence in a regression of 1,000 trials",
            lambda: influence(one, variance=spread, design=design),
            0.25,
            3,
            peer=lambda: peer(one, spread, design),
            scale=1_000,
        ),
    ]


def whole_network(frame: pd.DataFrame, columns: dict[str, str]) -> NetworkPooled:
    """Pool a network from a DataFrame and make every table of its result."""
    pooled = Network.from_frame(frame, **columns).pool(against="plac")
    league, ranks = pooled.league(), pooled.ranks("desirable")
    for part in (pooled, league, ranks, pooled.consistency(), pooled.contribution()):
        part.tidy()
    return pooled


def networks() -> list[Claim]:
    """Return the claims about networks."""
    small, arms = senn(), random_arms(500, 60)
    fit = fit_network(small)
    frame, columns = senn_contrasts()
    return [
        Claim("diabetes network (26 trials), all numbers", lambda: all_tables(senn), 0.02, 10),
        Claim("the same from a DataFrame to five tables", lambda: whole_network(frame, columns), None, 10),
        Claim("its leave-one-trial-out", lambda: leave_one_trial_out(fit), 0.3),
        Claim(
            "500 trials, 60 treatments, pooled from arms",
            lambda: fit_network(network_from_arms(**arms)),
            1.0,
        ),
        Claim(
            "the same with all numbers",
            lambda: all_tables(lambda: network_from_arms(**arms)),
            1.0,
            repeats=2,
        ),
    ]
