"""The likelihood of selection by significance."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.integrate import quad
from scipy.stats import norm

from bmac_meta.stats import step_likelihood
from bmac_meta.stats.step_likelihood import StepLikelihood, interval_chances, maximize_steps

RANDOM = np.random.default_rng(2)
V = RANDOM.uniform(0.02, 0.4, 12)
Y = RANDOM.normal(0.35, 0.5, 12)
STEPS = np.array([0.025, 0.5])
MODEL = StepLikelihood.of(Y, V, STEPS)
PLACE = np.array([0.2, 0.1, 0.0, -0.4, -1.1])


def density(y, v, place):
    """Return the density of one observed effect, normalized by numerical integration."""
    spread = np.sqrt(v + place[1])

    def selected(x):
        interval = np.searchsorted(STEPS, norm.sf(x / np.sqrt(v)))
        return np.exp(place[2 + interval]) * norm.pdf(x, place[0], spread)

    edges = [norm.isf(step) * np.sqrt(v) for step in STEPS]
    return selected(y) / quad(selected, -15, 15, points=edges, limit=200, epsabs=1e-13)[0]


def test_the_value_is_the_sum_of_log_densities():
    expected = sum(np.log(density(y, v, PLACE)) for y, v in zip(Y, V, strict=True))
    assert MODEL.value(PLACE) == pytest.approx(expected, abs=1e-9)


def test_equal_weights_leave_the_likelihood_of_the_random_effects_model():
    expected = norm.logpdf(Y, 0.2, np.sqrt(V + 0.1)).sum()
    assert MODEL.value(np.array([0.2, 0.1, 0, 0, 0])) == pytest.approx(expected, rel=1e-14)


def test_many_places_are_valued_at_once():
    places = PLACE + 0.1 * RANDOM.normal(size=(5, 5)) * [1, 0.5, 0, 1, 1]
    np.testing.assert_allclose(MODEL.value(places), [MODEL.value(place) for place in places], rtol=1e-13)


def test_gradient_and_hessian_are_the_derivatives():
    gradient, hessian = MODEL.derivatives(PLACE)
    for i, shift in enumerate(1e-5 * np.eye(5)):
        rise = MODEL.value(PLACE + shift) - MODEL.value(PLACE - shift)
        turn = MODEL.derivatives(PLACE + shift)[0] - MODEL.derivatives(PLACE - shift)[0]
        # Central differences of step 1e-5: truncation 1e-10, rounding 1e-9.
        assert gradient[i] == pytest.approx(rise / 2e-5, abs=1e-7)
        np.testing.assert_allclose(hessian[i], turn / 2e-5, atol=1e-7)


def test_chances_of_far_tails_keep_their_digits():
    with mp.workdps(40):
        expected = [mp.ncdf(-mpf(9)), mp.ncdf(-mpf(8)) - mp.ncdf(-mpf(9))]
        chance = interval_chances(np.array([9.0, 8.0]))
        np.testing.assert_allclose(chance[:2], np.array(expected, dtype=float), rtol=1e-13)
    np.testing.assert_allclose(interval_chances(np.array([-8.0, -9.0]))[1:], chance[1::-1], rtol=1e-13)


def test_the_maximum_has_no_slope_left():
    free = np.array([True, True, False, True, True])
    scattered = StepLikelihood.of(2.5 * Y, V, STEPS)
    place = maximize_steps(scattered, 0.2, np.zeros(3), free)
    gradient, hessian = scattered.derivatives(place)
    assert place[1] > 0
    step = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
    assert np.abs(step).max() < 1e-9


def test_a_narrow_peak_at_no_heterogeneity_is_found():
    # Variances over four orders of magnitude: the peak at τ² = 0 is far narrower than the spread of effects.
    v = np.array([1e-4, *np.linspace(0.5, 3.0, 11)])
    y = np.array([0.02, *(0.02 + np.sqrt(v[1:]) * np.resize([2.1, 0.3, -0.4], 11))])
    model = StepLikelihood.of(y, v, np.array([0.025]))
    place = maximize_steps(model, float(np.var(y)), np.zeros(2), np.array([True, True, False, True]))
    means = np.linspace(-0.05, 0.1, 4001)
    logs = np.linspace(-4, 2, 61)
    grid = np.stack(np.broadcast_arrays(means[:, None], 0.0, 0.0, logs), axis=-1)
    assert model.value(place) >= model.value(grid).max()


def test_fixed_parameters_stay_where_they_are():
    logs = np.log([1.0, 0.5, 0.2])
    place = maximize_steps(MODEL, 0.2, logs, np.array([True, True, False, False, False]))
    np.testing.assert_array_equal(place[2:], logs)


def test_good_weights_lie_higher_and_bring_the_expected_counts_near_the_observed_ones():
    places = np.column_stack([np.linspace(-0.5, 0.7, 6), np.linspace(0.01, 0.5, 6), np.zeros((6, 3))])
    logs = step_likelihood._good_weights(MODEL, places)
    np.testing.assert_array_equal(logs[:, 0], 0.0)
    better = np.column_stack([places[:, :2], logs])
    assert (MODEL.value(better) >= MODEL.value(places)).all()
    for place in better:
        spread = np.sqrt(V + place[1])
        edges = np.column_stack([np.full(12, np.inf), MODEL.limits, np.full(12, -np.inf)])
        chance = -np.diff(norm.cdf((edges - place[0]) / spread[:, None]), axis=1) * np.exp(place[2:])
        expected = (chance / chance.sum(axis=1, keepdims=True)).sum(axis=0)
        np.testing.assert_allclose(expected, MODEL.counts, atol=0.5)


def test_the_lattice_may_be_looked_at_in_parts(monkeypatch):
    free = np.array([True, True, False, True, True])
    whole = step_likelihood._starts(MODEL, 0.2, np.zeros(3), free)
    monkeypatch.setattr(step_likelihood, "CHUNK_CELLS", 500)
    np.testing.assert_allclose(step_likelihood._starts(MODEL, 0.2, np.zeros(3), free), whole, rtol=1e-12)
