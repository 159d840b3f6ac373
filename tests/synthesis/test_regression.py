"""`regress` gives what R gives for the same trials, and refuses what no regression can answer."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import DesignError, InputError, NotEnoughTrials, PoolingRefused
from bmac_meta.stats import permutation_test

CASES = ("bcg_RR", "bangertdrowns2004", "molloy2014_ZCOR", "curtis1998_SMD", "nissen2007_OR", "kalaian1996")
INTERVALS = {"z": "wald", "knha": "knapp-hartung", "adhoc": "knapp-hartung-floored"}
# R's fits were made with thresholds of 1e-13; tau2 by REML of both sides agrees to about 1e-8.
CLOSE = {"rel": 1e-6, "abs": 1e-8}


def same(found, expected):
    return found == pytest.approx(expected, **CLOSE)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["DL", "REML", "ML"])
def test_every_number_is_that_of_metafor(effects_of, case, name, method):
    expected = case(name)["metareg"]
    formula = "~ " + " + ".join(expected["terms"][1:])
    fits = [fit for fit in expected["fits"] if fit["method"] == method]
    assert fits
    for fit in fits:
        result = effects_of(name).regress(formula, method, INTERVALS[fit["test"]], exploratory=True)
        table = result.tidy()
        assert result.k == fit["k"]
        assert same(table["estimate"].tolist(), fit["beta"])
        assert same(table["se"].tolist(), fit["se"])
        assert same(table["p_value"].tolist(), fit["pval"])
        assert same(table["ci_low"].tolist(), fit["ci_lb"])
        assert same(result.fit.tau2, fit["tau2"])
        assert same(result.fit.q_residual, fit["QE"])
        assert same(result.fit.r2, fit["R2"])
        statistic = result.fit.omnibus * (result.fit.omnibus_df if fit["test"] == "z" else 1)
        assert same(statistic, fit["QM"])
        assert same(result.fit.omnibus_p, fit["QMp"])


def test_colditz_on_latitude_and_year_gives_the_output_of_viechtbauer_2010(bcg):
    # Journal of Statistical Software 36(3), 10.18637/jss.v036.i03: log risk ratios, REML, Wald, four decimals. The
    # intercept, -3.5455 there, was printed with a τ² that stopped within 1e-5 and is -3.54535 exactly.
    result = bcg.regress("~ ablat + year", interval="wald", exploratory=True)
    slopes = result.tidy().iloc[1:]
    assert slopes["estimate"].tolist() == pytest.approx([-0.0280, 0.0019], abs=5e-5)
    assert slopes["se"].tolist() == pytest.approx([0.0102, 0.0147], abs=5e-5)
    assert result.fit.tau2 == pytest.approx(0.1108, abs=5e-5)


def test_log_odds_ratios_on_latitude_give_pages_608_and_609_of_van_houwelingen_2002(bcg):
    # Statistics in Medicine 21:589-624, 10.1002/sim.1040: maximum likelihood, three decimals.
    odds = Effects.from_raw(bcg.frame.drop(columns=["estimate", "se"]), measure="OR", study="study")
    result = odds.regress("~ ablat", "ML", "wald")
    assert result.tidy()["estimate"].tolist() == pytest.approx([0.371, -0.033], abs=5e-4)
    assert result.tidy()["se"].tolist() == pytest.approx([0.106, 0.003], abs=5e-4)
    assert result.fit.tau2 == pytest.approx(0.004, abs=5e-4)
    assert result.fit.r2 == pytest.approx(98.7, abs=0.05)


def test_smoothed_variances_and_centered_latitude_give_page_408_of_berkey_1995(bcg):
    # Statistics in Medicine 14:395-411, 10.1002/sim.4780140406: empirical Bayes; four decimals, τ² three. The paper's
    # variances replace each trial's own proportions by their means over the trials.
    raw = bcg.frame
    effect = np.log(raw["events_a"] / raw["total_a"]) - np.log(raw["events_b"] / raw["total_b"])
    parts = [(raw[f"total_{arm}"] / raw[f"events_{arm}"] - 1).mean() / raw[f"total_{arm}"] for arm in "ab"]
    table = pd.DataFrame({"y": effect, "v": sum(parts), "ablat": raw["ablat"]})
    smoothed = Effects.from_frame(table, estimate="y", variance="v", measure="RR")
    result = smoothed.regress("~ center(ablat)", "EB", "wald")
    assert result.tidy()["estimate"].tolist() == pytest.approx([-0.6304, -0.0268], abs=5e-5)
    assert result.tidy()["se"].tolist() == pytest.approx([0.1591, 0.0110], abs=5e-5)
    assert result.fit.tau2 == pytest.approx(0.157, abs=5e-4)
    assert result.fit.r2 == pytest.approx(41, abs=0.5)


def test_colditz_on_latitude_alone_has_the_slope_of_weighted_least_squares_at_its_tau2(bcg):
    result = bcg.regress("~ ablat", interval="wald")
    weight = 1 / (bcg.variances + result.fit.tau2)
    x, y = bcg.frame["ablat"].to_numpy(float), bcg.estimates
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    squares = (weight * (x - mean_x) ** 2).sum()
    assert result.tidy()["estimate"][1] == pytest.approx((weight * (x - mean_x) * (y - mean_y)).sum() / squares)
    assert result.tidy()["se"][1] == pytest.approx(1 / math.sqrt(squares))
    assert result.tidy()["estimate"].round(4).tolist()[1] == -0.0291


def test_predictions_are_sums_of_coefficients_with_the_interval_of_the_fit(bcg):
    result = bcg.regress("~ ablat")
    table = result.predict(pd.DataFrame({"ablat": [13.0, 44.0]})).tidy()
    first, slope = result.tidy()["estimate"]
    assert table["estimate"].tolist() == pytest.approx([first + 13 * slope, first + 44 * slope])
    assert (table["pi_low"] < table["ci_low"]).all()
    assert table["estimate_shown"].tolist() == pytest.approx(np.exp(table["estimate"]).tolist())


def test_a_prediction_at_the_center_is_the_intercept_of_the_centered_regression(bcg):
    centered = bcg.regress("~ center(ablat)")
    mean = bcg.frame["ablat"].mean()
    predicted = bcg.regress("~ ablat").predict(pd.DataFrame({"ablat": [mean]})).tidy()
    assert predicted["estimate"][0] == pytest.approx(centered.tidy()["estimate"][0])
    assert predicted["se"][0] == pytest.approx(centered.tidy()["se"][0])


def test_permutation_p_values_come_from_the_seed(bcg):
    first = bcg.regress("~ ablat", permutations=199, seed=5)
    data = {"variance": bcg.variances, "design": first.design.matrix}
    expected = permutation_test(bcg.estimates, **data, permutations=199, seed=5)
    assert first.tidy()["permutation_p"][1] == expected.p_values[1]
    assert bcg.regress("~ ablat", permutations=199, seed=5).permutation.p_values[1] == expected.p_values[1]


def test_the_intercept_alone_is_the_pool(bcg):
    regression, pooled = bcg.regress("~ 1"), bcg.pool()
    row = regression.tidy().iloc[0]
    assert [row["estimate"], row["ci_low"], row["ci_high"]] == pytest.approx(
        [pooled.fit.estimate, pooled.fit.ci_low, pooled.fit.ci_high]
    )


def test_categories_give_the_subgroups_with_one_tau2(bcg):
    regression = bcg.regress("~ 0 + allocation", interval="wald", exploratory=True)
    groups = bcg.by("allocation").pool(interval="wald", common_tau2=True)
    expected = [part.fit.estimate for part in groups.parts]
    assert regression.tidy()["estimate"].tolist() == pytest.approx(expected)
    assert regression.tidy()["term"].tolist() == [f"allocation = {label}" for label in groups.labels]


def test_trials_that_do_not_say_a_column_are_left_out_by_name(bcg):
    gaps = bcg.frame["ablat"].where(bcg.frame.index != 3)
    effects = Effects(bcg.frame.assign(ablat=gaps), bcg.question)
    result = effects.regress("~ ablat")
    assert result.k == 12
    assert result.left_out[["study", "reason"]].to_numpy().tolist() == [["Trial 4", "ablat is not reported"]]


def test_fewer_than_ten_trials_per_covariate_are_refused_unless_exploratory(bcg):
    with pytest.raises(NotEnoughTrials, match="2 covariates, which takes 20 trials; here are 13"):
        bcg.regress("~ ablat + year")
    assert bcg.regress("~ ablat + year", exploratory=True).exploratory
    assert not bcg.regress("~ ablat").exploratory


def test_categories_count_as_covariates_by_their_columns(bcg):
    with pytest.raises(NotEnoughTrials, match="2 covariates"):
        bcg.regress("~ 0 + allocation")


def test_collinear_columns_are_refused_with_their_names(bcg):
    with pytest.raises(DesignError, match=r"collinear.*2 I\(2\*ablat\)"):
        bcg.regress("~ ablat + I(2*ablat)", exploratory=True)


def test_as_many_coefficients_as_trials_are_refused(bcg):
    with pytest.raises(DesignError, match="saturated: 13 coefficients"):
        bcg.regress("~ study", exploratory=True)


def test_effects_that_must_not_be_pooled_are_not_regressed(bcg):
    effects = Effects(bcg.frame, bcg.question, refusals=("apples and pears: Trial 1",))
    with pytest.raises(PoolingRefused, match="apples and pears"):
        effects.regress("~ ablat")


def test_a_column_that_no_trial_says_is_refused(bcg):
    effects = Effects(bcg.frame.assign(dose=np.nan), bcg.question)
    with pytest.raises(NotEnoughTrials, match="No trial says"):
        effects.regress("~ dose")


def test_a_formula_without_terms_is_refused(bcg):
    with pytest.raises(InputError, match="leaves nothing to estimate"):
        bcg.regress("~ 0")


@pytest.mark.parametrize("ordered", [True, False])
def test_the_first_category_of_a_categorical_is_the_reference(smd, ordered):
    dose = pd.Categorical(["low", "high", "none"] * 7, categories=["none", "low", "high"], ordered=ordered)
    result = smd(k=21, dose=dose).regress("~ dose")
    assert result.design.references == ("dose = none",)
    assert result.design.names == ("Intercept", "dose = low", "dose = high")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"permutations": "many"}, "permutations is 'many'; it must be a whole number of 0 or more"),
        ({"permutations": []}, "permutations is .*; it must be a whole number"),
        ({"seed": -1}, "seed is -1; it must be a whole number of 0 or more"),
        ({"exploratory": "yes"}, "exploratory is 'yes'; it must be True or False"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_in_words(smd, keywords, message):
    with pytest.raises(InputError, match=message):
        smd().regress("~ n_a", **keywords)
