"""A regression shows coefficients with intervals, what they account for, and what it rests on."""

from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.errors import InputError
from bmac_meta.results import bubbles

CARD = """
BCG vs no vaccine · tuberculosis                                 meta-regression · 13 trials
────────────────────────────────────────────────────────────────────────────────────────────
formula         ~ ablat
covariates      F(1, 11) = 12.59, p = .005 · R² = 76% of τ² (τ from 0.56 to 0.28)
left between    τ = 0.28  95% CI 0.13 to 0.89          I² = 68%, Q(11) = 30.7, p = .001
method          REML · floored Knapp–Hartung, t(11)

term       coefficient      SE              95% CI      t     p
───────────────────────────────────────────────────────────────
Intercept         0.25    0.28       −0.37 to 0.88   0.89  .395
ablat          −0.0291  0.0082  −0.0472 to −0.0111  −3.55  .005
note            coefficients are on the scale of the log risk ratio
"""


def test_the_card_reads_as_it_should(vaccine):
    assert repr(vaccine.regress("~ ablat")) == CARD.strip()


def test_few_trials_per_covariate_are_printed(vaccine):
    text = repr(vaccine.regress("~ ablat + year", exploratory=True))
    assert "exploratory     13 trials for 2 covariates; 10 trials per covariate are the least for a test" in text
    assert "exploratory" not in repr(vaccine.regress("~ ablat"))


def test_permutations_are_said_to_be_all_or_a_sample(vaccine):
    assert "a random sample of 99 orders of the trials" in repr(vaccine.regress("~ ablat", permutations=99))
    five = vaccine.where(study=[f"Trial {place}" for place in range(1, 6)])
    assert "all 120 orders of the trials" in repr(five.regress("~ ablat", permutations=999, exploratory=True))
    assert "all 32 changes of sign" in repr(five.regress("~ 1", permutations=999))


def test_trials_that_do_not_say_a_covariate_are_named(vaccine):
    frame = vaccine.frame.assign(dose=[None, None, *range(11)])
    text = repr(type(vaccine)(frame, vaccine.question).regress("~ dose"))
    assert "not reported    dose: Trial 1, Trial 2" in text


def test_the_reference_of_categories_is_named(vaccine):
    frame = vaccine.frame.assign(hemisphere=["south", "north"] * 6 + ["south"])
    text = repr(type(vaccine)(frame, vaccine.question).regress("~ hemisphere"))
    assert "compared with hemisphere = north" in text
    assert "hemisphere = south" in text


def test_where_nothing_differed_there_is_nothing_to_account_for(vaccine):
    same = type(vaccine)(vaccine.frame.assign(estimate=-0.4), vaccine.question)
    assert "no τ² without them, so none to account for" in repr(same.regress("~ year"))
    assert "τ² was given" in repr(vaccine.regress("~ ablat", tau2=0.1))


def test_the_table_has_a_row_per_coefficient(vaccine):
    table = vaccine.regress("~ ablat", permutations=9).tidy()
    assert table["term"].tolist() == ["Intercept", "ablat"]
    numbers = ["estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high", "permutation_p"]
    assert table.columns.tolist() == ["term", *numbers]


def test_a_factor_is_tested_as_a_whole_where_it_is_one_term_of_several(vaccine):
    frame = vaccine.frame.assign(alloc=[["alternate", "random", "systematic"][place % 3] for place in range(13)])
    vaccine = type(vaccine)(frame, vaccine.question)
    regression = vaccine.regress("~ ablat + alloc", exploratory=True)
    table = regression.tests()
    assert (table["term"].tolist(), table["df"].tolist()) == (["ablat", "alloc"], [1, 2])
    assert table["p_value"][0] == pytest.approx(regression.fit.p_values[1])
    assert "alloc  F(2, 9) = " in repr(regression)
    assert "whether all means of a factor are 0" not in repr(regression)
    assert "whether all means of a factor are 0" in repr(vaccine.regress("~ 0 + alloc + ablat", exploratory=True))
    assert "as a whole" not in repr(vaccine.regress("~ alloc", exploratory=True))
    assert "as a whole" not in repr(vaccine.regress("~ ablat + year", exploratory=True))


def test_predictions_stand_beside_their_covariates(vaccine):
    predicted = vaccine.regress("~ ablat").predict(pd.DataFrame({"ablat": [13, 44], "other": [1, 2]}))
    assert predicted.tidy().columns.tolist()[:2] == ["ablat", "estimate"]
    assert "44     0.36  0.25 to 0.51  0.18 to 0.72" in repr(predicted)


def test_a_covariate_called_estimate_keeps_its_name_apart(vaccine):
    frame = vaccine.frame.assign(se_copy=vaccine.frame["se"])
    predicted = type(vaccine)(frame, vaccine.question).regress("~ se").predict(pd.DataFrame({"se": [0.1]}))
    assert {"se (given)", "se"} <= set(predicted.tidy().columns)


def test_the_bubble_plot_draws_the_fitted_line_with_its_bands(vaccine):
    regression = vaccine.regress("~ ablat")
    record = bubbles.bubble_record(regression, {})
    first, slope = regression.tidy()["estimate"]
    assert record.line == pytest.approx([first + slope * x for x in record.line_x])
    assert (min(record.line_x), max(record.line_x)) == (13, 55)
    assert record.log
    assert all(low < ci for low, ci in zip(record.pi_low, record.ci_low, strict=True))
    assert (record.favours_low, record.favours_high) == ("BCG", "no vaccine")


def test_a_curve_of_one_covariate_is_drawn_as_a_curve(vaccine):
    regression = vaccine.regress("~ center(ablat) + I(ablat**2)", exploratory=True)
    record = bubbles.bubble_record(regression, {})
    steps = [b - a for a, b in zip(record.line, record.line[1:], strict=False)]
    assert max(steps) - min(steps) > 1e-4


@pytest.mark.parametrize("formula", ["~ ablat + year", "~ C(ablat)", "~ 1"])
def test_more_than_one_continuous_covariate_has_no_bubble_plot(vaccine, formula):
    with pytest.raises(InputError, match="one continuous covariate"):
        vaccine.regress(formula, exploratory=True).bubble()


def test_a_saved_bubble_plot_has_its_table_beside_it(vaccine, tmp_path):
    figure = vaccine.regress("~ ablat").bubble(save=tmp_path / "bubble.svg", title="Latitude")
    table = pd.read_csv(tmp_path / "bubble.csv")
    assert figure.layout.title == "Latitude"
    assert table["x"].tolist() == vaccine.frame["ablat"].tolist()
    assert table["estimate"].tolist() == pytest.approx(vaccine.estimates.tolist())
    assert "Bubble plot of 13 trials" in (tmp_path / "bubble.svg").read_text(encoding="utf-8")


def test_all_orders_are_said_to_be_distinct_where_only_those_were_counted(hostile):
    few = hostile.without(*hostile.studies[6:])
    every = few.regress("~ kind", permutations=999, exploratory=True)
    assert every.permutation.count == 720
    assert "all 720 orders of the trials " in " ".join(repr(every).split()) + " "
    assert "differ in the covariates" not in repr(every)
    distinct = hostile.regress("~ kind", permutations=999, exploratory=True)
    # 12 trials of two kinds, six of each: 12!/(6! 6!).
    assert "all 924 orders of the trials that differ in the covariates" in " ".join(repr(distinct).split())
    some = hostile.regress("~ dose", permutations=99, exploratory=True)
    assert "a random sample of 99 orders of the trials" in " ".join(repr(some).split())
