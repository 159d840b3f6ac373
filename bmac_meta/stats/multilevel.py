"""Three-level models of one or many data sets: effects within clusters, by exact (restricted) likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from bmac_meta.errors import check_word
from bmac_meta.stats.anchored_regression import Array, Index
from bmac_meta.stats.batch import as_level, map_chunks, unbatch
from bmac_meta.stats.inference import ratio
from bmac_meta.stats.nested_data import ClusteredBatch, ScaledModel
from bmac_meta.stats.nested_peaks import maximize
from bmac_meta.stats.nested_profile import profile_limits
from bmac_meta.stats.reference import critical, two_sided, upper_chi2

METHODS = ("REML", "ML")
INTERVALS = ("wald", "t")
LIMITS = ("between_low", "between_high", "within_low", "within_high")
COEFFICIENTS = ("estimate", "se", "statistic", "p_value", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True)
class ThreeLevel:
    """A three-level model: variance between clusters, variance between the effects within a cluster.

    `estimate`, `se`, `statistic`, `p_value`, `ci_low`, `ci_high` are numbers without a design, (p,) with one;
    `coefficient_covariance` is (p, p). `between` and `within` are the two variances, `tau2` their sum and
    `intraclass` the share of `between` in it (NaN when both are 0). `pi_low` and `pi_high`, the limits for
    one effect in a new cluster, are NaN with a design and below three effects. `df` is infinite for "wald".
    `k` and `clusters` count what is present. For a batch all but the words have an axis more, the first, (B,).
    """

    estimate: float | Array
    se: float | Array
    statistic: float | Array
    df: float | Array
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    pi_low: float | Array
    pi_high: float | Array
    coefficient_covariance: Array
    between: float | Array
    within: float | Array
    tau2: float | Array
    intraclass: float | Array
    q: float | Array
    q_df: int | Index
    q_p: float | Array
    log_likelihood: float | Array
    k: int | Index
    clusters: int | Index
    method: str
    interval: str
    level: float


@dataclass(frozen=True, slots=True)
class VarianceIntervals:
    """Profile-likelihood intervals of the two variances of a three-level model; numbers, or (B,) for a batch.

    An upper limit is infinite where the likelihood never falls far enough, which few clusters can do.
    """

    between_low: float | Array
    between_high: float | Array
    within_low: float | Array
    within_high: float | Array
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
    mask: ArrayLike | None = None,
) -> ThreeLevel:
    """Pool or regress effects that lie within clusters by a three-level model, for one or many data sets.

    `estimate` and `variance` are (k,) or (B, k), the labels `cluster` are (k,), the same for all of a batch.
    `design` is (k, p) or (B, k, p) with its column of ones, or None for the mean. `mask`, (k,) or (B, k), is True
    for what is present; the rest may hold anything, and whole clusters may be absent. Effects of one cluster
    share a random deviation with variance `between`; each has one of its own with variance `within`; their
    errors are independent. Both variances are the global maximum of the likelihood, computed cluster by
    cluster with the Woodbury identity. `interval="t"` refers to t with k − p degrees of freedom.

    Raises `NotEnoughTrials` below two clusters or when no cluster has two effects, `DesignError` for an
    unusable design, `InputError` for unusable numbers. Model: Konstantopoulos 2011 (doi:10.1002/jrsm.35).

    >>> result = three_level([0.1, 0.2, 0.8, 0.9], variance=[0.01] * 4, cluster=["a", "a", "b", "b"])
    >>> result.within, round(result.between, 3)
    (0.0, 0.24)
    """
    check_word("method of a three-level model", method, METHODS)
    check_word("interval of a three-level model", interval, INTERVALS)
    words = {"method": method, "interval": interval, "level": as_level(level)}
    data = ClusteredBatch.of(estimate, variance, cluster, design, mask)

    def part(rows: slice) -> dict[str, Array]:
        return _fit(data.model(rows, method == "REML"), words, design is None)

    fields = map_chunks(part, data.batch.count, data.width)
    if design is None:
        fields |= {name: fields[name][:, 0] for name in COEFFICIENTS}
    return ThreeLevel(**unbatch(fields, data.batch.single), **words)


def variance_intervals(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> VarianceIntervals:
    """Return profile-likelihood intervals of the two variances of a three-level model, for one or many data sets.

    Arguments and errors as in `three_level`. A limit is where twice the log-likelihood, maximized over the
    other variance, lies below its maximum by the quantile of χ² with 1 degree of freedom; where that happens
    several times on one side it is the last of them.
    """
    check_word("method of a three-level model", method, METHODS)
    share = as_level(level)
    data = ClusteredBatch.of(estimate, variance, cluster, design, mask)

    def part(rows: slice) -> dict[str, Array]:
        scaled = data.model(rows, method == "REML")
        limits = profile_limits(scaled.model, drop=0.5 * chdtri(1, 1 - share))
        return {name: limit * scaled.unit**2 for name, limit in zip(LIMITS, limits, strict=True)}

    fields = map_chunks(part, data.batch.count, data.width)
    return VarianceIntervals(**unbatch(fields, data.batch.single), level=share)


def _fit(data: ScaledModel, words: dict[str, object], mean: bool) -> dict[str, Array]:
    model, peaks = data.model, maximize(data.model)
    beta, covariance = data.coefficients(model.at(peaks.theta).regression)
    degrees = data.trials - beta.shape[1]
    df = np.where(words["interval"] == "t", degrees, np.inf)
    between, within = peaks.theta * data.unit**2
    tau2, q = between + within, model.at(np.zeros_like(peaks.theta)).misfit
    wide = critical(words["level"], df) * np.sqrt(tau2 + covariance[:, 0, 0])
    wide = np.where(mean & (data.trials >= 3), wide, np.nan)
    return _coefficients(beta, np.sqrt(np.einsum("bpp->bp", covariance)), df, words["level"]) | {
        "df": df,
        "pi_low": beta[:, 0] - wide,
        "pi_high": beta[:, 0] + wide,
        "coefficient_covariance": covariance,
        "between": between,
        "within": within,
        "tau2": tau2,
        "intraclass": np.divide(between, tau2, out=np.full(tau2.shape, np.nan), where=tau2 > 0),
        "q": q,
        "q_df": degrees,
        "q_p": upper_chi2(q, degrees),
        "log_likelihood": peaks.height - model.degrees * np.log(data.unit),
        "k": data.trials,
        "clusters": data.clusters,
    }


def _coefficients(beta: Array, se: Array, df: Array, level: float) -> dict[str, Array]:
    """Return what is said of coefficients (n, p) with their standard errors, under t with df (n,)."""
    statistic, half = ratio(beta, se), critical(level, df)[:, None] * se
    return {
        "estimate": beta,
        "se": se,
        "statistic": statistic,
        "p_value": two_sided(statistic, df[:, None]),
        "ci_low": beta - half,
        "ci_high": beta + half,
    }
