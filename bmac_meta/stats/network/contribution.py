"""How much each comparison and each trial contributes to each network estimate.

Each row of the hat matrix is a flow of evidence from one treatment to another: a unit enters at the first,
leaves at the second, and runs along the comparisons that trials make. A walker who follows the flow takes a
path; a path's probability, shared equally among its comparisons, is what those contribute (Davies et al.
2022, doi:10.1002/sim.9346).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.network.data import FloatArray, IntArray
from bmac_meta.stats.network.fit import NetworkFit
from bmac_meta.stats.network.graph import comparison_counts
from bmac_meta.stats.network.multiarm import pair_weight
from bmac_meta.stats.network.rows import total_covariance

CONTRIBUTION_METHODS = ("random-walk", "hat-matrix")
NO_FLOW = 1e-12
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Contributions(Sealed):
    """Holds the shares of the direct comparisons and of the trials in every network estimate.

    Network estimates are the pairs (P) of treatments `first`, `second`; direct comparisons the pairs (C)
    `edge_first`, `edge_second`. `comparison` (P, C) and `trial` (P, trials) are shares that sum to 1 in each
    row; `flow` (P, C) is the signed hat-matrix row in the aggregated network, positive from `edge_first` to
    `edge_second`.
    """

    treatments: tuple[str, ...]
    first: IntArray
    second: IntArray
    edge_first: IntArray
    edge_second: IntArray
    flow: FloatArray
    comparison: FloatArray
    trial: FloatArray
    method: str


def contributions(fit: NetworkFit, method: str = "random-walk") -> Contributions:
    """Return the contributions of comparisons and trials under the weights of a fit.

    "random-walk": the closed form of Davies et al. 2022 (doi:10.1002/sim.9346). "hat-matrix": the absolute
    entries of the hat matrix row, made to sum to 1. Trials share the contribution of a comparison by their
    weights in it, multi-arm trials with the reduced weights of their pairs (Rücker & Schwarzer 2014,
    doi:10.1002/sim.6236). Raises `InputError` naming the trial when correlated arms make such a weight
    negative: then evidence doesn't flow.
    """
    check_word("method of contributions", method, CONTRIBUTION_METHODS)
    first, second = np.triu_indices(len(fit.treatments), 1)
    edges = np.nonzero(np.triu(comparison_counts(fit.data)))
    weight = _trial_edge_weights(fit, *edges)
    total = weight.sum(axis=0)
    ends = fit.root[first] - fit.root[second]
    drop = fit.root[edges[0]] - fit.root[edges[1]]
    flow = (ends @ drop.T) * total
    flow[np.abs(flow) < NO_FLOW] = 0.0
    walk = method == "random-walk"
    shares = _walked(flow, first, second, edges, len(fit.treatments)) if walk else np.abs(flow)
    shares = shares / shares.sum(axis=1, keepdims=True)
    by_trial = shares @ (weight / total).T
    return Contributions(fit.treatments, first, second, *edges, flow, shares, by_trial, method)


def _trial_edge_weights(fit: NetworkFit, edge_first: IntArray, edge_second: IntArray) -> FloatArray:
    n = len(fit.treatments)
    edge = np.full((n, n), -1)
    edge[edge_first, edge_second] = np.arange(edge_first.size)
    weights = np.zeros((len(fit.data.trials), edge_first.size))
    for block in fit.data.blocks:
        a, b = np.triu_indices(block.size, 1)
        weight = pair_weight(total_covariance(block, fit.working_tau2))[:, a, b]
        weights[block.trial[:, None], edge[block.arms[:, a], block.arms[:, b]]] = weight
    negative = np.argwhere(weights < 0.0)
    if negative.size:
        trial, place = negative[0]
        raise InputError(
            f"trial {fit.data.trials[trial]!r} has a negative weight for "
            f"{fit.treatments[edge_first[place]]} vs {fit.treatments[edge_second[place]]}: its arms are "
            "correlated, and evidence does not flow through it. Contributions exist for networks of trials "
            "with independent arms."
        )
    return weights


def _walked(
    flow: FloatArray, first: IntArray, second: IntArray, edges: tuple[IntArray, IntArray], n: int
) -> FloatArray:
    step = max(1, CELLS_AT_ONCE // (4 * n * n))
    parts = [
        _walk(flow[at : at + step], first[at : at + step], second[at : at + step], edges, n)
        for at in range(0, first.size, step)
    ]
    return np.concatenate(parts)


def _walk(flow: FloatArray, source: IntArray, sink: IntArray, edges: tuple[IntArray, IntArray], n: int) -> FloatArray:
    jump = _transitions(flow, edges, n)
    leaving = _steps(jump, source)
    arriving = _steps(np.swapaxes(jump, 1, 2), sink)
    length = np.arange(leaving.shape[1])[:, None] + np.arange(arriving.shape[1]) + 1.0
    shared = np.einsum("lm,bmj->blj", 1.0 / length, arriving)
    crossing = np.einsum("bli,blj->bij", leaving, shared) * jump
    return crossing[:, edges[0], edges[1]] + crossing[:, edges[1], edges[0]]


def _transitions(flow: FloatArray, edges: tuple[IntArray, IntArray], n: int) -> FloatArray:
    onward = np.zeros((flow.shape[0], n, n))
    onward[:, edges[0], edges[1]] = np.maximum(flow, 0.0)
    onward[:, edges[1], edges[0]] = np.maximum(-flow, 0.0)
    out = onward.sum(axis=2, keepdims=True)
    return np.divide(onward, out, out=np.zeros_like(onward), where=out > 0.0)


def _steps(jump: FloatArray, start: IntArray) -> FloatArray:
    """Return what stands at each node after 0, 1, 2 … steps (b, steps, n), until all is gone."""
    count, n = jump.shape[:2]
    here = np.zeros((count, 1, n))
    here[np.arange(count), 0, start] = 1.0
    found = [here]
    while len(found) < n:
        here = here @ jump
        if not here.any():
            break
        found.append(here)
    return np.concatenate(found, axis=1)
