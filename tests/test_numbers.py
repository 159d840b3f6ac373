from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.numbers import (
    MINUS,
    count_noun,
    fine_decimals,
    format_interval,
    format_number,
    format_p,
    format_percent,
    format_power,
    format_ratio,
)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.408, 2, "−0.41"),
        (-0.0049, 2, "0.00"),
        (0.0, 1, "0.0"),
        (1234567.891, 1, "1,234,567.9"),
        (math.inf, 2, "∞"),
        (-math.inf, 2, "−∞"),
        (math.nan, 2, ""),
        (2.5e12, 2, "2.5×10¹²"),
    ],
)
def test_numbers_have_true_minus_signs_and_no_minus_zero(value, decimals, text):
    assert format_number(value, decimals) == text


@given(st.floats(-1e8, 1e8), st.integers(0, 4))
def test_a_written_number_reads_back_to_its_decimals(value, decimals):
    text = format_number(value, decimals)
    assert "-" not in text
    back = float(text.replace(MINUS, "-").replace(",", ""))
    assert abs(back - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9) + 1e-9 * abs(value)
    assert not text.startswith(MINUS) or back < 0


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.025, "p = .025"), (0.0009, "p < .001"), (0.99951, "p > .999"), (0.05, "p = .050"), (0.0, "p < .001")],
)
def test_p_has_three_decimals_and_no_leading_zero(p, text):
    assert format_p(p) == text


def test_an_interval_has_a_word_between_its_limits():
    assert format_interval(-0.78, -0.04) == "−0.78 to −0.04"


@pytest.mark.parametrize(
    ("value", "text"), [(0.004, "<0.01"), (0.5, "0.50"), (1500.4, "1,500"), (0.006, "0.01"), (0.0, "0.00")]
)
def test_a_small_ratio_is_less_than_something_not_zero(value, text):
    assert format_ratio(value) == text


def test_shares_and_powers_and_counts():
    assert (format_percent(0.0249), format_percent(math.nan)) == ("2.5%", "")
    assert (format_power(1e6), format_power(-3.2e-7)) == ("10⁶", "−3.2×10⁻⁷")
    assert (count_noun(1, "study", "studies"), count_noun(1200, "trial")) == ("1 study", "1,200 trials")


def test_a_power_of_ten_has_as_many_decimals_as_are_asked_for():
    assert format_number(2.0415e10, 0, 4) == "2.0415×10¹⁰"
    assert format_interval(-4e-20, 3e-21, 21, 1) == "−4×10⁻²⁰ to 3×10⁻²¹"
    assert format_number(0.0, 21) == "0"
    assert format_power(-1e9) == "−10⁹"


@pytest.mark.parametrize(
    ("se", "usual", "decimals"),
    [(0.2, 2, 2), (0.01, 2, 2), (0.0099, 2, 4), (0.0001, 2, 5), (3.0, 0, 0), (0.0, 2, 2), (math.nan, 1, 1)],
)
def test_there_are_more_decimals_only_where_a_standard_error_is_below_the_usual_ones(se, usual, decimals):
    assert fine_decimals(se, usual) == decimals
