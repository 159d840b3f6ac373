"""What must stand once only: keys, names, and the preferred row of a quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.draft import Draft
from bmac_meta.tables.schema import TableSchema
from bmac_meta.tables.wording import faults_at, value_shown


@dataclass(frozen=True, slots=True)
class Quantity:
    """Is what one preferred row of a table stands for: the columns that tell it, and the rows that count."""

    columns: tuple[str, ...]
    counts: Callable[[pd.DataFrame], pd.Series]
    remedy: str


_PART = ("subgroup_variable", "subgroup_level")
QUANTITIES: Mapping[str, Quantity] = {
    "outcomes": Quantity(
        ("study_id", "arm_id", "outcome", "timepoint_months", "value_kind", *_PART),
        lambda frame: frame["duplicate_of"].isna(),
        "Keep one row, or name its row_id in duplicate_of of the other; parts of an arm have a subgroup.",
    ),
    "contrasts": Quantity(
        ("study_id", "arm_a", "arm_b", "outcome", "timepoint_months", "measure", *_PART),
        lambda frame: frame["estimate"].notna(),
        "Keep one row with an estimate; parts of the arms have a subgroup.",
    ),
}
_MAY_BE_EMPTY = {"timepoint_months", "value_kind", "measure", "judged_by", *_PART}
_OWN_KEY = "Give each row a key of its own, or delete the copy."
_OWN_NAME = "Tell them apart, as in 'Smith 2019a' and 'Smith 2019b'."


def duplicate_faults(draft: Draft, schema: TableSchema) -> list[Fault]:
    """Return a fault for each row whose key, unique cell or quantity stands in an earlier row."""
    frame = draft.frames[schema.name]
    faults: list[Fault] = []
    for columns, remedy in _keys(schema):
        if set(columns) & draft.sheets[schema.name].columns.keys():
            faults += _repeated(frame, columns, schema.file, remedy)
    if schema.name in QUANTITIES and not faults:
        quantity = QUANTITIES[schema.name]
        faults += _repeated(frame[quantity.counts(frame)], quantity.columns, schema.file, quantity.remedy)
    return faults


def _keys(schema: TableSchema) -> list[tuple[tuple[str, ...], str]]:
    keys = [(schema.primary_key, _OWN_KEY)] if schema.primary_key else []
    return keys + [((field.name,), _OWN_NAME) for field in schema.fields if field.unique]


def _repeated(frame: pd.DataFrame, columns: Sequence[str], file: str, remedy: str) -> list[Fault]:
    whole = frame[[name for name in columns if name not in _MAY_BE_EMPTY]].notna().all(axis=1)
    frame = frame[whole]
    if not frame.duplicated(list(columns)).any():
        return []
    group = frame.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    again = np.flatnonzero(first[group] != np.arange(len(frame)))
    return list(faults_at(again, partial(_repeat, frame, columns, file, remedy, first[group])))


def _repeat(
    frame: pd.DataFrame, columns: Sequence[str], file: str, remedy: str, first: np.ndarray, position: int
) -> Fault:
    here = dict(zip(frame.columns, frame.iloc[position], strict=True))
    there = dict(zip(frame.columns, frame.iloc[first[position]], strict=True))
    key = ", ".join(f"{name} {value_shown(here[name])}" for name in columns if pd.notna(here[name]))
    found = f"{key} again, first in row {frame.index[first[position]]}{_contrast(there, here)}"
    column = "outcome" if "outcome" in columns else columns[-1]
    return Fault(file, int(frame.index[position]), column, found, "each once", remedy)


def _contrast(there: Mapping[str, object], here: Mapping[str, object]) -> str:
    """Say where two rows of one key contradict each other first."""
    for name, value in here.items():
        if value_shown(there[name]) != value_shown(value):
            return f" (there {name} {value_shown(there[name])}, here {value_shown(value)})"
    return ""
