"""Which tables a folder holds, and whether they are enough to be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bmac_meta.errors import DataError, Fault
from bmac_meta.tables.schema import Package
from bmac_meta.tables.wording import listed, printable

_ENOUGH = "arms.csv with outcomes.csv, or contrasts.csv"


@dataclass(frozen=True, slots=True)
class Found:
    """Is what a folder holds: the path of each table, faults of file names, notes on files not read."""

    paths: Mapping[str, Path]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def find_tables(folder: Path, package: Package) -> Found:
    """Return the tables that a folder holds; a file with almost the name of a table is a fault, and is read.

    Raises `DataError` when there is no such folder.
    """
    names = _listing(folder)
    files = {schema.file: schema.name for schema in package.tables}
    strangers = [name for name in names if name.casefold().endswith(".csv") and name not in files]
    misnamed = _misnamed(strangers, files)
    bearers = {files[meant]: name for name, meant in misnamed.items()}
    bearers |= {table: file for file, table in files.items() if file in names}
    paths = {table: folder / bearers[table] for table in files.values() if table in bearers}
    regular = {table: path for table, path in paths.items() if path.is_file()}
    faults = [_misnamed_fault(name, meant) for name, meant in misnamed.items()]
    faults += [_irregular_fault(paths[table].name) for table in paths if table not in regular]
    faults += _not_enough(paths, names)
    unread = [printable(name) for name in strangers if name not in misnamed]
    notes = tuple(f"{name} is not one of the tables and is not read." for name in unread)
    return Found(regular, tuple(faults), notes)


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError) as error:
        raise DataError([_folder_fault(folder, error)]) from error


def _folder_fault(folder: Path, error: OSError | ValueError) -> Fault:
    name = printable(folder)
    if isinstance(error, NotADirectoryError):
        remedy = "Give the folder that holds the tables, not one of its files."
        return Fault(name, None, None, "a file", f"a folder with {_ENOUGH}", remedy)
    if isinstance(error, PermissionError):
        return Fault(name, None, None, "a folder that may not be read", "a readable folder", "Check its permissions.")
    place = next((parent for parent in folder.absolute().parents if _is_folder(parent)), Path("/"))
    remedy = f"Check the name; {printable(place)} holds {listed(_names(place))}."
    return Fault(name, None, None, "no such folder", f"a folder with {_ENOUGH}", remedy)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path) and os.access(path, os.R_OK)


def _names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _misnamed(strangers: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """Return for each file with almost the name of a table the name that it should bear."""
    meant = {_bare(file): file for file in files}
    meant |= {_bare(file.replace("s.csv", ".csv")): file for file in files}
    return {name: meant[_bare(name)] for name in strangers if _bare(name) in meant}


def _misnamed_fault(name: str, meant: str) -> Fault:
    return Fault(printable(name), None, None, "a file of this name", f"the name {meant}", f"Rename it to {meant}.")


def _irregular_fault(name: str) -> Fault:
    found = "something that is no regular file"
    return Fault(printable(name), None, None, found, "a file", "Put a CSV file in its place.")


def _not_enough(found: Mapping[str, Path], names: Sequence[str]) -> list[Fault]:
    if {"arms", "outcomes"} <= found.keys() or ("contrasts" in found and "outcomes" not in found):
        return []
    here = f"no such file; the folder holds {listed(names)}" if names else "an empty folder"
    if "outcomes" in found:
        return [Fault("arms.csv", None, None, here, "arms.csv beside outcomes.csv", "Add a row for each arm.")]
    if "arms" in found:
        remedy = "Add the results of the arms (outcomes.csv), or printed differences (contrasts.csv)."
        return [Fault("outcomes.csv", None, None, here, "outcomes.csv or contrasts.csv beside arms.csv", remedy)]
    remedy = "Save each table as comma-separated text under its name."
    return [Fault("outcomes.csv", None, None, here, _ENOUGH, remedy)]
