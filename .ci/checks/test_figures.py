from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from numpy._core import _multiarray_umath as kernels

COMMAND = [sys.executable, "-m", "bmac_meta.cli"]


def test_data_and_figures_are_sound_and_up_to_date(run):
    run(*COMMAND, "check")


def test_figures_come_out_byte_for_byte_again(run, root, files, tmp_path):
    run(*COMMAND, "figures", "--figures", tmp_path / "figures")
    made, committed = files(tmp_path / "figures"), files(root / "figures")
    assert made.keys() == committed.keys()
    same = {"data", "notebooks", "package"}
    parts = [json.loads(manifest) for manifest in (made.pop("manifest.json"), committed.pop("manifest.json"))]
    assert parts[0]["figures"] == parts[1]["figures"]
    assert all(parts[0]["inputs"][name] == parts[1]["inputs"][name] for name in same)
    assert [name for name in made if made[name] != committed[name]] == []


def test_a_processor_without_wide_registers_gives_the_same_bytes(run, root, files, tmp_path):
    older = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(
            name for name in kernels.__cpu_dispatch__ if kernels.__cpu_features__[name]
        ),
        "OPENBLAS_CORETYPE": "Prescott",
    }
    run(*COMMAND, "figures", "--figures", tmp_path / "figures", **older)
    made, committed = files(tmp_path / "figures"), files(root / "figures")
    del made["manifest.json"], committed["manifest.json"]
    assert [name for name in committed if made.get(name) != committed[name]] == []


def test_a_run_takes_a_minute_at_most_and_one_without_news_three_seconds(run, tmp_path):
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        run(*COMMAND, "figures", "--figures", tmp_path / "figures")
        taken.append(time.perf_counter() - start)
    assert taken[0] < 60
    assert taken[1] < 3


@pytest.fixture
def jupyter(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the notebooks beside an empty folder of figures, with Jupyter's settings out of the way."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(root))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "figures").mkdir()
    for path in (root / "notebooks").glob("*.ipynb"):
        (tmp_path / "notebooks" / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.filterwarnings("default")
def test_notebooks_run_in_jupyter_without_a_warning_and_give_the_same_figures(jupyter, root, files):
    for path in sorted((jupyter / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, timeout=300).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        assert [output.text for output in outputs if output.get("name") == "stderr"] == [], path.name
    made, committed = files(jupyter / "figures"), files(root / "figures")
    del committed["manifest.json"]
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == []
