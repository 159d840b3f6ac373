"""`as_measure` leads from odds ratios to standardized differences and back, and says so."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import PoolingRefused, UnknownWordError

# The example of the Cochrane Handbook for the factor (10.6): π/√3 = 1.814.
FACTOR = math.pi / math.sqrt(3)


@pytest.fixture
def odds(bcg):
    """Return the log odds ratios of the BCG trials."""
    return Effects.from_raw(bcg.frame, measure="OR", study="study", question=bcg.question)


def test_a_log_odds_ratio_is_divided_by_the_factor(odds):
    made = odds.as_measure("SMD")
    np.testing.assert_allclose(made.estimates, odds.estimates / FACTOR, rtol=1e-14)
    np.testing.assert_allclose(made.variances, odds.variances / FACTOR**2, rtol=1e-13)
    assert made.measure.code == "SMD"


def test_there_and_back_is_the_same(odds):
    for distribution in ("logistic", "cox"):
        back = odds.as_measure("SMD", distribution=distribution).as_measure("OR", distribution=distribution)
        np.testing.assert_allclose(back.estimates, odds.estimates, rtol=1e-14)
        assert back.pool().fit.tau2 == pytest.approx(odds.pool().fit.tau2, rel=1e-9)


def test_whom_the_effect_favors_stays(odds):
    assert odds.pool().favours == odds.as_measure("SMD").pool().favours == "favours BCG"


def test_the_conversion_is_printed_and_stands_in_the_history(odds):
    made = odds.as_measure("SMD", distribution="cox")
    words = "OR given as SMD (cox distribution, factor 1.65)"
    assert words in repr(made.pool())
    assert made.history("Trial 3")["what"].tolist() == [words]


def test_each_study_gets_its_step_behind_those_that_it_has(odds):
    steps = pd.DataFrame({"study": ["Trial 2", "Trial 2", "Trial 1"], "step": [1, 2, 1]})
    steps = steps.assign(arm="", what="printed", address="p. 1")
    made = Effects(odds.frame, odds.question, steps=steps).as_measure("SMD")
    assert made.history("Trial 2")["step"].tolist() == [1, 2, 3]
    assert made.history("Trial 1")["step"].tolist() == [1, 2]
    assert made.steps["study"].drop_duplicates().tolist() == list(odds.studies)


def test_the_same_measure_is_nothing_to_do(odds):
    assert odds.as_measure("OR") is odds


def test_measures_without_a_bridge_are_refused_by_name(bcg):
    with pytest.raises(PoolingRefused, match="RR cannot be given as SMD"):
        bcg.as_measure("SMD")
    with pytest.raises(UnknownWordError, match="effect measure"):
        bcg.as_measure("Cohen")
    with pytest.raises(UnknownWordError, match="distribution"):
        Effects.from_raw(bcg.frame, measure="OR", study="study").as_measure("SMD", distribution="probit")
