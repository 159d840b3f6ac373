"""The small-sample correction J."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.hedges import (
    SERIES_FROM,
    hedges_correction,
    smd_correction,
    unbiased_variance_factor,
)


def exact_correction(df):
    with mpmath.workdps(60):
        m = mpmath.mpf(df)
        return float(mpmath.exp(mpmath.loggamma(m / 2) - mpmath.log(m / 2) / 2 - mpmath.loggamma((m - 1) / 2)))


@pytest.mark.parametrize("df", [2, 3, 4, 5, 7, 10, 20, 50, 79, 80, 81, 100, 341, 1000, 10**4, 10**5, 10**6, 10**9])
def test_the_correction_has_all_its_digits(df):
    assert float(hedges_correction(df)) == pytest.approx(exact_correction(df), rel=1e-15, abs=0)


@pytest.mark.parametrize("df", [1.0001, 1.5, 2.7, 17.3, SERIES_FROM - 1e-9, SERIES_FROM + 1e-9])
def test_the_correction_is_exact_for_fractional_degrees_of_freedom(df):
    # Near 1 the correction is proportional to df − 1, which is itself rounded.
    assert float(hedges_correction(df)) == pytest.approx(exact_correction(df), rel=2e-15, abs=0)


@pytest.mark.parametrize("df", [2, 3, 10, 79, 80, 200, 10**4, 10**6, 10**9])
def test_the_factor_of_the_unbiased_variance_has_all_its_digits(df):
    with mpmath.workdps(60):
        m = mpmath.mpf(df)
        j = mpmath.exp(mpmath.loggamma(m / 2) - mpmath.loggamma((m - 1) / 2)) / mpmath.sqrt(m / 2)
        exact = float(1 - (m - 2) / (m * j**2))
    # Below 80 degrees of freedom it is a difference from 1, which costs at most the two digits of df.
    assert float(unbiased_variance_factor(np.float64(df))) == pytest.approx(exact, rel=1e-13, abs=0)


def test_the_correction_rises_to_one():
    factors = hedges_correction(np.arange(2, 2000))
    assert (np.diff(factors) > 0).all()
    assert (factors < 1).all()
    assert float(hedges_correction(1e30)) == pytest.approx(1)


@pytest.mark.parametrize("df", [1, 0.5, 0, -3, np.nan])
def test_one_degree_of_freedom_or_fewer_is_refused(df):
    with pytest.raises(InputError):
        hedges_correction([10, df])


def test_the_approximation_and_no_correction_go_by_name():
    df = np.array([10.0])
    assert smd_correction(df, "approximate")[0] == 1 - 3 / 39
    assert smd_correction(df, "none")[0] == 1
    with pytest.raises(UnknownWordError, match="did you mean 'exact'"):
        smd_correction(df, "exakt")
