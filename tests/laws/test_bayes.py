"""Laws of the Bayesian answer on random effects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.stats.bayes import bayesian_pool
from bmac_meta.stats.inference import common_effect
from bmac_meta.stats.priors import HalfCauchy, HalfNormal, rhodes_2015, turner_2015

PRIORS = st.sampled_from([HalfNormal(0.5), HalfCauchy(0.5), turner_2015(), rhodes_2015()])
few = settings(max_examples=30, deadline=None)


@st.composite
def trials(draw, smallest=2):
    k = draw(st.integers(smallest, 8))
    estimate = draw(st.lists(st.floats(-5, 5), min_size=k, max_size=k))
    variance = draw(st.lists(st.floats(-4, 2), min_size=k, max_size=k))
    return np.array(estimate), 10.0 ** np.array(variance)


@few
@given(trials(), PRIORS)
def test_intervals_hold_medians_and_prediction_holds_the_mean(data, prior):
    estimate, variance = data
    result = bayesian_pool(estimate, variance=variance, prior=prior)
    assert result.pi_low < result.ci_low < result.median < result.ci_high < result.pi_high
    assert 0 <= result.tau_low < result.tau_median < result.tau_high
    assert 0 <= result.probability_above <= 1


@few
@given(trials(), PRIORS)
def test_turning_the_sign_of_the_effects_turns_the_answer(data, prior):
    estimate, variance = data
    one, other = (bayesian_pool(sign * estimate, variance=variance, prior=prior) for sign in (1, -1))
    assert one.ci_low == pytest.approx(-other.ci_high, rel=1e-9, abs=1e-9)
    assert one.tau_median == pytest.approx(other.tau_median, rel=1e-9)
    assert one.probability_above == pytest.approx(1 - other.probability_above, abs=1e-9)


@few
@given(trials(), st.floats(-1e3, 1e3))
def test_an_offset_moves_only_the_place(data, offset):
    estimate, variance = data
    one, other = (bayesian_pool(estimate + c, variance=variance, threshold=c) for c in (0.0, offset))
    assert other.ci_low - offset == pytest.approx(one.ci_low, abs=1e-8)
    assert other.tau_high == pytest.approx(one.tau_high, rel=1e-6)
    assert other.probability_above == pytest.approx(one.probability_above, abs=1e-7)


@few
@given(trials(), st.integers(0, 99))
def test_the_order_of_trials_changes_nothing(data, seed):
    estimate, variance = data
    order = np.random.default_rng(seed).permutation(len(estimate))
    one, other = (
        bayesian_pool(estimate, variance=variance),
        bayesian_pool(estimate[order], variance=variance[order]),
    )
    for name in ("mean", "sd", "ci_low", "tau_low", "tau_high", "pi_high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-10), name


@few
@given(trials(smallest=1))
def test_a_prior_that_allows_no_heterogeneity_gives_the_common_effect(data):
    estimate, variance = data
    prior = HalfNormal(1e-7 * np.sqrt(variance.min()))
    result = bayesian_pool(estimate, variance=variance, prior=prior)
    expected = common_effect(estimate, variance=variance)
    assert result.ci_low == pytest.approx(expected.ci_low, rel=1e-9, abs=1e-9)
    assert result.ci_high == pytest.approx(expected.ci_high, rel=1e-9, abs=1e-9)


@few
@given(trials(), PRIORS)
def test_a_trial_that_says_nothing_changes_nothing(data, prior):
    estimate, variance = data
    one = bayesian_pool(estimate, variance=variance, prior=prior)
    other = bayesian_pool([*estimate, 3.0], variance=[*variance, 1e14], prior=prior)
    assert other.median == pytest.approx(one.median, abs=1e-5)
    assert other.ci_high == pytest.approx(one.ci_high, abs=1e-4 * one.sd if np.isfinite(one.sd) else 1e-2)


@few
@given(trials(), st.floats(0.5, 0.99))
def test_the_shortest_interval_is_never_longer(data, level):
    estimate, variance = data
    central, short = (
        bayesian_pool(estimate, variance=variance, level=level, interval=kind) for kind in ("equal-tailed", "shortest")
    )
    for name in ("ci", "pi", "tau"):
        lengths = [getattr(r, f"{name}_high") - getattr(r, f"{name}_low") for r in (short, central)]
        assert lengths[0] <= lengths[1] * (1 + 1e-10)


@few
@given(trials())
def test_a_flat_prior_is_the_limit_of_wide_normal_ones(data):
    estimate, variance = data
    flat = bayesian_pool(estimate, variance=variance)
    wide = bayesian_pool(estimate, variance=variance, mu_prior=(0.0, 1e6))
    assert wide.ci_low == pytest.approx(flat.ci_low, abs=1e-8)
    assert wide.tau_high == pytest.approx(flat.tau_high, rel=1e-8)


@few
@given(st.floats(-10, 10), st.integers(2, 6), st.floats(-6, 6))
def test_equal_effects_keep_their_place(effect, k, size):
    result = bayesian_pool([effect] * k, variance=[10.0**size] * k)
    assert result.median == pytest.approx(effect, rel=1e-12, abs=1e-12 * 10 ** (size / 2) + 1e-12)
