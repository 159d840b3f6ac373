"""The one door to PyMARE: cluster-robust inference, p-value combination, permutation, and its own pooling."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmac_meta.arguments import one_number, one_seed, whole_number
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_batch, as_level, unbatch
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.inference import RandomEffects, prediction_interval, random_effects, ratio
from bmac_meta.stats.projection import MeanProjection
from bmac_meta.stats.pymare_records import (
    ClusterRobust,
    CombinedP,
    PymarePermutation,
    Table,
    as_p_values,
    count_clusters,
    count_trials,
    designs_of,
    full_parts,
    gather,
    need_two_trials,
    p_value_weights,
    robust_inference,
    tables,
)
from bmac_meta.stats.tau2 import estimate_tau2, log_likelihood

if TYPE_CHECKING:
    from pymare import Dataset
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
LARGEST_SEED = 2**32 - 1


def cluster_robust(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    working: str = "correlated",
    correlation: float = 0.8,
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> ClusterRobust:
    """Pool or regress dependent effects with standard errors that hold whatever the dependence in a cluster.

    `estimate` and `variance` are (k,) or (B, k) with an optional boolean `mask` (B, k), the labels `cluster` (k,);
    `design` is (k, p) or (B, k, p) with its column of ones, or None for the mean. `working="correlated"` gives every
    effect of a cluster the same weight, with tau2 by the moment estimator for effects correlated by `correlation`
    (Hedges, Tipton & Johnson 2010, doi:10.1002/jrsm.5); "independent" weights by 1/(variance + tau2) with tau2 by REML.
    Neither needs to be true: the weights only decide the efficiency. CR2 and degrees of freedom: Pustejovsky & Tipton
    2018 (doi:10.1080/07350015.2016.1247004). With "independent" weights that differ within a cluster, PyMARE's
    adjustment is the one symmetric in the whitened residuals, not theirs: standard errors differ by about 1% at most.

    Raises `NotEnoughTrials` for no more clusters than coefficients, `DesignError` for an unusable design and
    `InputError` for unusable numbers.

    >>> result = cluster_robust([0.1, 0.2, 0.4], variance=[0.01, 0.01, 0.02], cluster=["a", "a", "b"])
    >>> result.clusters, result.reliable
    (2, False)
    """
    check_word("working model", working, WORKING_MODELS)
    batch, level = as_batch(estimate, variance, mask), as_level(level)
    designs = designs_of(design, batch)
    groups = cluster_codes(cluster, batch.width)
    counts = count_clusters(batch, groups, designs.shape[2])
    wanted = "a number from 0 up to, but not including, 1"
    correlation = one_number("correlation", correlation, wanted, lambda r: 0 <= r < 1)
    fields = gather(tables(batch, designs), lambda table: _robust(table, groups, working, correlation), batch.count)
    usable = (fields["df"] >= SMALLEST_DF) & ~fields.pop("full_leverage")[:, None]
    fields |= robust_inference(fields, usable, level)
    if design is None:
        fields = {name: values[:, 0] if values.ndim > 1 else values for name, values in fields.items()}
    fields |= {"k": count_trials(batch), "clusters": counts}
    return ClusterRobust(**unbatch(fields, batch.single), working=working, level=level)


def combine_p_values(
    p_value: ArrayLike,
    *,
    method: str = "stouffer",
    weight: ArrayLike | None = None,
    two_sided: bool = False,
    mask: ArrayLike | None = None,
) -> CombinedP:
    """Combine one-sided p-values of independent trials, all for the same direction.

    `p_value` is (k,) or (B, k), strictly between 0 and 1, with an optional boolean `mask` (B, k). `method` is
    "stouffer" (sum of normal deviates, with an optional positive `weight`, (k,) or (B, k), usually the root of the
    sample size) or "fisher" (sum of logarithms). `two_sided` tests both directions and doubles the smaller p. A
    combined p says that some trial has an effect, not how large it is. Raises `InputError` for anything that is not a
    probability. Methods as reviewed by Winkler et al. 2016 (doi:10.1002/hbm.23115).

    >>> print(f"{combine_p_values([0.145, 0.263, 0.087], method='fisher').p_value:.3f}")
    0.076
    """
    check_word("combination of p-values", method, COMBINATIONS)
    p, batch = as_p_values(p_value, mask)
    weights = None if weight is None else p_value_weights(weight, method, batch)
    engine = load_pymare().estimators
    kind = engine.StoufferCombinationTest if method == "stouffer" else engine.FisherCombinationTest
    whole = {name: np.empty(batch.count) for name in ("z", "logp")}
    for rows, trials in full_parts(batch.mask, batch.count, batch.width):
        place = np.ix_(rows, trials)
        arguments = {"z": -ndtri(p[place]).T} | ({} if weights is None else {"w": weights[place].T})
        combined = kind(mode="concordant" if two_sided else "directed").fit(**arguments).params_
        for name, values in whole.items():
            values[rows] = np.ravel(combined[name])
    fields = {"statistic": whole["z"], "p_value": np.exp(whole["logp"]), "log_p_value": whole["logp"]}
    return CombinedP(**unbatch(fields | {"k": count_trials(batch)}, batch.single), method=method, two_sided=two_sided)


def permute_with_pymare(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str = "REML",
    draws: int = 1000,
    seed: int = 0,
    mask: ArrayLike | None = None,
) -> PymarePermutation:
    """Test coefficients by permutation: signs of the effects for a mean, rows for a meta-regression.

    `estimate` and `variance` are (k,) or (B, k) with an optional boolean `mask` (B, k), `design` is (k, p) or (B, k, p)
    with its column of ones. The statistic is the coefficient over its Knapp–Hartung standard error, refitted each time
    with tau2 by one of DL, HE, ML, REML. All rearrangements are made when there are at most `draws`; otherwise `draws`
    random ones, the same for the same `seed`, whether a meta-analysis comes alone or in a batch. Source: Higgins &
    Thompson 2004 (doi:10.1002/sim.1752); Follmann & Proschan 1999 (doi:10.1111/j.0006-341x.1999.00732.x).

    Raises `NotEnoughTrials` for fewer than 2 trials, `DesignError` and `InputError` for unusable input.
    """
    batch = as_batch(estimate, variance, mask)
    need_two_trials(batch)
    draws, seed = whole_number("draws", draws), one_seed(seed)
    if seed > LARGEST_SEED:
        raise InputError(f"seed is {seed}; PyMARE takes none above {LARGEST_SEED}.")
    alone = (one for table in tables(batch, designs_of(design, batch)) for one in table.one_by_one())
    fields = gather(alone, lambda table: _permuted(table, tau2, draws, seed), batch.count)
    return PymarePermutation(**unbatch(fields, batch.single))


def _permuted(table: Table, tau2: str, draws: int, seed: int) -> dict[str, NDArray]:
    fit = _fit(table, tau2, "knapp-hartung")
    # PyMARE draws from NumPy's global generator; it is seeded for this call and put back as it was.
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        result = fit.permutation_test(n_perm=draws)
    finally:
        np.random.set_state(state)
    return {
        "p_value": result.perm_p["fe_p"].T,
        "draws": np.array([int(result.n_perm)]),
        "exact": np.array([bool(result.exact)]),
    }


def pool_with_pymare(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> RandomEffects:
    """Pool by PyMARE instead of this package's own kernel, into the same record.

    `estimate` and `variance` are (k,) or (B, k) with an optional boolean `mask` (B, k). `tau2` is DL, HE, ML or REML,
    `interval` one of "knapp-hartung-floored", "knapp-hartung" and "wald", `model` "random" or "common". Estimate,
    standard error, interval, p, tau2 and Q are PyMARE's; what it does not compute (prediction interval, weights,
    tau2-based I², likelihood) is made from its numbers here. In a batch its search for ML and REML goes on until the
    slowest meta-analysis is found, so that a tau2 may come nearer to the maximum than alone. Raises `NotEnoughTrials`
    for one trial and `UnknownWordError` for another method.
    """
    check_word("interval in PyMARE", interval, CORRECTIONS)
    check_word("model", model, ("random", "common"))
    batch, level = as_batch(estimate, variance, mask), as_level(level)
    need_two_trials(batch)
    method = tau2 if model == "random" else "common effect"
    parts = tables(batch, designs_of(None, batch))
    fields = gather(parts, lambda table: _pymare_fields(_fit(table, method, CORRECTIONS[interval]), level), batch.count)
    between, words = fields["tau2"], {"interval": interval, "model": model, "level": level}
    given = random_effects(batch.estimate, variance=batch.variance, tau2=between, mask=batch.mask, **words)
    kernel = MeanProjection.of(*batch.columns(slice(None)))
    likelihood = log_likelihood(kernel, between / kernel.unit**2, restricted=method == "REML")
    whole = replace(given, **fields, log_likelihood=likelihood, method=method)
    low, high = prediction_interval(whole)
    whole = replace(whole, pi_low=np.asarray(low), pi_high=np.asarray(high))
    return _first(whole) if batch.single else whole


def _pymare_fields(fit: MetaRegressionResults, level: float) -> dict[str, Array]:
    # Equal effects have a Q of 0, by which PyMARE divides on the way to an I² of 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        stats = {name: np.ravel(values) for name, values in fit.get_fe_stats(alpha=1 - level).items()}
        spread = {name: np.ravel(values) for name, values in fit.get_heterogeneity_stats().items()}
    shape = stats["est"].shape
    return {
        "estimate": stats["est"],
        "se": stats["se"],
        "statistic": ratio(stats["est"], stats["se"]),
        "df": np.full(shape, np.inf) if fit.fe_dof is None else np.ravel(fit.fe_dof),
        "p_value": stats["p"],
        "ci_low": stats["ci_l"],
        "ci_high": stats["ci_u"],
        "tau2": np.broadcast_to(np.ravel(fit.tau2), shape).astype(float),
        "q": spread["Q"],
        "q_p": spread["p(Q)"],
        "i2_q": spread["I^2"],
    }


def _first(whole: RandomEffects) -> RandomEffects:
    arrays = {name: getattr(whole, name) for name in whole.__slots__}
    arrays = {name: values for name, values in arrays.items() if isinstance(values, np.ndarray)}
    return replace(whole, **unbatch(arrays, True))


def load_pymare() -> ModuleType:
    """Import PyMARE with its estimators and return it."""
    # Slow to import, and needed by few. It leaves a file of its own open on the way, hence the filter.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        import pymare.estimators
    return pymare


def _fit(table: Table, tau2: str, correction: str) -> MetaRegressionResults:
    """Fit PyMARE to a table, with the correction of the standard error passed by name."""
    engine = load_pymare().estimators
    check_word("tau2 method in PyMARE", tau2, (*TAU2_METHODS, "common effect"))
    if tau2 in ("ML", "REML"):
        estimator = engine.VarianceBasedLikelihoodEstimator(method=tau2, small_sample_correction=correction)
    elif tau2 == "common effect":
        estimator = engine.WeightedLeastSquares(tau2=0.0, small_sample_correction=correction)
    else:
        estimator = {"DL": engine.DerSimonianLaird, "HE": engine.Hedges}[tau2](small_sample_correction=correction)
    return estimator.fit_dataset(_dataset(table)).summary()


def _dataset(table: Table, groups: NDArray[np.int64] | None = None) -> Dataset:
    data = {"y": table.estimate.T, "v": table.variance.T, "X": table.design, "g": groups}
    return load_pymare().Dataset(**data, add_intercept=False)


def _robust(table: Table, groups: NDArray[np.int64], working: str, correlation: float) -> dict[str, NDArray]:
    """Return coefficients, standard errors and degrees of freedom (n, p), tau2 and who has full leverage (n,)."""
    fit, full_leverage = _fit_clusters(table, groups[table.trials], working, correlation)
    count = table.analyses.size
    if full_leverage and count > 1:
        # PyMARE does not say which one.
        parts = [_robust(one, groups, working, correlation) for one in table.one_by_one()]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {
        "estimate": fit.fe_params.T,
        "se": fit.fe_se.T,
        "df": fit.fe_dof.T,
        "tau2": np.broadcast_to(np.ravel(fit.tau2), count),
        "full_leverage": np.full(count, full_leverage),
    }


def _fit_clusters(
    table: Table, groups: NDArray[np.int64], working: str, correlation: float
) -> tuple[MetaRegressionResults, bool]:
    """Fit PyMARE with clusters and say whether it found one of full leverage."""
    engine = load_pymare().estimators
    if working == "correlated":
        estimator = engine.DerSimonianLaird(weight_scheme="rescale", rho=correlation, small_sample_correction="wald")
    else:
        tau2 = estimate_tau2(table.estimate, variance=table.variance, design=table.design).tau2
        estimator = engine.WeightedLeastSquares(tau2=tau2, weight_scheme="individual", small_sample_correction="wald")
    # PyMARE warns about few clusters and few degrees of freedom; both are fields of the record here.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = estimator.fit_dataset(_dataset(table, groups)).summary()
    return fit, any("full leverage" in str(warning.message) for warning in caught)
