"""Ratios, differences, Peto and arcsine of two arms with events."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures_binary import (
    arcsine_difference,
    odds_ratio,
    peto_odds_ratio,
    risk_difference,
    risk_ratio,
)

ALL = [risk_ratio, odds_ratio, risk_difference, peto_odds_ratio, arcsine_difference]
TABLES = [
    (4, 123, 11, 139),
    (1, 2, 1, 3),
    (999_999_999, 10**9, 999_999_998, 10**9),
    (1, 10**9, 2, 10**9),
    (500_000_000, 10**9, 500_000_001, 10**9),
    (3, 10**9, 7, 12),
]


def exact(measure, a, n1, c, n2):
    """Return estimate and variance to 40 digits, from the formulas as printed."""
    a, n1, c, n2 = map(mpmath.mpf, (a, n1, c, n2))
    b, d, p, q, n = n1 - a, n2 - c, a / n1, c / n2, n1 + n2
    information = n1 * n2 * (a + c) * (b + d) / (n**2 * (n - 1))
    return {
        risk_ratio: lambda: (mpmath.log(p / q), 1 / a - 1 / n1 + 1 / c - 1 / n2),
        odds_ratio: lambda: (mpmath.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d),
        risk_difference: lambda: (p - q, p * (1 - p) / n1 + q * (1 - q) / n2),
        peto_odds_ratio: lambda: ((a - (a + c) * n1 / n) / information, 1 / information),
        arcsine_difference: lambda: (
            mpmath.asin(mpmath.sqrt(p)) - mpmath.asin(mpmath.sqrt(q)),
            1 / (4 * n1) + 1 / (4 * n2),
        ),
    }[measure]()


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize("table", TABLES)
def test_estimate_and_variance_have_all_their_digits(measure, table):
    a, n1, c, n2 = table
    effect = measure(events_a=a, total_a=n1, events_b=c, total_b=n2)
    with mpmath.workdps(40):
        estimate, variance = map(float, exact(measure, *table))
    # A difference of two angles is good to their own rounding, 2e-16 of at most π/2 each.
    absolute = 5e-16 if measure is arcsine_difference else 0
    assert float(effect.estimate) == pytest.approx(estimate, rel=2e-15, abs=absolute)
    assert float(effect.variance) == pytest.approx(variance, rel=2e-15, abs=0)


@pytest.mark.parametrize("table", [(0, 10, 3, 12), (10, 10, 3, 12), (2, 10, 0, 12), (2, 10, 12, 12)])
@pytest.mark.parametrize("measure", [risk_ratio, odds_ratio, risk_difference])
def test_a_trial_with_an_empty_cell_gets_a_half_in_every_cell(measure, table):
    a, n1, c, n2 = table
    effect = measure(events_a=[a, 4], total_a=[n1, 9], events_b=[c, 5], total_b=[n2, 9])
    by_hand = measure(events_a=a + 0.5, total_a=n1 + 1, events_b=c + 0.5, total_b=n2 + 1)
    untouched = measure(events_a=4, total_a=9, events_b=5, total_b=9)
    np.testing.assert_array_equal(effect.estimate, [by_hand.estimate, untouched.estimate])
    np.testing.assert_array_equal(effect.variance, [by_hand.variance, untouched.variance])


@pytest.mark.parametrize("measure", [risk_ratio, odds_ratio])
@pytest.mark.parametrize(("a", "c"), [(0, 0), (10, 12)])
def test_a_double_zero_says_nothing_about_a_ratio(measure, a, c):
    columns = {"events_a": [a, 3], "total_a": 10, "events_b": [c, 4], "total_b": 12}
    assert measure(**columns).included.tolist() == [False, True]
    assert np.isnan(measure(**columns).estimate[0])
    assert measure(**columns, double_zero="keep").included.tolist() == [True, True]


@pytest.mark.parametrize("measure", [risk_ratio, odds_ratio])
def test_without_a_correction_a_trial_with_an_empty_cell_is_left_out(measure):
    columns = {"events_a": [0, 0, 3], "total_a": 10, "events_b": [2, 0, 4], "total_b": 12}
    for double_zero in ("drop", "keep"):
        effect = measure(**columns, add=0, double_zero=double_zero)
        assert effect.included.tolist() == [False, False, True]


def test_a_risk_difference_without_correction_leaves_out_only_what_has_no_variance():
    effect = risk_difference(events_a=[0, 0, 10, 10], total_a=10, events_b=[2, 0, 12, 0], total_b=12, add=0)
    assert effect.included.tolist() == [True, False, False, False]
    assert effect.estimate[0] == pytest.approx(-1 / 6)


def test_peto_needs_no_correction_and_has_no_answer_to_a_double_zero():
    effect = peto_odds_ratio(events_a=[0, 0, 10], total_a=10, events_b=[2, 0, 12], total_b=12)
    assert effect.included.tolist() == [True, False, False]
    assert effect.estimate[0] < 0


def test_the_arcsine_difference_takes_double_zeros_as_they_are():
    effect = arcsine_difference(events_a=[0, 10], total_a=10, events_b=[0, 12], total_b=12)
    np.testing.assert_array_equal(effect.estimate, [0.0, 0.0])
    assert effect.included.all()


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"events_a": -1}, "events_a: 1 of 1 value is not a count of 0 or more"),
        ({"total_b": 0}, "total_b: 1 of 1 value is not a number of patients"),
        ({"events_b": 140}, "more events than patients; found events_b = 140.0, total_b = 139.0"),
        ({"events_a": np.nan}, "events_a"),
        ({"total_a": None}, "total_a"),
    ],
)
def test_impossible_counts_are_refused_in_words(measure, fault, words):
    counts = {"events_a": 4, "total_a": 123, "events_b": 11, "total_b": 139}
    with pytest.raises(InputError, match=words):
        measure(**{**counts, **fault})


@pytest.mark.parametrize("measure", ALL)
def test_masked_trials_may_hold_anything(measure):
    counts = {"events_a": [4, 99], "total_a": [123, np.nan], "events_b": [11, -3], "total_b": [139, 0]}
    effect = measure(**counts, mask=[True, False])
    assert effect.included.tolist() == [True, False]
    assert np.isnan(effect.variance[1])


@pytest.mark.parametrize("add", [-0.5, 2, np.nan])
def test_a_correction_outside_0_to_1_is_refused(add):
    with pytest.raises(InputError, match=r"add is .*a number from 0 to 1"):
        odds_ratio(events_a=4, total_a=123, events_b=11, total_b=139, add=add)


def test_an_unknown_policy_for_double_zeros_is_refused():
    with pytest.raises(UnknownWordError, match="Known: drop, keep"):
        risk_ratio(events_a=4, total_a=123, events_b=11, total_b=139, double_zero="ignore")
