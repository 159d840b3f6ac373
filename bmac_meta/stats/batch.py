"""Arrays of one or many meta-analyses: checked, masked, cut into chunks that stay in cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.arguments import one_share
from bmac_meta.copies import read_only
from bmac_meta.errors import InputError
from bmac_meta.stats.columns import refuse_no_numbers

CHUNK_CELLS = 1 << 16
LARGEST_EFFECT = 1e25
SMALLEST_VARIANCE, LARGEST_VARIANCE = 1e-50, 1e50

Fields = Mapping[str, NDArray]


@dataclass(frozen=True, slots=True)
class Batch:
    """Holds the checked effects of one or many meta-analyses.

    `estimate` and `variance` are (B, k), possibly read-only views; `mask` is (B, k) with True for a trial
    that is present, or None when all are; `single` says that one meta-analysis came in as (k,) and goes out
    as scalars.
    """

    estimate: NDArray
    variance: NDArray
    mask: NDArray | None
    single: bool

    @property
    def count(self) -> int:
        """Return the number of meta-analyses."""
        return self.estimate.shape[0]

    @property
    def width(self) -> int:
        """Return the number of columns, which is the largest possible number of trials."""
        return self.estimate.shape[1]

    def columns(self, rows: slice) -> tuple[NDArray, NDArray, NDArray]:
        """Return effects (k, n), variances (k, n; infinite where masked) and trial counts (n,)."""
        estimate, variance = self.estimate[rows].T, self.variance[rows].T
        if self.mask is None:
            counts = np.full(estimate.shape[1], float(self.width))
            return np.ascontiguousarray(estimate), np.ascontiguousarray(variance), counts
        present = np.ascontiguousarray(self.mask[rows].T)
        counts = np.add.reduce(present, axis=0, dtype=float)
        return np.where(present, estimate, 0.0), np.where(present, variance, np.inf), counts


def as_floats(name: str, values: ArrayLike) -> NDArray:
    """Return `values` as an array of floats, or raise `InputError` that names the argument."""
    refuse_no_numbers(name, values)
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as cause:
        raise InputError(f"{name} must be numbers in a regular array: {cause}. Give one number per trial.") from cause


def as_batch(estimate: ArrayLike, variance: ArrayLike, mask: ArrayLike | None = None) -> Batch:
    """Check the effects of one or many meta-analyses and shape them as a batch.

    `estimate` and `variance` are (k,) or (B, k) and are broadcast against each other and against the
    optional boolean `mask`. Raises `InputError` for empty, non-finite, non-positive, mis-shaped or absurdly
    large input.
    """
    effects, variances = as_floats("estimate", estimate), as_floats("variance", variance)
    present = None if mask is None else _as_mask(mask)
    parts = [effects, variances] if present is None else [effects, variances, present]
    shape = _common_shape(parts)
    single = len(shape) == 1
    full = (1, *shape) if single else shape
    present = None if present is None else _spread(present, full)
    batch = Batch(_spread(effects, full), _spread(variances, full), present, single)
    _check_all(batch)
    return batch


def _spread(part: NDArray, shape: tuple[int, ...]) -> NDArray:
    return part.reshape(shape) if part.size == shape[0] * shape[1] else np.broadcast_to(part, shape)


def _as_mask(mask: ArrayLike) -> NDArray:
    present = np.asarray(mask)
    if present.dtype != bool:
        raise InputError(f"mask must be boolean (True = trial present); it is {present.dtype}. Use mask.astype(bool).")
    return present


def _common_shape(parts: list[NDArray]) -> tuple[int, ...]:
    if all(part.shape == parts[0].shape for part in parts) and parts[0].ndim in (1, 2) and parts[0].size:
        return parts[0].shape
    shapes = " and ".join(str(part.shape) for part in parts)
    if any(part.ndim not in (1, 2) for part in parts) or len({part.shape[-1] for part in parts}) > 1:
        raise InputError(
            f"estimate, variance (and mask) have shapes {shapes}; they must be (k,) for one "
            "meta-analysis or (B, k) for many, with the same number of trials k."
        )
    try:
        shape = np.broadcast_shapes(*(part.shape for part in parts))
    except ValueError as cause:
        raise InputError(f"estimate, variance (and mask) have shapes {shapes}, which do not fit together.") from cause
    if 0 in shape:
        raise InputError(f"there are no trials: the shape is {shape}. Give at least one estimate and its variance.")
    return shape


def _check_all(batch: Batch) -> None:
    step = max(1, (1 << 20) // batch.width)
    for start in range(0, batch.count, step):
        _check_rows(batch, slice(start, start + step))


def _check_rows(batch: Batch, rows: slice) -> None:
    estimate, variance = batch.estimate[rows], batch.variance[rows]
    fine = (np.abs(estimate) <= LARGEST_EFFECT) & (variance >= SMALLEST_VARIANCE) & (variance <= LARGEST_VARIANCE)
    if batch.mask is not None:
        fine |= ~batch.mask[rows]
        if not batch.mask[rows].any(axis=1).all():
            empty = rows.start + int(np.argmin(batch.mask[rows].any(axis=1)))
            raise InputError(f"meta-analysis {empty} has no trial: its whole mask is False. Leave that row out.")
    if not fine.all():
        row, trial = (int(place[0]) for place in np.nonzero(~fine))
        raise InputError(_complaint(batch, rows.start + row, trial))


def _complaint(batch: Batch, row: int, trial: int) -> str:
    estimate, variance = float(batch.estimate[row, trial]), float(batch.variance[row, trial])
    place = f"trial {trial}" if batch.single else f"meta-analysis {row}, trial {trial}"
    found = f"{place} (counted from 0) has estimate {estimate!r} and variance {variance!r}"
    if not np.isfinite(estimate) or not np.isfinite(variance):
        return f"{found}; both must be finite numbers. Leave the trial out, or mask it."
    if variance <= 0:
        return f"{found}; a variance must be above 0. Give the squared standard error, or leave it out."
    return f"{found}; that is beyond what can be computed with. Change the unit of the effects."


def as_level(level: float) -> float:
    """Return a confidence level between 0 and 1, or raise `InputError`."""
    return one_share("level", level)


def map_chunks(function: Callable[[slice], Fields], count: int, width: int) -> dict[str, NDArray]:
    """Run a function over slices of the rows of a batch, on the cores there are, and join what it returns.

    The function gets a slice and returns arrays whose first axis is the rows of that slice.
    """
    size = max(1, CHUNK_CELLS // max(width, 1))
    slices = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    if len(slices) == 1:
        return dict(function(slices[0]))
    first = function(slices[0])
    whole = {name: np.empty((count, *part.shape[1:]), part.dtype) for name, part in first.items()}

    def place(rows: slice, part: Fields) -> None:
        for name, values in part.items():
            whole[name][rows] = values

    place(slices[0], first)
    with ThreadPoolExecutor(_cores()) as pool:
        list(pool.map(lambda rows: place(rows, function(rows)), slices[1:]))
    return whole


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def unbatch(fields: Fields, single: bool) -> dict[str, object]:
    """Return fields, for one meta-analysis without the batch axis and with scalars as Python numbers.

    Arrays come out read-only, as records do not change.
    """
    if not single:
        return {name: _kept(value) for name, value in fields.items()}
    return {name: value.item() if value.size == value.ndim == 1 else _kept(value[0]) for name, value in fields.items()}


def _kept(value: object) -> object:
    return read_only(value) if isinstance(value, np.ndarray) else value
