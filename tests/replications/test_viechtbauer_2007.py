"""Viechtbauer 2007, Confidence intervals for the amount of heterogeneity in meta-analysis (Statistics in
Medicine 26:37-52, doi:10.1002/sim.2514): nine trials of diuretics against pre-eclampsia.

Counts of Collins, Yusuf & Peto 1985 (doi:10.1136/bmj.290.6461.17). Numbers of table II, p. 44, to the three
or four decimals of metafor's published analysis of this paper. The intervals that have no counterpart in the library
are made from its tau2 and Q by the formulas of that analysis; those by bootstrap depend on draws and are left out.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtri, gammainc

from bmac_meta.stats.heterogeneity import profile_likelihood_interval, q_profile
from bmac_meta.stats.inference import common_effect
from bmac_meta.stats.measures_binary import odds_ratio
from bmac_meta.stats.tau2 import estimate_tau2

TRIALS = np.array(
    [
        (14, 131, 14, 136),
        (21, 385, 17, 134),
        (14, 57, 24, 48),
        (6, 38, 18, 40),
        (12, 1011, 35, 760),
        (138, 1370, 175, 1336),
        (15, 506, 20, 524),
        (6, 108, 2, 103),
        (65, 153, 40, 102),
    ]
)
EFFECT = odds_ratio(**dict(zip(("events_a", "total_a", "events_b", "total_b"), TRIALS.T, strict=True)))
FOURTH = 5e-5


def limits(result):
    return [result.tau2_low, result.tau2_high]


@pytest.mark.parametrize(("method", "printed"), [("DL", 0.2297), ("ML", 0.2386), ("REML", 0.3008), ("SJ", 0.4563)])
def test_the_estimates_of_tau2(method, printed):
    result = estimate_tau2(EFFECT.estimate, variance=EFFECT.variance, method=method)
    assert result.tau2 == pytest.approx(printed, abs=FOURTH)


def test_the_q_profile_interval():
    result = q_profile(EFFECT.estimate, variance=EFFECT.variance)
    np.testing.assert_allclose(limits(result), [0.0723, 2.2027], rtol=0, atol=FOURTH)


@pytest.mark.parametrize(("method", "printed"), [("ML", [0.027, 1.131]), ("REML", [0.043, 1.475])])
def test_the_profile_likelihood_intervals(method, printed):
    result = profile_likelihood_interval(EFFECT.estimate, variance=EFFECT.variance, method=method)
    np.testing.assert_allclose(limits(result), printed, rtol=0, atol=5e-4)


def test_the_interval_of_sidik_and_jonkman():
    # Eight times their estimate is taken to be chi-squared with eight degrees of freedom, in units of tau2.
    tau2 = estimate_tau2(EFFECT.estimate, variance=EFFECT.variance, method="SJ").tau2
    found = 8 * tau2 / chdtri(8, [0.025, 0.975])
    np.testing.assert_allclose(found, [0.208, 1.675], rtol=0, atol=5e-4)


@pytest.mark.parametrize(("method", "printed"), [("ML", [-0.101, 0.578]), ("REML", [-0.131, 0.732])])
def test_the_wald_intervals(method, printed):
    tau2 = estimate_tau2(EFFECT.estimate, variance=EFFECT.variance, method=method).tau2
    weight = 1 / (EFFECT.variance + tau2)
    first, second, third = (np.sum(weight**power) for power in (1, 2, 3))
    information = second if method == "ML" else second - 2 * third / first + (second / first) ** 2
    half = 1.96 * np.sqrt(2 / information)
    np.testing.assert_allclose([tau2 - half, tau2 + half], printed, rtol=0, atol=5e-4)


def test_the_interval_of_biggerstaff_and_tweedie():
    # Q is taken to be gamma distributed with its mean and variance under tau2: 0.048 to 2.355.
    weight = 1 / EFFECT.variance
    first, second, third = (np.sum(weight**power) for power in (1, 2, 3))
    slope, square = first - second / first, second - 2 * third / first + (second / first) ** 2
    tau2 = np.array([0.0475, 0.0485, 2.3545, 2.3555])
    mean, variance = 8 + slope * tau2, 16 + 4 * slope * tau2 + 2 * square * tau2**2
    below = gammainc(mean**2 / variance, common_effect(EFFECT.estimate, variance=EFFECT.variance).q * mean / variance)
    # The quantiles are crossed within half a unit of the printed limits.
    assert below[0] > 0.975 > below[1]
    assert below[2] > 0.025 > below[3]
