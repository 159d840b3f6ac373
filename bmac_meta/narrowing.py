"""Which rows of a table bear a value that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import as_real
from bmac_meta.errors import InputError, told, unknown_word


def matching(column: pd.Series, wanted: Any, where: str) -> pd.Series:
    """Tell for each cell whether it is what was asked for: a value, one of several, or what a function says yes to.

    An empty cell is never meant. Raises `UnknownWordError` for a value that no cell has, with those there are, and
    `InputError` for an empty list.

    >>> matching(pd.Series(["rct", "single_arm", None]), "rct", "these studies").tolist()
    [True, False, False]
    """
    filled = column.notna().to_numpy()
    if callable(wanted):
        said = [there and _says_yes(wanted, cell) for there, cell in zip(filled, column, strict=True)]
        return pd.Series(said, index=column.index, dtype=bool)
    values = settled(wanted) if _is_several(wanted) else (wanted,)
    if not values:
        raise InputError(f"{column.name}= got an empty list; give a value, a list of values or a function.")
    known = _distinct(column[filled])
    for value in values:
        if not _is_among(known, value):
            raise unknown_word(f"{column.name} among {where}:", value, sorted(map(str, known)))
    return pd.Series(_held(column, values) & filled, index=column.index, dtype=bool)


def _says_yes(accepts: Callable[[Any], Any], cell: Any) -> bool:
    answer = accepts(cell)
    try:
        return bool(answer)
    except (TypeError, ValueError) as cause:
        raise InputError(f"The function says {told(answer)} of {told(cell)}; it must say True or False.") from cause


def _distinct(column: pd.Series) -> Collection[Any]:
    """Return the values of a column, each once where they can be told apart."""
    try:
        return dict.fromkeys(column)
    except TypeError:
        return list(column)


def _is_among(known: Collection[Any], value: Any) -> bool:
    try:
        return value in known
    except (TypeError, ValueError):
        return any(_same(cell, value) for cell in known)


def _same(cell: Any, value: Any) -> bool:
    """Tell whether a cell is a value; what refuses to be compared is not."""
    try:
        return cell is value or bool(cell == value)
    except (TypeError, ValueError):
        return False


def _held(column: pd.Series, values: tuple[Any, ...]) -> np.ndarray:
    try:
        return column.isin(list(values)).to_numpy()
    except (TypeError, ValueError, OverflowError):
        return np.array([any(_same(cell, value) for value in values) for cell in column], dtype=bool)


def floats_in(column: pd.Series) -> np.ndarray:
    """Return the numbers of a column, also where they are written as text; what is none, as yes and no, is NaN.

    >>> floats_in(pd.Series(["0.5", 2, True, None])).tolist()
    [0.5, 2.0, nan, nan]
    """
    if column.dtype.kind in "iuf":
        return column.to_numpy(float, na_value=np.nan)
    cells = [cell if isinstance(cell, str) else as_real(cell) for cell in column]
    return pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(float, na_value=np.nan)


def said_yes(column: pd.Series) -> np.ndarray:
    """Tell for each cell whether it is a yes; words, numbers and empty cells are none.

    >>> said_yes(pd.Series([True, False, None, "no", 1])).tolist()
    [True, False, False, False, False]
    """
    return np.array([isinstance(cell, bool | np.bool_) and bool(cell) for cell in column], dtype=bool)


def asked_for(wanted: Any) -> str:
    """Write what was asked for.

    >>> asked_for(["rct", "quasi_rct"]), asked_for(12), asked_for(len)
    ('rct, quasi_rct', '12', 'chosen by a function')
    """
    if callable(wanted):
        return "chosen by a function"
    return ", ".join(map(str, wanted)) if _is_several(wanted) else str(wanted)


def settled(wanted: Any) -> Any:
    """Return what was asked for such that it can be read twice: several values as a tuple.

    >>> settled(word for word in ("rct", "cohort"))
    ('rct', 'cohort')
    """
    return tuple(wanted) if _is_several(wanted) else wanted


def _is_several(wanted: Any) -> bool:
    single = callable(wanted) or isinstance(wanted, str | bytes) or getattr(wanted, "ndim", 1) == 0
    return isinstance(wanted, Iterable) and not single
