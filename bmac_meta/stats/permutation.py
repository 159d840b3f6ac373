"""Permutation tests of regression coefficients and of a mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.arguments import one_seed, whole_number
from bmac_meta.errors import check_word
from bmac_meta.stats.batch import Batch, as_batch, unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.inference import given_tau2, random_effects, ratio
from bmac_meta.stats.permuted import permuted_fits
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.regressors import as_design

CHUNK_ROWS, CHUNK_CELLS = 1 << 13, 1 << 20
# Statistics that differ by less are one; coefficients and residuals that are smaller against the effects, each
# weighted as in the fit, are nothing but rounding.
SAME, NOTHING = 1e-9, 1e-13
# From so many trials on permutations of a regression share their sums.
MANY = 300


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Holds permutation p-values of regression coefficients, (p,) or (B, p), or of a mean, (1,) or (B, 1).

    `observed` are the statistics of the data as they are. With `exact` the `count` permutations are all there
    are, otherwise a random sample, to which the observed order is added. Orders that differ only in trials
    with one row of the design are counted as one where counting all of them would be too many. The p-value of
    a coefficient that moves with the level of the effects, such as the intercept, is NaN in a regression, for
    permuting rows doesn't test it. `count` and `exact` are (B,) for a batch.
    """

    p_values: NDArray
    observed: NDArray
    count: int | NDArray
    exact: bool | BoolArray
    statistic: str


def permutation_test(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    statistic: str = "t",
    permutations: int = 9_999,
    seed: int = 0,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    mask: ArrayLike | None = None,
) -> PermutationTest:
    """Test the coefficients of a meta-regression by permuting its rows, or a mean by changing signs.

    `estimate` and `variance` are (k,), or (B, k) with `mask`; `design` is (k, p) or (B, k, p) with its column
    of ones; without one, or with that column alone, the mean is tested, by changing the signs of effects. All
    permutations are used where there are at most `permutations` of them, else a random sample of so many,
    from a generator with this `seed`, the same for each meta-analysis of a batch. The two-sided p is the
    share in which the absolute `statistic` ("t", or "coefficient") is at least the observed one, so never 0.
    Effects keep their variances, and rows of the design move as a whole: each coefficient is tested against
    the hypothesis that no covariate matters. `tau2` and `interval` are those of `meta_regression`, whose
    errors are raised.

    Sources: Follmann & Proschan 1999, 10.1111/j.0006-341X.1999.00732.x; Higgins & Thompson 2004,
    10.1002/sim.1752.

    >>> permutation_test([1.0, 2.0, 1.5, 1.8], variance=[1.0, 1.0, 1.0, 1.0]).p_values.tolist()
    [0.125]
    """
    check_word("permutation statistic", statistic, ("t", "coefficient"))
    most, seed = check_count("permutations", permutations), one_seed(seed)
    batch = as_batch(estimate, variance, mask)
    analyses = _read(batch, design, statistic, tau2, interval)
    tests = [analysis.test(most, seed) for analysis in analyses]
    fields = {name: np.array([test[name] for test in tests]) for name in tests[0]}
    return PermutationTest(**unbatch(fields, batch.single), statistic=statistic)


def check_count(name: str, count: int) -> int:
    """Return a number of repetitions; raise `InputError` unless it is a whole number above 0."""
    return whole_number(name, count)


def _read(
    batch: Batch, design: ArrayLike | None, statistic: str, tau2: str | ArrayLike, interval: str
) -> Iterator[_Analysis]:
    """Give the meta-analyses of a batch one by one, each with the trials that are present."""
    checked = as_design(np.ones((batch.width, 1)) if design is None else design, batch)
    between = [tau2] * batch.count if isinstance(tau2, str) else given_tau2(tau2, batch).tolist()
    for row in range(batch.count):
        here = slice(None) if batch.mask is None else batch.mask[row]
        columns = checked.raw[row if len(checked.raw) > 1 else 0][here]
        tested = _moving_with_covariates(columns, checked.constant)
        parts = batch.estimate[row][here], batch.variance[row][here], columns, tested
        yield _Analysis(*parts, statistic, between[row], interval)


def _moving_with_covariates(columns: NDArray, constant: bool) -> BoolArray:
    """Return which coefficients (p,) stay where they are when a constant is added to all effects."""
    varying = np.ptp(columns, axis=0) > 0.0
    if not constant or not varying.all():
        return varying
    scaled = columns / np.abs(columns).max(axis=0)
    return np.abs(np.linalg.lstsq(scaled, np.ones(len(columns)), rcond=None)[0]) < 1e-6


@dataclass(frozen=True, slots=True)
class _Analysis:
    """Holds one meta-analysis (k,) with its design (k, p), which of its coefficients are tested, and how."""

    y: NDArray
    v: NDArray
    columns: NDArray
    tested: BoolArray
    statistic: str
    tau2: str | float
    interval: str

    @property
    def of_mean(self) -> bool:
        """Say whether there is nothing to regress on."""
        return self.columns.shape[1] == 1 and float(np.ptp(self.columns)) == 0.0

    def test(self, permutations: int, seed: int) -> dict[str, object]:
        """Return the fields of `PermutationTest`."""
        kinds = np.unique(self.columns + 0.0, axis=0, return_inverse=True)[1].ravel()
        total = 2**self.y.size if self.of_mean else _count_orders(kinds, permutations)
        exact = total <= permutations
        bound = self._statistics(self.y[None], self.v[None])[0] * (1.0 - SAME)
        draw = None if exact else np.random.default_rng(seed)
        reached, count = np.zeros(bound.shape), 0
        for shuffled in self._shuffled(kinds, permutations, draw):
            reached += (self._statistics(*shuffled) >= bound).sum(axis=0)
            count += len(shuffled[0])
        share = reached / count if exact else (reached + 1.0) / (count + 1.0)
        coefficients, se, _, _ = self._fits(self.y[None], self.v[None])
        return {
            "p_values": share if self.of_mean else np.where(self.tested, share, np.nan),
            "observed": (coefficients if self.statistic == "coefficient" else ratio(coefficients, se))[0],
            "count": total if exact else permutations,
            "exact": exact,
        }

    def _shuffled(
        self, kinds: NDArray, count: int, draw: np.random.Generator | None
    ) -> Iterator[tuple[NDArray, NDArray, NDArray | None]]:
        """Give effects and variances (n, k) of all or random permutations, and the orders of rows, chunk by chunk."""
        if self.of_mean:
            for signs in _signs(self.y.size, count, draw):
                yield signs * self.y, np.broadcast_to(self.v, signs.shape), None
        else:
            for order in _orders(kinds, count, draw):
                yield self.y[order], self.v[order], order

    def _statistics(self, effects: NDArray, variances: NDArray, orders: NDArray | None = None) -> NDArray:
        """Return the absolute statistics (n, p) of effects and variances (n, k), 0 or infinite but for rounding."""
        many = orders is not None and self.y.size >= MANY
        fits = self._fits_of_many(effects, variances, orders) if many else self._fits(effects, variances)
        (coefficients, se, wald, tau2), scaled = fits, self.interval == "knapp-hartung"
        nothing = NOTHING * wald * np.sqrt((effects**2 / (variances + tau2[:, None])).sum(axis=1))[:, None]
        coefficients = np.where(np.abs(coefficients) <= nothing, 0.0, np.abs(coefficients))
        if self.statistic == "coefficient":
            return coefficients
        return ratio(coefficients, np.where(scaled & (se <= nothing), 0.0, se))

    def _fits(self, effects: NDArray, variances: NDArray) -> list[NDArray]:
        """Return coefficients, their standard errors and those of Wald (n, p), and tau2 (n,), for arrays (n, k)."""
        coefficients, se, tau2 = self._fit(effects, variances, self.interval)
        # Other standard errors are Wald's, or as good where it comes to what is nothing but rounding.
        wald = self._fit(effects, variances, "wald")[1] if self.interval == "knapp-hartung" else se
        return [coefficients, se, wald, tau2]

    def _fits_of_many(self, effects: NDArray, variances: NDArray, orders: NDArray) -> list[NDArray]:
        """Return the same for many trials in some orders (n, k), all at once but for those that would lose digits."""
        parts, safe = permuted_fits(self.y, self.v, self.columns, orders, self.tau2, self.interval)
        if safe.all():
            return parts
        others = self._fits(effects[~safe], variances[~safe])
        order = np.concatenate([np.flatnonzero(safe), np.flatnonzero(~safe)]).argsort()
        return [np.concatenate(pair)[order] for pair in zip(parts, others, strict=True)]

    def _fit(self, effects: NDArray, variances: NDArray, interval: str) -> tuple[NDArray, NDArray, NDArray]:
        """Return coefficients and standard errors (n, p), and tau2 (n,), of effects and variances (n, k)."""
        options = {"variance": variances, "tau2": self.tau2, "interval": interval}
        if self.of_mean:
            pool, unit = random_effects(effects, **options), self.columns[0]
            return pool.estimate[:, None] / unit, pool.se[:, None] / np.abs(unit), pool.tau2
        fit = meta_regression(effects, design=self.columns, **options)
        return fit.coefficients, fit.se, fit.tau2


def _count_orders(kinds: NDArray, permutations: int) -> int:
    """Return the number of orders of trials of some kinds, of distinct ones where all are more than asked for."""
    every = factorial(kinds.size)
    return every if every <= permutations else every // prod(map(factorial, np.bincount(kinds).tolist()))


def _sizes(total: int, width: int) -> Iterator[int]:
    """Give the sizes of chunks of so many permutations."""
    size = max(1, min(CHUNK_ROWS, CHUNK_CELLS // width))
    for start in range(0, total, size):
        yield min(size, total - start)


def _orders(kinds: NDArray, count: int, draw: np.random.Generator | None) -> Iterator[NDArray]:
    """Give random orders (n, k) or, without a generator, all that differ in the kinds of trials, a chunk at a time."""
    if draw is not None:
        for size in _sizes(count, kinds.size):
            yield draw.permuted(np.tile(np.arange(kinds.size), (size, 1)), axis=1)
        return
    arrangements, places = _arrangements(np.sort(kinds).tolist()), kinds.argsort(kind="stable")
    size = next(_sizes(CHUNK_ROWS, kinds.size))
    while rows := list(islice(arrangements, size)):
        order = np.empty((len(rows), kinds.size), dtype=int)
        order[:, places] = np.array(rows).argsort(axis=1, kind="stable")
        yield order


def _arrangements(row: list[int]) -> Iterator[list[int]]:
    """Give the distinct orders of sorted numbers, each the next one in the dictionary's order."""
    while True:
        yield row
        turn = next((i for i in range(len(row) - 2, -1, -1) if row[i] < row[i + 1]), None)
        if turn is None:
            return
        last = next(i for i in range(len(row) - 1, turn, -1) if row[i] > row[turn])
        row = row.copy()
        row[turn], row[last] = row[last], row[turn]
        row[turn + 1 :] = row[:turn:-1]


def _signs(width: int, count: int, draw: np.random.Generator | None) -> Iterator[NDArray]:
    """Give random signs (n, k) or, without a generator, all combinations of them, a chunk at a time."""
    start, places = 0, np.arange(width)
    for size in _sizes(2**width if draw is None else count, width):
        every = np.arange(start, start + size)[:, None] >> places & 1
        yield 1 - 2 * (every if draw is None else draw.integers(0, 2, (size, width)))
        start += size
