"""Three-level models: effects within clusters within a population, by exact (restricted) likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import as_batch, as_level
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.gls import coefficient_columns
from bmac_meta.stats.nested_likelihood import NestedModel, maximize
from bmac_meta.stats.reference import critical, upper_chi2
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.roots import bracketed_roots

Array = NDArray[np.float64]

METHODS = ("REML", "ML")
INTERVALS = ("wald", "t")


@dataclass(frozen=True, slots=True)
class ThreeLevel:
    """A three-level model: variance between clusters, variance between the effects within a cluster.

    `estimate`, `se`, `statistic`, `p_value`, `ci_low`, `ci_high` are numbers without a design, (p,) with one;
    `coefficient_covariance` is (p, p). `between` and `within` are the two variances, `tau2` their sum and
    `intraclass` the share of `between` in it (NaN when both are 0). `pi_low` and `pi_high`, the limits for
    one effect in a new cluster, are NaN with a design and below three effects. `df` is infinite for "wald".
    """

    estimate: float | Array
    se: float | Array
    statistic: float | Array
    df: float
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    pi_low: float
    pi_high: float
    coefficient_covariance: Array
    between: float
    within: float
    tau2: float
    intraclass: float
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    k: int
    clusters: int
    method: str
    interval: str
    level: float


@dataclass(frozen=True, slots=True)
class VarianceIntervals:
    """Profile-likelihood intervals of the two variances of a three-level model.

    An upper limit is infinite where the likelihood never falls far enough, which few clusters can do.
    """

    between_low: float
    between_high: float
    within_low: float
    within_high: float
    level: float


def three_level(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    interval: str = "wald",
    level: float = 0.95,
) -> ThreeLevel:
    """Pool or regress effects that lie within clusters by a three-level model.

    `estimate`, `variance` and the labels `cluster` are (k,), `design` is (k, p) with its column of ones, or
    None for the mean. Effects of one cluster share a random deviation with variance `between`; each has one
    of its own with variance `within`; their errors are independent. Both variances are the global maximum of
    the likelihood, computed cluster by cluster with the Woodbury identity. `interval="t"` refers to t with k
    − p degrees of freedom.

    Raises `NotEnoughTrials` below two clusters or when no cluster has two effects, `DesignError` for an
    unusable design, `InputError` for unusable numbers. Model: Konstantopoulos 2011 (doi:10.1002/jrsm.35).

    >>> result = three_level([0.1, 0.2, 0.8, 0.9], variance=[0.01] * 4, cluster=["a", "a", "b", "b"])
    >>> result.within, round(result.between, 3)
    (0.0, 0.24)
    """
    check_word("method of a three-level model", method, METHODS)
    check_word("interval of a three-level model", interval, INTERVALS)
    level = as_level(level)
    model = _model(estimate, variance, cluster, design, method)
    peak = maximize(model)
    between, within = (float(value) for value in peak)
    state = model.state(peak)
    degrees = len(model.effect) - model.design.shape[1]
    df = float(degrees) if interval == "t" else np.inf
    columns = coefficient_columns(state.beta, np.sqrt(np.diag(state.inverse)), df, level)
    if design is None:
        columns = {name: values.item() for name, values in columns.items()}
    predicted = design is None and len(model.effect) >= 3
    half = critical(level, np.array([df])).item() * np.sqrt(between + within + state.inverse[0, 0])
    q = model.state(np.zeros(2)).misfit
    return ThreeLevel(
        **columns,
        df=df,
        pi_low=float(state.beta[0] - half) if predicted else np.nan,
        pi_high=float(state.beta[0] + half) if predicted else np.nan,
        coefficient_covariance=state.inverse,
        between=between,
        within=within,
        tau2=between + within,
        intraclass=between / (between + within) if between + within > 0 else np.nan,
        q=float(q),
        q_df=degrees,
        q_p=upper_chi2(np.array(q), np.array(float(degrees))).item(),
        log_likelihood=float(state.log_likelihood),
        k=len(model.effect),
        clusters=len(model.size),
        method=method,
        interval=interval,
        level=level,
    )


def variance_intervals(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    level: float = 0.95,
) -> VarianceIntervals:
    """Return profile-likelihood intervals of the two variances of a three-level model.

    Arguments and errors as in `three_level`. A limit is where twice the log-likelihood, maximized over the
    other variance, lies below its maximum by the quantile of χ² with 1 degree of freedom.
    """
    check_word("method of a three-level model", method, METHODS)
    level = as_level(level)
    model = _model(estimate, variance, cluster, design, method)
    peak = maximize(model)
    limits = [_profile_limits(model, peak, which, level) for which in (0, 1)]
    return VarianceIntervals(*limits[0], *limits[1], level=level)


def _model(
    estimate: ArrayLike, variance: ArrayLike, cluster: ArrayLike, design: ArrayLike | None, method: str
) -> NestedModel:
    batch = as_batch(estimate, variance)
    if not batch.single:
        raise InputError(f"estimate has the shape {batch.estimate.shape}; give one data set, (k,).")
    place = cluster_codes(cluster, batch.width)
    size = np.bincount(place)
    if len(size) < 2 or len(size) == batch.width:
        raise NotEnoughTrials(
            "a three-level model needs at least 2 clusters, one of them with 2 effects; here are "
            f"{len(size)} clusters of {batch.width} effects. Pool without clusters instead."
        )
    columns = np.ones((batch.width, 1)) if design is None else as_design(design, batch).raw[0]
    # The most precise effect of each cluster comes first in it.
    order = np.lexsort((batch.variance[0], place))
    first = np.cumsum(size) - size
    effect, variance = batch.estimate[0][order], batch.variance[0][order]
    model = NestedModel(effect, variance, columns[order], first, size, method == "REML")
    if _confounded(model):
        raise DesignError(
            "the design tells every cluster apart, so nothing is left to estimate the variance between "
            "clusters from. Use fewer covariates that differ between clusters."
        )
    return model


def _confounded(model: NestedModel) -> bool:
    member = np.repeat(np.eye(len(model.size)), model.size, axis=0)
    basis, _ = np.linalg.qr(model.design)
    return bool(np.abs(member - basis @ (basis.T @ member)).max() < 1e-10)


def _profile_limits(model: NestedModel, peak: Array, which: int, level: float) -> tuple[float, float]:
    top = model.state(peak).log_likelihood
    drop = 0.5 * chdtri(1, 1 - level)

    def below(value: Array) -> Array:
        best = maximize(model, fixed=which, value=value.item())
        return np.array([model.state(best).log_likelihood - top + drop])

    best = peak[which]
    low = 0.0
    if best > 0 and below(np.zeros(1))[0] < 0:
        low = bracketed_roots(below, np.zeros(1), np.array([best])).item()
    high = 2 * (best + model.variance.max())
    for _ in range(60):
        if below(np.array([high]))[0] < 0:
            return low, bracketed_roots(below, np.array([best]), np.array([high])).item()
        high *= 4
    return low, np.inf
