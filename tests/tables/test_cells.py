from __future__ import annotations

import pytest

from bmac_meta.errors import Fault
from bmac_meta.tables.cells import WRONG, cell_complaint, cell_value, is_free_text
from bmac_meta.tables.schema import read_package

TABLES = {table.name: table for table in read_package().tables}
KINDS = "one of sd, se, plus_minus_unlabelled"
DESIGNS = (
    "one of rct, crossover_rct, cluster_rct, quasi_rct, nonrandomised_trial, prospective_cohort, "
    "retrospective_cohort, case_control, single_arm, animal"
)
MEASURES = "one of MD, SMD, ROM, RR, OR, RD, HR, PCT_DIFFERENCE"
CODES = "codes of the list of flags, separated by ';' without spaces"
DOI = r"text of the form 10\.[0-9]{4,9}/\S+"


@pytest.mark.parametrize(
    ("table", "row", "column", "cell", "expected", "remedy"),
    [
        ("outcomes", 2, "dispersion_kind", "SD", KINDS, "Did you mean 'sd'?"),
        ("outcomes", 2, "dispersion_kind", "SEM", KINDS, "Write se."),
        (
            "outcomes",
            2,
            "dispersion_kind",
            "ci",
            KINDS,
            "Write the limits in ci_low and ci_high and leave dispersion empty.",
        ),
        (
            "outcomes",
            2,
            "dispersion_kind",
            "range",
            KINDS,
            "Write the extremes in min and max and leave dispersion empty.",
        ),
        ("studies", 2, "design", "RTC", DESIGNS, "Did you mean 'rct'?"),
        ("studies", 2, "design", "sqrt", DESIGNS, "Choose the word that fits, or leave the cell empty."),
        ("contrasts", 2, "measure", "WMD", MEASURES, "Write MD."),
        ("contrasts", 2, "measure", "md", MEASURES, "Did you mean 'MD'?"),
        (
            "contrasts",
            2,
            "measure",
            "",
            f"{MEASURES} in every row",
            "Fill it in: What the estimate is.",
        ),
        ("contrasts", 2, "paired", "no", "true or false", "Write false."),
        ("contrasts", 2, "paired", "1", "true or false", "Write true."),
        (
            "contrasts",
            2,
            "paired",
            "perhaps",
            "true or false",
            "Write true or false, or leave the cell empty.",
        ),
        (
            "outcomes",
            2,
            "flag",
            "paired_desing",
            CODES,
            "Did you mean 'paired_design'? A remark that is no code belongs in notes.",
        ),
        (
            "outcomes",
            2,
            "flag",
            "p_only; zzz",
            CODES,
            "A remark that is no code belongs in notes.",
        ),
        ("studies", 2, "doi", "https://doi.org/10.1000/abc", DOI, "Write 10.1000/abc."),
        ("studies", 2, "doi", "DOI: 10.1000/abc", DOI, "Write 10.1000/abc."),
        ("studies", 2, "doi", "abc", DOI, "doi: Digital object identifier, without the resolver."),
    ],
)
def test_a_word_that_is_not_known_is_placed_with_the_nearest(faults_with, table, row, column, cell, expected, remedy):
    found = repr(cell) if cell else "an empty cell"
    assert faults_with(table, (row, column, cell)) == [Fault(f"{table}.csv", row, column, found, expected, remedy)]


def test_a_needed_cell_that_is_empty_is_placed_with_its_meaning(faults_with):
    assert faults_with("arms", (2, "intervention", "")) == [
        Fault(
            "arms.csv",
            2,
            "intervention",
            "an empty cell",
            "a value of intervention in every row",
            "Fill it in: Code of what the arm received, in interventions.csv.",
        )
    ]


def test_spaces_around_a_key_are_a_fault(faults_with):
    assert faults_with("arms", (5, "intervention", " HA"))[0] == Fault(
        "arms.csv",
        5,
        "intervention",
        "' HA'",
        "a value of intervention without spaces around it",
        "Remove the spaces at its start and end.",
    )


def test_truth_values_of_spreadsheets_are_read():
    paired = TABLES["contrasts"].field("paired")
    values = [cell_value(cell, paired, frozenset()) for cell in ("true", "TRUE", "True", "false", "FALSE", "False")]
    assert values == [True, True, True, False, False, False]


def test_several_flags_are_read_when_all_are_known():
    flag = TABLES["outcomes"].field("flag")
    known = frozenset(read_package().flags)
    assert cell_value("p_only;second_hand", flag, known) == "p_only;second_hand"
    assert cell_value("p_only;", flag, known) is WRONG
    assert cell_value("p_only;second hand", flag, known) is WRONG


def test_every_refused_cell_of_every_column_has_a_complaint():
    known = frozenset(read_package().flags)
    for table in TABLES.values():
        for field in table.fields:
            for cell in ("", " ", "zzz zzz", "-1", "nan", "x" * 200, "\ttab"):
                if not is_free_text(field) and cell_value(cell, field, known) is WRONG:
                    complaint = cell_complaint(cell, field, known)
                    assert complaint.expected
                    assert complaint.remedy.endswith((".", "?"))
