"""The fitted network: estimates, intervals, references, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import DisconnectedNetwork, InputError, UnknownWordError
from bmac_meta.stats.network import NetworkData, effects_against, fit_network, network_from_contrasts
from bmac_meta.stats.network.fit import chi_squared, inconsistency_share


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tau2", [0.0, 0.07, 3.0])
def test_estimates_equal_generalized_least_squares_with_full_matrices(
    seed: int, tau2: float, draw: Any, write_out: Any
) -> None:
    data = draw(seed, trials=15, treatments=6, largest=6)
    fit = fit_network(data, tau2)
    estimate, se = write_out(data).league(tau2)
    np.testing.assert_allclose(fit.estimate, estimate, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(fit.se, se, rtol=1e-11)


def test_normal_intervals_use_the_normal_quantile(senn: NetworkData) -> None:
    fit = fit_network(senn, level=0.95)
    off = ~np.eye(10, dtype=bool)
    ratio = (fit.ci_high - fit.estimate)[off] / fit.se[off]
    # The 97.5% normal quantile from a printed table.
    np.testing.assert_allclose(ratio, 1.959963984540054, rtol=1e-12)
    assert fit.df == np.inf


def test_t_intervals_use_the_residual_degrees_of_freedom(senn: NetworkData) -> None:
    fit = fit_network(senn, distribution="t")
    off = ~np.eye(10, dtype=bool)
    ratio = (fit.ci_high - fit.estimate)[off] / fit.se[off]
    # t with 18 degrees of freedom at 97.5%, from a printed table.
    np.testing.assert_allclose(ratio, 2.10092204, rtol=1e-8)
    assert fit.df == 18


def test_the_prediction_interval_contains_the_confidence_interval(senn: NetworkData) -> None:
    for distribution in ("z", "t"):
        fit = fit_network(senn, distribution=distribution)
        assert (fit.pi_low <= fit.ci_low).all()
        assert (fit.pi_high >= fit.ci_high).all()


def test_the_common_effect_model_has_no_prediction_interval(senn: NetworkData) -> None:
    fit = fit_network(senn, model="common")
    assert np.isnan(fit.pi_low).all()
    assert fit.tau2 == 0.0
    assert fit.tau2_method == "none"


def test_a_prediction_interval_needs_two_degrees_of_freedom() -> None:
    two = network_from_contrasts([0.1, 0.5], variance=[1, 1], trial=[1, 2], treatment_a="AA", treatment_b="BB")
    three = network_from_contrasts([0, 1, 2], variance=[1] * 3, trial=[1, 2, 3], treatment_a="AAA", treatment_b="BBB")
    assert np.isnan(fit_network(two).pi_low[0, 1])
    assert np.isfinite(fit_network(three).pi_low[0, 1])


def test_effects_against_a_reference_are_a_column_of_the_league_with_their_covariance(
    senn: NetworkData,
) -> None:
    fit = fit_network(senn)
    against = effects_against(fit, "plac")
    column = senn.treatments.index("plac")
    np.testing.assert_array_equal(against.estimate, fit.estimate[:, column])
    np.testing.assert_allclose(np.sqrt(np.diag(against.covariance)), fit.se[:, column], rtol=1e-12)
    difference = against.covariance[0, 0] + against.covariance[1, 1] - 2 * against.covariance[0, 1]
    assert np.sqrt(difference) == pytest.approx(fit.se[0, 1], rel=1e-12)


def test_an_unknown_reference_is_refused_with_the_treatments(senn: NetworkData) -> None:
    with pytest.raises(UnknownWordError, match=r"'placebo'; did you mean 'plac'\? Known: acar, benf"):
        effects_against(fit_network(senn), "placebo")


def test_a_disconnected_network_is_refused_with_its_components() -> None:
    pairs = {"trial": [1, 2, 3], "treatment_a": ["A", "B", "X"], "treatment_b": ["B", "C", "Y"]}
    data = network_from_contrasts([1, 2, 3], variance=[1, 1, 1], **pairs)
    with pytest.raises(DisconnectedNetwork, match=r"2 parts .*\(1\) A, B, C; \(2\) X, Y\. .*subnetwork"):
        fit_network(data)


def test_a_common_effect_with_a_given_tau2_is_refused(senn: NetworkData) -> None:
    with pytest.raises(InputError, match="leave one"):
        fit_network(senn, 0.2, model="common")


def test_unknown_words_are_refused(senn: NetworkData) -> None:
    with pytest.raises(UnknownWordError, match="fixed"):
        fit_network(senn, model="fixed")
    with pytest.raises(UnknownWordError, match="normal"):
        fit_network(senn, distribution="normal")
    with pytest.raises(InputError, match="level"):
        fit_network(senn, level=95)


def test_a_treatment_against_itself_has_no_difference(senn: NetworkData) -> None:
    fit = fit_network(senn)
    for matrix, value in ((fit.estimate, 0.0), (fit.se, 0.0), (fit.p_value, 1.0), (fit.pi_high, 0.0)):
        np.testing.assert_array_equal(np.diag(matrix), value)


def test_the_inconsistency_share_is_in_percent_and_not_below_zero() -> None:
    assert inconsistency_share(chi_squared(20.0, 5)) == 75.0
    assert inconsistency_share(chi_squared(3.0, 5)) == 0.0
    assert inconsistency_share(chi_squared(0.0, 5)) == 0.0
    assert np.isnan(inconsistency_share(chi_squared(0.0, 0)))
