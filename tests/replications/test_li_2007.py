"""Li, Zhang, Zhang & Egger 2007, Intravenous magnesium for acute myocardial infarction (Cochrane CD002755.pub2,
doi:10.1002/14651858.CD002755.pub2): early mortality.

The 22 of its trials that report deaths, as in `li2007_OR.json`; results from the abstract.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.measures_binary import odds_ratio
from bmac_meta.stats.sparse import mantel_haenszel

RAW = json.loads((Path(__file__).parents[1] / "reference" / "pairwise" / "li2007_OR.json").read_text(encoding="utf-8"))
NAMES = {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}
TABLES = {ours: RAW["inputs"][theirs] for ours, theirs in NAMES.items()}
EFFECT = odds_ratio(**TABLES)
HALF = 0.005


def ratios(result):
    return np.exp([result.estimate, result.ci_low, result.ci_high])


def test_a_common_effect_shows_no_difference():
    # 0.99 (0.94 to 1.04): by Mantel and Haenszel, the default of RevMan. By inverse variances the limit is 1.05.
    result = mantel_haenszel(**TABLES)
    assert result.k == 22
    np.testing.assert_allclose(ratios(result), [0.99, 0.94, 1.04], rtol=0, atol=HALF)
    assert round(ratios(common_effect(EFFECT.estimate, variance=EFFECT.variance))[2], 2) == 1.05


def test_random_effects_show_a_reduction():
    # 0.66 (0.53 to 0.82).
    result = random_effects(EFFECT.estimate, variance=EFFECT.variance, tau2="DL", interval="wald")
    np.testing.assert_allclose(ratios(result), [0.66, 0.53, 0.82], rtol=0, atol=HALF)
