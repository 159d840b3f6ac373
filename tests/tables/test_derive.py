from __future__ import annotations

from bmac_meta.tables import read_tables

CONTRASTS = """\
study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,se
Smith 2019,BMAC,HA,vas_pain,12,MD,-9,4
Smith 2019,PRP,HA,vas_pain,12,MD,-4,4
Jones 2021,PRP,baseline,vas_pain,12,MD,-4,2
"""


def test_without_arms_the_arms_are_the_interventions_of_the_contrasts(folder):
    tables = read_tables(folder(studies=None, arms=None, outcomes=None, contrasts=CONTRASTS))
    arms = tables.arms[["study_id", "arm_id", "intervention"]]
    assert arms.to_numpy().tolist() == [
        ["Smith 2019", "BMAC", "BMAC"],
        ["Smith 2019", "HA", "HA"],
        ["Smith 2019", "PRP", "PRP"],
        ["Jones 2021", "PRP", "PRP"],
    ]
    assert list(arms.index) == [2, 2, 3, 4]
    assert "arms.csv is not there: 4 arms made from the interventions of contrasts.csv." in tables.notes


def test_without_studies_each_study_named_is_one(folder):
    tables = read_tables(folder(studies=None, arms=None, outcomes=None, contrasts=CONTRASTS))
    assert tables.studies[["study_id", "label", "cohort_id"]].to_numpy().tolist() == [
        ["Smith 2019"] * 3,
        ["Jones 2021"] * 3,
    ]
    assert "studies.csv is not there: 2 studies made from study_id." in tables.notes


def test_derived_tables_have_the_columns_and_types_of_their_tables(folder):
    tables, own = (
        read_tables(folder(studies=None, arms=None, outcomes=None, contrasts=CONTRASTS)),
        read_tables(),
    )
    for name in ("studies", "arms", "outcomes", "instruments"):
        assert dict(getattr(tables, name).dtypes) == dict(getattr(own, name).dtypes)
        assert getattr(tables, name).index.name == "row"


def test_studies_that_only_an_arm_names_are_studies(folder, files):
    tables = read_tables(folder(studies=None, contrasts=None, arms=files["arms"] + "extra,x,SALINE,,,\n"))
    assert list(tables.studies["study_id"]) == ["smith2019", "jones2021", "extra"]
    assert list(tables.studies.index) == [2, 4, 6]
