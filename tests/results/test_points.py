"""A standardized effect is given in points of an instrument, with where the SD is from."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, PoolingRefused, UnknownWordError
from bmac_meta.question import Question

# Made-up trials: two on a pain scale to 100, one to 10, one on a function score where high is good.
TRIALS = pd.DataFrame(
    {
        "trial": ["A", "B", "C", "D"],
        "outcome": ["vas", "vas", "vas", "koos"],
        "scale_min": [0.0] * 4,
        "scale_max": [100.0, 100.0, 10.0, 100.0],
        "higher_is_better": [False, False, False, True],
        "g": [-0.4, -0.2, -0.5, -0.3],
        "se": [0.2, 0.1, 0.3, 0.2],
        "sd_a": [20.0, 24.0, 2.2, 15.0],
        "n_a": [30, 50, 20, 40],
        "sd_b": [22.0, 25.0, 2.0, 16.0],
        "n_b": [31, 52, 18, 42],
    }
)
QUESTION = Question("BMAC", "HA", "pain", lower_is_better=True)


@pytest.fixture(scope="module")
def pooled():
    made = Effects.from_frame(TRIALS, estimate="g", se="se", study="trial", measure="SMD", question=QUESTION)
    return made.pool()


def test_the_sd_is_pooled_over_the_arms_on_the_scale_of_most_trials(pooled):
    arms = [(20, 30), (22, 31), (24, 50), (25, 52), (22, 20), (20, 18)]
    expected = math.sqrt(sum((n - 1) * sd**2 for sd, n in arms) / sum(n - 1 for _, n in arms))
    result = pooled.in_points("vas")
    assert result.sd == pytest.approx(expected, rel=1e-12)
    assert result.source == "pooled over the arms of 3 trials that used it, on 0 to 100"


def test_every_number_is_the_effect_times_the_sd(pooled):
    row = pooled.in_points("vas", sd=20).tidy().iloc[0]
    names = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    assert row[names].tolist() == pytest.approx([20 * getattr(pooled.fit, name) for name in names])
    assert row["source"] == "as given"


def test_points_of_an_instrument_on_which_high_is_good_have_its_own_sign(pooled):
    row = pooled.in_points("koos").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(-row["sd"] * pooled.fit.estimate)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_the_card_shows_both_and_says_what_one_sd_is(pooled):
    text = repr(pooled.in_points("vas"))
    assert "points of vas" in text
    assert "favours" in text or "includes no effect" in text
    assert "pooled over the arms of 3 trials" in text


def test_an_unknown_instrument_names_those_of_the_trials(pooled):
    with pytest.raises(UnknownWordError, match="Known: koos, vas"):
        pooled.in_points("womac")


@pytest.mark.parametrize("sd", [0, -1.0, math.inf, math.nan, "20"])
def test_an_sd_that_is_none_is_refused(pooled, sd):
    with pytest.raises(InputError, match="it must be the standard deviation between patients"):
        pooled.in_points("vas", sd=sd)


def test_a_measure_with_a_unit_of_its_own_is_refused(vaccine):
    with pytest.raises(PoolingRefused, match="RR is not in standard deviations"):
        vaccine.pool().in_points("vas", sd=20)


def test_bare_effects_need_the_sd_to_be_given(hostile):
    with pytest.raises(InputError, match="do not say outcome"):
        hostile.pool().in_points("vas")
    assert hostile.pool().in_points("vas", sd=20).sd == 20
