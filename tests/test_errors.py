from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta import errors
from bmac_meta.errors import DataError, Fault, UnknownWordError, check_word, nearest, told, unknown_word


def test_every_error_has_one_parent_and_says_when_it_is_raised():
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    assert len(found) >= 8
    for one in found:
        assert issubclass(one, errors.BmacMetaError)
        assert one.__doc__.startswith("Is ")


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [("BMCA", ["BMAC", "PRP"], "BMAC"), ("prp", ["BMAC", "PRP"], "PRP"), ("zzz", ["BMAC"], None), (3, ["13"], "13")],
)
def test_the_nearest_word_is_found_whatever_its_case(word, known, found):
    assert nearest(word, known) == found


def test_an_unknown_word_is_answered_with_what_was_asked_what_there_is_and_the_nearest():
    told = str(unknown_word("measure", "RELM", ["DL", "REML"]))
    assert told == "There is no measure 'RELM'; did you mean 'REML'? Known: DL, REML."
    assert str(unknown_word("measure", "zzz", [])) == "There is no measure 'zzz'. Known: none."


def test_of_a_long_list_the_nearest_words_are_told_and_the_rest_counted():
    names = [f"study{number:03}" for number in range(300)]
    told = str(unknown_word("study", "study123x", names))
    assert "did you mean 'study123'" in told
    assert told.endswith(" and 260 more.")
    assert told.count(",") == 39


def test_a_known_word_is_handed_back():
    assert check_word("measure", "DL", ["DL"]) == "DL"


def test_a_data_error_lists_every_fault_with_its_place():
    faults = [
        Fault("outcomes.csv", 3, "n", "'ten'", "a whole number", "Write 10."),
        Fault("arms.csv", None, None, "no such file", "arms.csv", "Add it."),
    ]
    error = DataError(faults)
    assert error.faults == tuple(faults)
    assert str(error).splitlines() == [
        "2 faults in the data:",
        "  outcomes.csv, row 3, column n: found 'ten'; expected a whole number. Write 10.",
        "  arms.csv: found no such file; expected arms.csv. Add it.",
    ]
    assert str(DataError(faults[:1])).startswith("1 fault in the data:")


def test_what_was_given_is_told_short_and_in_one_line():
    assert told("x" * 10_000).endswith("…")
    assert len(told("x" * 10_000)) == 100
    assert told(np.float64(0.5)) == "0.5"
    assert "\n" not in told(np.zeros((50, 50)))


def test_what_has_no_repr_is_told_by_its_type():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert told(Silent()) == "an object of type Silent"
    assert told(10**5000) == "an object of type int"


@pytest.mark.parametrize("word", [None, 1, np.array([1, 2]), pd.NA, ["REML"]], ids=repr)
def test_a_word_is_a_text_and_anything_else_is_an_unknown_one(word):
    with pytest.raises(UnknownWordError, match="There is no tau2 method"):
        check_word("tau2 method", word, ["DL", "REML"])
