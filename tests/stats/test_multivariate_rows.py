"""The rows of analyses of several outcomes: blocks, units, what is absent, and starts, against plain matrices."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.batch import as_batch
from bmac_meta.stats.multivariate_rows import Rows
from bmac_meta.stats.tau2 import estimate_tau2

TRIAL = np.repeat(np.arange(5), 2)
OUTCOME = np.tile([0, 1], 5)
LANE = np.zeros(1, dtype=int)
FACTOR = np.array([[0.4, 0.0], [-0.2, 0.3]])


def data(seed, correlation=0.5, scale=1.0):
    """Return effects and covariance of errors of five trials with two outcomes, the second in units of its own."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.1, 0.6, 10) * np.where(OUTCOME == 1, scale, 1.0)
    linked = np.where(TRIAL[:, None] == TRIAL, correlation, 0.0) + (1 - correlation) * np.eye(10)
    effect = rng.normal(size=10) * np.where(OUTCOME == 1, scale, 1.0)
    return effect, linked * deviation[:, None] * deviation


def rows(effect, errors, mask=None, columns=None):
    columns = np.eye(2)[OUTCOME][None] if columns is None else columns
    batch = as_batch(effect, np.diagonal(errors, axis1=-2, axis2=-1), mask)
    return Rows.of(batch, errors, columns, OUTCOME, TRIAL)


def height(effect, errors, between, columns, kept):
    """Return the restricted log-likelihood, the coefficients and their covariance, from plain matrices."""
    same = TRIAL[:, None] == TRIAL
    total = (errors + same * between[OUTCOME[:, None], OUTCOME])[np.ix_(kept, kept)]
    y, x = effect[kept], columns[kept]
    inverse = np.linalg.inv(total)
    precision = x.T @ inverse @ x
    beta = np.linalg.solve(precision, x.T @ inverse @ y)
    rest = y - x @ beta
    logs = [np.linalg.slogdet(part)[1] for part in (total, precision, x.T @ x)]
    value = logs[0] + logs[1] - logs[2] + rest @ inverse @ rest + (len(y) - x.shape[1]) * np.log(2 * np.pi)
    return -value / 2, beta, np.linalg.inv(precision)


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e9])
def test_the_model_has_the_likelihood_of_the_data_in_their_own_units(scale):
    effect, errors = data(0, scale=scale)
    model, unit, base = rows(effect, errors).model(slice(0, 1), True)
    factor = FACTOR * [[1.0], [scale]]
    fit = model.fit(LANE, factor[None] / unit[:, :, None])
    expected, beta, covariance = height(effect, errors, factor @ factor.T, np.eye(2)[OUTCOME], np.arange(10))
    assert fit.height[0] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(base[0] + fit.beta[0], beta, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance[0], covariance, rtol=1e-9)


def test_units_are_powers_of_two_near_the_smallest_error_of_each_outcome():
    effect, errors = data(1, scale=1e5)
    _, unit, _ = rows(effect, errors).model(slice(0, 1), True)
    smallest = [np.sqrt(np.diag(errors)[own == OUTCOME].min()) for own in (0, 1)]
    assert (np.abs(np.log2(unit[0] / smallest)) <= 1).all()
    assert (np.frexp(unit)[0] == 0.5).all()


def test_the_coefficients_that_effects_are_measured_from_are_those_without_heterogeneity():
    effect, errors = data(2)
    _, _, base = rows(effect + 1e8, errors).model(slice(0, 1), True)
    _, expected, _ = height(effect, errors, np.zeros((2, 2)), np.eye(2)[OUTCOME], np.arange(10))
    np.testing.assert_allclose(base[0], expected + 1e8, rtol=1e-15, atol=1e-7)


def test_what_is_absent_is_never_used():
    effect, errors = data(3)
    mask = np.ones(10, dtype=bool)
    mask[[1, 6]] = False
    spoilt, wrong = np.where(mask, effect, 1e20), np.where(mask[:, None] & mask, errors, np.nan)
    wrong[[1, 6], [1, 6]] = -1.0
    columns = np.where(mask[:, None], np.eye(2)[OUTCOME], 1e9)[None]
    model, unit, base = rows(spoilt, wrong, mask, columns).model(slice(0, 1), True)
    fit = model.fit(LANE, FACTOR[None] / unit[:, :, None])
    expected, beta, _ = height(effect, errors, FACTOR @ FACTOR.T, np.eye(2)[OUTCOME], np.flatnonzero(mask))
    assert fit.height[0] == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(base[0] + fit.beta[0], beta, rtol=1e-10)
    assert model.rows.tolist() == [8]


def test_trials_with_correlated_errors_are_one_block():
    effect, errors = data(4)
    errors[0, 4] = errors[4, 0] = 0.2 * np.sqrt(errors[0, 0] * errors[4, 4])
    found = rows(effect, errors)
    together = [set(row[here].tolist()) for row, here in zip(found.blocks.row, found.blocks.present, strict=True)]
    assert {0, 1, 4, 5} in together
    assert found.blocks.trials == 2
    model, unit, _ = found.model(slice(0, 1), True)
    expected, _, _ = height(effect, errors, FACTOR @ FACTOR.T, np.eye(2)[OUTCOME], np.arange(10))
    assert model.fit(LANE, FACTOR[None] / unit[:, :, None]).height[0] == pytest.approx(expected, rel=1e-11)


def test_errors_that_are_correlated_where_a_row_is_absent_link_nothing():
    effect, errors = data(5)
    errors[0, 4] = errors[4, 0] = 0.01
    mask = np.ones((2, 10), dtype=bool)
    mask[0, 0], mask[1, 4] = False, False
    apart = rows(effect, errors, mask[:1])
    assert apart.blocks.trials == 1
    either = rows(np.tile(effect, (2, 1)), np.tile(errors, (2, 1, 1)), mask)
    assert either.blocks.trials == 1
    # One matrix for both analyses is looked at with what is present in either.
    shared = rows(np.tile(effect, (2, 1)), errors, mask)
    assert shared.blocks.trials == 2


def test_a_batch_is_one_analysis_after_the_other():
    parts = [data(seed, scale=10.0**seed) for seed in range(3)]
    effect, errors = (np.stack(part) for part in zip(*parts, strict=True))
    mask = np.ones((3, 10), dtype=bool)
    mask[1, 3] = False
    together = rows(effect, errors, mask)
    model, unit, base = together.model(slice(1, 3), True)
    for lane, row in enumerate((1, 2)):
        alone, own, start = rows(effect[row], errors[row], mask[row]).model(slice(0, 1), True)
        np.testing.assert_array_equal(unit[lane], own[0])
        np.testing.assert_allclose(base[lane], start[0], rtol=1e-12)
        ours = model.fit(np.array([lane]), FACTOR[None]).height
        assert ours[0] == pytest.approx(alone.fit(LANE, FACTOR[None]).height[0], rel=1e-13)


def spoilt(kind):
    matrix = data(6)[1]
    if kind == "indefinite":
        matrix[2, 3] = matrix[3, 2] = 1.1 * np.sqrt(matrix[2, 2] * matrix[3, 3])
    elif kind == "singular":
        matrix[2, 3] = matrix[3, 2] = np.sqrt(matrix[2, 2] * matrix[3, 3])
    elif kind == "asymmetric":
        matrix[2, 3] *= 1.001
    elif kind == "not finite":
        matrix[2, 3] = matrix[3, 2] = np.nan
    elif kind == "negative":
        matrix[4, 4] = -matrix[4, 4]
    return matrix


@pytest.mark.parametrize("kind", ["indefinite", "singular", "asymmetric", "not finite"])
def test_a_matrix_that_is_no_covariance_is_suspected_by_its_number(kind):
    effect, errors = data(6)
    batch = as_batch(np.tile(effect, (3, 1)), np.tile(np.diag(errors), (3, 1)))
    matrices = np.stack([errors, spoilt(kind), errors])
    found = Rows.of(batch, matrices, np.eye(2)[OUTCOME][None], OUTCOME, TRIAL)
    assert list(found.suspects()) == [1]


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_a_covariance_in_any_units_is_not_suspected(scale):
    assert not list(rows(*data(7, correlation=0.999, scale=scale)).suspects())


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_starts_are_covariances_in_the_units_of_the_errors(method):
    starts = []
    for scale in (1.0, 2.0**20):
        found = rows(*data(8, scale=scale))
        _, unit, base = found.model(slice(0, 1), True)
        starts.append(found.starts(slice(0, 1), unit, base, method)[0])
        assert np.isfinite(starts[-1]).all()
    np.testing.assert_allclose(starts[1], starts[0], rtol=1e-9)
    between = starts[0] @ starts[0].swapaxes(1, 2)
    variances = np.diagonal(between, axis1=1, axis2=2)
    assert (variances > 0).all()
    correlation = between[:, 0, 1] / np.sqrt(variances.prod(axis=1))
    assert np.round(correlation, 9).min() == -0.9
    assert np.round(correlation, 9).max() == 0.9
    # Each outcome's mean square about its mean is among the variances, and so is something far below it.
    effect, unit = data(8)[0], rows(*data(8)).model(slice(0, 1), True)[1][0]
    variance = np.diag(data(8)[1])
    for own in (0, 1):
        here = own == OUTCOME
        alone = estimate_tau2(effect[here], variance=variance[here], method=method).tau2 / unit[own] ** 2
        assert alone > 0.01
        assert np.isclose(variances[:, own], alone, rtol=1e-9).any()
        spread = np.var(effect[here]) / unit[own] ** 2
        assert np.isclose(variances[:, own], spread, rtol=1e-9).any()
        assert variances[:, own].min() < 0.01 * spread


def test_the_size_of_an_analysis_grows_with_its_rows_only():
    # Blocks of single trials: ten times the trials hold ten times the numbers.
    few = rows(*data(9)).cells
    trial, outcome = np.repeat(np.arange(50), 2), np.tile([0, 1], 50)
    batch = as_batch(np.arange(100.0), np.ones(100))
    many = Rows.of(batch, np.eye(100), np.eye(2)[outcome][None], outcome, trial).cells
    assert many == 10 * few
