"""Hackshaw, Law & Wald 1997 on passive smoking and lung cancer, and what was made of it later.

BMJ 315:980-988, doi:10.1136/bmj.315.7114.980; the 37 log relative risks are those of Hackshaw 1998,
Statistical Methods in Medical Research 7:119-136, doi:10.1177/096228029800700203.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bmac_meta.stats.asymmetry import egger_test
from bmac_meta.stats.fail_safe import fail_safe_number
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.rank_test import begg_test
from bmac_meta.stats.resampling import cumulative
from bmac_meta.stats.trim_and_fill import trim_and_fill

RAW = json.loads(
    (Path(__file__).parents[1] / "reference" / "pairwise" / "hackshaw1998.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])
WALD = {"tau2": "DL", "interval": "wald"}


def test_the_excess_risk_of_a_quarter():
    # Abstract, p. 980: excess risk 24 % (95 % confidence interval 13 % to 36 %, P < 0.001); repeated in the abstract of
    # Copas & Shi 2000 "as previously reported".
    result = random_effects(Y, variance=V, **WALD)
    printed = np.round(100 * (np.exp([result.estimate, result.ci_low, result.ci_high]) - 1))
    assert printed.tolist() == [24, 13, 36]
    assert result.p_value < 0.001


def test_the_last_of_the_cumulative_pools_is_that_one():
    result = cumulative(Y, variance=V, by=RAW["mods"]["year"], **WALD).pooled
    assert round(np.exp(result.estimate[-1]), 2) == 1.24
    assert result.k[-1] == 37


def test_study_outcome_and_study_size_are_correlated():
    # Copas & Shi 2000, BMJ 320:417-418, doi:10.1136/bmj.320.7232.417, abstract: "a significant correlation".
    result = egger_test(Y, variance=V)
    assert result.slope > 0
    assert result.p_value < 0.05
    # The rank test, known for its low power, does not see it.
    assert begg_test(Y, variance=V).p_value > 0.05


def test_trim_and_fill_adds_seven_studies():
    # Lung Cancer 2006, 51:245-246, doi:10.1016/j.lungcan.2005.11.004, abstract: 44 studies with 7 filled
    # ones, relative risk 1.19 (95 % confidence interval 1.08 to 1.31, p = 0.0004), the excess risk fell from
    # 24 to 19 %.
    result = trim_and_fill(Y, variance=V, **WALD)
    assert (result.filled, result.k, result.side) == (7, 44, "left")
    risks = np.round(np.exp([result.estimate, result.ci_low, result.ci_high]), 2)
    assert risks.tolist() == [1.19, 1.08, 1.31]
    assert round(result.p_value, 4) == 0.0004


def test_the_fail_safe_numbers_are_those_of_becker():
    # Becker 2005, in Rothstein, Sutton & Borenstein, Publication Bias in Meta-Analysis, ch. 7
    # (doi:10.1002/0470870168.ch7), as metafor's tests quote it: 398 by Rosenthal, and 103 by Orwin for a logarithm
    # that comes down to 0.049. The chapter doesn't round up. 398 is what logarithms and variances of two decimals give.
    rounded = fail_safe_number(Y.round(2), variance=V.round(2))
    assert rounded.number - 1 == 398
    assert fail_safe_number(Y, variance=V).number == 393
    assert fail_safe_number(Y, variance=V, method="orwin-weighted", target=0.049).number - 1 == 103
