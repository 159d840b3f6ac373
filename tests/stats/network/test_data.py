"""The record of a network and how trials are taken out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import UnknownWordError
from bmac_meta.stats.network import NetworkData
from bmac_meta.stats.network.data import assemble, reanchor, select_trials, trials_of


def test_another_reference_arm_is_a_linear_change_of_contrasts() -> None:
    effect, covariance = np.array([1.0, 3.0]), np.array([[0.6, 0.5], [0.5, 0.7]])
    turn = np.array([[0.0, -1.0], [1.0, -1.0]])
    moved, spread = reanchor(effect, covariance, np.array([2, 0, 1]))
    np.testing.assert_allclose(moved, turn @ effect)
    np.testing.assert_allclose(spread, turn @ covariance @ turn.T, atol=1e-15)


def test_trials_taken_apart_and_put_together_are_the_same_network(draw: Any) -> None:
    data = draw(7, trials=9, treatments=6, largest=5)
    again = assemble(trials_of(data), data.treatments)
    assert again.trials == data.trials
    for one, other in zip(again.blocks, data.blocks, strict=True):
        np.testing.assert_array_equal(one.arms, other.arms)
        np.testing.assert_array_equal(one.effect, other.effect)


def test_arms_ascend_within_each_trial(draw: Any) -> None:
    for block in draw(2, treatments=7, largest=7).blocks:
        assert (np.diff(block.arms, axis=1) > 0).all()


def test_selecting_trials_keeps_every_treatment_listed(draw: Any) -> None:
    data = draw(4, trials=8)
    part = select_trials(data, np.arange(8) == 5)
    assert part.treatments == data.treatments
    assert part.trials == (data.trials[5],)
    assert part.rows_count == part.blocks[0].size - 1


def test_unknown_names_are_refused_with_the_known_ones(senn: NetworkData) -> None:
    with pytest.raises(UnknownWordError, match="no trial 'Alex1999'; did you mean 'Alex1998'"):
        senn.trial_index("Alex1999")
    assert senn.trials[senn.trial_index("Alex1998")] == "Alex1998"


def test_a_network_shows_itself_in_one_line(senn: NetworkData) -> None:
    assert repr(senn) == "NetworkData(26 trials, 10 treatments)"
