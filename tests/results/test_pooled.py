from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bmac_meta.card import as_html
from bmac_meta.effects import Effects
from bmac_meta.question import Question

PAIN = Question("BMAC", "HA", "pain", "12 months", lower_is_better=True)


def pooled_of(estimates, se=0.1, measure="SMD", question=PAIN, **columns):
    table = pd.DataFrame({"d": estimates, "s": se, "trial": [f"T{i}" for i in range(len(estimates))]})
    return Effects.from_frame(
        table.assign(**columns), estimate="d", se="s", study="trial", measure=measure, question=question
    ).pool()


def lines(card):
    return {line.label: line for line in card.lines}


def test_the_card_reads_as_the_house_says():
    card = pooled_of([-0.5, -0.3, -0.6, -0.4], n_a=30, n_b=30).card()
    assert (card.title, card.aside) == ("BMAC vs HA · pain · 12 months", "random effects · 4 trials · 240 patients")
    assert list(lines(card)) == ["SMD", "a new trial", "between trials", "method"]
    effect = lines(card)["SMD"]
    assert effect.value == "−0.45"
    assert effect.interval.startswith("95% CI −")
    assert " to −" in effect.interval
    assert effect.aside == "favours BMAC"
    assert lines(card)["a new trial"].interval.startswith("95% PI ")
    assert lines(card)["between trials"].value.startswith("τ = 0.")
    assert lines(card)["method"].aside == "REML · floored Knapp–Hartung, t(3)"


def test_the_first_line_of_the_text_has_the_title_left_and_the_trials_right():
    first, rule, effect, *_ = str(pooled_of([-0.5, -0.3, -0.6, -0.4])).splitlines()
    assert first.startswith("BMAC vs HA · pain · 12 months")
    assert first.endswith("random effects · 4 trials")
    assert (len(first), rule) == (92, "─" * 92)
    assert effect.startswith("SMD             −0.45     95% CI ")


@pytest.mark.parametrize(
    ("estimates", "measure", "lower", "words"),
    [
        ([-0.5, -0.5, -0.5], "SMD", True, "favours BMAC"),
        ([0.5, 0.5, 0.5], "SMD", True, "favours HA"),
        ([-0.5, -0.5, -0.5], "MD", False, "favours HA"),
        ([-0.5, 0.5, 0.0], "SMD", True, "includes no effect"),
        ([-0.5, -0.5, -0.5], "SMD", None, "excludes no effect"),
        ([-0.5, -0.5, -0.5], "RR", True, "favours BMAC"),
        ([0.5, 0.5, 0.5], "PR", True, ""),
    ],
)
def test_whom_the_interval_favours_is_derived_from_the_direction(estimates, measure, lower, words):
    question = Question("BMAC", "HA", "pain", lower_is_better=lower)
    assert pooled_of(estimates, measure=measure, question=question).favours == words


def test_a_missing_prediction_interval_has_its_reason():
    two = pooled_of([-0.5, -0.3])
    assert math.isnan(two.fit.pi_low)
    assert lines(two.card())["a new trial"].aside == "a prediction interval needs 3 trials; here are 2"


def test_one_trial_is_shown_as_it_is_without_a_nan():
    one = pooled_of([-0.5])
    assert lines(one.card())["method"].aside == "one trial, normal interval"
    assert "nan" not in str(one).casefold()
    assert one.panel is None


def test_a_common_effect_says_that_tau_is_taken_to_be_zero():
    table = pd.DataFrame({"d": [0.1, 0.3, 0.5], "s": 0.1})
    text = str(Effects.from_frame(table, estimate="d", se="s").pool(model="common"))
    assert "common effect · 3 trials" in text
    assert "τ is taken to be 0 by the common-effect model; Q(2) = " in text
    assert "Wald, z" in text


@pytest.mark.parametrize(
    ("columns", "patients"),
    [
        ({"n_a": [10, 20], "n_b": [12, 22]}, 64),
        ({"total_a": [10, 20], "total_b": [12, 22]}, 64),
        ({"n_a": [10, 20], "n_b": [10, 22], "paired": [True, False]}, 52),
        ({"n": [10, 20]}, 30),
        ({"total": [10, 20]}, 30),
        ({"n_a": [10, None], "n_b": [12, 22]}, None),
        ({}, None),
    ],
)
def test_patients_are_counted_where_every_trial_tells_them_and_once_where_they_are_paired(columns, patients):
    assert pooled_of([0.1, 0.2], **columns).patients == patients


def test_the_panel_of_methods_stands_where_there_are_few_trials_or_methods_disagree():
    few = pooled_of([-0.5, -0.3, -0.1]).card().grids
    assert few[0].caption.startswith("3 trials: the verdict ")
    assert [row[0] for row in few[0].rows][:2] == ["common effect, Wald", "random effects, Wald"]
    assert pooled_of([-0.9, -0.4, -0.6, -0.5, -0.1, -0.7, -0.3, -0.5]).card().grids == ()


def test_the_unit_of_points_is_the_sd_of_a_typical_trial():
    question = Question("BMAC", "HA", "pain", lower_is_better=True)
    pooled = pooled_of([-5.0, -4.0, -6.0], se=2.0, measure="MD", question=question, n_a=50, n_b=50)
    assert pooled.unit == pytest.approx(2.0 / math.sqrt(2 / 50))
    assert pooled_of([-0.5, -0.3], measure="RD", total_a=50, total_b=50).unit == pytest.approx(0.5)
    assert pooled_of([-0.5, -0.3], measure="SMD", n_a=50, n_b=50).unit == 1.0


def test_points_bear_their_unit():
    question = Question("BMAC", "HA", "pain", unit="Pain, points, 0 to 100", lower_is_better=True)
    card = pooled_of([-5.0, -4.0, -6.0], measure="MD", question=question).card()
    assert lines(card)["unit"].aside == "Pain, points, 0 to 100"
    assert lines(card)["MD"].value == "−5.0"


def test_ratios_are_shown_as_ratios_and_pooled_as_logarithms():
    pooled = pooled_of(np.log([0.5, 0.5, 0.5]), measure="RR")
    assert lines(pooled.card())["RR"].value == "0.50"
    tidy = pooled.tidy().iloc[0]
    assert (tidy.estimate, tidy.estimate_shown) == pytest.approx((math.log(0.5), 0.5))


def test_shares_are_percentages():
    raw = pd.DataFrame({"events": [10, 12, 9], "total": [20, 20, 20]})
    pooled = Effects.from_raw(raw, measure="PLO").pool()
    assert lines(pooled.card())["PLO"].value.endswith("%")
    assert "share" in pooled.sentence()


def test_where_the_spread_came_from_is_counted():
    spread = ["SD as printed", "from CI", "SD as printed"]
    card = pooled_of([0.1, 0.2, 0.3], spread_a=spread, spread_b="SD as printed").card()
    assert lines(card)["spread of arms"].aside == "SD as printed 5 · from CI 1"


def test_the_rules_of_the_question_stand_on_the_card():
    question = Question("BMAC", "HA", "pain", choices=("visits over 3 to 6 months", "flagged rows: keep all"))
    card = pooled_of([0.1, 0.2, 0.3], question=question).card()
    assert lines(card)["rules"].aside == "visits over 3 to 6 months · flagged rows: keep all"


def test_what_was_left_out_is_counted_with_and_without_numbers():
    pooled = pooled_of([0.1, 0.2, 0.3])
    left = pd.DataFrame(
        {
            "study": ["X", "X", "Y"],
            "row": ["", "", ""],
            "reason": ["flagged", "flagged", "has the arms, but no number on this outcome is at hand"],
        }
    )
    table = pooled.rows.assign()
    effects = Effects(table, pooled.question, left_out=left)
    words = lines(effects.pool().card())["left out"].aside
    assert words == "rows of 1 trial, each with its reason; 1 trial with no number on this outcome: see .left_out"


def test_the_tidy_table_has_the_same_columns_for_every_answer():
    columns = [list(pooled_of([0.1] * k).tidy().columns) for k in (1, 2, 5)]
    assert columns[0] == columns[1] == columns[2]
    assert columns[0][:6] == ["question", "measure", "k", "patients", "estimate", "se"]
    assert {"tau2_low", "tau2_high", "pi_low_shown", "model", "tau2_method", "interval", "level"} <= set(columns[0])


@pytest.mark.parametrize(
    ("estimates", "ending"),
    [
        ([-0.5, -0.5, -0.5, -0.5], "; it favours BMAC; a new trial is expected on the same side."),
        ([-0.5, 0.5, 0.1, -0.1], "; no difference is among the values that fit; a new trial could show either."),
        ([-5.0, -5.0], "; it favours BMAC."),
    ],
)
def test_the_sentence_is_made_from_the_numbers(estimates, ending):
    sentence = pooled_of(estimates).sentence()
    assert sentence.startswith("BMAC vs HA · pain · 12 months: ")
    assert sentence.endswith(ending)


def test_a_result_is_the_same_as_text_and_as_html():
    pooled = pooled_of([-0.5, -0.3, -0.6, -0.4])
    assert pooled._repr_html_() == as_html(pooled.card())
    for part in ("−0.45", "favours BMAC", "REML · floored Knapp–Hartung, t(3)"):
        assert part in pooled._repr_html_()
        assert part in repr(pooled)


def test_the_share_of_new_trials_beyond_a_threshold_needs_three_trials():
    assert math.isnan(pooled_of([-0.5, -0.3]).beyond(-0.4))
    pooled = pooled_of([-0.5, -0.3, -0.6, -0.4])
    assert pooled.beyond(pooled.fit.estimate) == pytest.approx(0.5)
    assert pooled.beyond(-5.0) < 0.01 < 0.99 < pooled.beyond(5.0)


def test_the_prediction_interval_holds_the_confidence_interval():
    fit = pooled_of([-0.5, 0.3, -0.6, -0.4]).fit
    assert fit.pi_low <= fit.ci_low <= fit.estimate <= fit.ci_high <= fit.pi_high


def test_a_p_value_is_never_bare_and_never_has_stars():
    text = str(pooled_of([-0.9, 0.6, -0.6, -0.4]))
    assert "*" not in text
    for line in text.splitlines():
        assert "p =" not in line or "Q(" in line


def test_levels_are_printed_with_all_their_digits(vaccine):
    assert "97.5% CI" in repr(vaccine.pool(level=0.975))
    assert "99.9% CI" in repr(vaccine.pool(level=0.999))


def test_a_given_tau2_has_no_interval_and_goes_into_the_panel(vaccine):
    few = vaccine.where(study=["Trial 1", "Trial 2", "Trial 3"])
    pooled = few.pool(0.9)
    assert "as given" in repr(pooled)
    floored = next(row for row in pooled.panel.rows if "floored" in row.method)
    assert (floored.ci_low, floored.ci_high) == pytest.approx((pooled.fit.ci_low, pooled.fit.ci_high))
