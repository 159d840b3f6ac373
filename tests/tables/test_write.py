from __future__ import annotations

import csv
import io
import os
import stat

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.tables import csv_text, read_tables, write_csv
from bmac_meta.tables import write as write_module


def test_text_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(tmp_path):
    labels = ["=cmd()", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1+1", "-", "=1"]
    path = tmp_path / "labels.csv"
    write_csv(pd.DataFrame({"label": labels}), path)
    with path.open(encoding="utf-8", newline="") as stream:
        written = [row[0] for row in csv.reader(stream)]
    assert written == ["label", *(f"'{label}" for label in labels)]


def test_harmless_text_stays_as_it_is():
    labels = ["../../x", "<script>", "a=b", "PRP + HA", "−0.41", "-0.41", "+3", "-1e-5", "'quoted'", "x@y"]
    assert csv_text(pd.DataFrame({"label": labels})).splitlines()[1:] == labels


def test_names_of_columns_are_made_harmless_too():
    assert csv_text(pd.DataFrame({"=cmd()": [1]})) == "'=cmd()\n1\n"


def test_negative_numbers_stay_numbers():
    frame = pd.DataFrame({"effect": [-0.5, -2.0], "n": pd.array([-3, None], dtype="Int64")})
    assert csv_text(frame) == "effect,n\n-0.5,-3\n-2,\n"


def test_missing_values_are_empty_cells_and_truths_are_lower_case():
    frame = pd.DataFrame(
        {
            "text": pd.array(["a", None], dtype="str"),
            "number": [np.nan, 1.5],
            "truth": pd.array([True, None], dtype="boolean"),
            "plain": [False, True],
            "any": pd.Series([None, np.float64(2)], dtype=object),
        }
    )
    assert csv_text(frame) == "text,number,truth,plain,any\na,,true,false,\n,1.5,,true,2\n"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_come_back_exactly(numbers):
    cells = csv_text(pd.DataFrame({"x": numbers})).splitlines()[1:]
    assert [float(cell) for cell in cells] == numbers


@pytest.mark.parametrize(
    ("value", "digits", "cell"),
    [
        (1 / 3, 3, "0.333"),
        (123456.0, 2, "120000"),
        (-0.0, None, "0"),
        (2.0, None, "2"),
        (0.1 + 0.2, 6, "0.3"),
        (1e-20, 4, "1e-20"),
        (np.inf, 3, "inf"),
    ],
)
def test_floats_can_be_cut_to_significant_digits(value, digits, cell):
    assert csv_text(pd.DataFrame({"x": [value]}), digits=digits) == f"x\n{cell}\n"


def test_cells_with_commas_quotes_and_line_breaks_are_quoted():
    cells = ["a,b", 'say "so"', "two\nlines", "Ünïcödé 山"]
    text = csv_text(pd.DataFrame({"note": cells}))
    assert [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:] == cells
    assert "\r" not in text


def test_two_columns_of_one_name_are_both_written():
    frame = pd.DataFrame([[1, 2]], columns=["x", "x"])
    assert csv_text(frame) == "x,x\n1,2\n"


def test_an_empty_frame_is_written_as_its_header(tmp_path):
    write_csv(pd.DataFrame({"a": [], "b": []}), tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_bytes() == b"a,b\n"


def test_what_was_written_is_read_back(folder, files, tmp_path):
    tables = read_tables(folder())
    write_csv(tables.outcomes, tmp_path / "outcomes.csv")
    again = read_tables(tmp_path)
    pd.testing.assert_frame_equal(again.outcomes, tables.outcomes)


def test_letters_that_utf8_cannot_hold_are_escaped(tmp_path):
    write_csv(pd.DataFrame({"x": pd.Series(["a\ud800"], dtype=object)}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == b"x\na\\ud800\n"


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old and longer than the new content", encoding="utf-8")
    write_csv(pd.DataFrame({"x": [1]}), path)
    assert path.read_bytes() == b"x\n1\n"
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]


def test_a_failure_on_the_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    path.write_text("old", encoding="utf-8")

    def fail(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write_module.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_csv(pd.DataFrame({"x": [1]}), path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_csv(pd.DataFrame({"x": [1]}), tmp_path / "x.csv")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("usual", "x.csv")}
    assert len(modes) == 1


def test_a_place_that_is_none_is_refused_in_words(tmp_path):
    for path in (tmp_path / "nowhere" / "x.csv", tmp_path):
        with pytest.raises(InputError, match="give a file name in a folder that exists"):
            write_csv(pd.DataFrame({"x": [1]}), path)


@pytest.mark.parametrize("digits", [0, -1])
def test_less_than_one_digit_is_refused(tmp_path, digits):
    with pytest.raises(InputError, match="At least 1 significant digit"):
        write_csv(pd.DataFrame({"x": [1.0]}), tmp_path / "x.csv", digits=digits)
