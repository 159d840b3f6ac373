"""Gleser & Olkin 2009, "Stochastically dependent effect sizes", ch. 19 of the Handbook of Research Synthesis and
Meta-Analysis (2nd ed., Russell Sage), pp. 357–376: treatments that share a control, and two endpoints of one trial.

The pages are those that metafor's published analysis of this chapter names; what it adds to the chapter is marked.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.dependence import shared_control_covariance, shared_control_smd_covariance
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.measures_binary import arcsine_difference, odds_ratio, risk_difference, risk_ratio

# Three trials with one, two or three treatments against one control; effects are control minus treatment.
TRIAL, TREATMENT = [1, 1, 2, 3, 3, 3], np.array([1, 2, 1, 1, 2, 3])
ARMS = {
    "events_a": np.array([40, 40, 10, 150, 150, 150]),
    "total_a": np.array([1000, 1000, 200, 2000, 2000, 2000]),
    "events_b": np.array([100, 150, 15, 40, 80, 50]),
    "total_b": np.array([4000, 4000, 400, 1000, 1000, 1000]),
}
RISK = ARMS["events_a"] / ARMS["total_a"]
CONTROL = {
    risk_difference: RISK * (1 - RISK) / ARMS["total_a"],
    odds_ratio: 1 / (ARMS["total_a"] * RISK * (1 - RISK)),
    risk_ratio: (1 - RISK) / (ARMS["total_a"] * RISK),
    arcsine_difference: 1 / (4 * ARMS["total_a"]),
}


def dummies(labels: np.ndarray) -> np.ndarray:
    return (labels[:, None] == np.unique(labels)).astype(float)


def pooled(measure, scale=1.0):
    own = measure(**ARMS)
    covariance = shared_control_covariance(TRIAL, variance=own.variance, control_variance=CONTROL[measure])
    effects, covariance = own.estimate * scale, covariance * scale**2
    result = generalized_least_squares(
        effects, covariance=covariance, design=dummies(TREATMENT), tau2=0, interval="wald"
    )
    residual = effects - dummies(TREATMENT) @ result.estimate
    # How far Q can move, to first order, when each effect moves by half a unit of its fourth decimal.
    reach = 2 * np.abs(np.linalg.solve(covariance, residual)).sum() * 5e-5
    return effects, result, reach


def test_risk_differences_are_those_of_pages_360_to_362():
    effects, result, _ = pooled(risk_difference)
    # Table 19.2; equations 19.6, 19.7 (times 10⁻⁶) and 19.8.
    np.testing.assert_allclose(effects, [0.0150, 0.0025, 0.0125, 0.0350, -0.0050, 0.0250], atol=5e-5)
    np.testing.assert_allclose(result.estimate, [0.0200, 0.0043, 0.0211], atol=5e-5)
    expected = [[24.612, 19.954, 13.323], [19.954, 28.538, 13.255], [13.323, 13.255, 69.806]]
    np.testing.assert_allclose(result.coefficient_covariance * 1e6, expected, atol=5e-4)
    assert result.q == pytest.approx(7.1907, abs=5e-5)


def test_log_odds_ratios_are_those_of_pages_362_and_363():
    effects, result, reach = pooled(odds_ratio)
    np.testing.assert_allclose(effects, [0.4855, 0.0671, 0.3008, 0.6657, -0.0700, 0.4321], atol=5e-5)
    np.testing.assert_allclose(result.estimate, [0.5099, 0.0044, 0.4301], atol=5e-5)
    expected = [[0.01412, 0.00712, 0.00425], [0.00712, 0.01178, 0.00455], [0.00425, 0.00455, 0.02703]]
    np.testing.assert_allclose(result.coefficient_covariance, expected, atol=5e-6)
    # 2.057 in the chapter, within what the rounding of the printed effects can do.
    assert result.q == pytest.approx(2.0563, abs=5e-5)
    assert abs(result.q - 2.057) < reach


def test_log_risk_ratios_are_those_of_pages_363_and_364():
    effects, result, _ = pooled(risk_ratio)
    np.testing.assert_allclose(effects, [0.4700, 0.0645, 0.2877, 0.6286, -0.0645, 0.4055], atol=5e-5)
    np.testing.assert_allclose(result.estimate, [0.4875, 0.0006, 0.4047], atol=5e-5)
    # Not in the chapter, but in metafor's analysis of it.
    expected = [[0.01287, 0.00623, 0.00371], [0.00623, 0.01037, 0.00399], [0.00371, 0.00399, 0.02416]]
    np.testing.assert_allclose(result.coefficient_covariance, expected, atol=5e-6)
    assert result.q == pytest.approx(1.8954, abs=5e-5)


def test_arcsine_differences_are_those_of_pages_364_and_365():
    # The chapter defines the measure twice as large.
    effects, result, reach = pooled(arcsine_difference, scale=2.0)
    np.testing.assert_allclose(effects, [0.0852, 0.0130, 0.0613, 0.1521, -0.0187, 0.1038], atol=5e-5)
    np.testing.assert_allclose(result.estimate, [0.1010, 0.0102, 0.0982], atol=5e-5)
    expected = [[0.00058, 0.00040, 0.00024], [0.00040, 0.00061, 0.00025], [0.00024, 0.00025, 0.00137]]
    np.testing.assert_allclose(result.coefficient_covariance, expected, atol=5e-6)
    # 4.264 in the chapter, within what the rounding of the printed effects can do.
    assert result.q == pytest.approx(4.2634, abs=5e-5)
    assert abs(result.q - 4.264) < reach


def test_standardized_mean_differences_are_those_of_page_367():
    trial, treatment = np.array([1, 1, 2, 3, 4, 4]), np.array([1, 2, 1, 1, 1, 2])
    treated = np.array([7.87, 4.35, 9.32, 8.08, 7.44, 5.34])
    control = np.array([-1.36, -1.36, 0.98, 1.17, 0.45, 0.45])
    sd = np.array([4.2593, 4.2593, 2.8831, 3.1764, 2.9344, 2.9344])
    n_treated, n_control = np.array([25, 22, 38, 50, 30, 30]), np.array([25, 25, 40, 50, 30, 30])
    n_total = np.array([72, 72, 78, 100, 90, 90])
    effects = (treated - control) / sd
    np.testing.assert_allclose(effects, [2.1670, 1.3406, 2.8927, 2.1754, 2.3821, 1.6664], atol=5e-5)
    covariance = shared_control_smd_covariance(
        effects,
        variance=1 / n_treated + 1 / n_control + effects**2 / (2 * n_total),
        cluster=trial,
        n_control=n_control,
        n_total=n_total,
    )
    result = generalized_least_squares(
        effects, covariance=covariance, design=dummies(treatment), tau2=0, interval="wald"
    )
    np.testing.assert_allclose(result.estimate, [2.3743, 1.5702], atol=5e-5)
    np.testing.assert_allclose(result.coefficient_covariance, [[0.02257, 0.01244], [0.01244, 0.03554]], atol=5e-6)
    assert result.q == pytest.approx(3.9447, abs=5e-5)


def test_two_endpoints_of_seven_schools_differ_as_on_page_371():
    before = np.array([2.3, 2.5, 2.4, 1.3, 2.5, 2.4, 3.3, 1.7, 1.1, 2.0, 2.8, 2.1, 1.7, 0.6])
    after = np.array([10.3, 6.6, 9.7, 3.1, 8.7, 3.7, 7.5, 8.5, 2.2, 2.1, 3.8, 1.4, 1.8, 3.9])
    sd = np.array([8.2, 7.3, 8.3, 8.9, 8.5, 8.3, 7.7, 9.8, 9.1, 10.4, 9.6, 7.9, 9.2, 10.2])
    r = np.repeat([0.55, 0.43, 0.57, 0.66, 0.51, 0.59, 0.49], 2)
    sizes = 1 / np.repeat([22, 21, 26, 18, 38, 42, 39], 2) + 1 / np.repeat([24, 21, 23, 18, 36, 42, 38], 2)
    patients = np.repeat([46, 42, 49, 36, 74, 84, 77], 2)
    effects = (after - before) / sd
    product = np.repeat(effects[::2] * effects[1::2], 2)
    shared = sizes * r + product / (2 * patients) * r**2
    school = np.repeat(np.arange(7), 2)
    covariance = np.where(school[:, None] == school, shared[:, None], 0.0)
    np.fill_diagonal(covariance, sizes + effects**2 / (2 * patients))
    result = generalized_least_squares(
        effects, covariance=covariance, design=dummies(np.tile([1, 2], 7)), tau2=0, interval="wald"
    )
    assert result.q == pytest.approx(19.62, abs=0.005)
    # Not in the chapter; metafor's analysis of it rounds effects, variances and covariances and has 0.3617 and 0.2051.
    np.testing.assert_allclose(result.estimate, [0.3617, 0.2051], atol=5e-4)
