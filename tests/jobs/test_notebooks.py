from __future__ import annotations

import json
from pathlib import Path

import pytest

from bmac_meta.errors import InputError
from bmac_meta.jobs.notebooks import Cell, read_notebook, read_notebooks


def write(path: Path, *cells: dict[str, object]) -> Path:
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    return path


def code(source: str | list[str], **more: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, **more}


def test_code_cells_are_counted_from_1_and_text_is_left_out(tmp_path):
    text = {"cell_type": "markdown", "source": "# Why?"}
    path = write(tmp_path / "a.ipynb", text, code("x = 1"), text, code(["y = 2\n", "z = 3"]))
    assert read_notebook(path).cells == (Cell(1, "x = 1"), Cell(2, "y = 2\nz = 3"))


def test_the_digest_is_that_of_the_code_alone(tmp_path):
    first = read_notebook(write(tmp_path / "a.ipynb", code("x = 1"), code("y = 2")))
    same = read_notebook(
        write(
            tmp_path / "b.ipynb",
            {"cell_type": "markdown", "source": "#"},
            code("x = 1", outputs=[1]),
            code("y = 2"),
        )
    )
    joined = read_notebook(write(tmp_path / "c.ipynb", code("x = 1\ny = 2")))
    assert first.digest == same.digest != joined.digest


def test_notebooks_come_sorted_by_name_without_hidden_ones(tmp_path):
    for name in ("b", "a", ".hidden"):
        write(tmp_path / f"{name}.ipynb", code("1"))
    assert [notebook.name for notebook in read_notebooks(tmp_path)] == ["a.ipynb", "b.ipynb"]


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"cells": [{}]}', '{"cells": 3}', "\udc80"])
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(InputError, match=r"broken\.ipynb cannot be read as a notebook .* save it again\."):
        read_notebook(path)
