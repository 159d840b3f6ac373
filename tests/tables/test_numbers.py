from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.errors import Fault
from bmac_meta.tables.numbers import expected_number, number_complaint, number_value
from bmac_meta.tables.schema import read_package

MEAN = read_package().table("outcomes").field("mean")
NOT_REPORTED = "Leave the cell empty: an empty cell means not reported."
WORDING = "This is not a single number: leave the cell empty and keep the wording in notes."
ONE_NUMBER = "One number in a cell: limits go to ci_low and ci_high, quartiles to q1 and q3, extremes to min and max."
DATE = "A spreadsheet has turned the number into a date: type the number again in a text cell."
TOO_FAR = "No computer number is as large or as small as this: check the source."
ALONE = "Write the number alone, in the unit of the column (point)."
PLAIN = "Write a plain number such as 12 or -0.5, or leave the cell empty."

NO_NUMBERS = {
    "12,5": "Write 12.5: the decimal sign is a point.",
    "-0,5": "Write -0.5: the decimal sign is a point.",
    ",5": "Write .5: the decimal sign is a point.",
    "1,234": "Write 1234 if the comma separates thousands, 1.234 if it is a decimal comma.",
    "0,123": "Write 0.123: the decimal sign is a point.",
    "1,234,567": "Write 1234567: no thousands separator.",
    "1,234.5": "Write 1234.5: no thousands separator.",
    "1.234,5": "Write 1234.5: no thousands separator, a decimal point.",
    "1.234.567": "Write 1234567: no thousands separator.",
    "1 234.5": "Write 1234.5: no thousands separator.",
    "1\u00a0234": "Write 1234: no thousands separator.",
    "1'234": "Write 1234: no thousands separator.",
    "NR": NOT_REPORTED,
    "n.r.": NOT_REPORTED,
    "NA": NOT_REPORTED,
    "N/A": NOT_REPORTED,
    "#N/A": NOT_REPORTED,
    "nan": NOT_REPORTED,
    "NaN": NOT_REPORTED,
    "None": NOT_REPORTED,
    "not reported": NOT_REPORTED,
    "-": NOT_REPORTED,
    "–": NOT_REPORTED,
    "?": NOT_REPORTED,
    ".": NOT_REPORTED,
    "   ": "Leave the cell empty: it holds spaces only.",
    " 12": "Write 12, without spaces around it.",
    "12\u00a0": "Write 12, without spaces around it.",
    "<0.001": WORDING,
    ">= 3": WORDING,
    "≤5": WORDING,
    "~7": WORDING,
    "= 0.7462": WORDING,
    "=SUM(A1:A3)": "Formulas are not evaluated: write the number itself.",
    "=cmd()": "Formulas are not evaluated: write the number itself.",
    "12%": "Write the number without the percent sign, in the unit of the column (point).",
    "12,5 %": "Write the number without the percent sign, in the unit of the column (point).",
    "−3.5": "Write -3.5 with the hyphen of the keyboard; the sign here is U+2212.",
    "– 3": "Write -3 with the hyphen of the keyboard; the sign here is U+2013.",
    "12 ± 3": "Write the mean in mean, the spread in dispersion and its kind in dispersion_kind.",
    "12+/-3": "Write the mean in mean, the spread in dispersion and its kind in dispersion_kind.",
    "3-5": ONE_NUMBER,
    "3 to 5": ONE_NUMBER,
    "3–5": ONE_NUMBER,
    "[3; 5]": ONE_NUMBER,
    "12 (3 to 20)": ONE_NUMBER,
    "12 (3)": ONE_NUMBER,
    "3/10": "One number in a cell: write the first in events, the second in total.",
    "inf": "Infinity is not a printed number: leave the cell empty.",
    "-Infinity": "Infinity is not a printed number: leave the cell empty.",
    "1e400": TOO_FAR,
    "-1e400": TOO_FAR,
    "1e-400": TOO_FAR,
    "#DIV/0!": "A spreadsheet formula failed here: write the number itself.",
    "#REF!": "A spreadsheet formula failed here: write the number itself.",
    "12-Mar": DATE,
    "Mar-12": DATE,
    "2012-03-01": DATE,
    "01.Apr.2020": DATE,
    "'12": "Remove the apostrophe in front of the number.",
    "12 mm": ALONE,
    "12a": ALONE,
    "0x1F": ALONE,
    "1_000": ALONE,
    "12*": ALONE,
    "abc": PLAIN,
    "٣": PLAIN,
    "1e": ALONE,
    "--5": PLAIN,
}


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_what_only_looks_like_a_number_is_refused_with_what_to_do(cell):
    assert number_value(cell, MEAN) is None
    complaint = number_complaint(cell, MEAN)
    assert (complaint.expected, complaint.remedy) == ("a number", NO_NUMBERS[cell])


PLAIN_NUMBERS = {
    "12": 12.0,
    "-0.5": -0.5,
    "+3": 3.0,
    ".5": 0.5,
    "5.": 5.0,
    "1.5e-3": 0.0015,
    "007": 7.0,
    "0": 0.0,
    "-0.0": 0.0,
    "0e99": 0.0,
    "65.10": 65.1,
}


@pytest.mark.parametrize(("cell", "value"), PLAIN_NUMBERS.items())
def test_plain_numbers_are_read(cell, value):
    assert number_value(cell, MEAN) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read_back_from_its_own_text(number):
    assert number_value(repr(number), MEAN) == number


@given(st.text(max_size=30))
def test_no_text_becomes_nan_or_infinite(text):
    value = number_value(text, MEAN)
    assert value is None or math.isfinite(value)
    if value is None:
        assert number_complaint(text, MEAN).remedy.endswith(".")


def test_a_text_of_a_hundred_thousand_letters_is_judged_at_once():
    for text in ("1," * 50_000, "9" * 100_000 + "x", " " * 50_000 + "1" + " x" * 25_000, "1 (" * 30_000):
        assert number_value(text, MEAN) is None
        assert number_complaint(text, MEAN).remedy == PLAIN


COUNT = "Check the source: this is a count. Leave the cell empty if it is not reported."
POSITIVE = "Check the source: this cannot be zero or negative. Leave the cell empty if it is not reported."
UNIT = "Check the number and its unit against the source."


@pytest.mark.parametrize(
    ("table", "row", "column", "cell", "expected", "remedy"),
    [
        ("outcomes", 2, "dispersion", "-20", "a number above 0", POSITIVE),
        ("outcomes", 2, "dispersion", "0", "a number above 0", POSITIVE),
        ("outcomes", 2, "n", "0", "a whole number of at least 1", COUNT),
        ("outcomes", 2, "n", "-38", "a whole number of at least 1", COUNT),
        ("outcomes", 2, "n", "38.5", "a whole number of at least 1", COUNT),
        ("outcomes", 2, "n", "1e30", "a whole number of at least 1", COUNT),
        ("outcomes", 4, "events", "-1", "a whole number of at least 0", COUNT),
        ("outcomes", 4, "total", "0", "a whole number of at least 1", COUNT),
        ("outcomes", 2, "timepoint_months", "-1", "a number of at least 0", UNIT),
        ("contrasts", 2, "se", "0", "a number above 0", POSITIVE),
        ("contrasts", 2, "p_value", "1.2", "a number of at least 0 and of at most 1", UNIT),
        (
            "contrasts",
            2,
            "p_value",
            "<0.001",
            "a number of at least 0 and of at most 1",
            "This is not a single number: leave the cell empty and keep the wording in p_value_text.",
        ),
        (
            "contrasts",
            2,
            "ci_level",
            "0.95",
            "a number of at least 50 and below 100",
            "Write the level in per cent: 95.",
        ),
        ("contrasts", 2, "ci_level", "100", "a number of at least 50 and below 100", UNIT),
        ("studies", 2, "year", "19", "a whole number of at least 1900 and of at most 2100", COUNT),
    ],
)
def test_a_number_outside_its_limits_is_placed(faults_with, table, row, column, cell, expected, remedy):
    assert faults_with(table, (row, column, cell)) == [Fault(f"{table}.csv", row, column, repr(cell), expected, remedy)]


def test_a_whole_number_may_be_written_with_a_point():
    count = read_package().table("outcomes").field("n")
    assert number_value("38.0", count) == 38.0
    assert expected_number(count) == "a whole number of at least 1"
