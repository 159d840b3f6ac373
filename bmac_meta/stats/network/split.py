"""Node splitting: what a comparison says directly, what the rest of the network says, and if they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.errors import check_word
from bmac_meta.stats.network.data import FloatArray, IntArray, NetworkData, select_trials
from bmac_meta.stats.network.direct import direct_evidence
from bmac_meta.stats.network.fit import NetworkFit, quantile, solve_at, two_sided_p
from bmac_meta.stats.network.graph import comparison_counts, component_labels, membership
from bmac_meta.stats.network.heterogeneity import free_columns, solve_tau2
from bmac_meta.stats.network.least_squares import least_squares
from bmac_meta.stats.network.projection import project
from bmac_meta.stats.network.rows import Rows, independent_rows, standardized_rows

SPLIT_METHODS = ("back-calculation", "side-split", "design-split")
NO_INDIRECT = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class NodeSplit(Sealed):
    """Holds direct, indirect and network evidence for every pair of treatments (P = n(n − 1)/2).

    Effects are those of treatment `first` minus `second` (indices (P,)); `trials` counts trials with direct
    evidence. `direct`, `indirect`, `network`, `difference` (direct − indirect) with `…_se`, `direct_ci` and
    `indirect_ci` (P, 2) and `p_value` of the difference are NaN where that evidence doesn't exist: no trial
    compares the two, or none of the rest of the network does. `share_direct` is the proportion of direct
    evidence, (network se / direct se)²; `tau2` (P,) the between-trial variance used; `method` the way of
    splitting.
    """

    treatments: tuple[str, ...]
    first: IntArray
    second: IntArray
    trials: IntArray
    direct: FloatArray
    direct_se: FloatArray
    direct_ci: FloatArray
    indirect: FloatArray
    indirect_se: FloatArray
    indirect_ci: FloatArray
    network: FloatArray
    network_se: FloatArray
    difference: FloatArray
    difference_se: FloatArray
    p_value: FloatArray
    share_direct: FloatArray
    tau2: FloatArray
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    direct: FloatArray
    direct_se: FloatArray
    indirect: FloatArray
    indirect_se: FloatArray
    difference: FloatArray
    difference_se: FloatArray
    tau2: FloatArray


def node_split(fit: NetworkFit, method: str = "back-calculation", *, refit: bool = False) -> NodeSplit:
    """Split every comparison of a network into its direct and its indirect evidence.

    - "back-calculation": the pairwise pool at the network's τ², and what has to be added to it to give the
      network estimate (König, Krahn & Binder 2013, doi:10.1002/sim.6001; Dias et al. 2010,
      doi:10.1002/sim.3767).
    - "side-split": one inconsistency parameter for the trials that compare the two, shared symmetrically by
      the two arms in multi-arm trials (White 2015, doi:10.1177/1536867X1501500403). The same as
      back-calculation when those trials have two arms. With `refit=True`, τ² is estimated anew for each
      split, by the method of the fit.
    - "design-split": the pairwise pool against the network of all trials that don't compare the two
      (Efthimiou et al. 2019, doi:10.1002/sim.8158).
    """
    check_word("method of node splitting", method, SPLIT_METHODS)
    first, second = np.triu_indices(len(fit.treatments), 1)
    if method == "side-split":
        found = _side_split(fit, first, second, refit and fit.tau2_method not in ("given", "none"))
    else:
        found = (_back_calculated if method == "back-calculation" else _design_split)(fit, first, second)
    direct = direct_evidence(fit.data, fit.working_tau2)
    network, network_se = fit.estimate[first, second], fit.se[first, second]
    share = np.nan_to_num((network_se / direct.se[first, second]) ** 2, nan=0.0)
    return NodeSplit(
        treatments=fit.treatments,
        first=first,
        second=second,
        trials=direct.trials[first, second],
        direct=found.direct,
        direct_se=found.direct_se,
        direct_ci=_interval(found.direct, found.direct_se, fit),
        indirect=found.indirect,
        indirect_se=found.indirect_se,
        indirect_ci=_interval(found.indirect, found.indirect_se, fit),
        network=network,
        network_se=network_se,
        difference=found.difference,
        difference_se=found.difference_se,
        p_value=np.where(
            np.isnan(found.difference), np.nan, two_sided_p(found.difference, found.difference_se, fit.df)
        ),
        share_direct=np.minimum(share, 1.0),
        tau2=found.tau2,
        method=method,
    )


def _interval(estimate: FloatArray, se: FloatArray, fit: NetworkFit) -> FloatArray:
    margin = quantile(fit.df, fit.level) * se
    return np.stack([estimate - margin, estimate + margin], axis=1)


def _joined(
    direct: FloatArray, direct_se: FloatArray, indirect: FloatArray, indirect_se: FloatArray, tau2: float
) -> _Sides:
    gap, gap_se = direct - indirect, np.hypot(direct_se, indirect_se)
    return _Sides(direct, direct_se, indirect, indirect_se, gap, gap_se, np.full(direct.shape, tau2))


def _back_calculated(fit: NetworkFit, first: IntArray, second: IntArray) -> _Sides:
    evidence = direct_evidence(fit.data, fit.working_tau2)
    direct, direct_se = evidence.estimate[first, second], evidence.se[first, second]
    network, network_se = fit.estimate[first, second], fit.se[first, second]
    share = np.nan_to_num((network_se / direct_se) ** 2, nan=0.0)
    rest = np.where(1.0 - share > NO_INDIRECT, 1.0 - share, np.nan)
    indirect = np.where(share > 0.0, (network - share * np.nan_to_num(direct)) / rest, network)
    return _joined(direct, direct_se, indirect, network_se / np.sqrt(rest), fit.working_tau2)


def _design_split(fit: NetworkFit, first: IntArray, second: IntArray) -> _Sides:
    evidence = direct_evidence(fit.data, fit.working_tau2)
    direct, direct_se = evidence.estimate[first, second], evidence.se[first, second]
    indirect, indirect_se = fit.estimate[first, second].copy(), fit.se[first, second].copy()
    present = membership(fit.data)
    for i in np.flatnonzero(~np.isnan(direct)):
        keep = ~(present[:, first[i]] & present[:, second[i]])
        indirect[i], indirect_se[i] = _from_the_rest(fit, keep, first[i], second[i])
    return _joined(direct, direct_se, indirect, indirect_se, fit.working_tau2)


def _from_the_rest(fit: NetworkFit, keep: np.ndarray, first: int, second: int) -> tuple[float, float]:
    if not keep.any():
        return np.nan, np.nan
    rest = select_trials(fit.data, keep)
    labels = component_labels(comparison_counts(rest) > 0)
    if labels[first] != labels[second]:
        return np.nan, np.nan
    estimate, se = solve_at(rest, fit.working_tau2).differences()
    return float(estimate[first, second]), float(se[first, second])


def _side_split(fit: NetworkFit, first: IntArray, second: IntArray, refit: bool = False) -> _Sides:
    blank = np.full(first.size, np.nan)
    sides = _Sides(*(blank.copy() for _ in range(6)), np.full(first.size, fit.working_tau2))
    sides.indirect[:], sides.indirect_se[:] = fit.estimate[first, second], fit.se[first, second]
    counts = comparison_counts(fit.data)
    compared = np.flatnonzero(counts[first, second])
    standard = standardized_rows(fit.data, fit.working_tau2)
    independent = independent_rows(fit.data) if refit else None
    for i in compared:
        shift = list(_split_arms(fit.data, first[i], second[i]))
        tau2 = fit.working_tau2 if independent is None else _split_tau2(independent, shift, fit.tau2_method)
        rows = standard if independent is None else standardized_rows(fit.data, tau2)
        answer = _split_once(rows, shift, first[i], second[i])
        for name, value in zip(_Sides.__slots__, (*answer, tau2), strict=True):
            getattr(sides, name)[i] = value
    return sides


def _split_arms(data: NetworkData, first: int, second: int) -> Iterator[FloatArray]:
    for block in data.blocks:
        half = 0.5 * ((block.arms == first).astype(float) - (block.arms == second))
        half[np.abs(half).sum(axis=1) < 1.0] = 0.0
        yield half[:, 1:] - half[:, :1]


def _split_tau2(rows: Rows, shift: list[FloatArray], method: str) -> float:
    columns = np.column_stack([rows.columns, rows.rotate(shift)])
    alive = np.append(free_columns(rows), True)
    if _unexplained(columns / np.sqrt(rows.variance)[:, None], alive) <= NO_INDIRECT:
        alive[-1] = False
    tau2 = float(solve_tau2(project(rows.effect, columns, rows.variance, alive), method)[0])
    return 0.0 if np.isnan(tau2) else tau2


def _unexplained(columns: FloatArray, alive: np.ndarray) -> float:
    last = columns[:, -1]
    others = alive.copy()
    others[-1] = False
    return least_squares(last, columns, others).squares / float(last @ last)


def _split_once(rows: Rows, shift: list[FloatArray], first: int, second: int) -> tuple[float, ...]:
    columns = np.column_stack([rows.columns, rows.rotate(shift)])
    alive = np.append(free_columns(rows), True)
    pick = np.zeros(columns.shape[1])
    pick[first], pick[second] = 1.0, -1.0
    both = pick.copy()
    both[-1] = 1.0
    if _unexplained(columns, alive) <= NO_INDIRECT:
        alone = least_squares(rows.effect, columns, np.append(alive[:-1], False))
        return (*_answer(alone.coefficients, alone.root, pick), np.nan, np.nan, np.nan, np.nan)
    solution = least_squares(rows.effect, columns, alive)
    gap = np.zeros_like(pick)
    gap[-1] = 1.0
    return tuple(value for line in (both, pick, gap) for value in _answer(solution.coefficients, solution.root, line))


def _answer(coefficients: FloatArray, root: FloatArray, line: FloatArray) -> tuple[float, float]:
    return float(line @ coefficients), float(np.linalg.norm(line @ root))
