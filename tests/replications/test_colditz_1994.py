"""Colditz et al. 1994, Efficacy of BCG vaccine in the prevention of tuberculosis (JAMA 271:698-702,
doi:10.1001/jama.1994.03510330076038).

The 13 trials with counts of cases, as in `bcg_RR.json`. The pools with four digits are what metafor's tests print
beside the calls of Stata's metan for the same tables (metan itself prints z with two decimals).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.measures_binary import odds_ratio, risk_difference, risk_ratio
from bmac_meta.stats.sparse import mantel_haenszel, peto

RAW = json.loads((Path(__file__).parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8"))
NAMES = {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}
TRIALS = {ours: RAW["inputs"][theirs] for ours, theirs in NAMES.items()}
MEASURES = {"RR": risk_ratio, "OR": odds_ratio, "RD": risk_difference}
FOURTH = 5e-5


def limits(result):
    return [result.estimate, result.ci_low, result.ci_high]


def dersimonian_laird(measure):
    effect = MEASURES[measure](**TRIALS)
    return random_effects(effect.estimate, variance=effect.variance, tau2="DL", interval="wald")


def test_vaccination_halves_the_risk():
    # Abstract, p. 698, quoted at second hand: relative risk 0.49 (95% CI 0.34 to 0.70), a protective effect of 51%. The
    # three numbers of the ratio stand in Viechtbauer 2010 too (test_viechtbauer_2010.py), for the same tables by REML.
    risks = np.exp(limits(dersimonian_laird("RR")))
    np.testing.assert_allclose(risks, [0.49, 0.34, 0.70], rtol=0, atol=0.005)
    assert round(100 * (1 - risks[0])) == 51


@pytest.mark.parametrize(
    ("measure", "expected", "tau2", "i2"),
    [
        ("RR", (-0.7141, -1.0644, -0.3638), 0.3088, 92.1173),
        ("OR", (-0.7474, -1.1242, -0.3706), 0.3663, 92.6455),
        ("RD", (-0.0071, -0.0101, -0.0040), 0.0000, 95.6596),
    ],
)
def test_the_random_effects_pools_are_those_of_metan(measure, expected, tau2, i2):
    result = dersimonian_laird(measure)
    np.testing.assert_allclose(limits(result), expected, rtol=0, atol=FOURTH)
    np.testing.assert_allclose([result.tau2, result.i2_q], [tau2, i2], rtol=0, atol=FOURTH)


@pytest.mark.parametrize(
    ("measure", "expected", "q"),
    [
        ("RR", (-0.4303, -0.5097, -0.3509), 152.2330),
        ("OR", (-0.4361, -0.5190, -0.3533), 163.1649),
        ("RD", (-0.0009, -0.0014, -0.0005), 276.4737),
    ],
)
def test_the_common_effect_pools_are_those_of_metan(measure, expected, q):
    effect = MEASURES[measure](**TRIALS)
    result = common_effect(effect.estimate, variance=effect.variance)
    np.testing.assert_allclose([*limits(result), result.q], [*expected, q], rtol=0, atol=FOURTH)


@pytest.mark.parametrize(
    ("measure", "expected", "q"),
    [
        ("RR", (-0.4537, -0.5308, -0.3766), 152.5676),
        ("OR", (-0.4734, -0.5538, -0.3930), 163.9426),
        ("RD", (-0.0033, -0.0039, -0.0027), 386.7759),
    ],
)
def test_the_mantel_haenszel_pools_are_those_of_metan(measure, expected, q):
    result = mantel_haenszel(**TRIALS, measure=measure)
    np.testing.assert_allclose([*limits(result), result.q], [*expected, q], rtol=0, atol=FOURTH)


def test_petos_pool_is_that_of_metan():
    result = peto(**TRIALS)
    expected = [-0.4744, -0.5541, -0.3948, -11.6689, 167.7302]
    np.testing.assert_allclose([*limits(result), result.statistic, result.q], expected, rtol=0, atol=FOURTH)
