from __future__ import annotations

import pytest

from bmac_meta.errors import Fault
from bmac_meta.tables import read_tables
from bmac_meta.tables.header import read_header
from bmac_meta.tables.schema import read_package

COMMAS = "Save the file as comma-separated values, with points in decimal numbers."


@pytest.mark.parametrize(("sign", "words"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_another_delimiter_is_named(faults_of, files, sign, words):
    assert faults_of(arms=files["arms"].replace(",", sign)) == [
        Fault("arms.csv", 1, None, f"columns separated by {words}", "columns separated by commas", COMMAS)
    ]


def test_the_delimiter_line_of_a_spreadsheet_is_named(faults_of, files):
    assert faults_of(arms="sep=,\n" + files["arms"]) == [
        Fault("arms.csv", 1, None, "'sep=,'", "the names of the columns", "Delete this line.")
    ]


def test_a_semicolon_inside_a_cell_is_no_delimiter(folder, files):
    text = files["studies"].replace("Smith 2019", "Smith; Jones; Brown 2019")
    assert read_tables(folder(studies=text)).studies.loc[2, "label"] == "Smith; Jones; Brown 2019"


def test_each_missing_column_is_named_with_its_meaning_and_the_nearest_there(faults_of, files):
    faults = faults_of(arms=files["arms"].replace("arm_id,intervention", "arm,given"))
    assert faults[0] == Fault(
        "arms.csv",
        1,
        "arm_id",
        "no such column among study_id, arm, given, n_randomised, female_n, kl3_n",
        "a column arm_id (Key of the arm within its study)",
        "Rename 'arm', if that is it.",
    )
    assert faults[1] == Fault(
        "arms.csv",
        1,
        "intervention",
        "no such column among study_id, arm, given, n_randomised, female_n, kl3_n",
        "a column intervention (Code of what the arm received, in interventions.csv)",
        "Add the column.",
    )
    assert len(faults) == 2


def test_one_of_several_columns_is_enough_and_none_is_a_fault(faults_of):
    text = "study_id,arm_id,outcome,timepoint_months,n\nsmith2019,ha,vas_pain,6,40\n"
    (fault,) = faults_of(outcomes=text)
    assert (fault.file, fault.row, fault.column) == ("outcomes.csv", 1, None)
    assert fault.expected == (
        "a column mean (Mean, in points of the scale of the row (per cent for percent_change)) "
        "or median (Median) or events (Patients with the event)"
    )
    assert fault.remedy == "Add the column."


@pytest.mark.parametrize("name", ["Study_ID", "study id", "STUDY-ID", " study_id", "StudyId"])
def test_a_column_that_differs_in_case_or_signs_is_a_fault_of_its_own(faults_of, files, name):
    assert faults_of(arms=files["arms"].replace("study_id", name)) == [
        Fault(
            "arms.csv",
            1,
            "study_id",
            repr(name),
            "the name study_id, written so",
            "Rename the column to study_id.",
        )
    ]


def test_a_column_that_stands_twice_is_a_fault(faults_of, files):
    assert faults_of(arms=files["arms"].replace("kl3_n", "female_n")) == [
        Fault(
            "arms.csv",
            1,
            "female_n",
            "the column twice",
            "each column once",
            "Rename or delete one of them.",
        )
    ]


def test_a_column_without_a_name_is_a_fault_when_it_holds_something(faults_of, files):
    assert faults_of(arms=files["arms"].replace("kl3_n", "")) == [
        Fault("arms.csv", 1, None, "no name over column 6", "a name", "Name the column, or delete it.")
    ]


def test_a_column_that_looks_like_a_known_one_is_kept_and_the_note_says_so():
    header = read_header(["study_id", "arm_id", "intervention", "n_injectoins"], read_package().table("arms"))
    assert header.names == ("study_id", "arm_id", "intervention", "n_injectoins")
    assert header.faults == ()
    assert header.notes == (
        "arms.csv: column 'n_injectoins' is not one of the table's (the table also knows 'n_injections'); "
        "it is kept as text.",
    )


def test_the_order_of_columns_does_not_matter(folder, files):
    reordered = "\n".join(",".join(reversed(line.split(","))) for line in files["arms"].splitlines())
    tables = read_tables(folder(arms=reordered + "\n"))
    assert tables.arms.equals(read_tables(folder()).arms)
