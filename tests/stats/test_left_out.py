"""Meta-regressions without each of their trials, against the matrix P of the others with many digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp

from bmac_meta.stats.left_out import without_each
from bmac_meta.stats.likelihood import maximize
from bmac_meta.stats.projection import Moments
from bmac_meta.stats.tau2 import CLOSED, estimate_tau2

K = 9
YEARS = np.array([1950.0, 1963, 1971, 1972, 1980, 1991, 1999, 2004, 2004])
VARIANCES = {
    "alike": np.array([0.3, 0.5, 0.4, 0.9, 1.2, 0.7, 0.35, 0.8, 0.6]),
    "equal": np.full(K, 0.25),
    "in ties": np.array([0.1, 0.1, 0.1, 4.0, 4.0, 4.0, 4.0, 0.1, 4.0]),
    "of 24 decades": np.array([1e-12, 1e12, 1.0, 1e-6, 1e6, 1e-3, 1e3, 2e-12, 1.0]),
    "with one that dwarfs all": np.array([1.0, 2.0, 1e-12, 1.0, 3.0, 1.0, 2.0, 1.0, 1.0]),
}
EFFECTS = np.array([0.3, -8.0, 1.5, 0.1, 40.0, -0.2, 7.0, 1.0, 2.5])
TAU2 = (0.0, 1e-9, 0.3, 50.0, 1e13)


def problem(variance, columns, outlier=0.0):
    y = EFFECTS + outlier * (np.arange(K) == 4)
    x = np.column_stack([np.ones(K), YEARS, EFFECTS[::-1] ** 2])[:, :columns]
    return y, variance, x


def left_out(y, v, x):
    return without_each(y, v, x, np.arange(len(y)))


def exact(y, v, x, tau2):
    """Return the moments of P, log|V|, log|XᵀWX| − log|XᵀX|, coefficients and covariance, with 90 digits."""
    with mp.workdps(90):
        y, x = mp.matrix(y.tolist()), mp.matrix(x.tolist())
        w = mp.diag([1 / (mp.mpf(each) + mp.mpf(tau2)) for each in v.tolist()])
        normal = x.T * w * x
        inverse = normal**-1
        p = w - w * x * inverse * x.T * w
        powers = [p, p * p, p * p * p]
        trace = [sum(matrix[i, i] for i in range(len(y))) for matrix in (w, w * w, p, p * p)]
        moments = [float((y.T * matrix * y)[0]) for matrix in powers] + [float(each) for each in trace]
        logs = [-mp.log(mp.det(w)), mp.log(mp.det(normal)) - mp.log(mp.det(x.T * x))]
        beta = inverse * x.T * w * y
        return (
            moments,
            [float(each) for each in logs],
            np.array(beta.tolist(), float)[:, 0],
            np.array(inverse.tolist(), float),
        )


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("kind", VARIANCES)
def test_moments_and_determinants_are_those_of_the_trials_that_are_left(kind, columns):
    y, v, x = problem(VARIANCES[kind], columns)
    model, _ = left_out(y, v, x)
    unit = model.unit[0]
    powers = unit ** np.array([0, 2, 4, 2, 4, 2, 4])
    for tau2 in TAU2:
        found = model.moments(np.full(K, tau2 / unit**2))
        volume, precision = model.log_determinants(np.full(K, tau2 / unit**2))
        for i in range(K):
            kept = np.arange(K) != i
            moments, logs, _, _ = exact(y[kept], v[kept], x[kept], tau2)
            ours = [getattr(found, name)[i] for name in Moments.__slots__]
            # Years as doubles in an orthonormal basis leave 13 digits, of which the third column takes one more.
            np.testing.assert_allclose(ours / powers, moments, rtol=1e-10, err_msg=f"{tau2} without {i}")
            np.testing.assert_allclose([volume[i], precision[i]], logs, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("kind", VARIANCES)
def test_coefficients_are_those_of_the_trials_that_are_left(kind):
    y, v, x = problem(VARIANCES[kind], 2)
    model, design = left_out(y, v, x)
    for tau2 in (0.0, 0.3, 1e9):
        coefficients, covariance, variances, sound = model.coefficients(np.full(K, tau2 / model.unit[0] ** 2), design)
        assert np.count_nonzero(~sound) < K
        _, _, _, whole = exact(y, v, x, tau2)
        for i in np.flatnonzero(sound):
            kept = np.arange(K) != i
            _, _, beta, inverse = exact(y[kept], v[kept], x[kept], tau2)
            np.testing.assert_allclose(coefficients[i], beta, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(covariance[i], inverse, rtol=1e-9)
            np.testing.assert_allclose(variances[i], np.diag(whole), rtol=1e-9)


@pytest.mark.parametrize("precise", [False, True])
def test_without_an_outlier_the_others_keep_their_digits(precise):
    # A billion far off, and in sixty-fourths, so that no difference of effects is rounded.
    y, v, x = problem(VARIANCES["alike"], 2, outlier=2.0**30)
    y, v = np.round(64 * y) / 64, np.where(precise & (np.arange(K) == 4), 1e-3, v)
    kept = np.arange(K) != 4
    model, _ = left_out(y, v, x)
    found = model.moments(np.full(K, 0.3 / model.unit[0] ** 2))
    moments, _, _, _ = exact(y[kept], v[kept], x[kept], 0.3)
    # As a difference of numbers near 1e18 it would have none.
    assert found.y_p_y[4] == pytest.approx(moments[0], rel=1e-11)


def test_moments_of_a_grid_are_those_of_its_rows():
    model, _ = left_out(*problem(VARIANCES["alike"], 2))
    grid = np.array([[0.1], [3.0]]) * np.linspace(1, 2, K)
    together = model.moments(grid)
    for row in range(2):
        for name in Moments.__slots__:
            alone = getattr(model.moments(grid[row]), name)
            np.testing.assert_array_equal(getattr(together, name)[row], alone)


def test_the_plain_sums_are_those_of_the_trials_that_are_left():
    y, v, x = problem(VARIANCES["alike"], 2)
    model, _ = left_out(y, v, x)
    squares, variances = model.spread()
    unit2 = model.unit[0] ** 2
    for i in range(K):
        kept = np.arange(K) != i
        residual = np.eye(K - 1) - x[kept] @ np.linalg.pinv(x[kept])
        assert squares[i] * unit2 == pytest.approx(y[kept] @ residual @ y[kept], rel=1e-11)
        assert variances[i] * unit2 == pytest.approx(np.trace(residual @ np.diag(v[kept])), rel=1e-11)
        assert model.total_squares()[i] * unit2 == pytest.approx(((y[kept] - y[kept].mean()) ** 2).sum(), rel=1e-12)


def test_ranges_and_counts_are_those_of_the_trials_that_are_left():
    v = np.array([0.2, 0.2, 5.0, 0.7, 9.0])
    model, _ = left_out(EFFECTS[:5], v, np.ones((5, 1)))
    unit2 = model.unit**2
    np.testing.assert_allclose(model.smallest_variance * unit2, 0.2)
    np.testing.assert_allclose(model.largest_variance * unit2, [9.0, 9.0, 9.0, 9.0, 5.0])
    assert model.trials.tolist() == [4.0] * 5
    assert model.degrees.tolist() == [3.0] * 5
    some = model.take(np.array([4, 0, 4]))
    np.testing.assert_allclose(some.largest_variance * unit2[:3], [5.0, 9.0, 5.0])


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("kind", VARIANCES)
def test_its_likelihood_has_the_maximum_and_the_modes_of_the_trials_that_are_left(kind, restricted):
    y, v, x = problem(VARIANCES[kind], 2)
    model, _ = left_out(y, v, x)
    tau2, modes = maximize(model, restricted)
    for i in range(K):
        kept = np.arange(K) != i
        rest = estimate_tau2(y[kept], variance=v[kept], design=x[kept], method="REML" if restricted else "ML")
        assert tau2[i] * model.unit[i] ** 2 == pytest.approx(rest.tau2, rel=1e-9, abs=1e-30)
        assert modes[i] == rest.modes


@pytest.mark.parametrize("method", CLOSED)
def test_every_estimator_works_on_it(method):
    y, v, x = problem(VARIANCES["alike"], 2)
    model, _ = left_out(y, v, x)
    tau2 = np.maximum(CLOSED[method](model), 0.0) * model.unit**2
    for i in range(K):
        kept = np.arange(K) != i
        rest = estimate_tau2(y[kept], variance=v[kept], design=x[kept], method=method)
        assert tau2[i] == pytest.approx(rest.tau2, rel=1e-9)


def test_two_modes_are_compared_by_their_heights():
    y = np.array([0.1, -0.6, 0.9, 1.8, 0.1, 0.7, 6.6, 1.7, -0.5, 0.1])
    v = np.array([0.3, 0.3, 0.3, 100.0, 0.01, 100.0, 100.0, 0.3, 100.0, 100.0])
    model, _ = left_out(y, v, np.ones((10, 1)))
    tau2, modes = maximize(model, restricted=False)
    rest = [estimate_tau2(np.delete(y, i), variance=np.delete(v, i), method="ML") for i in range(10)]
    np.testing.assert_allclose(tau2 * model.unit**2, [each.tau2 for each in rest], rtol=1e-9, atol=1e-15)
    assert modes.tolist() == [each.modes for each in rest] == [2, 2, 2, 2, 1, 2, 2, 1, 2, 2]
