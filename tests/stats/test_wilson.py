"""Wilson's interval: published limits, its own equation, and its ends."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.wilson import wilson_interval

# Newcombe 1998, Stat Med 17:857, Table I, method 3: 81/263, 15/148, 0/20, 1/29, four printed digits.
NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


@pytest.mark.parametrize(("events", "total", "low", "high"), NEWCOMBE)
def test_the_limits_are_those_of_newcombes_table(events, total, low, high):
    found = wilson_interval(events=events, total=total)
    assert found == pytest.approx((low, high), abs=5.1e-5)  # half a unit of the last printed digit


def test_each_limit_solves_the_score_equation():
    events, total, z = np.array([3.0, 10.0, 19.0]), 20.0, 1.959963984540054
    for limit in wilson_interval(events=events, total=total):
        score = (events / total - limit) / np.sqrt(limit * (1 - limit) / total)
        assert np.abs(score) == pytest.approx(np.full(3, z), rel=1e-10)  # a closed form: rounding only


def test_the_interval_has_a_width_and_stays_in_bounds_at_both_ends():
    low, high = wilson_interval(events=[0, 20], total=[20, 20])
    assert (low[0], high[1]) == (0.0, 1.0)
    assert high[0] > 0.1
    assert low[1] < 0.9


def test_more_events_than_patients_are_refused():
    with pytest.raises(InputError, match="events"):
        wilson_interval(events=3, total=2)


def test_masked_shares_have_no_interval_and_the_others_their_own():
    events, total = np.array([[81.0, np.nan], [30.0, 1.0]]), np.array([[263.0, 5.0], [20.0, 29.0]])
    mask = np.array([[True, False], [False, True]])
    low, high = wilson_interval(events=events, total=total, mask=mask)
    for row, column in ((0, 0), (1, 1)):
        alone = wilson_interval(events=events[row, column], total=total[row, column])
        assert (low[row, column], high[row, column]) == alone
    assert np.isnan([low[0, 1], low[1, 0], high[0, 1], high[1, 0]]).all()
    with pytest.raises(InputError, match="events"):
        wilson_interval(events=events, total=total)


def test_limits_of_any_share_are_shares():
    total = np.arange(1.0, 400.0)
    for events in (np.zeros_like(total), total):
        low, high = wilson_interval(events=events, total=total, level=0.999)
        assert (low >= 0).all()
        assert (high <= 1).all()
        assert (high > low).all()
