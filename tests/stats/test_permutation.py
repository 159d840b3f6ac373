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
    with pytest.raises(InputError, match="give one meta-analysis"):
        permutation_test(np.stack([Y, Y]), variance=V)
    with pytest.raises(DesignError):
        permutation_test(Y, variance=V, design=DESIGN[:5])
