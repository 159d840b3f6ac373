"""Van Houwelingen, Arends & Stijnen 2002, Advanced methods in meta-analysis: multivariate approach and
meta-regression (Statistics in Medicine 21:589-624, doi:10.1002/sim.1040): the 13 trials of BCG vaccine, with
log odds ratios.

Tables (table I, p. 594), latitudes and years as in `bcg_OR.json`; everything by maximum likelihood, as in the paper.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.heterogeneity import profile_likelihood_interval, q_profile
from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.measures_binary import odds_ratio
from bmac_meta.stats.multivariate import multivariate_effects
from bmac_meta.stats.regression import meta_regression

RAW = json.loads((Path(__file__).parents[1] / "reference" / "pairwise" / "bcg_OR.json").read_text(encoding="utf-8"))
CASES_A, TOTAL_A, CASES_B, TOTAL_B = (np.array(RAW["inputs"][name]) for name in ("ai", "n1i", "ci", "n2i"))
EFFECT = odds_ratio(events_a=CASES_A, total_a=TOTAL_A, events_b=CASES_B, total_b=TOTAL_B)
LATITUDE = np.array(RAW["mods"]["ablat"], dtype=float)
# Two rows for each trial, log odds of disease among the vaccinated and among the others, and the latitude
# minus 33.
CASES, TOTAL = np.stack([CASES_A, CASES_B], axis=1).ravel(), np.stack([TOTAL_A, TOTAL_B], axis=1).ravel()
ARMS = {
    "estimate": np.log(CASES / (TOTAL - CASES)),
    "covariance": np.diag(1 / CASES + 1 / (TOTAL - CASES)),
    "outcome": ["vaccinated", "not vaccinated"] * 13,
    "cluster": np.repeat(np.arange(13), 2),
    "method": "ML",
}
VACCINATED, ONE, NORTH = np.tile([1.0, 0.0], 13), np.ones(26), np.repeat(LATITUDE - 33, 2)
THIRD = 5e-4


def by_maximum_likelihood():
    return random_effects(EFFECT.estimate, variance=EFFECT.variance, tau2="ML", interval="wald")


def interval(result):
    return [result.estimate, result.ci_low, result.ci_high]


def test_the_common_odds_ratio():
    # P. 596: 0.647 (0.595 to 0.703). The upper limit is the exponential of its logarithm rounded to -0.353.
    logs = interval(common_effect(EFFECT.estimate, variance=EFFECT.variance))
    np.testing.assert_allclose(np.exp(logs[:2]), [0.647, 0.595], rtol=0, atol=THIRD)
    assert np.exp(np.round(logs[2], 3)) == pytest.approx(0.703, abs=THIRD)


def test_the_random_effects_odds_ratio():
    # P. 597: 0.476 (0.336 to 0.675), tau2 0.302.
    result = by_maximum_likelihood()
    np.testing.assert_allclose(np.exp(interval(result)), [0.476, 0.336, 0.675], rtol=0, atol=THIRD)
    assert result.tau2 == pytest.approx(0.302, abs=THIRD)


def test_the_profile_likelihood_interval_of_tau2():
    # Marked in the plot of the profile likelihood, as metafor's published analysis redraws it: 0.12 to 0.89.
    limits = profile_likelihood_interval(EFFECT.estimate, variance=EFFECT.variance, method="ML")
    np.testing.assert_allclose([limits.tau2_low, limits.tau2_high], [0.12, 0.89], rtol=0, atol=0.005)


def test_the_q_profile_interval_of_tau2():
    # Not in the paper, which approximates it by Satterthwaite (0.135 to 1.181): metafor's, to three decimals.
    limits = q_profile(EFFECT.estimate, variance=EFFECT.variance)
    np.testing.assert_allclose([limits.tau2_low, limits.tau2_high], [0.130, 1.181], rtol=0, atol=THIRD)


def test_the_range_of_true_effects():
    # P. 599: -1.820 to 0.336, the mean plus or minus 1.96 tau.
    result = by_maximum_likelihood()
    ends = result.estimate + np.array([-1, 1]) * 1.959963984540054 * np.sqrt(result.tau2)
    np.testing.assert_allclose(ends, [-1.820, 0.336], rtol=0, atol=THIRD)
    # With the error of the mean, by metafor: -1.875 to 0.391.
    np.testing.assert_allclose([result.pi_low, result.pi_high], [-1.875, 0.391], rtol=0, atol=THIRD)


def test_the_bivariate_model():
    # Pp. 604-605: mean log odds, their variances between trials, and the correlation.
    result = multivariate_effects(**ARMS, design=np.column_stack([VACCINATED, ONE - VACCINATED]))
    assert result.outcomes == ("not vaccinated", "vaccinated")
    np.testing.assert_allclose(result.estimate, [-4.834, -4.096], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.tau2, [2.407, 1.431], rtol=0, atol=THIRD)
    assert result.correlation[0, 1] == pytest.approx(0.947, abs=THIRD)


def test_the_odds_ratio_of_the_bivariate_model():
    # Pp. 604-605: log odds ratio -0.738 (standard error 0.180), odds ratio 0.478 (0.336 to 0.680), variance
    # 0.324.
    result = multivariate_effects(**ARMS, design=np.column_stack([ONE, VACCINATED]))
    np.testing.assert_allclose(result.estimate, [-4.096, -0.738], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.se, [0.435, 0.180], rtol=0, atol=THIRD)
    ratio = np.exp([result.estimate[1], result.ci_low[1], result.ci_high[1]])
    np.testing.assert_allclose(ratio, [0.478, 0.336, 0.680], rtol=0, atol=THIRD)
    assert result.tau2.sum() - 2 * result.between[0, 1] == pytest.approx(0.324, abs=THIRD)


def test_the_regression_of_log_odds_ratios_on_latitude():
    # Pp. 608-609.
    design = np.column_stack([np.ones(13), LATITUDE])
    result = meta_regression(EFFECT.estimate, variance=EFFECT.variance, design=design, tau2="ML", interval="wald")
    np.testing.assert_allclose(result.coefficients, [0.371, -0.033], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.se, [0.106, 0.003], rtol=0, atol=THIRD)
    assert result.tau2 == pytest.approx(0.004, abs=THIRD)
    assert result.r2 == pytest.approx(98.7, abs=0.05)


def test_the_bivariate_regression_on_latitude():
    # Pp. 612-613.
    columns = [VACCINATED, ONE - VACCINATED, VACCINATED * NORTH, (ONE - VACCINATED) * NORTH]
    result = multivariate_effects(**ARMS, design=np.column_stack(columns))
    np.testing.assert_allclose(result.estimate, [-4.826, -4.117, 0.039, 0.072], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.se, [0.313, 0.306, 0.022, 0.022], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.tau2, [1.18, 1.23], rtol=0, atol=0.005)
    assert result.correlation[0, 1] == pytest.approx(1.0, abs=THIRD)


def test_the_odds_ratio_of_the_bivariate_regression():
    # Pp. 612-613.
    columns = [ONE, VACCINATED, NORTH, VACCINATED * NORTH]
    result = multivariate_effects(**ARMS, design=np.column_stack(columns))
    np.testing.assert_allclose(result.estimate, [-4.117, -0.708, 0.072, -0.033], rtol=0, atol=THIRD)
    np.testing.assert_allclose(result.se, [0.306, 0.048, 0.022, 0.003], rtol=0, atol=THIRD)
