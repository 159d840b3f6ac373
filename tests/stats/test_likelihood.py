"""The global maximum of the likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.likelihood import log_likelihood, maximize, score
from bmac_meta.stats.projection import MeanProjection
from bmac_meta.stats.tau2 import estimate_tau2

# Two precise trials that agree and two imprecise ones far apart: the likelihood has a peak for each pair.
TWO_PEAKS_Y = np.array([0.0, 0.035, 14.0, -14.0, 0.02])
TWO_PEAKS_V = np.array([1e-4, 1e-4, 20.0, 20.0, 1e-4])


def one(y: np.ndarray, v: np.ndarray) -> MeanProjection:
    return MeanProjection.of(y[:, None], v[:, None], np.array([float(y.size)]))


def dense_likelihood(y: np.ndarray, v: np.ndarray, tau2: np.ndarray, restricted: bool) -> np.ndarray:
    """Return the log-likelihood without constants at many tau2, from its definition."""
    w = 1.0 / (v + tau2[:, None])
    mean = (w * y).sum(axis=1) / w.sum(axis=1)
    misfit = (w * (y - mean[:, None]) ** 2).sum(axis=1) - np.log(w).sum(axis=1)
    return -0.5 * (misfit + (np.log(w.sum(axis=1)) if restricted else 0.0))


def dense_grid(y: np.ndarray, v: np.ndarray, count: int = 20_000) -> np.ndarray:
    end = ((y - y.mean()) ** 2).sum() + v.max()
    return np.r_[0.0, v.min() * np.expm1(np.linspace(0.0, np.log1p(end / v.min()), count)[1:])]


@pytest.mark.parametrize("restricted", [True, False])
def test_the_higher_of_two_peaks_is_found(restricted: bool) -> None:
    grid = dense_grid(TWO_PEAKS_Y, TWO_PEAKS_V)
    heights = dense_likelihood(TWO_PEAKS_Y, TWO_PEAKS_V, grid, restricted)
    peaks = ((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])).sum() + (heights[0] > heights[1])
    found = estimate_tau2(TWO_PEAKS_Y, variance=TWO_PEAKS_V, method="REML" if restricted else "ML")
    reached = dense_likelihood(TWO_PEAKS_Y, TWO_PEAKS_V, np.array([found.tau2]), restricted)[0]
    assert peaks == 2
    assert found.modes == 2
    assert reached >= heights.max()
    assert found.tau2 == pytest.approx(grid[heights.argmax()], rel=1e-2)


def test_the_higher_peak_wins_from_either_side() -> None:
    shallow, deep = TWO_PEAKS_Y * [1, 1, 0.1, 0.1, 1], TWO_PEAKS_Y * [1, 1, 3, 3, 1]
    both = estimate_tau2([shallow, deep], variance=[TWO_PEAKS_V] * 2)
    assert both.tau2[0] < 1e-2
    assert both.tau2[1] > 100.0


# Each has a second peak and a dip so near to each other that doubling steps of tau2 pass over both.
NARROW_PEAKS = [
    ([0.68, 18.12, 0.03], [0.19, 54.656, 0.209]),
    ([44.78, 3.27, 0.1], [213.145, 1.237, 0.248]),
    ([-2.77, 9.35, -4.35], [0.583, 31.248, 1.469]),
    ([-39.86, 2.65, -1.03, 0.13], [65.516, 5.477, 0.23, 0.133]),
    ([-0.35, 1.19, 13.68, -0.11], [0.113, 0.358, 21.362, 6.409]),
    ([7.42, 0.6, 0.51, 0.12, 0.71], [5.274, 94.044, 0.283, 0.146, 5.058]),
]


@pytest.mark.parametrize(("effects", "variances"), NARROW_PEAKS)
def test_peaks_that_a_grid_passes_over_are_found(effects: list[float], variances: list[float]) -> None:
    y, v = np.array(effects), np.array(variances)
    heights = dense_likelihood(y, v, dense_grid(y, v), restricted=True)
    peaks = ((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])).sum() + (heights[0] > heights[1])
    # A batch is searched on a coarser grid at first than one meta-analysis is.
    found = estimate_tau2(np.tile(y, (64, 1)), variance=v)
    assert peaks == 2
    assert (found.modes == 2).all()
    assert dense_likelihood(y, v, found.tau2[:1], restricted=True)[0] >= heights.max()


def test_the_sides_of_the_score_are_the_derivative_of_the_likelihood() -> None:
    rng = np.random.default_rng(1)
    model = one(rng.normal(size=8), rng.uniform(0.5, 3.0, 8))
    at, step = np.array([0.8]), 1e-5
    for restricted in (True, False):
        here = score(model, at, restricted)
        slope = (log_likelihood(model, at + step, restricted) - log_likelihood(model, at - step, restricted)) / (
            2 * step
        )
        # A central difference with a step of 1e-5 is good to 1e-9.
        assert 0.5 * (here.pull - here.drag) == pytest.approx(slope, rel=1e-7)
        nearby = score(model, at + step, restricted)
        assert np.log(here.pull / nearby.pull) / step == pytest.approx(here.pull_rate, rel=1e-4)
        assert np.log(here.drag / nearby.drag) / step == pytest.approx(here.drag_rate, rel=1e-4)


def test_both_sides_of_the_score_and_their_rates_fall() -> None:
    rng = np.random.default_rng(2)
    model = one(rng.normal(size=12) * 4, 10.0 ** rng.uniform(-3, 3, 12))
    for restricted in (True, False):
        sides = score(model, np.geomspace(1e-4, 1e6, 400)[:, None], restricted)
        for name in ("pull", "drag", "pull_rate", "drag_rate"):
            assert (np.diff(getattr(sides, name)[:, 0]) < 0.0).all(), name


def test_equal_effects_have_their_only_maximum_at_zero() -> None:
    tau2, modes = maximize(one(np.full(5, 3.0), np.array([1.0, 2.0, 0.1, 9.0, 4.0])), restricted=True)
    assert (tau2[0], modes[0]) == (0.0, 1)


def test_two_trials_of_one_precision_have_the_textbook_answer() -> None:
    # With k = 2 and equal variances REML is (y1 − y2)²/2 − v.
    assert estimate_tau2([0.0, 3.0], variance=[1.0, 1.0]).tau2 == pytest.approx(3.5, rel=1e-14)
    # ML divides the sum of squares by k: (y1 − y2)²/4 − v.
    assert estimate_tau2([0.0, 3.0], variance=[1.0, 1.0], method="ML").tau2 == pytest.approx(1.25, rel=1e-14)
