"""The sentences on what is wrong with a trial."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.network.checks import effect_fault, pair_faults, refuse, variance_fault

NAMES = ["A", "B", "C"]
OWN = np.array([0.1, 0.2, 0.3])
PAIRS = (OWN[:, None] + OWN) * (1.0 - np.eye(3))
EFFECT = np.array([0.0, 1.0, 3.0])
EFFECTS = EFFECT - EFFECT[:, None]


def test_a_consistent_trial_has_no_fault() -> None:
    assert variance_fault(PAIRS, OWN, True, NAMES, 0.0 + 1e-12) is None
    assert effect_fault(EFFECTS, PAIRS, NAMES, 0.0) is None


def test_the_tolerance_is_a_share_of_the_standard_error() -> None:
    moved = EFFECTS.copy()
    moved[0, 1] += 0.03
    moved[1, 0] -= 0.03
    # A third of the gap of the loop falls on each contrast: 0.01 of a standard error of sqrt(0.3).
    share = 0.01 / np.sqrt(0.3)
    assert effect_fault(moved, PAIRS, NAMES, share * 1.01) is None
    assert "a difference of 0.03" in str(effect_fault(moved, PAIRS, NAMES, share * 0.99))


def test_a_zero_arm_variance_is_a_fault() -> None:
    assert "'B'" in str(variance_fault(PAIRS, np.array([0.1, 0.0, 0.3]), True, NAMES, 0.1))


def test_a_matrix_that_is_no_covariance_is_a_fault_even_within_tolerance() -> None:
    assert "contradict" in str(variance_fault(PAIRS, OWN, False, NAMES, 10.0))


def test_one_fault_stands_alone_and_several_are_listed() -> None:
    refuse([])
    with pytest.raises(InputError, match=r"^only this$"):
        refuse(["only this"])
    with pytest.raises(InputError, match=r"2 faults in the trials of the network:\n  one\n  two"):
        refuse(["one", "two"])


def test_a_missing_pair_and_a_double_pair_are_both_told() -> None:
    told = list(pair_faults({"T": [0, 1, 2]}, [("A", "B"), ("B", "A"), ("A", "C")]))
    assert len(told) == 2
    assert "A vs B 2 times" in told[0]
    assert "lacks B vs C" in told[1]
