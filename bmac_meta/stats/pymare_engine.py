"""The one door to PyMARE: cluster-robust inference, p-value combination, permutation, and its own pooling."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmac_meta.errors import InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import Batch, as_batch, as_floats, as_level
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.inference import RandomEffects, prediction_interval, random_effects
from bmac_meta.stats.projection import MeanProjection
from bmac_meta.stats.reference import critical, two_sided
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.tau2 import estimate_tau2, log_likelihood

if TYPE_CHECKING:
    from pymare.results import MetaRegressionResults

Array = NDArray[np.float64]

TAU2_METHODS = ("DL", "HE", "ML", "REML")
# PyMARE's default correction has changed between versions, so every call passes one of these by name.
CORRECTIONS = {
    "knapp-hartung-floored": "knapp-hartung-conservative",
    "knapp-hartung": "knapp-hartung",
    "wald": "wald",
}
WORKING_MODELS = ("correlated", "independent")
COMBINATIONS = ("stouffer", "fisher")
SMALLEST_DF = 4.0


@dataclass(frozen=True, slots=True)
class ClusterRobust:
    """Coefficients with cluster-robust (CR2) standard errors and Satterthwaite degrees of freedom.

    The fields up to `ci_high` are numbers without a design, (p,) with one. `p_value` is NaN where `df` is
    below 4, since the approximation does not hold its error rate there; intervals are then given as a
    description only and `reliable` is False, as it is where one cluster supplies all the information about a
    coefficient.
    """

    estimate: float | Array
    se: float | Array
    df: float | Array
    statistic: float | Array
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    reliable: bool
    tau2: float
    k: int
    clusters: int
    working: str
    level: float


@dataclass(frozen=True, slots=True)
class CombinedP:
    """The p of several p-values together; `statistic` is a standard normal deviate, positive for small p."""

    statistic: float
    p_value: float
    log_p_value: float
    k: int
    method: str
    two_sided: bool


@dataclass(frozen=True, slots=True)
class PymarePermutation:
    """Permutation p of each coefficient, (p,): the share of `draws` rearrangements that are as extreme.

    Never below 1/`draws`; `exact` says that every rearrangement was made.
    """

    p_value: Array
    draws: int
    exact: bool


def cluster_robust(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    working: str = "correlated",
    correlation: float = 0.8,
    level: float = 0.95,
) -> ClusterRobust:
    """Pool or regress dependent effects with standard errors that hold whatever the dependence in a cluster.

    `estimate`, `variance` and the labels `cluster` are (k,); `design` is (k, p) with its column of ones, or
    None for the mean. `working="correlated"` gives every effect of a cluster the same weight, with tau2 by
    the moment estimator for effects correlated by `correlation` (Hedges, Tipton & Johnson 2010,
    doi:10.1002/jrsm.5); "independent" weights by 1/(variance + tau2) with tau2 by REML. Neither needs to be
    true: the weights only decide the efficiency. CR2 and degrees of freedom: Pustejovsky & Tipton 2018
    (doi:10.1080/07350015.2016.1247004). With "independent" weights that differ within a cluster, PyMARE's
    adjustment is the one symmetric in the whitened residuals, not theirs: standard errors differ by about 1%
    at most.

    Raises `NotEnoughTrials` for no more clusters than coefficients, `DesignError` for an unusable design and
    `InputError` for unusable numbers.

    >>> result = cluster_robust([0.1, 0.2, 0.4], variance=[0.01, 0.01, 0.02], cluster=["a", "a", "b"])
    >>> result.clusters, result.reliable
    (2, False)
    """
    check_word("working model", working, WORKING_MODELS)
    batch, level = _one(estimate, variance), as_level(level)
    regressors = np.ones((batch.width, 1)) if design is None else as_design(design, batch).raw[0]
    groups = cluster_codes(cluster, batch.width)
    clusters = int(groups.max()) + 1
    if clusters <= regressors.shape[1]:
        raise NotEnoughTrials(
            "cluster-robust inference needs more clusters than coefficients; there are "
            f"{clusters} clusters and {regressors.shape[1]} coefficients. Use fewer covariates, or a model "
            "with a stated covariance."
        )
    fit, full_leverage = _fit_clusters(batch, regressors, groups, working, correlation)
    beta, se, df = (np.ravel(part) for part in (fit.fe_params, fit.fe_se, fit.fe_dof))
    usable = (df >= SMALLEST_DF) & (not full_leverage)
    half = critical(level, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = beta / se
    columns = {
        "estimate": beta,
        "se": se,
        "df": df,
        "statistic": statistic,
        "p_value": np.where(usable, two_sided(statistic, df), np.nan),
        "ci_low": beta - half,
        "ci_high": beta + half,
    }
    if design is None:
        columns = {name: values.item() for name, values in columns.items()}
    return ClusterRobust(
        **columns,
        reliable=bool(usable.all()),
        tau2=float(np.ravel(fit.tau2)[0]),
        k=batch.width,
        clusters=clusters,
        working=working,
        level=level,
    )


def combine_p_values(
    p_value: ArrayLike, *, method: str = "stouffer", weight: ArrayLike | None = None, two_sided: bool = False
) -> CombinedP:
    """Combine one-sided p-values of independent trials, all for the same direction.

    `p_value` is (k,), strictly between 0 and 1. `method` is "stouffer" (sum of normal deviates, with an
    optional positive `weight` (k,), usually the root of the sample size) or "fisher" (sum of logarithms).
    `two_sided` tests both directions and doubles the smaller p. A combined p says that some trial has an
    effect, not how large it is. Raises `InputError` for anything that is not a probability. Methods as
    reviewed by Winkler et al. 2016 (doi:10.1002/hbm.23115).

    >>> print(f"{combine_p_values([0.145, 0.263, 0.087], method='fisher').p_value:.3f}")
    0.076
    """
    check_word("combination of p-values", method, COMBINATIONS)
    p = as_floats("p_value", p_value)
    if p.ndim != 1 or p.size == 0 or not ((p > 0) & (p < 1)).all():
        raise InputError("p_value must be (k,) with every p strictly between 0 and 1; give exact one-sided p-values.")
    engine = load_pymare().estimators
    kind = engine.StoufferCombinationTest if method == "stouffer" else engine.FisherCombinationTest
    arguments = {"z": -ndtri(p)[:, None]}
    if weight is not None:
        arguments["w"] = _weights(weight, method, p.size)
    combined = kind(mode="concordant" if two_sided else "directed").fit(**arguments).params_
    statistic, log_p = (np.ravel(combined[name])[0].item() for name in ("z", "logp"))
    return CombinedP(statistic, float(np.exp(log_p)), log_p, p.size, method, two_sided)


def permute_with_pymare(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str = "REML",
    draws: int = 1000,
    seed: int = 0,
) -> PymarePermutation:
    """Test coefficients by permutation: signs of the effects for a mean, rows for a meta-regression.

    `estimate` and `variance` are (k,), `design` is (k, p) with its column of ones. The statistic is the
    coefficient over its Knapp–Hartung standard error, refitted each time with tau2 by one of DL, HE, ML,
    REML. All rearrangements are made when there are at most `draws`; otherwise `draws` random ones, the same
    for the same `seed`. Source: Higgins & Thompson 2004 (doi:10.1002/sim.1752); Follmann & Proschan 1999
    (doi:10.1111/j.0006-341x.1999.00732.x).

    Raises `NotEnoughTrials` for fewer than 2 trials, `DesignError` and `InputError` for unusable input.
    """
    batch = _one(estimate, variance)
    _need_two(batch)
    if draws < 1:
        raise InputError(f"draws is {draws}; give the number of rearrangements, such as 1000.")
    regressors = np.ones((batch.width, 1)) if design is None else as_design(design, batch).raw[0]
    fit = _fit(batch, tau2, "knapp-hartung", regressors)
    # PyMARE draws from NumPy's global generator; it is seeded for this call and put back as it was.
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        result = fit.permutation_test(n_perm=draws)
    finally:
        np.random.set_state(state)
    return PymarePermutation(
        p_value=np.ravel(result.perm_p["fe_p"]),
        draws=int(result.n_perm),
        exact=bool(result.exact),
    )


def pool_with_pymare(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
) -> RandomEffects:
    """Pool by PyMARE instead of this package's own kernel, into the same record.

    `estimate` and `variance` are (k,) or (B, k), without a mask. `tau2` is DL, HE, ML or REML, `interval` one
    of "knapp-hartung-floored", "knapp-hartung" and "wald", `model` "random" or "common". Estimate, standard
    error, interval, p, tau2 and Q are PyMARE's; what it does not compute (prediction interval, weights,
    tau2-based I², likelihood) is made from its numbers here. Raises `NotEnoughTrials` for one trial and
    `UnknownWordError` for another method.
    """
    check_word("interval in PyMARE", interval, CORRECTIONS)
    check_word("model", model, ("random", "common"))
    batch, level = as_batch(estimate, variance), as_level(level)
    _need_two(batch)
    method = tau2 if model == "random" else "common effect"
    fit = _fit(batch, method, CORRECTIONS[interval], np.ones((batch.width, 1)))
    between = np.broadcast_to(np.ravel(fit.tau2), batch.count).astype(float)
    given = random_effects(
        batch.estimate, variance=batch.variance, tau2=between, interval=interval, model=model, level=level
    )
    kernel = MeanProjection.of(*batch.columns(slice(None)))
    likelihood = log_likelihood(kernel, between / kernel.unit**2, restricted=method == "REML")
    whole = replace(given, **_pymare_fields(fit, level), tau2=between, log_likelihood=likelihood, method=method)
    low, high = prediction_interval(whole)
    whole = replace(whole, pi_low=np.asarray(low), pi_high=np.asarray(high))
    return _first(whole) if batch.single else whole


def _pymare_fields(fit: MetaRegressionResults, level: float) -> dict[str, Array]:
    stats = {name: np.ravel(values) for name, values in fit.get_fe_stats(alpha=1 - level).items()}
    spread = {name: np.ravel(values) for name, values in fit.get_heterogeneity_stats().items()}
    df = np.full(stats["est"].shape, np.inf) if fit.fe_dof is None else np.ravel(fit.fe_dof)
    return {
        "estimate": stats["est"],
        "se": stats["se"],
        "statistic": stats["est"] / stats["se"],
        "df": df,
        "p_value": stats["p"],
        "ci_low": stats["ci_l"],
        "ci_high": stats["ci_u"],
        "q": spread["Q"],
        "q_p": spread["p(Q)"],
        "i2_q": spread["I^2"],
    }


def _first(whole: RandomEffects) -> RandomEffects:
    arrays = {name: getattr(whole, name) for name in whole.__slots__}
    single = {
        name: values[0].item() if values.ndim == 1 else values[0]
        for name, values in arrays.items()
        if isinstance(values, np.ndarray)
    }
    return replace(whole, **single)


def _one(estimate: ArrayLike, variance: ArrayLike) -> Batch:
    batch = as_batch(estimate, variance)
    if not batch.single:
        raise InputError(f"estimate has the shape {batch.estimate.shape}; give one meta-analysis, (k,).")
    return batch


def _need_two(batch: Batch) -> None:
    if batch.width < 2:
        raise NotEnoughTrials(
            "PyMARE needs 2 trials, here is 1. Report the trial as it is, or use the package's own pool."
        )


def _weights(weight: ArrayLike, method: str, k: int) -> Array:
    values = as_floats("weight", weight)
    if values.shape != (k,) or not (np.isfinite(values) & (values > 0)).all():
        raise InputError(f"weight must hold one positive number for each of the {k} p-values.")
    if method == "fisher":
        raise InputError("weights belong to method='stouffer'; Fisher's sum of logarithms takes none here.")
    return values[:, None]


def load_pymare() -> ModuleType:
    """Import PyMARE with its estimators and return it."""
    # Slow to import, and needed by few. It leaves a file of its own open on the way, hence the filter.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        import pymare.estimators
    return pymare


def _fit(batch: Batch, tau2: str, correction: str, regressors: Array) -> MetaRegressionResults:
    """Fit PyMARE to a batch, with the correction of the standard error passed by name."""
    engine = load_pymare().estimators
    check_word("tau2 method in PyMARE", tau2, (*TAU2_METHODS, "common effect"))
    if tau2 in ("ML", "REML"):
        estimator = engine.VarianceBasedLikelihoodEstimator(method=tau2, small_sample_correction=correction)
    elif tau2 == "common effect":
        estimator = engine.WeightedLeastSquares(tau2=0.0, small_sample_correction=correction)
    else:
        estimator = {"DL": engine.DerSimonianLaird, "HE": engine.Hedges}[tau2](small_sample_correction=correction)
    data = load_pymare().Dataset(y=batch.estimate.T, v=batch.variance.T, X=regressors, add_intercept=False)
    return estimator.fit_dataset(data).summary()


def _fit_clusters(
    batch: Batch, regressors: Array, groups: NDArray[np.int64], working: str, correlation: float
) -> tuple[MetaRegressionResults, bool]:
    """Fit PyMARE with clusters and say whether it found one of full leverage."""
    engine = load_pymare().estimators
    if not 0 <= correlation < 1:
        raise InputError(f"correlation is {correlation}; give a number from 0 up to, but not including, 1.")
    if working == "correlated":
        estimator = engine.DerSimonianLaird(weight_scheme="rescale", rho=correlation, small_sample_correction="wald")
    else:
        own = batch.estimate[0], batch.variance[0]
        tau2 = estimate_tau2(own[0], variance=own[1], design=regressors).tau2
        estimator = engine.WeightedLeastSquares(tau2=tau2, weight_scheme="individual", small_sample_correction="wald")
    data = load_pymare().Dataset(y=batch.estimate.T, v=batch.variance.T, X=regressors, g=groups, add_intercept=False)
    # PyMARE warns about few clusters and few degrees of freedom; both are fields of the record here.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = estimator.fit_dataset(data).summary()
    return fit, any("full leverage" in str(warning.message) for warning in caught)
