"""A small project: notebooks that write small files, so that a run takes a fraction of a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bmac_meta.jobs.figures import Folders, Made, make_figures

CONTRASTS = """\
row_id,study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,ci_low,ci_high,ci_level,se,p_value,\
paired,subgroup_variable,subgroup_level,flag
x,smith2019,BMAC,HA,vas_pain,12,MD,-9.5,-19,0,95,,0.049,false,,,
"""


@dataclass(frozen=True)
class Project:
    """A folder with notebooks, data and figures, and a log that each executed notebook writes its name to."""

    root: Path

    @property
    def folders(self) -> Folders:
        return Folders(self.root / "notebooks", self.root / "figures", self.root / "data")

    def write(self, name: str, *cells: str, text: str = "A question?", logged: bool = True) -> None:
        """Write a notebook of one cell of text, one of code that logs its execution, and some code cells."""
        log = f"open({str(self.root / 'log')!r}, 'a').write('{name}\\n')" if logged else "0"
        code = [{"cell_type": "code", "source": [line]} for line in (log, *cells)]
        content = {"cells": [{"cell_type": "markdown", "source": text}, *code], "nbformat": 4}
        path = self.folders.notebooks / f"{name}.ipynb"
        path.write_text(json.dumps(content), encoding="utf-8")

    def remove(self, name: str) -> None:
        """Remove a notebook."""
        (self.folders.notebooks / f"{name}.ipynb").unlink()

    def change_data(self, old: str, new: str) -> None:
        """Put other words into the table of contrasts."""
        path = self.folders.data / "contrasts.csv"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    @staticmethod
    def saving(name: str, content: str = "picture") -> str:
        """Return code that saves a file among the figures."""
        return f"open('../figures/{name}', 'w').write({content!r})"

    def run(self, **options: int | bool) -> Made:
        return make_figures(self.folders, **options)

    def executed(self) -> list[str]:
        """Return the notebooks executed since the last look, sorted."""
        log = self.root / "log"
        names = sorted(log.read_text(encoding="utf-8").split()) if log.exists() else []
        log.unlink(missing_ok=True)
        return names

    def figures(self) -> dict[str, bytes]:
        """Return the content of every file of the figures."""
        return {path.name: path.read_bytes() for path in sorted(self.folders.figures.iterdir())}


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[[str], Project]:
    """Return a function that makes an empty project in a folder of a given name."""

    def make(name: str) -> Project:
        project = Project(tmp_path / name)
        project.folders.notebooks.mkdir(parents=True)
        project.folders.data.mkdir()
        (project.folders.data / "contrasts.csv").write_text(CONTRASTS, encoding="utf-8")
        return project

    return make


@pytest.fixture
def project(new_project: Callable[[str], Project]) -> Project:
    """Return a project of two notebooks that save three figures, one of them with its table."""
    project = new_project("project")
    project.write("01_first", project.saving("first.svg"), project.saving("first.csv", "a,b\n"))
    project.write("02_second", project.saving("second.svg"), project.saving("third.svg"))
    return project
