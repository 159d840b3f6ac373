"""The bytes of one file to text, with the place of every byte that is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables.wording import faults_at, printable, shown

MARK = b"\xef\xbb\xbf"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BROKEN = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """Is a decoded file; `broken` where bytes that are no text still mark their place in it."""

    text: str
    broken: bool


def decode(data: bytes, file: str) -> Text:
    """Decode bytes as UTF-8; a byte that is not UTF-8 stays as a mark, for `broken_cells` to place.

    Raises `DataError` for a workbook, UTF-16 or UTF-32, and an empty file. A byte-order mark is taken off.
    """
    if data[:4] in _WORKBOOKS:
        raise _refusal(file, "a spreadsheet workbook", "Save the sheet as comma-separated text in UTF-8.")
    head = data[:4000]
    if data[:2] in _WIDE_MARKS or head.count(0) > len(head) // 4:
        raise _refusal(file, "text in UTF-16 or UTF-32", "Save the file again with the encoding UTF-8.")
    data = data.removeprefix(MARK)
    if not data.strip():
        raise _refusal(file, "an empty file", "Fill the table, or delete the file.")
    try:
        return Text(data.decode("utf-8"), broken=b"\0" in data)
    except UnicodeDecodeError:
        return Text(data.decode("utf-8", errors="surrogateescape"), broken=True)


def broken_cells(columns: Mapping[str, Sequence[str]], rows: Sequence[int], file: str) -> list[Fault]:
    """Return a fault for each cell that holds a zero byte or a byte that is not UTF-8."""
    faults: list[Fault] = []
    for name, cells in columns.items():
        bad = [i for i, cell in enumerate(cells) if _BROKEN.search(cell)]
        faults += faults_at(bad, partial(_broken_cell, file, rows, name or None, cells))
    return faults


def _refusal(file: str, found: str, remedy: str) -> DataError:
    return DataError([Fault(file, None, None, found, "a table as comma-separated text in UTF-8", remedy)])


def _broken_cell(file: str, rows: Sequence[int], column: str | None, cells: Sequence[str], position: int) -> Fault:
    cell, row = cells[position], rows[position]
    sign = _BROKEN.search(cell)[0]
    readable = shown(_BROKEN.sub("�", cell))
    if sign == "\0":
        remedy = "Delete the byte, or export the file again."
        return Fault(file, row, column, f"a zero byte in {readable}", "text", remedy)
    byte = ord(sign) - 0xDC00
    likely = printable(bytes([byte]).decode("cp1252", errors="replace"))
    remedy = f"Save the file again as UTF-8; as Windows-1252 the byte would be {likely!r}."
    return Fault(file, row, column, f"the byte {byte:02X} in {readable}", "text in UTF-8", remedy)
