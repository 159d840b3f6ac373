"""Viechtbauer 2007, Accounting for heterogeneity via random-effects models and moderator analyses in
meta-analysis (Zeitschrift für Psychologie 215:104-121, doi:10.1027/0044-3409.215.2.104): St. John's wort for
depression, 17 trials.

Counts, doses, durations and severity at baseline of Linde et al. 2005 (doi:10.1192/bjp.186.2.99). The article
works with log risk ratios rounded to two decimals and variances rounded to three, and exponentiates limits
rounded to two: done in the same way, all its numbers come out but one. Numbers with four digits are those of
metafor's published analysis of this article, from unrounded effects.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.measures_binary import risk_ratio
from bmac_meta.stats.regression import meta_regression, predict

# Responders and patients with the extract, then with placebo; baseline score; weeks; mg a day.
TRIALS = np.array(
    [
        (20, 25, 11, 25, 19.5, 8, 380),
        (14, 20, 9, 20, 12.5, 4, 900),
        (4, 25, 2, 25, 22.7, 4, 900),
        (20, 32, 6, 33, 16.5, 6, 900),
        (28, 50, 13, 55, 15.8, 4, 900),
        (34, 48, 25, 49, 23.6, 6, 240),
        (35, 53, 12, 54, 20.7, 4, 900),
        (24, 49, 16, 49, 21.1, 6, 900),
        (45, 80, 12, 79, 19.4, 6, 500),
        (67, 106, 22, 47, 22.7, 6, 1050),
        (34, 60, 17, 59, 16.7, 6, 900),
        (46, 70, 34, 70, 20.9, 6, 500),
        (55, 123, 57, 124, 21.5, 6, 900),
        (23, 37, 15, 35, 19.9, 6, 900),
        (26, 98, 19, 102, 22.5, 8, 1050),
        (46, 113, 56, 116, 22.9, 8, 1200),
        (98, 186, 80, 189, 21.9, 6, 900),
    ]
)
COUNTS, (BASELINE, WEEKS, DAILY) = TRIALS[:, :4], TRIALS[:, 4:].T
EXACT = risk_ratio(**dict(zip(("events_a", "total_a", "events_b", "total_b"), COUNTS.T, strict=True)))
ROUNDED = {"estimate": EXACT.estimate.round(2), "variance": EXACT.variance.round(3)}
# Grams over the whole treatment, from 34, and severity, from 20.
DOSE, SEVERITY = DAILY * 7 / 1000 * WEEKS - 34, BASELINE - 20
DESIGN = np.column_stack([np.ones(17), DOSE, SEVERITY, DOSE * SEVERITY])
WALD = {"tau2": "DL", "interval": "wald"}
SECOND, FOURTH = 0.005, 5e-5


def limits(result):
    return np.array([result.estimate, result.ci_low, result.ci_high])


def printed_like_the_article(logs):
    return np.exp(np.round(logs, 2))


@pytest.mark.parametrize(("trial", "printed"), [(12, [0.74, 1.28]), (16, [1.01, 1.54])])
def test_the_limits_of_two_trials(trial, printed):
    # P. 106.
    half = 1.96 * np.sqrt(ROUNDED["variance"][trial])
    found = np.exp(ROUNDED["estimate"][trial] + np.array([-half, half]))
    np.testing.assert_allclose(found, printed, rtol=0, atol=SECOND)


def test_the_common_effect():
    # P. 107. Q is printed as 55.54: a misprint for 51.54.
    result = common_effect(**ROUNDED)
    np.testing.assert_allclose(printed_like_the_article(limits(result)), [1.39, 1.26, 1.52], rtol=0, atol=SECOND)
    assert result.q == pytest.approx(51.54, abs=SECOND)


def test_the_random_effects_mean():
    # P. 109.
    result = random_effects(**ROUNDED, **WALD)
    np.testing.assert_allclose(printed_like_the_article(limits(result)), [1.57, 1.31, 1.90], rtol=0, atol=SECOND)
    assert result.tau2 == pytest.approx(0.091, abs=5e-4)


def test_the_range_of_true_effects_disregards_the_error_of_the_mean():
    # P. 109: 0.87 to 2.83.
    result = random_effects(**ROUNDED, **WALD)
    ends = result.estimate + np.array([-1.96, 1.96]) * np.sqrt(result.tau2)
    np.testing.assert_allclose(printed_like_the_article(ends), [0.87, 2.83], rtol=0, atol=SECOND)


def test_the_covariates_account_for_half_of_the_heterogeneity():
    # P. 112.
    result = meta_regression(**ROUNDED, design=DESIGN, **WALD)
    assert result.r2 == pytest.approx(48, abs=0.5)


@pytest.mark.parametrize(("baseline", "printed"), [(12.5, [2.66, 1.46, 4.90]), (23.6, [1.26, 0.99, 1.61])])
def test_the_predicted_effects_of_the_mean_dose(baseline, printed):
    # P. 113. The last limit, 1.61, is not rounded on the way.
    result = predict(meta_regression(**ROUNDED, design=DESIGN, **WALD), [1, 0, baseline - 20, 0])
    found = printed_like_the_article(limits(result))
    if baseline == 23.6:
        found[2] = np.exp(result.ci_high)
    np.testing.assert_allclose(found, printed, rtol=0, atol=SECOND)


def test_the_pools_of_unrounded_effects_are_those_of_metafor():
    common = common_effect(EXACT.estimate, variance=EXACT.variance)
    mean = random_effects(EXACT.estimate, variance=EXACT.variance, **WALD)
    np.testing.assert_allclose(np.exp(limits(common)), [1.3840, 1.2599, 1.5204], rtol=0, atol=FOURTH)
    np.testing.assert_allclose(np.exp(limits(mean)), [1.5722, 1.3103, 1.8864], rtol=0, atol=FOURTH)
    np.testing.assert_allclose(np.exp([mean.pi_low, mean.pi_high]), [0.8488, 2.9120], rtol=0, atol=FOURTH)
    np.testing.assert_allclose([common.q, mean.tau2], [51.5454, 0.0903], rtol=0, atol=FOURTH)


def test_the_regression_of_unrounded_effects_is_that_of_metafor():
    # The layout of table II, p. 113.
    result = meta_regression(EXACT.estimate, variance=EXACT.variance, design=DESIGN, **WALD)
    coefficients = [0.47625885, -0.0058448, -0.06722782, -0.00156996]
    np.testing.assert_allclose(result.coefficients, coefficients, rtol=0, atol=5e-9)
    np.testing.assert_allclose(result.se, [0.08764097, 0.00999872, 0.03522283, 0.00344659], rtol=0, atol=5e-9)
    np.testing.assert_allclose(result.p_values, [6e-08, 0.55884735, 0.05630808, 0.64874054], rtol=0, atol=5e-9)
    assert result.r2 == pytest.approx(47.3778, abs=FOURTH)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("HS", 0.0253),
        ("HE", 0.0388),
        ("DL", 0.0475),
        ("SJ", 0.0912),
        ("PM", 0.0633),
        ("ML", 0.0240),
        ("REML", 0.0558),
        ("EB", 0.0633),
    ],
)
def test_the_residual_heterogeneity_by_each_estimator_is_that_of_metafor(method, expected):
    result = meta_regression(EXACT.estimate, variance=EXACT.variance, design=DESIGN, tau2=method)
    assert result.tau2 == pytest.approx(expected, abs=FOURTH)
