"""τ² of a network: exact roots by high precision, global maxima by dense grids, intervals, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.network import NetworkData, fit_network, network_from_contrasts
from bmac_meta.stats.network.heterogeneity import check_tau2, variant_tau2
from bmac_meta.stats.network.rows import independent_rows

LIKELIHOODS = ["REML", "ML"]
CASES = ["senn2013_REML", "smokingcessation_OR_REML", "dogliotti2014_OR_REML", "pagliaro1992_OR_REML"]


def exact_score(model: Any, tau2: float, restricted: bool) -> mpf:
    """Return twice the slope of the log-likelihood in τ², yᵀPSPy − tr(P S) (or tr(W S)), in 40 digits."""
    y, x, shape = (mp.matrix(part.tolist()) for part in (model.y, model.x, model.s))
    weight = mp.inverse(mp.matrix(model.v.tolist()) + mpf(tau2) * shape)
    towards = weight * x
    projection = weight - towards * mp.inverse(x.T * towards) * towards.T
    pull = projection * y
    drag = projection if restricted else weight
    trace = mp.fsum(drag[i, j] * shape[j, i] for i in range(drag.rows) for j in range(drag.rows) if shape[j, i])
    return (pull.T * shape * pull)[0] - trace


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", LIKELIHOODS)
def test_the_likelihood_is_flat_at_tau2_to_nine_digits(name: str, method: str, load_case: Any, write_out: Any) -> None:
    _, data = load_case(name)
    model, tau2 = write_out(data), fit_network(data, method).tau2
    with mp.workdps(40):
        if tau2 == 0.0:
            assert exact_score(model, 0.0, method == "REML") <= 0
        else:
            assert exact_score(model, tau2 * (1.0 - 1e-9), method == "REML") > 0
            assert exact_score(model, tau2 * (1.0 + 1e-9), method == "REML") < 0


@pytest.mark.parametrize("method", LIKELIHOODS)
@pytest.mark.parametrize("seed", range(6))
def test_no_point_of_a_dense_grid_has_a_higher_likelihood(method: str, seed: int, draw: Any, write_out: Any) -> None:
    data = draw(seed, tau=0.4)
    model, tau2 = write_out(data), fit_network(data, method).tau2
    best = model.log_likelihood(tau2, method == "REML")
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 400)])
    others = [model.log_likelihood(value, method == "REML") for value in grid]
    # Rounding of the likelihood itself; its values here are of order 10.
    assert best >= max(others) - 1e-10


@pytest.mark.parametrize("seed", range(4))
def test_the_moment_estimator_solves_its_equation(seed: int, draw: Any, write_out: Any) -> None:
    data = draw(seed, tau=0.6)
    model = write_out(data)
    weight, cov = model.normal(0.0)
    projection = weight - weight @ model.x @ cov @ model.x.T @ weight
    df = model.y.size - model.x.shape[1]
    expected = max(0.0, (model.q(0.0) - df) / np.trace(projection @ model.s))
    assert fit_network(data, "DL").tau2 == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_paule_mandel_makes_q_equal_its_degrees_of_freedom(seed: int, draw: Any, write_out: Any) -> None:
    data = draw(seed, tau=0.8)
    model, tau2 = write_out(data), fit_network(data, "PM").tau2
    assert tau2 > 0.0
    assert model.q(tau2) == pytest.approx(model.y.size - model.x.shape[1], rel=1e-9)


def test_q_at_the_interval_limits_stands_at_the_quantiles_of_chi_squared(senn: NetworkData, write_out: Any) -> None:
    low, high = fit_network(senn).tau2_ci
    # Quantiles of χ² with 18 degrees of freedom at 0.975 and 0.025, from a printed table.
    assert write_out(senn).q(low) == pytest.approx(31.526, abs=5e-4)
    assert write_out(senn).q(high) == pytest.approx(8.231, abs=5e-4)


def test_tau2_of_variances_that_differ_by_many_powers_of_ten_is_still_exact(write_out: Any) -> None:
    data = network_from_contrasts(
        [1.0, 1.6, 0.4, 0.1, 2.3, 1.7],
        variance=[1e-9, 0.04, 1e-4, 5.0, 0.2, 1e4],
        trial=list("uvwxyz"),
        treatment_a="AABBAC",
        treatment_b="BBCCCA",
    )
    tau2 = fit_network(data).tau2
    with mp.workdps(40):
        assert exact_score(write_out(data), tau2 * (1.0 - 1e-9), True) > 0
        assert exact_score(write_out(data), tau2 * (1.0 + 1e-9), True) < 0


def test_a_network_without_degrees_of_freedom_has_no_tau2() -> None:
    pairs = {"trial": ["one", "two"], "treatment_a": "AB", "treatment_b": "BC"}
    fit = fit_network(network_from_contrasts([0.5, 0.2], variance=[0.1, 0.2], **pairs))
    assert np.isnan(fit.tau2)
    assert np.isnan(fit.tau2_ci).all()
    assert np.isnan(fit.i2)
    assert fit.working_tau2 == 0.0
    np.testing.assert_allclose(fit.se[0, 2], np.sqrt(0.3), rtol=1e-14)


def test_tau2_of_variants_is_that_of_the_networks_on_their_own(draw: Any) -> None:
    data = draw(3, trials=10)
    rows = independent_rows(data)
    keep = np.array([rows.trial != 9, rows.trial >= 0])
    together = variant_tau2(rows, keep, "REML")
    assert together[1] == pytest.approx(fit_network(data).tau2, rel=1e-10)


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf, None, True])
def test_a_tau2_that_is_no_variance_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="variance of 0 or more"):
        check_tau2(wrong)


def test_an_unknown_method_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownWordError, match="did you mean 'REML'"):
        check_tau2("RELM")
