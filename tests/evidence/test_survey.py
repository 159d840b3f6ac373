from __future__ import annotations

import pytest

from bmac_meta.errors import UnknownWordError
from bmac_meta.evidence.survey import every_pair


@pytest.fixture
def three(evidence, rows):
    """Return a folder of three treatments, of which two pairs have numbers on pain at 6 months."""
    arms = {"one": {"t": "BMAC", "c": "SALINE"}, "two": {"t": "PRP", "c": "SALINE"}, "three": {"t": "PRP", "c": "BMAC"}}
    outcomes = [rows.score(study, arm, mean) for study in ("one", "two") for arm, mean in (("t", 3), ("c", 5))]
    return evidence(arms, outcomes=outcomes)


def test_every_pair_that_a_study_compares_is_asked_with_the_active_treatment_first(three):
    assert every_pair(three) == [("BMAC", "PLACEBO"), ("BMAC", "PRP"), ("PRP", "PLACEBO")]


def test_pairs_stand_by_how_many_studies_compare_them(knee):
    assert every_pair(knee)[0] == ("HA", "PLACEBO")


def test_questions_without_a_trial_are_passed_over_unless_they_are_named(three):
    found = three.summary(on=("pain",), months=(6, 12))
    assert [question.versus for question in found.questions] == ["BMAC vs placebo", "PRP vs placebo"]
    named = three.summary(on=("pain",), months=(12,), pairs=[("BMAC", "PRP")])
    assert (named.answers, named.reasons) == ((None,), ("no trial that can be used",))
    assert named.sentences() == ("BMAC vs PRP · pain · 12 months: no trial that can be used",)


def test_a_summary_gives_what_the_single_questions_give(knee):
    row = knee.summary(on=("pain",), months=(3,), pairs=[("HA", "PLACEBO")]).tidy().iloc[0]
    pooled = knee.compare("HA", "PLACEBO", on="pain", months=3, measured_as="most").pool()
    assert (row.trials, row.patients, row.estimate) == (pooled.k, pooled.patients, pooled.fit.estimate)
    assert row.sentence == pooled.sentence()


def test_a_question_that_must_not_be_pooled_says_why(knee):
    summary = knee.summary(on=("pain",), months=(3,), pairs=[("HA", "PLACEBO")], measure="MD")
    assert summary.answers == (None,)
    assert "means on different scales" in summary.reasons[0]
    assert "not pooled" in str(summary)


def test_an_unknown_word_reaches_the_one_who_asked(three):
    with pytest.raises(UnknownWordError, match="did you mean 'flags'"):
        three.summary(flag="keep_all")
