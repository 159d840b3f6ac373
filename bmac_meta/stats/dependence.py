"""The covariance of dependent effects: shared controls, repeated visits, several outcomes of one trial.

Every matrix is (k, k) for one meta-analysis and (B, k, k) for many, whose labels `cluster` (k,) are the same. Where a
`mask`, (k,) or (B, k), is False an effect is absent: nothing that is said of it is looked at, and its row and column
are NaN, to be masked again by `generalized_least_squares`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import Batch, as_batch, as_floats

Array = NDArray[np.float64]


def compound_symmetry(cluster: ArrayLike, correlation: ArrayLike) -> Array:
    """Return the correlation matrix (k, k) of effects correlated by one number within a cluster.

    `cluster` holds k labels; of several correlations, (B,), each gives a matrix. Raises `InputError` for a
    correlation not between −1 and 1.

    >>> compound_symmetry(["a", "a", "b"], 0.5).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    shared = _correlations(correlation)
    wrong = ~((shared > -1) & (shared < 1))
    if wrong.any():
        raise InputError(f"correlation is {shared[wrong][0]:g}; it must lie between -1 and 1.")
    same = _same(cluster)
    return np.where(np.eye(len(same), dtype=bool), 1.0, shared * same)


def autoregressive(
    cluster: ArrayLike, time: ArrayLike, correlation: ArrayLike, *, mask: ArrayLike | None = None
) -> Array:
    """Return the AR(1) correlation matrix (k, k) of repeated visits, which falls with the time apart.

    `cluster` holds k labels, `time` k numbers, or (B, k); `correlation`, from 0 to 1, a number or (B,), is that of
    two visits one unit apart, and its power that of others. Raises `InputError` for two rows of one cluster at one
    time. Source: Ishak et al. 2007 (doi:10.1177/1740774507083567).

    >>> autoregressive(["a", "a"], [3, 6], 0.9)[0, 1].round(3).item()
    0.729
    """
    times, same = as_floats("time", time), _same(cluster)
    if times.ndim not in (1, 2) or times.shape[-1] != len(same):
        raise InputError(f"time must hold one number for each of the {len(same)} labels of cluster.")
    batch = as_batch(np.zeros(times.shape), np.ones(times.shape), mask)
    times = _there(batch, times, 0.0)
    if not np.isfinite(times).all():
        raise InputError(f"time must hold one number for each of the {len(same)} labels of cluster.")
    distance = np.abs(times[:, :, None] - times[:, None, :])
    if (_pairs(batch) & same & (distance == 0) & ~np.eye(len(same), dtype=bool)).any():
        raise InputError("two effects of one cluster have the same time; give each visit once.")
    shared = _correlations(correlation)
    wrong = ~((shared >= 0) & (shared <= 1))
    if wrong.any():
        raise InputError(f"correlation is {shared[wrong][0]:g}; an AR(1) correlation must lie between 0 and 1.")
    matrix = np.where(_pairs(batch), np.where(same, shared**distance, 0.0), np.nan)
    return matrix[0] if batch.single and shared.ndim < 3 else matrix


def correlated_covariance(correlation: ArrayLike, *, variance: ArrayLike, mask: ArrayLike | None = None) -> Array:
    """Return the covariance matrix of effects with a correlation matrix (k, k) and variances (k,).

    Either may be for many meta-analyses, (B, k, k) and (B, k). Raises `InputError` where they do not fit together.
    """
    batch, matrix = _variances(variance, mask), as_floats("correlation", correlation)
    many = {1, batch.count, len(matrix) if batch.count == 1 and matrix.ndim else 1}
    shape = (batch.width, batch.width)
    if matrix.shape != shape and matrix.shape not in {(count, *shape) for count in many}:
        raise InputError(
            f"correlation has the shape {matrix.shape}; with {batch.width} variances it must be {shape}: build it "
            "with compound_symmetry or autoregressive."
        )
    spread = np.sqrt(_there(batch, batch.variance, np.nan))
    product = matrix * (spread[:, :, None] * spread[:, None, :])
    return product[0] if batch.single and matrix.ndim == 2 else product


def shared_control_covariance(
    cluster: ArrayLike, *, variance: ArrayLike, control_variance: ArrayLike, mask: ArrayLike | None = None
) -> Array:
    """Return the covariance matrix (k, k) of contrasts against controls that some of them share.

    Contrasts with one label in `cluster` share a control; `control_variance` (k,), the same within a cluster, is what
    the control adds to the variance and so their covariance: s²/n for a mean difference, 1/events + 1/others for a
    log odds ratio, 1/events − 1/n for a log risk ratio, p(1 − p)/n for a risk difference. It and `variance` may be
    (B, k). Source: Gleser & Olkin 2009, ch. 19 in the Handbook of Research Synthesis (2nd ed.). Raises `InputError`
    where a control differs within a cluster or varies more than its contrast.
    """
    batch = _variances(variance, mask)
    same = _same(cluster, batch.width)
    shared = _there(batch, _per_effect("control_variance", control_variance, batch), 0.0)
    variances = _there(batch, batch.variance, 1.0)
    with np.errstate(invalid="ignore"):
        apart = np.abs(shared[:, :, None] - shared[:, None, :])
    alike = apart <= 1e-12 * np.abs(shared).max(axis=1)[:, None, None]
    if not (alike | ~(_pairs(batch) & same)).all():
        raise InputError(
            "control_variance differs within a cluster; contrasts that share a control share its variance."
        )
    if not ((shared >= 0) & (shared < variances)).all():
        raise InputError(
            "control_variance must be at least 0 and below the variance of its contrast, being part of it."
        )
    own = np.eye(batch.width) * (variances - shared)[:, :, None]
    return _finished(np.where(same, shared[:, :, None], 0.0) + own, batch)


def shared_control_smd_covariance(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    n_control: ArrayLike,
    n_total: ArrayLike,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the covariance matrix (k, k) of standardized mean differences against controls that some share.

    Two that share a control have the covariance 1/n_control + d₁d₂/(2 n_total), with `n_total` the patients of all
    arms of the trial. All arguments are (k,), and all but `cluster` may be (B, k). Raises `InputError` for sizes that
    cannot be or differ within a cluster. Source: Gleser & Olkin 2009, ch. 19 in the Handbook of Research Synthesis
    (2nd ed.).
    """
    batch = as_batch(estimate, variance, mask)
    same = _same(cluster, batch.width)
    effect, variances = _there(batch, batch.estimate, 0.0), _there(batch, batch.variance, 1.0)
    control = _there(batch, _per_effect("n_control", n_control, batch), 1.0)
    total = _there(batch, _per_effect("n_total", n_total, batch), 2.0)
    if not ((control > 0) & (total > control)).all():
        raise InputError("n_control must be above 0 and below n_total, the patients of all arms of the trial.")
    together = _pairs(batch) & same
    if any((together & (sizes[:, :, None] != sizes[:, None, :])).any() for sizes in (control, total)):
        raise InputError("n_control or n_total differs within a cluster; contrasts that share a control share both.")
    product = effect[:, :, None] * effect[:, None, :]
    matrix = np.where(same, 1 / control[:, :, None] + product / (2 * total[:, :, None]), 0.0)
    return _finished(np.where(np.eye(batch.width, dtype=bool), variances[:, :, None], matrix), batch)


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


def _same(cluster: ArrayLike, count: int | None = None) -> NDArray[np.bool_]:
    codes = cluster_codes(cluster, count)
    return codes[:, None] == codes


def _correlations(correlation: ArrayLike) -> Array:
    """Return one correlation as a number, or several (B,) as (B, 1, 1)."""
    values = as_floats("correlation", correlation)
    if values.ndim > 1 or values.size == 0:
        raise InputError(f"correlation has the shape {values.shape}; give one number, or (B,) for as many matrices.")
    return values[:, None, None] if values.ndim else values


def _variances(variance: ArrayLike, mask: ArrayLike | None) -> Batch:
    values = as_floats("variance", variance)
    return as_batch(np.zeros(values.shape), values, mask)


def _per_effect(name: str, values: ArrayLike, batch: Batch) -> Array:
    """Return values as (B, k), or raise `InputError` where they do not fit."""
    given = as_floats(name, values)
    try:
        return np.broadcast_to(given, batch.estimate.shape)
    except ValueError as cause:
        raise InputError(
            f"{name} has the shape {given.shape}; give one number for each of the {batch.width} effects: (k,) or "
            "(B, k)."
        ) from cause


def _there(batch: Batch, values: Array, filler: float) -> Array:
    """Return values (B, k) with something else for absent effects."""
    spread = np.broadcast_to(values, batch.estimate.shape)
    return spread if batch.mask is None else np.where(batch.mask, spread, filler)


def _pairs(batch: Batch) -> NDArray[np.bool_]:
    """Say which two effects are both present, (1 or B, k, k)."""
    present = np.ones((1, batch.width), dtype=bool) if batch.mask is None else batch.mask
    return present[:, :, None] & present[:, None, :]


def _finished(matrix: Array, batch: Batch) -> Array:
    filled = np.where(_pairs(batch), matrix, np.nan)
    return filled[0] if batch.single else filled
