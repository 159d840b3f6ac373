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


def test_a_stated_correlation_makes_the_covariance_of_rows_of_one_study(schools):
    spread, labels = np.sqrt(schools.variances), schools.frame["study"].to_numpy()
    same = (labels[:, None] == labels) & ~np.eye(56, dtype=bool)
    matrix = np.diag(schools.variances) + 0.5 * same * np.outer(spread, spread)
    assert schools.gls(correlation=0.5).fit.estimate == pytest.approx(schools.gls(matrix).fit.estimate, rel=1e-12)
    assert schools.gls(correlation=0.5).pairs == schools.gls(matrix).pairs == same.sum() // 2


def test_visits_further_apart_go_together_less(schools):
    timed = Effects(schools.frame.assign(month=schools.frame["school"]), schools.question)
    near, far = timed.gls(correlation=0.9), timed.gls(correlation=0.9, time="month")
    spread, labels = np.sqrt(schools.variances), schools.frame["study"].to_numpy()
    apart = np.abs(np.subtract.outer(range(56), range(56)))
    matrix = np.where(labels[:, None] == labels, 0.9**apart, 0.0) * np.outer(spread, spread)
    assert far.fit.estimate == pytest.approx(schools.gls(matrix).fit.estimate, rel=1e-12)
    assert far.fit.estimate != near.fit.estimate


def test_a_covariance_and_a_correlation_exclude_each_other(schools):
    for given in ({}, {"covariance": np.eye(56), "correlation": 0.5}):
        with pytest.raises(InputError, match="either covariance=, a matrix"):
            schools.gls(**given)


def test_a_time_that_is_no_number_is_refused(schools):
    with pytest.raises(InputError, match="A row of 11 says no word in numbers"):
        Effects(schools.frame.assign(word="soon"), schools.question).gls(correlation=0.5, time="word")


def test_one_row_has_no_covariance(bcg):
    with pytest.raises(NotEnoughTrials, match="takes 2 rows"):
        bcg.where(study="Trial 1").gls(correlation=0.5)


@pytest.fixture
def periodontal():
    """Return the five trials with two outcomes each of Berkey 1998, table I, and the covariance of their errors."""
    effects = [(-0.32, 0.47), (-0.60, 0.20), (-0.12, 0.40), (-0.31, 0.26), (-0.39, 0.56)]
    errors = [(0.0077, 0.0075, 0.0030), (0.0008, 0.0057, 0.0009), (0.0014, 0.0021, 0.0007)]
    errors += [(0.0015, 0.0029, 0.0009), (0.0304, 0.0148, 0.0072)]
    rows = [(trial, *pair) for trial, both in enumerate(effects) for pair in zip(("AL", "PD"), both, strict=True)]
    table = pd.DataFrame(rows, columns=["trial", "outcome", "y"])
    table["v"] = [variance for al, pd_, _ in errors for variance in (al, pd_)]
    matrix = stats.covariance_blocks([[[al, both], [both, pd_]] for al, pd_, both in errors])
    return Effects.from_frame(table, estimate="y", variance="v", study="trial", measure="MD"), matrix


def test_two_outcomes_together_give_what_metafor_prints_for_berkey_1998(periodontal):
    # Data: Statistics in Medicine 17:2537-2550. The paper has no model without the year; this is what R's metafor 3.8-1
    # prints (rma.mv, struct="UN", REML), four decimals; the means are also those of R's mvmeta.
    effects, matrix = periodontal
    table = effects.multivariate(covariance=matrix).tidy()
    assert table["outcome"].tolist() == ["AL", "PD"]
    assert table["estimate"].tolist() == pytest.approx([-0.3392, 0.3534], abs=5e-5)
    assert table["se"].tolist() == pytest.approx([0.0879, 0.0588], abs=5e-5)
    assert table["tau2"].tolist() == pytest.approx([0.0327, 0.0117], abs=5e-5)


def test_a_stated_correlation_stands_in_for_a_covariance(periodontal):
    effects, _ = periodontal
    spread = np.sqrt(effects.variances)
    same = np.kron(np.eye(5), np.ones((2, 2)))
    matrix = np.where(np.eye(10, dtype=bool), 1.0, 0.4) * same * np.outer(spread, spread)
    found, expected = effects.multivariate(correlation=0.4), effects.multivariate(covariance=matrix)
    assert found.tidy()["estimate"].tolist() == pytest.approx(expected.tidy()["estimate"].tolist(), rel=1e-9)


def test_an_outcome_of_one_trial_is_refused(periodontal):
    effects, _ = periodontal
    few = effects.where(study=["0"])
    with pytest.raises(NotEnoughTrials, match="reported by 1 trial"):
        few.multivariate(correlation=0.5)
    with pytest.raises(UnknownWordError, match="domain"):
        effects.multivariate("domain", correlation=0.5)


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


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda e: e.gls(correlation="a"), "correlation is 'a'; it must be a number from −1 to 1"),
        (lambda e: e.gls(correlation=2), "correlation is 2; it must be a number from −1 to 1"),
        (lambda e: e.gls(correlation=0.5, tau2=True), "tau2 is True"),
        (lambda e: e.gls(correlation=0.5, interval=""), "There is no interval ''"),
        (lambda e: e.gls({"a": 1}), "covariance must be numbers"),
        (lambda e: e.robust(correlation="0.8"), "correlation is '0.8'; it must be a number from 0"),
        (lambda e: e.robust(["study"]), "There is no column of these effects"),
        (lambda e: e.multilevel({}), "There is no column of these effects"),
        (lambda e: e.multivariate(correlation=0.5, outcome=["o"]), "There is no column of these effects"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_in_words(schools, ask, message):
    with pytest.raises(InputError, match=message):
        ask(schools)


def test_a_row_without_an_outcome_is_left_out_by_name(smd):
    effects = smd(outcome=["pain", "function"] * 5 + [None, "pain"], trial_id=[place // 2 for place in range(12)])
    result = effects.multivariate(cluster="trial_id", correlation=0.5)
    assert result.fit.outcomes == ("function", "pain")
    assert result.left_out.to_dict("records") == [{"study": "Trial 11", "row": "", "reason": "outcome is not reported"}]


def test_a_covariance_of_more_rows_than_fit_is_refused():
    table = pd.DataFrame({"d": np.zeros(10_001), "s": 1.0})
    with pytest.raises(InputError, match="There are 10,001 rows"):
        Effects.from_frame(table, estimate="d", se="s").gls(correlation=0.5)
