"""The common τ² of a network, its interval, and the heterogeneity of designs on their own."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri

from bmac_meta.arguments import as_real
from bmac_meta.errors import InputError, check_word, told
from bmac_meta.stats.network.data import BoolArray, FloatArray
from bmac_meta.stats.network.least_squares import adjacency, references
from bmac_meta.stats.network.projection import is_wide, project, project_variants
from bmac_meta.stats.network.rows import Rows
from bmac_meta.stats.projection import Projection
from bmac_meta.stats.tau2 import generalized_q_root, solve

NETWORK_TAU2_METHODS = ("REML", "DL", "ML", "PM")
CELLS_AT_ONCE = 4_000_000


def check_tau2(tau2: str | float) -> str | float:
    """Return a known method or a number of 0 or more; raise `InputError` otherwise."""
    if isinstance(tau2, str):
        return check_word("tau2 method for a network", tau2, NETWORK_TAU2_METHODS)
    number = as_real(tau2)
    if not 0.0 <= number < np.inf:
        known = ", ".join(NETWORK_TAU2_METHODS)
        raise InputError(f"tau2 is {told(tau2)}; give a method ({known}) or a variance of 0 or more.")
    return number


def network_projection(rows: Rows) -> Projection:
    """Return the projection of all rows of a network, with one reference per connected part."""
    return project(*rows.parts(), free_columns(rows))


def free_columns(rows: Rows) -> BoolArray:
    """Say for each treatment (n,) whether it has a coefficient, that is, is not the reference of its part."""
    reference = references(adjacency(rows.columns), (1.0 / rows.variance) @ rows.columns**2)
    return reference != np.arange(reference.size)


def solve_tau2(model: Projection, tau2: str | float) -> FloatArray:
    """Return tau2 (n,) in the units of the effects; an estimate is NaN without degrees of freedom."""
    if isinstance(tau2, str):
        return solve(model, tau2)[0] * model.unit**2
    return np.full(model.degrees.shape, float(tau2))


def tau2_interval(model: Projection, level: float) -> tuple[float, float]:
    """Return the Q-profile interval of tau2 of one network; NaN without degrees of freedom.

    Limits are the τ² at which the generalized Q equals the quantiles of its χ² distribution (Viechtbauer
    2007, doi:10.1002/sim.2514; for regressions Jackson et al. 2014, doi:10.1186/1471-2288-14-103).
    """
    if not model.degrees[0] > 0:
        return np.nan, np.nan
    tail = 0.5 * (1.0 - level)
    limits = [generalized_q_root(model, chdtri(model.degrees, share))[0] for share in (tail, 1.0 - tail)]
    low, high = (float(limit * model.unit[0] ** 2) for limit in limits)
    return low, high


def variant_tau2(rows: Rows, keep: BoolArray, tau2: str | float) -> FloatArray:
    """Return the tau2 (v,) of networks that keep some rows (v, N); NaN without degrees of freedom."""
    if not isinstance(tau2, str):
        return np.full(keep.shape[0], tau2)
    alive = np.array([free_columns(rows.take(kept)) for kept in keep])
    if is_wide(rows.variance):
        pairs = zip(keep, alive, strict=True)
        models = [project(*rows.take(kept).parts(), free) for kept, free in pairs]
        return np.concatenate([solve_tau2(model, tau2) for model in models])
    n = rows.columns.shape[1]
    step = max(1, CELLS_AT_ONCE // (12 * (4 * n * n + 5 * rows.effect.size)))
    spans = [slice(at, at + step) for at in range(0, keep.shape[0], step)]
    models = [project_variants(*rows.parts(), keep[span], alive[span]) for span in spans]
    return np.concatenate([solve_tau2(model, tau2) for model in models])
