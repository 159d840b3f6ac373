from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.narrowing import asked_for, floats_in, matching, settled

COLUMN = pd.Series(["rct", "cohort", None, "rct"], name="design")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("rct", [True, False, False, True]),
        (["rct", "cohort"], [True, True, False, True]),
        ({"cohort"}, [False, True, False, False]),
        (lambda word: word.startswith("c"), [False, True, False, False]),
        (lambda word: True, [True, True, False, True]),
    ],
)
def test_cells_are_matched_and_an_empty_one_never_is(wanted, found):
    assert matching(COLUMN, wanted, "these studies").tolist() == found


def test_numbers_are_matched_in_nullable_columns_too():
    column = pd.Series([1, None, 3], dtype="Int64", name="n_injections")
    assert matching(column, 3, "these arms").tolist() == [False, False, True]
    assert matching(column, lambda n: n < 3, "these arms").tolist() == [True, False, False]


def test_what_is_not_there_is_answered():
    with pytest.raises(UnknownWordError, match="There is no design among these studies: 'rtc'; did you mean 'rct'"):
        matching(COLUMN, ["rct", "rtc"], "these studies")
    with pytest.raises(InputError, match="design= got an empty list"):
        matching(COLUMN, [], "these studies")


def test_what_was_asked_for_is_told():
    assert asked_for("rct") == "rct"
    assert asked_for(("a", "b")) == "a, b"
    assert asked_for(lambda cell: True) == "chosen by a function"


def test_cells_that_cannot_be_told_apart_by_hash_are_compared_one_by_one():
    column = pd.Series([[1], [2], None, {"a": 1}], name="arms")
    assert matching(column, [[1], {"a": 1}], "these trials").tolist() == [True, False, False, True]
    assert matching(column, lambda cell: isinstance(cell, list), "these trials").tolist() == [True, True, False, False]
    with pytest.raises(UnknownWordError, match=r"There is no arms among these trials: \[3\]"):
        matching(column, [[3]], "these trials")


@pytest.mark.parametrize("wanted", [pd.NA, None, float("nan"), 10**400], ids=repr)
def test_what_no_cell_can_be_is_answered(wanted):
    with pytest.raises(UnknownWordError):
        matching(pd.Series([1.0, None, 3.0], name="dose"), wanted, "these trials")


def test_a_function_that_says_neither_yes_nor_no_is_refused():
    with pytest.raises(InputError, match="The function says <NA> of 'rct'; it must say True or False"):
        matching(COLUMN, lambda cell: pd.NA, "these studies")


def test_a_generator_can_be_told_after_it_was_used():
    wanted = settled(word for word in ("rct", "cohort"))
    assert matching(COLUMN, wanted, "these studies").tolist() == [True, True, False, True]
    assert asked_for(wanted) == "rct, cohort"


def test_the_numbers_of_a_column_are_those_that_are_numbers():
    cells = [1, "2.5", "x", None, True, Decimal("0.5"), 10**400, 1 + 2j, [1], pd.NA]
    found = floats_in(pd.Series(cells, dtype=object))
    np.testing.assert_array_equal(found, [1, 2.5, np.nan, np.nan, np.nan, 0.5, np.inf, np.nan, np.nan, np.nan])
    assert np.isnan(floats_in(pd.Series(pd.to_datetime(["2020-01-01"])))).all()
    assert floats_in(pd.Series([1, None], dtype="Int64")).tolist()[0] == 1.0
