"""Weighted least squares with anchors, against normal equations at high precision."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp

from bmac_meta.stats.anchored_regression import AnchoredRegression, condense, log_determinant

# Weights of 24 decades, some rows absent: normal equations in double precision would lose all digits.
WEIGHTS = np.array([1e12, 3.0, 0.0, 2e-12, 5e11, 7.0, 1e-3, 4e-12, 0.0, 2.0])


def problem(columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    design = np.vstack([np.ones(10), rng.normal(size=(2, 10))])[:columns]
    return design, rng.normal(size=10), rng.permutation(WEIGHTS)


def normal_equations(design, effect, weight):
    """Return coefficients, covariance, misfit, log|XᵀWX| and leverages, with 80 digits."""
    x, y, w = mp.matrix(design.T.tolist()), mp.matrix(effect.tolist()), mp.diag(weight.tolist())
    precision = x.T * w * x
    inverse = precision**-1
    beta = inverse * (x.T * w * y)
    rest = y - x * beta
    leverage = [w[i, i] * (x[i, :] * inverse * x[i, :].T)[0] for i in range(x.rows)]
    return beta, inverse, (rest.T * w * rest)[0], mp.log(mp.det(precision)), leverage


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_weights_of_any_range_cost_no_digits(columns, seed):
    design, effect, weight = problem(columns, seed)
    found = AnchoredRegression.of(design[:, :, None], effect[:, None], weight[:, None])
    with mp.workdps(80):
        beta, inverse, misfit, volume, leverage = normal_equations(design, effect, weight)
        rest = np.array([float(1 - each) for each in leverage])
    ours, covariance = found.coefficients(np.zeros((columns, 1)))
    # The digits that are left are those of the weighted rows, of which three columns may have a condition of 100.
    np.testing.assert_allclose(ours[:, 0], [float(b) for b in beta], rtol=1e-11)
    expected = np.array(inverse.tolist(), dtype=float)
    np.testing.assert_allclose(covariance[:, :, 0], expected, rtol=1e-10)
    assert found.misfit[0] == pytest.approx(float(misfit), rel=1e-11)
    assert found.log_precision()[0] == pytest.approx(float(volume), rel=1e-12)
    np.testing.assert_allclose(found.leverage()[2][:, 0], rest, rtol=1e-10)


def test_many_problems_are_solved_as_one_by_one():
    parts = [problem(2, seed) for seed in range(5)]
    design, effect, weight = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    together = AnchoredRegression.of(design, effect, weight)
    for i, (x, y, w) in enumerate(parts):
        alone = AnchoredRegression.of(x[:, :, None], y[:, None], w[:, None])
        np.testing.assert_allclose(together.rest[:, i], alone.rest[:, 0], rtol=1e-13)
        np.testing.assert_array_equal(together.anchors[:, i], alone.anchors[:, 0])


def test_one_design_serves_all_problems():
    design, effect, _ = problem(3)
    weight = np.random.default_rng(1).uniform(0.5, 2, (10, 4))
    shared = AnchoredRegression.of(design[:, :, None], effect[:, None], weight)
    repeated = AnchoredRegression.of(np.repeat(design[:, :, None], 4, axis=2), effect[:, None], weight)
    np.testing.assert_array_equal(shared.misfit, repeated.misfit)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_complex_steps_in_weights_and_columns_give_derivatives(columns):
    design, effect, _ = problem(columns)
    weight, step, nudge = np.linspace(0.5, 2, 10)[:, None], 1e-30, 1e-6
    toward = np.linspace(1, 0, 10)[:, None]

    def values(size):
        moved = design[:, :, None] * (1 + size * toward)
        found = AnchoredRegression.of(moved, effect[:, None], weight * (1 + size * toward**2))
        return np.array([found.misfit[0], found.log_precision()[0]])

    # A central difference: good to the square of the nudge.
    expected = (values(nudge) - values(-nudge)) / (2 * nudge)
    np.testing.assert_allclose(values(1j * step).imag / step, expected, rtol=1e-8)


def test_effects_measured_from_the_anchors_come_back():
    design, effect, weight = problem(1)
    found = AnchoredRegression.of(design[:, :, None], effect[:, None], weight[:, None])
    np.testing.assert_allclose(found.coefficients(np.full((1, 1), 7.0))[0], found.fitted + 7.0)


def test_the_sign_of_a_determinant_does_not_matter_to_its_logarithm():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert log_determinant(matrix) == pytest.approx(np.log(2), rel=1e-14)
    np.testing.assert_allclose(log_determinant(np.stack([matrix, 3 * matrix])), np.log([2, 18]), rtol=1e-14)
    # d log|det| / dt of the matrix with t on its first place is the first entry of its inverse.
    moved = matrix + 1j * 1e-30 * np.array([[1, 0], [0, 0]])
    assert log_determinant(moved).imag / 1e-30 == pytest.approx(np.linalg.inv(matrix)[0, 0], rel=1e-13)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_condensed_rows_say_what_all_rows_do(columns, seed):
    design, effect, weight = problem(columns, seed)
    few, fitted, misfit = condense(design[:, :, None], effect[:, None], weight[:, None])
    assert few.shape == (columns, columns, 1)
    with mp.workdps(80):
        beta, inverse, square, volume, _ = normal_equations(design, effect, weight)
        others = normal_equations(few[:, :, 0], fitted[:, 0], np.ones(columns))
    np.testing.assert_allclose([float(each) for each in others[0]], [float(each) for each in beta], rtol=1e-11)
    ours, expected = (np.array(each.tolist(), dtype=float) for each in (others[1], inverse))
    np.testing.assert_allclose(ours, expected, rtol=1e-10)
    assert misfit[0] + float(others[2]) == pytest.approx(float(square), rel=1e-11)
    assert float(others[3]) == pytest.approx(float(volume), rel=1e-12)


def test_columns_that_are_zero_or_depend_on_others_are_condensed_too():
    design, effect, weight = problem(2, 1)
    columns = np.stack([np.zeros(10), design[0], design[1], design[0] - 3 * design[1]])
    few, fitted, misfit = condense(columns[:, :, None], effect[:, None], weight[:, None])
    for beta in np.random.default_rng(0).normal(size=(5, 4)):
        square = (weight * (effect - beta @ columns) ** 2).sum()
        ours = ((fitted[:, 0] - beta @ few[:, :, 0]) ** 2).sum() + misfit[0]
        assert ours == pytest.approx(square, rel=1e-12)


def test_rows_without_any_column_condense_to_their_squares():
    _, effect, weight = problem(1)
    few, fitted, misfit = condense(np.zeros((2, 10, 1)), effect[:, None], weight[:, None])
    assert not few.any()
    assert not fitted.any()
    assert misfit[0] == pytest.approx((weight * effect**2).sum(), rel=1e-14)
