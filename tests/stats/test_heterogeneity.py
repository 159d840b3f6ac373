"""Q, I², H² and the intervals of tau2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtrc

from bmac_meta.stats.heterogeneity import heterogeneity, profile_likelihood_interval, q_profile
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.likelihood import log_likelihood
from bmac_meta.stats.projection import MeanProjection

Y = np.array([0.1, 0.9, -0.4, 1.6, 0.3])
V = np.array([0.05, 0.2, 0.1, 0.4, 0.02])


def generalized_q(tau2: float) -> float:
    w = 1.0 / (V + tau2)
    return float((w * (Y - (w * Y).sum() / w.sum()) ** 2).sum())


def test_q_profile_limits_put_the_generalized_q_at_its_quantiles() -> None:
    found = q_profile(Y, variance=V, level=0.9)
    assert chdtrc(4, generalized_q(found.tau2_low)) == pytest.approx(0.05, rel=1e-12)
    assert chdtrc(4, generalized_q(found.tau2_high)) == pytest.approx(0.95, rel=1e-12)


def test_q_profile_is_the_point_zero_where_the_trials_agree_too_well() -> None:
    found = q_profile([1.0, 1.0, 1.0], variance=[1.0, 1.0, 1.0])
    assert (found.tau2_low, found.tau2_high) == (0.0, 0.0)


def test_one_trial_has_no_interval_for_tau2() -> None:
    for found in (q_profile([1.0], variance=[1.0]), profile_likelihood_interval([1.0], variance=[1.0])):
        assert np.isnan(found.tau2_low)
        assert np.isnan(found.tau2_high)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_profile_likelihood_limits_lie_half_a_chi_squared_quantile_below_the_maximum(method: str) -> None:
    v = V / 20.0
    found = profile_likelihood_interval(Y, variance=v, method=method)
    model = MeanProjection.of(Y[:, None], v[:, None], np.array([5.0]))
    best = random_effects(Y, variance=v, tau2=method).tau2
    heights = [
        log_likelihood(model, np.array([tau2]) / model.unit**2, method == "REML")[0]
        for tau2 in (best, found.tau2_low, found.tau2_high)
    ]
    assert found.tau2_low < best < found.tau2_high
    # 3.841458820694124 is the 95% quantile of chi-squared with one degree of freedom.
    assert heights[0] - heights[1] == pytest.approx(3.841458820694124 / 2, rel=1e-11)
    assert heights[0] - heights[2] == pytest.approx(3.841458820694124 / 2, rel=1e-11)


def test_the_outermost_crossings_bound_the_profile_likelihood_of_two_peaks() -> None:
    y, v = np.array([0.0, 0.035, 14.0, -14.0, 0.02]), np.array([1e-4, 1e-4, 20.0, 20.0, 1e-4])
    found = profile_likelihood_interval(y, variance=v, level=0.9995)
    assert found.tau2_low == 0.0
    assert found.tau2_high > 100.0


def test_i2_and_its_limits_follow_tau2_by_the_typical_variance() -> None:
    found = heterogeneity(Y, variance=V)
    w = 1.0 / V
    typical = 4.0 * w.sum() / (w.sum() ** 2 - (w**2).sum())
    for end in ("", "_low", "_high"):
        tau2 = getattr(found, f"tau2{end}")
        assert getattr(found, f"i2{end}") == pytest.approx(100 * tau2 / (tau2 + typical), rel=1e-12)
        assert getattr(found, f"h2{end}") == pytest.approx(1 + tau2 / typical, rel=1e-12)
    assert found.i2_q == pytest.approx(100 * (found.q - 4) / found.q, rel=1e-13)
    assert found.h2_q == pytest.approx(found.q / 4, rel=1e-13)


def test_heterogeneity_agrees_with_the_pooled_record() -> None:
    here, there = heterogeneity(Y, variance=V, tau2="PM"), random_effects(Y, variance=V, tau2="PM")
    for name in ("q", "q_df", "q_p", "tau2", "i2", "h2", "i2_q", "h2_q"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), rel=1e-13), name


def test_intervals_of_a_batch_are_those_of_its_meta_analyses() -> None:
    rng = np.random.default_rng(5)
    y, v = rng.normal(size=(40, 7)), rng.uniform(0.05, 1.0, (40, 7))
    mask = rng.random((40, 7)) < 0.7
    mask[:, 0] = True
    for function in (q_profile, profile_likelihood_interval):
        whole = function(y, variance=v, mask=mask)
        for row in range(40):
            one = function(y[row, mask[row]], variance=v[row, mask[row]])
            # The order of summation differs between layouts: a few units in the last place.
            for name in ("tau2_low", "tau2_high"):
                found = getattr(whole, name)[row]
                assert found == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12, nan_ok=True)


def test_residual_heterogeneity_takes_a_design() -> None:
    design = np.column_stack([np.ones(5), [0.0, 1.0, 0.0, 1.0, 0.0]])
    found = heterogeneity(Y, variance=V, design=design)
    apart = [heterogeneity(Y[g], variance=V[g]).q for g in ([0, 2, 4], [1, 3])]
    assert found.q_df == 3
    assert found.q == pytest.approx(sum(apart), rel=1e-12)
