"""The moments of dependent effects against their definitions with full matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh, null_space

from bmac_meta.stats.batch import as_batch
from bmac_meta.stats.dependence import compound_symmetry, correlated_covariance
from bmac_meta.stats.gls_likelihood import DependentModel, Regressors
from bmac_meta.stats.gls_rotation import Links

EVERY = slice(0, 3)


def three(tied: float, masked: bool = False) -> tuple[DependentModel, dict[str, np.ndarray]]:
    rng = np.random.default_rng(4)
    variance, cluster = 10.0 ** rng.uniform(-2, 0, (3, 6)), np.array([0, 0, 0, 1, 1, 2])
    covariance = correlated_covariance(compound_symmetry(cluster, 0.5), variance=variance)
    between = np.where(cluster[:, None] == cluster, tied, 0.0)
    np.fill_diagonal(between, 1.0)
    mask = np.ones((3, 6), dtype=bool)
    if masked:
        mask[1, 2] = mask[2, 5] = False
    data = {"y": rng.normal(size=(3, 6)), "v": covariance, "b": between, "mask": mask}
    data["x"] = np.stack([np.ones((3, 6)), rng.normal(size=(3, 6))], axis=2)
    batch = as_batch(data["y"], variance, mask)
    links = Links(covariance, between[None], mask if masked else None)
    return DependentModel.of(batch, links, Regressors.of(data["x"], batch)), data


def dense(data: dict[str, np.ndarray], row: int, tau2: float) -> dict[str, float]:
    """Return the moments of one meta-analysis with B beside every P and W."""
    here = data["mask"][row]
    y, x, both = data["y"][row][here], data["x"][row][here], np.ix_(here, here)
    b = data["b"][both]
    w = np.linalg.inv(data["v"][row][both] + tau2 * b)
    p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
    return {
        "y_p_y": y @ p @ y,
        "y_pp_y": y @ p @ b @ p @ y,
        "y_ppp_y": y @ p @ b @ p @ b @ p @ y,
        "trace_w": np.trace(w @ b),
        "trace_ww": np.trace(w @ b @ w @ b),
        "trace_p": np.trace(p @ b),
        "trace_pp": np.trace(p @ b @ p @ b),
    }


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("tied", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("tau2", [0.0, 0.05, 3.0])
def test_moments_are_those_of_full_matrices(tau2, tied, masked):
    model, data = three(tied, masked)
    projection, _ = model.project(EVERY)
    scaled = tau2 / projection.unit**2
    moments = projection.moments(np.array([scaled, scaled]))
    power = {"y_p_y": 0, "y_pp_y": 1, "y_ppp_y": 2, "trace_w": 1, "trace_ww": 2, "trace_p": 1, "trace_pp": 2}
    for row in range(3):
        for name, value in dense(data, row, tau2).items():
            found = getattr(moments, name)[:, row] / projection.unit[row] ** (2 * power[name])
            np.testing.assert_allclose(found, value, rtol=1e-10, err_msg=name)
    np.testing.assert_allclose(projection.quadratic(scaled)[1], moments.y_pp_y[0], rtol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_determinants_are_those_of_full_matrices(masked):
    model, data = three(0.6, masked)
    projection, _ = model.project(EVERY)
    volume, precision = projection.log_determinants(0.3 / projection.unit**2)
    for row, here in enumerate(data["mask"]):
        total = (data["v"][row] + 0.3 * data["b"])[np.ix_(here, here)]
        x = data["x"][row][here]
        wanted = np.linalg.slogdet(x.T @ np.linalg.solve(total, x))[1] - np.linalg.slogdet(x.T @ x)[1]
        assert volume[row] == pytest.approx(np.linalg.slogdet(total)[1], rel=1e-12)
        assert precision[row] == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("decades", [1, 6, 12])
@pytest.mark.parametrize("tied", [0.0, 0.99, 1.0])
def test_the_likelihood_only_falls_beyond_the_bound(tied, decades, seed):
    rng = np.random.default_rng(seed)
    cluster = np.array([0, 0, 1, 1, 2, 2])
    variance = 10.0 ** rng.uniform(-0.5 * decades, 0.5 * decades, (3, 6))
    between = np.where(cluster[:, None] == cluster, tied, 0.0)
    np.fill_diagonal(between, 1.0)
    covariance = correlated_covariance(compound_symmetry(cluster, 0.5), variance=variance)
    batch = as_batch(10 * rng.normal(size=(3, 6)), variance)
    projection, _ = DependentModel.of(
        batch, Links(covariance, between[None]), Regressors.of(rng.normal(size=(6, 2)), batch)
    ).project(EVERY)
    moments = projection.moments(projection.spread()[0] * np.geomspace(1, 1e8, 200)[:, None])
    assert (moments.y_pp_y < moments.trace_p).all()


@pytest.mark.parametrize("tied", [0.0, 0.9, 1.0])
def test_no_residual_is_less_precise_than_the_largest_variance(tied):
    model, data = three(tied)
    projection, _ = model.project(EVERY)
    largest, smallest = (
        variance * projection.unit**2 for variance in (projection.largest_variance, projection.smallest_variance)
    )
    for row in range(3):
        contrasts = null_space(data["x"][row].T)
        ratios = eigh(*(contrasts.T @ matrix @ contrasts for matrix in (data["b"], data["v"][row])), eigvals_only=True)
        precisions = ratios[ratios > 1e-10]
        assert 1 / precisions.min() <= largest[row] * (1 + 1e-10)
        assert 1 / precisions.max() >= smallest[row] * (1 - 1e-10)
    # A contrast of a tied row with another has any variance.
    assert np.isinf(largest).all() == (tied == 1.0)


def test_a_constant_is_taken_off_where_the_design_gives_one():
    batch = as_batch([5.0, 6.0, 8.0, 9.0], [1.0, 0.5, 1.0, 2.0])
    links = Links(np.diag([1.0, 0.5, 1.0, 2.0])[None])
    slope = np.array([[0.0], [1.0], [2.0], [4.0]])
    designs = {
        "mean": (None, [1.0]),
        "column": (np.hstack([slope, np.full((4, 1), 2.0)]), [0.0, 0.5]),
        "groups": (np.repeat(np.eye(2), 2, axis=0), [1.0, 1.0]),
    }
    for design, constant in designs.values():
        regressors = Regressors.of(design, batch)
        np.testing.assert_allclose(regressors.constant[0], constant, atol=1e-15)
        _, origin = DependentModel.of(batch, links, regressors).project(slice(0, 1))
        assert origin.tolist() == [6.0]
    through_zero = Regressors.of(slope + 1, batch)
    assert through_zero.constant is None
    assert DependentModel.of(batch, links, through_zero).project(slice(0, 1))[1].tolist() == [0.0]
