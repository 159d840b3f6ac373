from __future__ import annotations

import pytest

from bmac_meta.errors import Fault
from bmac_meta.tables import read_tables

TEXT = "a table as comma-separated text in UTF-8"
SAVE_UTF8 = "Save the file again with the encoding UTF-8."
FILL = "Fill the table, or delete the file."


@pytest.mark.parametrize(
    ("content", "found", "remedy"),
    [
        ("{text}".encode("utf-16"), "text in UTF-16 or UTF-32", SAVE_UTF8),
        ("{text}".encode("utf-16-le"), "text in UTF-16 or UTF-32", SAVE_UTF8),
        ("{text}".encode("utf-16-be"), "text in UTF-16 or UTF-32", SAVE_UTF8),
        ("{text}".encode("utf-32"), "text in UTF-16 or UTF-32", SAVE_UTF8),
        (b"PK\x03\x04\x14\x00", "a spreadsheet workbook", "Save the sheet as comma-separated text in UTF-8."),
        (b"\xd0\xcf\x11\xe0", "a spreadsheet workbook", "Save the sheet as comma-separated text in UTF-8."),
        (b"", "an empty file", FILL),
        (b" \n\t\r\n", "an empty file", FILL),
    ],
)
def test_what_is_no_text_is_refused_as_a_whole(faults_of, content, found, remedy):
    assert faults_of(outcomes=content) == [Fault("outcomes.csv", None, None, found, TEXT, remedy)]


def test_a_file_of_zero_bytes_is_refused(faults_of):
    (fault,) = faults_of(outcomes=b"\0" * 1000)
    assert fault.found == "text in UTF-16 or UTF-32"


def test_each_byte_that_is_not_utf8_is_placed_in_its_row_and_column(faults_of, files):
    text = files["studies"].replace("Smith", "Sm\xeeth").replace("Jones", "J\xf6nes")
    faults = faults_of(studies=text.encode("latin-1"))
    assert faults == [
        Fault(
            "studies.csv",
            2,
            "label",
            "the byte EE in 'Sm�th 2019'",
            "text in UTF-8",
            "Save the file again as UTF-8; as Windows-1252 the byte would be 'î'.",
        ),
        Fault(
            "studies.csv",
            3,
            "label",
            "the byte F6 in 'J�nes 2021'",
            "text in UTF-8",
            "Save the file again as UTF-8; as Windows-1252 the byte would be 'ö'.",
        ),
    ]


def test_a_broken_letter_in_the_header_is_placed_in_row_1(faults_of, files):
    (fault,) = faults_of(studies=files["studies"].replace("n_randomised", "h\xf6he").encode("latin-1"))
    assert (fault.row, fault.column, fault.found) == (1, None, "the byte F6 in 'h�he'")


def test_a_zero_byte_is_placed(faults_of, files):
    faults = faults_of(arms=files["arms"].replace("smith2019,ha", "smith2019,h\0a"))
    assert faults[0] == Fault(
        "arms.csv", 3, "arm_id", "a zero byte in 'h�a'", "text", "Delete the byte, or export the file again."
    )


def test_letters_of_every_script_are_read(folder, files):
    text = files["studies"].replace("Smith 2019", "Šmíth 山田 Ελένη 2019 🦴")
    assert read_tables(folder(studies=text)).studies.loc[2, "label"] == "Šmíth 山田 Ελένη 2019 🦴"
