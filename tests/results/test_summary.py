from __future__ import annotations

import math

import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import PoolingRefused
from bmac_meta.question import Question
from bmac_meta.results.summary import NO_TRIAL, Summary


def answered(estimates, treatment="BMAC", measure="SMD"):
    question = Question(treatment, "HA", "pain", "12 months", lower_is_better=True)
    table = pd.DataFrame({"d": estimates, "s": 0.2, "n_a": 20, "n_b": 20})
    return Effects.from_frame(table, estimate="d", se="s", measure=measure, question=question).pool()


@pytest.fixture
def summary() -> Summary:
    answers = (answered([-0.5, -0.2, 0.1]), answered([0.3], "PRP"), None)
    questions = (answers[0].question, answers[1].question, Question("MFAT", "HA", "pain", "12 months"))
    return Summary(questions, answers, ("", "", NO_TRIAL))


def test_there_is_a_row_for_every_question_answered_or_not(summary):
    tidy = summary.tidy()
    assert list(tidy.treatment) == ["BMAC", "PRP", "MFAT"]
    assert list(tidy.trials) == [3, 1, 0]
    assert list(tidy.patients) == [120, 40, 0]
    assert math.isnan(tidy.estimate[2])
    assert math.isnan(tidy.tau[1])


def test_the_card_says_where_there_is_no_trial(summary):
    rows = {row[0]: row for row in summary.card().grids[0].rows}
    assert rows["MFAT vs HA · pain · 12 months"] == ("MFAT vs HA · pain · 12 months", "0", "", "no trial", "", "")
    assert rows["PRP vs HA · pain · 12 months"][1:4] == ("1", "40", "SMD 0.30")


def test_a_refusal_stands_in_the_notes():
    question = Question("PRP", "HA", "pain")
    summary = Summary((question,), (None,), ("scores of two kinds",))
    assert summary.card().grids[0].rows[0][3] == "not pooled"
    assert summary.card().notes == ("PRP vs HA · pain: scores of two kinds",)
    assert summary.sentences() == ("PRP vs HA · pain: scores of two kinds",)


def test_a_sentence_for_each_question(summary):
    assert len(summary.sentences()) == len(summary) == 3
    assert summary.sentences()[2] == f"MFAT vs HA · pain · 12 months: {NO_TRIAL}"


def test_the_picture_has_a_diamond_for_each_answer(summary, tmp_path):
    summary.forest(save=tmp_path / "all.svg")
    picture = (tmp_path / "all.svg").read_text(encoding="utf-8")
    assert "BMAC vs HA" in picture
    assert "MFAT vs HA" not in picture.split("</desc>")[1]
    assert len(pd.read_csv(tmp_path / "all.csv")) == 3


def test_one_axis_has_one_measure(summary):
    mixed = Summary((*summary.questions[:1], Question()), (summary.answers[0], answered([0.5], measure="RR")), ("", ""))
    with pytest.raises(PoolingRefused, match="several measures: RR, SMD"):
        mixed.forest()
    with pytest.raises(PoolingRefused, match="no answer"):
        Summary((Question(),), (None,), (NO_TRIAL,)).forest()
