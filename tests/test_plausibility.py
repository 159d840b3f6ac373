"""A variance that is named as a standard error is caught where the sizes of the trials tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta import Effects
from bmac_meta.errors import InputError
from bmac_meta.stats import standardized_mean_difference


@pytest.fixture
def table() -> pd.DataFrame:
    """Return standardized mean differences of six made-up trials, with their variances and sizes."""
    draw = np.random.default_rng(3)
    n_a, n_b = draw.integers(12, 200, (2, 6))
    arms = {"mean_a": draw.normal(-6, 4, 6), "sd_a": 10, "n_a": n_a, "mean_b": 0, "sd_b": 10, "n_b": n_b}
    made = standardized_mean_difference(**arms)
    named = {"trial": list("ABCDEF"), "g": made.estimate, "v": made.variance, "s": made.se}
    return pd.DataFrame(named | {"n_a": n_a, "n_b": n_b})


def smd(table: pd.DataFrame, **spread: str) -> Effects:
    return Effects.from_frame(table, estimate="g", study="trial", measure="SMD", **spread)


def test_what_is_named_as_it_is_passes(table):
    assert len(smd(table, se="s")) == len(smd(table, variance="v")) == 6


def test_variances_named_as_standard_errors_are_refused(table):
    with pytest.raises(InputError, match=r"but its numbers look like variances: A has .* variance='v'"):
        smd(table, se="v")


def test_standard_errors_named_as_variances_are_refused(table):
    with pytest.raises(InputError, match="variance='s' was given, but its numbers look like standard errors"):
        smd(table, variance="s")


def test_adjusted_analyses_with_narrower_intervals_pass(table):
    assert len(smd(table.assign(s=table["s"] * 0.6), se="s")) == 6


def test_clustered_analyses_with_wider_intervals_pass(table):
    assert len(smd(table.assign(s=table["s"] * 1.8), se="s")) == 6


@pytest.mark.parametrize("sizes", [{"n_a": None}, {"n_a": "forty"}, {"n_a": 0}])
def test_sizes_that_are_none_tell_nothing(table, sizes):
    assert len(smd(table.assign(**sizes), se="v")) == 6


def test_other_measures_are_taken_at_their_word(table):
    assert len(Effects.from_frame(table, estimate="g", se="v", study="trial", measure="MD")) == 6


def test_fishers_z_is_judged_by_the_number_of_pairs():
    pairs = pd.DataFrame({"z": [0.2, 0.3, 0.1], "n": [28, 43, 103]})
    variances = pairs.assign(v=1 / (pairs["n"] - 3))
    with pytest.raises(InputError, match="look like variances"):
        Effects.from_frame(variances, estimate="z", se="v", measure="ZCOR")
    assert len(Effects.from_frame(variances, estimate="z", variance="v", measure="ZCOR")) == 3
