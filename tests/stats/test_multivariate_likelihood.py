"""The likelihood of several outcomes of the same trials, against dense matrices with many digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.multivariate_likelihood import Blocks, Model, _orthonormal, log_diagonal

# Three trials that report both outcomes, one that reports the first only, one that reports the second only.
REPORTED = np.array([[1, 1], [1, 1], [1, 0], [0, 1], [1, 1]], dtype=bool)
FACTOR = np.array([[0.7, 0.0], [-0.3, 0.4]])
LANE = np.zeros(1, dtype=int)


def trials(seed, scale=1.0):
    """Return effects, covariances of errors and design rows of five trials with two outcomes, (5, 2, …)."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.1, 0.5, (5, 2)) * [1.0, scale]
    errors = deviation[:, :, None] * deviation[:, None, :] * [[1.0, 0.4], [0.4, 1.0]]
    design = np.zeros((5, 2, 3))
    design[:, [0, 1], [0, 1]] = 1.0
    design[:, 0, 2] = rng.normal(size=5)
    return rng.normal(size=(5, 2)), errors, design


def model(data, restricted=True):
    """Return the model of one analysis, with a block for each trial."""
    effect, errors, design = data
    pairs = REPORTED[:, :, None] & REPORTED[:, None, :]
    root = np.linalg.cholesky(np.where(pairs, errors, np.eye(2)))

    def white(values):
        kept = np.where(REPORTED.reshape(5, 2, *(1,) * (values.ndim - 2)), values, 0.0)
        return np.linalg.solve(root, kept.reshape(5, 2, -1)).reshape(1, *values.shape)

    rows = design[REPORTED]
    constant = np.linalg.slogdet(rows.T @ rows)[1]
    member = np.broadcast_to(np.eye(2)[:, None], (5, 2, 1, 2))
    parts = (white(part) for part in (effect, design, member))
    return Model(*parts, np.array([2 * log_diagonal(root).sum()]), np.array([constant]), np.array([8]), restricted)


def dense(data):
    """Return effects, design, covariance of errors and of membership in trials and outcomes, as exact matrices."""
    effect, errors, design = data
    trial, outcome = np.nonzero(REPORTED)
    same = trial[:, None] == trial
    known = np.where(same, errors[trial[:, None], outcome[:, None], outcome], 0.0)
    parts = (effect[REPORTED], design[REPORTED], known, same.astype(float))
    return [mp.matrix(part.tolist()) for part in parts], outcome


def height(data, between, restricted):
    """Return the log-likelihood at a covariance between outcomes (2, 2) of exact numbers."""
    (y, x, known, same), outcome = dense(data)
    size = range(len(outcome))
    total = mp.matrix([[known[i, j] + same[i, j] * between[outcome[i]][outcome[j]] for j in size] for i in size])
    inverse = total**-1
    precision = x.T * inverse * x
    beta = precision**-1 * x.T * inverse * y
    rest = y - x * beta
    value = mp.log(mp.det(total)) + (rest.T * inverse * rest)[0] + (x.rows - restricted * x.cols) * mp.log(2 * mp.pi)
    if restricted:
        value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
    return -value / 2, beta, precision**-1, (rest.T * inverse * rest)[0]


def squared(factor):
    return [[mp.fsum(factor[i, k] * factor[j, k] for k in range(2)) for j in range(2)] for i in range(2)]


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("factor", [FACTOR, np.zeros((2, 2)), 1e6 * FACTOR, np.outer([0.5, 2.0], [1.0, 0.0])])
def test_a_fit_is_that_of_dense_matrices(factor, restricted):
    data = trials(1)
    fit = model(data, restricted).fit(LANE, factor[None])
    with mp.workdps(60):
        value, beta, covariance, misfit = height(data, squared(mp.matrix(factor.tolist())), restricted)
    assert fit.height[0] == pytest.approx(float(value), rel=1e-12)
    assert fit.misfit[0] == pytest.approx(float(misfit), rel=1e-9)
    np.testing.assert_allclose(fit.beta[0], [float(each) for each in beta], rtol=1e-9)
    np.testing.assert_allclose(fit.covariance[0], np.array(covariance.tolist(), dtype=float), rtol=1e-9)


def test_a_variance_a_trillion_times_the_errors_costs_no_digits_of_the_other_outcome():
    data = trials(2)
    factor = np.array([[1e6, 0.0], [0.0, 0.0]])
    fit = model(data).fit(LANE, factor[None])
    with mp.workdps(80):
        value, beta, _, _ = height(data, squared(mp.matrix(factor.tolist())), True)
    assert fit.height[0] == pytest.approx(float(value), rel=1e-13)
    np.testing.assert_allclose(fit.beta[0, 1], float(beta[1]), rtol=1e-11)


@pytest.mark.parametrize("precise", range(5))
def test_errors_of_24_decades_cost_few_digits(precise):
    effect, errors, design = trials(9)
    errors[precise] *= 1e-12
    errors[(precise + 2) % 5] *= 1e12
    fit = model((effect, errors, design)).fit(LANE, np.zeros((1, 2, 2)))
    with mp.workdps(80):
        value, beta, _, misfit = height((effect, errors, design), squared(mp.zeros(2)), True)
    # The effects are a million errors of the most precise of them.
    assert fit.height[0] == pytest.approx(float(value), abs=1e-7)
    assert fit.misfit[0] == pytest.approx(float(misfit), abs=1e-7)
    np.testing.assert_allclose(fit.beta[0], [float(each) for each in beta], rtol=1e-9)


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("factor", [FACTOR, 20 * FACTOR, np.array([[1e-3, 0.0], [0.5, 1e-4]])])
def test_slopes_are_the_derivatives_of_the_height(factor, restricted):
    data, places = trials(3), [(0, 0), (1, 0), (1, 1)]
    whole = model(data, restricted)
    gradient, matrix = whole.slopes(whole.fit(LANE, factor[None]), factor[None])

    def moved(*steps):
        lower = mp.matrix(factor.tolist())
        for place, step in zip(places, steps, strict=True):
            lower[place] += step
        return height(data, squared(lower), restricted)[0]

    with mp.workdps(40):
        for i in range(3):
            order = [int(i == one) for one in range(3)]
            expected = float(mp.diff(moved, (0, 0, 0), tuple(order)))
            assert gradient[0, i] == pytest.approx(expected, rel=1e-8, abs=1e-10)
            for j in range(3):
                both = tuple(int(i == one) + int(j == one) for one in range(3))
                expected = float(mp.diff(moved, (0, 0, 0), both))
                assert matrix[0, i, j] == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_a_frame_changes_the_coordinates_of_the_slopes_and_nothing_else():
    data, turn = trials(4), np.array([[0.8, -0.6], [0.6, 0.8]])
    whole = model(data)
    inner = np.array([[0.9, 0.0], [0.2, 0.3]])
    plain, turned = whole.fit(LANE, (turn @ inner)[None]), whole.fit(LANE, (turn @ inner)[None], turn[None])
    assert turned.height[0] == plain.height[0]
    gradient, _ = whole.slopes(turned, inner[None])
    for place, step in enumerate(np.eye(4).reshape(4, 2, 2)[[0, 2, 3]] * 1e-5):
        up, down = (whole.fit(LANE, (turn @ (inner + sign * step))[None]).height[0] for sign in (1, -1))
        # Central differences of step 1e-5: rounding 1e-10.
        assert gradient[0, place] == pytest.approx((up - down) / 2e-5, abs=1e-7)


@pytest.mark.parametrize("restricted", [True, False])
def test_the_information_is_the_expected_one(restricted):
    data = trials(5)
    found = model(data, restricted).information(LANE, FACTOR[None])[0]
    with mp.workdps(40):
        (_, x, known, same), outcome = dense(data)
        size, between = range(len(outcome)), squared(mp.matrix(FACTOR.tolist()))
        total = mp.matrix([[known[i, j] + same[i, j] * between[outcome[i]][outcome[j]] for j in size] for i in size])
        project = total**-1
        if restricted:
            project -= project * x * (x.T * project * x) ** -1 * x.T * project
        changes = []
        for one, other in ((0, 0), (1, 0), (1, 1)):
            both = {(one, other), (other, one)}
            # An entry off the diagonal stands at two places, and one on it is squared once: its change is of both.
            weight = 2 if one == other else 1
            changes.append(
                mp.matrix([[same[i, j] * weight * ((outcome[i], outcome[j]) in both) for j in size] for i in size])
            )
        expected = [
            [sum((project * one * project * other)[i, i] for i in size) / 2 for other in changes] for one in changes
        ]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-10)


def test_lanes_are_analyses_each_at_its_factor():
    first, second = model(trials(6)), model(trials(7))
    names = ("effect", "design", "member", "volume", "constant", "rows")
    both = Model(*(np.concatenate([getattr(each, name) for each in (first, second)]) for name in names), True)
    factors = np.stack([FACTOR, 0.1 * FACTOR, FACTOR])
    heights = both.fit(np.array([1, 0, 0]), factors).height
    alone = [each.fit(LANE, factors[i : i + 1]).height[0] for i, each in enumerate((second, first, first))]
    np.testing.assert_allclose(heights, alone, rtol=1e-14)


def linked(trial, coupled):
    """Return for each row the set of rows that can be reached through trials and correlated errors."""
    groups = [{row} for row in range(len(trial))]
    while True:
        larger = []
        for group in groups:
            more = {j for i in group for j in range(len(trial)) if trial[i] == trial[j] or coupled[i, j]}
            larger.append(group | more)
        if larger == groups:
            return groups
        groups = larger


@pytest.mark.parametrize("seed", range(10))
def test_rows_stand_in_one_block_where_trials_or_errors_link_them(seed):
    rng = np.random.default_rng(seed)
    trial = np.unique(rng.integers(0, 7, 12), return_inverse=True)[1]
    coupled = np.eye(12, dtype=bool)
    for _ in range(seed // 2):
        i, j = rng.integers(0, 12, 2)
        coupled[i, j] = coupled[j, i] = True
    blocks = Blocks.of(trial, coupled)
    groups = linked(trial, coupled)
    rows = [set(row[present].tolist()) for row, present in zip(blocks.row, blocks.present, strict=True)]
    assert sorted(row for group in rows for row in group) == list(range(12))
    for group in rows:
        assert all(groups[row] == group for row in group)
    for row, present, number in zip(blocks.row, blocks.present, blocks.trial, strict=True):
        same = trial[row[present]][:, None] == trial[row[present]]
        np.testing.assert_array_equal(number[present][:, None] == number[present], same)
        assert set(number[present].tolist()) == set(range(len(set(trial[row[present]].tolist()))))
    assert blocks.trials == max(len(set(trial[list(group)].tolist())) for group in rows)


def test_values_come_into_their_blocks_and_padding_is_nothing():
    blocks = Blocks.of(np.array([0, 1, 0, 2, 0]), np.eye(5, dtype=bool))
    values = np.arange(1.0, 11.0).reshape(2, 5)
    matrices = np.arange(50.0).reshape(2, 5, 5)
    vectors, squares = blocks.vectors(values), blocks.matrices(matrices)
    for block, (row, present) in enumerate(zip(blocks.row, blocks.present, strict=True)):
        kept = row[present]
        np.testing.assert_array_equal(vectors[:, block][:, present], values[:, kept])
        np.testing.assert_array_equal(vectors[:, block][:, ~present], 0.0)
        np.testing.assert_array_equal(
            squares[:, block][:, present][:, :, present], matrices[:, kept[:, None], kept[None, :]]
        )
        padding = np.flatnonzero(~present)
        np.testing.assert_array_equal(squares[0, block][padding], np.eye(3)[padding])


def test_the_log_diagonal_is_half_the_log_determinant_of_the_square():
    triangle = np.tril(np.random.default_rng(0).normal(size=(4, 3, 3)))
    expected = 0.5 * np.linalg.slogdet(triangle @ triangle.swapaxes(1, 2))[1]
    np.testing.assert_allclose(log_diagonal(triangle), expected, rtol=1e-12)


def test_heights_of_a_batch_of_one_outcome_follow_from_weighted_sums():
    # One outcome in eleven trials: V is diagonal, and all is Σ log v, Σ w (y − ȳ)² and log Σ w.
    rng = np.random.default_rng(8)
    y, v, tau2 = rng.normal(size=11), rng.uniform(0.1, 1.0, 11), 0.3
    root = np.sqrt(v)
    parts = y / root, 1 / root, 1 / root
    shapes = (1, 11, 1), (1, 11, 1, 1), (1, 11, 1, 1, 1)
    white = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    one = Model(*white, np.array([np.log(v).sum()]), np.array([np.log(11)]), np.array([11]), True)
    with mp.workdps(30):
        w = [1 / (mpf(each) + mpf(tau2)) for each in v.tolist()]
        mean = mp.fdot(w, y.tolist()) / mp.fsum(w)
        square = mp.fsum(each * (mpf(value) - mean) ** 2 for each, value in zip(w, y.tolist(), strict=True))
        twice = square - mp.fsum(mp.log(each) for each in w) + mp.log(mp.fsum(w)) - mp.log(11) + 10 * mp.log(2 * mp.pi)
    fit = one.fit(LANE, np.sqrt([[[tau2]]]))
    assert fit.height[0] == pytest.approx(float(-twice / 2), rel=1e-13)
    assert fit.beta[0, 0] == pytest.approx(float(mean), rel=1e-13)


def test_a_small_row_of_an_orthonormal_basis_keeps_its_digits_beside_large_ones():
    columns = np.random.default_rng(0).normal(size=(8, 3)) * 10.0 ** np.arange(-8, 8, 2)[:, None]
    basis, triangle = _orthonormal(columns[None])
    with mp.workdps(60):
        expected = mp.matrix(columns.tolist()) * mp.matrix(triangle[0].tolist()) ** -1
    away = basis[0] - np.array(expected.tolist(), dtype=float)
    assert (np.abs(away).max(axis=1) <= 1e-10 * np.abs(basis[0]).max(axis=1)).all()
    np.testing.assert_allclose(basis[0].T @ basis[0], np.eye(3), atol=1e-12)
