from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bmac_meta
from bmac_meta.cli import main
from bmac_meta.jobs.staging import only_run
from bmac_meta.paths import data_folder

ROOT = Path(__file__).resolve().parents[1]
CELLS = [
    "open('../figures/one.svg', 'w').write('picture')",
    "open('../figures/one.csv', 'w').write('a\\n1\\n')",
]


def write_notebook(path: Path, *cells: str) -> None:
    content = {"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with one notebook, and away from any data that the user's environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BMAC_META_DATA", raising=False)
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path / "notebooks" / "01_one.ipynb", *CELLS)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command and gives its exit code and what it said on both streams."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_figures_says_what_it_did_and_then_that_nothing_changed(project, said):
    assert said("figures")[:2] == (0, "figures: 1 figure of 1 notebook; 1 executed, 0 up to date\n")
    assert said("figures")[:2] == (0, "figures: 1 figure of 1 notebook, nothing changed\n")
    assert sorted(os.listdir(project / "figures")) == ["manifest.json", "one.csv", "one.svg"]


def test_figures_names_what_it_removed(project, said):
    said("figures")
    write_notebook(project / "notebooks" / "01_one.ipynb", CELLS[0])
    assert "removed one.csv, which no notebook makes any more\n" in said("figures")[1]


def test_figures_hands_on_the_warnings_of_notebooks(project, said):
    write_notebook(project / "notebooks" / "02_two.ipynb", "import warnings; warnings.warn('beware', stacklevel=1)")
    assert "02_two.ipynb: UserWarning: beware\n" in said("figures")[2]


def test_a_failing_notebook_is_told_without_a_traceback_of_the_command(project, said):
    write_notebook(project / "notebooks" / "02_two.ipynb", "1 + 1", "import bmac_meta as bm; bm.load('nowhere')")
    code, out, err = said("figures")
    assert (code, out) == (2, "")
    assert "bmac-meta: 1 notebook failed:\n02_two.ipynb, cell 2: 1 fault in the data:" in err
    assert "Traceback" not in err


def test_check_finds_everything_in_order_after_a_run(project, said):
    said("figures")
    code, out, _ = said("check")
    assert code == 0
    assert out.splitlines() == [
        f"data in {data_folder()}: no fault",
        "figures in figures: what data, notebooks and code give",
    ]


def test_check_lists_every_difference(project, said):
    said("figures")
    (project / "figures" / "one.svg").write_text("edited", encoding="utf-8")
    (project / "figures" / "one.csv").unlink()
    (project / "figures" / "stray.svg").write_text("", encoding="utf-8")
    write_notebook(project / "notebooks" / "01_one.ipynb", *CELLS, "1")
    write_notebook(project / "notebooks" / "02_two.ipynb", "1")
    code, out, _ = said("check")
    assert code == 1
    assert out.splitlines()[1:] == [
        "figures in figures: 5 faults",
        "  notebook 01_one.ipynb has changed",
        "  notebook 02_two.ipynb is new",
        "  one.csv is missing",
        "  one.svg is not as it was made",
        "  stray.svg was not made by any notebook",
    ]


def test_check_tells_changed_code_from_changed_versions(project, said):
    said("figures")
    path = project / "figures" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["inputs"]["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(content), encoding="utf-8")
    code, out, _ = said("check")
    assert code == 0
    assert "note: numpy 1.0 made the figures; here is " in out
    content["inputs"]["package"] = "0"
    path.write_text(json.dumps(content), encoding="utf-8")
    code, out, _ = said("check")
    assert code == 1
    assert "the code of bmac_meta has changed" in out


def test_check_without_a_manifest_says_so(project, said):
    code, out, _ = said("check")
    assert code == 1
    assert "figures has no manifest.json that can be read" in out


def test_check_lists_every_fault_of_a_folder_of_ones_own(project, said):
    folder = shutil.copytree(data_folder(), project / "mine")
    (folder / "datapackage.json").unlink()
    arms = folder / "arms.csv"
    lines = arms.read_text(encoding="utf-8").splitlines()
    arms.write_text("\n".join([*lines, lines[1], lines[2]]) + "\n", encoding="utf-8")
    code, out, _ = said("check", "--data", "mine")
    assert code == 1
    assert out.startswith(f"data in {folder}: 2 faults\n  arms.csv, row {len(lines) + 1}")
    assert "figures: not compared with these data; name them with --figures" in out


def test_check_compares_tables_with_the_hashes_of_their_package(project, said):
    folder = shutil.copytree(data_folder(), project / "mine")
    missing = folder / "missing.csv"
    lines = missing.read_text(encoding="utf-8").splitlines(keepends=True)
    missing.write_text("".join(lines[:-1]), encoding="utf-8")
    code, out, _ = said("check", "--data", "mine")
    assert code == 1
    assert "missing.csv: not the size or hash that datapackage.json says" in out


def test_data_may_be_named_by_the_environment(project, said, monkeypatch):
    folder = shutil.copytree(data_folder(), project / "mine")
    monkeypatch.setenv("BMAC_META_DATA", str(folder))
    said("figures")
    assert said("check")[1].startswith(f"data in {folder}: no fault\n")
    assert str(bmac_meta.load().tables.folder) == str(folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["figures", "--notebooks", "nowhere"], "Notebooks were looked for in nowhere, which is no folder."),
        (["figures", "--data", "nowhere"], "nowhere, which is no folder. Check the name after --data."),
        (["figures", "--notebooks", "."], ". holds no notebook (*.ipynb)."),
        (["figures", "--figures", "notebooks/01_one.ipynb"], "01_one.ipynb"),
    ],
)
def test_what_cannot_be_done_is_said_on_standard_error_with_code_2(project, said, arguments, words):
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("bmac-meta: ")
    assert words in err


def test_a_wrong_folder_of_notebooks_leaves_no_folder_of_figures_behind(project, said):
    said("figures", "--notebooks", "nowhere")
    assert os.listdir(project) == ["notebooks"]


def test_a_second_run_at_the_same_time_is_refused(project, said):
    with only_run(project / "figures"):
        code, _, err = said("figures")
    assert code == 2
    assert "Another run is making figures. Wait until it has ended." in err


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_jobs_is_a_whole_number_from_1_on(number, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["figures", f"--jobs={number}"])
    assert caught.value.code == 2
    assert f"'{number}' is no whole number from 1 on" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"bmac-meta {bmac_meta.__version__}\n"


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:\n  bmac-meta figures" in capsys.readouterr().out


def test_no_command_at_all_is_told_what_there_is(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_a_run_without_news_imports_nothing_slow(project, said):
    said("figures")
    heavy = "{'numpy', 'pandas', 'scipy', 'matplotlib'}"
    code = f"import sys; from bmac_meta.cli import main; main(['figures']); print(sorted({heavy} & sys.modules.keys()))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=project, env=environment, check=True
    )
    assert done.stdout.splitlines() == ["figures: 1 figure of 1 notebook, nothing changed", "[]"]


def test_an_interrupt_ends_the_run_and_leaves_nothing_behind(project, said, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bmac_meta.jobs.figures.tqdm", interrupted)
    code, _, err = said("figures")
    assert (code, err) == (130, "bmac-meta: interrupted; the figures are as they were.\n")
    assert sorted(os.listdir(project)) == ["figures", "notebooks"]
    assert os.listdir(project / "figures") == []
