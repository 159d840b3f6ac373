from __future__ import annotations

import pytest

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables import read_tables

ENOUGH = "arms.csv with outcomes.csv, or contrasts.csv"


def faults_at(path):
    with pytest.raises(DataError) as caught:
        read_tables(path)
    return list(caught.value.faults)


def test_a_folder_that_is_not_there_is_named_with_what_is_there(tmp_path):
    (tmp_path / "my_review").mkdir()
    assert faults_at(tmp_path / "my_reveiw" / "data") == [
        Fault(
            str(tmp_path / "my_reveiw" / "data"),
            None,
            None,
            "no such folder",
            f"a folder with {ENOUGH}",
            f"Check the name; {tmp_path} holds my_review.",
        )
    ]


def test_a_file_in_place_of_a_folder_is_named(folder):
    path = folder() / "arms.csv"
    assert faults_at(path) == [
        Fault(
            str(path),
            None,
            None,
            "a file",
            f"a folder with {ENOUGH}",
            "Give the folder that holds the tables, not one of its files.",
        )
    ]


def test_a_name_with_a_zero_byte_is_a_folder_that_is_not_there():
    (fault,) = faults_at("my\0review")
    assert (fault.file, fault.found) == (r"my\x00review", "no such folder")


def test_an_empty_folder_is_told_what_it_needs(tmp_path):
    assert faults_at(tmp_path) == [
        Fault(
            "outcomes.csv",
            None,
            None,
            "an empty folder",
            ENOUGH,
            "Save each table as comma-separated text under its name.",
        )
    ]


def test_a_folder_of_other_files_is_told_what_it_holds_and_needs(tmp_path):
    (tmp_path / "outcomes.xlsx").touch()
    (tmp_path / "readme.txt").touch()
    (fault,) = faults_at(tmp_path)
    assert fault.found == "no such file; the folder holds outcomes.xlsx, readme.txt"
    assert fault.expected == ENOUGH


def test_outcomes_need_arms(faults_of):
    faults = faults_of(studies=None, arms=None, contrasts=None)
    assert faults == [
        Fault(
            "arms.csv",
            None,
            None,
            "no such file; the folder holds outcomes.csv",
            "arms.csv beside outcomes.csv",
            "Add a row for each arm.",
        )
    ]


def test_arms_alone_are_not_enough(faults_of):
    (fault,) = faults_of(studies=None, outcomes=None, contrasts=None)
    assert fault.file == "outcomes.csv"
    assert fault.expected == "outcomes.csv or contrasts.csv beside arms.csv"


@pytest.mark.parametrize("name", ["Arms.csv", "ARMS.CSV", "arm.csv", "arms .csv"])
def test_a_file_with_almost_the_name_of_a_table_is_a_fault_and_is_checked(folder, tmp_path, files, name):
    path = folder(arms=None)
    (tmp_path / name).write_text(files["arms"].replace("BMAC,40", "BMAC,0"), encoding="utf-8")
    faults = faults_at(path)
    assert faults[0] == Fault(name, None, None, "a file of this name", "the name arms.csv", "Rename it to arms.csv.")
    assert [(fault.file, fault.row) for fault in faults[1:]] == [("arms.csv", 2)]


def test_other_tables_in_the_folder_are_noted_and_not_read(folder, tmp_path):
    path = folder()
    (tmp_path / "scratch.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "notes.txt").write_bytes(b"\xff")
    assert "scratch.csv is not one of the tables and is not read." in read_tables(path).notes


def test_a_long_listing_is_cut(tmp_path):
    for number in range(40):
        (tmp_path / f"file{number:02}.txt").touch()
    (fault,) = faults_at(tmp_path)
    assert fault.found.endswith("file19.txt and 20 more")


def test_contrasts_alone_are_enough(folder):
    text = "study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,se\nS,BMAC,HA,pain,6,SMD,-0.4,0.2\n"
    assert len(read_tables(folder(studies=None, arms=None, outcomes=None, contrasts=text)).contrasts) == 1


def test_arms_and_contrasts_are_enough(folder):
    assert len(read_tables(folder(studies=None, outcomes=None)).contrasts) == 3


def test_arms_and_outcomes_are_enough(folder):
    assert len(read_tables(folder(studies=None, contrasts=None)).outcomes) == 5
