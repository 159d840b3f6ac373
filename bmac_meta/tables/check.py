"""The cells of one table to a typed frame, and a fault for every cell that its column does not allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.cells import WRONG, Value, cell_complaint, cell_value, is_free_text
from bmac_meta.tables.read import Sheet
from bmac_meta.tables.schema import Field, TableSchema
from bmac_meta.tables.wording import faults_at, shown


def typed_frame(sheet: Sheet, schema: TableSchema, flags: Mapping[str, str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the typed frame of a sheet and the faults of its cells; a faulty cell is missing in the frame.

    Columns come in the order of the schema; those that the file lacks hold nothing, those that the schema
    does not know follow as text. The index is the row in the file.
    """
    values: dict[str, Sequence[Value]] = {}
    faults: list[Fault] = []
    for name, cells in sheet.columns.items():
        field = schema.field(name)
        if field is None or is_free_text(field):
            values[name] = [cell or None for cell in cells]
        else:
            values[name], wrong = _column(cells, field, frozenset(flags))
            faults += faults_at(wrong, partial(_cell_fault, sheet, field, frozenset(flags)))
    return _frame(values, sheet.rows, schema), faults


def empty_frame(schema: TableSchema) -> pd.DataFrame:
    """Return the frame of a table that is not there: every column, no row."""
    return _frame({}, (), schema)


def text_column(values: Sequence[Value]) -> pd.api.extensions.ExtensionArray:
    """Return texts as a pandas string column, None as missing."""
    return pd.array(values, dtype="str")


def _column(cells: Sequence[str], field: Field, flags: frozenset[str]) -> tuple[list[Value], list[int]]:
    """Return the values of a column and where it is wrong; each distinct cell is judged once."""
    values = {cell: cell_value(cell, field, flags) for cell in set(cells)}
    wrong = {cell for cell, value in values.items() if value is WRONG}
    if not wrong:
        return [values[cell] for cell in cells], []
    positions = [position for position, cell in enumerate(cells) if cell in wrong]
    return [None if cell in wrong else values[cell] for cell in cells], positions


def _cell_fault(sheet: Sheet, field: Field, flags: frozenset[str], position: int) -> Fault:
    cell = sheet.columns[field.name][position]
    complaint = cell_complaint(cell, field, flags)
    place = sheet.file, sheet.rows[position], field.name
    return Fault(*place, shown(cell), complaint.expected, complaint.remedy)


def _frame(values: Mapping[str, Sequence[Value]], rows: Sequence[int], schema: TableSchema) -> pd.DataFrame:
    nothing = [None] * len(rows)
    types = {field.name: field.type for field in schema.fields}
    types |= {name: field.type for name in values if (field := schema.field(name))}
    names = [*types, *(name for name in values if name not in types)]
    columns = {name: _array(values.get(name, nothing), types.get(name, "string")) for name in names}
    return pd.DataFrame(columns, index=pd.Index(rows, dtype="int64", name="row"), copy=False)


def _array(values: Sequence[Value], kind: str) -> np.ndarray | pd.api.extensions.ExtensionArray:
    if kind == "number":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if kind == "integer":
        return _masked(values, np.int64, pd.arrays.IntegerArray)
    if kind == "boolean":
        return _masked(values, np.bool_, pd.arrays.BooleanArray)
    return text_column(values)


def _masked(values: Sequence[Value], dtype: type, make: type) -> pd.api.extensions.ExtensionArray:
    mask = np.array([value is None for value in values], dtype=bool)
    filled = np.array([0 if value is None else value for value in values], dtype=np.float64)
    return make(filled.astype(dtype), mask)
