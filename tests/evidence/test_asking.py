from __future__ import annotations

import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.evidence import load

PAIN = {"on": "pain", "months": 6}


@pytest.fixture
def plain(evidence, rows):
    """Return a folder of one trial with pain and adverse events."""
    pain = [rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))]
    return evidence(outcomes=[*pain, *(rows.count("trial", arm, 3, 20) for arm in "tc")])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"treatment": "BMCA"}, "There is no treatment 'BMCA'; did you mean 'BMAC'"),
        ({"comparator": "HAA"}, "There is no treatment 'HAA'; did you mean 'HA'"),
        ({"on": "pian"}, "There is no outcome domain or instrument 'pian'; did you mean 'pain'"),
        ({"measure": "SMDD"}, "There is no measure of two arms 'SMDD'; did you mean 'SMD'"),
        ({"measure": "SMCR"}, "There is no measure of two arms 'SMCR'"),
        ({"flagz": "keep_all"}, "There is no rule 'flagz'; did you mean 'flags'"),
        ({"prefer": "vas_pian"}, "There is no outcome to prefer 'vas_pian'; did you mean 'vas_pain'"),
        ({"designs": ("rtc",)}, "There is no study design 'rtc'; did you mean 'rct'"),
        ({"nodes": {"SALNE": "SALINE"}}, "There is no intervention 'SALNE'; did you mean 'SALINE'"),
        ({"part": ("kl_grad", "2")}, "There is no subgroup variable 'kl_grad'"),
    ],
)
def test_an_unknown_word_is_answered_with_the_known_ones_and_the_nearest(plain, asked, message):
    question = {"treatment": "BMAC", "comparator": "HA", **PAIN} | asked
    with pytest.raises(UnknownWordError, match=message):
        plain.compare(**question)


def test_an_unknown_level_of_a_part_is_answered_with_the_known_ones(knee):
    with pytest.raises(UnknownWordError, match=r"There is no level of kl_grade '9'.* Known: .*2"):
        knee.compare("PRP", "HA", on="function", part=("kl_grade", "9"))


def test_a_treatment_is_not_compared_with_itself_nor_with_what_joins_it(plain):
    for same in ("bmac", "BM_MNC"):
        with pytest.raises(InputError, match=f"BMAC and {same} are both BMAC"):
            plain.compare("BMAC", same, **PAIN)


def test_an_intervention_is_read_as_the_node_that_it_joins_and_said_to_be(knee):
    effects = knee.compare("PRP", "saline", on="pain")
    assert effects.question.versus == "PRP vs placebo"
    assert "saline is read as PLACEBO, which it joins" in effects.question.choices


def test_nodes_can_be_split(evidence, rows):
    arms = {"trial": {"cells": "BM_MNC", "whole": "BMAC", "c": "HA"}}
    outcomes = [rows.score("trial", "cells", 3), rows.score("trial", "whole", 4), rows.score("trial", "c", 6)]
    ev = evidence(arms, outcomes=outcomes)
    together = ev.compare("BMAC", "HA", measure="MD", **PAIN).frame
    assert (together.estimate[0], together.n_a[0]) == (-2.5, 40)
    apart = ev.compare("BM_MNC", "BMAC", measure="MD", nodes={"BM_MNC": "BM_MNC"}, **PAIN)
    assert (apart.frame.estimate[0], apart.frame.n_a[0]) == (-1.0, 20)
    assert "nodes of interventions.csv; BM_MNC joins BM_MNC; arms of one node are combined" in apart.question.choices


def test_nodes_can_be_joined(evidence, rows):
    arms = {"trial": {"m": "BM_MSC", "b": "BMAC", "c": "HA"}}
    outcomes = [rows.score("trial", "m", 3), rows.score("trial", "b", 4), rows.score("trial", "c", 6)]
    ev = evidence(arms, outcomes=outcomes)
    frame = ev.compare("CELLS", "HA", measure="MD", nodes={"BM_MSC": "CELLS", "BMAC": "CELLS"}, **PAIN).frame
    assert (frame.estimate[0], frame.arm_a[0], frame.n_a[0]) == (-2.5, "m, b", 40)


def test_only_randomized_designs_count_unless_others_are_named(evidence, rows):
    outcomes = [rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))]
    ev = evidence(studies=[{"study_id": "trial", "design": "retrospective_cohort"}], outcomes=outcomes)
    left = ev.compare("BMAC", "HA", **PAIN)
    assert left.left_out.to_dict("records") == [{"study": "Trial", "row": "", "reason": "design: retrospective_cohort"}]
    assert len(ev.compare("BMAC", "HA", designs=None, **PAIN)) == 1
    assert len(ev.compare("BMAC", "HA", designs=("rct", "retrospective_cohort"), **PAIN)) == 1


def test_a_folder_that_says_no_design_counts(evidence, rows):
    outcomes = [rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))]
    ev = evidence(studies=[{"study_id": "trial", "design": ""}], outcomes=outcomes)
    assert len(ev.compare("BMAC", "HA", **PAIN)) == 1


def test_crossover_trials_are_named_with_what_is_assumed(evidence, rows):
    outcomes = [rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))]
    ev = evidence(studies=[{"study_id": "trial", "design": "crossover_rct"}], outcomes=outcomes)
    effects = ev.compare("BMAC", "HA", **PAIN)
    assert effects.notes == ("cross-over trials, their rows taken as those of parallel arms (first period): Trial",)


def test_the_measure_is_chosen_by_what_is_asked_unless_it_is_named(plain):
    assert plain.compare("BMAC", "HA", on="pain", months=6).measure.code == "SMD"
    assert plain.compare("BMAC", "HA", on="vas_pain", months=6).measure.code == "MD"
    assert plain.compare("BMAC", "HA", on="adverse_events", months=6).measure.code == "RR"
    assert plain.compare("BMAC", "HA", on="adverse events", months=6, measure="OR").measure.code == "OR"


def test_counts_do_not_serve_a_measure_of_means_and_say_so(plain):
    ratio = plain.compare("BMAC", "HA", on="pain", months=6, measure="RR")
    assert set(ratio.left_out.reason) == {"RR needs counts, and these are means"}
    difference = plain.compare("BMAC", "HA", on="adverse_events", months=6, measure="MD")
    assert set(difference.left_out.reason) == {"MD needs means, and these are counts"}


def test_a_trial_without_a_usable_visit_says_when_its_visits_were(plain):
    effects = plain.compare("BMAC", "HA", on="pain", months=12)
    assert list(effects.left_out.reason) == ["no usable visit in the window; printed at 6 months"]
    with pytest.raises(NotEnoughTrials, match=r"no trial gives an effect\. Left out: no usable visit"):
        effects.pool()


def test_a_trial_with_the_arms_and_no_number_is_told_apart(plain):
    effects = plain.compare("BMAC", "HA", on="function")
    assert list(effects.left_out.reason) == ["has the arms, but no number on this outcome is at hand"]


def test_a_folder_of_contrasts_alone_can_be_asked(tmp_path):
    (tmp_path / "contrasts.csv").write_text(
        "study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,se\n"
        "one,PRP,HA,vas_pain,6,MD,-1,0.5\ntwo,HA,PRP,vas_pain,6,MD,2,0.5\n",
        encoding="utf-8",
    )
    effects = load(tmp_path).compare("PRP", "HA", on="vas_pain", months=6)
    assert list(effects.frame.estimate) == [-1.0, -2.0]
    assert effects.pool().fit.estimate == pytest.approx(-1.5)


# The trials that the project's data hold for the knee, all windows together and whatever is flagged.
COUNTS = {
    ("pain", "CORTICOSTEROID", "PLACEBO"): 19,
    ("pain", "HA", "PLACEBO"): 17,
    ("pain", "PRP", "PLACEBO"): 3,
    ("pain", "CORTICOSTEROID", "PRP"): 3,
    ("pain", "PRP", "HA"): 2,
    ("pain", "BMAC", "HA"): 2,
    ("pain", "BMAC", "PRP"): 1,
    ("pain", "BMAC", "PLACEBO"): 1,
    # One more than the eight with numbers of both arms: park2021 has a difference with a standard error.
    ("function", "PRP", "HA"): 9,
}


@pytest.mark.parametrize("question", COUNTS)
def test_the_trials_at_hand_are_found(knee, question):
    on, treatment, comparator = question
    asked = [knee.compare(treatment, comparator, on=on, months=m, flags="keep_all") for m in (3, 6, 12, 24, None)]
    assert len({study for effects in asked for study in effects.frame.get("study_id", ())}) == COUNTS[question]
