from __future__ import annotations

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.wording import LISTED, faults_at, guesses, listed, printable, value_shown


def make(position: int) -> Fault:
    return Fault("x.csv", position, "n", "0", "1", "Do.")


def test_very_many_faults_of_one_kind_end_in_a_count():
    faults = list(faults_at(range(LISTED + 500), make))
    assert len(faults) == LISTED + 1
    assert faults[-1] == Fault("x.csv", None, "n", "500 more rows with the same fault", "1", "Do.")


def test_faults_up_to_the_limit_are_all_listed():
    assert [fault.row for fault in faults_at(range(LISTED), make)] == list(range(LISTED))


def test_names_that_no_terminal_can_print_are_escaped():
    assert printable("a\x1b[31m\ud800\u202e") == "a\\x1b[31m\\ud800\\u202e"
    assert listed(["\x1b"]) == "\\x1b"


def test_values_of_every_type_are_shown():
    values = [None, pd.NA, np.nan, np.True_, np.int64(3), np.float64(2.5), "", "ha"]
    assert [value_shown(value) for value in values] == [
        *["an empty cell"] * 3,
        "true",
        "3",
        "2.5",
        "an empty cell",
        "'ha'",
    ]


def test_spelling_is_compared_for_so_many_words_only():
    known = [f"word{number}" for number in range(50_000)]
    asked = list(guesses((f"wrod{number}" for number in range(5)), known).values())
    assert all(asked[:2])
    assert not any(asked[2:])


def test_a_word_that_differs_in_case_only_has_one_guess():
    assert guesses(["prp"], ["PRP", "PRP+HA"]) == {"prp": "Did you mean 'PRP'? "}
