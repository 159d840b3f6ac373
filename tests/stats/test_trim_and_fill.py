"""Trim and fill."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import DesignError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.trim_and_fill import linear_count, run_count, trim_and_fill

RANDOM = np.random.default_rng(12)
V = np.linspace(0.01, 0.5, 14)
Y = 0.2 + 1.2 * np.sqrt(V) + 0.1 * RANDOM.normal(size=14)


def test_the_estimators_count_what_duval_and_tweedie_say():
    # Signed ranks −1 −2 −3 4 5 −6 7 8 9: T = 33, k = 9, L0 = (4·33 − 90)/17 = 2.47; the last run is 3 long.
    ranks = np.array([[-1.0, -2.0, -3.0, 4.0, 5.0, -6.0, 7.0, 8.0, 9.0]])
    assert linear_count(ranks, np.array([9])).tolist() == [2]
    assert run_count(ranks, np.array([9])).tolist() == [2]


def test_a_symmetric_funnel_is_left_as_it_is():
    y, v = np.array([0.0, 1.0, -1.0, 2.0, -2.0]), np.array([0.1, 0.2, 0.2, 0.3, 0.3])
    result = trim_and_fill(y, variance=v, side="left", minimum_trials=5)
    pooled = random_effects(y, variance=v)
    assert result.filled == 0
    np.testing.assert_allclose(
        [result.estimate, result.ci_low, result.k], [pooled.estimate, pooled.ci_low, 5], atol=1e-15
    )
    assert np.isnan(result.filled_estimate).all()


def test_the_filled_trials_are_mirror_images_of_the_most_extreme():
    result = trim_and_fill(Y, variance=V)
    images = np.flatnonzero(~np.isnan(result.filled_estimate))
    extreme = np.sort(Y)[-result.filled :]
    assert (result.side, images.size) == ("left", result.filled)
    assert result.filled > 0
    centre = random_effects(np.sort(Y)[: -result.filled], variance=V[np.argsort(Y)][: -result.filled]).estimate
    np.testing.assert_allclose(result.filled_estimate[images], 2 * centre - extreme, rtol=1e-12)
    pooled = random_effects(np.r_[Y, result.filled_estimate[images]], variance=np.r_[V, result.filled_variance[images]])
    assert result.estimate == pytest.approx(pooled.estimate, rel=1e-12)
    assert (result.stable, result.k) == (True, 14 + result.filled)


def test_turning_the_funnel_over_turns_the_answer_over():
    result, turned = trim_and_fill(Y, variance=V), trim_and_fill(-Y, variance=V)
    assert (turned.side, turned.filled) == ("right", result.filled)
    assert turned.estimate == pytest.approx(-result.estimate, rel=1e-12)
    assert turned.ci_low == pytest.approx(-result.ci_high, rel=1e-12)


@pytest.mark.parametrize("estimator", ["L0", "R0"])
@pytest.mark.parametrize("model", ["random", "common"])
def test_the_other_side_has_nothing_to_add_here(estimator, model):
    result = trim_and_fill(Y, variance=V, side="right", estimator=estimator, model=model)
    assert result.filled <= 1
    assert trim_and_fill(Y, variance=V, estimator=estimator, model=model).filled >= 2


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((3, 14), dtype=bool)
    mask[1, 11:] = False
    signs = np.array([[1.0], [1.0], [-1.0]])
    batch = trim_and_fill(np.where(mask, signs * Y, np.nan), variance=V, mask=mask)
    alone = trim_and_fill(Y[:11], variance=V[:11])
    assert batch.side.tolist() == ["left", "left", "right"]
    assert batch.estimate[1] == pytest.approx(alone.estimate, rel=1e-12)
    assert batch.filled[1] == alone.filled
    assert batch.filled_estimate.shape == (3, 14)


def test_equal_effects_lack_nothing_however_they_are_rounded():
    y = np.where(np.arange(12) % 2, 0.1 + 0.2, 0.3)
    for estimator in ("L0", "R0"):
        assert trim_and_fill(y, variance=np.linspace(0.1, 0.5, 12), estimator=estimator).filled == 0


def test_trials_of_one_precision_need_a_side():
    with pytest.raises(DesignError, match="one precision"):
        trim_and_fill(Y, variance=np.full(14, 0.1))
    assert trim_and_fill(Y, variance=np.full(14, 0.1), side="left").k >= 14


def test_unknown_words_and_small_funnels_are_refused():
    with pytest.raises(UnknownWordError, match="L0, R0"):
        trim_and_fill(Y, variance=V, estimator="Q0")
    with pytest.raises(UnknownWordError, match="left, right"):
        trim_and_fill(Y, variance=V, side="lft")
    with pytest.raises(NotEnoughTrials, match="with 9 trials; needs 10"):
        trim_and_fill(Y[:9], variance=V[:9])
