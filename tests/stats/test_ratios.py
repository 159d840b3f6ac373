"""Logarithms of ratios."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.stats.ratios import log_ratio


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [(1, 1), (1, 3), (3, 1), (1e18, 1), (1, 1e18), (1e9 + 1, 1e9), (5e17, 5e17 + 64), (1e-30, 1e30)],
)
def test_the_logarithm_of_a_ratio_has_all_its_digits(numerator, denominator):
    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.mpf(numerator) / mpmath.mpf(denominator)))
    assert float(log_ratio(numerator, denominator)) == pytest.approx(exact, rel=4e-16, abs=0)


def test_swapping_turns_the_sign_and_no_digit():
    rng = np.random.default_rng(1)
    a, b = np.exp(rng.normal(0, 5, (2, 1000)))
    np.testing.assert_array_equal(log_ratio(a, b), -log_ratio(b, a))
