"""Ishak, Platt, Joseph, Hanley & Caro 2007, Clinical Trials 4, 525–539 (doi:10.1177/1740774507083567).

Deep-brain stimulation of the subthalamic nucleus in Parkinson's disease: change of motor score at 3, 6, 12 and more
than 12 months in 46 studies. Data as in the paper's table; results: columns of table 1.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.dependence import autoregressive, compound_symmetry, correlated_covariance
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.inference import random_effects

# A line per study: change and its variance at the four visits, "-" where there is none.
ROWS = """
-33.4 14.3 - - - - - -
-20.0 7.3 - - -30.0 5.7 - -
-21.1 7.3 - - - - - -
-20.0 8.0 -20.0 8.0 -18.0 5.0 - -
- - -32.9 125.0 - - - -
-25.6 4.2 -28.3 4.6 - - - -
-30.3 88.2 - - -24.5 170.7 - -
- - -25.0 17.0 - - - -
- - - - -36.0 5.0 - -
- - -22.5 6.8 -25.2 11.0 -25.7 15.4
- - -8.6 41.0 - - - -
-26.0 22.4 -30.0 20.6 - - - -
- - - - -25.5 8.2 -19.5 13.0
- - - - -36.7 5.8 -32.9 6.1
-27.5 3.8 -23.5 3.8 -29.0 3.8 - -
- - - - -25.0 13.0 -23.0 15.4
- - -36.3 27.3 - - - -
- - - - -29.4 10.7 - -
-31.0 2.6 -34.0 2.0 -32.5 2.0 - -
- - - - -20.6 25.3 - -
-33.9 20.1 - - - - - -
- - - - -35.4 21.2 - -
- - -34.9 18.0 - - - -
- - -32.7 16.3 - - - -
-23.0 38.1 -24.1 32.9 -27.8 31.0 -28.3 34.6
-31.2 12.7 - - -33.0 9.5 - -
-16.2 5.9 - - -16.3 7.0 -11.5 12.7
- - - - -29.2 5.8 - -
- - -31.7 12.4 - - - -
-32.2 26.5 - - -32.9 29.0 - -
-31.7 19.1 - - - - - -
-29.3 22.9 -32.0 20.0 -36.7 17.8 - -
-30.1 9.4 -30.5 8.7 -29.7 10.4 -31.9 13.3
-17.6 28.4 - - - - - -
- - - - - - -22.9 20.0
- - - - -36.0 27.7 - -
- - - - - - -22.5 20.3
-19.4 1.6 -18.0 1.7 -20.5 1.5 - -
-9.3 85.2 - - - - - -
- - -24.7 15.5 -27.9 17.1 - -
-16.7 9.8 - - - - - -
- - -31.2 196.0 - - -27.4 201.6
-27.0 5.5 -30.0 3.5 - - - -
-19.7 18.5 -22.1 18.1 -24.3 18.2 -21.9 16.7
- - -37.8 20.9 -34.0 26.4 - -
-22.1 40.8 - - - - - -
"""
VISITS = [
    (study, visit, float(cells[2 * visit]), float(cells[2 * visit + 1]))
    for study, cells in enumerate(line.split() for line in ROWS.strip().splitlines())
    for visit in range(4)
    if cells[2 * visit] != "-"
]
STUDY, VISIT, CHANGE, VARIANCE = np.array(VISITS).T
MEANS = (VISIT[:, None] == np.arange(4)).astype(float)


def test_there_are_46_studies():
    assert (len(set(STUDY)), len(VISITS)) == (46, 82)


def test_the_visits_one_by_one_give_table_1():
    # Column "Time-specific (Independence)".
    visits = [random_effects(CHANGE[visit == VISIT], variance=VARIANCE[visit == VISIT]) for visit in range(4)]
    np.testing.assert_allclose([visit.estimate for visit in visits], [-24.9, -27.5, -28.5, -24.1], atol=0.05)
    np.testing.assert_allclose([visit.tau2 for visit in visits], [23.1, 27.8, 27.7, 29.9], atol=0.05)


def test_random_study_effects_give_table_1():
    # Column "Random study effects".
    together = (STUDY[:, None] == STUDY).astype(float)
    result = generalized_least_squares(
        CHANGE, covariance=np.diag(VARIANCE), between=together, design=MEANS, interval="wald"
    )
    np.testing.assert_allclose(result.estimate, [-26.2, -27.2, -28.5, -25.6], atol=0.05)
    assert result.tau2 == pytest.approx(26.7, abs=0.05)


def test_independent_random_effects_are_those_of_metafor():
    # Not in the paper; metafor prints these for one variance and independent deviations (structure ID).
    result = generalized_least_squares(CHANGE, covariance=np.diag(VARIANCE), design=MEANS, interval="wald")
    np.testing.assert_allclose(result.estimate, [-24.9, -27.5, -28.5, -24.2], atol=0.05)
    assert result.tau2 == pytest.approx(26.7, abs=0.05)


def test_visits_correlated_over_time_bring_the_means_close_to_the_multivariate_column():
    # The paper's multivariate model (errors AR(1) with 0.97; deviations AR(1) with 0.88 and a variance per visit) has
    # means −25.9, −27.5, −28.7, −26.5. With one variance for all visits they lie within 0.15 of those.
    covariance = correlated_covariance(autoregressive(STUDY, VISIT, 0.97), variance=VARIANCE)
    between = autoregressive(STUDY, VISIT, 0.88)
    result = generalized_least_squares(CHANGE, covariance=covariance, between=between, design=MEANS, interval="wald")
    np.testing.assert_allclose(result.estimate, [-25.9, -27.5, -28.7, -26.5], atol=0.15)
    assert not np.allclose(between, compound_symmetry(STUDY, 0.88))
