from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.tables import read_package, read_tables
from bmac_meta.tables.cells import WRONG, cell_value
from bmac_meta.tables.fallback import row_ids

OUTCOMES = """\
study_id,arm_id,outcome,timepoint_months,mean,n,events,total
smith2019,ha,vas_pain,1.5,30,40,,
smith2019,bmac,vas_pain,1.5,20,,,
smith2019,bmac,adverse_events,,,,3,40
"""
CONTRASTS = """\
study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,ci_low,ci_high,se
smith2019,bmac,ha,vas_pain,12,MD,-9,-19,1,
smith2019,bmac,ha,nrs_pain,12,MD,-1,,,0.5
"""


@pytest.fixture
def tables(folder):
    return read_tables(folder(studies=None, outcomes=OUTCOMES, contrasts=CONTRASTS))


def test_a_row_without_a_key_gets_one_from_what_it_stands_for(tables):
    assert list(tables.outcomes["row_id"]) == [
        "smith2019.ha.vas_pain.1p5.final",
        "smith2019.bmac.vas_pain.1p5.final",
        "smith2019.bmac.adverse_events.na.final",
    ]
    assert list(tables.contrasts["row_id"]) == [
        "smith2019.bmac.ha.vas_pain.12.MD",
        "smith2019.bmac.ha.nrs_pain.12.MD",
    ]


def test_keys_that_would_be_equal_are_numbered():
    frame = pd.DataFrame({"a": ["x y", "x_y", "z"], "subgroup_level": [None, None, "3"]}, dtype="str")
    assert list(row_ids(frame, ("a", "subgroup_level"))) == ["x_y", "x_y.2", "z.3"]


def test_without_a_kind_of_value_values_are_final(tables):
    assert list(tables.outcomes["value_kind"]) == ["final"] * 3
    assert "outcomes.csv has no column value_kind: every row is taken as final." in tables.notes


def test_what_is_assumed_of_a_number_is_assumed_only_where_it_is_given(tables):
    outcomes = tables.outcomes
    assert outcomes["n_basis"].fillna("").tolist() == ["reported", "", ""]
    assert outcomes["events_basis"].fillna("").tolist() == ["", "", "reported"]
    assert tables.contrasts["ci_level"].fillna(0).tolist() == [95, 0]
    assert "contrasts.csv has no column ci_level: rows with ci_low are taken as 95." in tables.notes


def test_nothing_is_noted_where_nothing_was_assumed(tables):
    assert outcomes_without_limits(tables)
    assert not any("outcomes.csv has no column ci_level" in note for note in tables.notes)


def outcomes_without_limits(tables):
    return tables.outcomes["ci_low"].isna().all()


def test_a_cell_left_empty_in_a_column_that_is_there_stays_empty(folder):
    text = CONTRASTS.replace("se\n", "se,ci_level\n").replace("1,\n", "1,,\n").replace("0.5\n", "0.5,\n")
    contrasts = read_tables(folder(contrasts=text)).contrasts
    assert contrasts["ci_level"].isna().all()


def test_contrasts_are_unpaired_and_sources_primary_when_nothing_is_said(tables):
    assert list(tables.contrasts["paired"]) == [False, False]
    assert list(tables.outcomes["source_type"]) == ["primary"] * 3


def test_codes_serve_as_labels_and_nodes(folder):
    tables = read_tables(
        folder(
            studies="study_id\nsmith2019\njones2021\n",
            interventions="intervention\nBMAC\nHA\nPRP\n",
            instruments="outcome,domain,higher_is_better\nvas_pain,pain,false\nadverse_events,safety,false\n",
        )
    )
    assert list(tables.studies["label"]) == ["smith2019", "jones2021"]
    assert list(tables.studies["cohort_id"]) == ["smith2019", "jones2021"]
    assert list(tables.interventions["network_node"]) == ["BMAC", "HA", "PRP"]
    assert list(tables.interventions["components"]) == ["BMAC", "HA", "PRP"]
    assert list(tables.instruments["preferred_rank"]) == [9, 9]


def test_the_project_lends_its_vocabularies_and_says_so(tables):
    own = read_tables()
    assert tables.interventions.equals(own.interventions)
    assert tables.instruments.equals(own.instruments)
    assert "interventions.csv is not there: the project's own is used." in tables.notes
    assert "interventions.csv" not in tables.hashes


def test_the_project_needs_no_fallback():
    assert read_tables().notes == ()


def test_every_fallback_value_is_allowed_in_its_column():
    for table in read_package().tables:
        for field in table.fields:
            if field.fallback and field.fallback.value:
                assert cell_value(field.fallback.value, field, frozenset()) is not WRONG


def test_types_are_the_same_with_and_without_fallback(tables):
    own = read_tables()
    for name in ("studies", "arms", "outcomes", "contrasts"):
        assert dict(getattr(tables, name).dtypes) == dict(getattr(own, name).dtypes)
