"""Profile-likelihood limits of the variances of nested effects."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.nested_likelihood import NestedModel
from bmac_meta.stats.nested_peaks import maximize, scan
from bmac_meta.stats.nested_profile import Profile, profile_limits

DROP = 1.92


def model(seed, restricted=True, between=0.5, within=0.3):
    rng = np.random.default_rng(seed)
    size = np.array([3, 2, 4, 1, 3])
    variance = np.concatenate([np.sort(rng.uniform(0.05, 0.3, n)) for n in size])
    effect = rng.normal(0, between, 5).repeat(size) + rng.normal(0, np.sqrt(within**2 + variance))
    ones = np.ones((13, 1))
    return NestedModel.of(effect[:, None], variance[:, None], ones, ones[None], size, restricted)


def brute_profile(nested, which, value, places=20_000):
    """Return the highest of the likelihoods on a fine grid of the other variance, with 0."""
    other = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, places)])
    theta = np.stack([np.full_like(other, value), other])
    return nested.at(theta if which == 0 else theta[::-1]).height.max()


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_at_a_limit_the_profile_has_fallen_by_the_drop(seed, restricted):
    nested = model(seed, restricted)
    peak = maximize(nested)
    limits = profile_limits(nested, DROP)[:, 0]
    assert (limits.reshape(2, 2) >= 0).all()
    for which, (low, high) in enumerate(limits.reshape(2, 2)):
        assert low <= peak.theta[which, 0] <= high < np.inf
        for limit in (low, high):
            fallen = peak.height[0] - brute_profile(nested, which, limit)
            # Steps of the grid are of 0.1%, and the likelihood is flat there.
            assert fallen == pytest.approx(DROP, abs=1e-5) if limit > 0 else fallen < DROP


def test_limits_satisfy_their_equation_to_rounding():
    nested = model(1)
    places = scan(nested)
    profile = Profile.of(nested, places, maximize(nested, places), DROP)
    limits = profile_limits(nested, DROP)[:, 0]
    above, _ = profile.above(limits)
    assert (limits > 0).any()
    np.testing.assert_allclose(above[limits > 0], 0, atol=1e-12)


def test_the_slope_of_a_profile_is_its_derivative():
    nested = model(2)
    places = scan(nested)
    profile = Profile.of(nested, places, maximize(nested, places), DROP)
    value, step = np.array([0.05, 1.0, 0.02, 0.6]), 1e-6
    ahead, behind = profile.above(value + step)[0], profile.above(value - step)[0]
    # A central difference: good to the square of the step, and rounding over it.
    np.testing.assert_allclose(profile.above(value)[1], (ahead - behind) / (2 * step), rtol=1e-6)


def test_an_interval_reaches_to_the_far_end_of_a_profile_with_two_tops():
    # A cluster of precise effects that agree, and imprecise ones that do not: within is near 0 or near 12.
    effect = np.array([-0.7, 8.5, -6.3, -0.5, 5.0, -4.5, -6.3, 9.1, 1.9, 0.7, 12.5, 2.7, 20.8])
    variance = np.array([0.01, 0.01, 100, 0.01, 100, 100, 100, 100, 0.01, 0.01, 100, 100, 100])
    ones = np.ones((13, 1))
    nested = NestedModel.of(effect[:, None], variance[:, None], ones, ones[None], np.array([1, 2, 5, 5]), True)
    top, drop = maximize(nested).height[0], 0.2
    grid = np.geomspace(0.05, 60, 150)
    inside = np.array([brute_profile(nested, 1, value, 500) >= top - drop for value in grid])
    # The set of values that are not refuted has a gap.
    assert np.abs(np.diff(inside.astype(int))).sum() == 4
    low, high = profile_limits(nested, drop)[2:, 0]
    assert low == pytest.approx(grid[inside][0], rel=0.05)
    assert high == pytest.approx(grid[inside][-1], rel=0.05)


def test_many_data_sets_have_the_limits_of_each():
    parts = [model(seed) for seed in range(6)]
    effect, variance = (
        np.concatenate([getattr(one, name) for one in parts], axis=1) for name in ("effect", "variance")
    )
    ones = np.ones((13, 1))
    together = profile_limits(NestedModel.of(effect, variance, ones, ones[None], np.array([3, 2, 4, 1, 3]), True), DROP)
    alone = np.concatenate([profile_limits(one, DROP) for one in parts], axis=1)
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_equal_effects_leave_upper_limits_only():
    ones = np.ones((6, 1))
    nested = NestedModel.of(0 * ones, 0.1 * ones, ones, ones[None], np.array([2, 2, 2]), True)
    low, high = profile_limits(nested, DROP)[:, 0].reshape(2, 2).T
    np.testing.assert_array_equal(low, 0)
    assert ((high > 0) & (high < np.inf)).all()


@pytest.mark.parametrize("within", [False, True])
def test_heights_along_a_side_are_those_of_the_likelihood(within):
    nested = model(3)
    if within:
        columns = np.stack([np.ones(13), np.linspace(-1, 1, 13) ** 2])[:, :, None]
        parts = nested.effect, nested.variance, nested.present, columns, np.bincount(nested.cluster)
        nested = NestedModel.of(*parts, True)
    places = scan(nested)
    profile = Profile.of(nested, places, maximize(nested, places), DROP)
    value = np.array([0.05, 1.0, 0.02, 0.6])
    heights = profile._heights(value)
    for side, which in enumerate(profile.which):
        other = (places.within, places.between)[which][:, 0]
        theta = np.stack([np.full_like(other, value[side]), other])
        expected = nested.at(theta if which == 0 else theta[::-1]).height
        np.testing.assert_allclose(heights[: other.size, side], expected, rtol=1e-12)
