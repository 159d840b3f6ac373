from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LINES = 3


@cache
def notebooks() -> dict[str, nbformat.NotebookNode]:
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert paths
    return {path.name: nbformat.read(path, as_version=4) for path in paths}


def code() -> list[tuple[str, nbformat.NotebookNode]]:
    return [(name, cell) for name, book in notebooks().items() for cell in book.cells if cell.cell_type == "code"]


def test_every_notebook_is_valid():
    for name in notebooks():
        nbformat.validate(json.loads((NOTEBOOKS / name).read_text(encoding="utf-8")))


def test_names_are_numbered_without_gaps_and_say_the_question_in_lower_case():
    names = list(notebooks())
    assert [int(name.partition("_")[0]) for name in names] == list(range(1, len(names) + 1))
    assert names == [name.lower() for name in names]


def test_every_notebook_opens_with_its_question_as_a_heading():
    heads = {name: book.cells[0] for name, book in notebooks().items()}
    assert [name for name, cell in heads.items() if cell.cell_type != "markdown"] == []
    assert [name for name, cell in heads.items() if not cell.source.startswith("# ")] == []


def test_no_output_is_stored():
    assert [name for name, cell in code() if cell.outputs or cell.execution_count is not None] == []


def test_cells_are_a_few_lines_of_plain_python():
    long = [(name, cell.source) for name, cell in code() if len(cell.source.splitlines()) > LINES]
    assert long == []
    for name, cell in code():
        ast.parse(cell.source, filename=name)


def test_metadata_name_neither_a_machine_nor_a_version():
    for name, book in notebooks().items():
        assert book.metadata.keys() <= {"kernelspec", "language_info"}, name
        assert book.metadata.kernelspec.name == "python3", name
        assert book.metadata.language_info.keys() <= {"name"}, name
