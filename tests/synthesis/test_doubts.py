"""`doubts` asks every question and answers it, or says why it cannot."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bmac_meta import stats
from bmac_meta.effects import Effects
from bmac_meta.errors import InputError
from bmac_meta.results.doubts import Refused
from bmac_meta.synthesis.doubts import QUESTIONS

# R's fits were made with thresholds of 1e-13; tau2 by REML of both sides agrees to about 1e-8.
CLOSE = {"rel": 1e-6, "abs": 1e-8}


def turned(effects, **changes):
    return dataclasses.replace(effects, question=dataclasses.replace(effects.question, **changes))


@pytest.mark.parametrize("name", ["bcg_RR", "hackshaw1998", "bangertdrowns2004"])
def test_egger_and_begg_are_those_of_metafor(effects_of, case, name):
    result, expected = effects_of(name).doubts(interval="wald"), case(name)
    assert result["Egger"].statistic == pytest.approx(expected["egger_rma"]["stat"], **CLOSE)
    assert result["Egger"].p_value == pytest.approx(expected["egger_rma"]["p"], **CLOSE)
    assert result["Begg"].tau == pytest.approx(expected["begg"]["tau"], abs=1e-12)
    assert result["Begg"].p_value == pytest.approx(expected["begg"]["p"], **CLOSE)


@pytest.mark.parametrize("name", ["bcg_RR", "hackshaw1998"])
def test_trim_and_fill_and_pet_are_those_of_metafor(effects_of, case, name):
    result, expected = effects_of(name).doubts("DL"), case(name)
    filled, line = expected["trimfill_dl"], expected["egger_lm"]
    assert (result["trim and fill"].filled, result["trim and fill"].side) == (filled["k0"], filled["side"])
    assert result["trim and fill"].estimate == pytest.approx(filled["beta"], **CLOSE)
    assert result["PET-PEESE"].pet.limit == pytest.approx(line["limit"], **CLOSE)
    assert result["PET-PEESE"].pet.limit_ci_low == pytest.approx(line["limit_lb"], **CLOSE)


def test_standardized_differences_are_regressed_on_what_trial_size_alone_decides(smd):
    effects = smd()
    x = np.sqrt(1 / effects.frame["n_a"] + 1 / effects.frame["n_b"])
    expected = stats.egger_mixed_effects(effects.estimates, variance=effects.variances, predictor=x)
    found = effects.doubts()
    assert found["Egger"].p_value == expected.p_value
    limits = stats.pet_peese(effects.estimates, variance=effects.variances, predictor=x)
    assert found["PET-PEESE"].estimate == limits.estimate
    assert {found["Egger"].predictor, found["PET-PEESE"].pet.predictor} == {"as given"}
    assert " 1/n + 1/n" in repr(found).replace("√(", " ")


def test_without_sizes_or_for_other_measures_the_standard_error_is_the_predictor(smd, bcg):
    effects = smd()
    sizeless = Effects(effects.frame.drop(columns=["n_a", "n_b"]), effects.question)
    assert sizeless.doubts()["Egger"].predictor == "standard error"
    assert bcg.doubts()["Egger"].predictor == "standard error"


def test_harbord_and_peters_are_for_tables(bcg, smd):
    counts = {name: bcg.frame[name] for name in ("events_a", "total_a", "events_b", "total_b")}
    assert bcg.doubts()["Harbord"].p_value == stats.harbord_test(**counts).p_value
    assert bcg.doubts()["Peters"].p_value == stats.peters_test(**counts).p_value
    assert smd().doubts()["Harbord"] == Refused("this test is for trials that print events and totals of both arms")


def test_selection_favors_the_better_side_for_the_patients(smd):
    effects = smd()
    assert effects.doubts().favored == "negative"
    assert turned(effects, lower_is_better=False).doubts().favored == "positive"
    unknown = turned(effects, lower_is_better=None).doubts()
    assert (unknown.favored, unknown.favored_from) == ("negative", "the side of the pooled effect")


def test_selection_and_worst_case_use_that_side(smd):
    effects = smd(k=30, seed=3)
    result = effects.doubts()
    data = {"variance": effects.variances, "favored": "negative"}
    assert result["step selection"].estimate == stats.step_selection(effects.estimates, **data).estimate
    assert result["worst case"].s_value == stats.worst_case(effects.estimates, **data).s_value


def test_below_ten_trials_the_funnel_is_not_judged_and_says_why(smd):
    result = smd(k=6).doubts()
    for name in ("Egger", "Begg", "trim and fill", "PET-PEESE"):
        assert result[name] == Refused("small-study effects can't be assessed with 6 trials; needs 10")
    assert isinstance(result["Henmi–Copas"], stats.HenmiCopas)
    assert isinstance(result["leave one out"].frame["estimate"].to_numpy(), np.ndarray)


def test_fewer_trials_can_be_asked_for_by_name(smd):
    assert isinstance(smd(k=6).doubts(minimum_trials=5)["Egger"], stats.FunnelRegression)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9, 10, 40])
def test_every_question_is_answered_or_refused_in_words_whatever_the_number_of_trials(smd, k):
    result = smd(k=k).doubts()
    assert list(result.answers) == list(QUESTIONS)
    table = result.tidy()
    assert ((table["answer"] == "") != (table["refused"] == "")).all()


def test_without_derived_spreads_the_pool_is_that_of_the_other_trials(smd):
    spread = ["SD as printed"] * 9 + ["from SE", "from CI", "from CI"]
    effects = smd(spread_a=spread, spread_b="SD as printed")
    answer = effects.doubts()["derived spreads"]
    rest = effects.where(spread_a="SD as printed").pool()
    weights = effects.pool().fit.weights
    assert answer.without.fit.estimate == rest.fit.estimate
    assert answer.share == pytest.approx(weights[9:].sum())
    assert dict(answer.kinds) == pytest.approx(
        {"from CI and SD as printed": weights[10:].sum(), "from SE and SD as printed": weights[9]}
    )


def test_without_flagged_rows_the_pool_is_that_of_the_other_trials(smd):
    flags = ["", "read_from_figure;suspect_sd_large", *[""] * 10]
    effects = smd(flags=flags)
    answer = effects.doubts()["flagged rows"]
    assert answer.studies == ("Trial 2",)
    assert answer.kinds[0][0] == "read from figure and suspect sd large"
    assert answer.without.fit.estimate == effects.without("Trial 2").pool().fit.estimate


def test_where_every_trial_is_doubtful_none_is_left(smd):
    assert smd(flags="read_from_figure").doubts()["flagged rows"].without is None


def test_where_no_trial_is_doubtful_it_is_said(smd):
    answers = smd(flags="", spread_a="SD as printed", spread_b="SD as printed").doubts().tidy().set_index("question")
    assert answers.loc["flagged rows", "answer"] == "no row that was used bears a flag"
    assert answers.loc["derived spreads", "answer"] == "every SD stands in the paper as such"


def test_a_share_has_no_side_that_could_be_significant(effects_of):
    result = effects_of("pritz1997_PLO").doubts()
    for name in ("step selection", "worst case", "excess significance", "fail-safe N", "small-k panel"):
        assert "no value of no effect" in result[name].reason
    assert isinstance(result["Egger"], stats.FunnelRegression)


def test_a_panel_with_one_trial_is_refused(smd):
    assert smd(k=1).doubts()["small-k panel"] == Refused("methods cannot be compared on one trial")


@pytest.mark.parametrize("number", ["3", 0, 2.5, None, True, np.nan], ids=repr)
def test_a_minimum_that_is_no_count_is_refused_and_not_said_to_be_a_doubt(smd, number):
    with pytest.raises(InputError, match=r"minimum_trials is .*; it must be a whole number of 1 or more"):
        smd().doubts(minimum_trials=number)


def test_counts_that_are_no_numbers_are_no_counts(effects_of):
    effects = effects_of("bcg_RR")
    frame = effects.frame.assign(events_a="few", total_a=10, events_b=1, total_b=10)
    words = Effects.from_frame(frame, estimate="estimate", se="se", study="study", measure="RR").doubts()["Harbord"]
    assert words.reason == "13 of 13 trials print no counts"
