"""Files that appear in their folder whole or not at all, and one run at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bmac_meta.errors import BmacMetaError

try:
    import fcntl
except ImportError:  # Windows has no such locks: there two runs at once are not noticed
    fcntl = None


@contextmanager
def only_run(figures: Path) -> Iterator[None]:
    """Hold a folder of figures for one run; the system lets go of it when the process ends, however that happens.

    Raises `BmacMetaError` when another run holds it.
    """
    figures.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(figures, os.O_RDONLY)
    try:
        _lock(handle, figures)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, figures: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BmacMetaError(f"Another run is making {figures}. Wait until it has ended.") from error


@contextmanager
def staging_beside(figures: Path) -> Iterator[Path]:
    """Make an empty folder beside `figures`, on the same disk, and remove it at the end.

    What a killed run left there is removed first.
    """
    real = figures.resolve()
    staging = real.with_name(f".{real.name}-staging")
    _remove(staging)
    staging.mkdir()
    try:
        yield staging
    finally:
        _remove(staging)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def publish(staged: Mapping[str, Path], gone: Iterable[str], figures: Path) -> None:
    """Move staged files to their names in `figures`, in the order given, then remove those that are gone.

    Each move replaces a file in one step, so that at any moment every file is whole.
    """
    for name, path in staged.items():
        os.replace(path, figures / name)
    for name in gone:
        (figures / name).unlink(missing_ok=True)
