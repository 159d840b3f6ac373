"""Raudenbush & Bryk 1985, Empirical Bayes meta-analysis (Journal of Educational Statistics 10:75-98,
doi:10.3102/10769986010002075): 19 experiments on what teachers expect of pupils.

Effects, variances and weeks of contact before the experiment as R's metadat has them. Numbers with four
digits are those of metafor's published analysis of this paper, which quotes its pages.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.shrinkage import shrunken_effects

EXPERIMENTS = np.array(
    [
        (0.03, 0.0156, 2),
        (0.12, 0.0216, 21),
        (-0.14, 0.0279, 19),
        (1.18, 0.1391, 0),
        (0.26, 0.1362, 0),
        (-0.06, 0.0106, 3),
        (-0.02, 0.0106, 17),
        (-0.32, 0.0484, 24),
        (0.27, 0.0269, 0),
        (0.80, 0.0630, 1),
        (0.54, 0.0912, 0),
        (0.18, 0.0497, 0),
        (-0.02, 0.0835, 1),
        (0.23, 0.0841, 2),
        (-0.18, 0.0253, 17),
        (-0.06, 0.0279, 5),
        (0.30, 0.0193, 1),
        (0.07, 0.0088, 2),
        (-0.07, 0.0303, 7),
    ]
)
EFFECT, VARIANCE, WEEKS = EXPERIMENTS.T
DESIGN = np.column_stack([np.ones(19), np.minimum(WEEKS, 3)])
FOURTH = 5e-5
# metafor's tau2 is off by up to 1e-5, its default stopping rule; shrunken effects and z move by less than
# this.
STOPPED = 1e-4


def reach_of_rounding(residual):
    """Return how far Q can move, to first order, when each effect moves by half a unit of its last digit."""
    return 2 * np.sum(np.abs(residual) / VARIANCE) * 0.005


def test_the_random_effects_mean():
    # Pp. 83, 85 and 86, in the text.
    result = random_effects(EFFECT, variance=VARIANCE, interval="wald")
    printed = [0.0188, 0.0837, 1.6208]
    np.testing.assert_allclose([result.tau2, result.estimate, result.statistic], printed, rtol=0, atol=FOURTH)


def test_the_printed_q_lies_within_the_rounding_of_the_effects():
    # Pp. 83-86, in the text: 35.85. From the effects as printed, with two decimals, it is 35.83.
    result = common_effect(EFFECT, variance=VARIANCE)
    assert result.q == pytest.approx(35.8295, abs=FOURTH)
    assert abs(result.q - 35.85) < reach_of_rounding(EFFECT - result.estimate)


def test_shrunken_effects_are_those_of_figure_2():
    found = shrunken_effects(EFFECT, variance=VARIANCE)
    printed = [0.0543, 0.1006, -0.0064, 0.2144, 0.1051, -0.0082, 0.0174, -0.0293, 0.1604, 0.2485]
    printed += [0.1618, 0.1102, 0.0646, 0.1105, -0.0288, 0.0258, 0.1905, 0.0744, 0.0248]
    np.testing.assert_allclose(found.estimate, printed, rtol=0, atol=STOPPED)


def test_weeks_of_contact_explain_all_heterogeneity():
    # Pp. 90 and 92, in the text.
    result = meta_regression(EFFECT, variance=VARIANCE, design=DESIGN, interval="wald")
    assert result.tau2 == pytest.approx(0.0, abs=FOURTH)
    np.testing.assert_allclose(result.coefficients, [0.4072, -0.1572], rtol=0, atol=FOURTH)
    np.testing.assert_allclose(result.statistic, [4.6782, -4.3884], rtol=0, atol=STOPPED)


def test_the_printed_residual_q_lies_within_the_rounding_of_the_effects():
    # Pp. 90-92, in the text: 16.58. From the effects as printed, with two decimals, it is 16.57.
    result = meta_regression(EFFECT, variance=VARIANCE, design=DESIGN, interval="wald")
    assert result.q_residual == pytest.approx(16.5708, abs=FOURTH)
    assert abs(result.q_residual - 16.58) < reach_of_rounding(EFFECT - DESIGN @ result.coefficients)
