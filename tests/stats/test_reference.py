"""The reference distributions."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import betainc, gammainc, inf, mp, mpf

from bmac_meta.stats.reference import critical, two_sided, upper_chi2, upper_f


@pytest.mark.parametrize("df", [1, 2, 5, 12, 120])
def test_critical_values_and_p_values_of_t_are_inverse_to_each_other_and_exact(df: int) -> None:
    value = critical(0.95, np.array([float(df)]))
    with mp.workdps(30):
        t = mpf(float(value[0]))
        tail = betainc(mpf(df) / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True)
    assert float(tail) == pytest.approx(0.05, rel=1e-13)
    assert two_sided(value, np.array([float(df)]))[0] == pytest.approx(0.05, rel=1e-13)


def test_infinite_degrees_of_freedom_are_the_normal() -> None:
    assert critical(0.95, np.array([np.inf]))[0] == pytest.approx(1.959963984540054, rel=1e-14)
    assert two_sided(np.array([1.959963984540054]), np.array([np.inf]))[0] == pytest.approx(0.05, rel=1e-14)


def test_no_degrees_of_freedom_have_no_distribution() -> None:
    assert np.isnan(critical(0.95, np.array([0.0]))[0])
    assert np.isnan(two_sided(np.array([1.0]), np.array([0.0]))[0])
    assert upper_chi2(np.array([0.0]), np.array([0.0]))[0] == 1.0


def test_many_and_few_degrees_of_freedom_take_the_same_values() -> None:
    df = np.arange(1.0, 400.0)
    assert np.array_equal(critical(0.9, df)[:10], critical(0.9, df[:10]))
    assert np.array_equal(critical(0.9, np.repeat(df[:3], 100))[::100], critical(0.9, df[:3]))


def test_tails_of_chi_squared_and_f_are_exact() -> None:
    with mp.workdps(30):
        chi2 = float(gammainc(mpf(3), mpf("4.5") / 1, inf, regularized=True))
        f = float(betainc(mpf(7) / 2, mpf(2) / 2, 0, mpf(7) / (7 + 2 * mpf("3.5")), regularized=True))
    assert upper_chi2(np.array([9.0]), np.array([6.0]))[0] == pytest.approx(chi2, rel=1e-13)
    assert upper_f(np.array([3.5]), np.array([2.0]), np.array([7.0]))[0] == pytest.approx(f, rel=1e-13)
    assert upper_f(np.array([1.5]), np.array([6.0]), np.array([np.inf]))[0] == pytest.approx(chi2, rel=1e-13)
