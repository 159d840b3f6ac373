"""The manifest of a folder of figures: which analysis made which file, from what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bmac_meta.jobs.inputs import Inputs, file_digest

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """Is one figure: the notebook and the code cell that make it, and the SHA-256 of its picture and its table."""

    notebook: str
    cell: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Is what a folder of figures holds and what it was made from: no dates, no folders of a machine."""

    inputs: Inputs
    figures: Mapping[str, Figure]

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of every file of every figure."""
        return {name: digest for figure in self.figures.values() for name, digest in figure.files.items()}

    def of(self, notebook: str) -> dict[str, Figure]:
        """Return the figures that a notebook makes."""
        return {name: figure for name, figure in self.figures.items() if figure.notebook == notebook}

    def text(self) -> str:
        """Return the manifest as JSON; equal manifests give equal text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_manifest(figures: Path) -> Manifest | None:
    """Return the manifest of a folder, or None when it has none or one that this version did not write."""
    try:
        content = json.loads((figures / MANIFEST).read_text(encoding="utf-8"))
        return _manifest(content)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _manifest(content: Mapping[str, Any]) -> Manifest:
    figures = {name: Figure(**fields) for name, fields in content["figures"].items()}
    manifest = Manifest(Inputs(**content["inputs"]), figures)
    inputs = manifest.inputs
    tables = (inputs.data, inputs.notebooks, inputs.versions, *(figure.files for figure in figures.values()))
    if not all(isinstance(table, dict) for table in tables):
        raise TypeError("a table of the manifest is none")
    if any(Path(name).name != name for name in manifest.files):
        raise ValueError("a figure lies outside its folder")
    return manifest


def up_to_date(notebook: str, inputs: Inputs, manifest: Manifest | None, figures: Path) -> bool:
    """Whether the files of a notebook are there as the manifest says, and nothing that they depend on has changed."""
    if manifest is None or not manifest.inputs.same_ground(inputs):
        return False
    if manifest.inputs.notebooks.get(notebook) != inputs.notebooks[notebook]:
        return False
    files = [item for figure in manifest.of(notebook).values() for item in figure.files.items()]
    return all(_holds(figures / name, digest) for name, digest in files)


def differences(manifest: Manifest, inputs: Inputs, figures: Path) -> tuple[str, ...]:
    """Say in words where a folder of figures is not what data, notebooks and code give."""
    made = manifest.inputs
    code = () if made.package == inputs.package else ("the code of bmac_meta has changed",)
    return (
        *_changes("data file", made.data, inputs.data),
        *_changes("notebook", made.notebooks, inputs.notebooks),
        *code,
        *_files(manifest.files, figures),
    )


def version_remarks(manifest: Manifest, inputs: Inputs) -> tuple[str, ...]:
    """Say in words which versions made the figures, where they are others than those here."""
    here = inputs.versions
    return tuple(
        f"{name} {made} made the figures; here is {here.get(name, 'none')}"
        for name, made in manifest.inputs.versions.items()
        if here.get(name) != made
    )


def _changes(kind: str, made: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(made.keys() | here.keys()):
        if name not in made:
            yield f"{kind} {name} is new"
        elif name not in here:
            yield f"{kind} {name} is gone"
        elif made[name] != here[name]:
            yield f"{kind} {name} has changed"


def _files(files: Mapping[str, str], figures: Path) -> Iterator[str]:
    for name, digest in sorted(files.items()):
        if not (figures / name).is_file():
            yield f"{name} is missing"
        elif not _holds(figures / name, digest):
            yield f"{name} is not as it was made"
    known = {*files, MANIFEST}
    for path in sorted(figures.iterdir()):
        if path.name not in known and not path.name.startswith("."):
            yield f"{path.name} was not made by any notebook"


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and file_digest(path) == digest
