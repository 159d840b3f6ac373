"""Subgroups and the test of their difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, f

from bmac_meta.errors import InputError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.subgroups import subgroups

RNG = np.random.default_rng(33)
LABELS = np.array(list("aababcbccaab"))
V = RNG.uniform(0.02, 0.4, LABELS.size)
Y = RNG.normal(size=LABELS.size) * np.sqrt(V + 0.05) + (LABELS == "b")


def test_each_subgroup_is_pooled_by_itself() -> None:
    found = subgroups(Y, variance=V, labels=LABELS)
    assert found.labels == ("a", "b", "c")
    for label, group in zip(found.labels, found.groups, strict=True):
        rows = label == LABELS
        expected = random_effects(Y[rows], variance=V[rows])
        assert (group.estimate, group.ci_low, group.pi_high) == (
            expected.estimate,
            expected.ci_low,
            expected.pi_high,
        )
    assert np.isnan(found.tau2)


def test_with_separate_tau2_the_difference_is_tested_by_q_of_the_estimates() -> None:
    found = subgroups(Y, variance=V, labels=LABELS, interval="wald")
    mean = np.array([group.estimate for group in found.groups])
    weight = np.array([group.se for group in found.groups]) ** -2.0
    q = (weight * (mean - (weight * mean).sum() / weight.sum()) ** 2).sum()
    assert found.q_between == pytest.approx(q, rel=1e-12)
    assert found.p_value == pytest.approx(chi2.sf(q, 2), rel=1e-12)
    assert (found.df, found.df2) == (2, np.inf)


@pytest.mark.parametrize("interval", ["wald", "knapp-hartung"])
def test_with_a_common_tau2_the_difference_is_tested_by_regression(interval: str) -> None:
    design = np.column_stack([np.ones(Y.size), LABELS == "b", LABELS == "c"]).astype(float)
    expected = meta_regression(Y, variance=V, design=design, interval=interval)
    found = subgroups(Y, variance=V, labels=LABELS, interval=interval, common_tau2=True)
    assert found.tau2 == pytest.approx(expected.tau2, rel=1e-10)
    assert found.p_value == pytest.approx(expected.omnibus_p, rel=1e-9)
    assert all(group.tau2 == pytest.approx(found.tau2, rel=1e-14) for group in found.groups)
    if interval == "wald":
        assert found.q_between == pytest.approx(2 * expected.omnibus, rel=1e-9)
        assert found.df2 == np.inf
    else:
        assert found.p_value == pytest.approx(f.sf(found.q_between, found.df, found.df2), rel=1e-10)
        assert (found.df, found.df2) == (2, 9.0)


def test_common_effects_split_q_into_between_and_within() -> None:
    found = subgroups(Y, variance=V, labels=LABELS, tau2=0.0, interval="wald")
    whole = random_effects(Y, variance=V, tau2=0.0)
    assert found.q_between + sum(group.q for group in found.groups) == pytest.approx(whole.q, rel=1e-12)


def test_one_subgroup_has_no_difference_to_test() -> None:
    for common in (False, True):
        found = subgroups(Y, variance=V, labels=np.full(Y.size, "x"), common_tau2=common)
        assert np.isnan(found.q_between)
        assert np.isnan(found.p_value)
        assert found.groups[0].estimate == random_effects(Y, variance=V).estimate


def test_a_subgroup_of_one_trial_is_that_trial() -> None:
    found = subgroups(Y, variance=V, labels=["z", *LABELS[1:]])
    assert found.groups[-1].estimate == Y[0]
    assert np.isnan(found.groups[-1].tau2)


def test_a_batch_has_one_test_per_meta_analysis() -> None:
    mask = np.ones((2, Y.size), dtype=bool)
    mask[1, 0] = False
    for common in (False, True):
        whole = subgroups(Y, variance=V, labels=LABELS, common_tau2=common, mask=mask)
        first = subgroups(Y, variance=V, labels=LABELS, common_tau2=common)
        second = subgroups(Y[1:], variance=V[1:], labels=LABELS[1:], common_tau2=common)
        assert whole.q_between == pytest.approx([first.q_between, second.q_between], rel=1e-10)
        assert whole.p_value == pytest.approx([first.p_value, second.p_value], rel=1e-10)


def test_masked_trials_of_one_meta_analysis_take_their_subgroups_along() -> None:
    mask = LABELS != "c"
    found = subgroups(Y, variance=V, labels=LABELS, mask=mask)
    expected = subgroups(Y[mask], variance=V[mask], labels=LABELS[mask])
    assert found.labels == ("a", "b")
    assert type(found.groups[0].estimate) is float
    assert found.q_between == expected.q_between


def test_an_offset_of_all_effects_costs_the_difference_no_digits() -> None:
    shifted = Y + 1e6
    here = subgroups(shifted - 1e6, variance=V, labels=LABELS)
    # The estimates themselves are rounded to 1e-10 at an offset of 1e6.
    assert subgroups(shifted, variance=V, labels=LABELS).q_between == pytest.approx(here.q_between, rel=1e-8)


def test_labels_of_any_kind_are_taken() -> None:
    assert subgroups(Y, variance=V, labels=[1, 2] * 6).labels == (1, 2)
    assert set(subgroups(Y, variance=V, labels=[1, "one"] * 6).labels) == {1, "one"}


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a"] * 3, "one label for each"),
        ([None, *LABELS[1:]], "trial 0"),
        ([np.nan, *LABELS[1:]], "no label"),
    ],
)
def test_missing_labels_are_refused(labels: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        subgroups(Y, variance=V, labels=labels)


def test_a_missing_label_of_pandas_is_refused_too() -> None:
    with pytest.raises(InputError, match="trial 0"):
        subgroups(Y, variance=V, labels=[pd.NA, *LABELS[1:]])


def test_a_collapsed_standard_error_leaves_the_test_undefined() -> None:
    found = subgroups([1.0, 1.0, 2.0, 3.0], variance=np.ones(4), labels=["a", "a", "b", "b"], interval="knapp-hartung")
    assert np.isnan(found.q_between)
    assert np.isnan(found.p_value)
