"""The likelihood of nested effects: its derivatives and its peaks."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.nested_likelihood import NestedModel, maximize

SIZE = np.array([3, 1, 4, 2])
FIRST = np.cumsum(SIZE) - SIZE


def model(restricted=True, seed=0, columns=1):
    rng = np.random.default_rng(seed)
    variance = np.concatenate([np.sort(rng.uniform(0.01, 0.3, size)) for size in SIZE])
    effect = rng.normal(0, 0.5, 4).repeat(SIZE) + rng.normal(0, 0.3, SIZE.sum())
    design = np.column_stack([np.ones(SIZE.sum()), rng.normal(size=SIZE.sum())])[:, :columns]
    return NestedModel(effect, variance, design, FIRST, SIZE, restricted)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("restricted", [True, False])
def test_the_gradient_is_the_derivative_of_the_likelihood(restricted, columns):
    nested, theta = model(restricted, columns=columns), np.array([0.2, 0.05])
    step = 1e-25
    for which, unit in enumerate(np.eye(2)):
        # The likelihood differentiated by a complex step, exact to rounding.
        expected = nested.state(theta + 1j * step * unit).log_likelihood.imag / step
        assert nested.state(theta).gradient[which] == pytest.approx(expected, rel=1e-11)


def test_the_curvature_is_the_derivative_of_the_gradient():
    nested, theta, step = model(), np.array([0.2, 0.05]), 1e-5
    for which, unit in enumerate(np.eye(2)):
        ahead, behind = (nested.state(theta + sign * step * unit).gradient for sign in (1, -1))
        # A central difference: good to step² relative.
        np.testing.assert_allclose(nested.curvature(theta)[which], (ahead - behind) / (2 * step), rtol=1e-5)


def test_the_diagonal_of_the_inverse_is_exact():
    nested, between, within = model(), 0.2, 0.05
    member = np.repeat(np.eye(4), SIZE, axis=0)
    with mp.workdps(30):
        total = mp.matrix((np.diag(nested.variance + within) + between * member @ member.T).tolist()) ** -1
        trace = sum(total[i, i] for i in range(len(member)))
        square = mp.matrix([[mpf(1)] * len(member)]) * total * total * mp.matrix([1] * len(member))
        precision = sum(total[i, j] for i in range(len(member)) for j in range(len(member)))
        expected = float(trace - square[0] / precision)
    state = nested.state(np.array([between, within]))
    weight = np.linalg.inv(np.diag(nested.variance + within) + between * member @ member.T)
    rest = nested.effect - nested.design @ state.beta
    assert np.sum((weight @ rest) ** 2) - 2 * state.gradient[1] == pytest.approx(expected, rel=1e-10)


def test_a_fixed_variance_stays_fixed():
    nested = model()
    free = maximize(nested)
    held = maximize(nested, fixed=0, value=0.7)
    assert held[0] == 0.7
    assert nested.state(held).log_likelihood <= nested.state(free).log_likelihood


@pytest.mark.parametrize("seed", range(6))
def test_at_the_peak_the_gradient_is_zero_or_points_out(seed):
    nested = model(seed=seed)
    peak = maximize(nested)
    gradient = nested.state(peak).gradient
    for value, slope in zip(peak, gradient, strict=True):
        assert abs(slope) < 1e-8 if value > 0 else slope <= 0
