"""Means of two treatments in the same patients."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.measures_continuous import mean_difference
from bmac_meta.stats.measures_standardized import standardized_mean_difference
from bmac_meta.stats.paired import (
    effective_sample_size,
    paired_mean_difference,
    paired_standardized_mean_difference,
)

PAIR = {"mean_a": 7.0, "sd_a": 2.38, "mean_b": 6.5, "sd_b": 2.21, "n": 10, "r": 0.68}
BOTH = [paired_mean_difference, paired_standardized_mean_difference]


def simulated(r, n, draws=100_000, shift=0.8):
    rng = np.random.default_rng(21)
    base = rng.normal(size=(2, draws, n))
    a, b = base[0] + shift, r * base[0] + (1 - r**2) ** 0.5 * base[1]
    return {
        "mean_a": a.mean(1),
        "sd_a": a.std(1, ddof=1),
        "mean_b": b.mean(1),
        "sd_b": b.std(1, ddof=1),
        "n": n,
        "r": r,
    }


@pytest.mark.parametrize("r", [-0.4, 0.0, 0.5, 0.9])
def test_the_variance_of_the_paired_standardized_difference_is_that_of_simulated_trials(r):
    effect = paired_standardized_mean_difference(**simulated(r, n=40))
    # Monte Carlo error of the variance: 0.5 %; the large-sample formula itself is good to some 3 % at n = 40.
    assert effect.variance.mean() == pytest.approx(effect.estimate.var(), rel=0.05)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_the_paired_standardized_difference_is_unbiased_in_small_trials(r):
    effect = paired_standardized_mean_difference(**simulated(r, n=8))
    # Without the correction it would be 0.84 (r = 0) to 0.90 (r = 0.9).
    assert effect.estimate.mean() == pytest.approx(0.8, abs=0.01)


def test_without_correlation_a_paired_design_is_two_parallel_arms():
    pair = {**PAIR, "r": 0.0}
    arms = {name: pair[name] for name in ("mean_a", "sd_a", "mean_b", "sd_b")} | {"n_a": 10, "n_b": 10}
    for paired, parallel in zip(BOTH, [mean_difference, standardized_mean_difference], strict=True):
        assert float(paired(**pair).estimate) == pytest.approx(float(parallel(**arms).estimate), rel=1e-14)
        assert float(paired(**pair).variance) == pytest.approx(float(parallel(**arms).variance), rel=1e-14)


@pytest.mark.parametrize("measure", BOTH)
def test_a_higher_correlation_means_a_smaller_variance(measure):
    variance = measure(**{**PAIR, "r": np.linspace(-0.9, 0.99, 30)}).variance
    assert (np.diff(variance) < 0).all()


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"r": 1}, "r: 1 of 1 value is not a correlation"),
        ({"n": 0}, "n: 1 of 1 value"),
        ({"sd_a": -1}, "sd_a"),
    ],
)
def test_impossible_pairs_are_refused(measure, fault, words):
    with pytest.raises(InputError, match=words):
        measure(**{**PAIR, **fault})


def test_a_standardized_difference_needs_more_than_one_degree_of_freedom():
    effect = paired_standardized_mean_difference(**{**PAIR, "n": [1, 3]})
    assert effect.included.tolist() == [False, True]
    assert paired_mean_difference(**{**PAIR, "n": 1}).included


@pytest.mark.parametrize("measure", BOTH)
def test_masked_trials_may_hold_anything(measure):
    columns = {name: [value, np.nan] for name, value in PAIR.items()}
    assert measure(**columns, mask=[True, False]).included.tolist() == [True, False]


def test_knees_are_worth_between_their_number_and_that_of_the_patients():
    sizes = effective_sample_size(units=30, patients=20, icc=[0, 0.5, 1])
    np.testing.assert_allclose(sizes, [30, 24, 20])
    assert float(effective_sample_size(units=20, patients=20, icc=0.7)) == 20
    with pytest.raises(InputError, match="more patients than units"):
        effective_sample_size(units=20, patients=30, icc=0.5)
    with pytest.raises(InputError, match="icc: 1 of 1 value is not a number from 0 to 1"):
        effective_sample_size(units=30, patients=20, icc=1.5)
