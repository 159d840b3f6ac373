"""Contributions of comparisons and trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.network import (
    Contributions,
    NetworkData,
    TrialContrasts,
    contributions,
    fit_network,
    network_from_contrasts,
    network_from_covariances,
)


def paths(flow: dict[tuple[int, int], float], here: int, end: int) -> Iterator[tuple[list[tuple[int, int]], float]]:
    """Walk every path of a flow from one treatment to another, with its probability."""
    if here == end:
        yield [], 1.0
        return
    out = {edge: value for edge, value in flow.items() if edge[0] == here and value > 0.0}
    for edge, value in out.items():
        for path, probability in paths(flow, edge[1], end):
            yield [edge, *path], probability * value / sum(out.values())


def walked(found: Contributions, row: int) -> np.ndarray:
    """Share each path's probability among its comparisons, path by path (Davies et al. 2022)."""
    edges = list(zip(found.edge_first.tolist(), found.edge_second.tolist(), strict=True))
    flow = dict(zip(edges, found.flow[row], strict=True))
    both = flow | {(b, a): -value for (a, b), value in flow.items()}
    shares = dict.fromkeys(edges, 0.0)
    for path, probability in paths(both, int(found.first[row]), int(found.second[row])):
        for edge in path:
            shares[min(edge), max(edge)] += probability / len(path)
    return np.array([shares[edge] for edge in edges])


@pytest.mark.parametrize("seed", range(4))
def test_the_closed_form_equals_the_sum_over_all_paths(seed: int, draw: Any) -> None:
    found = contributions(fit_network(draw(seed, trials=14, treatments=6), 0.1))
    for row in range(found.first.size):
        np.testing.assert_allclose(found.comparison[row], walked(found, row), atol=1e-12)


@pytest.mark.parametrize("method", ["random-walk", "hat-matrix"])
def test_shares_sum_to_one_and_are_not_negative(method: str, senn: NetworkData) -> None:
    found = contributions(fit_network(senn), method)
    for shares in (found.comparison, found.trial):
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
        assert (shares >= 0.0).all()
    assert found.method == method


def test_a_flow_carries_one_unit_from_the_first_to_the_second_treatment(senn: NetworkData) -> None:
    found = contributions(fit_network(senn))
    for row, (first, second) in enumerate(zip(found.first, found.second, strict=True)):
        out = np.bincount(found.edge_first, weights=found.flow[row], minlength=10)
        into = np.bincount(found.edge_second, weights=found.flow[row], minlength=10)
        expected = np.zeros(10)
        expected[first], expected[second] = 1.0, -1.0
        np.testing.assert_allclose(out - into, expected, atol=1e-11)


def test_the_flow_times_the_direct_estimates_is_the_network_estimate(draw: Any) -> None:
    data = draw(2, trials=15, treatments=5, largest=2)
    fit = fit_network(data, 0.1)
    found = contributions(fit)
    weight = np.zeros(found.edge_first.size)
    towards = np.zeros(found.edge_first.size)
    edges = list(zip(found.edge_first, found.edge_second, strict=True))
    for arms, effect, variance in zip(
        data.blocks[0].arms, data.blocks[0].effect, data.blocks[0].covariance, strict=True
    ):
        place = edges.index(tuple(arms))
        weight[place] += 1.0 / (variance[0, 0] + 0.1)
        towards[place] -= effect[0] / (variance[0, 0] + 0.1)
    np.testing.assert_allclose(found.flow @ (towards / weight), fit.estimate[found.first, found.second], atol=1e-11)


def test_a_triangle_shares_two_to_one() -> None:
    pairs = {"trial": "123", "treatment_a": "AAB", "treatment_b": "BCC"}
    found = contributions(fit_network(network_from_contrasts([1, 3, 1], variance=[1, 1, 1], **pairs), 0.0))
    # Two thirds directly; one third over a path of two comparisons, a sixth for each.
    np.testing.assert_allclose(found.comparison[0], [2 / 3, 1 / 6, 1 / 6], rtol=1e-12)
    np.testing.assert_allclose(found.trial[0], [2 / 3, 1 / 6, 1 / 6], rtol=1e-12)


def test_trials_of_one_comparison_share_by_weight() -> None:
    pairs = {"trial": "12", "treatment_a": "AA", "treatment_b": "BB"}
    found = contributions(fit_network(network_from_contrasts([1, 3], variance=[1, 3], **pairs), 0.0))
    np.testing.assert_allclose(found.trial, [[0.75, 0.25]], rtol=1e-12)


def test_a_trial_with_correlated_arms_is_refused_by_name() -> None:
    trial = TrialContrasts("knees", ("A", "B", "C"), np.array([1.0, 2.0]), np.array([[1.0, 0.9], [0.9, 0.85]]))
    with pytest.raises(InputError, match=r"trial 'knees' has a negative weight for A vs B"):
        contributions(fit_network(network_from_covariances([trial]), 0.0))
