"""A folder of CSV files to checked tables: every fault at once, or none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bmac_meta.copies import tables_as_copies
from bmac_meta.errors import DataError, Fault, InputError
from bmac_meta.paths import data_folder, evidence_folder
from bmac_meta.tables.check import typed_frame
from bmac_meta.tables.derive import add_tables, direction_faults
from bmac_meta.tables.draft import Draft
from bmac_meta.tables.duplicates import duplicate_faults
from bmac_meta.tables.fallback import fill_columns
from bmac_meta.tables.folder import Found, find_tables
from bmac_meta.tables.links import VOCABULARIES, foreign_faults
from bmac_meta.tables.read import Sheet, read_sheet
from bmac_meta.tables.rules import rule_faults
from bmac_meta.tables.schema import Package, TableSchema, read_package


@tables_as_copies
@dataclass(frozen=True, eq=False)
class Tables:
    """Is the checked content of a folder: one frame per table, typed, with the row of the file as its index.

    Text columns are pandas strings, numbers are floats, counts are nullable whole numbers, yes-or-no columns
    are nullable booleans. A table that is not there is an empty frame with its columns. `hashes` gives the
    SHA-256 of each file that was read, `notes` says what was assumed, derived or left out on the way.
    """

    folder: Path
    hashes: Mapping[str, str]
    notes: tuple[str, ...]
    studies: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    contrasts: pd.DataFrame
    associations: pd.DataFrame
    risk_of_bias: pd.DataFrame
    reviews: pd.DataFrame
    published_pools: pd.DataFrame
    published_inputs: pd.DataFrame
    instruments: pd.DataFrame
    mcid: pd.DataFrame
    interventions: pd.DataFrame
    claims: pd.DataFrame
    cited_sources: pd.DataFrame
    pages: pd.DataFrame
    missing: pd.DataFrame


def read_tables(folder: str | os.PathLike[str] | None = None, *, from_spreadsheet: bool = False) -> Tables:
    """Read and check a folder of CSV tables; without a folder, the project's own data (or `BMAC_META_DATA`).

    A folder needs arms.csv with outcomes.csv, or contrasts.csv. Instruments and interventions are lent by the
    project when the folder has none. `from_spreadsheet` accepts what spreadsheet programs leave in exports (a
    byte-order mark, blank rows, blank columns at the right end) and notes it.

    Raises `DataError` with every fault of every file.

    >>> tables = read_tables()
    >>> len(tables.studies), len(tables.outcomes), len(tables.contrasts)
    (375, 2934, 298)
    """
    package = read_package()
    path = _path(folder)
    found = find_tables(path, package)
    sheets = {
        name: read_sheet(file, package.table(name), from_spreadsheet=from_spreadsheet)
        for name, file in found.paths.items()
    }
    draft = _checked(package, sheets, found)
    hashes = {sheet.file: sheet.sha256 for sheet in sheets.values()}
    return Tables(path, hashes, draft.notes, **draft.frames)


def _path(folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        return evidence_folder()
    if not isinstance(folder, str | os.PathLike):
        raise InputError(f"A folder was expected as text or path, not {type(folder).__name__} {folder!r}.")
    return Path(os.path.expanduser(folder))


def _checked(package: Package, sheets: Mapping[str, Sheet], found: Found) -> Draft:
    draft, faults = _frames(package, sheets, found.notes)
    faults += found.faults
    draft = fill_columns(draft)
    spoiled = {(fault.file, fault.row, fault.column) for fault in faults}
    across = [fault for schema in draft.given() for fault in _across(draft, schema)]
    faults += [fault for fault in across if (fault.file, fault.row, fault.column) not in spoiled]
    faults += direction_faults(draft)
    if faults:
        raise DataError(_in_order(faults, package))
    return add_tables(draft)


def _across(draft: Draft, schema: TableSchema) -> list[Fault]:
    """Return what is wrong between the cells of a table and of others that it names."""
    return [
        *duplicate_faults(draft, schema),
        *foreign_faults(draft, schema),
        *rule_faults(draft.frames[schema.name], schema),
    ]


def _frames(package: Package, given: Mapping[str, Sheet], notes: Sequence[str]) -> tuple[Draft, list[Fault]]:
    """Return a draft with a frame for every table, and the faults of files and cells."""
    lent = {name: _own_sheet(package, name) for name in VOCABULARIES if name not in given}
    sheets = {**lent, **given}
    typed = {
        schema.name: typed_frame(sheets.get(schema.name, Sheet(schema.file)), schema, package.flags)
        for schema in package.tables
    }
    faults = [fault for sheet in sheets.values() for fault in sheet.faults]
    faults += [fault for _, wrong in typed.values() for fault in wrong]
    remarks = [*notes, *(note for sheet in given.values() for note in sheet.notes)]
    remarks += [f"{sheet.file} is not there: the project's own is used." for sheet in lent.values()]
    return Draft(package, given, {name: frame for name, (frame, _) in typed.items()}, tuple(remarks)), faults


def _own_sheet(package: Package, name: str) -> Sheet:
    schema = package.table(name)
    return read_sheet(data_folder() / schema.file, schema)


def _in_order(faults: list[Fault], package: Package) -> list[Fault]:
    """Sort faults by file, row and column, in the order of the schema."""
    files = {schema.file: place for place, schema in enumerate(package.tables)}
    columns = {(schema.file, field.name): i for schema in package.tables for i, field in enumerate(schema.fields)}
    return sorted(
        faults,
        key=lambda fault: (
            files.get(fault.file, -1),
            fault.row or 0,
            columns.get((fault.file, fault.column), -1),
        ),
    )
