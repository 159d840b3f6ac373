"""Effects as other effects, scores on other scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.convert import (
    log_odds_ratio_from_smd,
    points_from_smd,
    rescale_score,
    rescale_spread,
    smd_from_log_odds_ratio,
)
from bmac_meta.stats.measures_binary import odds_ratio


@pytest.mark.parametrize(("distribution", "smd", "se"), [("logistic", 0.4471, 0.2460), ("cox", 0.4915, 0.2704)])
def test_an_odds_ratio_as_a_standardized_difference_is_that_of_another_program(distribution, smd, se):
    # Table 13.4 of Fleiss & Berlin 2009 (135 of 150, 40 of 50); metafor's measures OR2DL and OR2DN.
    effect = odds_ratio(events_a=135, total_a=150, events_b=40, total_b=50)
    answer = smd_from_log_odds_ratio(estimate=effect.estimate, variance=effect.variance, distribution=distribution)
    assert float(answer.estimate) == pytest.approx(smd, abs=5e-5)
    assert float(answer.se) == pytest.approx(se, abs=5e-5)
    assert answer.measure == "SMD"


def test_the_logistic_factor_is_its_standard_deviation():
    answer = log_odds_ratio_from_smd(estimate=1, variance=1)
    assert float(answer.estimate) == pytest.approx(math.pi / math.sqrt(3), rel=1e-15)
    assert answer.measure == "OR"


def test_effects_that_can_not_be_converted_are_refused():
    with pytest.raises(InputError, match="variance: 1 of 1 value"):
        smd_from_log_odds_ratio(estimate=1, variance=0)
    with pytest.raises(UnknownWordError, match="Known: logistic, cox"):
        log_odds_ratio_from_smd(estimate=1, variance=1, distribution="normal")
    masked = smd_from_log_odds_ratio(estimate=[1, np.nan], variance=[1, -1], mask=[True, False])
    assert masked.included.tolist() == [True, False]


def test_points_of_an_instrument_are_standard_deviations_of_it():
    np.testing.assert_array_equal(points_from_smd(smd=[-0.5, 0, np.nan], sd=20), [-10, 0, np.nan])
    with pytest.raises(InputError, match="sd: 1 of 1 value is not a finite number above 0"):
        points_from_smd(smd=0.5, sd=0)


def test_the_ends_of_a_scale_go_to_the_ends_of_the_new_one():
    scores = rescale_score(score=[4, 12, 20], scale_min=4, scale_max=20)
    np.testing.assert_array_equal(scores, [0, 50, 100])
    reversed_scores = rescale_score(score=[4, 12, 20], scale_min=4, scale_max=20, new_min=10, new_max=0)
    np.testing.assert_array_equal(reversed_scores, [10, 5, 0])


def test_a_spread_is_rescaled_without_the_offset_and_keeps_its_sign():
    spreads = rescale_spread(spread=[4, -2, np.nan], scale_min=4, scale_max=20, new_max=[100, 10, 10])
    np.testing.assert_array_equal(spreads, [25, -1.25, np.nan])
    assert float(rescale_spread(spread=4, scale_min=4, scale_max=20, new_min=100, new_max=0)) == 25


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rescale_score(score=21, scale_min=4, scale_max=20), "the score lies outside the scale"),
        (lambda: rescale_score(score=3, scale_min=4, scale_max=4), "not above its minimum"),
        (lambda: rescale_spread(spread=3, scale_min=20, scale_max=4), "not above its minimum"),
        (lambda: rescale_score(score=np.nan, scale_min=0, scale_max=4), "score: 1 of 1 value"),
    ],
)
def test_impossible_scales_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
