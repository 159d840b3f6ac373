"""Normand 1999, Meta-analysis: formulating, evaluating, combining, and reporting: effects of its data sets.

Statistics in Medicine 18:321-359, doi:10.1002/(SICI)1097-0258(19990215)18:3<321::AID-SIM28>3.0.CO;2-P.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bmac_meta.stats.measures_binary import risk_difference
from bmac_meta.stats.measures_continuous import ratio_of_means
from bmac_meta.stats.measures_standardized import (
    standardized_mean_difference,
    standardized_mean_difference_heteroscedastic,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"


def first_four_stroke_trials():
    inputs = json.loads((REFERENCE / "normand1999_SMD.json").read_text())["inputs"]
    names = {"m1i": "mean_a", "sd1i": "sd_a", "n1i": "n_a", "m2i": "mean_b", "sd2i": "sd_b", "n2i": "n_b"}
    return {ours: inputs[theirs][:4] for theirs, ours in names.items()}


def test_risk_differences_of_lidocaine_after_infarction():
    # Table III, p. 330, in per cent, with variances and 95 % limits: to the four decimals of metafor's published
    # analysis of this paper.
    inputs = json.loads((REFERENCE / "hine1989_RD.json").read_text())["inputs"]
    effect = risk_difference(events_a=inputs["ai"], total_a=inputs["n1i"], events_b=inputs["ci"], total_b=inputs["n2i"])
    estimates = [2.8026, 0.0000, 1.9711, 1.7961, 3.5334, 4.4031]
    variances = [17.7575, 37.5657, 8.1323, 10.8998, 8.0114, 6.1320]
    lower = [-5.4566, -12.0128, -3.6182, -4.6747, -2.0141, -0.4503]
    upper = [11.0618, 12.0128, 7.5604, 8.2669, 9.0810, 9.2566]
    np.testing.assert_allclose(100 * effect.estimate, estimates, atol=5e-5)
    np.testing.assert_allclose(1e4 * effect.variance, variances, atol=5e-5)
    half = 1.959963984540054 * effect.se
    np.testing.assert_allclose(100 * (effect.estimate - half), lower, atol=5e-5)
    np.testing.assert_allclose(100 * (effect.estimate + half), upper, atol=5e-5)


def test_standardized_differences_and_ratios_of_the_length_of_stay_after_stroke():
    # The first four trials by metafor's escalc, to four decimals (its own test of these measures).
    columns = first_four_stroke_trials()
    pooled = standardized_mean_difference(**columns)
    unequal = standardized_mean_difference_heteroscedastic(**columns)
    ratio = ratio_of_means(**columns, correction="none")
    np.testing.assert_allclose(pooled.estimate, [-0.3552, -0.3479, -2.3176, -1.8880], atol=5e-5)
    np.testing.assert_allclose(pooled.variance, [0.0131, 0.0645, 0.0458, 0.1606], atol=5e-5)
    np.testing.assert_allclose(unequal.estimate, [-0.3553, -0.3465, -2.3018, -1.8880], atol=5e-5)
    np.testing.assert_allclose(unequal.variance, [0.0131, 0.0657, 0.0509, 0.1874], atol=5e-5)
    np.testing.assert_allclose(ratio.estimate, [-0.3102, -0.0715, -0.6202, -0.7303], atol=5e-5)
    np.testing.assert_allclose(ratio.variance, [0.0094, 0.0028, 0.0018, 0.0119], atol=5e-5)
