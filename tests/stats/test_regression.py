"""Meta-regression."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import chi2, f, t

from bmac_meta.errors import DesignError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression, predict

RNG = np.random.default_rng(21)
K = 14
X = np.column_stack([np.ones(K), RNG.normal(size=K), RNG.uniform(1950, 2020, K).round()])
V = RNG.uniform(0.02, 0.5, K)
Y = X @ [0.3, 0.5, 0.001] + RNG.normal(size=K) * np.sqrt(V + 0.1)


def normal_equations(tau2: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return coefficients, Wald covariance and Q by the normal equations of the centred design."""
    w = 1.0 / (V + tau2)
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-X[:, 2].mean(), 0.0, 1.0]]).T
    centred = X @ shift
    covariance = np.linalg.inv(centred.T @ (w[:, None] * centred))
    beta = covariance @ centred.T @ (w * Y)
    return shift @ beta, shift @ covariance @ shift.T, float((w * (Y - centred @ beta) ** 2).sum())


def test_coefficients_and_covariance_are_those_of_generalized_least_squares() -> None:
    found = meta_regression(Y, variance=V, design=X, interval="wald")
    beta, covariance, _ = normal_equations(found.tau2)
    assert found.coefficients == pytest.approx(beta, rel=1e-9)
    assert found.covariance == pytest.approx(covariance, rel=1e-9)
    assert found.se == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-9)


def test_knapp_hartung_scales_by_the_residual_and_never_below_one_when_floored() -> None:
    plain = meta_regression(Y, variance=V, design=X, interval="knapp-hartung")
    wald = meta_regression(Y, variance=V, design=X, interval="wald")
    floored = meta_regression(Y, variance=V, design=X)
    factor = normal_equations(plain.tau2)[2] / (K - 3)
    assert plain.covariance == pytest.approx(wald.covariance * factor, rel=1e-9)
    assert floored.covariance == pytest.approx(wald.covariance * max(1.0, factor), rel=1e-9)
    assert plain.ci_high - plain.coefficients == pytest.approx(t.ppf(0.975, K - 3) * plain.se, rel=1e-10)


def test_the_omnibus_test_is_f_for_t_based_intervals_and_chi_squared_for_wald() -> None:
    for interval, tail in (("knapp-hartung", "f"), ("t", "f"), ("wald", "chi2")):
        found = meta_regression(Y, variance=V, design=X, interval=interval)
        effect, covariance = found.coefficients[1:], found.covariance[1:, 1:]
        statistic = effect @ np.linalg.solve(covariance, effect) / 2
        p_value = f.sf(statistic, 2, K - 3) if tail == "f" else chi2.sf(2 * statistic, 2)
        assert found.omnibus == pytest.approx(statistic, rel=1e-8)
        assert found.omnibus_p == pytest.approx(p_value, rel=1e-8)
        assert found.omnibus_df == 2


def test_a_contrast_of_one_coefficient_is_its_own_test_squared() -> None:
    found = meta_regression(Y, variance=V, design=X, contrast=[0.0, 1.0, 0.0])
    assert found.omnibus == pytest.approx(found.statistic[1] ** 2, rel=1e-9)
    assert found.omnibus_p == pytest.approx(found.p_values[1], rel=1e-9)


def test_an_intercept_alone_is_the_pooled_effect() -> None:
    for interval in ("knapp-hartung-floored", "knapp-hartung", "wald", "t"):
        here = meta_regression(Y, variance=V, design=np.ones((K, 1)), interval=interval)
        there = random_effects(Y, variance=V, interval=interval)
        for ours, theirs in (
            ("coefficients", "estimate"), ("se", "se"), ("ci_low", "ci_low"), ("p_values", "p_value"),
            ("tau2", "tau2"), ("log_likelihood", "log_likelihood"), ("i2", "i2"), ("h2", "h2"),
            ("q_residual", "q"), ("hat", "weights"),
        ):  # fmt: skip
            expected = getattr(there, theirs)
            assert getattr(here, ours) == pytest.approx(np.atleast_1d(expected), rel=1e-12), ours


def test_leverages_sum_to_the_number_of_coefficients() -> None:
    assert meta_regression(Y, variance=V, design=X).hat.sum() == pytest.approx(3.0, rel=1e-12)


def test_r2_is_the_share_of_tau2_that_the_covariates_account_for() -> None:
    found = meta_regression(Y, variance=V, design=X, tau2="DL")
    without = random_effects(Y, variance=V, tau2="DL").tau2
    assert found.tau2_without == pytest.approx(without, rel=1e-13)
    assert found.r2 == pytest.approx(max(0.0, 100 * (without - found.tau2) / without), rel=1e-12)
    given = meta_regression(Y, variance=V, design=X, tau2=0.1)
    assert np.isnan(given.r2)
    assert meta_regression(np.zeros(K), variance=V, design=X).r2 == 0.0


def test_a_change_of_coding_changes_no_fitted_value() -> None:
    recoded = X @ np.array([[1.0, 2.0, -3.0], [0.0, 1.5, 0.4], [0.0, 0.0, 0.01]])
    here, there = (meta_regression(Y, variance=V, design=design) for design in (X, recoded))
    assert here.tau2 == pytest.approx(there.tau2, rel=1e-9)
    assert predict(here, X).estimate == pytest.approx(predict(there, recoded).estimate, rel=1e-9)
    assert predict(here, X).se == pytest.approx(predict(there, recoded).se, rel=1e-7)


def test_predictions_carry_both_limits() -> None:
    found = meta_regression(Y, variance=V, design=X)
    place = np.array([1.0, 0.5, 2000.0])
    one, many = predict(found, place), predict(found, np.stack([place, X[0]]))
    se = np.sqrt(place @ found.covariance @ place)
    assert one.estimate == pytest.approx(place @ found.coefficients, rel=1e-12)
    assert one.se == pytest.approx(se, rel=1e-7)
    wide = t.ppf(0.975, K - 3) * np.sqrt(found.tau2 + one.se**2)
    assert one.pi_high - one.estimate == pytest.approx(wide, rel=1e-12)
    assert many.pi_low[0] == one.pi_low
    assert (many.pi_low < many.ci_low).all()
    assert predict(found, place, level=0.5).ci_high < one.ci_high


def test_predictions_for_other_columns_are_refused() -> None:
    found = meta_regression(Y, variance=V, design=X)
    for places in ([1.0, 2.0], [[1.0, np.nan, 3.0]], np.ones((1, 1, 3))):
        with pytest.raises(DesignError, match="new_design"):
            predict(found, places)


def test_a_batch_with_masks_and_own_designs_equals_single_regressions() -> None:
    count = 25
    designs = np.stack([X[RNG.permutation(K)] for _ in range(count)])
    mask = RNG.random((count, K)) < 0.8
    mask[:, :5] = True
    whole = meta_regression(np.tile(Y, (count, 1)), variance=V, design=designs, mask=mask)
    for row in range(count):
        keep = mask[row]
        one = meta_regression(Y[keep], variance=V[keep], design=designs[row, keep])
        for field in dataclasses.fields(one):
            here, there = getattr(whole, field.name), getattr(one, field.name)
            if field.name == "hat":
                assert here[row, keep] == pytest.approx(there, rel=1e-8)
            elif not isinstance(there, str) and field.name != "level":
                # Years near 2000 as they are: condition numbers of 1e5 cost five digits of sixteen.
                assert here[row] == pytest.approx(there, rel=1e-8, abs=1e-10, nan_ok=True), field.name


def test_predictions_of_a_batch_have_a_row_per_meta_analysis() -> None:
    whole = meta_regression(np.stack([Y, -Y]), variance=V, design=X)
    found = predict(whole, X[:3])
    assert found.estimate.shape == found.pi_high.shape == (2, 3)
    assert found.estimate[0] == pytest.approx(-found.estimate[1], rel=1e-12)


@pytest.mark.parametrize("offset", [2.0**20, 2.0**30, 2.0**40])
def test_an_offset_of_the_effects_costs_a_slope_no_digits(offset):
    design = np.column_stack([np.ones(6), np.arange(6.0)])
    effects = np.array([0.0, 1, 3, 2, 5, 4]) / 8
    plain = meta_regression(effects, variance=np.full(6, 0.01), design=design)
    moved = meta_regression(effects + offset, variance=np.full(6, 0.01), design=design)
    assert moved.coefficients[1] == plain.coefficients[1]
    assert moved.coefficients[0] == pytest.approx(plain.coefficients[0] + offset, rel=1e-15)
