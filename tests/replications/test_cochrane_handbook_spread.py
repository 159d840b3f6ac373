"""Worked examples of the Cochrane Handbook for Systematic Reviews of Interventions, version 5.1.0 (2011)."""

from __future__ import annotations

import math

import pytest

from bmac_meta.stats.paired import paired_mean_difference, paired_standardized_mean_difference
from bmac_meta.stats.spread import se_from_p, se_from_t

J = math.exp(math.lgamma(6.1545) - math.lgamma(5.6545)) / math.sqrt(6.1545)
CROSS_OVER = {"mean_a": 7.0, "sd_a": 2.38, "mean_b": 6.5, "sd_b": 2.21, "n": 10, "r": 0.68}


def test_the_standard_error_of_a_difference_from_its_p_value():
    # Section 7.7.3.3: a difference of 3.8 between 25 and 22 patients, P = 0.008: t = 2.78, SE = 1.37.
    se = float(se_from_p(estimate=3.8, p=0.008, df=45))
    assert 3.8 / se == pytest.approx(2.78, abs=0.005)
    assert se == pytest.approx(1.37, abs=0.005)
    assert float(se_from_t(estimate=3.8, t=2.78)) == pytest.approx(1.37, abs=0.005)


def test_the_mean_difference_of_a_cross_over_trial_with_an_imputed_correlation():
    # Section 16.4.6.4: 0.5 with a standard error of 0.583.
    effect = paired_mean_difference(**CROSS_OVER)
    assert float(effect.estimate) == pytest.approx(0.5, abs=1e-12)
    assert float(effect.se) == pytest.approx(0.583, abs=0.0005)


def test_the_standardized_difference_of_a_cross_over_trial_with_an_imputed_correlation():
    # Section 16.4.6.4: 0.218 with standard error 0.256. The Handbook takes both SDs as equal and has no
    # small-sample correction, here J with 18/1.4624 = 12.309 degrees of freedom.
    sd = ((2.38**2 + 2.21**2) / 2) ** 0.5
    effect = paired_standardized_mean_difference(**{**CROSS_OVER, "sd_a": sd, "sd_b": sd})
    assert float(effect.estimate) / J == pytest.approx(0.218, abs=0.0005)
    assert float(effect.se) == pytest.approx(0.256, abs=0.0005)
