"""Comparison-adjusted funnel and its regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats.network import (
    NetworkData,
    adjusted_funnel,
    direct_evidence,
    funnel_regression,
    network_from_contrasts,
)


def test_effects_are_measured_from_the_pool_of_their_comparison(senn: NetworkData) -> None:
    funnel = adjusted_funnel(senn, sorted(senn.treatments, key=lambda name: name == "plac"))
    direct = direct_evidence(senn, 0.0)
    weight = 1.0 / funnel.se**2
    for a, b in set(zip(funnel.first.tolist(), funnel.second.tolist(), strict=True)):
        own = (funnel.first == a) & (funnel.second == b)
        assert weight[own] @ funnel.adjusted[own] == pytest.approx(0.0, abs=1e-9)
        assert own.sum() == direct.trials[a, b] > 1
    assert senn.treatments.index("plac") not in funnel.first


def test_the_order_turns_the_sign() -> None:
    pairs = {"trial": "12", "treatment_a": "AA", "treatment_b": "BB"}
    data = network_from_contrasts([1.0, 3.0], variance=[1.0, 1.0], **pairs)
    np.testing.assert_allclose(adjusted_funnel(data, "AB").adjusted, [-1.0, 1.0])
    np.testing.assert_allclose(adjusted_funnel(data, "BA").adjusted, [1.0, -1.0])


def test_the_regression_is_weighted_least_squares_with_t(senn: NetworkData) -> None:
    funnel = adjusted_funnel(senn, senn.treatments)
    found = funnel_regression(funnel)
    x = np.column_stack([np.ones_like(funnel.se), funnel.se])
    weight = np.diag(funnel.se**-2.0)
    cov = np.linalg.inv(x.T @ weight @ x)
    coefficients = cov @ x.T @ weight @ funnel.adjusted
    rest = funnel.adjusted - x @ coefficients
    df = funnel.se.size - 2
    se = np.sqrt(cov[1, 1] * (rest @ weight @ rest) / df)
    assert found.slope == pytest.approx(coefficients[1], rel=1e-9)
    assert found.se == pytest.approx(se, rel=1e-9)
    assert found.p_value == pytest.approx(2.0 * student.sf(abs(coefficients[1] / se), df), rel=1e-9)
    assert found.ci_high == pytest.approx(coefficients[1] + student.ppf(0.975, df) * se, rel=1e-9)
    assert found.trials == np.unique(funnel.trial).size


def test_an_order_that_is_not_complete_is_refused(senn: NetworkData) -> None:
    with pytest.raises(InputError, match="order must list every treatment once"):
        adjusted_funnel(senn, senn.treatments[:-1])


def test_few_trials_are_refused() -> None:
    pairs: dict[str, Any] = {"trial": range(9), "treatment_a": "A" * 9, "treatment_b": "B" * 9}
    data = network_from_contrasts(np.arange(9.0), variance=np.arange(1.0, 10.0), **pairs)
    with pytest.raises(NotEnoughTrials, match="can't be assessed with 9 trials"):
        funnel_regression(adjusted_funnel(data, "AB"))


def test_equal_standard_errors_are_refused() -> None:
    pairs: dict[str, Any] = {"trial": range(12), "treatment_a": "A" * 12, "treatment_b": "B" * 12}
    data = network_from_contrasts(np.arange(12.0), variance=np.ones(12), **pairs)
    with pytest.raises(InputError, match="same standard error"):
        funnel_regression(adjusted_funnel(data, "AB"))
