"""Generalized least squares against dense linear algebra at high precision and against the kernel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import DesignError, InputError, UnknownWordError
from bmac_meta.stats.dependence import autoregressive, compound_symmetry, correlated_covariance
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.inference import random_effects

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"
CASES = ("bcg_OR", "curtis1998_ROM", "li2007_RD", "nissen2007_OR", "normand1999_SMD", "molloy2014_ZCOR")
INTERVALS = ("wald", "t", "knapp-hartung", "knapp-hartung-floored")


def case(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    used = np.array(data["included"], dtype=bool)
    return np.array(data["yi"], float)[used], np.array(data["vi"], float)[used]


def dependent(seed: int = 3, trials: int = 4) -> dict[str, np.ndarray]:
    """Make three visits in each of some trials, correlated over time, with a covariate of the trial."""
    rng = np.random.default_rng(seed)
    cluster, time = np.repeat(np.arange(trials), 3), np.tile([3.0, 6.0, 12.0], trials)
    variance = np.repeat(rng.uniform(0.01, 0.1, trials), 3) * rng.uniform(0.8, 1.2, 3 * trials)
    covariance = correlated_covariance(autoregressive(cluster, time, 0.9), variance=variance)
    between = compound_symmetry(cluster, 0.7)
    estimate = rng.multivariate_normal(np.full(3 * trials, 0.3), covariance + 0.1 * between)
    design = np.column_stack([np.ones(3 * trials), time])
    return {"estimate": estimate, "covariance": covariance, "between": between, "design": design}


def oracle(data: dict[str, np.ndarray], tau2: mpf, restricted: bool) -> tuple[mpf, mp.matrix, mp.matrix, mpf]:
    """Return log-likelihood, coefficients, their covariance and the misfit from dense matrices."""
    y, x = mp.matrix(data["estimate"].tolist()), mp.matrix(data["design"].tolist())
    total = mp.matrix(data["covariance"].tolist()) + tau2 * mp.matrix(data["between"].tolist())
    inverse = total**-1
    precision = x.T * inverse * x
    spread = precision**-1
    beta = spread * (x.T * inverse * y)
    rest = y - x * beta
    misfit = (rest.T * inverse * rest)[0]
    value = mp.log(mp.det(total)) + misfit
    degrees = len(y) - restricted * x.cols
    if restricted:
        value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
    return -(degrees * mp.log(2 * mp.pi) + value) / 2, beta, spread, misfit


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_tau2_is_where_the_exact_likelihood_is_flat_and_highest(method, seed):
    data = dependent(seed)
    result = generalized_least_squares(**data, tau2=method, interval="wald")
    with mp.workdps(25):
        likelihood = lambda tau2: oracle(data, mpf(tau2), method == "REML")[0]  # noqa: E731
        best = likelihood(result.tau2)
        slope, curve = mp.diff(likelihood, mpf(result.tau2)), mp.diff(likelihood, mpf(result.tau2), 2)
        newton = float(abs(slope / curve))
        others = [likelihood(x) for x in np.geomspace(1e-6, 10, 30)] + [likelihood(0)]
    if result.tau2 > 0:
        assert newton < 1e-11 * (result.tau2 + 0.01)
    assert max(others) <= best
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML", 0.05, 0])
def test_coefficients_and_q_are_those_of_dense_algebra(method):
    data = dependent()
    result = generalized_least_squares(**data, tau2=method, interval="wald")
    with mp.workdps(25):
        _, beta, spread, _ = oracle(data, mpf(result.tau2), True)
        q = oracle(data, mpf(0), True)[3]
        expected = [[float(spread[i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(result.estimate, [float(b) for b in beta], rtol=1e-11)
    np.testing.assert_allclose(result.coefficient_covariance, expected, rtol=1e-11)
    assert result.q == pytest.approx(float(q), rel=1e-11)
    assert result.q_df == 10


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("name", CASES)
def test_independent_effects_give_the_kernels_answer(name, method, interval):
    estimate, variance = case(name)
    result = generalized_least_squares(estimate, covariance=np.diag(variance), tau2=method, interval=interval)
    expected = random_effects(estimate, variance=variance, tau2=method, interval=interval)
    for field in ("estimate", "se", "statistic", "df", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "q"):
        # curtis1998 spreads its variances over five decades, which the rotation feels.
        assert getattr(result, field) == pytest.approx(getattr(expected, field), rel=1e-11, abs=1e-13), field
    assert result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-11)
    # A p below 1e-16 rests on the last digits of the statistic.
    assert result.p_value == pytest.approx(expected.p_value, rel=1e-9)


def test_a_common_effect_takes_tau2_as_zero_and_predicts_nothing():
    data = dependent()
    result = generalized_least_squares(data["estimate"], covariance=data["covariance"], tau2=0)
    assert (result.tau2, result.method) == (0.0, "common effect")
    assert np.isnan([result.pi_low, result.pi_high]).all()


def test_a_given_tau2_is_kept():
    data = dependent()
    result = generalized_least_squares(data["estimate"], covariance=data["covariance"], tau2=0.2)
    assert (result.tau2, result.method) == (0.2, "given")


def test_two_copies_of_one_effect_count_as_one():
    cluster, nearly = ["a", "a", "b", "c"], 1 - 1e-10
    covariance = correlated_covariance(compound_symmetry(cluster, nearly), variance=[0.04, 0.04, 0.02, 0.03])
    shared = {"tau2": 0.05, "interval": "wald"}
    twice = generalized_least_squares(
        [0.2, 0.2, 0.5, -0.1], covariance=covariance, between=compound_symmetry(cluster, nearly), **shared
    )
    once = random_effects([0.2, 0.5, -0.1], variance=[0.04, 0.02, 0.03], **shared)
    assert twice.estimate == pytest.approx(once.estimate, rel=1e-6)
    assert twice.se == pytest.approx(once.se, rel=1e-6)


def test_without_residual_freedom_one_effect_is_itself():
    with pytest.raises(DesignError, match="tau2 cannot be told"):
        generalized_least_squares([0.3], covariance=[[0.04]])
    alone = generalized_least_squares([0.3], covariance=[[0.04]], tau2=0, interval="wald")
    assert (alone.estimate, alone.se) == (0.3, pytest.approx(0.2, rel=1e-15))


def test_effects_that_all_move_together_leave_no_tau2():
    with pytest.raises(DesignError, match="ties all effects together"):
        generalized_least_squares([0.1, 0.4], covariance=np.diag([0.1, 0.2]), between=np.ones((2, 2)))


def test_one_huge_variance_changes_nothing():
    estimate, variance = case("normand1999_SMD")
    alone = generalized_least_squares(estimate, covariance=np.diag(variance), interval="wald")
    more = generalized_least_squares([*estimate, 5.0], covariance=np.diag([*variance, 1e12]), interval="wald")
    assert more.estimate == pytest.approx(alone.estimate, rel=1e-9)
    assert more.tau2 == pytest.approx(alone.tau2, rel=1e-9)


def test_variances_over_twenty_four_decades_keep_their_digits():
    estimate, variance = np.random.default_rng(0).normal(size=12), 10.0 ** np.arange(-12, 12, 2)
    result = generalized_least_squares(estimate, covariance=np.diag(variance))
    expected = random_effects(estimate, variance=variance)
    for field in ("estimate", "se", "tau2", "ci_low", "q", "log_likelihood"):
        assert getattr(result, field) == pytest.approx(getattr(expected, field), rel=1e-11), field


@pytest.mark.parametrize(
    ("covariance", "fault"),
    [
        ([[0.1, 0.2], [0.2, 0.1]], "not positive definite"),
        ([[0.1, 0.1], [0.1, 0.1]], "not positive definite"),
        ([[0.1, 0.05], [0.01, 0.1]], "symmetric"),
        ([[0.1, np.nan], [np.nan, 0.1]], "finite"),
        ([[-0.1, 0.0], [0.0, 0.1]], "not positive definite"),
        ([0.1, 0.1], r"must be \(k, k\)"),
    ],
)
def test_a_matrix_that_is_no_covariance_is_refused(covariance, fault):
    with pytest.raises(InputError, match=fault):
        generalized_least_squares([0.1, 0.2], covariance=covariance)


@pytest.mark.parametrize("between", [np.eye(3), 2 * np.eye(2), [[1, 2], [2, 1]]])
def test_a_between_that_is_no_correlation_matrix_is_refused(between):
    with pytest.raises(InputError, match="correlation matrix"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), between=between)


@pytest.mark.parametrize("tau2", [-0.1, np.nan, np.inf])
def test_an_impossible_tau2_is_refused(tau2):
    with pytest.raises(InputError, match="tau2"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), tau2=tau2)


def test_an_estimator_it_does_not_have_is_refused():
    with pytest.raises(UnknownWordError, match="REML, ML"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), tau2="DL")


def test_a_collinear_design_is_refused():
    with pytest.raises(DesignError, match="collinear"):
        generalized_least_squares([0.1, 0.2, 0.3, 0.4], covariance=np.eye(4), design=np.ones((4, 2)))
