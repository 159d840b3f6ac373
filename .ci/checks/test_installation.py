from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from packaging.requirements import Requirement

LOAD = "import bmac_meta as bm; print(len(bm.load().studies), bm.load().tables.folder)"


def copy_of_the_tree(root: Path, target: Path) -> Path:
    """Copy the files that git knows, as a clone would have them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    return target


def test_the_first_command_works_by_itself_in_a_new_clone_without_a_cache(run, root, files, tmp_path):
    clone = copy_of_the_tree(root, tmp_path / "clone")
    before = files(clone / "figures")
    assert "figures of" in run("make", "figures", folder=clone, PIP_NO_CACHE_DIR="1", PYTHON=sys.executable)
    assert "nothing changed" in run("make", "figures", folder=clone, PYTHON=sys.executable)
    assert files(clone / "figures") == before


def test_a_wheel_built_from_the_source_archive_carries_the_data(run, root, environment, tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path, folder=root)
    (archive,) = tmp_path.glob("*.tar.gz")
    wheels = tmp_path / "wheels"
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        wheels,
        archive,
    )
    (wheel,) = wheels.glob("*.whl")
    commands = environment(wheel, "--constraint", root / "requirements.lock")
    studies, folder = run(commands / "python", "-c", LOAD, folder=tmp_path).split(maxsplit=1)
    assert int(studies) == len(pd.read_csv(root / "data" / "studies.csv"))
    assert Path(folder.strip()).is_relative_to(tmp_path / "environment")
    assert run(commands / "bmac-meta", "--version", folder=tmp_path).startswith("bmac-meta ")


def lowest(root: Path) -> list[str]:
    """Return the lowest version that is allowed of everything that the package and its tests need."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return [str(Requirement(line)).replace(">=", "==") for line in needed]


def test_with_the_lowest_versions_allowed_numbers_are_as_exact_and_tables_the_same(run, root, environment, tmp_path):
    commands = environment(*lowest(root))
    # These versions of the libraries warn of one another; that the newest ones do not is tested elsewhere.
    options = ["-n", "auto", "-q", "-p", "no:cacheprovider", "--override-ini", "filterwarnings=default"]
    run(commands / "python", "-m", "pytest", *options, "tests/stats", "tests/tables", folder=root)
    figures = tmp_path / "figures"
    run(commands / "python", "-m", "bmac_meta.cli", "figures", "--figures", figures, folder=root)
    for path in sorted((root / "figures").glob("*.csv")):
        here, there = (pd.read_csv(folder / path.name) for folder in (root / "figures", figures))
        numbers = list(here.select_dtypes("number"))
        assert list(there) == list(here), path.name
        assert here.drop(columns=numbers).equals(there.drop(columns=numbers)), path.name
        # Root-found quantities agree to 1e-9 (methods.md); tables hold ten digits.
        assert np.allclose(here[numbers], there[numbers], rtol=1e-8, atol=1e-9, equal_nan=True), path.name
