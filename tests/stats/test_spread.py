"""Standard deviations and errors from what papers print."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.spread import (
    change_sd,
    correlation_from_sds,
    pooled_sd,
    sd_from_ci,
    sd_from_difference_se,
    sd_from_se,
    se_from_ci,
    se_from_p,
    se_from_ratio_ci,
    se_from_t,
)


def upper_tail_of_t(t, df):
    """Return P(T > t) to 40 digits."""
    t, df = mpmath.mpf(t), mpmath.mpf(df)
    return mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, df / (df + t**2), regularized=True) / 2


@pytest.mark.parametrize("n", [2, 3, 12, 25, 400])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_sd_from_an_interval_of_a_mean_gives_back_the_level(n, level):
    sd = float(sd_from_ci(low=10, high=12, n=n, level=level))
    with mpmath.workdps(40):
        quantile = mpmath.sqrt(n) / mpmath.mpf(sd)
        assert float(upper_tail_of_t(quantile, n - 1)) == pytest.approx((1 - level) / 2, rel=1e-13)


def test_the_normal_quantile_goes_by_name():
    # 1.959963984540054 is the 97.5 % point of the normal distribution.
    expected = 5 * 12 / (2 * 1.959963984540054)
    assert float(sd_from_ci(low=44, high=56, n=25, quantile="z")) == pytest.approx(expected, rel=1e-15)
    assert float(se_from_ci(low=44, high=56)) == pytest.approx(expected / 5, rel=1e-15)
    with pytest.raises(UnknownWordError, match="Known: t, z"):
        sd_from_ci(low=44, high=56, n=25, quantile="normal")


def test_t_makes_a_smaller_sd_than_z_and_nearly_the_same_in_large_arms():
    t, z = (sd_from_ci(low=0, high=1, n=[12, 10**6], quantile=name) for name in ("t", "z"))
    assert t[0] < 0.9 * z[0]
    assert t[1] == pytest.approx(z[1], rel=1e-5)


@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.008, 0.05, 0.5, 0.999])
@pytest.mark.parametrize("df", [1, 45, 10**4])
def test_the_se_from_a_p_value_gives_back_the_p_value(p, df):
    se = float(se_from_p(estimate=-3.8, p=p, df=df))
    with mpmath.workdps(40):
        assert float(2 * upper_tail_of_t(mpmath.mpf(3.8) / mpmath.mpf(se), df)) == pytest.approx(p, rel=1e-11)


def test_the_se_from_a_p_value_without_degrees_of_freedom_is_normal():
    assert float(se_from_p(estimate=1.959963984540054, p=0.05)) == pytest.approx(1, rel=1e-14)


def test_the_se_of_a_log_ratio_comes_from_the_logarithms_of_its_limits():
    se = se_from_ratio_ci(low=[0.5, 0.999999], high=[2, 1.000001])
    with mpmath.workdps(40):
        z = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(0.95))
        exact = [
            float(mpmath.log(mpmath.mpf(h) / mpmath.mpf(low)) / (2 * z)) for low, h in [(0.5, 2), (0.999999, 1.000001)]
        ]
    np.testing.assert_allclose(se, exact, rtol=1e-14)


def test_the_se_from_a_t_value_has_no_sign():
    assert float(se_from_t(estimate=-3, t=2)) == float(se_from_t(estimate=3, t=-2)) == 1.5


def test_an_sd_of_change_and_the_correlation_undo_each_other():
    for r in (-0.9, 0.0, 0.5, 0.999):
        sd = change_sd(sd_baseline=6.4, sd_final=7.1, r=r)
        assert float(correlation_from_sds(sd_baseline=6.4, sd_final=7.1, sd_change=sd)) == pytest.approx(r, abs=1e-14)


def test_an_sd_of_change_keeps_its_digits_for_a_correlation_near_1():
    r = 1 - 1e-13
    with mpmath.workdps(40):
        exact = float(mpmath.sqrt(2 * 9 * (1 - mpmath.mpf(r))))
    assert float(change_sd(sd_baseline=3, sd_final=3, r=r)) == pytest.approx(exact, rel=1e-14)


def test_the_sd_of_both_arms_gives_back_the_se_of_their_difference():
    sd = float(sd_from_difference_se(se=1.37, n_a=25, n_b=22))
    assert (sd**2 / 25 + sd**2 / 22) ** 0.5 == pytest.approx(1.37, rel=1e-14)
    assert float(pooled_sd(sd_a=sd, n_a=25, sd_b=sd, n_b=22)) == pytest.approx(sd, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: sd_from_ci(low=3, high=2, n=9),
            "lower limit is not below the upper one; found low = 3.0, high = 2.0",
        ),
        (lambda: sd_from_ci(low=2, high=2, n=9), "lower limit is not below"),
        (lambda: sd_from_ci(low=1, high=2, n=1), "one patient has no standard deviation"),
        (
            lambda: sd_from_ci(low=1, high=2, n=9, level=95),
            "level: 1 of 1 value is not a number strictly between 0 and 1",
        ),
        (lambda: se_from_ratio_ci(low=0, high=2), "low: 1 of 1 value is not a finite number above 0"),
        (lambda: se_from_ratio_ci(low=-1, high=2), "low"),
        (lambda: se_from_p(estimate=0, p=0.5), "from which no standard error follows"),
        (lambda: se_from_p(estimate=2, p=0), "p: 1 of 1 value is not a number strictly between 0 and 1"),
        (lambda: se_from_p(estimate=2, p=1), "p: 1 of 1 value"),
        (lambda: se_from_p(estimate=2, p=0.05, df=0), "df: 1 of 1 value"),
        (lambda: se_from_t(estimate=2, t=0), "t is 0"),
        (lambda: sd_from_se(se=-1, n=9), "se: 1 of 1 value"),
        (lambda: sd_from_se(se=1, n=0), "n: 1 of 1 value is not a number of patients"),
        (lambda: sd_from_difference_se(se=1, n_a=0, n_b=4), "n_a"),
        (lambda: pooled_sd(sd_a=1, n_a=1, sd_b=1, n_b=1), "fewer than 3 patients"),
        (lambda: change_sd(sd_baseline=1, sd_final=1, r=1), "r: 1 of 1 value is not a correlation"),
        (lambda: change_sd(sd_baseline=-1, sd_final=1, r=0.5), "sd_baseline"),
        (lambda: correlation_from_sds(sd_baseline=1, sd_final=1, sd_change=3), "no correlation fits"),
        (lambda: correlation_from_sds(sd_baseline=5, sd_final=1, sd_change=3), "no correlation fits"),
        (lambda: correlation_from_sds(sd_baseline=0, sd_final=1, sd_change=1), "sd_baseline"),
        (lambda: sd_from_se(se=[1, np.nan], n=9), "at position 1"),
    ],
)
def test_what_can_not_be_is_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()
