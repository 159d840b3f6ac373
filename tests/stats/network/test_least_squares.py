"""Least squares by orthogonal factors."""

from __future__ import annotations

import numpy as np
from mpmath import mp

from bmac_meta.stats.network.least_squares import least_squares, references, solve_network


def test_columns_that_are_left_out_stay_zero() -> None:
    columns = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]])
    solution, reference = solve_network(np.array([1.0, 3.0, 1.0]), columns)
    assert np.unique(reference).size == 1
    assert solution.rank == 2
    assert solution.coefficients[reference[0]] == 0.0
    assert not solution.root[reference[0]].any()
    # Loop 1 + 1 against 3, in equal weights: each contrast gives way by a third.
    np.testing.assert_allclose(solution.squares, 1.0 / 3.0, rtol=1e-12)


def test_rows_of_very_different_weight_lose_no_digits() -> None:
    root = np.array([1e6, 1.0, 1e3, 1e-3])
    plain = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 1.0, -1.0]])
    effect = np.array([0.3, 1.7, 2.5, 0.4])
    solution = least_squares(root * effect, root[:, None] * plain, np.array([False, True, True]))
    with mp.workdps(50):
        x, w = mp.matrix(plain[:, 1:].tolist()), mp.diag([mp.mpf(r) ** 2 for r in root])
        normal = x.T * w * x
        exact = mp.inverse(normal) * x.T * w * mp.matrix(effect.tolist())
        spread = mp.inverse(normal)
    np.testing.assert_allclose(solution.coefficients[1:], [float(v) for v in exact], rtol=1e-13)
    expected = [[float(spread[i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(solution.covariance()[1:, 1:], expected, rtol=1e-12)


def test_the_reference_of_a_part_is_its_best_connected_treatment() -> None:
    adjacent = np.zeros((5, 5), dtype=bool)
    adjacent[[0, 1, 3], [1, 2, 4]] = True
    found = references(adjacent | adjacent.T, np.array([1.0, 5.0, 2.0, 1.0, 3.0]))
    assert found.tolist() == [1, 1, 1, 4, 4]
