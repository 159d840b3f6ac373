"""Doubts stand in a card: question, answer, reason."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from bmac_meta.results import funnels

ANSWERED = """
pooled          0.49      95% CI 0.33 to 0.73          favours BCG
Egger           p = .451  slope −0.76 (SE 0.98)        no lean seen, on the standard error
Egger 1997      p = .189  slope −2.11 (SE 1.51)        no lean seen, on the standard error;
                                                       scatter multiplied
Begg            p = .952  Kendall's τ = 0.03           exact
Harbord         p = .235  slope −2.09 (SE 1.67)        no lean seen
Peters          p = .200  slope −563.69 (SE 413.72)    no lean seen
trim and fill   0.52      95% CI 0.35 to 0.77          1 trial added on the right
PET-PEESE       0.83      95% CI 0.51 to 1.34          includes no effect; PET: limit of a
                                                       huge trial
"""


def test_the_card_reads_as_it_should(vaccine):
    lines = repr(vaccine.doubts()).splitlines()
    assert lines[2:12] == ANSWERED.strip().splitlines()


def test_questions_without_an_answer_come_last_with_their_common_reason(vaccine):
    few = vaccine.where(study=[f"Trial {place}" for place in range(1, 5)])
    text = " ".join(repr(few.doubts()).split())
    assert "not answered Egger, Egger 1997, Begg, Harbord, Peters, trim and fill, PET-PEESE: small-" in text


def test_the_fail_safe_number_comes_with_its_warning(vaccine):
    text = " ".join(repr(vaccine.doubts()).split())
    assert "advised against: see the note" in text
    assert "the Cochrane Handbook advises against it" in text


def test_small_trials_that_lean_are_said_to_lean_to_a_treatment(vaccine):
    frame = vaccine.frame.assign(estimate=-2 * vaccine.frame["se"] + 0.001 * vaccine.frame["year"])
    leaning = type(vaccine)(frame, vaccine.question).doubts()
    assert "small trials lean to BCG," in leaning.tidy()["answer"][0]
    unsaid = dataclasses.replace(vaccine.question, lower_is_better=None)
    assert "small trials lean to low effects" in type(vaccine)(frame, unsaid).doubts().tidy()["answer"][0]


def test_a_verdict_that_changes_without_a_trial_names_it(vaccine):
    four = vaccine.frame.head(4).assign(estimate=[-0.6, -0.25, -0.25, -0.25], se=[0.2, 0.3, 0.3, 0.3])
    effects = type(vaccine)(four, vaccine.question)
    choices = ("DL", "wald")
    rest = {study: effects.without(study).pool(*choices).fit.ci_high for study in effects.studies}
    changed = [study for study, high in rest.items() if high > 0]
    assert effects.pool(*choices).fit.ci_high < 0
    assert 0 < len(changed) < 4
    told = effects.doubts(*choices).tidy().set_index("question").loc["leave one out"]
    assert told["answer"].endswith(f"the verdict changes without {', '.join(changed)}")
    assert told["number"] == len(changed)


def test_the_table_has_a_row_per_question(vaccine):
    table = vaccine.doubts().tidy()
    assert table.columns.tolist() == [
        "question", "answer", "refused", "estimate", "ci_low", "ci_high", "p_value", "number"
    ]  # fmt: skip
    assert table["question"].is_unique
    assert table.set_index("question").loc["fail-safe N", "number"] == 598


def test_the_funnel_has_the_filled_trials_and_the_line_of_egger(vaccine):
    doubts = vaccine.doubts()
    record = funnels.funnel_record(doubts, {})
    assert len(record.imputed_estimate) == doubts["trim and fill"].filled == 1
    assert record.imputed_precision[0] in vaccine.frame["se"].tolist()
    assert record.regression == (doubts["Egger"].limit, doubts["Egger"].slope)
    assert record.center == doubts.pooled.fit.estimate
    assert record.contours
    assert record.subtitle == "Egger p = .451; trim and fill adds 1 trial"


def test_a_line_on_trial_size_is_not_drawn_over_standard_errors(hostile):
    assert funnels.funnel_record(hostile.doubts(), {}).regression is None


def test_with_few_trials_the_funnel_says_that_it_cannot_be_judged(vaccine):
    few = vaccine.where(study=["Trial 1", "Trial 2", "Trial 3"]).doubts()
    record = funnels.funnel_record(few, {})
    assert record.subtitle == "small-study effects can't be assessed with 3 trials; needs 10"
    assert record.imputed_estimate == ()
    assert record.regression is None


def test_a_saved_funnel_has_its_table_beside_it(hostile, tmp_path):
    hostile.doubts().funnel(save=tmp_path / "funnel.svg")
    table = pd.read_csv(tmp_path / "funnel.csv")
    assert table["imputed"].sum() == hostile.doubts()["trim and fill"].filled
    assert table["precision"][:12].tolist() == pytest.approx(hostile.frame["se"].tolist())
    assert "<script>" not in (tmp_path / "funnel.svg").read_text(encoding="utf-8")
