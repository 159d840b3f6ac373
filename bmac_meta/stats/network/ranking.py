"""Ranking of treatments: P-scores, rank probabilities and SUCRA."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from bmac_meta.arguments import one_seed, whole_number
from bmac_meta.copies import Sealed
from bmac_meta.errors import check_word
from bmac_meta.stats.network.data import FloatArray
from bmac_meta.stats.network.fit import NetworkFit

SMALL_VALUES = ("desirable", "undesirable")
DRAWS_AT_ONCE = 20_000


def p_scores(fit: NetworkFit, small_values: str = "desirable") -> FloatArray:
    """Return the P-score (n,) of each treatment: the mean certainty that it is better than another.

    `small_values` says whether small effects are "desirable" (pain) or "undesirable" (function). 1 is best.
    Rücker & Schwarzer 2015, doi:10.1186/s12874-015-0060-8.
    """
    better = superiority(fit, small_values)
    n = better.shape[0]
    return (better.sum(axis=1) - better.diagonal()) / (n - 1)


def superiority(fit: NetworkFit, small_values: str = "desirable") -> FloatArray:
    """Return the certainty (n, n) that the row's treatment beats the column's; 0.5 on the diagonal."""
    check_word("kind of small values", small_values, SMALL_VALUES)
    sign = -1.0 if small_values == "desirable" else 1.0
    ratio = np.divide(sign * fit.estimate, fit.se, out=np.zeros_like(fit.se), where=fit.se > 0.0)
    return stdtr(fit.df if fit.df > 0.0 else np.nan, ratio)


@dataclass(frozen=True, slots=True, eq=False)
class RankProbabilities(Sealed):
    """Holds rank probabilities by simulation.

    `probability` (n, n) is that of the row's treatment having the column's rank (rank 1 first and best),
    `error` its Monte Carlo standard error, `mean_rank` (n,) and `sucra` (n,), the surface under the
    cumulative ranking curve.
    """

    treatments: tuple[str, ...]
    probability: FloatArray
    error: FloatArray
    mean_rank: FloatArray
    sucra: FloatArray
    draws: int
    seed: int


def rank_probabilities(
    fit: NetworkFit, small_values: str = "desirable", *, draws: int = 100_000, seed: int = 1
) -> RankProbabilities:
    """Simulate the ranks of the treatments from the joint normal distribution of their effects.

    The same `seed` gives the same answer. SUCRA (Salanti et al. 2011, doi:10.1016/j.jclinepi.2010.03.016) is
    the mean of the cumulative rank probabilities; its expectation is the P-score of a fit with normal
    quantiles.
    """
    check_word("kind of small values", small_values, SMALL_VALUES)
    draws = whole_number("draws", draws)
    generator = np.random.default_rng(one_seed(seed))
    sizes = [DRAWS_AT_ONCE] * (draws // DRAWS_AT_ONCE) + [draws % DRAWS_AT_ONCE] * (draws % DRAWS_AT_ONCE > 0)
    sign = 1.0 if small_values == "desirable" else -1.0
    counts = sum(_rank_counts(sign * _draw(fit, generator, size)) for size in sizes)
    probability = counts / draws
    n = len(fit.treatments)
    mean_rank = probability @ np.arange(1.0, n + 1.0)
    return RankProbabilities(
        treatments=fit.treatments,
        probability=probability,
        error=np.sqrt(probability * (1.0 - probability) / draws),
        mean_rank=mean_rank,
        sucra=(n - mean_rank) / (n - 1.0),
        draws=int(draws),
        seed=seed,
    )


def _draw(fit: NetworkFit, generator: np.random.Generator, size: int) -> FloatArray:
    return fit.effects + generator.standard_normal((size, fit.root.shape[1])) @ fit.root.T


def _rank_counts(effects: FloatArray) -> FloatArray:
    n = effects.shape[1]
    order = effects.argsort(axis=1)
    place = np.broadcast_to(np.arange(n), order.shape)
    return np.bincount((order * n + place).ravel(), minlength=n * n).reshape(n, n)
