"""The moments of P for an intercept, against P itself."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.projection import MeanProjection, Moments, power_of_two_unit


def dense(y: np.ndarray, v: np.ndarray, x: np.ndarray, tau2: float) -> dict[str, float]:
    """Return the moments from the matrix P as it is defined."""
    w = np.diag(1.0 / (v + tau2))
    p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
    return {
        "y_p_y": y @ p @ y,
        "y_pp_y": y @ p @ p @ y,
        "y_ppp_y": y @ p @ p @ p @ y,
        "trace_w": np.trace(w),
        "trace_ww": np.trace(w @ w),
        "trace_p": np.trace(p),
        "trace_pp": np.trace(p @ p),
    }


def one(y: np.ndarray, v: np.ndarray) -> MeanProjection:
    return MeanProjection.of(y[:, None], v[:, None], np.array([float(y.size)]))


@pytest.mark.parametrize("k", [2, 3, 7, 40])
def test_moments_are_those_of_the_matrix_p(k: int) -> None:
    rng = np.random.default_rng(k)
    y, v = rng.normal(size=k), rng.uniform(0.05, 2.0, k)
    model = one(y, v)
    unit2 = model.unit[0] ** 2
    found = model.moments(np.array([0.0, 0.3, 7.0])[:, None] / unit2)
    for row, tau2 in enumerate([0.0, 0.3, 7.0]):
        expected = dense(y, v, np.ones((k, 1)), tau2)
        # y P y has no unit; each further P, and each trace, carries one over a variance.
        powers = {
            "y_p_y": 0,
            "y_pp_y": 1,
            "y_ppp_y": 2,
            "trace_w": 1,
            "trace_ww": 2,
            "trace_p": 1,
            "trace_pp": 2,
        }
        for name in Moments.__slots__:
            scaled = getattr(found, name)[row, 0] / unit2 ** powers[name]
            assert scaled == pytest.approx(expected[name], rel=1e-11), name


def test_the_moments_of_a_grid_are_those_of_its_rows_whatever_its_size() -> None:
    rng = np.random.default_rng(3)
    y, v = rng.normal(size=(9, 4000)), rng.uniform(0.1, 1.0, (9, 4000))
    model = MeanProjection.of(y, v, np.full(4000, 9.0))
    grid = np.linspace(0.0, 3.0, 5)[:, None] * np.ones(4000)
    large, small = model.moments(grid), model.take(np.arange(3)).moments(grid[:, :3])
    for name in Moments.__slots__:
        assert np.allclose(getattr(large, name)[:, :3], getattr(small, name), rtol=1e-12)
        assert np.allclose(getattr(large, name)[2], getattr(model.moments(grid[2]), name), rtol=1e-12)


def test_a_masked_trial_leaves_no_trace() -> None:
    y, v = np.array([0.4, -1.0, 0.9]), np.array([0.2, 0.5, 0.1])
    padded = MeanProjection.of(
        np.array([[0.0, 0.4, -1.0, 0.0, 0.9]]).T,
        np.array([[np.inf, 0.2, 0.5, np.inf, 0.1]]).T,
        np.array([3.0]),
    )
    plain = one(y, v)
    tau2 = np.array([0.7])
    for name in Moments.__slots__:
        assert getattr(padded.moments(tau2), name) == pytest.approx(getattr(plain.moments(tau2), name), rel=1e-14)
    assert padded.spread()[0] == pytest.approx(plain.spread()[0])
    assert padded.spread()[1] == pytest.approx(plain.spread()[1])
    assert np.allclose(padded.log_determinants(tau2), plain.log_determinants(tau2), rtol=1e-14)
    assert padded.largest_variance == plain.largest_variance


def test_log_determinants_are_in_original_units() -> None:
    y, v, tau2 = np.array([1.0, 5.0, 2.0]), np.array([40.0, 30.0, 90.0]), 7.0
    model = one(y, v)
    volume, precision = model.log_determinants(np.array([tau2]) / model.unit**2)
    assert volume[0] == pytest.approx(np.log(v + tau2).sum(), rel=1e-14)
    assert precision[0] == pytest.approx(np.log((1.0 / (v + tau2)).sum()) - np.log(3.0), rel=1e-13)


def test_units_are_powers_of_two_near_the_smallest_standard_error() -> None:
    variances = np.array([1e-40, 3e-7, 1.0, 5.0, 2e33])
    unit = power_of_two_unit(variances)
    assert np.all(np.frexp(unit)[0] == 0.5)
    assert np.all((variances / unit**2 >= 0.25) & (variances / unit**2 <= 4.0))
