from __future__ import annotations

from bmac_meta.errors import Fault
from bmac_meta.tables import read_tables

OWN_KEY = "Give each row a key of its own, or delete the copy."
OWN_NAME = "Tell them apart, as in 'Smith 2019a' and 'Smith 2019b'."


def test_a_key_that_stands_twice_is_placed_with_the_contradiction(faults_of, files):
    text = files["arms"] + "smith2019,ha,PRP,42,21,\n"
    assert faults_of(arms=text) == [
        Fault(
            "arms.csv",
            6,
            "arm_id",
            "study_id 'smith2019', arm_id 'ha' again, first in row 3 (there intervention 'HA', here 'PRP')",
            "each once",
            OWN_KEY,
        )
    ]


def test_a_study_with_two_labels_is_placed(faults_of, files):
    text = files["studies"] + "smith2019,Smyth 2019,2019,,rct,82\n"
    assert faults_of(studies=text) == [
        Fault(
            "studies.csv",
            4,
            "study_id",
            "study_id 'smith2019' again, first in row 2 (there label 'Smith 2019', here 'Smyth 2019')",
            "each once",
            OWN_KEY,
        )
    ]


def test_two_studies_with_one_name_are_placed(faults_of, files):
    text = files["studies"].replace("Jones 2021", "Smith 2019")
    assert faults_of(studies=text) == [
        Fault(
            "studies.csv",
            3,
            "label",
            "label 'Smith 2019' again, first in row 2 (there study_id 'smith2019', here 'jones2021')",
            "each once",
            OWN_NAME,
        )
    ]


def test_a_row_that_stands_twice_entirely_is_placed(faults_of, files):
    text = files["arms"] + files["arms"].splitlines()[1] + "\n"
    (fault,) = faults_of(arms=text)
    assert fault.found == "study_id 'smith2019', arm_id 'bmac' again, first in row 2"


def test_each_further_copy_names_the_first(faults_of, files):
    text = files["arms"] + "smith2019,ha,HA,42,21,\n" * 2
    assert [(fault.row, fault.found[-14:]) for fault in faults_of(arms=text)] == [
        (6, "first in row 3"),
        (7, "first in row 3"),
    ]


def test_one_quantity_has_one_preferred_row(faults_of, files):
    text = files["outcomes"].replace("b,conflict_sources", ",")
    assert faults_of(outcomes=text) == [
        Fault(
            "outcomes.csv",
            6,
            "outcome",
            "study_id 'smith2019', arm_id 'ha', outcome 'vas_pain', timepoint_months 12, value_kind 'final' "
            "again, first in row 3 (there row_id 'b', here 'e')",
            "each once",
            "Keep one row, or name its row_id in duplicate_of of the other; parts of an arm have a subgroup.",
        )
    ]


def test_subgroups_and_kinds_of_value_are_quantities_of_their_own(folder, files):
    text = files["outcomes"].replace(",,,,,,,b,conflict_sources", ",,,,,kl_grade,3,,")
    assert len(read_tables(folder(outcomes=text)).outcomes) == 5


def test_a_contrast_has_one_row_with_an_estimate(faults_of, files):
    text = files["contrasts"] + "w,smith2019,bmac,ha,vas_pain,12,MD,-3,,,,2,,false,,,\n"
    (fault,) = faults_of(contrasts=text)
    assert (fault.row, fault.column, fault.expected) == (5, "outcome", "each once")
    assert fault.remedy == "Keep one row with an estimate; parts of the arms have a subgroup."


def test_a_further_row_of_a_contrast_without_an_estimate_is_allowed(folder, files):
    text = files["contrasts"] + "w,smith2019,bmac,ha,vas_pain,12,MD,,,,,,0.03,false,,,p_only\n"
    assert len(read_tables(folder(contrasts=text)).contrasts) == 4


def test_an_unknown_time_counts_as_one_time(faults_of, files):
    text = (
        files["outcomes"]
        .replace(",12,final,38,30.5", ",,final,38,30.5")
        .replace("e,smith2019,ha,vas_pain,0,100,12,final", "e,smith2019,bmac,vas_pain,0,100,,final")
    )
    (fault,) = faults_of(outcomes=text.replace("b,conflict_sources", ","))
    assert "vas_pain', value_kind 'final' again, first in row 2" in fault.found
