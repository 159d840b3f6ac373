"""Lipsey & Wilson 2001, Practical meta-analysis (Sage), chapter 7: ten studies of challenge programmes for
juvenile offenders.

Data from exhibit 7.1: effect, variance, whether allocation was random, intensity of the programme. With
inverse variances rounded to three decimals the printed chi-squared statistics come out to the last digit;
from the variances themselves six of them differ in it (7.0739, 7.6901, 6.4382, 7.6832, 5.5711, p .3614).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtrc

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.subgroups import subgroups

EXHIBIT_7_1 = np.array(
    [
        (-0.33, 0.084, 0, 7),
        (0.32, 0.035, 0, 3),
        (0.39, 0.017, 0, 7),
        (0.31, 0.034, 0, 5),
        (0.17, 0.072, 0, 7),
        (0.64, 0.117, 0, 7),
        (-0.33, 0.102, 1, 4),
        (0.15, 0.093, 1, 4),
        (-0.02, 0.012, 1, 5),
        (0.00, 0.067, 1, 6),
    ]
)
EFFECT, VARIANCE, RANDOM, INTENSITY = EXHIBIT_7_1.T
WEIGHT = np.round(1 / VARIANCE, 3)
STUDIES = {"estimate": EFFECT, "variance": 1 / WEIGHT}
DESIGN = np.column_stack([np.ones(10), RANDOM, INTENSITY])
FOURTH = 5e-5


def columns(result, *fields):
    return np.array([getattr(result, field) for field in fields])


def test_the_common_effect():
    # P. 133, exhibit 7.3.
    result = common_effect(**STUDIES)
    found = columns(result, "estimate", "se", "statistic", "p_value", "ci_low", "ci_high", "q", "q_p")
    printed = [0.1549, 0.0609, 2.5450, 0.0109, 0.0356, 0.2742, 14.7640, 0.0976]
    np.testing.assert_allclose(found, printed, rtol=0, atol=FOURTH)


def test_the_random_effects_mean():
    # P. 133, exhibit 7.3.
    result = random_effects(**STUDIES, tau2="DL", interval="wald")
    found = columns(result, "estimate", "se", "statistic", "p_value", "ci_low", "ci_high")
    np.testing.assert_allclose(found, [0.1534, 0.0858, 1.7893, 0.0736, -0.0146, 0.3215], rtol=0, atol=FOURTH)
    assert result.tau2 == pytest.approx(0.025955, abs=5e-7)


def test_the_analogue_of_the_analysis_of_variance():
    # P. 138, exhibit 7.4.
    result = subgroups(**STUDIES, labels=RANDOM, tau2=0.0, interval="wald")
    found = [columns(group, "estimate", "se", "ci_low", "ci_high", "q", "q_p") for group in result.groups]
    printed = [
        (0.2984, 0.0813, 0.1390, 0.4578, 6.4383, 0.2659),
        (-0.0277, 0.0917, -0.2075, 0.1521, 1.2519, 0.7406),
    ]
    np.testing.assert_allclose(found, printed, rtol=0, atol=FOURTH)
    np.testing.assert_allclose([result.q_between, result.p_value], [7.0738, 0.0078], rtol=0, atol=FOURTH)
    within = sum(group.q for group in result.groups)
    np.testing.assert_allclose([within, chdtrc(8, within)], [7.6902, 0.4643], rtol=0, atol=FOURTH)


def test_the_common_effect_regression():
    # P. 141, exhibit 7.6.
    result = meta_regression(**STUDIES, design=DESIGN, tau2=0.0, interval="wald")
    found = columns(result, "coefficients", "se", "statistic", "p_values", "ci_low", "ci_high")
    printed = [
        (0.3223, -0.3298, -0.0041),
        (0.2998, 0.1304, 0.0493),
        (1.0752, -2.5286, -0.0829),
        (0.2823, 0.0115, 0.9339),
        (-0.2652, -0.5854, -0.1007),
        (0.9099, -0.0742, 0.0925),
    ]
    np.testing.assert_allclose(found, printed, rtol=0, atol=FOURTH)
    # The printed omnibus chi-squared has two degrees of freedom; the F here is half of it.
    np.testing.assert_allclose(
        [result.omnibus_df * result.omnibus, result.omnibus_p], [7.0807, 0.0290], rtol=0, atol=FOURTH
    )
    np.testing.assert_allclose([result.q_residual, result.q_p], [7.6833, 0.3613], rtol=0, atol=FOURTH)


def test_the_random_effects_regression():
    # P. 141, exhibit 7.7. The upper limit of the constant lies on an edge of rounding, 0.957943 from the
    # variances and 0.957954 from the rounded weights.
    result = meta_regression(EFFECT, variance=VARIANCE, design=DESIGN, tau2="DL", interval="wald")
    found = columns(result, "coefficients", "se", "statistic", "p_values", "ci_low", "ci_high")
    printed = [
        (0.3311, -0.3269, -0.0068),
        (0.3198, 0.1439, 0.0528),
        (1.0351, -2.2712, -0.1292),
        (0.3006, 0.0231, 0.8972),
        (-0.2958, -0.6090, -0.1103),
        (0.9579, -0.0448, 0.0967),
    ]
    np.testing.assert_allclose(found, printed, rtol=0, atol=FOURTH)
    assert result.tau2 == pytest.approx(0.00488, abs=5e-6)
    # Not in the chapter, but in metafor's published analysis of it.
    assert result.r2 == pytest.approx(81.2, abs=0.05)


def test_the_omnibus_test_of_the_random_effects_regression():
    # P. 141, exhibit 7.7.
    result = meta_regression(**STUDIES, design=DESIGN, tau2="DL", interval="wald")
    found = [result.omnibus_df * result.omnibus, result.omnibus_p]
    np.testing.assert_allclose(found, [5.5709, 0.0617], rtol=0, atol=FOURTH)
