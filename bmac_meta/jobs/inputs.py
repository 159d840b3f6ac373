"""What figures are made from: data, notebooks, code and versions, each as a hash or a number.

Nothing here imports pandas or matplotlib: a run that finds nothing changed needs neither.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bmac_meta.errors import InputError
from bmac_meta.jobs.notebooks import Notebook
from bmac_meta.paths import data_folder

PACKAGES = ("formulaic", "matplotlib", "numpy", "pandas", "pymare", "scipy", "seaborn", "statsmodels")
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Is everything that a run of the main job depends on.

    `data` and `notebooks` map names of files to SHA-256, `package` is the SHA-256 of the code of this package,
    `versions` maps Python and the libraries to their versions.
    """

    data: Mapping[str, str]
    notebooks: Mapping[str, str]
    package: str
    versions: Mapping[str, str]

    def same_ground(self, other: Inputs) -> bool:
        """Whether data, code and versions are the same, so that a notebook gives the same figures."""
        return (self.data, self.package, self.versions) == (other.data, other.package, other.versions)


def inputs_of(notebooks: Iterable[Notebook], data: Path) -> Inputs:
    """Return what the figures of some notebooks depend on, with the data read from a folder."""
    return Inputs(
        data=data_digests(data),
        notebooks={notebook.name: notebook.digest for notebook in notebooks},
        package=package_digest(_PACKAGE),
        versions=library_versions(),
    )


def data_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each table of a folder; those that it lacks are the project's own, which lends them.

    Raises `InputError` when there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"Data were looked for in {folder}, which is no folder. Check the name after --data.")
    paths = {path.name: path for room in (data_folder(), folder) for path in _tables(room)}
    return {name: file_digest(paths[name]) for name in sorted(paths)}


def _tables(folder: Path) -> list[Path]:
    return [path for path in (*folder.glob("*.csv"), folder / "datapackage.json") if path.is_file()]


def package_digest(folder: Path) -> str:
    """Return one SHA-256 over the names and contents of all Python files of a folder."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    lines = [f"{name} {file_digest(files[name])}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of Python (major and minor) and of the libraries that numbers and pictures come from."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python} | {name: version(name) for name in PACKAGES}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
