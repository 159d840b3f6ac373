"""Permutations of one meta-regression, against each of them by itself."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp

from bmac_meta.stats.batch import as_batch
from bmac_meta.stats.permuted import Permuted, permuted_fits
from bmac_meta.stats.projection import Moments
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.tau2 import CLOSED, estimate_tau2, solve

RANDOM = np.random.default_rng(5)
K = 12
V = RANDOM.uniform(0.05, 2.0, K)
Y = 3.0 + RANDOM.normal(size=K) * np.sqrt(V + 0.5)
X = np.column_stack([np.ones(K), RANDOM.normal(size=K), np.arange(K) % 2])
ORDERS = np.array([RANDOM.permutation(K) for _ in range(7)])


def permuted(y=Y, v=V, x=X, orders=ORDERS):
    batch = as_batch(y, v)
    return Permuted.of(as_design(x, batch).project(batch, slice(0, 1)), orders)


@pytest.mark.parametrize("tau2", [0.0, 0.01, 1.0, 300.0])
def test_moments_and_determinants_are_those_of_the_matrix_p_of_each_permutation(tau2):
    model = permuted()
    unit = model.unit[0]
    found = model.moments(np.full(7, tau2 / unit**2))
    volume, precision = model.log_determinants(np.full(7, tau2 / unit**2))
    for i, order in enumerate(ORDERS):
        with mp.workdps(40):
            y, x = mp.matrix(Y[order].tolist()), mp.matrix(X.tolist())
            w = mp.diag([1 / (mp.mpf(each) + mp.mpf(tau2)) for each in V[order].tolist()])
            normal = x.T * w * x
            p = w - w * x * normal**-1 * x.T * w
            traces = [sum(part[j, j] for j in range(K)) for part in (w, w * w, p, p * p)]
            moments = [(y.T * part * y)[0] for part in (p, p * p, p * p * p)] + traces
            logs = -mp.log(mp.det(w)), mp.log(mp.det(normal)) - mp.log(mp.det(x.T * x))
        ours = [getattr(found, name)[i] for name in Moments.__slots__] / unit ** np.array([0, 2, 4, 2, 4, 2, 4])
        np.testing.assert_allclose(ours, [float(each) for each in moments], rtol=1e-12)
        np.testing.assert_allclose([volume[i], precision[i]], [float(each) for each in logs], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML", *CLOSED])
def test_every_estimator_gives_the_tau2_of_each_permutation(method):
    model = permuted()
    tau2 = solve(model, method)[0] * model.unit**2
    rest = estimate_tau2(Y[ORDERS], variance=V[ORDERS], design=X, method=method)
    np.testing.assert_allclose(tau2, rest.tau2, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "knapp-hartung", "wald", "t"])
@pytest.mark.parametrize("tau2", ["REML", "DL", 0.0, 0.7])
def test_fits_are_those_of_each_permutation(tau2, interval):
    columns = X * [1.0, 1e6, 3.0]
    (coefficients, se, wald, between), safe = permuted_fits(Y, V, columns, ORDERS, tau2, interval)
    assert safe.all()
    options = {"variance": V[ORDERS], "design": columns, "tau2": tau2}
    fits, plain = (meta_regression(Y[ORDERS], interval=word, **options) for word in (interval, "wald"))
    np.testing.assert_allclose(coefficients[:, 1:], fits.coefficients[:, 1:], rtol=1e-10)
    np.testing.assert_allclose(se, fits.se, rtol=1e-10)
    np.testing.assert_allclose(wald, plain.se, rtol=1e-10)
    np.testing.assert_allclose(between, fits.tau2, rtol=1e-9)
    weight = 1 / (V + between[:, None])
    mean = weight @ Y / weight.sum(axis=1)
    np.testing.assert_allclose(coefficients[:, 0] + mean, fits.coefficients[:, 0], rtol=1e-9)


def test_an_offset_of_a_million_moves_no_slope():
    here, there = (permuted_fits(y, V, X, ORDERS, "REML", "t")[0] for y in (Y, Y + 2.0**20))
    np.testing.assert_allclose(there[0][:, 1:], here[0][:, 1:], rtol=1e-7)
    np.testing.assert_allclose(there[1], here[1], rtol=1e-7)


def test_weights_of_very_different_size_are_left_to_others():
    v = np.where(np.arange(K) == 3, 1e-6, V)
    parts, safe = permuted_fits(Y, v, X, ORDERS, "REML", "t")
    assert not safe.any()
    assert [len(part) for part in parts] == [0] * 4


def test_a_permutation_that_explains_everything_is_left_to_others():
    y = X @ [0.0, 1.0, 2.0]
    orders = np.vstack([np.arange(K), ORDERS])
    parts, safe = permuted_fits(y, V, X, orders, 0.1, "t")
    assert safe.tolist() == [False, *[True] * 7]
    expected = meta_regression(y[ORDERS], variance=V[ORDERS], design=X, tau2=0.1, interval="t")
    np.testing.assert_allclose(parts[0][:, 1:], expected.coefficients[:, 1:], rtol=1e-10)


def test_a_design_without_a_constant_is_left_to_others():
    assert not permuted_fits(Y, V, X[:, 1:2], ORDERS, "REML", "t")[1].any()
