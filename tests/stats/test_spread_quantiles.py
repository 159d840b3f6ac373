"""Means and standard deviations from quartiles and ranges."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.spread_quantiles import (
    mean_from_five_numbers,
    mean_from_quartiles,
    mean_from_range,
    sd_from_five_numbers,
    sd_from_iqr,
    sd_from_quartiles,
    sd_from_range,
)

FIVE = {"minimum": 2, "q1": 6, "median": 9, "q3": 17, "maximum": 41}
# The five numbers above at three sizes, by metafor 4.4, conv.fivenum(..., test = FALSE): the mean and the SD
# from the range, the same from the quartiles, the mean from all five.
METAFOR = {
    7: (15.021544795358952, 14.29106691143328, 10.889285714285714, 10.103962147784886, 14.361220613598714),
    30: (11.972897250696676, 9.5575055212413016, 10.782500000000001, 8.5626224066574625, 12.3038216208361),
    100: (10.403596372036779, 7.804399930371213, 10.75975, 8.2742542328822122, 11.420082492316839),
}


def part(*names):
    return {name: FIVE[name] for name in names}


@pytest.mark.parametrize("n", METAFOR)
def test_means_and_sds_are_those_of_another_program(n):
    answers = (
        mean_from_range(**part("minimum", "median", "maximum"), n=n),
        sd_from_range(**part("minimum", "maximum"), n=n),
        mean_from_quartiles(**part("q1", "median", "q3"), n=n),
        sd_from_quartiles(**part("q1", "q3"), n=n),
        mean_from_five_numbers(**FIVE, n=n),
    )
    np.testing.assert_allclose(answers, METAFOR[n], rtol=1e-14)


def test_the_sd_from_five_numbers_weighs_range_and_quartiles():
    # n = 20 with 3, 8, 10, 13, 20: weight 0.70304, SD 4.3833 (metafor 4.6, conv.fivenum).
    sd = sd_from_five_numbers(minimum=3, q1=8, q3=13, maximum=20, n=20)
    outer, inner = sd_from_range(minimum=3, maximum=20, n=20), sd_from_quartiles(q1=8, q3=13, n=20)
    assert float(sd) == pytest.approx(0.70304 * outer + 0.29696 * inner, abs=1e-5)
    assert round(float(sd), 4) == 4.3833


def test_the_width_between_the_quartiles_is_enough_for_an_sd():
    assert sd_from_iqr(iqr=11, n=30) == sd_from_quartiles(q1=6, q3=17, n=30)


@pytest.mark.parametrize("n", [9, 25, 101])
def test_the_formulas_are_nearly_unbiased_for_normal_data(n):
    rng = np.random.default_rng(n)
    sample = np.sort(rng.normal(50, 10, (40_000, n)), axis=1)
    quarter = (n - 1) // 4
    q1, median, q3 = sample[:, quarter], sample[:, n // 2], sample[:, n - 1 - quarter]
    ends = {"minimum": sample[:, 0], "maximum": sample[:, -1]}
    inner = {"q1": q1, "q3": q3}
    # The authors report a bias of at most 2 or 3 % of the SD for such sizes; Monte Carlo error is below 0.1.
    for sd in (
        sd_from_range(**ends, n=n),
        sd_from_quartiles(**inner, n=n),
        sd_from_five_numbers(**ends, **inner, n=n),
    ):
        assert sd.mean() == pytest.approx(10, rel=0.04)
    for mean in (
        mean_from_range(**ends, median=median, n=n),
        mean_from_quartiles(**inner, median=median, n=n),
        mean_from_five_numbers(**ends, **inner, median=median, n=n),
    ):
        assert mean.mean() == pytest.approx(50, abs=0.1)


def test_a_huge_arm_loses_no_digits():
    # Blom's score of the largest of 1e15 values: the upper tail 0.625/(1e15 + 0.25).
    sd = float(sd_from_range(minimum=-1, maximum=1, n=1e15))
    assert sd == pytest.approx(1 / 8.0016, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sd_from_quartiles(q1=5, q3=4, n=20), "q1 ≤ q3 does not hold; found q1 = 5.0, q3 = 4.0"),
        (lambda: sd_from_quartiles(q1=5, q3=5, n=20), "q1 and q3 are equal"),
        (lambda: sd_from_range(minimum=5, maximum=5, n=20), "minimum and maximum are equal"),
        (lambda: sd_from_quartiles(q1=4, q3=5, n=4), "fewer than 5 patients"),
        (lambda: sd_from_iqr(iqr=-1, n=20), "iqr: 1 of 1 value"),
        (lambda: sd_from_iqr(iqr=1, n=4), "fewer than 5 patients"),
        (lambda: mean_from_quartiles(q1=4, median=3, q3=5, n=20), "q1 ≤ median ≤ q3 does not hold"),
        (lambda: mean_from_five_numbers(**{**FIVE, "q3": 50}, n=20), "does not hold"),
        (lambda: mean_from_range(minimum=0, median=[1, 9], maximum=5, n=20), "at position 1"),
        (lambda: mean_from_range(minimum=0, median=np.nan, maximum=5, n=20), "median: 1 of 1 value"),
    ],
)
def test_summaries_that_can_not_be_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_median_on_a_quartile_is_allowed():
    assert float(mean_from_quartiles(q1=4, median=4, q3=10, n=20)) == pytest.approx(0.7195 * 7 + 0.2805 * 4)
