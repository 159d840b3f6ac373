"""The record of effect sizes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from bmac_meta.stats.effect_sizes import effect_sizes


def test_cells_that_are_left_out_hold_nan_in_estimate_variance_and_standard_error():
    effect = effect_sizes("MD", np.array([1.0, 2.0]), np.array([4.0, 9.0]), np.array([True, False]))
    np.testing.assert_array_equal(effect.estimate, [1.0, np.nan])
    np.testing.assert_array_equal(effect.variance, [4.0, np.nan])
    np.testing.assert_array_equal(effect.se, [2.0, np.nan])


def test_an_effect_without_variance_is_left_out():
    effect = effect_sizes("RD", np.array([0.0, 0.1]), np.array([0.0, 0.01]), np.array([True, True]))
    assert effect.included.tolist() == [False, True]


def test_one_trial_gives_scalars():
    effect = effect_sizes("MD", np.array(1.0), np.array(4.0), np.array(True))
    assert float(effect.estimate) == 1.0
    assert np.ndim(effect.estimate) == 0
    assert bool(effect.included)


def test_the_record_is_frozen():
    effect = effect_sizes("MD", np.array(1.0), np.array(4.0), np.array(True))
    with pytest.raises(FrozenInstanceError):
        effect.measure = "SMD"
