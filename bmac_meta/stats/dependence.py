"""The covariance of dependent effects: shared controls, repeated visits, several outcomes of one trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_batch, as_floats

Array = NDArray[np.float64]


def compound_symmetry(cluster: ArrayLike, correlation: float) -> Array:
    """Return the correlation matrix (k, k) of effects correlated by one number within a cluster.

    `cluster` holds k labels. Raises `InputError` for a correlation not between −1 and 1.

    >>> compound_symmetry(["a", "a", "b"], 0.5).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    matrix = _correlation(correlation) * _same(cluster)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def autoregressive(cluster: ArrayLike, time: ArrayLike, correlation: float) -> Array:
    """Return the AR(1) correlation matrix (k, k) of repeated visits, which falls with the time apart.

    `cluster` holds k labels, `time` k numbers; `correlation`, from 0 to 1, is that of two visits one unit
    apart, and its power that of others. Raises `InputError` for two rows of one cluster at one time. Source:
    Ishak et al. 2007 (doi:10.1177/1740774507083567).

    >>> autoregressive(["a", "a"], [3, 6], 0.9)[0, 1].round(3).item()
    0.729
    """
    times, same = as_floats("time", time), _same(cluster)
    if times.shape != same.shape[:1] or not np.isfinite(times).all():
        raise InputError(f"time must hold one number for each of the {len(same)} labels of cluster.")
    distance = np.abs(times[:, None] - times)
    if (same & (distance == 0) & ~np.eye(len(times), dtype=bool)).any():
        raise InputError("two effects of one cluster have the same time; give each visit once.")
    if not 0 <= correlation <= 1:
        raise InputError(f"correlation is {correlation}; an AR(1) correlation must lie between 0 and 1.")
    return np.where(same, float(correlation) ** distance, 0.0)


def correlated_covariance(correlation: ArrayLike, *, variance: ArrayLike) -> Array:
    """Return the covariance matrix (k, k) of effects with a correlation matrix (k, k) and variances (k,)."""
    spread = np.sqrt(_variances(variance))
    return as_floats("correlation", correlation) * np.outer(spread, spread)


def shared_control_covariance(cluster: ArrayLike, *, variance: ArrayLike, control_variance: ArrayLike) -> Array:
    """Return the covariance matrix (k, k) of contrasts against controls that some of them share.

    Contrasts with one label in `cluster` share a control; `control_variance` (k,), the same within a cluster,
    is what the control adds to the variance and so their covariance: s²/n for a mean difference, 1/events +
    1/others for a log odds ratio, 1/events − 1/n for a log risk ratio, p(1 − p)/n for a risk difference.
    Source: Gleser & Olkin 2009, ch. 19 in the Handbook of Research Synthesis (2nd ed.). Raises `InputError`
    where a control differs within a cluster or varies more than its contrast.
    """
    variances, shared = _variances(variance), as_floats("control_variance", control_variance)
    shared = np.broadcast_to(shared, variances.shape)
    same = _same(cluster)
    if not np.allclose(np.where(same, shared[:, None] - shared, 0.0), 0.0, atol=1e-12 * np.abs(shared).max()):
        raise InputError(
            "control_variance differs within a cluster; contrasts that share a control share its variance."
        )
    if not ((shared >= 0) & (shared < variances)).all():
        raise InputError(
            "control_variance must be at least 0 and below the variance of its contrast, being part of it."
        )
    return np.where(same, shared[:, None], 0.0) + np.diag(variances - shared)


def shared_control_smd_covariance(
    estimate: ArrayLike, *, variance: ArrayLike, cluster: ArrayLike, n_control: ArrayLike, n_total: ArrayLike
) -> Array:
    """Return the covariance matrix (k, k) of standardized mean differences against controls that some share.

    Two that share a control have the covariance 1/n_control + d₁d₂/(2 n_total), with `n_total` the patients
    of all arms of the trial. All arguments are (k,). Source: Gleser & Olkin 2009, ch. 19 in the Handbook of
    Research Synthesis (2nd ed.).
    """
    batch = as_batch(estimate, variance)
    effect, variances = batch.estimate[0], batch.variance[0]
    control, total = (
        np.broadcast_to(as_floats(name, values), effect.shape)
        for name, values in (("n_control", n_control), ("n_total", n_total))
    )
    if not ((control > 0) & (total > control)).all():
        raise InputError("n_control must be above 0 and below n_total, the patients of all arms of the trial.")
    matrix = np.where(_same(cluster), 1 / control[:, None] + np.outer(effect, effect) / (2 * total[:, None]), 0.0)
    np.fill_diagonal(matrix, variances)
    return matrix


def cluster_codes(cluster: ArrayLike, count: int | None = None) -> NDArray[np.int64]:
    """Return the clusters as whole numbers from 0, (k,), whatever their labels are.

    Raises `InputError` where there are not `count` labels (when given) or one is missing.
    """
    labels = np.asarray(cluster)
    if labels.ndim != 1 or labels.size == 0 or labels.size != (count or labels.size):
        wanted = "each effect" if count is None else f"each of the {count} effects"
        raise InputError(f"cluster has the shape {labels.shape}; give one label for {wanted}, (k,).")
    if any(label is None or label != label for label in labels.tolist()):
        raise InputError("cluster has missing labels (None or NaN); name the cluster of every effect.")
    return np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)[1]


def _same(cluster: ArrayLike) -> NDArray[np.bool_]:
    codes = cluster_codes(cluster)
    return codes[:, None] == codes


def _correlation(correlation: float) -> float:
    if not -1 < correlation < 1:
        raise InputError(f"correlation is {correlation}; it must lie between -1 and 1.")
    return float(correlation)


def _variances(variance: ArrayLike) -> Array:
    values = as_floats("variance", variance)
    return as_batch(np.zeros(values.shape), values).variance[0]
