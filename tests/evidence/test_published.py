from __future__ import annotations

import math

import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.evidence import load

SERIOUS = "juni2015.p_cd0d4d01"
PAIN_AT_SIX = "whittle2025.p_e7daa723"


@pytest.fixture(scope="module")
def everything():
    return load()


def test_an_unknown_pool_is_answered_with_those_that_have_the_rows_of_their_trials(everything):
    with pytest.raises(UnknownWordError, match=r"did you mean 'juni2015\.p_cd0d4d01'"):
        everything.published("juni2015.p_cd0d4d0")


def test_counts_come_before_a_printed_ratio(everything):
    effects = everything.published(SERIOUS)
    henriksen = effects.frame.set_index("study").loc["Henriksen 2015"]
    # 1 of 50 and 3 of 50; the forest plot prints 0.33.
    assert henriksen.estimate == pytest.approx(math.log(1 / 3))
    assert henriksen.se == pytest.approx(math.sqrt(1 - 1 / 50 + 1 / 3 - 1 / 50))


def test_trials_that_give_no_ratio_are_left_out_by_name(everything):
    left = everything.published(SERIOUS).left_out
    assert list(left.study) == ["Lyons 2005", "Ozturk 2006", "Ravaud 1999"]
    assert left.reason.str.startswith("risk ratio does not exist for events a 0, total a").all()


def test_a_printed_effect_stands_only_for_the_measure_that_it_is(everything):
    printed = everything.published("juni2015.p_2c2b2b38", measure="MD")
    assert len(printed) == 0
    assert set(printed.left_out.reason) == {"MD needs mean_a, sd_a, mean_b, sd_b, not in the review's row"}


def test_another_measure_is_computed_from_the_means_of_the_rows(everything):
    effects = everything.published(PAIN_AT_SIX, measure="SMD")
    row = effects.frame.iloc[0]
    sd = math.sqrt(((row.n_a - 1) * row.sd_a**2 + (row.n_b - 1) * row.sd_b**2) / (row.n_a + row.n_b - 2))
    assert row.estimate == pytest.approx((row.mean_a - row.mean_b) / sd, rel=0.1)
    assert abs(row.estimate) < abs((row.mean_a - row.mean_b) / sd)


def test_every_row_has_its_history_and_its_address(everything):
    effects = everything.published(PAIN_AT_SIX)
    for study in effects.studies:
        steps = effects.history(study)
        assert steps.what.iloc[0].startswith("printed: MD ")
        assert steps.address.iloc[0].startswith("published_inputs.csv row ")
        assert steps.what.iloc[-1].startswith("effect ")


def test_what_the_review_printed_stands_beside_the_answer(everything):
    assert everything.published(SERIOUS).notes == ("printed by juni2015: RR 0.63 (0.15 to 2.67)",)
    flagged = everything.published("saito_kotake.p_170a7292")
    assert flagged.notes == ("printed by saito_kotake: RR 1.61 (1.34 to 1.92); flagged: condition not stated",)


def test_a_measure_that_is_none_is_refused(everything):
    with pytest.raises(InputError, match="is a SUCRA, and the effect measures are MD"):
        everything.published(SERIOUS, measure="SUCRA")


def test_the_question_is_the_reviews(everything):
    question = everything.published("juni2015.p_c9df6462").question
    assert question.title == "corticosteroid vs sham/no intervention · pain · 6 months"
    assert question.sides == (None, None)
