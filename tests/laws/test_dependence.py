"""Laws of generalized least squares, of the three-level model and of cluster-robust inference on random effects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.stats.dependence import (
    autoregressive,
    compound_symmetry,
    correlated_covariance,
    shared_control_covariance,
)
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.multilevel import three_level
from bmac_meta.stats.pymare_engine import cluster_robust
from bmac_meta.stats.tau2 import estimate_tau2

few = settings(max_examples=40, deadline=None)


@st.composite
def clustered(draw, smallest=2):
    """Draw at least three clusters of up to four effects, one of them with two."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=6).filter(lambda sizes: max(sizes) >= smallest))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    k = len(cluster)
    estimate = np.array(draw(st.lists(st.floats(-3, 3), min_size=k, max_size=k)))
    variance = 10.0 ** np.array(draw(st.lists(st.floats(-3, 1), min_size=k, max_size=k)))
    assume(np.ptp(estimate) > 1e-3)
    return estimate, variance, cluster


@few
@given(clustered(), st.sampled_from(["REML", "ML", 0.0, 0.3]), st.sampled_from(["wald", "knapp-hartung-floored"]))
def test_independent_effects_are_pooled_as_by_the_kernel(data, tau2, interval):
    estimate, variance, _ = data
    ours = generalized_least_squares(estimate, covariance=np.diag(variance), tau2=tau2, interval=interval)
    expected = random_effects(estimate, variance=variance, tau2=tau2, interval=interval)
    for name in ("estimate", "se", "ci_low", "ci_high", "tau2", "q", "log_likelihood"):
        assert getattr(ours, name) == pytest.approx(getattr(expected, name), rel=1e-8, abs=1e-9), name


@few
@given(clustered(smallest=1))
def test_singleton_clusters_are_independent(data):
    estimate, variance, _ = data
    names = np.arange(len(estimate))
    covariance = correlated_covariance(compound_symmetry(names, 0.9), variance=variance)
    np.testing.assert_allclose(covariance, np.diag(variance), rtol=1e-15)
    np.testing.assert_array_equal(autoregressive(names, names, 0.9), np.eye(len(names)))


@few
@given(clustered(), st.integers(0, 99), st.floats(0, 0.95))
def test_order_and_names_change_nothing(data, seed, correlation):
    estimate, variance, cluster = data
    order = np.random.default_rng(seed).permutation(len(estimate))
    results = []
    for y, v, c in ((estimate, variance, cluster), (estimate[order], variance[order], 100 - cluster[order])):
        covariance = correlated_covariance(compound_symmetry(c, correlation), variance=v)
        results.append(generalized_least_squares(y, covariance=covariance))
    for name in ("estimate", "se", "tau2", "q"):
        left, right = (getattr(result, name) for result in results)
        assert left == pytest.approx(right, rel=1e-7, abs=1e-8), name


@few
@given(clustered(), st.floats(0, 0.9))
def test_a_change_of_unit_changes_only_the_unit(data, correlation):
    estimate, variance, cluster = data
    covariance = correlated_covariance(compound_symmetry(cluster, correlation), variance=variance)
    one, other = (
        generalized_least_squares(estimate * scale, covariance=covariance * scale**2) for scale in (1.0, 1000.0)
    )
    assert other.estimate / 1000 == pytest.approx(one.estimate, rel=1e-7, abs=1e-9)
    assert other.tau2 / 1e6 == pytest.approx(one.tau2, rel=1e-7, abs=1e-9)


@few
@given(clustered(), st.floats(0.01, 0.99))
def test_contrasts_of_one_trial_with_a_shared_control_never_count_it_twice(data, share):
    # Averaging m contrasts against one control cannot bring the variance below that of the control.
    _, variance, cluster = data
    control = share * np.array([variance[cluster == c].min() for c in cluster])
    covariance = shared_control_covariance(cluster, variance=variance, control_variance=control)
    result = (
        generalized_least_squares(
            np.zeros(len(cluster)),
            covariance=covariance,
            tau2=0,
            interval="wald",
            design=np.eye(cluster.max() + 1)[cluster],
        )
        if len(cluster) > cluster.max() + 1
        else None
    )
    if result is not None:
        least = np.array([control[cluster == c][0] for c in range(cluster.max() + 1)])
        assert (np.diag(result.coefficient_covariance) >= least * (1 - 1e-9)).all()


@few
@given(clustered(), st.sampled_from(["REML", "ML"]))
def test_three_levels_are_never_less_likely_than_two(data, method):
    estimate, variance, cluster = data
    three = three_level(estimate, variance=variance, cluster=cluster, method=method)
    two = random_effects(estimate, variance=variance, tau2=method)
    assert three.log_likelihood >= two.log_likelihood - 1e-9
    if three.between == 0:
        assert three.within == pytest.approx(two.tau2, rel=1e-6, abs=1e-9)


@few
@given(clustered(), st.sampled_from(["REML", "ML"]))
def test_three_levels_without_own_deviations_are_those_of_one_shared_deviation(data, method):
    estimate, variance, cluster = data
    three = three_level(estimate, variance=variance, cluster=cluster, method=method)
    together = (cluster[:, None] == cluster).astype(float)
    shared = generalized_least_squares(estimate, covariance=np.diag(variance), between=together, tau2=method)
    assert three.log_likelihood >= shared.log_likelihood - 1e-9
    if three.within == 0:
        assert three.between == pytest.approx(shared.tau2, rel=1e-6, abs=1e-9)


@few
@given(clustered(smallest=1))
def test_cluster_robust_inference_with_singletons_is_that_of_independent_effects(data):
    estimate, variance, _ = data
    result = cluster_robust(estimate, variance=variance, cluster=np.arange(len(estimate)), working="independent")
    weight = 1 / (variance + estimate_tau2(estimate, variance=variance).tau2)
    mean = (weight * estimate).sum() / weight.sum()
    # HC2: each squared residual over one minus its leverage.
    share = weight / weight.sum()
    assert result.estimate == pytest.approx(mean, rel=1e-9, abs=1e-12)
    if share.max() < 0.999:
        expected = np.sqrt((share**2 * (estimate - mean) ** 2 / (1 - share)).sum())
        assert result.se == pytest.approx(expected, rel=1e-8)


@few
@given(clustered(), st.integers(0, 99))
def test_cluster_robust_inference_does_not_depend_on_order_or_names(data, seed):
    estimate, variance, cluster = data
    order = np.random.default_rng(seed).permutation(len(estimate))
    names = np.array(list("zyxwvut"))[cluster]
    one = cluster_robust(estimate, variance=variance, cluster=cluster)
    other = cluster_robust(estimate[order], variance=variance[order], cluster=names[order])
    for name in ("estimate", "se", "df", "tau2"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-7, abs=1e-9), name
