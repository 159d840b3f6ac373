"""The network meta-analysis model: every pair of treatments estimated from all trials at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from bmac_meta.copies import Sealed
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.network.data import FloatArray, NetworkData
from bmac_meta.stats.network.graph import require_connected
from bmac_meta.stats.network.heterogeneity import check_tau2, network_projection, solve_tau2, tau2_interval
from bmac_meta.stats.network.least_squares import Solution, solve_network
from bmac_meta.stats.network.rows import independent_rows, standardized_rows
from bmac_meta.stats.reference import critical, two_sided

MODELS = ("random", "common")
DISTRIBUTIONS = ("z", "t")


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """Holds a χ² statistic with its degrees of freedom and p-value, NaN without degrees of freedom."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class NetworkFit(Sealed):
    """Holds a fitted network; every matrix is (n, n), row minus column, in the order of `data.treatments`.

    `estimate`, `se`, `ci_low`, `ci_high`, `p_value`; `pi_low` and `pi_high` are the prediction interval:
    estimate ± t(df) · sqrt(τ² + se²) with the residual degrees of freedom of the network, NaN under the
    common-effect model and with fewer than 2 of them. `tau2` is 0 under the common-effect model and NaN
    when no degree of freedom is left for it (then every estimate stands at τ² = 0); `tau2_ci` is its
    Q-profile interval. `q` is the generalized Cochran's Q under a common effect and `i2` (percent) is (Q −
    df)/Q, not below 0, NaN without degrees of freedom. `effects` (n,) and `root` (n, r), whose product
    with its transpose is a covariance, hold the treatment effects against one reference; only differences
    of them mean anything. `df` is that of the intervals, infinite for z.
    """

    data: NetworkData
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    p_value: FloatArray
    pi_low: FloatArray
    pi_high: FloatArray
    tau2: float
    tau2_ci: tuple[float, float]
    i2: float
    q: ChiSquared
    model: str
    tau2_method: str
    distribution: str
    level: float
    df: float
    effects: FloatArray
    root: FloatArray

    @property
    def treatments(self) -> tuple[str, ...]:
        """Return the names of the treatments in the order of the matrices."""
        return self.data.treatments

    @property
    def working_tau2(self) -> float:
        """Return the tau2 that the weights were made with, 0 where it could not be estimated."""
        return 0.0 if np.isnan(self.tau2) else self.tau2


def fit_network(
    data: NetworkData,
    tau2: str | float = "REML",
    *,
    model: str = "random",
    distribution: str = "z",
    level: float = 0.95,
) -> NetworkFit:
    """Fit a connected network by generalized least squares with the exact covariance of multi-arm trials.

    `tau2` is the common between-trial variance of every contrast: by "REML" (default), "DL" (the
    generalized method of moments of Jackson et al. 2012, doi:10.1002/sim.5453), "ML", "PM", or a number;
    `model="common"` sets it to 0. Contrasts of one trial share half of it (Higgins & Whitehead 1996).
    Intervals take normal quantiles (`distribution="z"`) or Student's t with the residual degrees of
    freedom ("t"). The model is that of Rücker 2012 (doi:10.1002/jrsm.1058). Raises `DisconnectedNetwork`
    listing the components when trials don't link all treatments.

    An indirect comparison is the difference of two direct ones (Bucher et al. 1997):

    >>> from bmac_meta.stats.network import network_from_contrasts
    >>> pairs = {"trial": ["one", "two"], "treatment_a": "AB", "treatment_b": "CC"}
    >>> fit = fit_network(network_from_contrasts([0.75, 0.25], variance=[0.09, 0.16], **pairs))
    >>> float(fit.estimate[0, 1]), round(float(fit.se[0, 1]), 9)
    (0.5, 0.5)
    """
    check_word("model", model, MODELS)
    check_word("distribution", distribution, DISTRIBUTIONS)
    as_level(level)
    wanted = check_tau2(tau2)
    if model == "common" and not isinstance(wanted, str) and wanted > 0.0:
        raise InputError(f"tau2={wanted!r} means random effects, but model is 'common': leave one of them out.")
    require_connected(data)
    projection = network_projection(independent_rows(data))
    q = generalized_q(data)
    found = 0.0 if model == "common" else float(solve_tau2(projection, wanted)[0])
    working = 0.0 if np.isnan(found) else found
    df = np.inf if distribution == "z" else float(q.df)
    solution = solve_at(data, working)
    estimate, se = solution.differences()
    margin = quantile(df, level) * se
    reach = prediction_margin(se, working, q.df if model == "random" else 0, level)
    return NetworkFit(
        data=data,
        estimate=estimate,
        se=se,
        ci_low=estimate - margin,
        ci_high=estimate + margin,
        p_value=two_sided_p(estimate, se, df),
        pi_low=estimate - reach,
        pi_high=estimate + reach,
        tau2=found,
        tau2_ci=tau2_interval(projection, level),
        i2=inconsistency_share(q),
        q=q,
        model=model,
        tau2_method="given" if not isinstance(wanted, str) else wanted if model == "random" else "none",
        distribution=distribution,
        level=level,
        df=df,
        effects=solution.coefficients,
        root=solution.root,
    )


def solve_at(data: NetworkData, tau2: float) -> Solution:
    """Return the treatment effects of a network at one tau2."""
    rows = standardized_rows(data, tau2)
    return solve_network(rows.effect, rows.columns)[0]


def generalized_q(data: NetworkData, tau2: float = 0.0) -> ChiSquared:
    """Return the generalized Cochran's Q of a network; parts that are not linked count for themselves."""
    solution = solve_at(data, tau2)
    return chi_squared(solution.squares, data.rows_count - solution.rank)


def chi_squared(statistic: float, df: int) -> ChiSquared:
    """Return a χ² statistic with its upper tail probability."""
    return ChiSquared(max(float(statistic), 0.0), int(df), float(chdtrc(df, max(statistic, 0.0))) if df else np.nan)


def inconsistency_share(q: ChiSquared) -> float:
    """Return I² in percent, (Q − df)/Q and not below 0; NaN without degrees of freedom."""
    if not q.df:
        return np.nan
    return max(0.0, 100.0 * (1.0 - q.df / q.statistic)) if q.statistic > 0.0 else 0.0


def quantile(df: float, level: float) -> float:
    """Return the two-sided quantile of Student's t, the normal one for infinite df; NaN without df."""
    return float(critical(level, np.array(float(df))))


def two_sided_p(estimate: FloatArray, se: FloatArray, df: float) -> FloatArray:
    """Return two-sided p values; 1 where the standard error is 0 (a treatment against itself)."""
    ratio = np.divide(estimate, se, out=np.zeros_like(se), where=se > 0.0)
    return two_sided(ratio, np.array(float(df)))


def prediction_margin(se: FloatArray, tau2: float, df: int, level: float) -> FloatArray:
    """Return the half width of prediction intervals (0 on the diagonal), NaN with fewer than 2 degrees of
    freedom.

    Higgins et al. 2009, doi:10.1111/j.1467-985X.2008.00552.x, with the df of the whole network.
    """
    if df < 2:
        return np.full(se.shape, np.nan)
    reach = quantile(float(df), level) * np.sqrt(tau2 + se * se)
    np.fill_diagonal(reach, 0.0)
    return reach


@dataclass(frozen=True, slots=True, eq=False)
class EffectsAgainst(Sealed):
    """Holds the effects of all treatments against one; each array is (n,) in the order of the treatments."""

    reference: str
    treatments: tuple[str, ...]
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    p_value: FloatArray
    pi_low: FloatArray
    pi_high: FloatArray
    covariance: FloatArray


def effects_against(fit: NetworkFit, reference: str) -> EffectsAgainst:
    """Return every treatment minus `reference`, with the covariance (n, n) of these effects.

    Raises `UnknownWordError` listing the treatments when the reference is not one of them.
    """
    column = fit.data.index(reference)
    root = fit.root - fit.root[column]
    names = ("estimate", "se", "ci_low", "ci_high", "p_value", "pi_low", "pi_high")
    values = {name: getattr(fit, name)[:, column] for name in names}
    return EffectsAgainst(str(reference), fit.treatments, covariance=root @ root.T, **values)
