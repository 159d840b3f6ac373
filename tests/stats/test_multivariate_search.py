"""The search for the highest likelihood of several outcomes, against dense grids and derivatives of dense matrices."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from mpmath import mp
from scipy.optimize import minimize

from bmac_meta.stats.multivariate_likelihood import Model, log_diagonal
from bmac_meta.stats.multivariate_search import _signs, climb, highest, starting_factors

LANE = np.zeros(1, dtype=int)


def trials(seed, count=6, between=((0.3, 0.2), (0.2, 0.4))):
    """Return effects (count, 2) and covariances of errors (count, 2, 2) of trials with two outcomes."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.2, 1.0, (count, 2))
    errors = deviation[:, :, None] * deviation[:, None, :] * [[1.0, 0.4], [0.4, 1.0]]
    effect = [rng.multivariate_normal([0.5, -0.5], error + np.array(between)) for error in errors]
    return np.array(effect), errors


def model(effect, errors, restricted=True):
    """Return the model of one analysis, with a block for each trial and a mean for each outcome."""
    root, count = np.linalg.cholesky(errors), len(effect)
    plain = np.concatenate([effect[:, :, None], np.broadcast_to(np.eye(2), errors.shape)], axis=2)
    white = np.linalg.solve(root, plain)
    parts = white[None, :, :, 0], white[None, :, :, 1:], white[None, :, :, None, 1:]
    volume = np.array([2 * log_diagonal(root).sum()])
    return Model(*parts, volume, np.array([2 * np.log(count)]), np.array([2 * count]), restricted)


def heights(effect, errors, between, restricted=True):
    """Return restricted log-likelihoods at covariances between outcomes (g, 2, 2), trial by trial."""
    total = errors + between[:, None]
    inverse = np.linalg.inv(total)
    precision = inverse.sum(axis=1)
    beta = np.linalg.solve(precision, np.einsum("gtij,tj->gi", inverse, effect)[..., None])[..., 0]
    rest = effect - beta[:, None]
    value = np.linalg.slogdet(total)[1].sum(axis=1) + np.einsum("gti,gtij,gtj->g", rest, inverse, rest)
    if restricted:
        value += np.linalg.slogdet(precision)[1] - 2 * np.log(len(effect))
    return -0.5 * (value + (effect.size - 2 * restricted) * np.log(2 * np.pi))


def best_of_grid(effect, errors, restricted):
    """Return the highest log-likelihood of a grid of variances and correlations, polished from its best places."""
    tau, correlations = np.concatenate([[0.0], np.geomspace(1e-2, 20, 16)]), np.linspace(-1, 1, 17)
    places = np.array([(a, b, r) for a, b, r in product(tau, tau, correlations)])

    def between(place):
        a, b, r = np.asarray(place).T
        return np.moveaxis(np.array([[a * a, a * b * r], [a * b * r, b * b]]), (0, 1), (-2, -1))

    found = heights(effect, errors, between(places), restricted)
    bounds = [(0, None), (0, None), (-1, 1)]
    polished = [
        minimize(
            lambda place: -heights(effect, errors, between(place[None]), restricted)[0],
            start,
            bounds=bounds,
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-10},
        ).fun
        for start in places[np.argsort(found)[-8:]]
    ]
    return max(found.max(), -min(polished))


def starts(effect):
    square = np.var(effect, axis=0)[None]
    return starting_factors(square, 0.3 * square)


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_on_a_dense_grid_is_higher(seed, restricted):
    # Few trials and no heterogeneity in half of the samples: tops at the edge, where a variance or 1 − |r| is 0.
    spread = np.zeros((2, 2)) if seed % 2 else ((0.3, 0.2), (0.2, 0.4))
    effect, errors = trials(seed, count=4 + seed, between=spread)
    whole = model(effect, errors, restricted)
    factor, arrived = highest(whole, starts(effect))
    top = whole.fit(LANE, factor).height[0]
    best = best_of_grid(effect, errors, restricted)
    assert arrived.all()
    assert top == pytest.approx(best, abs=1e-6)
    assert top >= best - 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_where_a_climb_ends_the_dense_likelihood_is_level_and_falls_all_around(seed):
    effect, errors = trials(seed, count=12, between=((2.0, 0.3), (0.3, 1.5)))
    factor, _, arrived = climb(model(effect, errors), LANE, np.array([[[1.0, 0.0], [0.3, 0.5]]]))
    assert arrived.all()
    between = (factor @ factor.swapaxes(1, 2))[0]
    lower = np.linalg.cholesky(between)

    def height(a, b, c):
        matrix = mp.matrix([[a * a, a * b], [a * b, b * b + c * c]])
        inverses = [(mp.matrix(error.tolist()) + matrix) ** -1 for error in errors]
        precision = sum(inverses[1:], inverses[0])
        pulls = [one * mp.matrix(row.tolist()) for one, row in zip(inverses, effect, strict=True)]
        beta = precision**-1 * sum(pulls[1:], pulls[0])
        rests = [mp.matrix(row.tolist()) - beta for row in effect]
        value = mp.log(mp.det(precision)) - mp.fsum(mp.log(mp.det(one)) for one in inverses)
        return -(value + mp.fsum((r.T * one * r)[0] for one, r in zip(inverses, rests, strict=True))) / 2

    place = [mp.mpf(each) for each in (lower[0, 0], lower[1, 0], lower[1, 1])]
    with mp.workdps(30):
        slope = [mp.diff(height, place, tuple(int(i == j) for j in range(3))) for i in range(3)]
        bend = [
            [mp.diff(height, place, tuple(int(i == k) + int(j == k) for k in range(3))) for j in range(3)]
            for i in range(3)
        ]
    slope, bend = np.array(slope, dtype=float), np.array(bend, dtype=float)
    assert np.abs(np.linalg.solve(bend, slope)).max() < 1e-8
    assert np.linalg.eigvalsh(bend).max() < 0


def test_a_climb_does_not_stay_where_all_is_level_but_not_at_a_top():
    # At no heterogeneity the slope in the factor is 0 whatever the data say.
    effect, errors = trials(1, count=10)
    whole = model(effect, errors)
    nothing = np.zeros((1, 2, 2))
    _, top, arrived = climb(whole, LANE, nothing)
    assert arrived.all()
    assert top[0] > whole.fit(LANE, nothing).height[0] + 0.1
    assert top[0] == pytest.approx(best_of_grid(effect, errors, True), abs=1e-6)


def test_without_heterogeneity_the_top_is_at_nothing():
    _, errors = trials(2)
    effect = np.tile([0.5, -0.5], (6, 1))
    factor, arrived = highest(model(effect, errors), starting_factors(np.ones((1, 2)), np.ones((1, 2))))
    assert arrived.all()
    assert np.abs(factor).max() < 1e-5


def test_the_highest_of_several_tops_is_returned_whatever_the_order_of_starts():
    effect, errors = trials(1034, count=4)
    effect = np.round(effect * np.random.default_rng(1034).choice([1, 3]), 1)
    whole = model(effect, errors)
    factors = starts(effect)
    every = climb(whole, np.zeros(factors.shape[1], dtype=int), factors[0])[1]
    assert every.max() - every.min() > 0.02
    for order in (slice(None), slice(None, None, -1)):
        found, _ = highest(whole, factors[:, order])
        assert whole.fit(LANE, found).height[0] == pytest.approx(every.max(), rel=1e-10)


def test_analyses_of_a_batch_end_where_they_do_alone():
    parts = [trials(seed) for seed in range(3)]
    models = [model(*part) for part in parts]
    names = ("effect", "design", "member", "volume", "constant", "rows")
    both = Model(*(np.concatenate([getattr(each, name) for each in models]) for name in names), True)
    factors = np.concatenate([starts(effect) for effect, _ in parts])
    together, arrived = highest(both, factors)
    assert arrived.all()
    for row, single in enumerate(models):
        alone, _ = highest(single, factors[row : row + 1])
        ours, own = (each @ each.T for each in (together[row], alone[0]))
        np.testing.assert_allclose(ours, own, rtol=1e-6, atol=1e-9)


def test_a_change_of_units_moves_the_top_along():
    effect, errors = trials(4, count=9)
    scale = np.array([1.0, 64.0])
    here, _ = highest(model(effect, errors), starts(effect))
    scaled = effect * scale, errors * scale[:, None] * scale
    there, _ = highest(model(*scaled), starts(scaled[0]))
    one, other = ((each @ each.swapaxes(1, 2))[0] for each in (here, there))
    np.testing.assert_allclose(other / np.outer(scale, scale), one, rtol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_starts_have_the_variances_asked_for_and_correlations_of_all_patterns(size):
    largest, alone = np.arange(1.0, size + 1)[None], 0.5 * np.arange(1.0, size + 1)[None]
    factors = starting_factors(largest, alone)[0]
    between = factors @ factors.swapaxes(1, 2)
    variances = np.diagonal(between, axis1=1, axis2=2)
    for expected in (largest, 0.1 * largest, 0.001 * largest, alone):
        assert (np.isclose(variances, expected, rtol=1e-12).all(axis=1)).any()
    deviation = np.sqrt(variances)
    correlation = between / deviation[:, :, None] / deviation[:, None, :]
    off = np.abs(correlation[:, ~np.eye(size, dtype=bool)])
    assert (np.isclose(off, 0.0) | np.isclose(off, 0.9)).all()
    assert np.linalg.eigvalsh(between).min() > 0
    if size > 1:
        # Each outcome has much while the others have little, and the other way about.
        little = np.isclose(variances, 0.01)
        for own in range(size):
            for kind in (np.arange(size) == own, np.arange(size) != own):
                assert (little == ~kind).all(axis=1).any()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_patterns_of_signs_are_all_with_two_against_the_others_once(size):
    expected = set()
    for signs in product([1, -1], repeat=size):
        against = min(signs.count(1), signs.count(-1))
        if against <= 2:
            expected.add(signs if signs[0] == 1 else tuple(-each for each in signs))
    found = [tuple(int(each) for each in signs) for signs in _signs(size)]
    assert len(found) == len(set(found))
    assert set(found) == expected
