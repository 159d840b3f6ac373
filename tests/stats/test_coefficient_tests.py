"""Tests of several coefficients: R's metafor 3.8-1, `anova(btt=)`, and the tests that a fit has anyway."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import DesignError, InputError
from bmac_meta.stats.coefficient_tests import coefficient_test
from bmac_meta.stats.regression import meta_regression

# Log risk ratios of BCG vaccine to four digits, with latitude and allocation (Colditz 1994).
Y = np.array(
    [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
)
V = np.array([0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714])
LATITUDE = np.array([44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33])
RANDOM, SYSTEMATIC = np.eye(3)[[1] * 4 + [0] * 2 + [1] * 4 + [2] * 3].T[1:]
DESIGN = np.column_stack([np.ones(13), LATITUDE, RANDOM, SYSTEMATIC])


def test_a_factor_of_three_levels_is_tested_as_in_metafor():
    fit = meta_regression(Y, variance=V, design=DESIGN, interval="knapp-hartung")
    found = coefficient_test(fit, np.eye(4)[2:])
    assert (found.df, found.df2) == (2, 9)
    assert found.statistic == pytest.approx(1.783672936791, rel=1e-8)
    assert found.p_value == pytest.approx(0.222584663691, rel=1e-8)


@pytest.mark.parametrize("interval", ["wald", "knapp-hartung", "knapp-hartung-floored", "t"])
def test_all_covariates_at_once_are_the_omnibus_test(interval):
    fit = meta_regression(Y, variance=V, design=DESIGN, interval=interval)
    found = coefficient_test(fit, np.eye(4)[1:])
    assert (found.statistic, found.p_value) == pytest.approx((fit.omnibus, fit.omnibus_p), rel=1e-10)


def test_one_coefficient_is_its_own_test():
    fit = meta_regression(Y, variance=V, design=DESIGN)
    found = coefficient_test(fit, [0, 1, 0, 0])
    assert found.statistic == pytest.approx(fit.statistic[1] ** 2)
    assert found.p_value == pytest.approx(fit.p_values[1])


def test_a_change_of_the_reference_level_changes_nothing():
    other = np.column_stack([np.ones(13), LATITUDE, 1 - RANDOM - SYSTEMATIC, SYSTEMATIC])
    fits = (meta_regression(Y, variance=V, design=design) for design in (DESIGN, other))
    first, second = (coefficient_test(fit, np.eye(4)[2:]).statistic for fit in fits)
    assert first == pytest.approx(second, rel=1e-9)


def test_a_batch_gives_what_each_gives_alone():
    fit = meta_regression([Y, 2 * Y], variance=V, design=DESIGN)
    found = coefficient_test(fit, np.eye(4)[2:])
    for row, effects in enumerate((Y, 2 * Y)):
        alone = coefficient_test(meta_regression(effects, variance=V, design=DESIGN), np.eye(4)[2:])
        assert (found.statistic[row], found.p_value[row]) == pytest.approx((alone.statistic, alone.p_value))


@pytest.mark.parametrize("contrast", [[1.0, 0.0], [[0, 1, 0, 0], [0, 2, 0, 0]], [0, 0, 0, 0], [0, np.nan, 0, 0]])
def test_a_contrast_that_asks_nothing_is_refused(contrast):
    with pytest.raises(DesignError, match="contrast"):
        coefficient_test(meta_regression(Y, variance=V, design=DESIGN), contrast)


def test_words_are_refused():
    with pytest.raises(InputError, match="contrast"):
        coefficient_test(meta_regression(Y, variance=V, design=DESIGN), ["a", "b", "c", "d"])
