"""The sizes and hashes in `datapackage.json`, brought up to date with the tables beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bmac_meta.tables.schema import read_package
from bmac_meta.tables.write import replace_file


def changed_files(folder: Path) -> tuple[str, ...]:
    """Return the files of a data package that are not as its descriptor says, in the descriptor's order."""
    tables = read_package(folder / "datapackage.json").tables
    return tuple(table.file for table in tables if _digest(folder / table.file) != (table.bytes, table.sha256))


def stamp_package(folder: Path) -> tuple[str, ...]:
    """Write size and SHA-256 of each table into `datapackage.json`; return the files that had changed."""
    changed = changed_files(folder)
    path = folder / "datapackage.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for resource in content["resources"]:
        size, digest = _digest(folder / resource["path"])
        resource |= {"bytes": size, "hash": f"sha256:{digest}"}
    replace_file(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))
    read_package.cache_clear()
    return changed


def _digest(path: Path) -> tuple[int, str]:
    data = path.read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()
