"""The variance between trials, tau2: every usual estimator, written once against the shared moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from bmac_meta.errors import check_word
from bmac_meta.stats.batch import Batch, as_batch, map_chunks, unbatch
from bmac_meta.stats.likelihood import log_likelihood, maximize
from bmac_meta.stats.projection import MeanProjection, Projection
from bmac_meta.stats.regressors import Design, as_design

TAU2_METHODS = ("DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "DL2", "CA2", "PMM")


@dataclass(frozen=True, slots=True)
class Tau2:
    """Holds the between-trial variance of one or many meta-analyses.

    `tau2` is a float or (B,), NaN where no residual degree of freedom is left (one trial); `method` names the
    estimator; `modes` counts the local maxima of the likelihood (1 for estimators that maximize none).
    """

    tau2: float | NDArray
    method: str
    modes: int | NDArray


def estimate_tau2(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    method: str = "REML",
    design: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tau2:
    """Estimate the between-trial variance of one or many meta-analyses.

    `estimate` and `variance` are (k,) or (B, k), `mask` (B, k) says which trials are present; `design`, (k,
    p) or (B, k, p), holds regressors (with its column of ones) for a residual tau2. Never negative; NaN for
    one trial. Raises `InputError` for unusable numbers, `UnknownWordError` for an unknown method,
    `DesignError` for a collinear or saturated design. ML and REML give the global maximum. Sources: DL
    10.1016/0197-2456(86)90046-2; HE, HS, ML, REML 10.3102/10769986030003261; SJ
    10.1111/j.1467-9876.2005.00489.x; EB 10.1080/01621459.1983.10477920; PM 10.6028/jres.087.022; DL2, CA2
    10.1016/j.cct.2006.04.004; PMM is the same with the median of Q for its mean (Viechtbauer 2021, European
    Congress of Methodology).

    The 13 trials of BCG vaccine in Viechtbauer 2010 (10.18637/jss.v036.i03), log risk ratios to four digits
    (there 0.313):

    >>> y = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209,
    ...      0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
    >>> v = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230,
    ...      0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]
    >>> round(estimate_tau2(y, variance=v, method="REML").tau2, 3)
    0.313
    """
    check_word("tau2 method", method, TAU2_METHODS)
    batch = as_batch(estimate, variance, mask)
    regressors = None if design is None else as_design(design, batch)

    def part(rows: slice) -> dict[str, NDArray]:
        model = project(batch, regressors, rows)
        tau2, modes = solve(model, method)
        return {"tau2": tau2 * model.unit**2, "modes": modes}

    fields = map_chunks(part, batch.count, batch.width * (1 if regressors is None else regressors.size + 4))
    return Tau2(method=method, **unbatch(fields, batch.single))


def project(batch: Batch, design: Design | None, rows: slice) -> Projection:
    """Return the projection for some rows of a batch: intercept-only without a design."""
    if design is None:
        return MeanProjection.of(*batch.columns(rows))
    return design.project(batch, rows)


def solve(model: Projection, method: str) -> tuple[NDArray, NDArray]:
    """Return tau2 in scaled units, NaN without residual degrees of freedom, and the count of modes, (n,)."""
    enough = model.degrees > 0
    if enough.all():
        return _solve(model, method)
    tau2, modes = np.full(enough.shape, np.nan), np.ones(enough.shape, dtype=int)
    if enough.any():
        tau2[enough], modes[enough] = _solve(model.take(np.flatnonzero(enough)), method)
    return tau2, modes


def _solve(model: Projection, method: str) -> tuple[NDArray, NDArray]:
    if method in ("ML", "REML"):
        return maximize(model, restricted=method == "REML")
    tau2 = CLOSED[method](model)
    return np.maximum(tau2, 0.0), np.ones(tau2.shape, dtype=int)


def dersimonian_laird(model: Projection) -> NDArray:
    """Return the method-of-moments tau2 with inverse-variance weights, before truncation at 0."""
    return moment_step(model, np.zeros(model.trials.shape))


def moment_step(model: Projection, weighting: NDArray) -> NDArray:
    """Return the method-of-moments tau2 with weights 1/(v + weighting), before truncation at 0.

    E(yᵀPy) = tr(P V) + tau2 tr P, and tr(P V) = (k − p) − weighting tr P. Source: DerSimonian and Kacker
    2007, 10.1016/j.cct.2006.04.004.
    """
    moments = model.moments(weighting)
    return weighting + (moments.y_p_y - model.degrees) / moments.trace_p


def hedges(model: Projection) -> NDArray:
    """Return the unweighted method-of-moments tau2 of Hedges, before truncation at 0."""
    squares, variances = model.spread()
    return (squares - variances) / model.degrees


def hunter_schmidt(model: Projection) -> NDArray:
    """Return the tau2 of Hunter and Schmidt, before truncation at 0."""
    moments = model.moments(np.zeros(model.trials.shape))
    return (moments.y_p_y - model.trials) / moments.trace_w


def sidik_jonkman(model: Projection) -> NDArray:
    """Return the tau2 of Sidik and Jonkman that starts from the unweighted variance of the effects."""
    start = model.total_squares() / model.trials
    return start * model.quadratic(start)[0] / model.degrees


def paule_mandel(model: Projection) -> NDArray:
    """Return the tau2 at which the generalized Q equals its expectation k − p, as empirical Bayes does."""
    return generalized_q_root(model, model.degrees)


def median_unbiased(model: Projection) -> NDArray:
    """Return the tau2 at which the generalized Q equals the median of its chi-squared distribution."""
    return generalized_q_root(model, chdtri(model.degrees, 0.5))


def two_step_dersimonian_laird(model: Projection) -> NDArray:
    """Return the method-of-moments tau2 with weights from a first step by DerSimonian and Laird."""
    return moment_step(model, np.maximum(dersimonian_laird(model), 0.0))


def two_step_hedges(model: Projection) -> NDArray:
    """Return the method-of-moments tau2 with weights from a first step by Cochran's ANOVA (Hedges)."""
    return moment_step(model, np.maximum(hedges(model), 0.0))


def generalized_q_root(model: Projection, target: NDArray) -> NDArray:
    """Return the tau2 ≥ 0 at which yᵀPy equals the target (n,), or 0 where it lies below the target at 0.

    1/yᵀPy is concave and increasing in tau2, so that Newton's method on it climbs to the root without
    overshoot.
    """
    squares, _ = model.spread()
    tau2 = np.maximum(squares / target - model.largest_variance, 0.0)
    for _ in range(200):
        quadratic, slope = model.quadratic(tau2)
        surplus = np.maximum(quadratic * (quadratic / target - 1.0), 0.0)
        step = np.divide(surplus, slope, out=np.zeros_like(surplus), where=slope > 0.0)
        tau2 = tau2 + step
        if (step <= 1e-9 * (tau2 + model.smallest_variance)).all():
            break
    return tau2


CLOSED = {
    "DL": dersimonian_laird,
    "HE": hedges,
    "HS": hunter_schmidt,
    "SJ": sidik_jonkman,
    "EB": paule_mandel,
    "PM": paule_mandel,
    "DL2": two_step_dersimonian_laird,
    "CA2": two_step_hedges,
    "PMM": median_unbiased,
}

__all__ = ["TAU2_METHODS", "Tau2", "estimate_tau2", "log_likelihood"]
