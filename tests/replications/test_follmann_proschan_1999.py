"""Follmann & Proschan 1999, Valid inference in random effects meta-analysis: the permutation test.

Biometrics 55:732-737, doi:10.1111/j.0006-341X.1999.00732.x. The data are those of its table 1: deaths and
patients in eight trials of lowering serum cholesterol, treated and control.
"""

from __future__ import annotations

import numpy as np

from bmac_meta.stats.measures_binary import peto_odds_ratio
from bmac_meta.stats.permutation import permutation_test

TABLE_1 = np.array(
    [
        [173, 5331, 210, 5296],
        [157, 1906, 193, 1900],
        [131, 4541, 121, 4516],
        [56, 2051, 84, 2030],
        [52, 424, 65, 422],
        [36, 1149, 42, 1129],
        [62, 6582, 20, 1663],
        [2, 88, 2, 30],
    ]
)


def test_ten_of_the_256_changes_of_signs_are_as_extreme():
    treated, total, control, controls = TABLE_1.T
    effect = peto_odds_ratio(events_a=treated, total_a=total, events_b=control, total_b=controls)
    result = permutation_test(effect.estimate, variance=effect.variance, tau2="DL", statistic="coefficient")
    assert (result.exact, result.count) == (True, 256)
    assert result.p_values[0] == 10 / 256
