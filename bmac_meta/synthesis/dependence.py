"""The verbs for rows that are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta import stats
from bmac_meta.errors import InputError, NotEnoughTrials, unknown_word
from bmac_meta.results.dependent import Correlated, Multilevel, Robust
from bmac_meta.synthesis.verbs import check_comparable, default_interval

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
    covariance: ArrayLike,
    tau2: str | float = "REML",
    interval: str | None = None,
    *,
    between: ArrayLike | None = None,
    level: float = 0.95,
) -> Correlated:
    """Pool rows whose errors have a known covariance, (k, k) in the order of the rows.

    `bm.stats` has functions that make one: shared controls, repeated visits, several outcomes. Its diagonal must be
    the squared standard errors of the effects. `between` is the correlation (k, k) of the true effects, none by
    default. `tau2` is "REML", "ML" or a number; with 0, a common effect, the interval is Wald's unless one is named.
    Raises `InputError` for a matrix that does not fit and `NotEnoughTrials` for one row.
    """
    check_comparable(effects)
    if len(effects) < 2:
        raise NotEnoughTrials("A covariance takes 2 rows; here is 1. pool() shows it as it is.")
    matrix = _fitting(effects, covariance)
    named = interval or default_interval("common" if tau2 == 0 else "random")
    choices = {"tau2": tau2, "interval": named, "level": level, "between": between}
    fit = stats.generalized_least_squares(effects.estimates, covariance=matrix, **choices)
    pairs = int(np.count_nonzero(np.triu(matrix, 1)))
    return Correlated(effects.question, fit, pairs, effects.frame, effects.left_out, effects.notes)


def _clustered(effects: Effects, cluster: str) -> tuple[Effects, np.ndarray]:
    """Return the effects that say their cluster, and the labels of the clusters."""
    check_comparable(effects)
    if cluster not in effects.frame:
        raise unknown_word("column of these effects", cluster, effects.frame.columns)
    effects = effects._keep(effects.frame[cluster].notna().to_numpy(), f"{cluster} is not reported")
    if not len(effects):
        raise InputError(f"No row says its {cluster}; name another column.")
    return effects, effects.frame[cluster].astype(str).to_numpy()


def _fitting(effects: Effects, covariance: ArrayLike) -> np.ndarray:
    matrix, k = np.asarray(covariance, dtype=float), len(effects)
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
