"""One notebook executed, in a process of its own: its code cells in order, in one namespace, without Jupyter."""

from __future__ import annotations

import io
import linecache
import os
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bmac_meta.errors import BmacMetaError
from bmac_meta.jobs.notebooks import Cell, Notebook

Files = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Is what became of a notebook: the code cell that wrote each file, warnings in words, or why it failed."""

    notebook: str
    files: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: str = ""


class CellError(Exception):
    """Is raised inside this module when a cell cannot be executed or leaves files where they do not belong."""


def execute(notebook: Notebook, room: Path) -> Outcome:
    """Execute a notebook in `room/notebooks`, so that what it saves in `../figures` lands in `room/figures`.

    The room is new and empty: a notebook reads the evidence by `bm.load()` and no file beside it. What it prints
    is not kept.
    """
    for name in ("notebooks", "figures"):
        (room / name).mkdir(parents=True)
    with _quietly_in(room / "notebooks") as heard:
        try:
            files = _run_cells(notebook, room)
        except CellError as error:
            return Outcome(notebook.name, failure=f"{notebook.name}, {error}")
    spoken = tuple(f"{notebook.name}: {warning.category.__name__}: {warning.message}" for warning in heard)
    return Outcome(notebook.name, files, tuple(dict.fromkeys(spoken)))


@contextmanager
def _quietly_in(folder: Path) -> Iterator[list[warnings.WarningMessage]]:
    with ExitStack() as stack:
        stack.enter_context(chdir(folder))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        yield stack.enter_context(warnings.catch_warnings(record=True))


def _run_cells(notebook: Notebook, room: Path) -> dict[str, int]:
    """Return the cell that wrote each file of the room's figures."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    writers: dict[str, int] = {}
    before: Files = {}
    for cell in notebook.cells:
        _run(cell, notebook.name, namespace)
        after = _files(room / "figures", cell)
        for name in sorted(name for name in after if after[name] != before.get(name)):
            if name in writers:
                raise CellError(f"cell {cell.number}: {name} was saved before, by cell {writers[name]}")
            writers[name] = cell.number
        before = after
    _refuse_strays(room / "notebooks")
    return writers


def _run(cell: Cell, name: str, namespace: dict[str, Any]) -> None:
    place = f"{name}, cell {cell.number}"
    linecache.cache[place] = (len(cell.source), None, cell.source.splitlines(keepends=True), place)
    try:
        exec(compile(cell.source, place, "exec", dont_inherit=True), namespace)
    except (Exception, SystemExit) as error:
        raise CellError(f"cell {cell.number}: {_told(error)}") from error


def _told(error: BaseException) -> str:
    """Tell an error of this package by its message, any other with its way from the cell."""
    if isinstance(error, BmacMetaError):
        return str(error)
    way = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.format_exception(type(error), error, way)).rstrip()


def _files(figures: Path, cell: Cell) -> Files:
    entries = list(os.scandir(figures))
    folders = [entry.name for entry in entries if not entry.is_file()]
    if folders:
        raise CellError(f"cell {cell.number}: {folders[0]} is a folder; figures lie side by side in ../figures")
    return {entry.name: (entry.inode(), entry.stat().st_mtime_ns) for entry in entries}


def _refuse_strays(folder: Path) -> None:
    strays = sorted(os.listdir(folder))
    if strays:
        raise CellError(f"after its last cell: {strays[0]} was saved beside the notebook; save it in ../figures")
