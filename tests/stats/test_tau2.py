"""Estimators of tau2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtr

from bmac_meta.errors import DesignError, InputError, UnknownWordError
from bmac_meta.stats.tau2 import TAU2_METHODS, estimate_tau2

Y = np.array([0.1, 0.9, -0.4, 1.6, 0.3])
V = np.array([0.05, 0.2, 0.1, 0.4, 0.02])


def generalized_q(y: np.ndarray, v: np.ndarray, tau2: float) -> float:
    w = 1.0 / (v + tau2)
    return float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_one_trial_has_no_tau2(method: str) -> None:
    assert np.isnan(estimate_tau2([1.0], variance=[1.0], method=method).tau2)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_equal_effects_give_exactly_zero(method: str) -> None:
    assert estimate_tau2([2.0, 2.0, 2.0], variance=[1.0, 0.5, 3.0], method=method).tau2 == 0.0


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_a_batch_with_a_mask_gives_what_single_calls_give(method: str) -> None:
    rng = np.random.default_rng(8)
    y, v = rng.normal(size=(300, 9)), rng.uniform(0.05, 1.0, (300, 9))
    mask = rng.random((300, 9)) < 0.6
    mask[:, 0] = True
    y[~mask] = np.nan
    whole = estimate_tau2(y, variance=v, method=method, mask=mask).tau2
    each = [estimate_tau2(a[m], variance=b[m], method=method).tau2 for a, b, m in zip(y, v, mask, strict=True)]
    # The order of summation differs between layouts: a few units in the last place.
    assert np.allclose(whole, each, rtol=1e-11, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_a_column_of_ones_is_no_design_at_all(method: str) -> None:
    plain = estimate_tau2(Y, variance=V, method=method).tau2
    assert estimate_tau2(Y, variance=V, method=method, design=np.ones((5, 1))).tau2 == pytest.approx(plain, rel=1e-12)


def test_paule_mandel_makes_the_generalized_q_its_expectation() -> None:
    tau2 = estimate_tau2(Y, variance=V, method="PM").tau2
    assert generalized_q(Y, V, tau2) == pytest.approx(4.0, rel=1e-13)
    assert estimate_tau2(Y, variance=V, method="EB").tau2 == tau2


def test_median_unbiased_paule_mandel_makes_the_generalized_q_its_median() -> None:
    tau2 = estimate_tau2(Y, variance=V, method="PMM").tau2
    assert chdtr(4, generalized_q(Y, V, tau2)) == pytest.approx(0.5, rel=1e-12)


def test_a_constant_variance_makes_all_moment_estimators_one() -> None:
    y = np.array([1.0, 4.0, -2.0, 3.0])
    expected = y.var(ddof=1) - 0.5
    for method in ("DL", "HE", "PM", "EB", "REML", "DL2", "CA2"):
        assert estimate_tau2(y, variance=np.full(4, 0.5), method=method).tau2 == pytest.approx(expected, rel=1e-13)


def test_two_steps_iterated_lead_to_paule_mandel() -> None:
    # DerSimonian and Kacker 2007: the general method of moments iterated converges to Paule–Mandel.
    first, second = (estimate_tau2(Y, variance=V, method=method).tau2 for method in ("DL", "DL2"))
    goal = estimate_tau2(Y, variance=V, method="PM").tau2
    assert abs(second - goal) < abs(first - goal)


def test_an_unknown_method_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownWordError, match="did you mean 'REML'"):
        estimate_tau2(Y, variance=V, method="RELM")


def test_a_variance_cannot_be_passed_by_position() -> None:
    with pytest.raises(TypeError):
        estimate_tau2(Y, V)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (np.ones((4, 1)), "one row per trial"),
        (np.column_stack([np.ones(5), np.full(5, 2.0)]), "collinear: column 1"),
        (np.column_stack([np.ones(5), np.zeros(5)]), "zero in every trial"),
        (np.vander(np.arange(5.0), 5), "saturated"),
        (np.column_stack([np.ones(5), [1, 2, np.nan, 4, 5]]), "trial 2, column 1"),
    ],
)
def test_designs_that_cannot_be_fitted_are_refused_with_the_reason(design: np.ndarray, words: str) -> None:
    with pytest.raises(DesignError, match=words):
        estimate_tau2(Y, variance=V, design=design)


def test_a_covariate_that_does_not_vary_among_the_trials_present_is_refused() -> None:
    design = np.column_stack([np.ones(5), [1.0, 0.0, 0.0, 0.0, 0.0]])
    mask = np.ones((2, 5), dtype=bool)
    mask[1, 0] = False
    with pytest.raises(DesignError, match="meta-analysis 1: a covariate does not vary"):
        estimate_tau2(Y, variance=V, design=design, mask=mask)


def test_errors_are_of_the_package_and_values_too() -> None:
    with pytest.raises(InputError):
        estimate_tau2([], variance=[])
    with pytest.raises(ValueError, match="no trials"):
        estimate_tau2([], variance=[])
