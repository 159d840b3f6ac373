"""How trials enter: arms, contrasts and covariances agree; what can't be one trial is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.network import (
    NetworkData,
    TrialContrasts,
    fit_network,
    join_networks,
    network_from_arms,
    network_from_contrasts,
    network_from_covariances,
)

TRIANGLE = {"trial": ["Bone 2019"] * 3, "treatment_a": "AAB", "treatment_b": "BCC"}


def assert_same(left: NetworkData, right: NetworkData) -> None:
    assert left.treatments == right.treatments
    for one, other in zip(left.blocks, right.blocks, strict=True):
        a, b = (
            np.argsort([left.trials[t] for t in one.trial]),
            np.argsort([right.trials[t] for t in other.trial]),
        )
        np.testing.assert_array_equal(one.arms[a], other.arms[b])
        np.testing.assert_allclose(one.effect[a], other.effect[b], atol=1e-13)
        np.testing.assert_allclose(one.covariance[a], other.covariance[b], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_arms_and_their_contrasts_make_the_same_network(seed: int, draw_arms: Any, as_contrasts: Any) -> None:
    arms = draw_arms(seed, trials=12, treatments=7, largest=7)
    assert_same(network_from_arms(**arms), network_from_contrasts(**as_contrasts(arms)))


def test_contrasts_of_one_trial_share_the_variance_of_their_common_arm() -> None:
    data = network_from_arms([0, 1, 3], variance=[0.5, 0.1, 0.2], trial=[7, 7, 7], treatment="ABC")
    np.testing.assert_allclose(data.blocks[0].covariance[0], [[0.6, 0.5], [0.5, 0.7]])
    np.testing.assert_allclose(data.blocks[0].effect[0], [1.0, 3.0])
    assert data.trials == ("7",)


def test_a_trial_with_its_covariance_may_name_any_arm_first() -> None:
    forth = TrialContrasts("t", ("A", "B", "C"), [1.0, 3.0], [[0.6, 0.5], [0.5, 0.7]])
    # Against C: A − C = −3 with 0.7; B − C = −2 with 0.6 + 0.7 − 2 · 0.5; their covariance 0.7 − 0.5.
    back = TrialContrasts("t", ("C", "A", "B"), [-3.0, -2.0], [[0.7, 0.2], [0.2, 0.3]])
    assert_same(network_from_covariances([forth]), network_from_covariances([back]))


def test_the_order_of_treatments_can_be_given() -> None:
    data = network_from_contrasts([1.0], variance=[1.0], trial=["t"], treatment_a="A", treatment_b="B", treatments="BA")
    assert data.treatments == ("B", "A")
    assert fit_network(data).estimate[0, 1] == -1.0
    with pytest.raises(InputError, match=r"missing: \['B'\], not in any trial: \['Z'\]"):
        network_from_contrasts([1.0], variance=[1.0], trial=[1], treatment_a="A", treatment_b="B", treatments="AZ")


def test_printed_contrasts_within_rounding_pass_and_are_reconciled() -> None:
    data = network_from_contrasts([0.333, 0.667, 0.333], variance=[0.04, 0.05, 0.03], **TRIANGLE)
    block = data.blocks[0]
    assert np.abs(block.residual).max() < 0.001
    assert np.abs(block.residual).max() > 0.0


def test_rounded_contrasts_of_a_trial_weigh_as_a_network_of_two_arm_trials(write_out: Any) -> None:
    """Rücker & Schwarzer 2014: a multi-arm trial is independent pairs with reduced weights, at every τ²."""
    effect, variance = np.array([0.3333, 0.6668, 0.3333, 0.52]), np.array([0.04, 0.05, 0.03, 0.06])
    pairs = {"trial": ["m", "m", "m", "two"], "treatment_a": "AABA", "treatment_b": "BCCC"}
    data = network_from_contrasts(effect, variance=variance, **pairs)
    for tau2 in (0.0, 0.2):
        total = variance + tau2
        arms = 0.5 * (total[:3].sum() - 2.0 * total[[2, 1, 0]])
        precision = 1.0 / arms
        reduced = np.array([precision[a] * precision[b] for a, b in ((0, 1), (0, 2), (1, 2))]) / precision.sum()
        weight = np.diag([*reduced, 1.0 / total[3]])
        x = np.array([[-1.0, 0.0], [0.0, -1.0], [1.0, -1.0], [0.0, -1.0]])
        expected = np.linalg.solve(x.T @ weight @ x, x.T @ weight @ effect)
        fit = fit_network(data, tau2)
        np.testing.assert_allclose(fit.estimate[1:, 0], expected, rtol=1e-12)


def test_contradicting_effects_of_a_trial_are_refused_with_its_name_and_the_discrepancy() -> None:
    with pytest.raises(InputError, match=r"trial 'Bone 2019': its effects contradict .*difference of 0\.1\)"):
        network_from_contrasts([0.3, 0.9, 0.5], variance=[0.04, 0.05, 0.03], **TRIANGLE)


def test_a_sign_that_is_turned_in_one_contrast_is_refused() -> None:
    with pytest.raises(InputError, match="Bone 2019"):
        network_from_contrasts([0.3, 0.8, -0.5], variance=[0.04, 0.05, 0.03], **TRIANGLE)


def test_variances_that_need_a_negative_arm_are_refused() -> None:
    with pytest.raises(InputError, match=r"trial 'Bone 2019': .*arm 'A' would have the variance -0\.01"):
        network_from_contrasts([0.3, 0.8, 0.5], variance=[0.02, 0.02, 0.06], **TRIANGLE)


def test_variances_of_a_four_arm_trial_that_contradict_each_other_are_refused(as_contrasts: Any) -> None:
    arms = {"mean": range(4), "variance": [0.2] * 4, "trial": ["four"] * 4, "treatment": list("ABCD")}
    pairs = as_contrasts(arms)
    pairs["variance"][2] *= 2.0
    with pytest.raises(InputError, match=r"trial 'four': its variances contradict .* A vs D has 0\.8"):
        network_from_contrasts(**pairs)


def test_standardized_differences_of_a_four_arm_trial_pass(as_contrasts: Any) -> None:
    """Their variances, 1/n1 + 1/n2 + g²/(2N), are no exact sum of arms (Gleser & Olkin 2009)."""
    mean, n = np.array([0.0, 0.3, 0.8, 1.2]), 25.0
    pairs = as_contrasts(
        {"mean": mean, "variance": np.full(4, 1.0 / n), "trial": ["smd"] * 4, "treatment": list("ABCD")}
    )
    pairs["variance"] = np.array(pairs["variance"]) + np.square(pairs["estimate"]) / (2.0 * 4.0 * n)
    data = network_from_contrasts(**pairs)
    expected = 1.0 / n + np.outer(mean[1:], mean[1:]) / (2.0 * 4.0 * n) + np.eye(3) / n
    np.testing.assert_allclose(data.blocks[0].covariance[0], expected, rtol=1e-12)


def test_missing_contrasts_of_a_three_arm_trial_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"trial 'T1' has 3 arms \(A, B, C\) but lacks B vs C: give all 3 contrasts"):
        network_from_contrasts([1, 2], variance=[1, 1], trial=["T1", "T1"], treatment_a="AA", treatment_b="BC")


def test_two_trials_with_one_name_are_refused() -> None:
    with pytest.raises(InputError, match=r"trial 'T1' brings A vs B 2 times.*own name"):
        network_from_contrasts([1, 2], variance=[1, 1], trial=["T1", "T1"], treatment_a="AB", treatment_b="BA")
    with pytest.raises(InputError, match=r"trial 'T1' has 2 arms of 'A'"):
        network_from_arms([1, 2, 3], variance=[1, 1, 1], trial=["T1"] * 3, treatment="AAB")
    trial = TrialContrasts("T1", ("A", "B"), [1.0], [[1.0]])
    with pytest.raises(InputError, match=r"trial 'T1' is there 2 times"):
        network_from_covariances([trial, trial])


def test_a_treatment_against_itself_is_refused() -> None:
    with pytest.raises(InputError, match=r"trial 'T1', PRP vs PRP: a treatment against itself"):
        network_from_contrasts([1], variance=[1], trial=["T1"], treatment_a=["PRP"], treatment_b=["PRP"])


def test_a_trial_with_one_arm_is_refused() -> None:
    with pytest.raises(InputError, match=r"trial 'T2' has one arm only \('HA'\)"):
        network_from_arms([1, 2, 3], variance=[1, 1, 1], trial=["T1", "T1", "T2"], treatment=["HA", "PRP", "HA"])
    with pytest.raises(InputError, match=r"trial 'T2' has one arm only"):
        network_from_covariances([TrialContrasts("T2", ("HA",), [], [])])


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan, np.inf])
def test_a_variance_that_is_not_above_zero_is_refused(variance: float) -> None:
    with pytest.raises(InputError, match=r"trial 'T1', A vs B: variance is .*above zero"):
        network_from_contrasts([1], variance=[variance], trial=["T1"], treatment_a="A", treatment_b="B")
    with pytest.raises(InputError, match=r"trial 'T1', arm 'A': variance is .*above zero"):
        network_from_arms([1, 2], variance=[variance, 1], trial=["T1", "T1"], treatment="AB")


def test_an_effect_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match=r"trial 'T1', A vs B: estimate is nan"):
        network_from_contrasts([np.nan], variance=[1], trial=["T1"], treatment_a="A", treatment_b="B")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError, match="3 faults") as caught:
        network_from_contrasts(
            [1, np.nan, 1], variance=[0, 1, 1], trial=[1, 2, 3], treatment_a="AAC", treatment_b="BBC"
        )
    assert all(f"trial '{i}'" in str(caught.value) for i in (1, 2, 3))


def test_many_faults_are_counted_and_the_first_twelve_told() -> None:
    with pytest.raises(InputError, match="and 8 more"):
        network_from_contrasts(
            np.zeros(20), variance=np.zeros(20), trial=range(20), treatment_a="A" * 20, treatment_b="B" * 20
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"estimate": []}, "at least one row"),
        ({"estimate": ["x"]}, "must be numbers"),
        ({"estimate": [[1.0]]}, "shape"),
        ({"trial": [None]}, "trial is empty in row 0"),
        ({"treatment_a": [float("nan")]}, "treatment_a is empty in row 0"),
        ({"treatment_b": ["B", "C"]}, "different lengths: .*treatment_b 2"),
    ],
)
def test_columns_that_are_no_columns_are_refused(words: dict[str, Any], told: str) -> None:
    good = {"estimate": [1.0], "variance": [1.0], "trial": ["T"], "treatment_a": ["A"], "treatment_b": ["B"]}
    with pytest.raises(InputError, match=told):
        network_from_contrasts(**(good | words))


@pytest.mark.parametrize(
    ("trial", "told"),
    [
        (TrialContrasts("T", ("A", "A"), [1.0], [[1.0]]), "a treatment twice"),
        (TrialContrasts("T", ("A", "B"), [1.0, 2.0], [[1.0]]), "needs 1 effects"),
        (TrialContrasts("T", ("A", "B"), [np.nan], [[1.0]]), "not finite"),
        (TrialContrasts("T", ("A", "B"), ["one"], [[1.0]]), "must be numbers"),
        (TrialContrasts("T", ("A", "B", "C"), [1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]]), "no covariance"),
        (TrialContrasts("T", ("A", "B", "C"), [1.0, 2.0], [[1.0, 0.2], [0.1, 1.0]]), "no covariance"),
        (TrialContrasts("T", ("A", "B"), [1.0], [[0.0]]), "no covariance"),
    ],
)
def test_a_trial_whose_covariance_is_none_is_refused(trial: TrialContrasts, told: str) -> None:
    with pytest.raises(InputError, match=f"'T'.*{told}"):
        network_from_covariances([trial])


def test_no_trials_are_refused() -> None:
    with pytest.raises(InputError, match="no trials"):
        network_from_covariances([])


def test_networks_from_arms_and_from_contrasts_join(draw_arms: Any, as_contrasts: Any) -> None:
    arms = draw_arms(11, trials=8)
    whole = network_from_arms(**arms)
    inside = np.array([trial in ("trial 0", "trial 1", "trial 2", "trial 3") for trial in arms["trial"]])
    part = {k: [v for v, i in zip(column, inside, strict=True) if i] for k, column in arms.items()}
    rest = {k: [v for v, i in zip(column, ~inside, strict=True) if i] for k, column in arms.items()}
    joined = join_networks(network_from_arms(**part), network_from_contrasts(**as_contrasts(rest)))
    assert_same(joined, whole)
    with pytest.raises(InputError, match="2 times"):
        join_networks(whole, whole)


def test_joining_keeps_the_rounding_of_printed_contrasts() -> None:
    rounded = network_from_contrasts([0.3333, 0.6668, 0.3333], variance=[0.04, 0.05, 0.03], **TRIANGLE)
    other = network_from_contrasts([0.1], variance=[0.2], trial=["x"], treatment_a="C", treatment_b="0")
    joined = join_networks(other, rounded)
    np.testing.assert_allclose(joined.blocks[1].residual, rounded.blocks[0].residual, atol=1e-16)
