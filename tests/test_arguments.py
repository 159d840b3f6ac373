from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from bmac_meta.arguments import (
    as_real,
    at_most,
    one_number,
    one_of,
    one_seed,
    one_share,
    several,
    several_numbers,
    whole_number,
    yes_or_no,
)
from bmac_meta.errors import InputError, UnknownWordError

NO_NUMBERS = ["1", None, True, np.True_, np.nan, pd.NA, pd.NaT, [1], {1: 1}, 1 + 2j, np.array([1.0, 2.0]), object()]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_refused_with_what_was_given(value):
    for check in (
        lambda: one_number("threshold", value, "a number"),
        lambda: one_share("threshold", value),
        lambda: whole_number("threshold", value),
    ):
        with pytest.raises(InputError, match=r"threshold is .*; it must be"):
            check()


def test_numbers_of_every_library_are_numbers():
    for value in (2, 2.0, np.int64(2), np.float32(2), np.array(2), Decimal(2)):
        assert one_number("x", value, "a number") == 2.0
        assert whole_number("x", value) == 2


def test_a_number_too_large_for_a_float_is_infinite():
    assert as_real(10**400) == np.inf
    with pytest.raises(InputError, match="it must be a whole number of 1 or more"):
        whole_number("draws", 10**400)


@pytest.mark.parametrize("value", [0, -1, 0.5, np.inf])
def test_a_count_is_a_whole_number_from_1_on(value):
    with pytest.raises(InputError, match=f"draws is {value}; it must be a whole number of 1 or more"):
        whole_number("draws", value)


@pytest.mark.parametrize("value", [0, 1, 95, -0.1])
def test_a_level_in_percent_is_no_share(value):
    with pytest.raises(InputError, match=f"level is {value}; it must be one share between 0 and 1, such as 0.95"):
        one_share("level", value)


@pytest.mark.parametrize("seed", ["a", -1, 1.0, True, None, np.nan, [1]], ids=repr)
def test_a_seed_is_a_whole_number_from_0_on(seed):
    with pytest.raises(InputError, match=r"seed is .*; it must be a whole number of 0 or more"):
        one_seed(seed)
    assert one_seed(np.int64(3)) == 3


def test_only_true_and_false_say_yes_or_no():
    assert yes_or_no("logged", np.False_) is False
    for value in ("no", 0, 1, None, pd.NA):
        with pytest.raises(InputError, match=r"logged is .*; it must be True or False"):
            yes_or_no("logged", value)


@pytest.mark.parametrize("value", [1.0, "12", b"12", {1.0: 2}, [], None, np.array(1.0)], ids=repr)
def test_a_list_of_numbers_is_a_list(value):
    with pytest.raises(InputError, match=r"contours is .*; it must be a list, and each of it a size"):
        several_numbers("contours", value, "a size")


def test_the_number_of_a_list_that_does_not_fit_is_told():
    assert several_numbers("ratios", (r for r in (1, 2.5)), "a ratio") == (1.0, 2.5)
    with pytest.raises(InputError, match="ratio is 'x'; it must be a ratio"):
        several_numbers("ratios", [1, "x"], "a ratio")


def test_one_thing_or_several_are_taken():
    assert several("months", 6) == (6,)
    assert several("on", ["pain", "function"]) == ("pain", "function")
    with pytest.raises(InputError, match="on is None; it must be a list"):
        several("on", None)


@pytest.mark.parametrize("word", ["b", None, [1], {}, pd.NA, np.array([1])], ids=repr)
def test_a_name_that_is_not_there_is_answered_with_those_that_are(word):
    with pytest.raises(UnknownWordError, match=r"There is no column of these effects .* Known: a, 1"):
        one_of(word, ["a", 1])
    assert one_of(1, ["a", 1]) == 1


def test_more_than_can_be_worked_with_is_refused():
    at_most(10, 10, "trials", "this")
    with pytest.raises(InputError, match="There are 11 trials, and this is for 10 at most"):
        at_most(10, 11, "trials", "this")
