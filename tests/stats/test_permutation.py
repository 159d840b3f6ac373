"""Permutation tests."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import DesignError, InputError, UnknownWordError
from bmac_meta.stats import permutation
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.permutation import permutation_test
from bmac_meta.stats.regression import meta_regression

RAW = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "hine1989_RD.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])
DESIGN = np.column_stack([np.ones(6), [3, 1, 2, 2, 4, 5]])


def test_the_lidocaine_trials_agree_with_metafor():
    # metafor's own tests of permutest(): p = .0625 for the mean, .0028 for a made-up moderator.
    mean = permutation_test(Y, variance=V, interval="wald")
    assert mean.p_values.tolist() == [0.0625]
    assert (mean.exact, mean.count) == (True, 64)
    slope = permutation_test(Y, variance=V, design=DESIGN, interval="wald")
    assert slope.p_values[1] == pytest.approx(2 / 720)
    assert np.isnan(slope.p_values[0])


def test_all_signs_are_tried():
    y, v = Y[:4], V[:4]
    statistics = [random_effects(s * y, variance=v).statistic for s in np.array(list(product([1, -1], repeat=4)))]
    share = np.mean(np.abs(statistics) >= abs(random_effects(y, variance=v).statistic) - 1e-9)
    assert permutation_test(y, variance=v).p_values[0] == share


def test_all_orders_are_tried():
    y, v, design = Y[:5], V[:5], DESIGN[:5]

    def statistic(order):
        return abs(meta_regression(y, variance=v, design=design[list(order)]).statistic[1])

    observed = statistic(range(5))
    share = np.mean([statistic(order) >= observed - 1e-9 for order in permutations(range(5))])
    assert permutation_test(y, variance=v, design=design).p_values[1] == pytest.approx(share)


def test_a_sample_counts_the_observed_order_too_and_repeats_with_its_seed():
    first, second = (permutation_test(Y, variance=V, design=DESIGN, permutations=99, seed=5) for _ in range(2))
    assert (first.exact, first.count) == (False, 99)
    np.testing.assert_array_equal(first.p_values, second.p_values)
    assert first.p_values[1] * 100 == pytest.approx(round(first.p_values[1] * 100))
    assert first.p_values[1] >= 0.01


def test_a_large_sample_comes_near_the_exact_p():
    y, v = np.random.default_rng(1).normal(0.3, 0.5, 12), np.linspace(0.05, 0.4, 12)
    exact = permutation_test(y, variance=v, permutations=4096)
    sampled = permutation_test(y, variance=v, permutations=4095, seed=2)
    assert (exact.exact, sampled.exact) == (True, False)
    # Four Monte Carlo standard errors.
    error = np.sqrt(exact.p_values[0] * (1 - exact.p_values[0]) / 4095)
    assert abs(sampled.p_values[0] - exact.p_values[0]) < 4 * error + 1e-3


def test_chunks_do_not_change_the_answer(monkeypatch):
    whole = permutation_test(Y, variance=V, design=DESIGN)
    monkeypatch.setattr(permutation, "CHUNK_ROWS", 100)
    np.testing.assert_array_equal(permutation_test(Y, variance=V, design=DESIGN).p_values, whole.p_values)


def test_the_coefficient_can_be_the_statistic():
    result = permutation_test(Y, variance=V, design=DESIGN, statistic="coefficient")
    fit = meta_regression(Y, variance=V, design=DESIGN)
    np.testing.assert_allclose(result.observed, fit.coefficients, rtol=1e-12)


def test_bad_requests_are_refused():
    with pytest.raises(UnknownWordError, match="t, coefficient"):
        permutation_test(Y, variance=V, statistic="z")
    with pytest.raises(InputError, match="permutations"):
        permutation_test(Y, variance=V, permutations=0)
    with pytest.raises(InputError, match="permutations"):
        permutation_test(Y, variance=V, permutations=np.nan)
    with pytest.raises(DesignError, match="saturated"):
        permutation_test(Y[:1], variance=V[:1])
    with pytest.raises(DesignError):
        permutation_test(Y, variance=V, design=DESIGN[:5])


MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], dtype=bool)
MANY = np.random.default_rng(3).normal(0.3, 0.5, (3, 6))
THEIR_V = np.random.default_rng(4).uniform(0.05, 0.4, (3, 6))


@pytest.mark.parametrize("permutations", [9_999, 50])
@pytest.mark.parametrize("design", [None, "shared", "own"])
def test_a_batch_is_its_meta_analyses_one_by_one(design, permutations):
    own = np.stack([DESIGN, DESIGN[::-1], DESIGN * [1.0, -2.0]])
    asked = {None: None, "shared": DESIGN, "own": np.where(MASK[:, :, None], own, np.nan)}[design]
    options = {"tau2": "DL", "permutations": permutations, "seed": 7}
    batch = permutation_test(
        np.where(MASK, MANY, np.nan), variance=np.where(MASK, THEIR_V, -1.0), design=asked, mask=MASK, **options
    )
    for row, here in enumerate(MASK):
        columns = {None: None, "shared": DESIGN[here], "own": own[row][here]}[design]
        alone = permutation_test(MANY[row][here], variance=THEIR_V[row][here], design=columns, **options)
        np.testing.assert_array_equal(batch.p_values[row], alone.p_values)
        np.testing.assert_allclose(batch.observed[row], alone.observed, rtol=1e-12)
        assert (batch.count[row], batch.exact[row]) == (alone.count, alone.exact)
    # 64 and 32 combinations of signs; of the doses two are equal, so that there are 360, 60 and 12 orders.
    assert batch.exact.tolist() == [permutations > 64, permutations > 64 or design is None, True]


def test_one_meta_analysis_may_have_a_mask_and_a_batch_its_own_tau2():
    here = MASK[2]
    masked = permutation_test(MANY[2], variance=THEIR_V[2], design=DESIGN, mask=here)
    alone = permutation_test(MANY[2][here], variance=THEIR_V[2][here], design=DESIGN[here])
    np.testing.assert_array_equal(masked.p_values, alone.p_values)
    batch = permutation_test(MANY, variance=THEIR_V, tau2=[0.0, 0.1, 5.0], interval="wald")
    fits = random_effects(MANY, variance=THEIR_V, tau2=[0.0, 0.1, 5.0], interval="wald")
    np.testing.assert_allclose(batch.observed[:, 0], fits.statistic, rtol=1e-12)


def test_the_test_of_a_mean_is_that_of_the_regression_on_a_constant():
    pooled = random_effects(Y, variance=V)
    result = permutation_test(Y, variance=V, design=np.full((6, 1), -2.0))
    assert result.observed[0] == pytest.approx(-pooled.statistic, rel=1e-12)
    assert result.p_values.tolist() == permutation_test(Y, variance=V).p_values.tolist()
    slope = permutation_test(Y, variance=V, design=np.full((6, 1), -2.0), statistic="coefficient")
    assert slope.observed[0] == pytest.approx(pooled.estimate / -2.0, rel=1e-12)


def test_orders_that_exchange_trials_with_one_row_of_the_design_count_as_one():
    y, v = np.random.default_rng(1).normal(0.3, 0.5, 8), np.linspace(0.05, 0.4, 8)
    arms = np.array([0, 1, 1, 0, 2, 0, 1, 2])
    design = np.column_stack([np.ones(8), arms == 1, arms == 2]).astype(float)
    few = permutation_test(y, variance=v, design=design, tau2="DL", permutations=1_000)
    every = permutation_test(y, variance=v, design=design, tau2="DL", permutations=40_320)
    # 8! / (3! 3! 2!) = 560 distinct assignments to three arms, each of which 72 orders make.
    assert (few.exact, few.count, every.exact, every.count) == (True, 560, True, 40_320)
    np.testing.assert_array_equal(few.p_values, every.p_values)

    # R 4.2.2, metafor 3.8-1: permutest(rma(y, v, mods = ~ factor(arms), method = "DL"), exact = TRUE).
    metafor = permutation_test(y, variance=v, design=design, tau2="DL", interval="wald", permutations=1_000)
    np.testing.assert_allclose(metafor.p_values[1:], [0.503571428571429, 0.357142857142857], rtol=1e-14)

    # Written out: all arrangements of the rows of the design, each row moved as a whole.
    rows = {tuple(arms[list(order)]): order for order in permutations(range(8))}
    designs = design[np.array([range(8), *rows.values()])]
    fits = meta_regression(np.tile(y, (561, 1)), variance=v, design=designs, tau2="DL")
    observed, *others = np.abs(fits.statistic)
    reached = np.mean(np.array(others) >= observed - 1e-9, axis=0)
    np.testing.assert_allclose(few.p_values[1:], reached[1:], rtol=1e-12)


@pytest.mark.parametrize("design", [None, DESIGN])
@pytest.mark.parametrize("interval", ["knapp-hartung", "knapp-hartung-floored", "wald"])
def test_equal_effects_are_tied_in_every_order_and_p_is_never_zero(design, interval):
    options = {"variance": np.linspace(0.1, 0.3, 6), "design": design, "interval": interval}
    # All six signs alike are 2 of 64 and as extreme as can be; a slope of 0 is reached by all orders.
    for count, lowest in ((9_999, 1 / 32), (19, 1 / 20)):
        p = permutation_test(np.full(6, 0.3), permutations=count, **options).p_values[-1]
        assert p == lowest if count == 9_999 and design is None else p >= lowest
        assert p == 1.0 or design is None
    assert permutation_test(np.zeros(6), **options).p_values[-1] == 1.0


@pytest.mark.parametrize("offset", [0.0, -0.9, 1 / 3, 1e6])
def test_a_perfect_line_is_tied_with_its_mirror_image(offset):
    # Both leave no residual, so that their t would differ by nothing but rounding, if they weren't infinite.
    x = np.array([-0.34, -1.37, 0.0, 1.37, 0.34])
    v = np.array([0.29, 0.28, 0.22, 0.28, 0.29])
    design = np.column_stack([np.ones(5), x])
    result = permutation_test(offset - 0.74 * x, variance=v, design=design, interval="knapp-hartung")
    assert result.p_values[1] == pytest.approx(2 / 120, rel=1e-12)


def test_a_mean_of_zero_is_reached_by_every_change_of_signs():
    # 0.1 + 0.2 − 0.3 isn't 0 in doubles.
    for unit in (1.0, 1e6):
        y = unit * np.array([0.1, 0.2, -0.3, 0.7, -0.7])
        for tau2 in ("REML", 0.0):
            assert permutation_test(y, variance=np.full(5, 1e-6), tau2=tau2).p_values.tolist() == [1.0]


def test_small_effects_of_precise_trials_are_not_taken_for_rounding_beside_large_ones():
    # Effects of about two standard errors, from 1e-6 to 1e6: with tau2 0 the precise ones alone make the mean.
    se = np.array([1e-6, 2e-6, 1.0, 1e3, 1e6, 2e6])
    y = se * [2.0, 2.5, -1.0, 1.5, -2.0, 1.0]
    for interval in ("wald", "knapp-hartung"):
        result = permutation_test(y, variance=se**2, tau2=0.0, interval=interval)
        signs = np.array(list(product([1, -1], repeat=6)))
        statistics = np.abs(random_effects(signs * y, variance=se**2, tau2=0.0, interval=interval).statistic)
        observed = abs(random_effects(y, variance=se**2, tau2=0.0, interval=interval).statistic)
        assert result.p_values[0] == np.mean(statistics >= observed * (1 - 1e-9)) < 1.0


def test_a_coefficient_that_moves_with_the_level_of_effects_is_not_tested():
    # Means of two groups, without an intercept: exchanging the rows says nothing of their distance from 0.
    groups = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1.0]])
    x = np.array([0.3, 1.0, -1.0, 0.5, 2.0])
    y, v = np.array([2.0, 2.1, 2.2, 2.3, 1.9]), np.full(5, 0.1)
    mixed = permutation_test(y, variance=v, design=np.column_stack([groups, x]))
    assert np.isnan(mixed.p_values).tolist() == [True, True, False]
    apart = np.column_stack([np.ones(5), groups[:, 1], x])
    assert mixed.p_values[2] == permutation_test(y, variance=v, design=apart).p_values[2]


@pytest.mark.parametrize("unit", [1.0, 2.0**-30])
def test_the_level_of_effects_does_not_matter_for_a_slope(unit):
    effects, options = Y * unit, {"variance": V * unit**2, "design": DESIGN}
    near, far = (permutation_test(effects + level, **options) for level in (0.0, 64.0))
    np.testing.assert_array_equal(near.p_values, far.p_values)


def test_a_random_sample_does_not_depend_on_the_chunks(monkeypatch):
    y, v = np.random.default_rng(1).normal(0.3, 0.5, 15), np.linspace(0.05, 0.4, 15)
    design = np.column_stack([np.ones(15), np.arange(15.0)])
    whole = [permutation_test(y, variance=v, design=x, tau2="DL", permutations=500).p_values for x in (None, design)]
    monkeypatch.setattr(permutation, "CHUNK_CELLS", 15 * 37)
    parts = [permutation_test(y, variance=v, design=x, tau2="DL", permutations=500).p_values for x in (None, design)]
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])


def test_under_the_null_hypothesis_p_is_uniform():
    draw = np.random.default_rng(8)
    y, v = draw.normal(0.0, 1.0, (150, 5)), np.full((150, 5), 0.5)
    design = np.column_stack([np.ones(5), np.arange(5.0)])
    p = permutation_test(y, variance=v, design=design, tau2="DL").p_values[:, 1]
    # Shares of 120 orders, of which each order's mirror image has the same absolute slope.
    for level in (0.1, 0.3, 0.5):
        assert abs((p <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 150) + 2 / 120


@pytest.mark.parametrize("statistic", ["t", "coefficient"])
@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "knapp-hartung", "wald"])
@pytest.mark.parametrize("seed", range(3))
def test_the_sums_that_many_trials_share_change_no_p_value(monkeypatch, seed, interval, statistic):
    rng = np.random.default_rng(seed)
    v = 10.0 ** rng.uniform(-1, 1, 11)
    y = np.round(rng.normal(size=11) * np.sqrt(v + 0.3), 1)
    design = np.column_stack([np.ones(11), rng.integers(0, 2, 11), rng.normal(size=11)])
    options = {"variance": v, "design": design, "permutations": 499, "interval": interval, "statistic": statistic}
    each = permutation_test(y, **options)
    monkeypatch.setattr(permutation, "MANY", 0)
    shared = permutation_test(y, **options)
    np.testing.assert_array_equal(shared.p_values, each.p_values)
    np.testing.assert_array_equal(shared.observed, each.observed)


def test_orders_in_which_the_sums_would_lose_digits_are_fitted_by_themselves(monkeypatch):
    # In some orders the line goes through all trials, in the others not.
    design = np.column_stack([np.ones(7), [0, 0, 0, 1, 1, 1, 1]])
    options = {"variance": np.linspace(1, 2, 7), "design": design, "permutations": 999, "interval": "knapp-hartung"}
    each = permutation_test(design[:, 1], **options)
    monkeypatch.setattr(permutation, "MANY", 0)
    shared = permutation_test(design[:, 1], **options)
    assert each.exact
    np.testing.assert_array_equal(shared.p_values, each.p_values)
    assert shared.p_values[1] == pytest.approx(1 / 35)


def test_the_trials_of_a_large_meta_regression_share_sums():
    rng = np.random.default_rng(1)
    v = np.exp(rng.normal(-2, 0.8, permutation.MANY))
    y, x = rng.normal(size=v.size) * np.sqrt(v + 0.1), rng.normal(size=v.size)
    design = np.column_stack([np.ones_like(x), x])
    result = permutation_test(y, variance=v, design=design, permutations=199)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(v.size), (199, 1)), axis=1)
    every = meta_regression(y[orders], variance=v[orders], design=design).statistic[:, 1]
    own = meta_regression(y, variance=v, design=design).statistic[1]
    assert result.p_values[1] == (np.count_nonzero(np.abs(every) >= abs(own)) + 1) / 200


@pytest.mark.parametrize(
    ("keywords", "message"), [({"seed": "a"}, "seed is 'a'"), ({"permutations": "many"}, "permutations is 'many'")]
)
def test_seeds_and_counts_that_are_no_numbers_are_refused(keywords, message):
    with pytest.raises(InputError, match=message):
        permutation_test([1.0, 2.0, 1.5, 1.8], variance=[1.0, 1.0, 1.0, 1.0], **keywords)
