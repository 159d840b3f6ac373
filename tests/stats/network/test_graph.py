"""The graph of a network: counts, components, parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import DisconnectedNetwork, InputError, UnknownWordError
from bmac_meta.stats.network import (
    NetworkData,
    comparison_counts,
    comparisons,
    components,
    fit_network,
    network_from_arms,
    network_from_contrasts,
    require_connected,
    subnetwork,
    trials_by_treatment,
    without_trials,
)
from bmac_meta.stats.network.graph import block_designs, component_labels


def two_parts() -> NetworkData:
    pairs = {"trial": "1234", "treatment_a": "AABX", "treatment_b": "BBCY"}
    return network_from_contrasts([1, 2, 3, 4], variance=[1] * 4, **pairs)


def test_comparisons_are_counted_once_per_trial() -> None:
    arms = {"trial": ["t"] * 3 + ["u"] * 2, "treatment": "ABCAB"}
    data = network_from_arms(np.zeros(5), variance=np.ones(5), **arms)
    assert comparison_counts(data).tolist() == [[0, 2, 1], [2, 0, 1], [1, 1, 0]]
    assert trials_by_treatment(data).tolist() == [2, 2, 1]
    pairs = comparisons(data)
    assert list(zip(pairs.first, pairs.second, pairs.trials, strict=True)) == [
        (0, 1, 2),
        (0, 2, 1),
        (1, 2, 1),
    ]


def test_components_are_listed_largest_first() -> None:
    assert components(two_parts()) == (("A", "B", "C"), ("X", "Y"))


def test_a_disconnected_network_is_named_in_parts() -> None:
    with pytest.raises(DisconnectedNetwork, match=r"\(1\) A, B, C; \(2\) X, Y"):
        require_connected(two_parts())


def test_labels_of_a_long_chain_reach_its_end() -> None:
    chain = np.eye(60, k=1, dtype=bool) | np.eye(60, k=-1, dtype=bool)
    assert (component_labels(chain) == 0).all()
    chain[29, 30] = chain[30, 29] = False
    assert np.unique(component_labels(chain)).tolist() == [0, 30]


def test_a_part_is_a_network_of_its_own() -> None:
    part = subnetwork(two_parts(), ("X", "Y"))
    assert part.treatments == ("X", "Y")
    assert part.trials == ("4",)
    assert fit_network(part).estimate[0, 1] == 4.0


def test_taking_arms_out_keeps_the_other_arms_of_multi_arm_trials(draw_arms: Any) -> None:
    arms = draw_arms(5, trials=14, treatments=5, largest=5)
    kept = ("T0", "T1", "T3")
    inside = [i for i, arm in enumerate(arms["treatment"]) if arm in kept]
    several = [arms["trial"][i] for i in inside]
    inside = [i for i in inside if several.count(arms["trial"][i]) > 1]
    expected = network_from_arms(**{key: [column[i] for i in inside] for key, column in arms.items()})
    part = subnetwork(network_from_arms(**arms), kept)
    np.testing.assert_allclose(fit_network(part, 0.1).estimate, fit_network(expected, 0.1).estimate, atol=1e-13)
    np.testing.assert_allclose(fit_network(part, 0.1).se, fit_network(expected, 0.1).se, rtol=1e-12)


def test_a_part_without_trials_is_refused() -> None:
    with pytest.raises(InputError, match=r"no trial compares two of \['A', 'X'\]"):
        subnetwork(two_parts(), ("A", "X"))
    with pytest.raises(UnknownWordError, match="'Z'"):
        subnetwork(two_parts(), ("A", "Z"))


def test_trials_are_left_out_by_name_with_the_treatments_that_only_they_have() -> None:
    left = without_trials(two_parts(), ["3", 4])
    assert left.treatments == ("A", "B")
    assert left.trials == ("1", "2")
    assert fit_network(left, 0.0).estimate[0, 1] == pytest.approx(1.5)
    with pytest.raises(UnknownWordError, match="trial '9'"):
        without_trials(two_parts(), ["9"])
    with pytest.raises(InputError, match="no trial is left"):
        without_trials(two_parts(), "1234")


def test_trials_with_the_same_treatments_share_a_design() -> None:
    block = two_parts().blocks[0]
    designs = block_designs(block)
    assert designs.arms.tolist() == [[0, 1], [1, 2], [3, 4]]
    assert designs.of_trial.tolist() == [0, 0, 1, 2]
