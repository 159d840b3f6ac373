"""Cells that name something in another table, and whether it stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.draft import Draft
from bmac_meta.tables.schema import ForeignKey, TableSchema
from bmac_meta.tables.wording import LISTED, faults_at, guesses, listed, shown

VOCABULARIES = ("instruments", "interventions")
"""Tables that the project lends to a folder which does not bring its own."""

_OWN_OUTCOMES = 200
_GUESSED_ARMS = 200

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """Is what to say of one dangling cell: the column to blame, what was expected, a helpful question."""

    column: str
    expected: str
    question: str


@dataclass(frozen=True, slots=True)
class _Dangling:
    """Is what dangles from one foreign key: all its cells with their rows, and words for those that do."""

    key: ForeignKey
    cells: Sequence[Cells]
    rows: Sequence[int]
    words: Mapping[Cells, _Words]


def foreign_faults(draft: Draft, schema: TableSchema) -> list[Fault]:
    """Return a fault for each cell that names something which its table does not hold."""
    return [fault for key in checkable_keys(draft, schema) for fault in _key_faults(draft, schema, key)]


def checkable_keys(draft: Draft, schema: TableSchema) -> list[ForeignKey]:
    """Return the foreign keys of a table that can be checked in this folder.

    Without arms.csv the arms of a contrast are interventions. A table that is not there, or has lost a row or
    a key to another fault, is no referee.
    """
    keys = schema.foreign_keys
    if schema.name == "contrasts" and "arms" not in draft.sheets:
        keys = tuple(_to_interventions(key) if key.table == "arms" else key for key in keys)
    return [key for key in keys if _can_referee(draft, key)]


def own_outcomes(draft: Draft, table: str) -> set[str]:
    """Return the outcome codes of a table that no list knows and that its rows describe themselves.

    They say which way is better, and no known code is spelled almost alike. A folder that brings its own
    instruments.csv has none.
    """
    frame = draft.frames[table]
    if "instruments" in draft.sheets or "higher_is_better" not in frame:
        return set()
    known = draft.frames["instruments"]["outcome"].tolist()
    described = frame.loc[frame["higher_is_better"].notna() & ~frame["outcome"].isin(known), "outcome"]
    codes = described.dropna().unique()[:_OWN_OUTCOMES]
    return {code for code in codes if len(code) < 80 and not get_close_matches(code, known, n=1, cutoff=0.85)}


def _to_interventions(key: ForeignKey) -> ForeignKey:
    return ForeignKey(key.fields[-1:], "interventions", ("intervention",), exempt=key.exempt)


def _can_referee(draft: Draft, key: ForeignKey) -> bool:
    if key.table in VOCABULARIES and key.table not in draft.sheets:
        return True
    if not all(draft.gives(key.table, name) for name in key.target):
        return False
    target = draft.frames[key.table][list(key.target)]
    return draft.sheets[key.table].whole and bool(target.notna().all(axis=None))


def _key_faults(draft: Draft, schema: TableSchema, key: ForeignKey) -> Iterator[Fault]:
    frame = draft.frames[schema.name]
    target = draft.frames[key.table]
    known = set(zip(*(target[name].tolist() for name in key.target), strict=True))
    cells = list(zip(*(frame[name].tolist() for name in key.fields), strict=True))
    bad = [i for i in np.flatnonzero(_judged(draft, frame, key)) if _is_dangling(cells[i], key, known)]
    if key.table == "instruments" and bad:
        own = own_outcomes(draft, schema.name)
        bad = [i for i in bad if cells[i][0] not in own]
    if not bad:
        return iter(())
    unknown = list(dict.fromkeys(cells[i] for i in bad[: LISTED + 1]))
    dangling = _Dangling(key, cells, frame.index, _describe(key, unknown, known))
    return faults_at(bad, partial(_fault, schema.file, dangling))


def _judged(draft: Draft, frame: pd.DataFrame, key: ForeignKey) -> np.ndarray:
    """Return which rows are to be looked up: filled ones, and no arm of a study that is itself unknown."""
    judged = frame[list(key.fields)].notna().all(axis=1) & ~frame[key.fields[-1]].isin(key.exempt)
    if len(key.fields) > 1 and draft.gives("studies", "study_id"):
        judged &= frame[key.fields[0]].isin(draft.frames["studies"]["study_id"])
    return judged.to_numpy()


def _is_dangling(cell: Cells, key: ForeignKey, known: set[Cells]) -> bool:
    if key.separator is None:
        return cell not in known
    return any((word,) not in known for word in cell[0].split(key.separator))


def _describe(key: ForeignKey, unknown: Sequence[Cells], known: Iterable[Cells]) -> dict[Cells, _Words]:
    """Return for each dangling cell which column to blame and what to say."""
    if len(key.fields) == 1:
        expected = f"one of the entries of {key.table}.csv (column {key.target[0]})"
        questions = guesses((cell[0] for cell in unknown), (cell[0] for cell in known))
        return {cell: _Words(key.fields[0], expected, questions[cell[0]]) for cell in unknown}
    arms: dict[str, list[str]] = {}
    for study, arm in known:
        arms.setdefault(study, []).append(arm)
    return _describe_studies(key, unknown, arms) | _describe_arms(key, unknown, arms)


def _describe_studies(
    key: ForeignKey, unknown: Sequence[Cells], arms: Mapping[str, Sequence[str]]
) -> dict[Cells, _Words]:
    """Blame the study where it has no arms at all."""
    lost = [cell for cell in unknown if cell[0] not in arms]
    questions = guesses((cell[0] for cell in lost), arms)
    expected = f"a study that has arms in {key.table}.csv"
    return {cell: _Words(key.fields[0], expected, questions[cell[0]]) for cell in lost}


def _describe_arms(key: ForeignKey, unknown: Sequence[Cells], arms: Mapping[str, Sequence[str]]) -> dict[Cells, _Words]:
    """Blame the arm where its study has others; it is guessed among them, unless very many are unknown."""
    described = {}
    for cell in unknown:
        if own := arms.get(cell[0]):
            expected = f"an arm of {shown(cell[0])} in {key.table}.csv: {listed(sorted(own))}"
            question = guesses([cell[1]], own)[cell[1]] if len(unknown) <= _GUESSED_ARMS else ""
            described[cell] = _Words(key.fields[1], expected, question)
    return described


def _fault(file: str, dangling: _Dangling, position: int) -> Fault:
    key, cell = dangling.key, dangling.cells[position]
    words = dangling.words[cell]
    remedy = f"{words.question}Correct the cell, or add a row to {key.table}.csv."
    found = shown(cell[key.fields.index(words.column)])
    return Fault(file, int(dangling.rows[position]), words.column, found, words.expected, remedy)
