"""Notebooks as lists of code cells."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from bmac_meta.errors import InputError


@dataclass(frozen=True, slots=True)
class Cell:
    """Is one code cell: its number among the code cells, from 1, and its source."""

    number: int
    source: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """Is what a notebook does: the name of its file and its code cells."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of the code; text, outputs and metadata do not enter."""
        code = json.dumps([cell.source for cell in self.cells])
        return hashlib.sha256(code.encode("utf-8")).hexdigest()


def read_notebooks(folder: Path) -> tuple[Notebook, ...]:
    """Return the notebooks of a folder, sorted by name.

    Raises `InputError` when there is no such folder, when it holds no notebook, or when a file is none.
    """
    if not folder.is_dir():
        raise InputError(
            f"Notebooks were looked for in {folder}, which is no folder. Run this in a clone of the project, "
            "or name the folder with --notebooks."
        )
    paths = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not paths:
        raise InputError(f"{folder} holds no notebook (*.ipynb). Name another folder with --notebooks.")
    return tuple(map(read_notebook, paths))


def read_notebook(path: Path) -> Notebook:
    """Return the code cells of one notebook file (Jupyter's format 4)."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} cannot be read as a notebook ({type(error).__name__}: {error}). "
            "Open it in Jupyter and save it again."
        ) from error
    return Notebook(path.name, tuple(Cell(number, source) for number, source in enumerate(sources, start=1)))
