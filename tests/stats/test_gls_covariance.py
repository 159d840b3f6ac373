"""What is no covariance, or no correlation of true effects, is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.gls_covariance import positive_definite


@pytest.mark.parametrize(
    ("covariance", "fault"),
    [
        ([[0.1, 0.2], [0.2, 0.1]], "not positive definite"),
        ([[0.1, 0.1], [0.1, 0.1]], "not positive definite"),
        ([[0.1, 0.05], [0.01, 0.1]], "symmetric"),
        ([[0.1, np.nan], [np.nan, 0.1]], "finite"),
        ([[-0.1, 0.0], [0.0, 0.1]], "not positive definite"),
        ([0.1, 0.1], r"must be \(k, k\)"),
    ],
)
def test_a_matrix_that_is_no_covariance_is_refused(covariance, fault):
    with pytest.raises(InputError, match=fault):
        generalized_least_squares([0.1, 0.2], covariance=covariance)


@pytest.mark.parametrize("between", [np.eye(3), 2 * np.eye(2), [[1, 2], [2, 1]]])
def test_a_between_that_is_no_correlation_matrix_is_refused(between):
    with pytest.raises(InputError, match="correlation matrix"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), between=between)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (((0, 1), (1, 0), 9.0), "meta-analysis 3.*, covariance is not positive definite"),
        (((0, 0), (0, 0), -1.0), "meta-analysis 3.*, covariance is not positive definite"),
        (((0, 1), (0, 1), 0.3), "meta-analysis 3.*, covariance must be finite and symmetric"),
        (((2, 2), (2, 2), np.nan), "meta-analysis 3.*, covariance must be finite and symmetric"),
    ],
)
def test_the_first_covariance_of_a_batch_that_is_none_is_named(cell, fault):
    covariance = np.array([np.eye(4)] * 6)
    one, other, value = cell
    for row in (3, 5):
        covariance[row][one] = covariance[row][other] = value
    with pytest.raises(InputError, match=fault):
        generalized_least_squares(np.zeros((6, 4)), covariance=covariance)


def test_a_shared_covariance_needs_to_be_one_only_where_effects_are_present():
    covariance = np.eye(3)
    covariance[0, 1] = covariance[1, 0] = 1.0
    mask = np.array([[True, False, True], [False, True, True]])
    result = generalized_least_squares(np.ones((2, 3)), covariance=covariance, mask=mask)
    np.testing.assert_allclose(result.estimate, 1.0, rtol=1e-15)
    with pytest.raises(InputError, match=r"in meta-analysis 2.*, covariance is not positive definite"):
        generalized_least_squares(np.ones((3, 3)), covariance=covariance, mask=[*mask, [True, True, True]])


@pytest.mark.parametrize("between", [np.eye(3), np.array([np.eye(4)] * 5), 2 * np.array([np.eye(4)] * 6)])
def test_a_between_that_does_not_fit_a_batch_is_refused(between):
    with pytest.raises(InputError, match=r"correlation matrix of shape \(4, 4\), or \(6, 4, 4\)"):
        generalized_least_squares(np.zeros((6, 4)), covariance=np.eye(4), between=between)


def test_the_first_between_of_a_batch_that_is_none_is_named():
    between = np.array([np.eye(4)] * 6)
    between[4, 0, 0] = 2
    with pytest.raises(InputError, match=r"in meta-analysis 4.*, between must be"):
        generalized_least_squares(np.zeros((6, 4)), covariance=np.eye(4), between=between)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 0), (2, 2, 3, 3)])
def test_a_covariance_of_another_shape_is_refused(shape):
    with pytest.raises(InputError, match=r"covariance has the shape .* or \(B, k, k\)"):
        generalized_least_squares(np.zeros(3), covariance=np.ones(shape))


def test_a_matrix_is_returned_symmetric_to_the_last_digit():
    slanted = np.array([[1.0, 0.5], [0.5 + 1e-12, 1.0]])
    found = positive_definite(slanted)
    assert (found == found.T).all()
    np.testing.assert_allclose(found, slanted, rtol=1e-11)
