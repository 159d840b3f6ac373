"""Which rows of a table bear a value that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.errors import InputError, unknown_word


def matching(column: pd.Series, wanted: Any, where: str) -> pd.Series:
    """Tell for each cell whether it is what was asked for: a value, one of several, or what a function says yes to.

    An empty cell is never meant. Raises `UnknownWordError` for a value that no cell has, with those there are, and
    `InputError` for an empty list.

    >>> matching(pd.Series(["rct", "single_arm", None]), "rct", "these studies").tolist()
    [True, False, False]
    """
    if callable(wanted):
        return pd.Series([bool(pd.notna(cell) and wanted(cell)) for cell in column], index=column.index, dtype=bool)
    values = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    if not values:
        raise InputError(f"{column.name}= got an empty list; give a value, a list of values or a function.")
    known = list(column.dropna().unique())
    for value in values:
        if value not in known:
            raise unknown_word(f"{column.name} among {where}:", value, sorted(map(str, known)))
    return column.isin(values)


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
    several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
    return ", ".join(map(str, wanted)) if several else str(wanted)
