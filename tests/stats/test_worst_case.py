"""Sensitivity to selection by significance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.worst_case import selection_ratio_estimate, worst_case

RAW = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])
AFFIRMATIVE = Y / np.sqrt(V) < -1.959964


def test_a_common_effect_agrees_with_the_package_of_the_authors():
    # Printed by the documentation of the R package PublicationBias 2.3.0 for these data: a ratio of 5 gives
    # -0.156, standard error 0.0491, -0.263 to -0.0485, p .00814; the S-value of the interval is 7.58431, to a
    # risk ratio of 0.90 it is 8.261336 for the estimate and 3.406779 for the interval.
    five = selection_ratio_estimate(Y, variance=V, favored="negative", ratio=5, model="common")
    assert five.estimate == pytest.approx(-0.156, abs=5e-4)
    assert five.se == pytest.approx(0.0491, abs=5e-5)
    assert (five.ci_low, five.ci_high) == (pytest.approx(-0.263, abs=5e-4), pytest.approx(-0.0485, abs=5e-5))
    assert five.p_value == pytest.approx(0.00814, abs=5e-6)
    assert (five.affirmative, five.nonaffirmative) == (8, 5)
    to_zero = worst_case(Y, variance=V, favored="negative", model="common")
    assert to_zero.s_value_interval == pytest.approx(7.58431, abs=5e-6)
    to_nine = worst_case(Y, variance=V, favored="negative", model="common", threshold=np.log(0.9))
    assert to_nine.s_value == pytest.approx(8.261336, abs=5e-7)
    assert to_nine.s_value_interval == pytest.approx(3.406779, abs=5e-7)


def test_random_effects_agree_with_that_package_in_the_estimate():
    # PublicationBias 2.3.0 prints -0.3686171 for a ratio of 5.
    result = selection_ratio_estimate(Y, variance=V, favored="negative", ratio=5)
    assert result.estimate == pytest.approx(-0.3686171, abs=5e-8)


def test_what_cannot_be_explained_away_has_an_infinite_s_value():
    # That package prints "Not possible" here: the nonaffirmative trials favour the vaccine too.
    result = worst_case(Y, variance=V, favored="negative")
    assert result.s_value == np.inf
    assert result.worst_case.estimate < 0


def test_a_ratio_of_one_is_the_plain_pool():
    common = selection_ratio_estimate(Y, variance=V, favored="negative", ratio=1, model="common")
    plain = common_effect(Y, variance=V, interval="t")
    assert (common.estimate, common.ci_low) == (pytest.approx(plain.estimate), pytest.approx(plain.ci_low))
    random = selection_ratio_estimate(Y, variance=V, favored="negative", ratio=1)
    assert random.estimate == pytest.approx(random_effects(Y, variance=V).estimate, rel=1e-12)


def test_an_infinite_ratio_pools_the_nonaffirmative_trials_alone():
    result = worst_case(Y, variance=V, favored="negative", model="common").worst_case
    rest = common_effect(Y[~AFFIRMATIVE], variance=V[~AFFIRMATIVE], interval="t")
    assert (result.estimate, result.ci_high) == (pytest.approx(rest.estimate), pytest.approx(rest.ci_high))


def test_the_s_values_move_estimate_and_limit_to_the_threshold():
    for model in ("common", "random"):
        options = {"variance": V, "favored": "negative", "model": model}
        result = worst_case(Y, **options, threshold=-0.2)
        at = selection_ratio_estimate(Y, **options, ratio=result.s_value)
        assert at.estimate == pytest.approx(-0.2, rel=1e-10)
        at = selection_ratio_estimate(Y, **options, ratio=result.s_value_interval)
        assert at.ci_high == pytest.approx(-0.2, rel=1e-9)


def test_the_robust_standard_error_follows_from_its_definition():
    ratio, tau2 = 5.0, random_effects(Y, variance=V).tau2
    spread = V + tau2
    weight = np.where(AFFIRMATIVE, 1.0, ratio) / spread
    share = weight / weight.sum()
    rest = np.eye(13) - np.ones((13, 1)) * share
    covariance = rest @ np.diag(spread) @ rest.T
    adjusted = share**2 * spread / np.diag(covariance)
    meat = rest.T @ np.diag(adjusted) @ rest @ np.diag(spread)
    result = selection_ratio_estimate(Y, variance=V, favored="negative", ratio=ratio)
    assert result.se == pytest.approx(np.sqrt((adjusted * (rest @ Y) ** 2).sum()), rel=1e-10)
    assert result.df == pytest.approx(np.trace(meat) ** 2 / np.trace(meat @ meat), rel=1e-9)


def test_turning_effects_and_direction_turns_the_answer():
    result = worst_case(Y, variance=V, favored="negative", threshold=-0.1)
    turned = worst_case(-Y, variance=V, favored="positive", threshold=0.1)
    assert (turned.s_value, turned.s_value_interval) == (result.s_value, result.s_value_interval)
    assert turned.uncorrected.ci_low == -result.uncorrected.ci_high


def test_an_estimate_beyond_the_threshold_needs_no_selection():
    result = worst_case(Y, variance=V, favored="positive")
    assert (result.s_value, result.s_value_interval) == (1.0, 1.0)


def test_with_affirmative_trials_alone_there_is_no_worst_case():
    result = worst_case(np.full(10, 2.0), variance=np.linspace(0.1, 0.2, 10), favored="positive")
    assert np.isnan([result.worst_case.estimate, result.worst_case.se]).all()
    assert result.s_value == result.s_value_interval == np.inf


def test_one_nonaffirmative_trial_is_returned_as_itself():
    y, v = np.array([*[2.0] * 10, 0.1]), np.linspace(0.1, 0.2, 11)
    common = worst_case(y, variance=v, favored="positive", model="common").worst_case
    assert (common.estimate, common.se, common.df) == (0.1, pytest.approx(np.sqrt(0.2)), np.inf)
    random = worst_case(y, variance=v, favored="positive").worst_case
    assert random.estimate == 0.1
    assert np.isnan([random.se, random.ci_low]).all()


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 13), dtype=bool)
    mask[1, 11:] = False
    batch = worst_case(np.where(mask, Y, np.nan), variance=V, favored="negative", mask=mask)
    alone = worst_case(Y[:11], variance=V[:11], favored="negative")
    assert batch.s_value_interval[1] == pytest.approx(alone.s_value_interval, rel=1e-12)
    assert batch.worst_case.estimate[1] == pytest.approx(alone.worst_case.estimate, rel=1e-12)


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="ratio"):
        selection_ratio_estimate(Y, variance=V, favored="negative", ratio=0.5)
    with pytest.raises(InputError, match="ratio"):
        selection_ratio_estimate(Y, variance=V, favored="negative", ratio=np.nan)
    with pytest.raises(UnknownWordError, match="favored"):
        worst_case(Y, variance=V, favored="lower")
    with pytest.raises(NotEnoughTrials, match="with 9 trials; needs 10"):
        worst_case(Y[:9], variance=V[:9], favored="negative")
