"""Raw columns as they enter a calculation: arrays of one shape in which every present cell can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Beyond these sizes squares and products of two columns would leave the range of a double.
LARGEST = 1e50
SMALLEST = 1e-50


@dataclass(frozen=True, slots=True)
class Rule:
    """What a cell of one column has to be: the words for it, the test of it, and what fills a masked cell."""

    expected: str
    accepts: Callable[[FloatArray], BoolArray]
    filler: float


NUMBER = Rule("a finite number", lambda x: np.abs(x) <= LARGEST, 1.0)
LARGER_NUMBER = replace(NUMBER, filler=2.0)
SPREAD = Rule("a finite number of 0 or more", lambda x: (x == 0) | ((x >= SMALLEST) & (x <= LARGEST)), 1.0)
POSITIVE = Rule("a finite number above 0", lambda x: (x >= SMALLEST) & (x <= LARGEST), 1.0)
SIZE = Rule("a number of patients of 1 or more", lambda x: (x >= 1) & (x <= LARGEST), 10.0)
COUNT = Rule("a count of 0 or more", lambda x: (x >= 0) & (x <= LARGEST), 5.0)
CORRELATION = Rule("a correlation strictly between -1 and 1", lambda x: np.abs(x) < 1, 0.5)
SHARE = Rule("a number from 0 to 1", lambda x: (x >= 0) & (x <= 1), 0.5)
PROBABILITY = Rule("a number strictly between 0 and 1", lambda x: (x > 0) & (x < 1), 0.5)


def refuse_no_numbers(name: str, values: ArrayLike) -> None:
    """Raise `InputError` for what numpy would turn into numbers that nobody meant: dates, complex, hidden cells."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{name} has masked cells, which would be taken as they are. Give mask= for them.")
    kind = getattr(getattr(values, "dtype", None), "kind", "f")
    if kind in "mMc":
        raise InputError(f"{name} holds {'complex numbers' if kind == 'c' else 'dates or times'}; give real numbers.")


def as_numbers(name: str, values: ArrayLike) -> FloatArray:
    """Return `values` as an array of floats, None as NaN; raise `InputError` when they are not numbers."""
    refuse_no_numbers(name, values)
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"{name} must hold numbers only, but {error}. Give numbers, and NaN or None for what is missing."
        raise InputError(message) from error


def read_columns(
    columns: Mapping[str, tuple[ArrayLike, Rule]], mask: ArrayLike | None = None
) -> tuple[FloatArray, ...]:
    """Return the checked columns in their order, broadcast to one shape, and last which cells are present.

    Where `mask` is False the cell is absent: whatever stands there is replaced by a harmless number, so
    that a calculation runs over the whole array and its result there can be discarded. Raises
    `InputError` with every faulty column, how many of its values are wrong, and the first of them.
    """
    given = {name: as_numbers(name, values) for name, (values, _) in columns.items()}
    present = np.array(as_mask(np.True_ if mask is None else mask, common_shape(given)))
    shape = present.shape
    arrays = {
        name: np.where(present, np.broadcast_to(values, shape), columns[name][1].filler)
        for name, values in given.items()
    }
    faults = [text for name, (_, rule) in columns.items() if (text := describe_fault(name, arrays[name], rule))]
    if faults:
        raise InputError(" ".join(faults) + " Correct the values, or leave the trials out with mask.")
    return (*arrays.values(), present)


def as_mask(mask: ArrayLike, shape: tuple[int, ...]) -> BoolArray:
    """Return a mask in its common shape with `shape`; raise `InputError` unless it holds True and False."""
    present = np.asarray(mask)
    if present.dtype != np.bool_:
        raise InputError(
            f"mask must hold True and False, but holds {present.dtype}. Give True where a trial is present."
        )
    return np.broadcast_to(present, common_shape({"mask": present, "columns": np.empty(shape)}))


def blank(values: FloatArray, present: BoolArray) -> FloatArray:
    """Return the values with NaN where a cell is absent; a single one as a number."""
    return np.where(present, values, np.nan)[()]


def common_shape(arrays: Mapping[str, NDArray]) -> tuple[int, ...]:
    """Return the shape that all arrays broadcast to; raise `InputError` with their shapes if none."""
    try:
        return np.broadcast_shapes(*(values.shape for values in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items() if values.ndim)
        raise InputError(
            f"The columns must have one shape, but there are {shapes}. Give one value per trial in each."
        ) from error


def describe_fault(name: str, values: FloatArray, rule: Rule) -> str | None:
    """Return a sentence on the values of a column that break its rule, or None when all keep it."""
    wrong = ~rule.accepts(values)
    if not wrong.any():
        return None
    return f"{name}: {count_wrong(wrong)} not {rule.expected}; {first_wrong(wrong, {name: values})}."


def refuse_where(wrong: BoolArray, reason: str, columns: Mapping[str, FloatArray], remedy: str) -> None:
    """Raise `InputError` when any cell is wrong, with count, reason, first cell and remedy."""
    if wrong.any():
        raise InputError(f"{count_wrong(wrong)} such that {reason}; {first_wrong(wrong, columns)}. {remedy}")


def refuse_empty_scale(low: FloatArray, high: FloatArray, present: BoolArray = np.True_) -> None:
    """Raise `InputError` where the maximum of a scale is not above its minimum."""
    refuse_where(
        present & (high <= low),
        "the maximum of the scale is not above its minimum",
        {"scale_min": low, "scale_max": high},
        "Give the ends of the scale as printed.",
    )


def count_wrong(wrong: BoolArray) -> str:
    """Return how many cells are wrong, as the beginning of a sentence."""
    number = int(wrong.sum())
    return f"{number} of {wrong.size} value{'s' * (wrong.size != 1)} {'is' if number == 1 else 'are'}"


def first_wrong(wrong: BoolArray, columns: Mapping[str, FloatArray]) -> str:
    """Return what the columns hold at the first wrong cell, with its position counted from 0."""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    held = ", ".join(
        f"{name} = {float(np.broadcast_to(values, wrong.shape)[index])!r}" for name, values in columns.items()
    )
    if not index:
        return f"found {held}"
    return f"the first is {held} at position {index[0] if len(index) == 1 else index}"
