"""Mean differences, in points and in per cent of the scale, and ratios of means."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.measures_continuous import (
    mean_difference,
    percent_of_maximum_difference,
    ratio_of_means,
)

ARMS = {"mean_a": 5.1, "sd_a": 2.3, "n_a": 31, "mean_b": 6.4, "sd_b": 1.9, "n_b": 28}
FAULTS = [
    ({"n_a": 0}, "n_a: 1 of 1 value is not a number of patients"),
    ({"n_b": -5}, "n_b"),
    ({"sd_a": -1}, "sd_a: 1 of 1 value is not a finite number of 0 or more"),
    ({"mean_b": np.nan}, "mean_b: 1 of 1 value is not a finite number"),
    ({"sd_a": 0, "sd_b": 0}, "neither arm has any spread"),
    ({"n_a": [3, 4], "n_b": [3, 4, 5]}, "must have one shape"),
]


@pytest.mark.parametrize("measure", [mean_difference, ratio_of_means])
@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_unusable_columns_are_refused_in_words(measure, fault, words):
    with pytest.raises(InputError, match=words):
        measure(**{**ARMS, **fault})


@pytest.mark.parametrize("measure", [mean_difference, ratio_of_means])
def test_a_masked_trial_is_nan_and_changes_no_other(measure):
    columns = {name: [value, np.nan] for name, value in ARMS.items()}
    effect = measure(**columns, mask=[True, False])
    alone = measure(**ARMS)
    assert effect.included.tolist() == [True, False]
    np.testing.assert_array_equal(effect.estimate, [alone.estimate, np.nan])
    np.testing.assert_array_equal(effect.variance, [alone.variance, np.nan])


def test_one_arm_without_spread_still_gives_a_mean_difference():
    effect = mean_difference(**{**ARMS, "sd_a": 0})
    assert float(effect.variance) == pytest.approx(1.9**2 / 28, rel=1e-15)


def test_a_mean_difference_keeps_its_digits_beside_a_large_offset():
    effect = mean_difference(**{**ARMS, "mean_a": 1e6 + 0.5, "mean_b": 1e6})
    assert float(effect.estimate) == 0.5


def test_batches_have_the_shape_of_their_columns():
    effect = mean_difference(**{**ARMS, "mean_a": np.ones((4, 1)), "n_b": np.arange(10, 13)})
    assert effect.estimate.shape == effect.variance.shape == effect.included.shape == (4, 3)


def test_no_trials_give_no_effects():
    assert mean_difference(**{**ARMS, "mean_a": []}).estimate.shape == (0,)


@pytest.mark.parametrize(("mean_a", "mean_b"), [(1, 2), (50.0000001, 50), (1e-9, 1e9), (-3, -4)])
def test_the_log_ratio_of_means_has_all_its_digits(mean_a, mean_b):
    effect = ratio_of_means(**{**ARMS, "mean_a": mean_a, "mean_b": mean_b}, correction="none")
    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.mpf(mean_a) / mpmath.mpf(mean_b)))
    assert float(effect.estimate) == pytest.approx(exact, rel=1e-15, abs=0)


def test_the_correction_removes_most_of_the_bias_of_the_log_ratio():
    # Means of 6 patients with coefficients of variation of 0.5 and 0.1: the bias without correction is about
    # (0.1² − 0.5²)/12 = −0.02; the Monte Carlo error of the mean over 200,000 trials is 0.0005.
    rng = np.random.default_rng(5)
    a, b = rng.normal(10, 5, (200_000, 6)), rng.normal(10, 1, (200_000, 6))
    columns = {
        "mean_a": a.mean(1),
        "sd_a": a.std(1, ddof=1),
        "n_a": 6,
        "mean_b": b.mean(1),
        "sd_b": b.std(1, ddof=1),
        "n_b": 6,
    }
    plain, corrected = (np.nanmean(ratio_of_means(**columns, correction=word).estimate) for word in ("none", "delta"))
    assert plain == pytest.approx(-0.02, abs=0.006)
    assert abs(corrected) < 0.005


@pytest.mark.parametrize(("mean_a", "mean_b"), [(1, -1), (0, 2), (2, 0), (0, 0)])
def test_means_of_different_sign_have_no_ratio(mean_a, mean_b):
    effect = ratio_of_means(**{**ARMS, "mean_a": [mean_a, 1], "mean_b": [mean_b, 2]})
    assert effect.included.tolist() == [False, True]
    assert np.isnan(effect.estimate[0])


def test_percent_of_maximum_is_the_mean_difference_on_a_scale_of_0_to_100():
    effect = percent_of_maximum_difference(**ARMS, scale_min=0, scale_max=[10, 20, 100])
    plain = mean_difference(**ARMS)
    np.testing.assert_allclose(effect.estimate, plain.estimate * np.array([10, 5, 1]), rtol=1e-15)
    np.testing.assert_allclose(effect.se, plain.se * np.array([10, 5, 1]), rtol=1e-15)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (10, 0, "not above its minimum"),
        (4, 4, "not above its minimum"),
        (0, 1, "further apart than the scale"),
    ],
)
def test_a_scale_that_can_not_be_is_refused(low, high, words):
    with pytest.raises(InputError, match=words):
        percent_of_maximum_difference(**ARMS, scale_min=low, scale_max=high)


def test_the_scale_of_a_masked_trial_is_not_looked_at():
    effect = percent_of_maximum_difference(**ARMS, scale_min=[0, np.nan], scale_max=[10, np.nan], mask=[True, False])
    assert effect.included.tolist() == [True, False]
