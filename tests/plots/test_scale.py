"""Scales and ticks: monotone, round, and never crowded."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.plots.scale import Scale, crowded, linear_ticks, nice_step, padded, ticks

limits = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
spans = st.tuples(st.floats(-12, 12), st.floats(0.02, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(deadline=None)
@given(limits, st.floats(0, 1), st.sampled_from(["plain", "ratio", "percent"]))
def test_a_scale_puts_its_limits_at_its_ends_and_shares_between_them(bounds, share, shown):
    scale = Scale(*bounds, 20.0, 320.0, shown)
    value = bounds[0] + share * (bounds[1] - bounds[0])
    assert scale.place(bounds[0]) == 20.0
    assert scale.place(bounds[1]) == pytest.approx(320.0)
    assert scale.place(value) == pytest.approx(20.0 + 300.0 * share, abs=1e-3)


def test_a_root_scale_spaces_times_by_their_square_roots():
    scale = Scale(0.0, 16.0, 0.0, 100.0, "root")
    assert [scale.place(months) for months in (0.0, 1.0, 4.0, 9.0, 16.0)] == [0.0, 25.0, 50.0, 75.0, 100.0]


@settings(deadline=None)
@given(limits, st.floats(120, 400))
def test_ticks_of_numbers_are_on_the_axis_in_order_and_not_crowded(bounds, length):
    scale = Scale(*bounds, 0.0, length)
    found = ticks(scale)
    values = [value for value, _ in found]
    tolerance = 1e-6 * (bounds[1] - bounds[0])
    assert len(values) >= 2
    assert values == sorted(set(values))
    assert bounds[0] - tolerance <= values[0]
    assert values[-1] <= bounds[1] + tolerance
    assert len({label for _, label in found}) == len(found)


@settings(deadline=None)
@given(st.tuples(st.floats(-50, 50), st.floats(0.1, 50)), st.floats(120, 400))
def test_ticks_of_ordinary_numbers_are_equally_spaced_and_say_where_they_stand(pair, length):
    scale = Scale(pair[0], pair[0] + pair[1], 0.0, length)
    found = ticks(scale)
    gaps = [after - before for (before, _), (after, _) in pairwise(found)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps))
    for value, label in found:
        assert float(label.replace("−", "-")) == pytest.approx(value, abs=1e-9)
    assert not crowded(scale, found, 6.6, 9.0, level=True)


@settings(deadline=None)
@given(spans, st.floats(120, 400))
def test_ticks_of_ratios_are_ratios(bounds, length):
    scale = Scale(*bounds, 0.0, length, "ratio")
    found = ticks(scale)
    assume(all("10" not in label or len(label) < 6 for _, label in found) and len(found) > 2)
    for value, label in found:
        if "×" not in label and not any(sign in label for sign in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
            shown = float(label.replace(",", ""))
            assert math.exp(value) == pytest.approx(shown, rel=1e-6)


def test_an_ordinary_axis_of_odds_ratios_shows_the_usual_ticks():
    scale = Scale(math.log(0.09), math.log(11), 0.0, 200.0, "ratio")
    assert [label for _, label in ticks(scale)] == ["0.1", "0.2", "0.5", "1", "2", "5", "10"]


@pytest.mark.parametrize("bounds", [(-700.0, 700.0), (-1e5, 1e5), (600.0, 2000.0)])
def test_absurd_ratios_still_have_ticks(bounds):
    assert len(ticks(Scale(*bounds, 0.0, 200.0, "ratio"))) >= 2


@settings(deadline=None)
@given(st.floats(1e-9, 1e9))
def test_a_nice_step_is_not_below_the_rough_one_and_never_three_times_as_large(rough):
    assert rough * (1 - 1e-6) <= nice_step(rough) <= 3 * rough


def test_years_have_no_comma_and_large_numbers_have_one():
    years = [label for _, label in ticks(Scale(1990, 2021, 0, 300))]
    assert years == ["1990", "1995", "2000", "2005", "2010", "2015", "2020"]
    assert {"8,000", "12,000"} <= {label for _, label in ticks(Scale(8000, 21000, 0, 300))}


def test_linear_ticks_hold_zero_exactly():
    assert 0.0 in linear_ticks(-0.3, 0.3, 0.1)


@settings(deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_padded_limits_have_a_length_and_hold_what_was_given(low, span):
    bottom, top = padded(low, low + span)
    assert bottom < top
    assert bottom <= low
    assert low + span <= top


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1.98e10, 2.08e10, ["2.000×10¹⁰", "2.025×10¹⁰", "2.050×10¹⁰", "2.075×10¹⁰"]),
        (-5e-21, 1e-20, ["−5×10⁻²¹", "0", "5×10⁻²¹", "10⁻²⁰"]),
        (-1e9, 3e9, ["−10⁹", "0", "10⁹", "2×10⁹", "3×10⁹"]),
    ],
)
def test_ticks_of_huge_and_tiny_numbers_differ_from_each_other(low, high, labels):
    assert [label for _, label in ticks(Scale(low, high, 0, 200))] == labels
