"""Regression designs: checked, named by column number, refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import DesignError
from bmac_meta.stats.batch import Batch, as_floats
from bmac_meta.stats.design import SMALLEST_PIVOT, DesignProjection, eliminate

SMALLEST_REGRESSOR, LARGEST_REGRESSOR = 1e-100, 1e100


@dataclass(frozen=True, slots=True)
class Design:
    """Holds checked regressors: `raw` (1 or B, k, p) as given, `basis` an orthonormal basis of its columns.

    `present` (1 or B, k) says which rows count, the others being zero; `constant` whether a constant is spanned.
    """

    raw: NDArray
    basis: NDArray
    present: NDArray
    constant: bool

    @property
    def size(self) -> int:
        """Return p, the number of coefficients."""
        return self.raw.shape[2]

    def of_one(self) -> NDArray:
        """Return the coefficients (1 or B, p) with which every present row is 1; NaN where no column is constant."""
        rows = self.present[:, :, None]
        low = self.raw.min(axis=1, initial=np.inf, where=rows)
        same = (low == self.raw.max(axis=1, initial=-np.inf, where=rows)) & (low != 0.0)
        first = np.arange(self.size) == same.argmax(axis=1)[:, None]
        values = np.where(first, 1.0 / np.where(same, low, 1.0), 0.0)
        return np.where(same.any(axis=1, keepdims=True), values, np.nan)

    def rows(self, rows: slice) -> Design:
        """Return the design of some of the meta-analyses."""
        if self.raw.shape[0] == 1:
            return self
        return Design(self.raw[rows], self.basis[rows], self.present[rows], self.constant)

    def project(self, batch: Batch, rows: slice) -> DesignProjection:
        """Return the projection of some rows of a batch."""
        columns = np.ascontiguousarray(self.rows(rows).basis.transpose(2, 1, 0))
        return DesignProjection.of(columns, *batch.columns(rows), constant=self.constant)


def as_design(design: ArrayLike, batch: Batch) -> Design:
    """Check a design, (k, p) or (B, k, p), against a batch of meta-analyses.

    Raises `DesignError` when it has the wrong shape, holds anything not finite, leaves no residual degree
    of freedom, or has columns that are linear combinations of others among the trials present.
    """
    raw = as_floats("design", design)
    if raw.ndim == 2:
        raw = raw[None]
    _check_shape(raw, np.shape(design), batch)
    present = np.ones(raw.shape[:2], dtype=bool)
    if batch.mask is not None:
        present = batch.mask if raw.shape[0] > 1 else batch.mask.any(axis=0, keepdims=True)
        raw = np.where(present[:, :, None], raw, 0.0)
    _check_numbers(raw)
    basis = _orthonormal(raw)
    ones = present.astype(float)
    missed = ones - np.einsum("bkp,bp->bk", basis, np.einsum("bkp,bk->bp", basis, ones))
    checked = Design(raw, basis, present, constant=bool((np.abs(missed) < 1e-10).all()))
    _check_masks(checked, batch)
    return checked


def _check_numbers(raw: NDArray) -> None:
    usable = np.abs(raw) <= LARGEST_REGRESSOR
    if not usable.all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~usable))
        raise DesignError(
            f"{_named(raw, place[0])} has {raw[place]} in trial {place[1]}, column {place[2]} (counted from 0); every "
            "regressor must be a finite number of usable size. Leave out the trials where it is not known."
        )


def _named(raw: NDArray, row: int) -> str:
    """Return a design (1 or B, k, p) in words, with the meta-analysis where each has its own."""
    return "the design" if len(raw) == 1 else f"the design of meta-analysis {row}"


def _check_shape(raw: NDArray, shape: tuple[int, ...], batch: Batch) -> None:
    fits = raw.ndim == 3 and raw.shape[1] == batch.width and raw.shape[0] in (1, batch.count) and raw.shape[2]
    if not fits:
        raise DesignError(
            f"design has shape {shape}; with {batch.width} trials it must be ({batch.width}, p), one row per "
            "trial and one column per coefficient (with a column of ones for the intercept)."
        )
    counts = np.full(batch.count, batch.width) if batch.mask is None else batch.mask.sum(axis=1)
    trials, row = int(counts.min()), int(counts.argmin())
    if trials <= raw.shape[2]:
        where = "" if counts.min() == counts.max() else f" in meta-analysis {row} (counted from 0)"
        raise DesignError(
            f"the design is saturated{where}: {raw.shape[2]} coefficients from {trials} trials leave nothing to "
            "estimate tau2 from. Use fewer covariates or more trials."
        )


def _orthonormal(raw: NDArray) -> NDArray:
    largest = np.abs(raw).max(axis=1, keepdims=True)
    empty = np.argwhere(largest[:, 0] < SMALLEST_REGRESSOR)
    if empty.size:
        row, column = map(int, empty[0])
        size = "zero" if largest[row, 0, column] == 0.0 else f"no larger than {largest[row, 0, column]:.3g}"
        raise DesignError(
            f"column {column} (counted from 0) of {_named(raw, row)} is {size} in every trial. Leave it out"
            f"{'' if size == 'zero' else ', or change its unit'}."
        )
    scaled = raw / largest
    basis, triangle = np.linalg.qr(scaled / np.sqrt((scaled * scaled).sum(axis=1, keepdims=True)))
    diagonal = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
    if (diagonal < SMALLEST_PIVOT).any():
        row, column = map(int, np.argwhere(diagonal < SMALLEST_PIVOT)[0])
        raise DesignError(
            f"{_named(raw, row)} is collinear: column {column} (counted from 0) is a linear combination of the "
            "columns before it. Leave it out, or merge categories."
        )
    return basis


def _check_masks(design: Design, batch: Batch) -> None:
    if batch.mask is None:
        return
    step = max(1, (1 << 18) // (batch.width * design.size))
    for start in range(0, batch.count, step):
        rows = slice(start, start + step)
        present = np.ascontiguousarray(batch.mask[rows].T).astype(float)
        columns = design.rows(rows).basis.transpose(2, 1, 0)
        parts = eliminate(columns, present)
        strength = np.abs(parts.pivots) * np.take_along_axis(present, parts.anchors, axis=0)
        weak = strength.min(axis=0) < SMALLEST_PIVOT
        if weak.any():
            raise DesignError(
                f"the design is collinear among the trials present in meta-analysis "
                f"{start + int(weak.argmax())}: a covariate does not vary there, or follows from the others."
            )


def as_contrast(contrast: ArrayLike | None, design: Design) -> NDArray:
    """Return the rows (m, p) that an omnibus test is of: as given, or one per column that is not constant.

    Raises `DesignError` for a contrast of another width or with linearly dependent rows.
    """
    if contrast is None:
        rows = design.present[:, :, None]
        lowest = design.raw.min(axis=1, initial=np.inf, where=rows)
        varying = (design.raw.max(axis=1, initial=-np.inf, where=rows) > lowest).any(axis=0)
        return np.eye(design.size)[varying if varying.any() else slice(None)]
    rows = np.atleast_2d(as_floats("contrast", contrast))
    if rows.ndim != 2 or rows.shape[1] != design.size or np.linalg.matrix_rank(rows) < rows.shape[0]:
        raise DesignError(
            f"contrast has shape {rows.shape}; it needs a column for each of the {design.size} coefficients "
            "and linearly independent rows."
        )
    return rows
