"""The columns of effects: groups and orders that they give, whatever their cells hold."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bmac_meta.arguments import one_of
from bmac_meta.errors import InputError

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

EXACT = 2.0**53


def saying(effects: Effects, column: str, instead: str) -> Effects:
    """Return the effects that say a column, the others left out by name.

    Raises `UnknownWordError` for a column that is not there, and `InputError` where no row says it.
    """
    one_of(column, effects.frame.columns)
    known = effects.frame[column].notna().to_numpy()
    if len(known) and not known.any():
        raise InputError(f"No trial says its {column}; {instead}.")
    return effects._keep(known, f"{column} is not reported")


def groups_of(column: pd.Series) -> tuple[tuple[Any, ...], np.ndarray]:
    """Return the groups of a column without gaps in their order, and for each row the place of its group, (k,).

    Categories come in their own order, numbers by size (whole ones without decimals), all else as words.

    >>> groups_of(pd.Series(["b", "a", "b"]))
    (('a', 'b'), array([1, 0, 1]))
    """
    numbers = numbers_in(column)
    if numbers is not None:
        values, places = np.unique(numbers, return_inverse=True)
        return tuple(values), places
    words = column.astype(str).tolist()
    ordered = isinstance(column.dtype, pd.CategoricalDtype)
    listed = column.cat.categories.astype(str) if ordered else sorted(set(words))
    present = set(words)
    labels = tuple(word for word in dict.fromkeys(listed) if word in present)
    places = {word: place for place, word in enumerate(labels)}
    return labels, np.array([places[word] for word in words], dtype=int)


def numbers_in(column: pd.Series) -> np.ndarray | None:
    """Return a column of numbers without gaps as such, whole ones as integers; None for a column of anything else."""
    if isinstance(column.dtype, pd.CategoricalDtype) or is_bool_dtype(column) or column.dtype.kind in "mMc":
        return None
    if not is_numeric_dtype(column) and not all(map(_is_number, column)):
        return None
    if all(isinstance(cell, Integral) for cell in column):
        # As floats two large whole numbers could become one.
        return np.array([int(cell) for cell in column], dtype=None if (column.abs() < EXACT).all() else object)
    try:
        numbers = column.to_numpy(float)
    except OverflowError:
        return None
    whole = np.isfinite(numbers).all() and (np.abs(numbers) < EXACT).all() and (numbers % 1 == 0).all()
    return numbers.astype(int) if whole else numbers


def _is_number(cell: Any) -> bool:
    return isinstance(cell, Real) and not isinstance(cell, bool | np.bool_)


def order_of(column: pd.Series) -> np.ndarray:
    """Return the place of each row (k,) in the order of a column without gaps; rows that tie stay as they stand."""
    ranks = column if column.dtype.kind in "mM" else pd.Series(_sortable(column))
    return ranks.rank(method="first").to_numpy(float)


def _sortable(column: pd.Series) -> np.ndarray:
    numbers = numbers_in(column)
    return groups_of(column)[1] if numbers is None or numbers.dtype == object else numbers
