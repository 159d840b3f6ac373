"""Whether the data are sound, and whether the figures are what data, notebooks and code give."""

from __future__ import annotations

from pathlib import Path

from bmac_meta.errors import DataError
from bmac_meta.jobs.figures import Folders
from bmac_meta.jobs.inputs import inputs_of
from bmac_meta.jobs.manifest import MANIFEST, differences, read_manifest, version_remarks
from bmac_meta.jobs.notebooks import read_notebooks
from bmac_meta.tables import changed_files, read_tables


def data_faults(folder: Path) -> tuple[str, ...]:
    """Return every fault of a folder of evidence in words.

    Where the folder has a `datapackage.json`, a table that is not as that file says is a fault as well.
    """
    try:
        read_tables(folder)
    except DataError as error:
        return tuple(map(str, error.faults))
    if not (folder / "datapackage.json").is_file():
        return ()
    return tuple(f"{file}: not the size or hash that datapackage.json says" for file in changed_files(folder))


def figure_faults(folders: Folders) -> tuple[str, ...]:
    """Return in words where a folder of figures is not what data, notebooks and code give."""
    inputs = inputs_of(read_notebooks(folders.notebooks), folders.data)
    manifest = read_manifest(folders.figures)
    if manifest is None:
        return (f"{folders.figures} has no {MANIFEST} that can be read",)
    return differences(manifest, inputs, folders.figures)


def version_notes(folders: Folders) -> tuple[str, ...]:
    """Return in words which versions made the figures, where they are others than those here."""
    manifest = read_manifest(folders.figures)
    inputs = inputs_of((), folders.data)
    return version_remarks(manifest, inputs) if manifest else ()
