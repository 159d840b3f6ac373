"""Pools in which one of two groups is weighted down, against full matrices in many digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import diag, eye, mp, mpf, ones, sqrt
from scipy.special import stdtrit

from bmac_meta.stats.two_groups import TwoGroups

FIRST = np.array([True, True, False, True, False, False])
Y = np.array([1.3, 0.9, 0.2, 2.1, -0.4, 0.7])
SPREADS = {
    "alike": np.array([0.2, 0.3, 0.25, 0.4, 0.3, 0.2]),
    "one trial dominates": np.array([0.2, 1e-9, 0.25, 0.4, 0.3, 0.2]),
    "one of the others dominates": np.array([0.2, 0.3, 1e-9, 0.4, 0.3, 0.2]),
    "of any size": np.array([1e-12, 1e-3, 1e12, 1e5, 1e-8, 1.0]),
}


def groups_of(y, spread, first=FIRST, present=None, robust=True):
    """Return one meta-analysis of two groups."""
    rows = [np.atleast_2d(part) for part in (y, spread, np.ones(len(y), bool) if present is None else present, first)]
    return TwoGroups.of(*rows, robust)


def written_out(y, spread, first, chance):
    """Return mean, CR2 standard error and Satterthwaite's df from the full matrices."""
    with mp.workdps(120):
        k = len(y)
        effects, variances = [mpf(float(a)) for a in y], [mpf(float(a)) for a in spread]
        weights = [(mpf(chance) if own else 1) / v for own, v in zip(first, variances, strict=True)]
        share = [w / sum(weights) for w in weights]
        mean = sum(s * a for s, a in zip(share, effects, strict=True))
        rest = eye(k) - ones(k, 1) * mp.matrix([share])
        covariance = rest * diag(variances) * rest.T
        meat = [s**2 * v / covariance[i, i] for i, (s, v) in enumerate(zip(share, variances, strict=True))]
        variance = sum(m * (a - mean) ** 2 for m, a in zip(meat, effects, strict=True))
        first_moment = sum(m * covariance[i, i] for i, m in enumerate(meat))
        second = sum(meat[i] * meat[j] * covariance[i, j] ** 2 for i in range(k) for j in range(k))
        return float(mean), float(sqrt(variance)), float(first_moment**2 / second)


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("chance", [1.0, 0.2, 1e-3, 1e-9, 1e-15])
@pytest.mark.parametrize("offset", [0.0, 2.0**20])
def test_estimate_error_and_degrees_of_freedom_are_those_of_the_full_matrices(name, chance, offset):
    spread = SPREADS[name]
    mean, se, df = (part.item() for part in groups_of(Y + offset, spread).at_chance(chance))
    expected = written_out(Y + offset, spread, FIRST, chance)
    # A few roundings of the mean; no digit is lost in the others, since only positive terms are added.
    assert mean == pytest.approx(expected[0], rel=1e-14, abs=1e-15)
    assert (se, df) == (pytest.approx(expected[1], rel=1e-13), pytest.approx(expected[2], rel=1e-13))


@pytest.mark.parametrize("chance", [1.0, 1e-3, 1e-6, 1e-12])
def test_no_digit_is_lost_where_one_trial_of_the_second_group_takes_all_the_weight(chance):
    first = np.array([True, True, True, True, True, False])
    mean, se, df = (part.item() for part in groups_of(Y, SPREADS["alike"], first).at_chance(chance))
    expected = written_out(Y, SPREADS["alike"], first, chance)
    assert (mean, se, df) == (
        pytest.approx(expected[0], rel=1e-13),
        pytest.approx(expected[1], rel=1e-13),
        pytest.approx(expected[2], rel=1e-13),
    )


def test_at_a_chance_of_zero_the_second_group_counts_alone():
    spread = SPREADS["alike"]
    found = [part.item() for part in groups_of(Y, spread).at_chance(0.0)]
    assert found == pytest.approx(written_out(Y[~FIRST], spread[~FIRST], [False] * 3, 1.0), rel=1e-13)


def test_what_is_left_alone_has_no_sandwich_error_and_an_empty_group_nothing():
    alone = np.array([True, True, True, True, True, False])
    mean, se, df = (part.item() for part in groups_of(Y, SPREADS["alike"], alone).at_chance(0.0))
    assert mean == Y[-1]
    assert np.isnan([se, df]).all()
    plain = groups_of(Y, SPREADS["alike"], alone, robust=False).at_chance(0.0)
    assert [part.item() for part in plain] == [Y[-1], pytest.approx(np.sqrt(0.2)), np.inf]
    for robust in (True, False):
        empty = groups_of(Y, SPREADS["alike"], np.ones(6, bool), robust=robust).at_chance(0.0)
        assert np.isnan(np.concatenate(empty)).all()


def test_absent_trials_change_nothing():
    present = np.array([True, True, True, False, True, False])
    whole = groups_of(np.where(present, Y, 0.0), np.where(present, SPREADS["alike"], 1.0), FIRST, present)
    alone = groups_of(Y[present], SPREADS["alike"][present], FIRST[present])
    for chance in (0.0, 0.1, 1.0):
        np.testing.assert_allclose(whole.at_chance(chance), alone.at_chance(chance), rtol=1e-14)
    target = 0.1
    np.testing.assert_allclose(whole.smallest_ratio(target, 0.5), alone.smallest_ratio(target, 0.5), rtol=1e-12)


def test_a_common_effect_comes_to_its_target_where_the_quadratic_says():
    # (cA + N)² = t²(c²a + n) with t = 1.96, c = 1/ratio, a and n the weights, A and N the weighted distances from 0.
    y, spread = np.array([5.0, 6.0, 0.1, -0.3]), np.array([1e-9, 2e-9, 3.0, 2.0])
    first = np.array([True, True, False, False])
    weights = 1.0 / spread
    a, n = weights[first].sum(), weights[~first].sum()
    above, others = (weights * y)[first].sum(), (weights * y)[~first].sum()
    t = 3.182446305284263  # t(3) at 95 %
    with mp.workdps(50):
        quadratic = [mpf(above) ** 2 - mpf(t) ** 2 * a, 2 * mpf(above) * others, mpf(others) ** 2 - mpf(t) ** 2 * n]
        chance = max(root.real for root in mp.polyroots(quadratic, maxsteps=200, extraprec=200))
    ratio = groups_of(y, spread, first, robust=False).smallest_ratio(0.0, 0.95).item()
    # Beyond a thousand million, and found all the same: rounding of t and of log(ratio).
    assert ratio == pytest.approx(float(1 / chance), rel=1e-12)
    assert ratio > 1e9


@pytest.mark.parametrize("seed", range(4))
def test_the_ratio_is_the_first_on_a_fine_grid_whatever_the_variances(seed):
    draw = np.random.default_rng(seed)
    reach = (1.0, 3.0, 6.0, 12.0)[seed]
    spread = 10.0 ** draw.uniform(-reach, reach, (60, 6))
    y = draw.normal(1.0, 1.0, (60, 6)) * np.sqrt(spread) * 3.0
    first = y > 2.0 * np.sqrt(spread)
    both = first.any(axis=1) & ~first.all(axis=1)
    pools = TwoGroups.of(y[both], spread[both], np.ones_like(first[both]), first[both], True)
    found = pools.smallest_ratio(0.0, 0.95)
    assert found.size > 20
    start = np.log(pools.total[:, 0] / pools.total[:, 1])
    x = start[:, None] - np.linspace(0.0, 150.0, 5001)
    for row in range(found.size):
        below = pools.take(np.array([row])).lower(x[row : row + 1], 0.95)[0] <= 0.0
        if not below.any():
            assert found[row] == np.inf
            continue
        index = int(below.argmax())
        near = np.exp(start[row] - x[row, max(index - 1, 0)]), np.exp(start[row] - x[row, index])
        assert near[0] * (1 - 1e-9) <= found[row] <= near[1] * (1 + 1e-9)


def test_a_passage_is_found_even_where_hardly_any_weight_is_left():
    # The precise trial of the second group is on its own until the first group has 1e-24 of the weight; only then is
    # its distance from the wild one what the standard error is made of, and the limit falls.
    y = np.array([0.1, 0.1, 0.1, 0.1, 1.5e24])
    spread = np.array([1e-10, 1e-10, 1e-10, 1e-5, 1e48])
    first = np.array([True, True, True, False, False])
    ratio = groups_of(y, spread, first).smallest_ratio(0.07, 0.95).item()
    assert 1e20 < ratio < 1e40
    mean, se, df = written_out(y, spread, first, 1.0 / ratio)
    # One of 1e-9 is what is left of the digits of a logarithm near 70.
    assert mean - stdtrit(df, 0.975) * se == pytest.approx(0.07, rel=1e-9)


def test_a_group_that_is_empty_leaves_the_limit_where_it_is():
    for first in (np.zeros(6, bool), np.ones(6, bool)):
        pools = groups_of(Y, SPREADS["alike"], first)
        mean, se, _ = (part.item() for part in pools.at_chance(1.0))
        assert pools.smallest_ratio(mean, 0.95).item() == 1.0
        assert pools.smallest_ratio(mean - 1e3 * se, 0.95).item() == np.inf
