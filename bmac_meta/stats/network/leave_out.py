"""How the network changes when one trial, or all trials of one comparison, are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats.network.data import BoolArray, FloatArray, IntArray, select_trials
from bmac_meta.stats.network.fit import NetworkFit
from bmac_meta.stats.network.graph import comparisons, membership
from bmac_meta.stats.network.heterogeneity import variant_tau2
from bmac_meta.stats.network.least_squares import solve_network
from bmac_meta.stats.network.rows import independent_rows, standardized_rows


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut(Sealed):
    """Holds the network refitted v times, each time without some trials.

    `names` says what was left out: a trial, or the two treatments of a comparison. `estimate` and `se` (v, n,
    n), row minus column, are NaN for pairs that the rest of the network doesn't link; `tau2` (v,), estimated
    anew unless it was given, is NaN where no degree of freedom is left (then weights take it as 0); `q` and
    `df` (v,) are the generalized Q of the rest under a common effect. `trials` (v,) counts the trials that
    are left and `connected` (v,) says whether they still link all treatments.
    """

    names: tuple[str, ...] | tuple[tuple[str, str], ...]
    estimate: FloatArray
    se: FloatArray
    tau2: FloatArray
    q: FloatArray
    df: IntArray
    trials: IntArray
    connected: BoolArray


def leave_one_trial_out(fit: NetworkFit) -> LeftOut:
    """Refit the network without each trial in turn; raise `NotEnoughTrials` when there is only one."""
    count = len(fit.data.trials)
    if count < 2:
        raise NotEnoughTrials(f"leaving one trial out needs 2 trials or more; here is {count}.")
    return _refit(fit, ~np.eye(count, dtype=bool), fit.data.trials)


def leave_one_comparison_out(fit: NetworkFit) -> LeftOut:
    """Refit the network without each comparison in turn, that is, without every trial that has both its
    treatments.

    Raises `NotEnoughTrials` when all trials make the same comparison.
    """
    pairs = comparisons(fit.data)
    present = membership(fit.data)
    keep = ~(present[:, pairs.first] & present[:, pairs.second]).T
    names = tuple((fit.treatments[a], fit.treatments[b]) for a, b in zip(pairs.first, pairs.second, strict=True))
    if not keep.any():
        raise NotEnoughTrials(
            f"every trial makes every comparison ({' vs '.join(names[0])} …), so that none is left without one."
        )
    return _refit(fit, keep, names)


def _refit(fit: NetworkFit, keep: BoolArray, names: tuple) -> LeftOut:
    rows = independent_rows(fit.data)
    possible = keep.any(axis=1)
    method = fit.working_tau2 if fit.tau2_method in ("given", "none") else fit.tau2_method
    tau2 = np.full(keep.shape[0], np.nan)
    tau2[possible] = variant_tau2(rows, keep[np.ix_(possible, rows.trial)], method)
    n = len(fit.treatments)
    estimate, se = np.full((2, keep.shape[0], n, n), np.nan)
    q, df = np.zeros(keep.shape[0]), np.zeros(keep.shape[0], dtype=np.intp)
    connected = np.zeros(keep.shape[0], dtype=bool)
    for i in np.flatnonzero(possible):
        estimate[i], se[i], connected[i] = _solve(fit, keep[i], 0.0 if np.isnan(tau2[i]) else tau2[i])
        q[i], df[i] = _q(fit, keep[i])
    return LeftOut(names, estimate, se, tau2, q, df, keep.sum(axis=1), connected)


def _solve(fit: NetworkFit, keep: BoolArray, tau2: float) -> tuple[FloatArray, FloatArray, bool]:
    rows = standardized_rows(select_trials(fit.data, keep), tau2)
    solution, reference = solve_network(rows.effect, rows.columns)
    estimate, se = solution.differences()
    apart = reference[:, None] != reference
    estimate[apart] = se[apart] = np.nan
    return estimate, se, not apart.any()


def _q(fit: NetworkFit, keep: BoolArray) -> tuple[float, int]:
    rows = standardized_rows(select_trials(fit.data, keep), 0.0)
    solution, _ = solve_network(rows.effect, rows.columns)
    return max(solution.squares, 0.0), rows.effect.size - solution.rank
