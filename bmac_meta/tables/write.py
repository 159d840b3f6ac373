"""A frame to a CSV file: the only place where this project writes CSV."""

from __future__ import annotations

import numbers
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bmac_meta.errors import InputError
from bmac_meta.tables.numbers import PLAIN_NUMBER

_EMPTY_ROW = '""'
_NEEDS_QUOTES = frozenset(',"\r\n')
_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str], *, digits: int | None = None) -> None:
    """Write the columns of a frame as CSV: UTF-8, line feeds, missing values as empty cells, no index.

    The file appears whole or not at all: it is written beside its place and moved there. Floats get the
    fewest digits that give the same number back, or `digits` significant ones. Text that a spreadsheet would
    take for a formula (it starts with = + - @, a tab or a line break) gets an apostrophe in front; numbers,
    and text that is a plain number, stay as they are. Letters that UTF-8 cannot hold are written as escapes.

    Raises `InputError` when `path` is no place for a file, or `digits` is below 1.
    """
    if digits is not None and digits < 1:
        raise InputError(f"At least 1 significant digit can be written; digits={digits} was asked for.")
    target = Path(path)
    if not target.parent.is_dir() or target.is_dir():
        raise InputError(f"A table cannot be written to {target}: give a file name in a folder that exists.")
    replace_file(target, csv_text(frame, digits=digits).encode("utf-8", errors="backslashreplace"))


def csv_text(frame: pd.DataFrame, *, digits: int | None = None) -> str:
    """Return the text that `write_csv` writes.

    >>> csv_text(pd.DataFrame({"label": ["=cmd()", None], "effect": [-0.40, 1 / 3]}), digits=3)
    "label,effect\\n'=cmd(),-0.4\\n,0.333\\n"
    """
    header = [_quoted(harmless(str(name))) for name in frame.columns]
    columns = [_cells(frame.iloc[:, place], digits) for place in range(frame.shape[1])]
    rows = [header, *zip(*columns, strict=True)]
    return "".join(f"{','.join(row) or _EMPTY_ROW}\n" for row in rows)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> harmless("=HYPERLINK(1)"), harmless("-0.4"), harmless("PRP")
    ("'=HYPERLINK(1)", '-0.4', 'PRP')
    """
    if text[:1] in _FORMULA_STARTS and not PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def replace_file(target: Path, content: bytes) -> None:
    """Put a file in its place whole: written beside it, then moved over it."""
    beside = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as stream:
            stream.write(content)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def _cells(column: pd.Series, digits: int | None) -> list[str]:
    write = _writer(digits)
    return [
        "" if missing else write(value) for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)
    ]


def _writer(digits: int | None) -> Callable[[object], str]:
    def cell(value: object) -> str:
        if isinstance(value, bool | np.bool_):
            return "true" if value else "false"
        if isinstance(value, numbers.Integral):
            return str(int(value))
        if isinstance(value, numbers.Real):
            return _float(float(value), digits)
        return _quoted(harmless(str(value)))

    return cell


def _quoted(text: str) -> str:
    """Return a cell in quotation marks where it needs them: where csv readers would split it."""
    if _NEEDS_QUOTES.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _float(value: float, digits: int | None) -> str:
    rounded = value if digits is None else float(f"{value:.{digits}g}")
    return repr(rounded + 0.0).removesuffix(".0")
