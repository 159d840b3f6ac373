"""The test of skewness from quartiles and ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.skewness import skewness_from_quartiles


def five_numbers(sample):
    n = sample.shape[1]
    sample = np.sort(sample, axis=1)
    quarter = (n - 1) // 4
    return {
        "minimum": sample[:, 0],
        "q1": sample[:, quarter],
        "median": sample[:, n // 2],
        "q3": sample[:, n - 1 - quarter],
        "maximum": sample[:, -1],
    }


SCENARIOS = {
    "range": ("minimum", "median", "maximum"),
    "quartiles": ("q1", "median", "q3"),
    "five numbers": ("minimum", "q1", "median", "q3", "maximum"),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("n", [13, 41, 201])
def test_normal_data_are_called_skewed_in_about_five_of_a_hundred(scenario, n):
    numbers = five_numbers(np.random.default_rng(7).normal(0, 1, (20_000, n)))
    test = skewness_from_quartiles(**{name: numbers[name] for name in SCENARIOS[scenario]}, n=n)
    assert test.scenario == scenario
    # The critical values are the authors' approximations; Monte Carlo error is 0.0015.
    assert test.skewed.mean() == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lognormal_data_are_mostly_called_skewed(scenario):
    numbers = five_numbers(np.exp(np.random.default_rng(8).normal(0, 1, (5_000, 201))))
    test = skewness_from_quartiles(**{name: numbers[name] for name in SCENARIOS[scenario]}, n=201)
    assert test.skewed.mean() > 0.9


def test_statistics_and_critical_values_are_those_of_the_paper():
    # Shi et al. 2023 at n = 20, minimum 2, quartiles 4, 6, 14, maximum 20.
    outer, inner = abs(2 + 20 - 12) / 18, abs(4 + 14 - 12) / 10
    by_range = skewness_from_quartiles(minimum=2, median=6, maximum=20, n=20)
    by_quartiles = skewness_from_quartiles(q1=4, median=6, q3=14, n=20)
    by_all = skewness_from_quartiles(minimum=2, q1=4, median=6, q3=14, maximum=20, n=20)
    assert float(by_range.statistic) == pytest.approx(outer)
    assert float(by_range.critical) == pytest.approx(1 / math.log(29) + 2.5 / 21)
    assert float(by_quartiles.statistic) == pytest.approx(inner)
    assert float(by_quartiles.critical) == pytest.approx(2.65 / math.sqrt(20) - 6 / 400)
    assert float(by_all.statistic) == pytest.approx(max(2.65 * math.log(12) / math.sqrt(20) * outer, inner))
    assert float(by_all.critical) == pytest.approx(3 / math.sqrt(20) - 40 / 8000)


def test_the_examples_of_another_program_fall_on_the_same_side():
    # metafor's help page of conv.fivenum, n = 20: none of the first three is significant, the last one is.
    assert not skewness_from_quartiles(minimum=2, median=6, maximum=14, n=20).skewed
    assert not skewness_from_quartiles(q1=4, median=6, q3=10, n=20).skewed
    assert not skewness_from_quartiles(minimum=2, q1=4, median=6, q3=10, maximum=14, n=20).skewed
    assert skewness_from_quartiles(minimum=2, q1=4, median=6, q3=14, maximum=20, n=20).skewed


def test_mirror_images_are_equally_skewed():
    right = skewness_from_quartiles(q1=4, median=6, q3=14, n=[10, 20])
    left = skewness_from_quartiles(q1=-14, median=-6, q3=-4, n=[10, 20])
    np.testing.assert_array_equal(right.statistic, left.statistic)


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ({"median": 6}, "here are median"),
        ({"median": 6, "q1": 4}, "here are q1, median"),
        ({"median": 6, "q1": 4, "q3": 9, "minimum": 1}, "here are minimum, q1, median, q3"),
        ({"median": 6, "q1": 4, "q3": 4}, "does not hold"),
        ({"median": 4, "q1": 4, "q3": 4}, "q1 and q3 are equal"),
    ],
)
def test_incomplete_or_impossible_summaries_are_refused(summary, words):
    with pytest.raises(InputError, match=words):
        skewness_from_quartiles(**summary, n=20)


def test_fewer_than_five_patients_are_refused():
    with pytest.raises(InputError, match="fewer than 5 patients"):
        skewness_from_quartiles(q1=4, median=6, q3=9, n=4)
