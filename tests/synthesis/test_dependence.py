"""Rows that are not independent are pooled by verbs of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta import stats
from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused, UnknownWordError

# Konstantopoulos 2011, 10.1002/jrsm.35, the data of the paper: district, effect, variance.
SCHOOLS = """
11 -0.18 0.118 | 11 -0.22 0.118 | 11 0.23 0.144 | 11 -0.30 0.144 | 12 0.13 0.014 | 12 -0.26 0.014
12 0.19 0.015 | 12 0.32 0.024 | 18 0.45 0.023 | 18 0.38 0.043 | 18 0.29 0.012 | 27 0.16 0.020
27 0.65 0.004 | 27 0.36 0.004 | 27 0.60 0.007 | 56 0.08 0.019 | 56 0.04 0.007 | 56 0.19 0.005
56 -0.06 0.004 | 58 -0.18 0.020 | 58 0.00 0.018 | 58 0.00 0.019 | 58 -0.28 0.022 | 58 -0.04 0.020
58 -0.30 0.021 | 58 0.07 0.006 | 58 0.00 0.007 | 58 0.05 0.007 | 58 -0.08 0.007 | 58 -0.09 0.007
71 0.30 0.015 | 71 0.98 0.011 | 71 1.19 0.010 | 86 -0.07 0.001 | 86 -0.05 0.001 | 86 -0.01 0.001
86 0.02 0.001 | 86 -0.03 0.001 | 86 0.00 0.001 | 86 0.01 0.001 | 86 -0.10 0.001 | 91 0.50 0.010
91 0.66 0.011 | 91 0.20 0.010 | 91 0.00 0.009 | 91 0.05 0.013 | 91 0.07 0.013 | 108 -0.52 0.031
108 0.70 0.031 | 108 -0.03 0.030 | 108 0.27 0.030 | 108 -0.34 0.030 | 644 0.12 0.087 | 644 0.61 0.082
644 0.04 0.067 | 644 -0.05 0.067
"""
ROWS = [cell.split() for line in SCHOOLS.strip().splitlines() for cell in line.split("|")]


@pytest.fixture(scope="module")
def schools():
    """Return the 56 schools, labelled by their district."""
    table = pd.DataFrame(ROWS, columns=["district", "d", "v"]).astype({"d": float, "v": float})
    table["school"] = range(56)
    return Effects.from_frame(table, estimate="d", variance="v", study="district", measure="SMD")


def test_a_pool_of_several_rows_per_study_points_to_the_verb_that_can(schools):
    with pytest.raises(PoolingRefused, match=r"robust\(cluster='study'\)"):
        schools.pool()


def test_three_levels_by_maximum_likelihood_give_table_5_of_konstantopoulos(schools):
    # Table 5, p. 71; half a unit in the third decimal, the last that is printed.
    fit = schools.multilevel(method="ML", interval="wald").fit
    assert [fit.estimate, fit.se, fit.between, fit.within] == pytest.approx([0.184, 0.080, 0.058, 0.033], abs=5e-4)


def test_the_variances_lie_in_their_intervals(schools):
    result = schools.multilevel()
    limits = result.variances
    assert limits.between_low < result.fit.between < limits.between_high
    assert limits.within_low < result.fit.within < limits.within_high


def test_robust_is_cluster_robust_inference_by_study(schools):
    result = schools.robust(correlation=0.6)
    data = {"variance": schools.variances, "cluster": schools.frame["study"].to_numpy()}
    assert result.fit == stats.cluster_robust(schools.estimates, **data, correlation=0.6)
    assert (result.fit.clusters, result.k) == (11, 56)


def test_another_column_can_name_the_clusters(schools):
    named = Effects(schools.frame.assign(state=schools.frame["study"]), schools.question)
    assert named.robust("state").fit == schools.robust().fit


def test_rows_without_a_cluster_are_left_out_by_name(schools):
    state = schools.frame["study"].where(schools.frame["study"] != "644", None)
    result = Effects(schools.frame.assign(state=state), schools.question).robust("state")
    assert result.k == 52
    assert set(result.left_out["reason"]) == {"state is not reported"}


def test_one_row_per_study_needs_no_clusters(smd):
    with pytest.raises(NotEnoughTrials, match="one of them with 2 effects"):
        smd().multilevel()


def test_a_single_cluster_is_refused(schools):
    with pytest.raises(NotEnoughTrials, match="more clusters than coefficients"):
        schools.where(study="11").robust()


def test_an_unknown_cluster_names_the_columns(schools):
    with pytest.raises(UnknownWordError, match="Known: study, estimate, se, school"):
        schools.robust("schol1")


def test_with_a_diagonal_covariance_gls_is_the_pool(bcg):
    result, pooled = bcg.gls(np.diag(bcg.variances)), bcg.pool()
    names = ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high", "tau2")
    expected = [getattr(pooled.fit, name) for name in names]
    assert [getattr(result.fit, name) for name in names] == pytest.approx(expected, rel=1e-9)
    assert result.pairs == 0


def test_a_common_effect_gets_walds_interval_unless_another_is_named(bcg):
    matrix = np.diag(bcg.variances)
    assert bcg.gls(matrix, tau2=0).fit.interval == "wald"
    assert bcg.gls(matrix, tau2=0, interval="t").fit.interval == "t"
    assert bcg.gls(matrix).fit.interval == "knapp-hartung-floored"


def test_two_effects_known_to_go_together_count_for_less(bcg):
    two = bcg.where(study=["Trial 1", "Trial 2"])
    spread = np.sqrt(two.variances)
    tied = np.diag(two.variances) + 0.5 * np.prod(spread) * (1 - np.eye(2))
    weight = np.linalg.inv(tied).sum()
    assert two.gls(tied, tau2=0).fit.se == pytest.approx(1 / np.sqrt(weight))
    assert two.gls(tied, tau2=0).pairs == 1


@pytest.mark.parametrize(
    ("matrix", "what"),
    [
        (np.eye(3), r"must be \(13, 13\)"),
        (np.eye(13), "says 1 for Trial 1, whose squared standard error is 0.325585"),
    ],
)
def test_a_covariance_that_does_not_fit_the_rows_is_refused(bcg, matrix, what):
    with pytest.raises(InputError, match=what):
        bcg.gls(matrix)
