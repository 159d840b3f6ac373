"""Viechtbauer 2005, Bias and efficiency of meta-analytic variance estimators in the random-effects model
(Journal of Educational and Behavioral Statistics 30:261-293, doi:10.3102/10769986030003261): two worked
examples.

Data and numbers as metafor's published analysis of this paper carries them: tau2 to three decimals, I2 and H2
to two.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.heterogeneity import heterogeneity

FIRST = {
    "estimate": [-0.581, 0.530, 0.771, 1.031, 0.553, 0.295, 0.078, 0.573, -0.176, -0.232],
    "variance": [0.023, 0.052, 0.060, 0.115, 0.095, 0.203, 0.200, 0.211, 0.051, 0.040],
}
SECOND_EFFECTS = [0.100, -0.162, -0.090, -0.049, -0.046, -0.010, -0.431, -0.261, 0.134]
SECOND_EFFECTS += [0.019, 0.175, 0.056, 0.045, 0.103, 0.121, -0.482, 0.290, 0.342]
SECOND_VARIANCES = [0.016, 0.015, 0.050, 0.050, 0.032, 0.052, 0.036, 0.024, 0.034]
SECOND_VARIANCES += [0.033, 0.031, 0.034, 0.039, 0.167, 0.134, 0.096, 0.016, 0.035]

# tau2, I2 in percent, H2.
PAGE_271 = {
    "HS": (0.228, 77.23, 4.39),
    "HE": (0.148, 68.80, 3.21),
    "DL": (0.277, 80.44, 5.11),
    "ML": (0.197, 74.51, 3.92),
    "REML": (0.223, 76.84, 4.32),
    "EB": (0.192, 74.05, 3.85),
    "SJ": (0.199, 74.75, 3.96),
}
PAGE_272 = {
    "HS": (0.010, 22.93, 1.30),
    "HE": (0.000, 0.00, 1.00),
    "DL": (0.013, 27.53, 1.38),
    "ML": (0.013, 28.45, 1.40),
    "REML": (0.016, 32.02, 1.47),
    "EB": (0.010, 23.72, 1.31),
    "SJ": (0.025, 42.67, 1.74),
}


def check(estimate, variance, method, printed):
    result = heterogeneity(estimate, variance=variance, tau2=method)
    assert result.tau2 == pytest.approx(printed[0], abs=5e-4)
    np.testing.assert_allclose([result.i2, result.h2], printed[1:], rtol=0, atol=0.005)


@pytest.mark.parametrize("method", PAGE_271)
def test_the_estimators_of_the_first_example(method):
    check(**FIRST, method=method, printed=PAGE_271[method])


@pytest.mark.parametrize("method", PAGE_272)
def test_the_estimators_of_the_second_example(method):
    check(SECOND_EFFECTS, SECOND_VARIANCES, method, PAGE_272[method])
