"""The interval of Henmi and Copas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, norm

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats.henmi_copas import _PivotDistribution, _rule, henmi_copas
from bmac_meta.stats.inference import common_effect, random_effects

RANDOM = np.random.default_rng(5)
V = RANDOM.uniform(0.05, 0.6, 9)
Y = RANDOM.normal(0.3, 0.6, 9)


@pytest.mark.parametrize("error", [0.0, 1.3, -2.7])
@pytest.mark.parametrize("tau2", [0.0, 0.4])
def test_the_moments_of_q_given_the_estimate_are_those_of_a_normal_quadratic_form(tau2, error):
    weight = 1 / V
    form = np.diag(weight) - np.outer(weight, weight) / weight.sum()
    covariance = np.diag(V + tau2)
    with_error = covariance @ weight / np.sqrt(weight.sum())
    variance = weight @ covariance @ weight / weight.sum()
    mean, rest = with_error * error / variance, covariance - np.outer(with_error, with_error) / variance
    product = form @ rest
    expected = np.trace(product) + mean @ form @ mean
    spread = 2 * np.trace(product @ product) + 4 * mean @ form @ rest @ form @ mean
    ours = _PivotDistribution.of(weight[None], np.array([tau2]), np.array([9]), _rule(1)).moments(np.array([[error]]))
    np.testing.assert_allclose(np.ravel(ours), [expected, spread], rtol=1e-12)


def test_the_critical_value_solves_the_integral_equation():
    result = henmi_copas(Y, variance=V)
    pivot = _PivotDistribution.of(1 / V[None], np.array([result.tau2]), np.array([9]), _rule(1))
    spread = np.sqrt(1 + result.tau2 * (1 / V**2).sum() / (1 / V).sum())
    place = result.critical / spread
    weight = 1 / V

    def chance(error):
        mean, variance = (float(part[0, 0]) for part in pivot.moments(np.array([[error * spread]])))
        ratio = weight.sum() / ((weight**2).sum() / weight.sum())
        reach = 8 + (ratio - 1) * ((error / place) ** 2 - 1)
        return gamma.cdf(reach, mean**2 / variance, scale=variance / mean) * norm.pdf(error)

    # Adaptive quadrature against 200 fixed nodes.
    assert quad(chance, place, 14, epsabs=1e-13, limit=300)[0] == pytest.approx(0.025, abs=1e-10)


def test_it_is_centred_on_the_common_effect_with_a_standard_error_that_contains_tau2():
    result = henmi_copas(Y, variance=V)
    weight = 1 / V
    tau2 = random_effects(Y, variance=V, tau2="DL").tau2
    assert result.estimate == common_effect(Y, variance=V).estimate
    assert result.tau2 == tau2
    assert result.se == pytest.approx(np.sqrt((weight**2 * (V + tau2)).sum()) / weight.sum(), rel=1e-12)
    assert (result.ci_low + result.ci_high) / 2 == pytest.approx(result.estimate, rel=1e-12)


def test_a_wider_level_has_a_wider_interval():
    widths = [henmi_copas(Y, variance=V, level=level).critical for level in (0.8, 0.95, 0.999)]
    assert widths == sorted(widths)


def test_it_covers_in_simulation_what_it_promises():
    random = np.random.default_rng(99)
    v = np.broadcast_to(np.geomspace(0.02, 0.6, 10), (4_000, 10))
    y = random.normal(0.0, np.sqrt(v + 0.1))
    result = henmi_copas(y, variance=v)
    coverage = np.mean((result.ci_low <= 0) & (result.ci_high >= 0))
    # Monte Carlo error 0.35 points; the paper reports coverage within 2 points of 95 % for such numbers of
    # trials.
    assert 0.925 < coverage < 0.975


def test_a_unit_change_scales_it_and_a_dominant_trial_does_not_break_it():
    result, scaled = henmi_copas(Y, variance=V), henmi_copas(1e8 * Y, variance=1e16 * V)
    assert scaled.critical == pytest.approx(result.critical, rel=1e-10)
    assert scaled.ci_low == pytest.approx(1e8 * result.ci_low, rel=1e-9)
    dominant = henmi_copas(Y, variance=np.array([1e-12, *V[1:]]))
    assert dominant.estimate == pytest.approx(Y[0], abs=1e-9)
    assert np.isfinite([dominant.ci_low, dominant.ci_high]).all()


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 9), dtype=bool)
    mask[1, 6:] = False
    batch = henmi_copas(np.where(mask, Y, np.nan), variance=V, mask=mask)
    alone = henmi_copas(Y[:6], variance=V[:6])
    assert batch.ci_low[1] == pytest.approx(alone.ci_low, rel=1e-10)


def test_two_trials_are_refused():
    with pytest.raises(NotEnoughTrials, match="with 2 trials; needs 3"):
        henmi_copas(Y[:2], variance=V[:2])


@pytest.mark.parametrize("level", [0.95, 0.5, 1e-3])
@pytest.mark.parametrize("k", [13, 400, 2000])
def test_the_critical_value_holds_for_many_trials_and_at_any_level(k, level):
    random = np.random.default_rng(k)
    v = random.uniform(0.01, 0.3, k)
    result = henmi_copas(random.normal(0, np.sqrt(v + 0.1)), variance=v, level=level)
    # Sixteen times as many nodes as are used at most.
    fine = _PivotDistribution.of(1 / v[None], np.array([result.tau2]), np.array([k]), _rule(128))
    place = np.array([result.critical]) / fine.spread
    assert fine.upper_tail(place).item() == pytest.approx(0.5 * (1 - level), rel=1e-10)
