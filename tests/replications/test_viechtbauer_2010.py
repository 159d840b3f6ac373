"""Viechtbauer 2010, Conducting meta-analyses in R with the metafor package (Journal of Statistical Software 36(3):1-48,
doi:10.18637/jss.v036.i03): the 13 trials of BCG vaccine, log risk ratios by restricted maximum likelihood.

The numbers are those of the running text on the random-effects model and on the model with latitude and year.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.measures_binary import risk_ratio
from bmac_meta.stats.regression import meta_regression

RAW = json.loads((Path(__file__).parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8"))
NAMES = {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}
EFFECT = risk_ratio(**{ours: RAW["inputs"][theirs] for ours, theirs in NAMES.items()})
DESIGN = np.column_stack([np.ones(13), RAW["mods"]["ablat"], RAW["mods"]["year"]])
SECOND, FOURTH = 0.005, 5e-5


def limits(result):
    return np.array([result.estimate, result.ci_low, result.ci_high])


def test_the_average_log_risk_ratio():
    result = random_effects(EFFECT.estimate, variance=EFFECT.variance, interval="wald")
    np.testing.assert_allclose(limits(result), [-0.7145, -1.0669, -0.3622], rtol=0, atol=FOURTH)
    np.testing.assert_allclose(np.exp(limits(result)), [0.49, 0.34, 0.70], rtol=0, atol=SECOND)
    assert result.statistic == pytest.approx(-3.97, abs=SECOND)
    assert result.p_value < 0.0001
    assert result.tau2 == pytest.approx(0.3132, abs=FOURTH)


def test_latitude_and_year_account_for_65_percent_of_the_heterogeneity():
    result = meta_regression(EFFECT.estimate, variance=EFFECT.variance, design=DESIGN, interval="wald")
    assert result.tau2 == pytest.approx(0.1108, abs=FOURTH)
    assert result.r2 == pytest.approx(65, abs=0.5)
    # The printed omnibus chi-squared has two degrees of freedom; the F here is half of it.
    assert result.omnibus_df * result.omnibus == pytest.approx(12.20, abs=SECOND)
    assert result.omnibus_p < 0.01


def test_only_latitude_is_significant_and_other_heterogeneity_is_left():
    result = meta_regression(EFFECT.estimate, variance=EFFECT.variance, design=DESIGN, interval="wald")
    np.testing.assert_allclose(result.statistic[1:], [-2.74, 0.13], rtol=0, atol=SECOND)
    assert result.p_values[1] < 0.01
    assert result.p_values[2] == pytest.approx(0.90, abs=SECOND)
    assert (result.q_residual, result.q_df) == (pytest.approx(28.33, abs=SECOND), 10)
    assert result.q_p < 0.01
