"""The likelihood of nested effects and its derivatives, against dense matrices at high precision."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.nested_likelihood import NestedModel

SIZE = np.array([3, 1, 4, 2])
CLUSTER = np.repeat(np.arange(4), SIZE)


def model(restricted=True, seeds=(0,), columns=1, present=None):
    parts = [arrays(seed) for seed in seeds]
    effect, variance, design = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    present = np.ones((len(CLUSTER), 1)) if present is None else present
    return NestedModel.of(effect, variance, present, design[:columns], SIZE, restricted)


def arrays(seed):
    rng = np.random.default_rng(seed)
    variance = np.concatenate([np.sort(rng.uniform(0.01, 0.3, size)) for size in SIZE])
    effect = rng.normal(0, 0.5, 4).repeat(SIZE) + rng.normal(0, 0.3, SIZE.sum())
    design = np.vstack([np.ones(SIZE.sum()), rng.normal(size=4).repeat(SIZE), rng.normal(size=SIZE.sum())])
    return effect, variance, design


def dense(nested, between, within, rows=slice(None)):
    """Return the log-likelihood and its two derivatives from dense matrices with 40 digits."""
    with mp.workdps(40):
        member = [[int(i == j) for j in CLUSTER[rows]] for i in CLUSTER[rows]]
        same = mp.matrix(member)
        spread = [mpf(float(v)) + within for v in nested.variance[rows, 0]]
        total = mp.diag(spread) + between * same
        y, x = mp.matrix(nested.effect[rows, 0].tolist()), mp.matrix(nested.design[:, rows, 0].T.tolist())
        weight = total**-1
        precision = x.T * weight * x
        project = weight - weight * x * precision**-1 * x.T * weight
        pull, matrix = project * y, project if nested.restricted else weight
        value = mp.log(mp.det(total)) + (y.T * pull)[0] + (len(y) - nested.restricted * x.cols) * mp.log(2 * mp.pi)
        if nested.restricted:
            value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
        trace = [sum((matrix * part)[i, i] for i in range(len(y))) for part in (same, mp.eye(len(y)))]
        force = [(pull.T * same * pull)[0], (pull.T * pull)[0]]
        return float(-value / 2), [float(f - t) / 2 for f, t in zip(force, trace, strict=True)]


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("restricted", [True, False])
def test_likelihood_and_gradient_are_those_of_dense_matrices(restricted, columns):
    nested = model(restricted, columns=columns)
    assert nested.varies == (columns == 3)
    for theta in ([0.2, 0.05], [0.0, 0.3], [1e-6, 0.0], [40.0, 1e-3]):
        state = nested.at(np.array(theta)[:, None])
        height, gradient = dense(nested, *map(mpf, theta))
        assert state.height[0] == pytest.approx(height, rel=1e-13)
        np.testing.assert_allclose(nested.gradient(state)[:, 0], gradient, rtol=1e-11)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("restricted", [True, False])
def test_the_gradient_keeps_its_digits_where_one_effect_outweighs_all(restricted, columns):
    nested = model(restricted, columns=columns)
    nested.variance[[0, 4], 0] = 1e-12, 1e-9
    state = nested.at(np.array([[1e-13], [1e-13]]))
    _, gradient = dense(nested, mpf("1e-13"), mpf("1e-13"))
    # Taken as differences of traces of 1e12 these would have four digits.
    np.testing.assert_allclose(nested.gradient(state)[:, 0], gradient, rtol=1e-10)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("restricted", [True, False])
def test_masked_effects_and_vacant_clusters_do_not_count(restricted, columns):
    present = np.array([1, 1, 0, 0, 1, 1, 0, 1, 0, 1.0])[:, None]
    nested = model(restricted, columns=columns, present=present)
    # The anchor of the last cluster is absent, so the next effect takes its place.
    order = [0, 1, 2, 3, 4, 5, 7, 6, 9, 8]
    nested = NestedModel.of(
        nested.effect[order], nested.variance[order], present[order], nested.design[:, order], SIZE, restricted
    )
    rows = np.flatnonzero(present[order, 0])
    height, gradient = dense(nested, mpf("0.2"), mpf("0.05"), rows)
    state = nested.at(np.array([[0.2], [0.05]]))
    assert state.height[0] == pytest.approx(height, rel=1e-12)
    np.testing.assert_allclose(nested.gradient(state)[:, 0], gradient, rtol=1e-10)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("restricted", [True, False])
def test_the_gradient_is_the_derivative_of_the_likelihood(restricted, columns):
    nested, theta = model(restricted, columns=columns), np.array([[0.2], [0.05]])
    step = 1e-25
    for which in (0, 1):
        moved = theta.astype(complex)
        moved[which] += 1j * step
        # The likelihood differentiated by a complex step, exact to rounding.
        expected = nested.at(moved).height.imag / step
        np.testing.assert_allclose(nested.gradient(nested.at(theta))[which], expected, rtol=1e-11)


@pytest.mark.parametrize("columns", [1, 3])
def test_second_derivatives_are_those_of_the_gradient(columns):
    nested, theta, step = model(columns=columns), np.array([[0.2], [0.05]]), 1e-5
    found = nested.derivatives(theta, np.array([0.01]))
    np.testing.assert_allclose(found.slope, nested.gradient(nested.at(theta)), rtol=1e-13)
    for which in (0, 1):
        ahead, behind = theta.copy(), theta.copy()
        ahead[which] += step
        behind[which] -= step
        difference = nested.gradient(nested.at(ahead)) - nested.gradient(nested.at(behind))
        # A central difference: good to step² relative.
        np.testing.assert_allclose(found.bend[which], difference / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("columns", [1, 3])
def test_many_data_sets_at_many_places_are_as_one_by_one(columns):
    together = model(seeds=(0, 1, 2), columns=columns).take(np.array([2, 0, 1, 0]))
    theta = np.array([[0.1, 0.2, 0.0, 3.0], [0.3, 0.0, 0.02, 1.0]])
    state = together.at(theta)
    for i, seed in enumerate((2, 0, 1, 0)):
        alone = model(seeds=(seed,), columns=columns)
        one = alone.at(theta[:, i : i + 1])
        assert state.height[i] == pytest.approx(one.height[0], rel=1e-14)
        np.testing.assert_allclose(together.gradient(state)[:, i], alone.gradient(one)[:, 0], rtol=1e-12)


def test_repeated_clusters_are_the_same_clusters():
    nested = model(seeds=(0, 1), columns=3)
    inside = nested.clusters(np.array([0.1, 0.2]))
    between = np.array([0.0, 0.0, 0.4, 0.5])
    height = nested.state(inside.repeat(2), between).height
    np.testing.assert_array_equal(height[:2], nested.state(inside, between[:2]).height)
    np.testing.assert_array_equal(height[2:], nested.state(inside, between[2:]).height)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("restricted", [True, False])
def test_condensed_clusters_are_as_high(restricted, columns):
    present = np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 0.0])[:, None]
    nested = model(restricted, seeds=(0, 1, 2), columns=columns, present=present)
    nested.variance[[0, 4], 1] = 1e-12, 1e-9
    for between, within in ([0.2, 0.05], [0.0, 0.3], [1e-6, 0.0], [1e7, 1e-13]):
        clusters = nested.clusters(np.full(3, within))
        few = nested.condensed(clusters)
        assert len(few.effect_rest) == (3 if columns == 3 else 0)
        plain, ours = (nested.state(each, np.full(3, between)).height for each in (clusters, few))
        np.testing.assert_allclose(ours, plain, rtol=1e-12)


def test_some_clusters_are_taken_as_they_are():
    nested = model(seeds=(0, 1, 2), columns=3)
    within, index = np.array([0.1, 0.2, 0.3]), np.array([2, 0, 2])
    taken = nested.clusters(within).take(index)
    alone = nested.take(index).clusters(within[index])
    for name in ("weight", "effect", "design_rest", "volume"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(alone, name))
