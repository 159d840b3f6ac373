from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.narrowing import asked_for, matching

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
