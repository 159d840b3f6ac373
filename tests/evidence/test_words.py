from __future__ import annotations

import pytest

from bmac_meta.evidence.rules import Rules
from bmac_meta.evidence.words import node_named, outcomes_named

PAIN = {"on": "pain", "months": 6}


def test_a_treatment_can_be_named_in_any_case_or_by_what_joins_it(knee):
    for word in ("PLACEBO", "placebo", "saline", " Sham "):
        assert node_named(knee, word, Rules()) == "PLACEBO"


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        ("vas_pain", ("vas_pain",)),
        ("VAS pain", ("vas_pain",)),
        ("WOMAC pain subscale", ("womac_pain",)),
        ("serious adverse events", ("serious_adverse_events",)),
        ("SAE", ("serious_adverse_events",)),
    ],
)
def test_an_outcome_can_be_named_by_code_label_or_a_saying(knee, word, codes):
    assert outcomes_named(knee, word) == codes


def test_a_domain_means_all_its_instruments(knee):
    pain = outcomes_named(knee, "pain")
    assert {"womac_pain", "vas_pain", "koos_pain"} <= set(pain)
    assert not {"womac_function", "adverse_events"} & set(pain)
    assert len(outcomes_named(knee, "responders")) > 1


def test_the_question_bears_its_window_its_studies_and_what_differs_from_the_defaults(knee):
    plain = knee.compare("PRP", "HA", **PAIN).question
    assert plain.choices == ("visits over 3 to 6 months, the nearest to 6", "studies of condition: knee_oa")
    other = knee.compare("PRP", "HA", flags="keep_all", **PAIN).question
    assert other.choices[2:] == ("flagged rows: keep all",)
    assert set(other.choices) <= set(other.rules)
    assert "one report of the same patients; primary report before registry before review" in other.rules


def test_which_side_is_better_is_not_said_where_the_trials_disagree(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("low", "high")}
    outcomes = [
        *(rows.score("low", arm, 3) for arm in "tc"),
        *(rows.score("high", arm, 3, higher_is_better="true") for arm in "tc"),
    ]
    ev = evidence(arms, outcomes=outcomes)
    assert ev.compare("BMAC", "HA", on="vas_pain", months=6).question.sides == (None, None)
    assert ev.compare("BMAC", "HA", on="vas_pain", months=6, measure="SMD").question.sides == ("BMAC", "HA")


def test_the_facts_of_combined_arms_are_several_where_they_differ(evidence, rows):
    arms = {
        "trial": {
            "lr": {"intervention": "PRP", "prp_class": "LR", "n_injections": 1},
            "lp": {"intervention": "PRP+SALINE", "prp_class": "LP", "n_injections": 3},
            "c": {"intervention": "HA", "ha_product": "Synvisc", "n_injections": 1},
        }
    }
    outcomes = [rows.score("trial", arm, mean) for arm, mean in (("lr", 3), ("lp", 4), ("c", 5))]
    row = evidence(arms, outcomes=outcomes).compare("PRP", "HA", **PAIN).frame.iloc[0]
    assert (row.prp_class, row.ha_product) == ("several", "Synvisc")


def test_the_facts_of_the_comparator_stand_in_where_the_treatment_has_none(evidence, rows):
    arms = {"trial": {"t": "BMAC", "c": {"intervention": "PRP", "prp_class": "LR"}}}
    outcomes = [rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))]
    assert evidence(arms, outcomes=outcomes).compare("BMAC", "PRP", **PAIN).frame.prp_class[0] == "LR"


def test_effects_stand_by_year_then_label(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("zeta", "alpha", "beta")}
    studies = [{"study_id": "zeta", "year": 2001}, {"study_id": "alpha", "year": 2010}]
    outcomes = [rows.score(study, arm, 3) for study in arms for arm in "tc"]
    assert list(evidence(arms, studies, outcomes=outcomes).compare("BMAC", "HA", **PAIN).frame.study_id) == [
        "zeta",
        "alpha",
        "beta",
    ]


def test_left_out_rows_come_in_the_same_order_every_time(knee):
    first, second = (knee.compare("PRP", "HA", on="function", months=6, measured_as="most").left_out for _ in "ab")
    assert len(first) > 10
    assert first.equals(second)


def test_an_effect_without_a_known_direction_is_not_pooled_with_others(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("known", "unknown")}
    outcomes = [
        *(rows.score("known", arm, 3) for arm in "tc"),
        *(rows.score("unknown", arm, 3, outcome="pain_mcid_standardised") for arm in "tc"),
    ]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    assert effects.question.sides == (None, None)
    assert "which way is better is not known for: Unknown" in effects.refusals[0]
    assert effects.without("Unknown").refusals == ()
