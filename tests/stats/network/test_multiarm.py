"""Covariances of multi-arm trials and the pairwise view of them."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.network.multiarm import (
    arm_variance,
    is_positive_definite,
    pair_effect,
    pair_variance,
    pair_weight,
    reconcile,
    shared_covariance,
    worst_triangle,
)

ARMS = np.array([[0.1, 0.2, 0.4, 0.05]])
PAIRS = (ARMS[:, :, None] + ARMS[:, None, :]) * (1.0 - np.eye(4))


def test_the_covariance_of_contrasts_is_the_variance_of_the_shared_arm() -> None:
    np.testing.assert_allclose(shared_covariance(PAIRS)[0], np.diag([0.2, 0.4, 0.05]) + 0.1, rtol=1e-14)


def test_pair_variances_and_covariance_say_the_same() -> None:
    np.testing.assert_allclose(pair_variance(shared_covariance(PAIRS)), PAIRS, atol=1e-15)


def test_arm_variances_are_solved_from_pairs() -> None:
    np.testing.assert_allclose(arm_variance(PAIRS), ARMS, rtol=1e-13)


def test_reduced_weights_are_products_of_arm_precisions() -> None:
    """Rücker 2012: w_ij = w_i w_j / Σ w for independent arms of precision w."""
    precision = 1.0 / ARMS[0]
    expected = np.outer(precision, precision) / precision.sum() * (1.0 - np.eye(4))
    np.testing.assert_allclose(pair_weight(shared_covariance(PAIRS))[0], expected, rtol=1e-12)


def test_consistent_pairs_are_reconciled_to_themselves() -> None:
    effect = np.array([[0.4, -1.0, 2.0]])
    np.testing.assert_allclose(reconcile(pair_effect(effect), shared_covariance(PAIRS)), effect, rtol=1e-13)


def test_the_worst_triangle_names_the_loop_that_does_not_close() -> None:
    effect = pair_effect(np.array([[1.0, 2.0, 3.0]]))[0]
    effect[1, 3] += 0.5
    effect[3, 1] -= 0.5
    a, b, c, gap = worst_triangle(effect)
    assert {1, 3} <= {a, b, c}
    assert abs(gap) == pytest.approx(0.5)


def test_a_matrix_with_correlation_of_one_is_no_covariance() -> None:
    matrices = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]])
    assert is_positive_definite(matrices).tolist() == [True, False, False]
    assert is_positive_definite(matrices * 1e12).tolist() == [True, False, False]
