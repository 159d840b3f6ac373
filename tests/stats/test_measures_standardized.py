"""Standardized mean differences."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from statsmodels.stats.meta_analysis import effectsize_smd

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures_standardized import (
    standardized_mean_difference,
    standardized_mean_difference_heteroscedastic,
)

ARMS = {"mean_a": 5.1, "sd_a": 2.3, "n_a": 31, "mean_b": 6.4, "sd_b": 1.9, "n_b": 28}
BOTH = [standardized_mean_difference, standardized_mean_difference_heteroscedastic]


def exact_smd(mean_a, sd_a, n_a, mean_b, sd_b, n_b):
    """Return g and its variances by name, to 50 digits, from the formulas as printed."""
    m1, s1, n1, m2, s2, n2 = map(mpmath.mpf, (mean_a, sd_a, n_a, mean_b, sd_b, n_b))
    m, total = n1 + n2 - 2, n1 + n2
    d = (m1 - m2) / mpmath.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / m)
    j = mpmath.exp(mpmath.loggamma(m / 2) - mpmath.log(m / 2) / 2 - mpmath.loggamma((m - 1) / 2))
    g, base = j * d, 1 / n1 + 1 / n2
    return g, {
        "ls": base + g**2 / (2 * total),
        "unbiased": base + (1 - (m - 2) / (m * j**2)) * g**2,
        "borenstein": j**2 * (base + d**2 / (2 * total)),
        "revman": total / (n1 * n2) + g**2 / (2 * (total - mpmath.mpf("3.94"))),
    }


@pytest.mark.parametrize("variance", ["ls", "unbiased", "borenstein", "revman"])
@pytest.mark.parametrize("n", [(2, 2), (2, 3), (5, 40), (31, 28), (300, 5000), (10**6, 10**6)])
def test_estimate_and_each_variance_have_all_their_digits(variance, n):
    columns = {**ARMS, "n_a": n[0], "n_b": n[1]}
    effect = standardized_mean_difference(**columns, variance=variance)
    with mpmath.workdps(50):
        g, variances = exact_smd(**columns)
    assert float(effect.estimate) == pytest.approx(float(g), rel=1e-14, abs=0)
    assert float(effect.variance) == pytest.approx(float(variances[variance]), rel=1e-14, abs=0)


def test_the_conventions_of_review_manager_are_those_of_statsmodels():
    effect = standardized_mean_difference(**ARMS, variance="revman", correction="approximate")
    estimate, variance = effectsize_smd(*ARMS.values())
    assert float(effect.estimate) == pytest.approx(float(estimate), rel=1e-14)
    assert float(effect.variance) == pytest.approx(float(variance), rel=1e-14)


def test_without_correction_it_is_cohens_d():
    effect = standardized_mean_difference(**ARMS, correction="none")
    pooled = ((30 * 2.3**2 + 27 * 1.9**2) / 57) ** 0.5
    assert float(effect.estimate) == pytest.approx((5.1 - 6.4) / pooled, rel=1e-14)


def test_the_unbiased_variance_is_unbiased():
    # The mean of the variance over many trials of 8 and 6 against the variance of g over the same trials.
    rng = np.random.default_rng(20240501)
    a, b = rng.normal(0.8, 1, (200_000, 8)), rng.normal(0, 1, (200_000, 6))
    effect = standardized_mean_difference(
        mean_a=a.mean(1),
        sd_a=a.std(1, ddof=1),
        n_a=8,
        mean_b=b.mean(1),
        sd_b=b.std(1, ddof=1),
        n_b=6,
        variance="unbiased",
    )
    # Monte Carlo error of a variance from 200,000 draws with some excess of kurtosis: about 0.5 %.
    assert effect.variance.mean() == pytest.approx(effect.estimate.var(), rel=0.02)
    assert effect.estimate.mean() == pytest.approx(0.8, abs=0.01)


def test_the_heteroscedastic_difference_has_all_its_digits():
    effect = standardized_mean_difference_heteroscedastic(**ARMS)
    with mpmath.workdps(50):
        s1, s2 = mpmath.mpf(2.3), mpmath.mpf(1.9)
        s = mpmath.sqrt((s1**2 + s2**2) / 2)
        m = mpmath.mpf(57)
        j = mpmath.gamma(m / 2) / (mpmath.sqrt(m / 2) * mpmath.gamma((m - 1) / 2))
        g = j * (mpmath.mpf(5.1) - mpmath.mpf(6.4)) / s
        variance = g**2 * (s1**4 / 30 + s2**4 / 27) / (8 * s**4) + (s1**2 / 30 + s2**2 / 27) / s**2
    assert float(effect.estimate) == pytest.approx(float(g), rel=1e-14)
    assert float(effect.variance) == pytest.approx(float(j**2 * variance), rel=1e-14)


def test_extreme_units_do_not_leave_the_range():
    for unit in (1e-40, 1e40):
        columns = {name: value if name.startswith("n_") else value * unit for name, value in ARMS.items()}
        for measure in BOTH:
            plain, scaled = measure(**ARMS), measure(**columns)
            assert float(scaled.estimate) == pytest.approx(float(plain.estimate), rel=1e-14)
            assert float(scaled.variance) == pytest.approx(float(plain.variance), rel=1e-14)


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize("sd", [0, -1, np.nan])
def test_a_standard_deviation_of_zero_or_less_is_refused(measure, sd):
    with pytest.raises(InputError, match="sd_b: 1 of 1 value is not a finite number above 0"):
        measure(**{**ARMS, "sd_b": sd})


def test_three_patients_together_are_not_included():
    effect = standardized_mean_difference(**{**ARMS, "n_a": [1, 2], "n_b": [2, 2]})
    assert effect.included.tolist() == [False, True]


def test_a_single_patient_has_no_variance_of_its_own():
    effect = standardized_mean_difference_heteroscedastic(**{**ARMS, "n_a": [1, 2], "n_b": 20})
    assert effect.included.tolist() == [False, True]


def test_the_unbiased_variance_belongs_to_the_exact_correction():
    with pytest.raises(InputError, match="here it is 'none'"):
        standardized_mean_difference(**ARMS, variance="unbiased", correction="none")


def test_unknown_words_are_answered_with_the_known_ones():
    with pytest.raises(UnknownWordError, match="ls, unbiased, borenstein, revman"):
        standardized_mean_difference(**ARMS, variance="hedges")
