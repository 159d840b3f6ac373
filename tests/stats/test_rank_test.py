"""Begg's rank test."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kendalltau

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats import rank_test
from bmac_meta.stats.rank_test import begg_test

RANDOM = np.random.default_rng(8)
Y, V = RANDOM.normal(size=12), RANDOM.uniform(0.05, 1.0, 12)


def standardized(y, v):
    mean = (y / v).sum() / (1 / v).sum()
    return (y - mean) / np.sqrt(v - 1 / (1 / v).sum())


def test_it_is_kendalls_tau_with_its_exact_p():
    result, expected = begg_test(Y, variance=V), kendalltau(standardized(Y, V), V, method="exact")
    assert result.exact
    assert result.tau == pytest.approx(expected.statistic, abs=1e-14)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_with_ties_it_is_tau_b_with_the_tie_corrected_normal_p():
    v = np.round(V, 1)
    result = begg_test(Y, variance=v)
    expected = kendalltau(standardized(Y, v), v, method="asymptotic")
    assert not result.exact
    assert result.tau == pytest.approx(expected.statistic, abs=1e-14)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_the_exact_p_is_the_share_of_all_orders():
    y, v = Y[:6], V[:6]
    observed = abs(kendalltau(standardized(y, v), v).statistic)
    ranks = np.arange(6)
    share = np.mean([abs(kendalltau(ranks, order).statistic) >= observed - 1e-12 for order in permutations(ranks)])
    assert begg_test(y, variance=v, minimum_trials=6).p_value == pytest.approx(share, rel=1e-12)


def test_the_exact_p_of_a_perfect_order_is_two_of_all_orders():
    # Effects that fall as variances rise, so steeply that standardizing keeps the order: p = 2/10!.
    v = np.linspace(1.0, 2.0, 10)
    result = begg_test(np.linspace(50.0, -50.0, 10), variance=v)
    assert result.tau == -1.0
    assert result.p_value == pytest.approx(2 / 3628800, rel=1e-12)


def test_equal_trials_tie_however_their_sums_are_rounded():
    y, v = np.repeat([0.1, 0.7, 0.3, 0.2, 0.9], 2), np.repeat([0.3, 0.1, 0.7, 0.2, 0.11], 2)
    result = begg_test(y, variance=v)
    assert not result.exact
    np.testing.assert_allclose(result.tau, begg_test(y[::-1], variance=v[::-1]).tau, rtol=1e-12)


@pytest.mark.parametrize(("y", "v"), [(np.full(12, 0.3), V), (Y, np.full(12, 0.3))])
def test_without_anything_to_rank_the_answer_is_nan(y, v):
    result = begg_test(y, variance=v)
    assert np.isnan([result.tau, result.p_value]).all()


def test_one_trial_that_dwarfs_the_others_keeps_its_place():
    v = np.array([1e-12, *V[1:]])
    result = begg_test(Y, variance=v)
    # Its own difference from the mean is that from the others, over the standard error of their mean.
    weight = 1 / v[1:]
    own = (weight * (Y[0] - Y[1:])).sum() / np.sqrt(weight.sum())
    expected = kendalltau([own, *(Y[1:] - Y[0]) / np.sqrt(v[1:])], v, method="exact")
    assert result.tau == pytest.approx(expected.statistic, abs=1e-12)


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 12), dtype=bool)
    mask[1, :2] = False
    result = begg_test(np.where(mask, Y, np.nan), variance=V, mask=mask)
    alone = begg_test(Y[2:], variance=V[2:])
    assert result.p_value.tolist() == [begg_test(Y, variance=V).p_value, alone.p_value]
    assert result.k.tolist() == [12, 10]


def test_beyond_500_trials_p_is_approximate():
    y, v = RANDOM.normal(size=501), RANDOM.uniform(0.1, 1, 501)
    assert not begg_test(y, variance=v).exact
    short = begg_test(y[:500], variance=v[:500])
    assert short.exact
    normal = kendalltau(standardized(y[:500], v[:500]), v[:500], method="asymptotic").pvalue
    # The normal approximation is good to about 1/k.
    assert short.p_value == pytest.approx(normal, rel=0.01)


def test_nine_trials_are_refused():
    with pytest.raises(NotEnoughTrials, match="with 9 trials; needs 10"):
        begg_test(Y[:9], variance=V[:9])


def test_more_trials_than_can_be_compared_two_by_two_are_refused():
    with pytest.raises(InputError, match="Begg's test compares every two trials; here are 10,001"):
        begg_test(np.zeros(10_001), variance=np.ones(10_001))


@pytest.mark.parametrize("tied", [False, True])
def test_trials_may_be_compared_a_few_at_a_time(monkeypatch, tied):
    rng = np.random.default_rng(3)
    y, v = rng.normal(size=40), rng.uniform(0.1, 1.0, 40)
    y, v = (np.round(y, 1), np.round(v, 1)) if tied else (y, v)
    whole = begg_test(y, variance=v)
    monkeypatch.setattr(rank_test, "CHUNK_CELLS", 100)
    parts = begg_test(y, variance=v)
    assert (parts.tau, parts.p_value, parts.exact) == (whole.tau, whole.p_value, whole.exact)
