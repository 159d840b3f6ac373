"""Events under two treatments in the same patients."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.measures_binary import odds_ratio, risk_difference, risk_ratio
from bmac_meta.stats.paired_binary import paired_odds_ratio, paired_risk_difference, paired_risk_ratio

PAIRED = {"RR": paired_risk_ratio, "OR": paired_odds_ratio, "RD": paired_risk_difference}
PARALLEL = {"RR": risk_ratio, "OR": odds_ratio, "RD": risk_difference}
# 55 pairs: 20 with both events, 10 with the first, 5 with the second, 20 with none.
BOTH, FIRST, SECOND, NONE = 20, 10, 5, 20
PHI = (BOTH * NONE - FIRST * SECOND) / (30 * 25 * 25 * 30) ** 0.5
PAIR = {"events_a": 30, "events_b": 25, "total": 55, "r": PHI}


def test_the_variance_of_the_risk_difference_is_that_of_the_paired_table():
    # (b + c − (b − c)²/n)/n² with b and c the discordant pairs.
    exact = (FIRST + SECOND - (FIRST - SECOND) ** 2 / 55) / 55**2
    assert float(paired_risk_difference(**PAIR).variance) == pytest.approx(exact, rel=1e-13)


def test_the_variance_of_the_risk_ratio_is_that_of_the_paired_table():
    # (b + c)/((a + b)(a + c)) with a the pairs with both events.
    exact = (FIRST + SECOND) / ((BOTH + FIRST) * (BOTH + SECOND))
    assert float(paired_risk_ratio(**PAIR).variance) == pytest.approx(exact, rel=1e-13)


def test_the_variance_of_the_odds_ratio_is_that_of_the_paired_table():
    # Becker & Balagtas 1993: the sum of the reciprocal margins less 2·n·(ad − bc)/(product of the margins).
    margins = 30 * 25 * 25 * 30
    exact = 1 / 30 + 1 / 25 + 1 / 25 + 1 / 30 - 2 * 55 * (BOTH * NONE - FIRST * SECOND) / margins
    assert float(paired_odds_ratio(**PAIR).variance) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("code", PAIRED)
def test_without_correlation_a_paired_design_is_two_parallel_arms(code):
    pair = PAIRED[code](**{**PAIR, "r": 0})
    arms = PARALLEL[code](events_a=30, total_a=55, events_b=25, total_b=55)
    assert float(pair.estimate) == pytest.approx(float(arms.estimate), rel=1e-14)
    assert float(pair.variance) == pytest.approx(float(arms.variance), rel=1e-14)


@pytest.mark.parametrize("code", PAIRED)
def test_an_empty_cell_gets_a_half_and_a_double_zero_has_no_ratio(code):
    effect = PAIRED[code](events_a=[0, 0, 9], events_b=[2, 0, 9], total=9, r=0)
    by_hand = PAIRED[code](events_a=0.5, events_b=2.5, total=10, r=0)
    assert effect.estimate[0] == by_hand.estimate
    assert effect.included.tolist() == [True, code == "RD", code == "RD"]


@pytest.mark.parametrize("code", PAIRED)
@pytest.mark.parametrize(("events_a", "events_b", "r"), [(2, 20, 0.5), (5, 20, -0.9), (30, 25, 0.99)])
def test_a_correlation_that_the_two_risks_can_not_have_is_refused(code, events_a, events_b, r):
    with pytest.raises(InputError, match="can't have this correlation"):
        PAIRED[code](events_a=events_a, events_b=events_b, total=55, r=r)


def test_the_highest_possible_correlation_is_allowed():
    # All 25 patients with an event under B among the 30 under A.
    r = (25 * 25 - 5 * 0) / (30 * 25 * 25 * 30) ** 0.5
    assert paired_risk_ratio(**{**PAIR, "r": r}).included


@pytest.mark.parametrize("code", PAIRED)
def test_impossible_counts_are_refused_and_masked_ones_ignored(code):
    with pytest.raises(InputError, match="more events than patients"):
        PAIRED[code](**{**PAIR, "events_b": 56})
    columns = {name: [value, np.nan] for name, value in PAIR.items()}
    assert PAIRED[code](**columns, mask=[True, False]).included.tolist() == [True, False]
