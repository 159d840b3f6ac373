"""Covariance matrices of dependent effects."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.dependence import (
    autoregressive,
    cluster_codes,
    compound_symmetry,
    correlated_covariance,
    shared_control_covariance,
    shared_control_smd_covariance,
)
from bmac_meta.stats.measures_binary import odds_ratio, risk_difference, risk_ratio


def test_effects_of_different_clusters_are_uncorrelated():
    matrix = compound_symmetry(["b", "a", "b", "c"], 0.3)
    expected = np.eye(4)
    expected[0, 2] = expected[2, 0] = 0.3
    np.testing.assert_array_equal(matrix, expected)


def test_visits_are_correlated_by_the_power_of_their_distance():
    matrix = autoregressive([1, 1, 1, 2], [3, 6, 12, 3], 0.9)
    assert matrix[0, 1] == pytest.approx(0.9**3, rel=1e-15)
    assert matrix[0, 2] == pytest.approx(0.9**9, rel=1e-15)
    assert matrix[2, 3] == 0
    np.testing.assert_array_equal(matrix, matrix.T)


def test_a_covariance_has_the_variances_on_its_diagonal():
    matrix = correlated_covariance(compound_symmetry(["a", "a"], 0.5), variance=[0.04, 0.09])
    np.testing.assert_allclose(matrix, [[0.04, 0.03], [0.03, 0.09]], rtol=1e-15)


@pytest.mark.parametrize("measure", [odds_ratio, risk_ratio, risk_difference])
def test_contrasts_with_a_shared_control_differ_by_the_contrast_of_their_own_arms(measure):
    # Var(A − C) + Var(B − C) − 2 Cov must be the variance of A − B, in which the control has no part.
    events, totals = {"a": 12, "b": 30, "c": 20}, {"a": 80, "b": 90, "c": 100}

    def variance(x, y):
        return measure(events_a=events[x], total_a=totals[x], events_b=events[y], total_b=totals[y]).variance

    risk = events["c"] / totals["c"]
    control = {
        odds_ratio: 1 / events["c"] + 1 / (totals["c"] - events["c"]),
        risk_ratio: 1 / events["c"] - 1 / totals["c"],
        risk_difference: risk * (1 - risk) / totals["c"],
    }[measure]
    matrix = shared_control_covariance(
        ["trial", "trial"], variance=[variance("a", "c"), variance("b", "c")], control_variance=[control] * 2
    )
    assert matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1] == pytest.approx(float(variance("a", "b")), rel=1e-12)


def test_standardized_differences_share_the_control_and_the_unit():
    matrix = shared_control_smd_covariance(
        [0.5, 0.8, 0.1],
        variance=[0.2, 0.21, 0.1],
        cluster=["x", "x", "y"],
        n_control=[20, 20, 30],
        n_total=[60, 60, 70],
    )
    assert matrix[0, 1] == pytest.approx(1 / 20 + 0.5 * 0.8 / 120, rel=1e-15)
    assert matrix[0, 2] == 0
    assert np.diag(matrix).tolist() == [0.2, 0.21, 0.1]


def test_two_visits_at_one_time_are_refused():
    with pytest.raises(InputError, match="same time"):
        autoregressive(["a", "a"], [3, 3], 0.9)


@pytest.mark.parametrize("correlation", [-1, 1, 1.2, np.nan])
def test_an_impossible_correlation_is_refused(correlation):
    with pytest.raises(InputError, match="between -1 and 1"):
        compound_symmetry(["a", "a"], correlation)


def test_an_impossible_autoregression_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        autoregressive(["a", "a"], [1, 2], -0.2)


def test_times_must_be_as_many_as_labels():
    with pytest.raises(InputError, match="one number for each of the 2 labels"):
        autoregressive(["a", "a"], [1, 2, 3], 0.5)


def test_a_control_that_varies_more_than_its_contrast_is_refused():
    with pytest.raises(InputError, match="below the variance"):
        shared_control_covariance(["a", "a"], variance=[0.1, 0.2], control_variance=[0.15, 0.15])


def test_two_different_controls_under_one_label_are_refused():
    with pytest.raises(InputError, match="differs within a cluster"):
        shared_control_covariance(["a", "a"], variance=[0.1, 0.2], control_variance=[0.05, 0.06])


def test_a_control_larger_than_its_trial_is_refused():
    with pytest.raises(InputError, match="below n_total"):
        shared_control_smd_covariance([0.1], variance=[0.1], cluster=["a"], n_control=[20], n_total=[20])


def test_labels_in_a_table_are_refused():
    with pytest.raises(InputError, match="one label for each effect"):
        compound_symmetry([["a"], ["a"]], 0.5)


def test_labels_of_any_kind_become_numbers():
    assert cluster_codes(["b", "a", "b"]).tolist() == [1, 0, 1]
    assert cluster_codes(np.array(["a", 1, 1], dtype=object)).tolist() == [1, 0, 0]
    assert cluster_codes([2.5, 7.0, 2.5]).tolist() == [0, 1, 0]


@pytest.mark.parametrize("labels", [[1.0, np.nan], np.array(["a", None], dtype=object), ["a"], []])
def test_missing_labels_are_refused(labels):
    with pytest.raises(InputError, match="cluster has"):
        cluster_codes(labels, 2)


def some_trials() -> dict[str, np.ndarray]:
    """Make four contrasts in each of three meta-analyses, one of which lacks its third and holds nonsense there."""
    mask = np.ones((3, 4), dtype=bool)
    mask[1, 2] = False
    rng = np.random.default_rng(0)
    variance = np.where(mask, rng.uniform(0.2, 0.4, (3, 4)), np.nan)
    control = np.where(mask, rng.uniform(0.05, 0.1, (3, 2))[:, [0, 0, 0, 1]], -1.0)
    n_control = np.where(mask, rng.integers(20, 40, (3, 2))[:, [0, 0, 0, 1]], 0)
    return {
        "estimate": np.where(mask, rng.normal(size=(3, 4)), np.nan),
        "variance": variance,
        "control_variance": control,
        "n_control": n_control,
        "n_total": np.where(mask, 3 * n_control, -5),
        "time": np.where(mask, [3.0, 6.0, 12.0, 3.0], np.inf),
        "mask": mask,
    }


def gaps(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"mask": data["mask"]} if "mask" in data else {}


def within_clusters(cluster, data):
    return correlated_covariance(compound_symmetry(cluster, 0.4), variance=data["variance"], **gaps(data))


def over_time(cluster, data):
    visits = autoregressive(cluster, data["time"], 0.9, **gaps(data))
    return correlated_covariance(visits, variance=data["variance"], **gaps(data))


def against_one_control(cluster, data):
    parts = {name: data[name] for name in ("variance", "control_variance")}
    return shared_control_covariance(cluster, **parts, **gaps(data))


def against_one_control_standardized(cluster, data):
    parts = {name: data[name] for name in ("variance", "n_control", "n_total")}
    return shared_control_smd_covariance(data["estimate"], cluster=cluster, **parts, **gaps(data))


BUILDERS = (within_clusters, over_time, against_one_control, against_one_control_standardized)


@pytest.mark.parametrize("build", BUILDERS)
def test_many_matrices_are_those_of_each_meta_analysis(build):
    data, cluster = some_trials(), np.array(["x", "x", "x", "y"])
    matrices = build(cluster, data)
    assert matrices.shape == (3, 4, 4)
    for row, here in enumerate(data["mask"]):
        alone = {name: values[row][here] for name, values in data.items() if name != "mask"}
        both = np.ix_(here, here)
        np.testing.assert_array_equal(matrices[row][both], build(cluster[here], alone))
        assert np.isnan(matrices[row][~here]).all()
        assert np.isnan(matrices[row][:, ~here]).all()


def test_one_meta_analysis_with_gaps_has_one_matrix():
    data = {name: values[1] for name, values in some_trials().items()}
    for build in BUILDERS:
        assert build(["x", "x", "x", "y"], data).shape == (4, 4)


def test_several_correlations_give_as_many_matrices():
    cluster, time = ["a", "a", "b"], [1.0, 3.0, 2.0]
    matrices, visits = compound_symmetry(cluster, [0.2, 0.8]), autoregressive(cluster, time, [0.2, 0.8])
    for row, correlation in enumerate((0.2, 0.8)):
        np.testing.assert_array_equal(matrices[row], compound_symmetry(cluster, correlation))
        np.testing.assert_array_equal(visits[row], autoregressive(cluster, time, correlation))
    product = correlated_covariance(matrices, variance=[1.0, 4.0, 9.0])
    assert product[:, 0, 1].tolist() == pytest.approx([0.4, 1.6], rel=1e-15)


def test_a_missing_number_without_a_mask_is_refused():
    data, cluster = some_trials(), ["x", "x", "x", "y"]
    data.pop("mask")
    for build in BUILDERS:
        with pytest.raises(InputError):
            build(cluster, data)


@pytest.mark.parametrize("correlation", [0.5, np.eye(2), np.ones((3, 3, 3))])
def test_a_correlation_that_does_not_fit_the_variances_is_refused(correlation):
    with pytest.raises(InputError, match=r"with 3 variances it must be \(3, 3\)"):
        correlated_covariance(correlation, variance=np.ones((2, 3)))


def test_a_control_that_differs_within_a_cluster_is_refused_in_any_meta_analysis():
    control = np.full((3, 2), 0.1)
    control[2, 1] = 0.11
    with pytest.raises(InputError, match="differs within a cluster"):
        shared_control_covariance(["a", "a"], variance=np.ones((3, 2)), control_variance=control)


def test_sizes_that_differ_within_a_cluster_are_refused():
    sizes = {"cluster": ["a", "a"], "n_control": [20, 21], "n_total": [60, 60]}
    with pytest.raises(InputError, match="n_control or n_total differs within a cluster"):
        shared_control_smd_covariance([0.1, 0.2], variance=[0.1, 0.1], **sizes)


def test_values_that_are_not_one_for_each_effect_are_refused():
    with pytest.raises(InputError, match="control_variance has the shape"):
        shared_control_covariance(["a", "a"], variance=[0.1, 0.2], control_variance=[0.05] * 3)
    with pytest.raises(InputError, match="one label for each of the 2 effects"):
        shared_control_covariance(["a"] * 3, variance=[0.1, 0.2], control_variance=0.05)
    with pytest.raises(InputError, match=r"correlation has the shape \(1, 2\)"):
        compound_symmetry(["a", "a"], [[0.1, 0.2]])


def test_one_control_variance_may_stand_for_all():
    one = shared_control_covariance(["a", "a", "b"], variance=[[0.1, 0.2, 0.3]] * 2, control_variance=0.05)
    assert (
        one[1].tolist()
        == shared_control_covariance(["a", "a", "b"], variance=[0.1, 0.2, 0.3], control_variance=[0.05] * 3).tolist()
    )
