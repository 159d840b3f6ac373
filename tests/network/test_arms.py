"""From arms to contrasts with their covariance."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import UnknownWordError
from bmac_meta.network.arms import arm_measure, columns_of, trial_of_arms
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.shared_control import shared_control_covariance_smd

MEANS = {"mean": [3.0, 2.0, 1.5], "sd": [1.1, 0.9, 1.3], "n": [20, 30, 25]}
COUNTS = {"events": [3, 8, 5], "total": [20, 30, 25]}


@pytest.mark.parametrize("measure", ["MD", "SMD", "OR", "RR", "RD"])
def test_two_arms_give_what_the_measure_gives(measure):
    columns = {name: values[:2] for name, values in (MEANS | COUNTS).items() if name in columns_of(measure)}
    trial = trial_of_arms("x", "AB", measure, columns)
    pair = {f"{name}_{side}": values[i] for name, values in columns.items() for i, side in ((1, "a"), (0, "b"))}
    effect = MEASURES[measure].compute(**pair)
    assert trial.effect[0] == pytest.approx(float(effect.estimate), rel=1e-12)
    assert trial.covariance[0, 0] == pytest.approx(float(effect.variance), rel=1e-12)


def test_standardized_contrasts_share_their_control_by_gleser_and_olkin():
    trial = trial_of_arms("x", "ABC", "SMD", MEANS)
    first, second = trial.effect
    shared = shared_control_covariance_smd(estimate_a=first, estimate_b=second, n_control=20, n_total=75)
    assert trial.covariance[0, 1] == pytest.approx(float(shared), rel=1e-12)


def test_percent_of_the_scale_is_the_difference_rescaled():
    points = trial_of_arms("x", "ABC", "POMP", MEANS | {"scale_min": 0.0, "scale_max": 10.0})
    raw = trial_of_arms("x", "ABC", "MD", MEANS)
    np.testing.assert_allclose(points.effect, 10 * raw.effect, rtol=1e-13)
    np.testing.assert_allclose(points.covariance, 100 * raw.covariance, rtol=1e-13)


def test_a_ratio_of_no_events_does_not_exist():
    assert trial_of_arms("x", "AB", "RR", {"events": [0, 0], "total": [9, 9]}) is None


def test_a_measure_that_arms_do_not_give_is_refused_with_those_that_they_do():
    with pytest.raises(UnknownWordError, match="SMD"):
        arm_measure("PETO")
