"""Teo, Yusuf, Collins, Held & Peto 1991, Effects of intravenous magnesium in suspected acute myocardial infarction:
overview of randomised trials (BMJ 303:1499, doi:10.1136/bmj.303.6816.1499).

The seven trials are the first of those in Egger, Davey Smith & Altman 2001, table 18.2 (`egger2001_OR.json`): they
have the printed sums of deaths and patients.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.sparse import peto

RAW = json.loads(
    (Path(__file__).parents[1] / "reference" / "pairwise" / "egger2001_OR.json").read_text(encoding="utf-8")
)
NAMES = {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}
SEVEN = {ours: np.array(RAW["inputs"][theirs][:7]) for ours, theirs in NAMES.items()}


def test_these_are_the_seven_trials_of_the_overview():
    # P. 1499, abstract: 25 deaths (3.8%) among 657 patients with magnesium, 53 (8.2%) among 644 controls.
    sums = {name: int(column.sum()) for name, column in SEVEN.items()}
    assert sums == {"events_a": 25, "total_a": 657, "events_b": 53, "total_b": 644}
    shares = [100 * sums["events_a"] / sums["total_a"], 100 * sums["events_b"] / sums["total_b"]]
    np.testing.assert_allclose(shares, [3.8, 8.2], rtol=0, atol=0.05)


def test_magnesium_reduces_the_odds_of_death_by_55_percent():
    # P. 1499, abstract: 55% (P < 0.001), confidence interval from about one third to about two thirds.
    result = peto(**SEVEN)
    reduction = 100 * (1 - np.exp([result.estimate, result.ci_high, result.ci_low]))
    assert reduction[0] == pytest.approx(55, abs=0.5)
    assert result.p_value < 0.001
    # "About one third" is held to mean between a quarter and five twelfths.
    np.testing.assert_allclose(reduction[1:], [100 / 3, 200 / 3], rtol=0, atol=100 / 12)
