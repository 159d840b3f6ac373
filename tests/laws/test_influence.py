"""Laws of influence diagnostics and of leaving trials out, on random trials."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.influence import baujat, influence, radial
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.resampling import cumulative, gosh, leave_one_out

FIELDS = ("residual", "rstudent", "dffits", "cook", "covariance_ratio", "hat", "tau2_deleted", "q_deleted")
UNIT_FREE = ("rstudent", "dffits", "cook", "covariance_ratio", "hat", "q_deleted")

PATIENT = settings(deadline=None)  # other work on the machine must not fail a law


def as_if_of_many_trials(*arguments, **options):
    """Return the diagnostics by the way that is taken for many trials."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MANY", "MANY_FOR_A_MEAN"):
            patch.setattr(import_module("bmac_meta.stats.influence"), name, 0)
        return influence(*arguments, **options)


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


@st.composite
def regressions(draw, most=12):
    """Draw effects, often tied, variances up to twice the `most` decades apart, often tied, and two columns."""
    k = draw(st.integers(6, 12))
    decades = draw(st.integers(0, most))
    effects = draw(st.lists(st.integers(-20, 20), min_size=k, max_size=k))
    logs = draw(st.lists(st.integers(-decades, decades), min_size=k, max_size=k))
    covariate = draw(st.lists(st.integers(0, 6), min_size=k, max_size=k).filter(lambda row: len(set(row)) > 2))
    return np.array(effects) / 10.0, 10.0 ** np.array(logs), np.column_stack([np.ones(k), covariate])


METHODS = st.sampled_from(["REML", "ML", "DL", "PM", 0.0, 0.5])


def remaining(y, v, x, tau2, i):
    """Return the fit of all rows but one."""
    kept = np.arange(y.size) != i
    return meta_regression(y[kept], variance=v[kept], design=x[kept], tau2=tau2, interval="wald")


@PATIENT
@given(data=regressions(), tau2=METHODS)
def test_left_out_heterogeneity_of_many_trials_is_that_of_the_remaining_rows(data, tau2):
    y, v, x = data
    result = as_if_of_many_trials(y, variance=v, design=x, tau2=tau2)
    for i in np.flatnonzero(np.isfinite(result.residual)):
        rest = remaining(y, v, x, tau2, i)
        np.testing.assert_allclose(result.tau2_deleted[i], rest.tau2, rtol=1e-8, atol=1e-12 * v.min())
        np.testing.assert_allclose(result.q_deleted[i], rest.q_residual, rtol=1e-9, atol=1e-9)


@PATIENT
@given(data=regressions(most=5), tau2=METHODS)
def test_left_out_predictions_of_many_trials_are_those_of_the_remaining_rows(data, tau2):
    y, v, x = data
    result = as_if_of_many_trials(y, variance=v, design=x, tau2=tau2)
    for i in np.flatnonzero(np.isfinite(result.residual)):
        rest = remaining(y, v, x, tau2, i)
        spread = v[i] + rest.tau2 + x[i] @ rest.covariance @ x[i]
        # The variance of a sum has no more digits than these where it is far less than those of its terms.
        wide = np.abs(x[i]) @ np.abs(rest.covariance) @ np.abs(x[i])
        assert abs(result.residual_se[i] ** 2 - spread) <= 1e-8 * spread + 1e-12 * wide
        away = result.residual[i] - (y[i] - x[i] @ rest.coefficients)
        assert abs(away) <= 1e-8 * abs(result.residual[i]) + 1e-7 * np.sqrt(spread + wide)


@PATIENT
@given(data=regressions(most=2), tau2=st.sampled_from(["REML", "HE", 0.0]))
def test_many_trials_and_few_are_diagnosed_alike(data, tau2):
    y, v, x = data
    for design in (x, None):
        few, many = (call(y, variance=v, design=design, tau2=tau2) for call in (influence, as_if_of_many_trials))
        assert (np.isfinite(few.residual) == np.isfinite(many.residual)).all()
        for name in FIELDS:
            one, other = getattr(few, name), getattr(many, name)
            known = np.isfinite(one)
            nothing = 1e-8 + 1e-7 * np.abs(one[known]).max()
            np.testing.assert_allclose(other[known], one[known], rtol=1e-7, atol=nothing, err_msg=name)
