"""Several arms of one trial as one arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.columns import (
    COUNT,
    NUMBER,
    SIZE,
    SPREAD,
    FloatArray,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.measures_binary import refuse_more_events_than_patients


@dataclass(frozen=True, slots=True, eq=False)
class CombinedArm:
    """Mean, standard deviation and number of patients of several arms taken together, one shape each."""

    mean: FloatArray
    sd: FloatArray
    n: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CombinedCounts:
    """Events and total of several arms taken together, one shape each."""

    events: FloatArray
    total: FloatArray


def combine_arms(
    *, mean: ArrayLike, sd: ArrayLike, n: ArrayLike, axis: int = -1, mask: ArrayLike | None = None
) -> CombinedArm:
    """Return several arms as one, exactly as if their patients' values had been put together.

    The arms lie along `axis`; where `mask` is False there is no arm. N = Σn, M = Σn·mean/N and
    SD² = (Σ(n − 1)·sd² + Σn·(mean − M)²)/(N − 1), of which the Handbook's formula for two arms is a case.
    The fields are NaN where every arm is masked. Raises `InputError` for missing values, negative SDs,
    sizes below 1, and when only one patient remains. Cochrane Handbook 6.5.2.10.

    >>> arm = combine_arms(mean=[5, 7], sd=[2, 3], n=[10, 15])
    >>> float(arm.mean), round(float(arm.sd) ** 2, 12), float(arm.n)  # 186 over 24 degrees of freedom
    (6.2, 7.75, 25.0)
    """
    mean, sd, n, present = read_columns({"mean": (mean, NUMBER), "sd": (sd, SPREAD), "n": (n, SIZE)}, mask)
    axis = _checked_axis(axis, mean.ndim)
    n = np.where(present, n, 0.0)
    some = present.any(axis=axis, keepdims=True)
    total = np.where(some, n.sum(axis=axis, keepdims=True), 2.0)
    refuse_where(total <= 1, "only one patient remains", {"n": total}, "One patient has no standard deviation.")
    # Measured from the plain average of the arms, so that a large offset costs no digits.
    number = np.maximum(present.sum(axis=axis, keepdims=True), 1)
    origin = np.where(present, mean, 0.0).sum(axis=axis, keepdims=True) / number
    away = mean - origin
    shift = (n * away).sum(axis=axis, keepdims=True) / total
    within = np.where(present, (n - 1) * sd**2, 0.0)
    squares = (within + n * (away - shift) ** 2).sum(axis=axis, keepdims=True)
    results = (origin + shift, np.sqrt(squares / (total - 1)), total)
    return CombinedArm(*(np.where(some, values, np.nan).squeeze(axis)[()] for values in results))


def combine_events(
    *, events: ArrayLike, total: ArrayLike, axis: int = -1, mask: ArrayLike | None = None
) -> CombinedCounts:
    """Return the summed events and patients of several arms.

    The arms lie along `axis`; where `mask` is False there is no arm. The fields are NaN where every arm is
    masked. Raises `InputError` for missing or negative counts, events above the total, and totals below 1.

    >>> counts = combine_events(events=[3, 5], total=[20, 22])
    >>> float(counts.events), float(counts.total)
    (8.0, 42.0)
    """
    events, total, present = read_columns({"events": (events, COUNT), "total": (total, SIZE)}, mask)
    refuse_more_events_than_patients(events, total)
    axis = _checked_axis(axis, events.ndim)
    blank = np.where(present.any(axis=axis), 1.0, np.nan)
    sums = (np.where(present, values, 0.0).sum(axis=axis) for values in (events, total))
    return CombinedCounts(*((blank * values)[()] for values in sums))


def _checked_axis(axis: int, dimensions: int) -> int:
    if not -dimensions <= axis < dimensions:
        raise InputError(
            f"The arms lie along axis {axis}, but the columns have {dimensions} axes. Give arrays with one "
            "axis that runs over the arms."
        )
    return axis
