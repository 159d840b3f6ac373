"""Sensitivity to selection by significance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats import batch as batches
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


@pytest.mark.parametrize("model", ["random", "common"])
@pytest.mark.parametrize("favored", ["positive", "negative"])
def test_ragged_batches_answer_one_by_one(model, favored):
    draw = np.random.default_rng(21)
    mask = draw.random((60, 14)) < 0.7
    mask[:, :3] = True
    sign = 1.0 if favored == "positive" else -1.0
    y = sign * draw.normal(np.linspace(0.0, 1.2, 60)[:, None], 0.4, (60, 14))
    v = draw.uniform(0.01, 0.2, (60, 14))
    options = {"favored": favored, "model": model, "threshold": 0.05 * sign, "minimum_trials": 3}
    batch = worst_case(np.where(mask, y, np.nan), variance=np.where(mask, v, -1.0), mask=mask, **options)
    for row, here in enumerate(mask):
        alone = worst_case(y[row][here], variance=v[row][here], **options)
        # The roots of REML's score and of the limit, each found to 1e-12.
        assert batch.s_value[row] == pytest.approx(alone.s_value, rel=1e-10)
        assert batch.s_value_interval[row] == pytest.approx(alone.s_value_interval, rel=1e-9)
        for part in ("uncorrected", "worst_case"):
            many, one = getattr(batch, part), getattr(alone, part)
            for name in ("ratio", "estimate", "se", "df", "p_value", "ci_low", "ci_high", "tau2"):
                expected = pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12, nan_ok=True)
                assert getattr(many, name)[row] == expected
            counts = many.affirmative[row], many.nonaffirmative[row]
            assert counts == (one.affirmative, one.nonaffirmative)
    assert {"1", "inf", "more"} == {"1" if s == 1 else "inf" if s == np.inf else "more" for s in batch.s_value_interval}


def test_chunks_do_not_change_a_batch(monkeypatch):
    draw = np.random.default_rng(22)
    y, v = draw.normal(0.6, 0.5, (40, 12)), draw.uniform(0.02, 0.2, (40, 12))
    whole = worst_case(y, variance=v, favored="positive")
    monkeypatch.setattr(batches, "CHUNK_CELLS", 7 * 12 * 8)
    parts = worst_case(y, variance=v, favored="positive")
    np.testing.assert_allclose(parts.s_value_interval, whole.s_value_interval, rtol=1e-9)
    np.testing.assert_allclose(parts.worst_case.ci_low, whole.worst_case.ci_low, rtol=1e-9)


def test_one_meta_analysis_may_have_a_mask():
    here = np.arange(13) != 4
    masked = selection_ratio_estimate(np.where(here, Y, np.nan), variance=V, favored="negative", ratio=3, mask=here)
    alone = selection_ratio_estimate(Y[here], variance=V[here], favored="negative", ratio=3)
    assert (masked.estimate, masked.se) == (pytest.approx(alone.estimate), pytest.approx(alone.se))
    assert isinstance(masked.estimate, float)


def test_a_limit_that_turns_back_at_the_threshold_is_caught_where_it_first_comes_there():
    # The limit falls from 0.33 to -0.42, which is its lowest, near a ratio of 4.3, and rises to -0.16 from there on.
    y, v = [0.34, 4.09, 0.8, 2.71, 2.67, 0.81], [0.296, 0.622, 1.544, 0.375, 0.489, 0.299]
    options = {"variance": v, "favored": "positive", "minimum_trials": 3}
    turn = minimize_scalar(
        lambda log: selection_ratio_estimate(y, ratio=np.exp(log), **options).ci_low,
        bracket=(1.0, 1.5, 2.0),
        options={"xtol": 1e-9},
    )
    just_above = worst_case(y, threshold=turn.fun + 1e-9, **options)
    assert just_above.s_value_interval == pytest.approx(np.exp(turn.x), rel=1e-3)
    assert just_above.s_value_interval < np.exp(turn.x)
    assert worst_case(y, threshold=turn.fun - 1e-9, **options).s_value_interval == np.inf
    assert just_above.worst_case.ci_low > just_above.threshold


def test_ratios_far_beyond_a_million_are_found():
    # Ten very precise affirmative trials that agree, against three that are not precise.
    y = np.array([*[2.0] * 10, -0.4, 0.1, -0.3])
    v = np.array([*[1e-9] * 10, 0.5, 0.6, 0.7])
    result = worst_case(y, variance=v, favored="positive", tau2="DL", model="common")
    assert 1e6 < result.s_value_interval < result.s_value < np.inf
    at = selection_ratio_estimate(y, variance=v, favored="positive", model="common", ratio=result.s_value_interval)
    assert at.ci_low == pytest.approx(0.0, abs=1e-8)


def test_a_nonaffirmative_trial_alone_leaves_one_degree_of_freedom_under_strong_selection():
    y, v = np.array([*[2.0] * 10, 0.1]), np.linspace(0.1, 0.2, 11)
    strong = selection_ratio_estimate(y, variance=v, favored="positive", ratio=1e9)
    # One trial with all the weight: Satterthwaite's df come to 1, apart by about the share of the others.
    assert strong.df == pytest.approx(1.0, abs=1e-7)
    assert strong.estimate == pytest.approx(0.1, abs=1e-6)


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="ratio"):
        selection_ratio_estimate(Y, variance=V, favored="negative", ratio=0.5)
    with pytest.raises(InputError, match="ratio"):
        selection_ratio_estimate(Y, variance=V, favored="negative", ratio=np.nan)
    with pytest.raises(InputError, match=r"ratio is .* one number"):
        selection_ratio_estimate(Y, variance=V, favored="negative", ratio=[2.0, 3.0])
    with pytest.raises(InputError, match="threshold"):
        worst_case(Y, variance=V, favored="negative", threshold=np.nan)
    with pytest.raises(UnknownWordError, match="favored"):
        worst_case(Y, variance=V, favored="lower")
    with pytest.raises(NotEnoughTrials, match="with 9 trials; needs 10"):
        worst_case(Y[:9], variance=V[:9], favored="negative")
