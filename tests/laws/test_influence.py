"""Laws of influence diagnostics and of leaving trials out, on random trials."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.influence import baujat, influence, radial
from bmac_meta.stats.resampling import cumulative, gosh, leave_one_out

FIELDS = ("residual", "rstudent", "dffits", "cook", "covariance_ratio", "hat", "tau2_deleted", "q_deleted")
UNIT_FREE = ("rstudent", "dffits", "cook", "covariance_ratio", "hat", "q_deleted")

PATIENT = settings(deadline=None)  # other work on the machine must not fail a law


@st.composite
def trials(draw, smallest=3, largest=9, decades=2):
    k = draw(st.integers(smallest, largest))
    effects = draw(st.lists(st.integers(-1000, 1000), min_size=k, max_size=k))
    logs = draw(st.lists(st.floats(-decades, decades), min_size=k, max_size=k))
    return np.array(effects) / 100.0, 10.0 ** np.array(logs)


def same(left, right, tolerance=1e-6):
    """Agree relative to the largest number: REML roots are good to 1e-9, differences of them to less."""
    np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance * (np.abs(right).max() + 1e-9))


@PATIENT
@given(data=trials(), seed=st.integers(0, 99))
def test_the_order_of_trials_orders_the_diagnostics(data, seed):
    y, v = data
    order = np.random.default_rng(seed).permutation(y.size)
    result, shuffled = influence(y, variance=v), influence(y[order], variance=v[order])
    for name in FIELDS:
        same(getattr(shuffled, name), getattr(result, name)[order])


@PATIENT
@given(data=trials(), power=st.integers(-8, 8))
def test_a_change_of_unit_changes_no_ratio(data, power):
    y, v = data
    unit = 10.0**power
    result, scaled = influence(y, variance=v), influence(unit * y, variance=unit**2 * v)
    for name in UNIT_FREE:
        same(getattr(scaled, name), getattr(result, name))
    same(scaled.residual / unit, result.residual)


@PATIENT
@given(data=trials())
def test_an_offset_of_a_million_changes_nothing(data):
    y, v = data
    y = np.round(y * 64) / 64  # so that the offset itself rounds nothing
    result, moved = influence(y, variance=v), influence(y + 2.0**20, variance=v)
    for name in FIELDS:
        same(getattr(moved, name), getattr(result, name))


@PATIENT
@given(data=trials())
def test_swapping_the_arms_turns_residuals_and_keeps_distances(data):
    y, v = data
    result, turned = influence(y, variance=v), influence(-y, variance=v)
    same(turned.rstudent, -result.rstudent)
    same(turned.dffits, -result.dffits)
    same(turned.cook, result.cook)


@PATIENT
@given(data=trials(decades=10))
def test_leverages_add_up_to_one_and_distances_are_not_negative(data):
    y, v = data
    result = influence(y, variance=v)
    np.testing.assert_allclose(result.hat.sum(), 1.0, rtol=1e-12)
    assert (result.cook >= 0).all()
    assert (result.tau2_deleted >= 0).all()
    for name in FIELDS:
        assert np.isfinite(getattr(result, name)).all()


@PATIENT
@given(value=st.floats(-1e6, 1e6), k=st.integers(3, 12), variance=st.floats(1e-6, 1e6))
def test_identical_trials_have_no_influence(value, k, variance):
    result = influence(np.full(k, value), variance=np.full(k, variance))
    assert (result.rstudent == 0).all()
    assert (result.cook == 0).all()
    np.testing.assert_allclose(result.covariance_ratio, k / (k - 1), rtol=1e-12)


@PATIENT
@given(data=trials())
def test_under_a_common_effect_a_deletion_moves_the_pool_by_its_leverage(data):
    y, v = data
    result = influence(y, variance=v, tau2=0.0)
    pool = random_effects(y, variance=v, model="common")
    without = leave_one_out(y, variance=v, model="common").estimate
    share = result.hat / (1.0 - result.hat)
    same(pool.estimate - without, share * (y - pool.estimate), 1e-8)


@PATIENT
@given(data=trials())
def test_the_deleted_fits_are_those_of_leave_one_out(data):
    y, v = data
    result, without = influence(y, variance=v), leave_one_out(y, variance=v)
    same(result.tau2_deleted, without.tau2)
    same(result.q_deleted, without.q)
    same(result.residual, y - without.estimate)


@PATIENT
@given(data=trials())
def test_the_parts_of_heterogeneity_add_up_to_q(data):
    y, v = data
    q = random_effects(y, variance=v).q
    np.testing.assert_allclose(baujat(y, variance=v).heterogeneity.sum(), q, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((radial(y, variance=v, model="common").distance ** 2).sum(), q, rtol=1e-9, atol=1e-9)


@PATIENT
@given(data=trials(smallest=1))
def test_the_last_cumulative_pool_is_the_whole_one_in_any_order(data):
    y, v = data
    whole = random_effects(y, variance=v)
    for by in (v, -v, y):
        last = cumulative(y, variance=v, by=by).pooled
        same(last.estimate[-1], whole.estimate)
        same(last.se[-1], whole.se)


@settings(max_examples=30, deadline=None)
@given(data=trials(smallest=2, largest=6))
def test_leaving_one_out_is_among_all_subsets(data):
    y, v = data
    every, without = gosh(y, variance=v), leave_one_out(y, variance=v)
    for i in range(y.size):
        row = (every.members == (np.arange(y.size) != i)).all(axis=1)
        same(every.estimate[row][0], without.estimate[i])


@PATIENT
@given(data=trials(smallest=4), extra=st.floats(-10, 10))
def test_a_trial_without_weight_has_no_influence(data, extra):
    y, v = data
    assume(np.ptp(y) > 0)
    result = influence(np.r_[y, extra], variance=np.r_[v, 1e12])
    assert abs(result.dffits[-1]) < 1e-4
    assert result.hat[-1] < 1e-8
    same(result.rstudent[:-1], influence(y, variance=v).rstudent, 1e-4)
