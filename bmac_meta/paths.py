"""Where the project's own folders are."""

from __future__ import annotations

import os
from pathlib import Path

from bmac_meta.errors import BmacMetaError

DATA_VARIABLE = "BMAC_META_DATA"


def evidence_folder() -> Path:
    """Return the folder that `load()` reads when none is named.

    That is the folder in the environment variable `BMAC_META_DATA`, so that the same notebooks can be put to another
    folder of evidence without a change, or else the project's own data.
    """
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else data_folder()


def data_folder() -> Path:
    """Return the folder of the project's data package.

    An installed wheel carries it as `bmac_meta/data`; in a clone it is `data` beside the package.

    Raises `BmacMetaError` when neither holds a `datapackage.json`.

    >>> (data_folder() / "datapackage.json").is_file()
    True
    """
    room = Path(__file__).resolve().parent
    candidates = (room / "data", room.parent / "data")
    for folder in candidates:
        if (folder / "datapackage.json").is_file():
            return folder
    looked = " nor ".join(str(folder) for folder in candidates)
    raise BmacMetaError(
        f"The project's data were asked for, but neither {looked} holds a datapackage.json. "
        "Install the package again, or run inside a complete clone."
    )
