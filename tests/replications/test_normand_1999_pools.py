"""Normand 1999, Meta-analysis: formulating, evaluating, combining, and reporting: its two worked pools.

Statistics in Medicine 18:321-359, doi:10.1002/(SICI)1097-0258(19990215)18:3<321::AID-SIM28>3.0.CO;2-P.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.measures_binary import risk_difference
from bmac_meta.stats.measures_continuous import mean_difference

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"


def inputs(case):
    raw = json.loads((REFERENCE / f"{case}.json").read_text(encoding="utf-8"))["inputs"]
    return {name: np.array(column, dtype=float) for name, column in raw.items()}


def lidocaine():
    raw = inputs("hine1989_RD")
    effect = risk_difference(events_a=raw["ai"], total_a=raw["n1i"], events_b=raw["ci"], total_b=raw["n2i"])
    return {"estimate": 100 * effect.estimate, "variance": 1e4 * effect.variance}


def length_of_stay():
    raw = inputs("normand1999_MD")
    degrees_a, degrees_b = raw["n1i"] - 1, raw["n2i"] - 1
    squares = degrees_a * raw["sd1i"] ** 2 + degrees_b * raw["sd2i"] ** 2
    pooled = np.sqrt(squares / (degrees_a + degrees_b))
    arms = {"mean_a": raw["m1i"], "n_a": raw["n1i"], "mean_b": raw["m2i"], "n_b": raw["n2i"]}
    effect = mean_difference(**arms, sd_a=pooled, sd_b=pooled)
    return {"estimate": effect.estimate, "variance": effect.variance}


def interval(result):
    return [result.estimate, result.ci_low, result.ci_high]


def test_lidocaine_raises_mortality_by_three_percentage_points():
    # P. 349, table VII: 2.94 (0.4 to 5.5) by every method, as there is no heterogeneity.
    common = common_effect(**lidocaine())
    pools = [random_effects(**lidocaine(), tau2=method, interval="wald") for method in ("REML", "DL")]
    for result in (common, *pools):
        assert result.estimate == pytest.approx(2.94, abs=0.005)
        np.testing.assert_allclose([result.ci_low, result.ci_high], [0.4, 5.5], rtol=0, atol=0.05)
        assert result.tau2 == 0.0


def test_differences_in_the_length_of_stay_and_their_variances():
    # P. 351, table VIII; the variances take the standard deviation of both arms together.
    data = length_of_stay()
    np.testing.assert_array_equal(data["estimate"], [-20, -2, -55, -71, -4, 1, 11, -10, 7])
    printed = [40.59, 2.05, 15.28, 150.22, 20.19, 1.22, 95.38, 8.03, 20.69]
    np.testing.assert_allclose(data["variance"], printed, rtol=0, atol=0.005)


def test_the_common_difference_in_the_length_of_stay():
    # P. 352, table IX.
    result = common_effect(**length_of_stay())
    np.testing.assert_allclose(interval(result), [-3.49, -5.03, -1.96], rtol=0, atol=0.005)


@pytest.mark.parametrize(
    ("method", "printed", "tau2"),
    [("DL", [-14.10, -24.45, -3.75], 218.72), ("REML", [-15.12, -32.67, 2.43], 685.20)],
)
def test_the_mean_difference_in_the_length_of_stay(method, printed, tau2):
    # P. 352, table IX.
    result = random_effects(**length_of_stay(), tau2=method, interval="wald")
    np.testing.assert_allclose(interval(result), printed, rtol=0, atol=0.005)
    assert result.tau2 == pytest.approx(tau2, abs=0.005)
