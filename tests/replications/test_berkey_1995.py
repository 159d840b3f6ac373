"""Berkey, Hoaglin, Mosteller & Colditz 1995, A random-effects regression model for meta-analysis (Statistics
in Medicine 14:395-411, doi:10.1002/sim.4780140406): the 13 trials of BCG vaccine, regressed on latitude.

All numbers are from p. 408. The variances are smoothed: each trial's own cell proportions are replaced by
their means over the trials. The authors center latitude at its mean; with 33.46 instead of 33.4615 the
intercepts would be -0.6303 and -0.5949.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression, predict

RAW = json.loads((Path(__file__).parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8"))
CASES_A, TOTAL_A, CASES_B, TOTAL_B = (np.array(RAW["inputs"][name]) for name in ("ai", "n1i", "ci", "n2i"))
EFFECT = np.log(CASES_A / TOTAL_A) - np.log(CASES_B / TOTAL_B)
VARIANCE = np.mean(TOTAL_A / CASES_A - 1) / TOTAL_A + np.mean(TOTAL_B / CASES_B - 1) / TOTAL_B
LATITUDE = np.array(RAW["mods"]["ablat"], dtype=float)
DESIGN = np.column_stack([np.ones(13), LATITUDE - LATITUDE.mean()])
FOURTH = 5e-5


def regression(tau2):
    return meta_regression(EFFECT, variance=VARIANCE, design=DESIGN, tau2=tau2, interval="wald")


def test_the_mean_by_empirical_bayes():
    result = random_effects(EFFECT, variance=VARIANCE, tau2="EB", interval="wald")
    np.testing.assert_allclose([result.estimate, result.se], [-0.5429, 0.1842], rtol=0, atol=FOURTH)
    assert result.tau2 == pytest.approx(0.268, abs=5e-4)


def test_the_random_effects_regression_on_latitude():
    result = regression("EB")
    np.testing.assert_allclose(result.coefficients, [-0.6304, -0.0268], rtol=0, atol=FOURTH)
    np.testing.assert_allclose(result.se, [0.1591, 0.0110], rtol=0, atol=FOURTH)
    assert result.tau2 == pytest.approx(0.157, abs=5e-4)


def test_latitude_accounts_for_41_percent_of_the_variance_between_trials():
    assert regression("EB").r2 == pytest.approx(41, abs=0.5)


def test_the_common_effect_regression_on_latitude():
    result = regression(0.0)
    np.testing.assert_allclose(result.coefficients, [-0.5950, -0.0282], rtol=0, atol=FOURTH)
    assert result.se[0] == pytest.approx(0.0696, abs=FOURTH)
    # The article has 0.0039, cut from 0.00399 instead of rounded.
    assert np.floor(1e4 * result.se[1]) == 39


@pytest.mark.parametrize(("tau2", "printed"), [("EB", [0.53, 0.42]), (0.0, [0.55, 0.43])])
def test_the_predicted_risk_ratios_at_the_mean_and_at_42_degrees(tau2, printed):
    places = np.column_stack([np.ones(2), [0.0, 42 - LATITUDE.mean()]])
    result = predict(regression(tau2), places)
    np.testing.assert_allclose(np.exp(result.estimate), printed, rtol=0, atol=0.005)
