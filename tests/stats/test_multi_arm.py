"""Contrasts of multi-arm trials with their full covariance."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.multi_arm import contrasts_with_control
from bmac_meta.stats.shared_control import shared_control_covariance_smd

MEANS = {
    "mean": np.array([5.0, 6.5, 4.0, 8.0]),
    "sd": np.array([2.0, 2.2, 1.8, 3.0]),
    "n": np.array([30, 25, 28, 12]),
}
COUNTS = {"events": np.array([4, 9, 2, 11]), "total": np.array([30, 31, 28, 40])}


def columns_of(measure):
    return COUNTS if measure in ("OR", "RR", "RD", "AS") else MEANS


def two_arms(measure, columns, treatment, control):
    pair = {f"{name}_a": values[treatment] for name, values in columns.items()}
    pair |= {f"{name}_b": values[control] for name, values in columns.items()}
    return MEASURES[measure].compute(**pair)


@pytest.mark.parametrize("measure", ["MD", "ROM", "SMD", "OR", "RR", "RD", "AS"])
@pytest.mark.parametrize("control", [0, 1])
def test_with_two_arms_the_answers_are_those_of_two_arms(measure, control):
    columns = {name: values[:2] for name, values in columns_of(measure).items()}
    trial = contrasts_with_control(measure, control=control, **columns)
    effect = two_arms(measure, columns, 1 - control, control)
    assert trial.estimate[0] == pytest.approx(float(effect.estimate), rel=1e-13)
    assert trial.covariance[0, 0] == pytest.approx(float(effect.variance), rel=1e-13)


@pytest.mark.parametrize("measure", ["MD", "ROM", "OR", "RR", "RD", "AS"])
def test_each_contrast_of_a_larger_trial_is_that_of_its_two_arms(measure):
    columns = columns_of(measure)
    trial = contrasts_with_control(measure, control=2, **columns)
    for row, arm in enumerate([0, 1, 3]):
        effect = two_arms(measure, columns, arm, 2)
        assert trial.estimate[row] == pytest.approx(float(effect.estimate), rel=1e-12)
        assert trial.covariance[row, row] == pytest.approx(float(effect.variance), rel=1e-13)


@pytest.mark.parametrize("measure", ["MD", "ROM", "SMD", "OR", "RR", "RD", "AS"])
def test_the_choice_of_the_control_arm_is_a_linear_map(measure):
    # Differences of contrasts with arm 0 are contrasts with arm 1, and so are their covariances.
    columns = columns_of(measure)
    first, second = (contrasts_with_control(measure, control=c, **columns) for c in (0, 1))
    change = np.array([[-1, 0, 0], [-1, 1, 0], [-1, 0, 1]])
    np.testing.assert_allclose(change @ first.estimate, second.estimate, rtol=1e-12)
    np.testing.assert_allclose(change @ first.covariance @ change.T, second.covariance, rtol=1e-11, atol=1e-16)


def test_standardized_contrasts_share_the_spread_of_all_arms():
    trial = contrasts_with_control("SMD", **MEANS)
    expected = shared_control_covariance_smd(
        estimate_a=trial.estimate[0], estimate_b=trial.estimate[2], n_control=30, n_total=95
    )
    assert trial.covariance[0, 2] == trial.covariance[2, 0] == pytest.approx(float(expected), rel=1e-14)
    # The contrasts are the mean differences in one and the same unit.
    ratio = trial.estimate / (MEANS["mean"][1:] - MEANS["mean"][0])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-14)


def test_covariances_are_positive_definite():
    for measure in ("MD", "ROM", "SMD", "OR", "RR", "RD", "AS"):
        trial = contrasts_with_control(measure, **columns_of(measure))
        assert np.linalg.eigvalsh(trial.covariance).min() > 0


def test_an_empty_cell_is_corrected_in_every_arm_of_the_trial():
    trial = contrasts_with_control("OR", events=[2, 0, 5], total=[20, 20, 20])
    by_hand = contrasts_with_control("OR", events=[2.5, 0.5, 5.5], total=[21, 21, 21])
    np.testing.assert_array_equal(trial.estimate, by_hand.estimate)
    np.testing.assert_array_equal(trial.covariance, by_hand.covariance)


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_a_trial_without_events_or_with_nothing_else_has_no_ratio(measure):
    trial = contrasts_with_control(measure, events=[[0, 0, 0], [9, 9, 9], [1, 2, 3]], total=9)
    assert np.isnan(trial.estimate).all(axis=1).tolist() == [True, True, False]
    assert np.isnan(trial.covariance).all(axis=(1, 2)).tolist() == [True, True, False]
    assert np.isnan(contrasts_with_control(measure, events=[0, 3], total=9, add=0).estimate).all()


def test_trials_of_as_many_arms_go_in_one_call():
    batch = {name: np.stack([values, values + 1]) for name, values in MEANS.items()}
    trial = contrasts_with_control("SMD", control=3, **batch)
    assert trial.estimate.shape == (2, 3)
    assert trial.covariance.shape == (2, 3, 3)
    alone = contrasts_with_control("SMD", control=3, **MEANS)
    np.testing.assert_allclose(trial.covariance[0], alone.covariance, rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: contrasts_with_control("MD", **COUNTS), "made from mean, sd, n; here are events, total"),
        (lambda: contrasts_with_control("OR"), "made from events, total; here are none"),
        (lambda: contrasts_with_control("MD", mean=[1], sd=[1], n=[9]), "needs two arms along the last axis"),
        (lambda: contrasts_with_control("MD", mean=1, sd=1, n=9), "needs two arms"),
        (lambda: contrasts_with_control("MD", control=4, **MEANS), "from 0 to 3, but it is 4"),
        (lambda: contrasts_with_control("MD", control=-1, **MEANS), "but it is -1"),
        (lambda: contrasts_with_control("SMD", **{**MEANS, "sd": 0}), "sd: 4 of 4 values"),
        (
            lambda: contrasts_with_control("SMD", mean=[1, 2], sd=1, n=[1, 2]),
            "too few patients to standardize",
        ),
        (lambda: contrasts_with_control("ROM", mean=[1, -2], sd=1, n=9), "a mean is 0 or differs in sign"),
        (lambda: contrasts_with_control("RD", events=[5, 10], total=9), "more events than patients"),
        (lambda: contrasts_with_control("RD", **COUNTS, add=3), "a number from 0 to 1"),
    ],
)
def test_what_makes_no_contrast_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_an_unknown_measure_is_answered_with_the_known_ones():
    with pytest.raises(UnknownWordError, match="Known: MD, ROM, SMD, OR, RR, RD, AS"):
        contrasts_with_control("PETO", **COUNTS)
