from __future__ import annotations

import pytest

from bmac_meta.errors import Fault
from bmac_meta.tables import read_tables

INSTRUMENTS = "outcome,domain,higher_is_better\nvas_pain,pain,false\nadverse_events,safety,false\n"


def entry(table: str, column: str) -> str:
    return f"one of the entries of {table}.csv (column {column})"


INTERVENTION = entry("interventions", "intervention")
SMITHS = "an arm of 'smith2019' in arms.csv: bmac, ha"
JONESES = "an arm of 'jones2021' in arms.csv: ha, prp"
VAS_PAIN = "'vas_pain' or 'vas_pain_adl'"


@pytest.mark.parametrize(
    ("table", "row", "column", "cell", "expected", "question", "target"),
    [
        ("arms", 2, "intervention", "BMCA", INTERVENTION, "'BMA' or 'BMAC'", "interventions"),
        ("arms", 2, "intervention", "prp", INTERVENTION, "'PRP'", "interventions"),
        ("arms", 2, "study_id", "smyth2019", entry("studies", "study_id"), "'smith2019'", "studies"),
        ("outcomes", 2, "outcome", "vas_pian", entry("instruments", "outcome"), VAS_PAIN, "instruments"),
        ("outcomes", 2, "arm_id", "bmca", SMITHS, "'bmac'", "arms"),
        ("outcomes", 6, "duplicate_of", "zz", entry("outcomes", "row_id"), "", "outcomes"),
        ("contrasts", 2, "arm_a", "prp", SMITHS, "", "arms"),
        ("contrasts", 3, "arm_b", "saline", JONESES, "", "arms"),
    ],
)
def test_what_stands_in_no_other_table_is_placed_with_the_nearest(
    faults_with, table, row, column, cell, expected, question, target
):
    fault = next(f for f in faults_with(table, (row, column, cell)) if f.file == f"{table}.csv")
    asked = f"Did you mean {question}? " if question else ""
    remedy = f"{asked}Correct the cell, or add a row to {target}.csv."
    assert fault == Fault(f"{table}.csv", row, column, repr(cell), expected, remedy)


def test_an_unknown_study_is_blamed_once_and_not_its_arm_too(faults_with):
    faults = faults_with("outcomes", (2, "study_id", "smyth2019"))
    assert [(fault.row, fault.column) for fault in faults] == [(2, "study_id")]


def test_without_studies_a_study_without_arms_is_blamed(faults_of, files):
    text = files["outcomes"].replace("a,smith2019", "a,smyth2019")
    faults = faults_of(studies=None, outcomes=text)
    assert faults == [
        Fault(
            "outcomes.csv",
            2,
            "study_id",
            "'smyth2019'",
            "a study that has arms in arms.csv",
            "Did you mean 'smith2019'? Correct the cell, or add a row to arms.csv.",
        )
    ]


def test_baseline_and_earlier_visit_are_no_arms(folder, files):
    text = files["contrasts"].replace("baseline", "earlier_visit")
    assert list(read_tables(folder(contrasts=text)).contrasts["arm_b"]) == ["ha", "ha", "earlier_visit"]


def test_contrasts_without_arms_name_interventions(faults_of, files):
    text = files["contrasts"].replace("bmac,ha", "BMAC,HA").replace("prp,ha", "PRP,HYA")
    text = text.replace("prp,baseline", "PRP,baseline")
    faults = faults_of(arms=None, outcomes=None, contrasts=text)
    assert faults == [
        Fault(
            "contrasts.csv",
            3,
            "arm_b",
            "'HYA'",
            entry("interventions", "intervention"),
            "Did you mean 'HA'? Correct the cell, or add a row to interventions.csv.",
        )
    ]


def test_a_folder_with_its_own_instruments_has_all_its_codes_there(faults_of, files):
    faults = faults_of(instruments=INSTRUMENTS.replace("vas_pain", "nrs_pain"))
    assert {fault.found for fault in faults} == {"'vas_pain'"}
    assert {fault.expected for fault in faults} == {entry("instruments", "outcome")}


def test_several_names_in_one_cell_are_looked_up_one_by_one(faults_of):
    reviews = "review_id\nr1\n"
    pools = "row_id,review_id,kind,outcome,estimate_type\np1,r1,effect,vas_pain,network\n"
    inputs = (
        "row_id,review_id,pool_row_ids,study_label,study_id,outcome\n"
        "i1,r1,p1,Smith,smith2019,vas_pain\ni2,r1,p1;p2,Smith,,vas_pain\n"
    )
    faults = faults_of(reviews=reviews, published_pools=pools, published_inputs=inputs)
    assert [(fault.file, fault.row, fault.column, fault.found) for fault in faults] == [
        ("published_inputs.csv", 3, "pool_row_ids", "'p1;p2'")
    ]


def test_a_table_that_is_not_there_is_no_referee(folder):
    claims = "claim_id,page_key,claim\nc1,page_9,It helps\n"
    assert len(read_tables(folder(claims=claims)).claims) == 1


def test_an_outcome_of_ones_own_is_taken_when_its_rows_say_which_way_is_better(folder):
    text = (
        "study_id,arm_id,outcome,timepoint_months,mean,higher_is_better,scale_min,scale_max\n"
        "smith2019,ha,my_score,6,3,true,0,10\nsmith2019,bmac,my_score,6,4,,0,10\n"
    )
    tables = read_tables(folder(outcomes=text))
    own = tables.instruments[tables.instruments["outcome"] == "my_score"].iloc[0]
    assert bool(own["higher_is_better"]) is True
    assert (own["scale_min"], own["scale_max"], own["preferred_rank"]) == (0, 10, 9)
    assert own[["domain", "mcid"]].isna().all()
    assert "Outcomes known from their own rows only, without a domain: my_score." in tables.notes


def test_an_outcome_of_ones_own_in_contrasts_needs_a_direction_too(folder, faults_of):
    text = (
        "study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,se,higher_is_better\n"
        "smith2019,bmac,ha,my_score,6,MD,1,2,{}\n"
    )
    assert len(read_tables(folder(contrasts=text.format("true"))).contrasts) == 1
    (fault,) = faults_of(contrasts=text.format(""))
    assert (fault.column, fault.found) == ("outcome", "'my_score'")


def test_a_misspelled_outcome_is_not_taken_for_a_new_one(faults_of):
    text = "study_id,arm_id,outcome,timepoint_months,mean,higher_is_better\nsmith2019,ha,womac_functoin,6,3,false\n"
    (fault,) = faults_of(outcomes=text)
    assert fault.remedy.startswith("Did you mean 'womac_function'")


def test_rows_of_one_new_outcome_agree_on_which_way_is_better(faults_of):
    text = (
        "study_id,arm_id,outcome,timepoint_months,mean,higher_is_better\n"
        "smith2019,ha,my_score,6,3,true\nsmith2019,bmac,my_score,6,4,false\n"
    )
    assert faults_of(outcomes=text) == [
        Fault(
            "outcomes.csv",
            3,
            "higher_is_better",
            "false, but true in row 2",
            "one direction for 'my_score'",
            "Correct one of them, or give the two outcomes two codes.",
        )
    ]


def test_a_table_with_a_faulty_key_is_no_referee(faults_with):
    faults = faults_with("arms", (3, "arm_id", " ha"))
    assert [(fault.file, fault.row, fault.column) for fault in faults] == [("arms.csv", 3, "arm_id")]
