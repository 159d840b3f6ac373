"""The moments of P for any design, against P itself and against 90 digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.design import DesignProjection, Frame, eliminate
from bmac_meta.stats.projection import MeanProjection, Moments


def projection(y: np.ndarray, v: np.ndarray, x: np.ndarray) -> DesignProjection:
    columns = np.linalg.qr(x)[0].T[:, :, None]
    return DesignProjection.of(
        np.ascontiguousarray(columns), y[:, None], v[:, None], np.array([float(y.size)]), constant=True
    )


def test_anchor_rows_become_unit_vectors_and_the_columns_span_the_same() -> None:
    rng = np.random.default_rng(0)
    design, root = rng.normal(size=(3, 8, 5)), rng.uniform(0.1, 10.0, (8, 5))
    found = eliminate(design, root)
    for m in range(5):
        assert np.array_equal(found.columns[:, found.anchors[:, m], m], np.eye(3))
        both = np.vstack([design[:, :, m], found.columns[:, :, m]])
        assert np.linalg.matrix_rank(both, tol=1e-9) == 3


def test_elimination_takes_the_most_weighty_rows() -> None:
    root = np.array([1e6, 1.0, 1e6, 1.0])[:, None]
    design = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 3.0]])[:, :, None]
    assert set(eliminate(design, root).anchors[:, 0]) == {0, 2}


@pytest.mark.parametrize("p", [1, 2, 4])
def test_moments_are_those_of_the_matrix_p(p: int) -> None:
    rng = np.random.default_rng(p)
    k = 11
    y, v = rng.normal(size=k), rng.uniform(0.3, 2.0, k)
    x = np.column_stack([np.ones(k), rng.normal(size=(k, p - 1))])
    model = projection(y, v, x)
    assert model.unit[0] == 1.0 or model.unit[0] == 0.5
    scaled_v, scaled_y = v / model.unit**2, (y - model.origin) / model.unit
    grid = np.array([[0.0], [0.4], [9.0]])
    found = model.moments(grid)
    for row, tau2 in enumerate(grid[:, 0]):
        w = np.diag(1.0 / (scaled_v + tau2))
        matrix = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
        expected = Moments(
            scaled_y @ matrix @ scaled_y,
            scaled_y @ matrix @ matrix @ scaled_y,
            scaled_y @ matrix @ matrix @ matrix @ scaled_y,
            np.trace(w),
            np.trace(w @ w),
            np.trace(matrix),
            np.trace(matrix @ matrix),
        )
        for name in Moments.__slots__:
            assert getattr(found, name)[row, 0] == pytest.approx(getattr(expected, name), rel=1e-11), name


def test_with_one_column_of_ones_the_moments_are_those_of_the_mean() -> None:
    rng = np.random.default_rng(9)
    y, v = 1e6 + rng.normal(size=6), 10.0 ** rng.uniform(-12, 12, 6)
    mean = MeanProjection.of(y[:, None], v[:, None], np.array([6.0]))
    design = projection(y, v, np.ones((6, 1)))
    for tau2 in (0.0, 1.0, 1e9):
        for name in Moments.__slots__:
            here, there = (getattr(m.moments(np.array([tau2])), name)[0] for m in (mean, design))
            assert here == pytest.approx(there, rel=1e-9), name


def test_weights_that_differ_by_24_orders_of_magnitude_cost_no_digits() -> None:
    v = np.array([1e-12, 1e12, 1.0, 1e-6, 1e6, 1e-3, 1e3])
    x = np.column_stack([np.ones(7), [1950.0, 1963.0, 1971.0, 1972.0, 1980.0, 1991.0, 1999.0]])
    y = np.array([0.3, -8.0, 1.5, 0.1, 40.0, -0.2, 7.0])
    with mp.workdps(90):
        w = [1 / mpf(float(value)) for value in v]
        rows = [[mpf(float(a)) for a in row] for row in x]
        normal = mp.matrix(2, 2)
        for wi, row in zip(w, rows, strict=True):
            for a in range(2):
                for b in range(2):
                    normal[a, b] += wi * row[a] * row[b]
        inverse = normal**-1
        right = [mp.fsum(wi * row[a] * mpf(float(yi)) for wi, row, yi in zip(w, rows, y, strict=True)) for a in (0, 1)]
        beta = [inverse[a, 0] * right[0] + inverse[a, 1] * right[1] for a in (0, 1)]
        rest = [mpf(float(yi)) - row[0] * beta[0] - row[1] * beta[1] for row, yi in zip(rows, y, strict=True)]
        lever = [
            wi * mp.fsum(row[a] * inverse[a, b] * row[b] for a in (0, 1) for b in (0, 1))
            for wi, row in zip(w, rows, strict=True)
        ]
        q = mp.fsum(wi * r * r for wi, r in zip(w, rest, strict=True))
        pull = mp.fsum((wi * r) ** 2 for wi, r in zip(w, rest, strict=True))
        trace = mp.fsum(wi * (1 - h) for wi, h in zip(w, lever, strict=True))
    model = projection(y, v, x)
    found, unit2 = model.moments(np.array([0.0])), model.unit[0] ** 2
    # The design's own rounding (years as doubles in an orthonormal basis) leaves 1e-13.
    assert found.y_p_y[0] == pytest.approx(float(q), rel=1e-11)
    assert found.y_pp_y[0] / unit2 == pytest.approx(float(pull), rel=1e-11)
    assert found.trace_p[0] / unit2 == pytest.approx(float(trace), rel=1e-11)


def test_log_determinant_is_that_of_the_normal_matrix() -> None:
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(9, 3)), rng.uniform(0.1, 5.0, 9)
    frame = Frame.of(x.T[:, :, None], np.zeros((9, 1)), w[:, None])
    assert frame.log_determinant()[0] == pytest.approx(np.linalg.slogdet(x.T @ (w[:, None] * x))[1], rel=1e-12)
