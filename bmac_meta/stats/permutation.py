"""Permutation tests of regression coefficients and of a mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from itertools import permutations as every_order
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_batch, as_floats
from bmac_meta.stats.inference import ratio
from bmac_meta.stats.regression import meta_regression

CHUNK_ROWS = 1 << 13
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Holds permutation p-values of regression coefficients, (p,), or of a mean, (1,).

    `observed` are the statistics of the data as they are. With `exact` the `count` permutations are all there
    are, otherwise a random sample, to which the observed order is added. In a regression the p-value of a
    constant column is NaN, for permuting its rows doesn't test it.
    """

    p_values: NDArray
    observed: NDArray
    count: int
    exact: bool
    statistic: str


def permutation_test(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    statistic: str = "t",
    permutations: int = 9_999,
    seed: int = 0,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
) -> PermutationTest:
    """Test the coefficients of a meta-regression by permuting its rows, or a mean by changing signs.

    `estimate` and `variance` are (k,), `design` is (k, p) with its column of ones; without one, or with that
    column alone, the mean is tested, by changing the signs of effects. All permutations are used where there
    are at most `permutations` of them, else a random sample of so many, from a generator with this `seed`.
    The two-sided p is the share in which the absolute `statistic` ("t", or "coefficient") is at least the
    observed one. `tau2` and `interval` are those of `meta_regression`.

    Sources: Follmann & Proschan 1999, 10.1111/j.0006-341X.1999.00732.x; Higgins & Thompson 2004,
    10.1002/sim.1752.

    >>> permutation_test([1.0, 2.0, 1.5, 1.8], variance=[1.0, 1.0, 1.0, 1.0]).p_values.tolist()
    [0.125]
    """
    check_word("permutation statistic", statistic, ("t", "coefficient"))
    check_count("permutations", permutations)
    y, v = one_analysis(estimate, variance)
    columns = np.ones((y.size, 1)) if design is None else as_floats("design", design)

    def refit(effects: NDArray, variances: NDArray) -> NDArray:
        fit = meta_regression(effects, variance=variances, design=columns, tau2=tau2, interval=interval)
        return fit.coefficients if statistic == "coefficient" else ratio(fit.coefficients, fit.se)

    observed = refit(y[None], v[None])[0]
    varying = np.ptp(columns, axis=0) > 0.0
    total = factorial(y.size) if varying.any() else 2**y.size
    exact = total <= permutations
    shuffles = _orders(y, v, exact, permutations, seed) if varying.any() else _signs(y, v, exact, permutations, seed)
    reached = sum((np.abs(refit(*pair)) >= np.abs(observed) * (1.0 - SAME)).sum(axis=0) for pair in shuffles)
    share = reached / total if exact else (reached + 1.0) / (permutations + 1.0)
    p_values = np.where(varying, share, np.nan) if varying.any() else share
    return PermutationTest(p_values, observed, total if exact else permutations, exact, statistic)


def one_analysis(estimate: ArrayLike, variance: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the checked effects and variances (k,) of one meta-analysis; raise `InputError` for several."""
    batch = as_batch(estimate, variance)
    if not batch.single:
        raise InputError(
            f"estimate and variance hold {batch.count} rows; give one meta-analysis, as arrays (k,), for its "
            "trials are recombined into many."
        )
    return batch.estimate[0], batch.variance[0]


def check_count(name: str, count: int) -> None:
    """Raise `InputError` unless a number of repetitions is a whole number above 0."""
    if int(count) != count or count < 1:
        raise InputError(f"{name} is {count!r}; give a whole number above 0.")


def _orders(y: NDArray, v: NDArray, exact: bool, count: int, seed: int) -> Iterator[tuple[NDArray, NDArray]]:
    """Give effects and variances in all orders, or in random ones, a chunk at a time."""
    draw, every = np.random.default_rng(seed), every_order(range(y.size))
    remaining = factorial(y.size) if exact else count
    while remaining > 0:
        size = min(remaining, CHUNK_ROWS)
        rows = list(islice(every, size)) if exact else draw.permuted(np.tile(np.arange(y.size), (size, 1)), axis=1)
        order = np.array(rows)
        yield y[order], v[order]
        remaining -= size


def _signs(y: NDArray, v: NDArray, exact: bool, count: int, seed: int) -> Iterator[tuple[NDArray, NDArray]]:
    """Give the effects with all combinations of signs, or with random ones, a chunk at a time."""
    draw, places = np.random.default_rng(seed), np.arange(y.size)
    total = 2**y.size if exact else count
    for start in range(0, total, CHUNK_ROWS):
        size = min(total - start, CHUNK_ROWS)
        bits = np.arange(start, start + size)[:, None] >> places & 1 if exact else draw.integers(0, 2, (size, y.size))
        yield np.where(bits == 1, -y, y), np.broadcast_to(v, bits.shape)
