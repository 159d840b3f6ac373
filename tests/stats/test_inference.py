"""The pooled effect."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm, t

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.inference import (
    INTERVALS,
    common_effect,
    prediction_interval,
    probability_beyond,
    random_effects,
)

Y = np.array([0.1, 0.9, -0.4, 1.6, 0.3])
V = np.array([0.05, 0.2, 0.1, 0.4, 0.02])


def test_one_trial_is_returned_as_itself() -> None:
    found = random_effects([0.7], variance=[0.04])
    assert (found.estimate, found.se) == (0.7, 0.2)
    assert found.ci_low == pytest.approx(0.7 - norm.ppf(0.975) * 0.2)
    assert (found.k, found.q, found.q_df, found.q_p, found.df) == (1, 0.0, 0, 1.0, np.inf)
    assert found.weights.tolist() == [1.0]
    for name in ("tau2", "i2", "h2", "pi_low", "pi_high"):
        assert np.isnan(getattr(found, name)), name


def test_two_trials_have_an_interval_and_no_prediction_interval() -> None:
    found = random_effects(Y[:2], variance=V[:2])
    assert found.df == 1.0
    assert np.isfinite(found.ci_low)
    assert np.isnan(found.pi_low)
    assert np.isnan(found.pi_high)


def test_fields_of_one_meta_analysis_are_python_numbers() -> None:
    found = random_effects(Y, variance=V)
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        assert type(value) in (float, int, str) or field.name == "weights", field.name


def test_fields_of_a_batch_have_one_value_per_meta_analysis() -> None:
    found = random_effects(np.tile(Y, (7, 1)), variance=V)
    assert found.estimate.shape == found.k.shape == (7,)
    assert found.weights.shape == (7, 5)


def test_weights_are_shares_and_zero_where_masked() -> None:
    found = random_effects(Y, variance=V, mask=[True, True, False, True, True])
    assert found.weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert found.weights[2] == 0.0
    assert found.weights @ Y == pytest.approx(found.estimate, rel=1e-13)


def test_the_common_effect_has_no_tau2_and_no_prediction_interval() -> None:
    found = common_effect(Y, variance=V)
    assert found.tau2 == 0.0
    assert found.estimate == pytest.approx((Y / V).sum() / (1 / V).sum(), rel=1e-14)
    assert found.se == pytest.approx((1 / V).sum() ** -0.5, rel=1e-14)
    assert np.isnan(found.pi_low)
    assert (found.model, found.interval) == ("common", "wald")


def test_a_given_tau2_is_used_as_it_is() -> None:
    w = 1.0 / (V + 0.3)
    found = random_effects(Y, variance=V, tau2=0.3, interval="wald")
    assert found.tau2 == pytest.approx(0.3, rel=1e-15)
    assert found.estimate == pytest.approx((w * Y).sum() / w.sum(), rel=1e-14)
    batch = random_effects([Y, Y], variance=V, tau2=[0.0, 0.3], interval="wald")
    assert batch.estimate[0] == common_effect(Y, variance=V).estimate
    assert batch.estimate[1] == pytest.approx(found.estimate, rel=1e-15)


@pytest.mark.parametrize("tau2", [-0.1, np.nan, np.inf, [0.1, 0.2, 0.3], None])
def test_an_impossible_tau2_is_refused(tau2: object) -> None:
    with pytest.raises(InputError, match="tau2"):
        random_effects(Y, variance=V, tau2=tau2)


@pytest.mark.parametrize(
    "choice",
    [{"tau2": "reml"}, {"interval": "hksj"}, {"model": "fixed"}, {"prediction": "hts"}],
)
def test_unknown_words_are_refused_with_the_list(choice: dict[str, str]) -> None:
    with pytest.raises(UnknownWordError, match="Known: "):
        random_effects(Y, variance=V, **choice)


def test_knapp_hartung_is_the_weighted_variance_about_the_mean() -> None:
    plain = random_effects(Y, variance=V, interval="knapp-hartung")
    w = 1.0 / (V + plain.tau2)
    expected = np.sqrt((w * (Y - plain.estimate) ** 2).sum() / (4 * w.sum()))
    assert plain.se == pytest.approx(expected, rel=1e-13)
    assert plain.ci_high - plain.estimate == pytest.approx(t.ppf(0.975, 4) * expected, rel=1e-12)
    assert plain.p_value == pytest.approx(2 * t.sf(abs(plain.estimate / expected), 4), rel=1e-12)


def test_plain_knapp_hartung_collapses_for_equal_effects_and_the_floored_one_does_not() -> None:
    plain = random_effects([1.0, 1.0, 1.0], variance=[1.0, 2.0, 3.0], interval="knapp-hartung")
    floored = random_effects([1.0, 1.0, 1.0], variance=[1.0, 2.0, 3.0])
    assert (plain.se, plain.statistic, plain.p_value) == (0.0, np.inf, 0.0)
    assert floored.se == pytest.approx((1 + 1 / 2 + 1 / 3) ** -0.5, rel=1e-14)
    nothing = random_effects([0.0, 0.0], variance=[1.0, 2.0], interval="knapp-hartung")
    assert (nothing.statistic, nothing.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_level_moves_the_limits_and_nothing_else(interval: str) -> None:
    wide, narrow = (random_effects(Y, variance=V, interval=interval, level=level) for level in (0.99, 0.8))
    assert (wide.estimate, wide.se, wide.p_value) == (narrow.estimate, narrow.se, narrow.p_value)
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high
    assert wide.pi_low < narrow.pi_low < narrow.pi_high < wide.pi_high


def test_the_prediction_interval_of_higgins_has_k_minus_2_degrees_of_freedom() -> None:
    found = random_effects(Y, variance=V, interval="wald", prediction="higgins")
    half = t.ppf(0.975, 3) * np.sqrt(found.tau2 + found.se**2)
    assert found.pi_high - found.estimate == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize("prediction", ["same", "higgins"])
def test_prediction_limits_hold_their_share_of_the_predictive_distribution(prediction: str) -> None:
    found = random_effects(Y, variance=V, prediction=prediction)
    low, high = prediction_interval(found, level=0.8)
    assert probability_beyond(found, high) == pytest.approx(0.1, rel=1e-12)
    assert probability_beyond(found, low, side="below") == pytest.approx(0.1, rel=1e-12)
    assert prediction_interval(found) == pytest.approx((found.pi_low, found.pi_high), rel=1e-14)


def test_the_shares_on_both_sides_of_a_threshold_sum_to_one() -> None:
    found = random_effects([Y, -Y], variance=V)
    both = probability_beyond(found, 0.2) + probability_beyond(found, 0.2, side="below")
    assert both == pytest.approx([1.0, 1.0], rel=1e-14)


def test_no_share_without_a_predictive_distribution() -> None:
    assert np.isnan(probability_beyond(random_effects(Y[:2], variance=V[:2]), 0.0))
    assert np.isnan(probability_beyond(common_effect(Y, variance=V), 0.0))


def test_a_padded_batch_equals_its_meta_analyses_one_by_one() -> None:
    rng = np.random.default_rng(12)
    y, v = rng.normal(size=(50, 8)), rng.uniform(0.05, 1.0, (50, 8))
    mask = np.arange(8) < rng.integers(1, 9, 50)[:, None]
    whole = random_effects(np.where(mask, y, np.nan), variance=np.where(mask, v, 0.0), mask=mask)
    for row in range(50):
        one = random_effects(y[row, mask[row]], variance=v[row, mask[row]])
        for field in dataclasses.fields(one):
            here, there = getattr(whole, field.name), getattr(one, field.name)
            if isinstance(there, (int, float)) and field.name != "level":
                # The order of summation differs between layouts: a few units in the last place.
                assert here[row] == pytest.approx(there, rel=1e-10, abs=1e-13, nan_ok=True), field.name
