"""Changes from baseline within one arm."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.measures_change import (
    mean_change,
    standardized_mean_change,
    standardized_mean_change_by_change_sd,
)

SCORES = {"mean_baseline": 22, "mean_final": 26, "n": 60}
SPREADS = {"sd_baseline": 20**0.5, "sd_final": 30**0.5, "r": 0.7}


def exact_correction(df):
    with mpmath.workdps(40):
        return float(
            mpmath.gamma(mpmath.mpf(df) / 2) / (mpmath.sqrt(mpmath.mpf(df) / 2) * mpmath.gamma(mpmath.mpf(df - 1) / 2))
        )


def test_a_mean_change_from_two_scores_and_their_correlation():
    effect = mean_change(**SCORES, **SPREADS)
    assert float(effect.estimate) == 4
    # Variances 20 and 30, r = 0.7, n = 60: 0.2618 also in the tests of metafor (escalc, measure "MC").
    assert float(effect.variance) == pytest.approx((20 + 30 - 1.4 * 600**0.5) / 60, rel=1e-14)
    assert round(float(effect.variance), 4) == 0.2618


def test_a_printed_sd_of_the_change_gives_the_same_as_its_parts():
    parts = mean_change(**SCORES, **SPREADS)
    printed = mean_change(**SCORES, sd_change=(50 - 1.4 * 600**0.5) ** 0.5)
    assert float(printed.variance) == pytest.approx(float(parts.variance), rel=1e-14)


@pytest.mark.parametrize("measure", [mean_change, standardized_mean_change_by_change_sd])
@pytest.mark.parametrize(
    ("spread", "found"),
    [
        ({}, "here is neither"),
        ({"sd_baseline": 3, "r": 0.5}, "here is sd_baseline, r"),
        ({**SPREADS, "sd_change": 3}, "here is sd_change, sd_baseline, sd_final, r"),
    ],
)
def test_the_spread_of_a_change_is_given_in_exactly_one_way(measure, spread, found):
    with pytest.raises(InputError, match=found):
        measure(**SCORES, **spread)


def test_units_of_the_baseline():
    effect = standardized_mean_change(**SCORES, sd_baseline=20**0.5, r=0.7)
    g = exact_correction(59) * 4 / 20**0.5
    assert float(effect.estimate) == pytest.approx(g, rel=1e-14)
    assert float(effect.variance) == pytest.approx(2 * 0.3 / 60 + g**2 / 120, rel=1e-14)


def test_units_of_the_change():
    effect = standardized_mean_change_by_change_sd(**SCORES, **SPREADS)
    g = exact_correction(59) * 4 / (50 - 1.4 * 600**0.5) ** 0.5
    assert float(effect.estimate) == pytest.approx(g, rel=1e-14)
    assert float(effect.variance) == pytest.approx(1 / 60 + g**2 / 120, rel=1e-14)


def test_two_patients_are_not_enough_to_standardize():
    columns = {**SCORES, "n": [2, 3]}
    assert standardized_mean_change(**columns, sd_baseline=4, r=0.5).included.tolist() == [False, True]
    assert standardized_mean_change_by_change_sd(**columns, sd_change=4).included.tolist() == [False, True]


@pytest.mark.parametrize("r", [1, -1, 1.01, None])
def test_a_correlation_of_one_or_more_is_refused(r):
    with pytest.raises(InputError, match="r: 1 of 1 value is not a correlation"):
        standardized_mean_change(**SCORES, sd_baseline=4, r=r)


@pytest.mark.parametrize("measure", [mean_change, standardized_mean_change_by_change_sd])
def test_a_change_without_spread_is_refused(measure):
    with pytest.raises(InputError, match="sd_change: 1 of 1 value is not a finite number above 0"):
        measure(**SCORES, sd_change=0)


def test_masked_arms_may_hold_anything():
    columns = {"mean_baseline": [22, np.nan], "mean_final": [26, 1], "n": [60, 0]}
    spreads = {"sd_baseline": [4, -1], "sd_final": [5, 0], "r": [0.5, 9]}
    mask = [True, False]
    assert mean_change(**columns, **spreads, mask=mask).included.tolist() == mask
    assert standardized_mean_change_by_change_sd(**columns, **spreads, mask=mask).included.tolist() == mask
    assert standardized_mean_change(**columns, sd_baseline=[4, 0], r=[0.5, 2], mask=mask).included.tolist() == mask
