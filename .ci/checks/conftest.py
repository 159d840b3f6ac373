"""Where things are, and environments of their own for the checks that need one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Return a function that runs a command and gives what it prints; it shows both streams when it fails."""

    def command(*words: str | Path, folder: Path = ROOT, **environment: str) -> str:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return command


@pytest.fixture
def environment(tmp_path: Path, run: Callable[..., str]) -> Callable[..., Path]:
    """Return a function that installs something in a new virtual environment and gives its folder of commands."""

    def make(*requirements: str | Path) -> Path:
        run(sys.executable, "-m", "venv", tmp_path / "environment")
        commands = tmp_path / "environment" / "bin"
        run(commands / "python", "-m", "pip", "install", "--quiet", *requirements)
        return commands

    return make


def contents(folder: Path, suffix: str = "") -> dict[str, bytes]:
    """Return the files of a folder with a suffix, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(f"*{suffix}")) if path.is_file()}


@pytest.fixture(scope="session")
def files() -> Callable[..., dict[str, bytes]]:
    return contents
