from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bmac_meta.errors import DataError, InputError
from bmac_meta.paths import data_folder
from bmac_meta.tables import read_package, read_tables


def test_a_minimal_folder_loads(folder):
    tables = read_tables(folder())
    assert list(tables.outcomes["row_id"]) == ["a", "b", "c", "d", "e"]
    assert tables.outcomes.loc[3, "mean"] == 40.0
    assert tables.contrasts.loc[2, "estimate"] == -9.5


def test_the_index_is_the_row_of_the_file(folder):
    tables = read_tables(folder())
    assert tables.outcomes.index.name == "row"
    assert list(tables.outcomes.index) == [2, 3, 4, 5, 6]


def test_texts_are_strings_numbers_floats_counts_nullable_integers_and_truths_nullable_booleans(folder):
    tables = read_tables(folder())
    types = {name: str(tables.outcomes[name].dtype) for name in ("outcome", "mean", "n", "higher_is_better")}
    assert types == {"outcome": "str", "mean": "float64", "n": "Int64", "higher_is_better": "boolean"}
    assert str(tables.contrasts["paired"].dtype) == "boolean"
    assert list(tables.contrasts["paired"]) == [False, False, True]


def test_an_empty_cell_is_missing_in_every_type(folder):
    row = read_tables(folder()).outcomes.loc[4]
    assert np.isnan(row["mean"])
    assert row["n"] is pd.NA
    assert pd.isna(row["dispersion_kind"])
    assert row["events"] == 3


def test_a_table_that_is_not_there_is_empty_with_its_columns_and_types(folder):
    reviews = read_tables(folder()).reviews
    full = read_tables().reviews
    assert len(reviews) == 0
    assert dict(reviews.dtypes) == dict(full.dtypes)
    assert reviews.index.name == "row"


def test_every_table_of_the_schema_is_a_field_of_the_record(folder):
    tables = read_tables(folder())
    for schema in read_package().tables:
        frame = getattr(tables, schema.name)
        assert list(frame.columns)[: len(schema.fields)] == [field.name for field in schema.fields]


def test_further_columns_are_kept_as_text_and_noted(folder, files):
    text = files["arms"].replace("kl3_n\n", "kl3_n,Tesla\n").replace("9\n", "9,3.0\n")
    text = text.replace("21,\n", "21,,\n").replace(",,\n", ",,,\n").replace("21,,,\n", "21,,\n")
    tables = read_tables(folder(arms=text))
    assert tables.arms.columns[-1] == "Tesla"
    assert tables.arms.loc[2, "Tesla"] == "3.0"
    assert tables.arms["Tesla"].isna().sum() == 3
    assert any("column 'Tesla' is not one of the table's" in note for note in tables.notes)


def test_an_optional_column_that_is_not_there_is_there_without_values(folder):
    tables = read_tables(folder())
    assert tables.studies["journal"].isna().all()
    assert str(tables.studies["followup_months"].dtype) == "float64"


def test_the_hash_of_each_file_that_was_read_is_given(folder, files):
    tables = read_tables(folder())
    expected = {f"{name}.csv": hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    assert dict(tables.hashes) == expected
    assert tables.folder == folder()


def test_the_record_cannot_be_changed(folder):
    tables = read_tables(folder())
    with pytest.raises(AttributeError):
        tables.arms = tables.studies


def test_the_record_can_be_sent_to_another_process(folder):
    tables = read_tables(folder())
    sent = pickle.loads(pickle.dumps(tables))
    assert (sent.folder, sent.hashes, sent.notes) == (tables.folder, tables.hashes, tables.notes)
    pd.testing.assert_frame_equal(sent.outcomes, tables.outcomes)


def test_all_faults_of_all_files_come_at_once_in_the_order_of_files_rows_and_columns(folder, files):
    broken = folder(
        studies=files["studies"].replace("10.1000/abc,rct", "abc,RTC"),
        arms=files["arms"].replace("BMAC,40", "BMCA,0"),
        outcomes=files["outcomes"].replace("38,30.5,20,sd", '"12,5",nan,-3,SEM').replace("3,40,,", "41,40,,"),
        contrasts=files["contrasts"].replace("-9.5,-19,0", "-9.5,0,-19"),
    )
    with pytest.raises(DataError) as caught:
        read_tables(broken)
    places = [(fault.file, fault.row, fault.column) for fault in caught.value.faults]
    assert places == [
        ("studies.csv", 2, "doi"),
        ("studies.csv", 2, "design"),
        ("arms.csv", 2, "intervention"),
        ("arms.csv", 2, "n_randomised"),
        ("outcomes.csv", 2, "n"),
        ("outcomes.csv", 2, "mean"),
        ("outcomes.csv", 2, "dispersion"),
        ("outcomes.csv", 2, "dispersion_kind"),
        ("outcomes.csv", 4, "events"),
        ("contrasts.csv", 2, "ci_low"),
    ]
    assert all(str(fault) in str(caught.value) for fault in caught.value.faults)


def test_a_cell_that_is_wrong_by_itself_is_not_blamed_again_by_a_rule(faults_with):
    faults = faults_with("outcomes", (2, "dispersion_kind", "SD"))
    assert [(fault.found, fault.remedy) for fault in faults] == [("'SD'", "Did you mean 'sd'?")]


def test_every_fault_is_a_sentence_that_can_be_printed_anywhere(faults_of, files):
    faults = faults_of(
        arms=files["arms"].encode() + b"jones2021,\xe9\x00\x1b[31m,BMAC\n",
        outcomes=files["outcomes"].replace("vas_pain", "vas\tpain\u202e", 1),
    )
    assert len(faults) >= 2
    for fault in faults:
        assert str(fault).isprintable()
        assert str(fault).endswith((".", "?"))
        assert fault.found
        assert fault.expected
        str(fault).encode("utf-8")


def test_line_endings_of_any_system_are_read_alike(folder, files):
    expected = read_tables(folder()).outcomes
    for ending in ("\r\n", "\r"):
        text = files["outcomes"].replace("\n", ending)
        pd.testing.assert_frame_equal(read_tables(folder(outcomes=text)).outcomes, expected)


def test_a_cell_with_a_line_break_counts_as_one_row(folder, files):
    header, first, *rest = files["arms"].split("\n")
    text = "\n".join([header + ",notes", first + ',"two\nlines"', *(row + "," for row in rest if row), ""])
    arms = read_tables(folder(arms=text)).arms
    assert arms.loc[2, "notes"] == "two\nlines"
    assert list(arms.index) == [2, 3, 4, 5]


def test_labels_are_data_and_nothing_in_them_is_evaluated(folder, files):
    nasty = ["=cmd()", "../../x", "<script>alert(1)</script>", "__import__('os')", "{0}", "%s", "'; --"]
    rows = "".join(f'n{i},"{label}",2020,,rct,10\n' for i, label in enumerate(nasty))
    studies = read_tables(folder(studies=files["studies"] + rows)).studies
    assert list(studies["label"])[2:] == nasty


def test_reading_changes_nothing_in_the_folder(folder):
    path = folder()
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    read_tables(path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_folder_reached_through_a_link_is_read(folder, tmp_path):
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(folder())
    assert len(read_tables(link / "." / ".." / link.name).arms) == 4


@pytest.mark.parametrize("folder_name", [3, b"data", ["data"], 1.5])
def test_what_is_no_folder_name_is_refused_in_words(folder_name):
    with pytest.raises(InputError, match="A folder was expected as text or path"):
        read_tables(folder_name)


def test_a_home_folder_of_nobody_is_a_folder_that_is_not_there():
    with pytest.raises(DataError, match="no such folder"):
        read_tables("~no_such_person_here/data")


def test_without_a_folder_the_projects_own_data_are_read():
    assert read_tables().folder == data_folder()
    assert read_tables(str(data_folder())).hashes == read_tables().hashes


def test_the_room_needs_neither_scipy_nor_matplotlib_nor_statsmodels():
    code = (
        "import sys, bmac_meta.tables; "
        "slow = {'scipy', 'matplotlib', 'statsmodels', 'pymare', 'seaborn'}; "
        "print(sorted(slow & sys.modules.keys()))"
    )
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.strip() == "[]"
