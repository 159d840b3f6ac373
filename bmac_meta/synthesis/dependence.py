"""The verbs for rows that are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta import stats
from bmac_meta.arguments import at_most, one_number, one_of
from bmac_meta.errors import InputError, NotEnoughTrials, check_word
from bmac_meta.narrowing import floats_in
from bmac_meta.results.dependent import Correlated, Multilevel, Robust
from bmac_meta.results.multivariate import Multivariate
from bmac_meta.stats.batch import as_floats
from bmac_meta.synthesis.columns import saying
from bmac_meta.synthesis.shared_arm import SHARED, shared_arm_covariance
from bmac_meta.synthesis.verbs import MOST_TRIALS, check_comparable, default_interval

if TYPE_CHECKING:
    from bmac_meta.effects import Effects


def robust(
    effects: Effects,
    cluster: str = "study",
    *,
    correlation: float = 0.8,
    working: str = "correlated",
    level: float = 0.95,
) -> Robust:
    """Pool rows of which several belong to one study, with a standard error that holds whatever ties them.

    `cluster` is the column that says which rows belong together. The weights take the rows of a cluster as correlated
    by `correlation` (`working="independent"`: not at all); that decides the efficiency, not the validity. No p is given
    below 4 degrees of freedom. Source: Pustejovsky & Tipton 2022, 10.1007/s11121-021-01246-3. Raises `NotEnoughTrials`
    with fewer than 2 clusters.
    """
    effects, labels = _clustered(effects, cluster)
    at_most(MOST_TRIALS, len(set(labels)), "clusters", "a cluster-robust standard error")
    data = {"variance": effects.variances, "cluster": labels}
    choices = {"correlation": correlation, "working": working, "level": level}
    fit = stats.cluster_robust(effects.estimates, **data, **choices)
    return Robust(effects.question, fit, cluster, correlation, effects.frame, effects.left_out, effects.notes)


def multilevel(
    effects: Effects,
    cluster: str = "study",
    *,
    method: str = "REML",
    interval: str = "t",
    level: float = 0.95,
) -> Multilevel:
    """Pool rows within clusters by a three-level model, with a variance between clusters and one within them.

    The errors of the rows are taken as independent: for repeated measurements of the same patients use `robust` or
    `gls`. `interval` is "t" or "wald", `method` "REML" or "ML". Source: Konstantopoulos 2011, 10.1002/jrsm.35. Raises
    `NotEnoughTrials` with fewer than 2 clusters, or where each row is a cluster of its own.
    """
    effects, labels = _clustered(effects, cluster)
    data = {"variance": effects.variances, "cluster": labels, "method": method, "level": level}
    fit = stats.three_level(effects.estimates, **data, interval=interval)
    intervals = stats.variance_intervals(effects.estimates, **data)
    return Multilevel(effects.question, fit, intervals, cluster, effects.frame, effects.left_out, effects.notes)


def gls(
    effects: Effects,
    covariance: ArrayLike | str | None = None,
    tau2: str | float = "REML",
    interval: str | None = None,
    *,
    correlation: float | None = None,
    cluster: str = "study",
    time: str | None = None,
    between: ArrayLike | None = None,
    level: float = 0.95,
) -> Correlated:
    """Pool rows whose errors have a known covariance: `covariance` (k, k), or a stated `correlation`.

    `covariance="shared arm"` says that the rows of one `cluster` were measured against one and the same arm b, whose
    printed numbers then give the covariance; a matrix has the order of the rows, and their squared standard errors on
    its diagonal. With `correlation` the rows of one `cluster` go together by that much, or, with the column `time`, by
    its power for visits so far apart. `between` is the correlation (k, k) of the true effects, none by default. `tau2`
    is "REML", "ML" or a number; with 0, a common effect, the interval is Wald's unless one is named. Raises
    `InputError` for a matrix that does not fit and `NotEnoughTrials` for one row.
    """
    effects, matrix = _with_covariance(effects, covariance, correlation, cluster, time)
    if len(effects) < 2:
        raise NotEnoughTrials("A covariance takes 2 rows; here is 1. pool() shows it as it is.")
    if not isinstance(tau2, str):
        tau2 = one_number("tau2", tau2, "REML, ML or a number of 0 or more", lambda value: 0 <= value < np.inf)
    named = default_interval("common" if tau2 == 0 else "random") if interval is None else interval
    choices = {"tau2": tau2, "interval": named, "level": level, "between": between}
    fit = stats.generalized_least_squares(effects.estimates, covariance=matrix, **choices)
    said = _said(covariance, correlation, cluster, time)
    return Correlated(effects.question, fit, _pairs(matrix), said, effects.frame, effects.left_out, effects.notes)


def multivariate(
    effects: Effects,
    outcome: str = "outcome",
    cluster: str = "study",
    *,
    correlation: float | None = None,
    covariance: ArrayLike | None = None,
    method: str = "REML",
    level: float = 0.95,
) -> Multivariate:
    """Pool several outcomes of the same trials together, so that each lends strength to the other.

    `outcome` and `cluster` are columns; the errors of the rows of one cluster go together by a stated `correlation`, or
    have a given `covariance` (k, k). The true effects have a covariance of their own, which is estimated. Source:
    Berkey et al. 1998, 10.1002/(sici)1097-0258(19981130)17:22<2537::aid-sim953>3.0.co;2-c. Raises `NotEnoughTrials`
    for an outcome with one trial or a pair of outcomes that no two trials report together.
    """
    check_comparable(effects)
    for column in (outcome, cluster):
        effects = saying(effects, column, "name another column")
    effects, matrix = _with_covariance(effects, covariance, correlation, cluster, None)
    data = {"outcome": effects.frame[outcome].astype(str).to_numpy(), "covariance": matrix}
    labels = effects.frame[cluster].astype(str).to_numpy()
    fit = stats.multivariate_effects(effects.estimates, **data, cluster=labels, method=method, level=level)
    said = _said(covariance, correlation, cluster, None)
    return Multivariate(effects.question, fit, outcome, said, effects.frame, effects.left_out, effects.notes)


def _with_covariance(
    effects: Effects, covariance: ArrayLike | str | None, correlation: float | None, cluster: str, time: str | None
) -> tuple[Effects, np.ndarray]:
    """Return the effects that can be used, and the covariance of their errors."""
    check_comparable(effects)
    at_most(MOST_TRIALS, len(effects), "rows", "a covariance between all of them")
    if (covariance is None) == (correlation is None):
        raise InputError(
            f"Rows that are not independent need either covariance=, a matrix (k, k) or {SHARED!r}, or correlation=, a "
            "number for the rows of one cluster."
        )
    if covariance is not None and not isinstance(covariance, str):
        return effects, _fitting(effects, covariance)
    effects, labels = _clustered(effects, cluster)
    if covariance is not None:
        check_word("covariance", covariance, (SHARED,))
        return effects, shared_arm_covariance(effects, labels)
    correlation = one_number("correlation", correlation, "a number from −1 to 1, such as 0.5", lambda r: -1 <= r <= 1)
    if time is None:
        matrix = stats.compound_symmetry(labels, correlation)
    else:
        matrix = stats.autoregressive(labels, _times(effects, time), correlation)
    return effects, stats.correlated_covariance(matrix, variance=effects.variances)


def _times(effects: Effects, time: str) -> np.ndarray:
    one_of(time, effects.frame.columns)
    times = floats_in(effects.frame[time])
    if not np.isfinite(times).all():
        row = effects.studies[int(np.flatnonzero(~np.isfinite(times))[0])]
        raise InputError(f"A row of {row} says no {time} in numbers; leave it out, or use a correlation without time=.")
    return times


def _said(covariance: ArrayLike | str | None, correlation: float | None, cluster: str, time: str | None) -> str:
    if isinstance(covariance, str):
        return f"rows of one {cluster} share arm b, whose printed numbers give the covariance"
    if covariance is not None:
        return "covariance as given"
    apart = "" if time is None else f" to the power of the difference in {time}"
    return f"rows of one {cluster} correlated by {correlation:g}{apart}, as stated"


def _pairs(matrix: np.ndarray) -> int:
    return int(np.count_nonzero(np.triu(matrix, 1)))


def _clustered(effects: Effects, cluster: str) -> tuple[Effects, np.ndarray]:
    """Return the effects that say their cluster, and the labels of the clusters."""
    check_comparable(effects)
    effects = saying(effects, cluster, "name another column")
    return effects, effects.frame[cluster].astype(str).to_numpy()


def _fitting(effects: Effects, covariance: ArrayLike) -> np.ndarray:
    matrix, k = as_floats("covariance", covariance), len(effects)
    if matrix.shape != (k, k):
        raise InputError(
            f"covariance has the shape {matrix.shape}; with {k} rows it must be ({k}, {k}), in the order of .frame."
        )
    off = np.flatnonzero(~np.isclose(np.diag(matrix), effects.variances, rtol=1e-6, atol=0))
    if off.size:
        row = int(off[0])
        raise InputError(
            f"covariance says {matrix[row, row]:.6g} for {effects.studies[row]}, whose squared standard error is "
            f"{effects.variances[row]:.6g}. The diagonal must hold the variances of the effects, in the order of "
            ".frame."
        )
    return matrix
