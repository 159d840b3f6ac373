from __future__ import annotations

import os

import pytest

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables import read_tables

WAY_OUT = "Remove this and save again, or read the folder with from_spreadsheet=True, which leaves it out."


def lines_with(text: str, ending: str) -> str:
    return "".join(f"{line}{ending}\n" for line in text.splitlines())


def test_a_byte_order_mark_is_a_fault_with_a_way_out(faults_of, files):
    found = "a byte-order mark (EF BB BF) in front of the header"
    assert faults_of(arms=b"\xef\xbb\xbf" + files["arms"].encode()) == [
        Fault("arms.csv", 1, None, found, "the header at the first byte", WAY_OUT)
    ]


def test_blank_columns_at_the_right_end_are_one_fault_with_a_way_out(faults_of, files):
    assert faults_of(arms=lines_with(files["arms"], ",, ")) == [
        Fault("arms.csv", 1, None, "2 blank columns at the right end", "named columns only", WAY_OUT)
    ]


def test_each_run_of_blank_rows_is_one_fault_with_a_way_out(faults_of, files):
    header, *rows = files["arms"].splitlines(keepends=True)
    text = "".join([header, rows[0], ",,,,,\n", *rows[1:], ",,,,,\n", "\n", ", ,,,,\n"])
    assert faults_of(arms=text) == [
        Fault("arms.csv", 3, None, "1 blank row (row 3)", "rows with data only", WAY_OUT),
        Fault("arms.csv", 7, None, "3 blank rows (rows 7 to 9)", "rows with data only", WAY_OUT),
    ]


def test_what_a_spreadsheet_leaves_is_accepted_on_request_and_noted(folder, files):
    plain = read_tables(folder()).arms
    text = "\ufeff" + lines_with(files["arms"], ",,\r") + ",,,,,,,\r\n" * 3
    tables = read_tables(folder(arms=text), from_spreadsheet=True)
    assert tables.arms.equals(plain)
    assert list(tables.notes)[:3] == [
        "arms.csv: a byte-order mark (EF BB BF) in front of the header left out.",
        "arms.csv: 2 blank columns at the right end left out.",
        "arms.csv: 3 blank rows (rows 6 to 8) left out.",
    ]


def test_other_faults_stay_faults_when_spreadsheet_exports_are_accepted(folder, files):
    path = folder(arms="\ufeff" + files["arms"].replace("BMAC,40", "BMAC,0"))
    with pytest.raises(DataError) as caught:
        read_tables(path, from_spreadsheet=True)
    assert [(fault.row, fault.column) for fault in caught.value.faults] == [(2, "n_randomised")]


def test_empty_lines_after_the_last_row_are_no_rows(folder, files):
    tables = read_tables(folder(arms=files["arms"] + "\n\n"))
    assert len(tables.arms) == 4
    assert not any("blank" in note for note in tables.notes)


def test_a_last_line_without_a_line_feed_is_a_row(folder, files):
    assert len(read_tables(folder(arms=files["arms"].rstrip("\n"))).arms) == 4


WIDE = "Put a cell that holds a comma between quotation marks; a decimal comma must be a point."
NARROW = "Write a comma for each cell, also for the empty ones at the end."


@pytest.mark.parametrize(
    ("row", "change", "found", "remedy"),
    [
        (2, ("BMAC,40,", "BMAC,4,0,"), "7 cells", WIDE),
        (3, ("HA,42,21,", "HA,42"), "4 cells", NARROW),
        (4, ("PRP,30,,", "PRP,30,,,,"), "8 cells", WIDE),
    ],
)
def test_a_row_of_another_width_is_a_fault(faults_of, files, row, change, found, remedy):
    faults = faults_of(arms=files["arms"].replace(*change))
    assert faults == [Fault("arms.csv", row, None, found, "6 cells, as in the header", remedy)]


def test_a_table_with_lost_rows_is_no_referee_for_other_tables(faults_of, files):
    faults = faults_of(arms=files["arms"].replace("smith2019,ha,HA,42,21,", "smith2019,ha"))
    assert [(fault.file, fault.row) for fault in faults] == [("arms.csv", 3)]


@pytest.mark.parametrize(
    ("change", "row", "found"),
    [
        (
            ("jones2021,prp", '"jones2021,prp'),
            4,
            "quotation marks that do not match (unexpected end of data)",
        ),
        (
            ("jones2021,prp", '"jones2021"x,prp'),
            4,
            "quotation marks that do not match (',' expected after '\"')",
        ),
    ],
)
def test_quotation_marks_that_do_not_match_are_placed(faults_of, files, change, row, found):
    assert faults_of(arms=files["arms"].replace(*change)) == [
        Fault(
            "arms.csv",
            row,
            None,
            found,
            "cells that are quoted wholly or not at all",
            'Close each quoted cell with ", and write a quotation mark inside a quoted cell twice ("").',
        )
    ]


def test_a_cell_of_more_letters_than_the_reader_holds_is_placed(faults_of, files):
    assert faults_of(arms=files["arms"].replace("jones2021,prp", "x" * 140_000 + ",prp")) == [
        Fault(
            "arms.csv",
            4,
            None,
            "a cell of more than 131072 characters",
            "shorter cells",
            "Look for a quotation mark that is not closed.",
        )
    ]


def test_a_very_long_cell_is_shown_shortened(faults_with):
    (fault,) = faults_with("outcomes", (2, "mean", "9" * 100_000))
    assert fault.found == f"{'9' * 60 + '…'!r} (100000 characters)"
    assert fault.remedy == "No computer number is as large or as small as this: check the source."


def test_a_header_without_rows_is_a_fault(faults_of, files):
    assert faults_of(arms=files["arms"].splitlines()[0] + "\n") == [
        Fault(
            "arms.csv",
            None,
            None,
            "a header and no rows",
            "at least one row below the header",
            "Fill the table, or delete the file.",
        )
    ]


def test_a_blank_first_row_is_a_fault(faults_of, files):
    assert faults_of(arms="\n" + files["arms"]) == [
        Fault("arms.csv", 1, None, "a blank row", "the names of the columns", "Delete the row.")
    ]


def test_a_folder_in_the_place_of_a_file_is_a_fault(folder, tmp_path):
    path = folder(arms=None)
    (tmp_path / "arms.csv").mkdir()
    with pytest.raises(DataError) as caught:
        read_tables(path)
    assert caught.value.faults[0] == Fault(
        "arms.csv", None, None, "something that is no regular file", "a file", "Put a CSV file in its place."
    )


@pytest.mark.parametrize("kind", ["pipe", "dangling link"])
def test_what_could_never_end_or_never_be_read_is_not_opened(folder, tmp_path, kind):
    path = folder(arms=None)
    if kind == "pipe":
        os.mkfifo(tmp_path / "arms.csv")
    else:
        (tmp_path / "arms.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no regular file"):
        read_tables(path)
