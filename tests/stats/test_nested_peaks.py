"""The global maximum of the likelihood of nested effects, against dense grids of dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from bmac_meta.stats.nested_likelihood import NestedModel
from bmac_meta.stats.nested_peaks import maximize, scan, tops

GRID = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 61)])


def model(effect, variance, cluster, restricted=True, design=None):
    """Return a model of one data set of which the clusters are numbered and in their order."""
    order = np.lexsort((variance, cluster))
    columns = np.ones((len(effect), 1)) if design is None else design
    arrays = (np.asarray(part, dtype=float)[order][:, None] for part in (effect, variance))
    return NestedModel.of(
        *arrays, np.ones((len(effect), 1)), columns[order].T[:, :, None], np.bincount(cluster), restricted
    )


def dense_heights(effect, variance, cluster, restricted, theta, design=None):
    """Return log-likelihoods at places theta (2, g) from dense matrices in double precision."""
    x = np.ones((len(effect), 1)) if design is None else design
    same = (cluster[:, None] == cluster).astype(float)
    total = np.einsum("g,ij->gij", theta[0], same) + np.einsum("g,ij->gij", theta[1], np.eye(len(effect)))
    inverse = np.linalg.inv(total + np.diag(variance))
    precision = x.T @ inverse @ x
    beta = np.linalg.solve(precision, (x.T @ inverse @ effect)[:, :, None])[:, :, 0]
    rest = effect - beta @ x.T
    value = np.einsum("gi,gij,gj->g", rest, inverse, rest) - np.linalg.slogdet(inverse)[1]
    if restricted:
        value += np.linalg.slogdet(precision)[1] - np.linalg.slogdet(x.T @ x)[1]
    return -0.5 * (value + (len(effect) - restricted * x.shape[1]) * np.log(2 * np.pi))


def brute_force(*data, design=None):
    """Return the highest log-likelihood of a dense grid, polished from its three best places."""
    pairs = np.stack([axis.ravel() for axis in np.meshgrid(GRID, GRID)])
    heights = dense_heights(*data, pairs, design)
    best = heights.max()
    for place in pairs[:, np.argsort(heights)[-10:]].T:
        found = minimize(
            lambda t: -dense_heights(*data, t[:, None], design)[0],
            place,
            bounds=[(0, None)] * 2,
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        best = max(best, -found.fun)
    return best


def rugged(seed):
    """Return effects with variances and deviations of several sizes, of which the likelihood may have several tops."""
    rng = np.random.default_rng(seed)
    cluster = np.sort(np.concatenate([np.arange(4), rng.integers(0, 4, 5)]))
    variance = rng.choice([0.01, 0.3, 100.0], 9)
    between = rng.normal(0, 10.0 ** rng.uniform(-1, 1, 4))
    return between[cluster] + rng.normal(0, 10.0 ** rng.uniform(-1, 1, 9)), variance, cluster


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_nothing_on_a_dense_grid_is_higher(seed, restricted):
    data = rugged(seed)
    design = np.column_stack([np.ones(9), np.linspace(-1, 1, 9) ** 2]) if seed % 3 == 0 else None
    peak = maximize(model(*data, restricted, design))
    best = brute_force(*data, restricted, design=design)
    # The search from the grid ends where the likelihood is flat to its tolerance.
    assert peak.height[0] == pytest.approx(best, abs=1e-6)
    assert peak.height[0] >= best - 1e-9


def test_one_effect_more_precise_than_all_hides_no_top():
    # Two tops of almost the same height, and an effect of 1e-10 that spreads a grid of few places over 14 decades: a
    # scan of 13 places found (0, 12.1), lower by 0.05.
    effect = [-0.7, 8.5, -6.3, -0.5, 5.0, -4.5, -6.3, 9.1, 1.9, 12.5, 2.7, 0.7, 20.8, -0.7]
    variance = [0.01, 0.01, 100, 0.01, 100, 100, 100, 100, 0.01, 100, 100, 0.01, 100, 1e-10]
    cluster = np.repeat(np.arange(5), [1, 2, 5, 5, 1])
    peak = maximize(model(np.array(effect), np.array(variance), cluster))
    other = model(np.array(effect), np.array(variance), cluster).at(np.array([[0.0], [12.101201]]))
    np.testing.assert_allclose(peak.theta[:, 0], [14.239, 0.852], atol=5e-4)
    assert peak.height[0] > other.height[0] + 0.05


def test_a_top_beside_another_is_seen():
    # Places twice as far apart saw only the other top, (1.73, 1.89), lower by 0.006.
    effect = np.array([-1.15, -1.67, 0.25, 0.99, -2.23, 0.15, 0.72, 3.71])
    variance = np.array([3.2, 3.2, 0.32, 3.2, 0.32, 3.2, 3.2, 0.32])
    data = effect, variance, np.repeat([0, 1, 2], [3, 4, 1]), False
    peak = maximize(model(*data))
    np.testing.assert_allclose(peak.theta[:, 0], [0, 3.1781643], atol=1e-6)
    assert peak.height[0] == pytest.approx(brute_force(*data), abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_at_the_peak_the_gradient_is_zero_or_points_out(seed):
    nested = model(*rugged(seed))
    peak = maximize(nested).theta
    here = nested.derivatives(peak, nested.smallest)
    for value, slope, unit in zip(peak[:, 0], here.slope[:, 0], here.unit[:, 0], strict=True):
        assert abs(slope * unit) < 1e-9 if value > 0 else slope <= 0


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_with_one_effect_far_more_or_less_precise_the_gradient_is_zero_too(scale):
    for seed in range(5):
        effect, variance, cluster = rugged(seed)
        variance[seed] = scale
        nested = model(effect, variance, cluster)
        peak = maximize(nested).theta
        here = nested.derivatives(peak, nested.smallest)
        step = np.where(peak > 0, here.slope / np.abs(here.bend[[0, 1], [0, 1]]), np.maximum(here.slope, 0))
        assert (np.abs(step) <= 1e-8 * (peak + 0.01)).all()


def test_the_scan_holds_every_maximum():
    # Beyond its last places the likelihood only falls.
    for seed in range(8):
        effect, variance, cluster = rugged(seed)
        design = np.column_stack([np.ones(9), np.linspace(-1, 1, 9)]) if seed % 2 else None
        nested = model(effect, variance, cluster, design=design)
        places = scan(nested)
        between, within = places.between[-1], places.within[-1]
        for theta in [(between * far, w) for far in (1, 3, 100) for w in places.within]:
            assert nested.gradient(nested.at(np.array(theta)))[0, 0] < 0
        for theta in [(b, within * far) for far in (1, 3, 100) for b in places.between]:
            assert nested.gradient(nested.at(np.array(theta)))[1, 0] < 0


def test_data_sets_with_other_ranges_change_nothing():
    easy, hard = rugged(1), rugged(2)
    cluster = easy[2]
    hard = hard[0] * 1e6, hard[1] * np.geomspace(1e-6, 1e6, 9), cluster
    order = [np.lexsort((part[1], cluster)) for part in (easy, hard)]
    effect, variance = (
        np.stack([part[i][o] for part, o in zip((easy, hard), order, strict=True)], axis=-1) for i in (0, 1)
    )
    both = maximize(NestedModel.of(effect, variance, np.ones((9, 1)), np.ones((1, 9, 1)), np.bincount(cluster), True))
    for i, part in enumerate((easy, hard)):
        alone = maximize(model(*part))
        np.testing.assert_allclose(both.theta[:, i], alone.theta[:, 0], rtol=1e-10)
        assert both.height[i] == pytest.approx(alone.height[0], rel=1e-13)


def test_equal_effects_have_their_only_peak_at_the_corner():
    nested = model(np.full(9, 3.0), *rugged(0)[1:])
    np.testing.assert_array_equal(maximize(nested).theta, 0)


def test_a_plateau_has_one_top():
    height = np.full((4, 5, 2), -7.0)
    height[2, 3, 1] = -6.0
    row, column, index = tops(height, 10)
    np.testing.assert_array_equal(np.stack([row, column, index]), [[0, 0, 2], [0, 0, 3], [0, 1, 1]])


def test_tops_too_low_to_matter_are_left_out():
    height = np.full((5, 5, 1), -1e6)
    height[1, 1], height[3, 3] = -5.0, -6e5
    row, column, _ = tops(height, 10)
    np.testing.assert_array_equal(np.stack([row, column]), [[1], [1]])
    height[3, 3] = -9.0
    assert len(tops(height, 10)[0]) == 2


@pytest.mark.parametrize("restricted", [True, False])
def test_the_heights_of_a_scan_are_those_of_dense_matrices(restricted):
    for seed in range(3):
        effect, variance, cluster = rugged(seed)
        design = np.column_stack([np.ones(9), np.linspace(-1, 1, 9) ** 2])
        places = scan(model(effect, variance, cluster, restricted, design))
        between, within = np.broadcast_arrays(places.between[:, None, 0], places.within[None, :, 0])
        pairs = np.stack([between.ravel(), within.ravel()])
        expected = dense_heights(effect, variance, cluster, restricted, pairs, design)
        np.testing.assert_allclose(places.height.ravel(), expected, rtol=1e-10)


def test_a_scan_holds_a_few_rows_instead_of_the_deviations_of_all_effects():
    rng = np.random.default_rng(0)
    cluster = np.sort(rng.integers(0, 20, 400))
    design = np.column_stack([np.ones(400), rng.normal(size=400)])
    places = scan(model(rng.normal(size=400), 10.0 ** rng.uniform(-2, 2, 400), cluster, True, design))
    inside = places.inside
    assert inside.effect_rest.shape == (2, places.within.size)
    assert max(part.size for part in (inside.weight, inside.share, inside.design_rest)) <= 4 * places.within.size
