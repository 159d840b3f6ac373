"""Leave-one-out, cumulative and all-subsets pools."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats import resampling
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.resampling import cumulative, gosh, leave_one_out

RAW = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])


def test_row_i_is_the_pool_without_trial_i():
    result = leave_one_out(Y, variance=V, tau2="DL", interval="knapp-hartung", level=0.9)
    for i in range(13):
        alone = random_effects(
            np.delete(Y, i), variance=np.delete(V, i), tau2="DL", interval="knapp-hartung", level=0.9
        )
        for name in ("estimate", "ci_low", "pi_high", "tau2", "i2", "q_p"):
            assert getattr(result, name)[i] == pytest.approx(getattr(alone, name), rel=1e-10)
    assert (result.k == 12).all()
    assert (np.diag(result.weights) == 0).all()


def test_two_trials_leave_one_each():
    result = leave_one_out([1.0, 3.0], variance=[0.1, 0.4])
    assert result.estimate.tolist() == [3.0, 1.0]
    assert np.isnan(result.tau2).all()


def test_one_trial_cannot_be_left_out():
    with pytest.raises(NotEnoughTrials, match="nothing would remain"):
        leave_one_out([1.0], variance=[1.0])


def test_cumulative_pools_follow_the_order_asked_for():
    years = np.array(RAW["mods"]["year"])
    result = cumulative(Y, variance=V, by=years)
    assert (np.diff(years[result.order]) >= 0).all()
    first_three = result.order[:3]
    alone = random_effects(Y[first_three], variance=V[first_three])
    assert result.pooled.estimate[2] == pytest.approx(alone.estimate, rel=1e-10)
    assert result.pooled.pi_low[2] == pytest.approx(alone.pi_low, rel=1e-8)
    assert result.pooled.k.tolist() == list(range(1, 14))


def test_ties_in_the_order_keep_the_order_given():
    assert cumulative(Y[:4], variance=V[:4], by=[2, 1, 2, 1]).order.tolist() == [1, 3, 0, 2]


def test_the_last_cumulative_pool_is_the_whole_one():
    result, whole = cumulative(Y, variance=V, by=-1 / V).pooled, random_effects(Y, variance=V)
    assert result.estimate[-1] == pytest.approx(whole.estimate, rel=1e-10)
    assert result.ci_high[-1] == pytest.approx(whole.ci_high, rel=1e-10)


@pytest.mark.parametrize("by", [[1, 2], [[1] * 13], [np.nan] * 13])
def test_an_order_that_does_not_fit_is_refused(by):
    with pytest.raises(InputError, match="by"):
        cumulative(Y, variance=V, by=by)


def test_gosh_pools_every_subset_once():
    result = gosh(Y[:5], variance=V[:5])
    subsets = {tuple(np.flatnonzero(row)) for row in result.members}
    assert result.complete
    assert len(subsets) == len(result.members) == 31
    for size in (2, 4):
        for subset in combinations(range(5), size):
            row = int(sum(2**i for i in subset)) - 1
            alone = random_effects(Y[list(subset)], variance=V[list(subset)], interval="wald")
            assert result.estimate[row] == pytest.approx(alone.estimate, rel=1e-10)
            assert result.tau2[row] == pytest.approx(alone.tau2, abs=1e-9)
            assert result.k[row] == size


def test_gosh_of_one_trial_has_no_tau2():
    result = gosh(Y[:3], variance=V[:3])
    assert np.isnan(result.tau2[result.k == 1]).all()
    np.testing.assert_array_equal(result.estimate[result.k == 1], Y[:3])


def test_too_many_subsets_are_sampled_with_a_seed():
    first, second = (gosh(Y, variance=V, subsets=500, seed=3) for _ in range(2))
    other = gosh(Y, variance=V, subsets=500, seed=4)
    assert not first.complete
    np.testing.assert_array_equal(first.estimate, second.estimate)
    assert (first.members != other.members).any()
    assert first.members.any(axis=1).all()
    # Half of 13 trials on average: 6.5 with a Monte Carlo error of 0.08.
    assert abs(first.k.mean() - 6.5) < 0.4


def test_gosh_goes_by_chunks_and_joins_them_in_order(monkeypatch):
    whole = gosh(Y[:8], variance=V[:8])
    monkeypatch.setattr(resampling, "CHUNK_ROWS", 50)
    parts = gosh(Y[:8], variance=V[:8])
    np.testing.assert_array_equal(parts.k, whole.k)
    np.testing.assert_allclose(parts.estimate, whole.estimate, rtol=1e-12)


def test_all_subsets_of_many_trials_are_never_attempted():
    assert gosh(np.resize(Y, 70), variance=np.resize(V, 70), subsets=20).members.shape == (20, 70)


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_a_number_of_subsets_must_be_a_whole_number(count):
    with pytest.raises(InputError, match="subsets"):
        gosh(Y, variance=V, subsets=count)


@pytest.mark.parametrize("function", [leave_one_out, cumulative, gosh])
def test_several_meta_analyses_at_once_are_refused(function):
    with pytest.raises(InputError, match="give one meta-analysis"):
        function(np.stack([Y, Y]), variance=V)
