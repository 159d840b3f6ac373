"""Raudenbush 2009, Analyzing effect sizes: random-effects models, in Cooper, Hedges & Valentine (eds), The
Handbook of Research Synthesis and Meta-Analysis (2nd ed., Russell Sage), pp. 295-315: the 19 experiments of
Raudenbush & Bryk 1985.

Effects and standard errors as R's metadat has them. Table 16.2 agrees with the squares of those standard
errors, table 16.3 with variances rounded to four decimals: z is 1.65 in the one and 1.655 in the other. Of
table 16.3 the columns of Huber and White are left out: their sandwich has no correction for few trials, which
`cluster_robust` (CR2) always has.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.shrinkage import shrunken_effects

EXPERIMENTS = np.array(
    [
        (0.03, 0.125, 2),
        (0.12, 0.147, 21),
        (-0.14, 0.167, 19),
        (1.18, 0.373, 0),
        (0.26, 0.369, 0),
        (-0.06, 0.103, 3),
        (-0.02, 0.103, 17),
        (-0.32, 0.220, 24),
        (0.27, 0.164, 0),
        (0.80, 0.251, 1),
        (0.54, 0.302, 0),
        (0.18, 0.223, 0),
        (-0.02, 0.289, 1),
        (0.23, 0.290, 2),
        (-0.18, 0.159, 17),
        (-0.06, 0.167, 5),
        (0.30, 0.139, 1),
        (0.07, 0.094, 2),
        (-0.07, 0.174, 7),
    ]
)
EFFECT, ERROR, WEEKS = EXPERIMENTS.T
VARIANCE = ERROR**2
ROUNDED = np.array([156, 216, 279, 1391, 1362, 106, 106, 484, 269, 630]) / 1e4
ROUNDED = np.append(ROUNDED, np.array([912, 497, 835, 841, 253, 279, 193, 88, 303]) / 1e4)
DESIGN = np.column_stack([np.ones(19), np.minimum(WEEKS, 3)])
THIRD = 5e-4


def test_the_common_effect():
    # P. 301, table 16.2, and p. 302.
    result = common_effect(EFFECT, variance=VARIANCE)
    np.testing.assert_allclose([result.q, result.statistic], [35.83, 1.65], rtol=0, atol=0.005)
    assert result.estimate == pytest.approx(0.060, abs=THIRD)


def test_the_random_effects_mean():
    # P. 301, table 16.2, and p. 302.
    result = random_effects(EFFECT, variance=VARIANCE, interval="wald")
    assert result.statistic == pytest.approx(1.62, abs=0.005)
    assert result.tau2 == pytest.approx(0.019, abs=THIRD)
    # The chapter has 0.083 here, cut from 0.0837, and 0.084 in table 16.3.
    assert np.floor(1e3 * result.estimate) == 83


def test_the_range_of_true_effects_disregards_the_error_of_the_mean():
    # Pp. 301-302: from -0.19 to 0.35, the mean plus or minus 1.96 tau.
    result = random_effects(EFFECT, variance=VARIANCE, interval="wald")
    ends = result.estimate + np.array([-1.96, 1.96]) * np.sqrt(result.tau2)
    np.testing.assert_allclose(ends, [-0.19, 0.35], rtol=0, atol=0.005)
    # With the error of the mean it is wider.
    assert result.pi_low < ends[0] < ends[1] < result.pi_high


def test_the_range_of_the_empirical_bayes_estimates():
    # P. 301, table 16.2.
    estimates = shrunken_effects(EFFECT, variance=VARIANCE).estimate
    np.testing.assert_allclose([estimates.min(), estimates.max()], [-0.03, 0.25], rtol=0, atol=0.005)


def test_the_regression_on_weeks_of_contact():
    # P. 301, table 16.2.
    result = meta_regression(EFFECT, variance=VARIANCE, design=DESIGN, interval="wald")
    assert result.tau2 == pytest.approx(0.0, abs=THIRD)
    np.testing.assert_allclose(result.coefficients, [0.407, -0.157], rtol=0, atol=THIRD)
    np.testing.assert_allclose([result.q_residual, *result.statistic], [16.57, 4.68, -4.39], rtol=0, atol=0.005)
    # Without variance left, the empirical Bayes estimates are the fitted ones. The lowest, -0.0646, is printed as
    # -0.07: what coefficients of two decimals give.
    fitted = DESIGN @ result.coefficients.round(2)
    np.testing.assert_allclose([fitted.min(), fitted.max()], [-0.07, 0.41], rtol=0, atol=0.005)


# P. 309, table 16.3: tau2, mean, standard error, its ratio, and the 95% interval.
CONVENTIONAL = {
    "EE": (0.000, 0.060, 0.036, 1.655, -0.011, 0.132),
    "ML": (0.013, 0.078, 0.047, 1.637, -0.015, 0.171),
    "REML": (0.019, 0.084, 0.052, 1.621, -0.018, 0.185),
    "DL": (0.026, 0.089, 0.056, 1.601, -0.020, 0.199),
    "HE": (0.080, 0.114, 0.079, 1.443, -0.041, 0.270),
}
KNAPP_HARTUNG = {
    "EE": (0.000, 0.060, 0.051, 1.173, -0.048, 0.168),
    "ML": (0.013, 0.078, 0.059, 1.311, -0.047, 0.202),
    "REML": (0.019, 0.084, 0.062, 1.359, -0.046, 0.213),
    "DL": (0.026, 0.089, 0.064, 1.405, -0.044, 0.223),
    "HE": (0.080, 0.114, 0.071, 1.608, -0.035, 0.264),
}


@pytest.mark.parametrize("method", CONVENTIONAL)
@pytest.mark.parametrize(("interval", "table"), [("wald", CONVENTIONAL), ("knapp-hartung", KNAPP_HARTUNG)])
def test_the_estimators_and_intervals_of_table_16_3(method, interval, table):
    tau2 = 0.0 if method == "EE" else method
    result = random_effects(EFFECT, variance=ROUNDED, tau2=tau2, interval=interval)
    fields = ("tau2", "estimate", "se", "statistic", "ci_low", "ci_high")
    found = [getattr(result, field) for field in fields]
    np.testing.assert_allclose(found, table[method], rtol=0, atol=THIRD)
