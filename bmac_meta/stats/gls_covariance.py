"""The covariance of dependent effects and the correlation of their true effects, checked or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import LARGEST_VARIANCE, SMALLEST_VARIANCE, Batch, as_batch, as_floats
from bmac_meta.stats.gls_rotation import Links

Array = NDArray[np.float64]

UNUSABLE = "covariance must be finite and symmetric."
SINGULAR = (
    "covariance is not positive definite: some effects would be known exactly from others. Check variances (above 0) "
    "and correlations (a shared control adds less than the whole variance)."
)


def checked_links(
    estimate: ArrayLike, covariance: ArrayLike, between: ArrayLike | None, mask: ArrayLike | None
) -> tuple[Batch, Links]:
    """Return the effects as a batch and their checked covariance, or raise `InputError`."""
    matrix = _square(as_floats("covariance", covariance))
    diagonal = np.einsum("...kk->...k", matrix)
    usable = (diagonal >= SMALLEST_VARIANCE) & (diagonal <= LARGEST_VARIANCE)
    batch = as_batch(estimate, np.where(usable, diagonal, 1.0), mask)
    links = Links(matrix.reshape(-1, *matrix.shape[-2:]), None, _present(batch))
    _check_covariance(links, batch)
    if not usable.all():
        batch = as_batch(estimate, diagonal, mask)
    if between is None:
        return batch, links
    return batch, replace(links, between=_between(between, batch, links.present))


def _present(batch: Batch) -> NDArray[np.bool_] | None:
    """Return which effects are there, (1, k) where it is the same in all meta-analyses, or None where all are."""
    if batch.mask is None or batch.mask.all():
        return None
    return batch.mask[:1] if (batch.mask == batch.mask[0]).all() else batch.mask


def _square(matrix: Array, many: bool = True) -> Array:
    dimensions = (2, 3) if many else (2,)
    if matrix.ndim not in dimensions or matrix.shape[-1] != matrix.shape[-2] or not matrix.size:
        more = ", or (B, k, k) for many meta-analyses" if many else ""
        raise InputError(f"covariance has the shape {matrix.shape}; it must be (k, k), one row per effect{more}.")
    return matrix


def _check_covariance(links: Links, batch: Batch) -> None:
    """Raise `InputError` that names the first covariance which is none among the rows present."""
    if links.present is not None and len(links.covariance) == 1:
        # What all meta-analyses share is checked at once; each one for itself only if that fails.
        everywhere = Links(links.covariance, None, links.present.any(axis=0, keepdims=True))
        if not np.any(_faults(everywhere)):
            return
    for rows in _steps(links):
        unusable, singular = _faults(links.rows(rows))
        if (unusable | singular).any():
            row = int((unusable | singular).argmax())
            place = "" if batch.single or links.shared else f"in meta-analysis {rows.start + row} (counted from 0), "
            raise InputError(place + (UNUSABLE if unusable[row] else SINGULAR))


def _steps(links: Links) -> Iterator[slice]:
    """Yield slices of the meta-analyses whose matrices together take little memory."""
    count = max(len(links.covariance), 1 if links.present is None else len(links.present))
    step = max(1, (1 << 20) // links.covariance[0].size)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _faults(links: Links) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which covariances (1 or n) are not finite and symmetric, and which are not positive definite."""
    unusable, singular = (np.zeros(1, dtype=bool) for _ in range(2))
    for rows in links.blocks():
        matrix = links.within(rows)[0]
        turned = matrix.swapaxes(2, 3)
        with np.errstate(invalid="ignore"):
            fine = np.isfinite(matrix) & (np.abs(matrix - turned) <= 1e-9 * np.abs(turned))
        unusable = unusable | ~fine.all(axis=(1, 2, 3))
        usable = np.where(fine.all(axis=(2, 3), keepdims=True), matrix, np.eye(rows.shape[1]))
        spread = np.sqrt(np.maximum(np.einsum("nmbb->nmb", usable), 0.0))
        positive = (spread > 0).all(axis=2)
        spread = np.where(spread > 0, spread, 1.0)
        lowest = np.linalg.eigvalsh(usable / (spread[..., None] * spread[..., None, :]))[..., 0]
        singular = singular | ~(positive & (lowest > 1e-13)).all(axis=1)
    return unusable, singular


def positive_definite(covariance: ArrayLike) -> Array:
    """Return a covariance matrix (k, k) as it is, or raise `InputError` that says why it is none."""
    matrix = _square(as_floats("covariance", covariance), many=False)
    unusable, singular = _faults(Links(matrix[None]))
    if unusable[0] or singular[0]:
        raise InputError(UNUSABLE if unusable[0] else SINGULAR)
    return 0.5 * (matrix + matrix.T)


def _between(between: ArrayLike, batch: Batch, present: NDArray[np.bool_] | None) -> Array:
    """Return the correlation of the true effects, (1 or B, k, k)."""
    matrix, k = as_floats("between", between), batch.width
    many = "" if batch.single else f", or ({batch.count}, {k}, {k})"
    fault = f"between must be a correlation matrix of shape ({k}, {k}){many}; build it with compound_symmetry."
    if matrix.shape != (k, k) and (batch.single or matrix.shape != (batch.count, k, k)):
        raise InputError(fault)
    links = Links(matrix.reshape(-1, k, k), None, present)
    for rows in _steps(links):
        wrong = _no_correlation(links.rows(rows), k)
        if wrong.any():
            place = "" if links.shared else f"in meta-analysis {rows.start + int(wrong.argmax())} (counted from 0), "
            raise InputError(place + fault)
    return links.covariance


def _no_correlation(links: Links, k: int) -> NDArray[np.bool_]:
    """Say which matrices (1 or n) are no correlation matrix among the rows present."""
    wrong = np.zeros(1, dtype=bool)
    for rows in links.blocks():
        matrix = links.within(rows)[0]
        with np.errstate(invalid="ignore"):
            close = np.isclose(matrix, matrix.swapaxes(2, 3)) & np.isclose(np.einsum("nmbb->nmb", matrix), 1)[..., None]
        fine = close.all(axis=(2, 3), keepdims=True)
        lowest = np.linalg.eigvalsh(np.where(fine, matrix, np.eye(rows.shape[1])))[..., 0]
        wrong = wrong | ~(fine[..., 0, 0] & (lowest >= -1e-10 * k)).all(axis=1)
    return wrong
