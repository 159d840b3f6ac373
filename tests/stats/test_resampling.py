"""Leave-one-out, cumulative and all-subsets pools."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats import resampling
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.resampling import cumulative, gosh, leave_one_out
from bmac_meta.stats.tau2 import TAU2_METHODS

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


RAGGED = np.array(
    [
        [1, 1, 1, 1, 1, 1],
        [0, 1, 1, 0, 1, 1],
        [1, 0, 0, 0, 0, 1],
        [1, 1, 1, 0, 1, 0],
    ],
    dtype=bool,
)
MANY = np.random.default_rng(11).normal(0.3, 0.8, (4, 6))
THEIR_V = np.random.default_rng(12).uniform(0.02, 0.6, (4, 6))
FIELDS = {"estimate", "se", "ci_low", "pi_high", "tau2", "k", "q", "q_df", "i2", "log_likelihood", "weights"}


def holed(values, fill=np.nan):
    """Return numbers of the batch with something useless in masked cells."""
    return np.where(RAGGED, values, fill)


def test_leaving_out_in_a_batch_is_leaving_out_one_by_one():
    options = {"tau2": "REML", "interval": "knapp-hartung", "level": 0.9}
    batch = leave_one_out(holed(MANY), variance=holed(THEIR_V, -1.0), mask=RAGGED, **options)
    for row, here in enumerate(RAGGED):
        alone = leave_one_out(MANY[row][here], variance=THEIR_V[row][here], **options)
        for name in FIELDS - {"weights"}:
            # The same sums in chunks of another size: rounding, and the root of REML's score to 1e-12.
            np.testing.assert_allclose(getattr(batch, name)[row][here], getattr(alone, name), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(batch.weights[row][here][:, here], alone.weights, rtol=1e-10)
    assert batch.estimate.shape == (4, 6)
    assert batch.weights.shape == (4, 6, 6)
    assert (batch.method, batch.level) == ("REML", 0.9)


def test_a_masked_trial_is_left_out_of_nothing():
    batch = leave_one_out(holed(MANY), variance=holed(THEIR_V), mask=RAGGED)
    absent = ~RAGGED
    assert np.isnan(batch.estimate[absent]).all()
    assert np.isnan(batch.weights[absent]).all()
    assert (batch.k[absent] == 0).all()
    assert (batch.q_df[absent] == 0).all()
    for row in range(4):
        assert (batch.weights[row][RAGGED[row]][:, absent[row]] == 0).all()
        np.testing.assert_allclose(batch.weights[row][RAGGED[row]].sum(axis=1), 1.0, rtol=1e-14)


def test_one_meta_analysis_with_a_mask_is_the_one_without_those_trials():
    here = RAGGED[1]
    masked = leave_one_out(holed(MANY)[1], variance=THEIR_V[1], mask=here)
    assert masked.estimate.shape == (6,)
    assert masked.weights.shape == (6, 6)
    alone = leave_one_out(MANY[1][here], variance=THEIR_V[1][here])
    np.testing.assert_allclose(masked.estimate[here], alone.estimate, rtol=1e-12)
    pools = cumulative(holed(MANY)[1], variance=THEIR_V[1], mask=here)
    assert pools.order.tolist() == [1, 2, 4, 5, 0, 3]
    assert np.isnan(pools.pooled.estimate[4:]).all()
    every = gosh(holed(MANY)[1], variance=THEIR_V[1], mask=here)
    assert every.members.shape == (15, 6)
    assert not every.members[:, ~here].any()
    alone = gosh(MANY[1][here], variance=THEIR_V[1][here])
    np.testing.assert_allclose(every.estimate, alone.estimate, rtol=1e-12)


def test_the_meta_analysis_with_a_single_trial_is_named():
    mask = RAGGED.copy()
    mask[2, 0] = False
    with pytest.raises(NotEnoughTrials, match=r"nothing would remain in meta-analysis 2 \(counted from 0\)"):
        leave_one_out(MANY, variance=THEIR_V, mask=mask)


def test_a_given_tau2_belongs_to_all_to_each_meta_analysis_or_to_each_pool():
    whole = random_effects(MANY, variance=THEIR_V, mask=RAGGED).tau2
    each = np.where(RAGGED, np.linspace(0.1, 0.4, 6), np.nan)
    for given in (0.2, whole, each):
        batch = leave_one_out(MANY, variance=THEIR_V, mask=RAGGED, tau2=given)
        expected = np.broadcast_to(np.reshape(given, (-1, 1)) if np.ndim(given) == 1 else given, (4, 6))
        # A trial that stands alone has no tau2, whatever is given.
        np.testing.assert_array_equal(batch.tau2[RAGGED], expected[RAGGED])
    assert batch.method == "given"
    np.testing.assert_array_equal(leave_one_out(Y, variance=V, tau2=np.full(13, 0.3)).tau2, 0.3)
    with pytest.raises(InputError, match=r"tau2 has shape \(6,\)"):
        leave_one_out(MANY, variance=THEIR_V, tau2=np.full(6, 0.1))
    with pytest.raises(InputError, match="at least 0"):
        leave_one_out(MANY, variance=THEIR_V, tau2=-0.1)


@pytest.mark.parametrize("shared", [True, False])
def test_cumulating_in_a_batch_is_cumulating_one_by_one(shared):
    by = np.random.default_rng(13).integers(0, 4, (4, 6)).astype(float)
    by = by[0] if shared else by
    each = np.broadcast_to(by, (4, 6))
    batch = cumulative(
        holed(MANY), variance=holed(THEIR_V, 0.0), by=by if shared else holed(by), mask=RAGGED, tau2="DL"
    )
    for row, here in enumerate(RAGGED):
        k = here.sum()
        alone = cumulative(MANY[row][here], variance=THEIR_V[row][here], by=each[row][here], tau2="DL")
        assert batch.order[row, :k].tolist() == np.flatnonzero(here)[alone.order].tolist()
        assert sorted(batch.order[row, k:]) == np.flatnonzero(~here).tolist()
        for name in FIELDS - {"weights"}:
            np.testing.assert_allclose(
                getattr(batch.pooled, name)[row, :k], getattr(alone.pooled, name), rtol=1e-12, atol=1e-13
            )
        np.testing.assert_allclose(batch.pooled.weights[row, :k, :k], alone.pooled.weights, rtol=1e-12)
        assert np.isnan(batch.pooled.estimate[row, k:]).all()
        assert (batch.pooled.k[row, k:] == 0).all()


def test_an_order_that_is_missing_for_a_trial_present_is_refused():
    by = np.zeros((4, 6))
    by[3, 0] = np.nan
    with pytest.raises(InputError, match="with 1 missing"):
        cumulative(MANY, variance=THEIR_V, by=by, mask=RAGGED)
    with pytest.raises(InputError, match=r"by has shape \(4,\)"):
        cumulative(MANY, variance=THEIR_V, by=np.arange(4))


def test_gosh_of_a_batch_holds_each_subset_of_the_trials_present_once():
    batch = gosh(holed(MANY), variance=holed(THEIR_V), mask=RAGGED)
    assert batch.complete
    assert batch.estimate.shape == (4, 63)
    for row, here in enumerate(RAGGED):
        inside = ~(batch.members & ~here).any(axis=1)
        np.testing.assert_array_equal(np.isnan(batch.estimate[row]), ~inside)
        np.testing.assert_array_equal(batch.k[row], np.where(inside, batch.members.sum(axis=1), 0))
        alone = gosh(MANY[row][here], variance=THEIR_V[row][here])
        np.testing.assert_array_equal(batch.members[inside][:, here], alone.members)
        for name in ("estimate", "se", "tau2", "i2"):
            np.testing.assert_allclose(
                getattr(batch, name)[row][inside], getattr(alone, name), rtol=1e-10, atol=1e-13, equal_nan=True
            )


def test_a_sample_of_subsets_without_the_masked_trials_is_uniform():
    here = np.array([True, False, True] + [False] * 5)
    mask = np.stack([np.ones(8, dtype=bool), here])
    batch = gosh(np.resize(Y, (2, 8)), variance=np.resize(V, (2, 8)), mask=mask, subsets=250, seed=2)
    assert not batch.complete
    left = batch.members & here
    np.testing.assert_array_equal(batch.k[1], left.sum(axis=1))
    np.testing.assert_array_equal(np.isnan(batch.estimate[1]), ~left.any(axis=1))
    counts = [(left[:, [0, 2]] == pair).all(axis=1).sum() for pair in ([1, 0], [0, 1], [1, 1])]
    # A quarter of 250 each, within four standard errors of a binomial count.
    assert np.abs(np.array(counts) - 62.5).max() < 4 * np.sqrt(250 * 0.25 * 0.75)


def test_columns_without_any_trial_do_not_make_subsets():
    wide = np.full((2, 70), np.nan)
    wide[:, [3, 60, 69]] = [[1.0, 2.0, 6.0], [0.0, 3.0, 5.0]]
    batch = gosh(wide, variance=np.ones((2, 70)), mask=np.isfinite(wide))
    assert batch.complete
    np.testing.assert_array_equal(batch.k, [[1, 1, 2, 1, 2, 2, 3]] * 2)
    np.testing.assert_allclose(batch.estimate[1], gosh([0.0, 3.0, 5.0], variance=np.ones(3)).estimate, rtol=1e-14)


def test_chunks_of_a_batch_do_not_change_it(monkeypatch):
    whole = leave_one_out(MANY, variance=THEIR_V, mask=RAGGED), gosh(MANY, variance=THEIR_V, mask=RAGGED)
    monkeypatch.setattr(resampling, "CHUNK_ROWS", 5)
    parts = leave_one_out(MANY, variance=THEIR_V, mask=RAGGED), gosh(MANY, variance=THEIR_V, mask=RAGGED)
    for one, other in zip(whole, parts, strict=True):
        # Sums over chunks of another size round differently.
        np.testing.assert_allclose(other.estimate, one.estimate, rtol=1e-11)
        np.testing.assert_array_equal(other.k, one.k)


def test_wide_meta_analyses_go_by_chunks_of_bounded_size(monkeypatch):
    sizes = []
    original = resampling.random_effects

    def watched(estimate, **options):
        sizes.append(np.size(estimate))
        return original(estimate, **options)

    monkeypatch.setattr(resampling, "random_effects", watched)
    monkeypatch.setattr(resampling, "CHUNK_CELLS", 900)
    leave_one_out(np.resize(Y, (3, 300)), variance=np.resize(V, (3, 300)), model="common")
    assert max(sizes) <= 900
    assert sum(sizes) == 3 * 300 * 300


def test_effects_far_from_zero_leave_the_same_pools():
    far = leave_one_out(MANY + 2.0**20, variance=THEIR_V, mask=RAGGED)
    near = leave_one_out(MANY, variance=THEIR_V, mask=RAGGED)
    # Adding 2^20 rounds each effect at 1e-10.
    np.testing.assert_allclose(far.estimate - 2.0**20, near.estimate, atol=1e-8)
    np.testing.assert_allclose(far.tau2, near.tau2, atol=1e-7)


@pytest.mark.parametrize("seed", ["a", -1, 0.5, None], ids=repr)
def test_a_seed_is_a_whole_number_from_0_on(seed):
    with pytest.raises(InputError, match=r"seed is .*; it must be a whole number of 0 or more"):
        gosh([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0], seed=seed)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_many_trials_are_left_out_as_few_are(monkeypatch, method):
    rng = np.random.default_rng(7)
    v = 10.0 ** rng.uniform(-3, 3, (3, 9))
    y = np.round(rng.normal(size=(3, 9)) * np.sqrt(v + 0.5), 1)
    y[2], v[1, :3] = 0.7, 0.1
    mask = np.ones((3, 9), dtype=bool)
    mask[0, 4] = False
    few = leave_one_out(y, variance=v, tau2=method, mask=mask)
    monkeypatch.setattr(resampling, "MANY", 3)
    many = leave_one_out(y, variance=v, tau2=method, mask=mask)
    assert (many.method, many.interval, many.model) == (method, "knapp-hartung-floored", "random")
    for name in resampling.NUMBERS:
        np.testing.assert_allclose(getattr(many, name), getattr(few, name), rtol=1e-8, atol=1e-12, err_msg=name)
    single = leave_one_out(y[1], variance=v[1], tau2=method)
    for name in resampling.NUMBERS:
        np.testing.assert_allclose(getattr(single, name), getattr(few, name)[1], rtol=1e-8, atol=1e-12, err_msg=name)


def test_an_unknown_estimator_is_refused_for_many_trials_too(monkeypatch):
    monkeypatch.setattr(resampling, "MANY", 3)
    with pytest.raises(UnknownWordError, match="REML"):
        leave_one_out(Y, variance=V, tau2="RML")
