"""One CSV file: text to records to columns of cells, with everything that is wrong on the way."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables.decode import MARK, broken_cells, decode
from bmac_meta.tables.header import delimiter_fault, read_header
from bmac_meta.tables.schema import TableSchema
from bmac_meta.tables.wording import count, faults_at

_WAY_OUT = "Remove this and save again, or read the folder with from_spreadsheet=True, which leaves it out."

Records = list[list[str]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Is one file as cells: columns of text, the row of each record, and what was wrong or remarkable.

    Rows are numbered as a spreadsheet numbers them: the header is row 1. `whole` is False where records are
    lost, so that keys of other tables must not be looked up here.
    """

    file: str
    sha256: str = ""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rows: Sequence[int] = ()
    whole: bool = False
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Findings:
    """Is what one step found: faults, notes on what was accepted, and whether every record was kept."""

    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = True


def read_sheet(path: Path, schema: TableSchema, *, from_spreadsheet: bool = False) -> Sheet:
    """Read one CSV file without judging its cells; never raises, faults stand in the sheet.

    `from_spreadsheet` accepts what spreadsheet programs leave in exports: a byte-order mark, blank rows, and
    blank columns at the right end. Each is noted instead of being a fault.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        found = error.strerror or "a file that cannot be read"
        fault = Fault(schema.file, None, None, found, "a readable file", "Check its permissions.")
        return Sheet(schema.file, faults=(fault,))
    mark = [(1, "a byte-order mark (EF BB BF) in front of the header")] if data.startswith(MARK) else []
    first = _leftovers(schema.file, mark, "the header at the first byte", from_spreadsheet)
    try:
        sheet = _sheet(data, schema, from_spreadsheet)
    except DataError as error:
        sheet = Sheet(schema.file, faults=error.faults)
    digest = hashlib.sha256(data).hexdigest()
    return replace(sheet, sha256=digest, faults=first.faults + sheet.faults, notes=first.notes + sheet.notes)


def _leftovers(file: str, found: Sequence[tuple[int, str]], expected: str, from_spreadsheet: bool) -> _Findings:
    """Turn what a spreadsheet left behind into notes, or into faults that name the way out."""
    if from_spreadsheet:
        return _Findings(notes=tuple(f"{file}: {words} left out." for _, words in found))
    return _Findings(tuple(Fault(file, row, None, words, expected, _WAY_OUT) for row, words in found))


def _sheet(data: bytes, schema: TableSchema, from_spreadsheet: bool) -> Sheet:
    text = decode(data, schema.file)
    records, trimmed = _trim_columns(_records(text.text, schema), schema.file, from_spreadsheet)
    head = read_header(records[0], schema)
    kept, shape = _full_rows(records, schema.file, from_spreadsheet)
    cells = zip(*(records[index] for index in kept), strict=True) if kept else ((),) * len(head.names)
    columns = {name: column for name, column in zip(head.names, cells, strict=True) if name}
    rows = [index + 1 for index in kept]
    broken: list[Fault] = []
    if text.broken:
        broken += broken_cells({"": records[0]}, [1] * len(records[0]), schema.file)
        broken += broken_cells(columns, rows, schema.file)
    faults = (*trimmed.faults, *head.faults, *shape.faults, *broken)
    notes = trimmed.notes + head.notes + shape.notes
    return Sheet(schema.file, "", columns, rows, shape.whole, faults, notes)


def _records(text: str, schema: TableSchema) -> Records:
    """Split the text into records; empty lines at the end of the file are none."""
    delimiter = delimiter_fault(text, schema)
    if delimiter:
        raise DataError([delimiter])
    records: Records = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            records.append(record)
    except csv.Error as error:
        raise DataError([_quote_fault(str(error), schema.file, len(records) + 1)]) from error
    if not _used(records[0]):
        raise DataError([Fault(schema.file, 1, None, "a blank row", "the names of the columns", "Delete the row.")])
    while not records[-1]:
        records.pop()
    return records


def _quote_fault(error: str, file: str, row: int) -> Fault:
    if "field limit" in error:
        found = f"a cell of more than {csv.field_size_limit()} characters"
        return Fault(file, row, None, found, "shorter cells", "Look for a quotation mark that is not closed.")
    found = f"quotation marks that do not match ({error})"
    remedy = 'Close each quoted cell with ", and write a quotation mark inside a quoted cell twice ("").'
    return Fault(file, row, None, found, "cells that are quoted wholly or not at all", remedy)


def _trim_columns(records: Records, file: str, from_spreadsheet: bool) -> tuple[Records, _Findings]:
    """Cut off the columns at the right end that hold nothing at all."""
    width = len(records[0])
    used = width if records[0][-1].strip() else max(_used(record) for record in records)
    if used >= width:
        return records, _Findings()
    found = [(1, f"{count(width - used, 'blank column')} at the right end")]
    cut = [record[:used] for record in records]
    return cut, _leftovers(file, found, "named columns only", from_spreadsheet)


def _used(record: Sequence[str]) -> int:
    """Return the number of cells up to the last that is not blank."""
    return next((i for i in range(len(record), 0, -1) if record[i - 1].strip()), 0)


def _full_rows(records: Records, file: str, from_spreadsheet: bool) -> tuple[list[int], _Findings]:
    """Return the indices of the records as wide as the header, and what is wrong with the others."""
    width = len(records[0])
    blank = [i for i in range(1, len(records)) if not any(cell.strip() for cell in records[i])]
    lost = {*blank, *(i for i in range(1, len(records)) if len(records[i]) != width)}
    ragged = sorted(lost.difference(blank))
    kept = [i for i in range(1, len(records)) if i not in lost]
    left = _leftovers(file, list(_runs(blank)), "rows with data only", from_spreadsheet)
    faults = [*faults_at(ragged, partial(_ragged_row, records, file)), *left.faults]
    if not kept and not faults:
        remedy = "Fill the table, or delete the file."
        faults = [Fault(file, None, None, "a header and no rows", "at least one row below the header", remedy)]
    return kept, _Findings(tuple(faults), left.notes, whole=bool(kept) and not ragged)


def _runs(blank: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield the first row and the words of each run of neighbouring blank rows."""
    start = 0
    for end in range(1, len(blank) + 1):
        if end == len(blank) or blank[end] != blank[end - 1] + 1:
            first, last = blank[start] + 1, blank[end - 1] + 1
            place = f"row {first}" if first == last else f"rows {first} to {last}"
            yield first, f"{count(end - start, 'blank row')} ({place})"
            start = end


def _ragged_row(records: Records, file: str, index: int) -> Fault:
    width, cells = len(records[0]), len(records[index])
    more = "Put a cell that holds a comma between quotation marks; a decimal comma must be a point."
    fewer = "Write a comma for each cell, also for the empty ones at the end."
    expected = f"{count(width, 'cell')}, as in the header"
    return Fault(file, index + 1, None, count(cells, "cell"), expected, more if cells > width else fewer)
