"""The printed rows joined with what is known of their arm, study and instrument."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bmac_meta.tables import Tables

ARM_KEY = ["study_id", "arm_id"]
SCALE = ["scale_min", "scale_max"]


def outcome_rows(tables: Tables, nodes: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of outcomes.csv with node, domain, rank, direction, known scales and patients; one row each.

    `arm_patients` is the smallest number of patients that arms.csv gives for the arm, against which an `n` of joints
    can be held. An empty scale stays empty.
    """
    rows = _with_file(tables.outcomes, "outcomes.csv").reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(rows[ARM_KEY])
    patients = tables.arms[["n_randomised", "n_analysed"]].min(axis=1)
    arms = tables.arms.assign(arm_patients=patients)
    rows["intervention"] = _lookup(arms, ARM_KEY, "intervention", keys)
    rows["arm_patients"] = _lookup(arms, ARM_KEY, "arm_patients", keys)
    rows["node"] = rows["intervention"].map(nodes)
    return _with_instrument(rows, tables)


def contrast_rows(tables: Tables, nodes: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of contrasts.csv with the nodes of both arms, domain, rank, direction and scale; one row each.

    The scale is the one on which outcomes.csv has the same outcome of the trial, where that is a single one.
    """
    rows = _with_file(tables.contrasts, "contrasts.csv").reset_index(drop=True)
    for side in ("a", "b"):
        keys = pd.MultiIndex.from_frame(rows[["study_id", f"arm_{side}"]])
        rows[f"intervention_{side}"] = _lookup(tables.arms, ARM_KEY, "intervention", keys)
        rows[f"node_{side}"] = rows[f"intervention_{side}"].map(nodes)
    scales = tables.outcomes.dropna(subset=SCALE).drop_duplicates(["study_id", "outcome", *SCALE])
    single = scales[~scales.duplicated(["study_id", "outcome"], keep=False)]
    keys = pd.MultiIndex.from_frame(rows[["study_id", "outcome"]])
    for end in SCALE:
        rows[end] = _lookup(single, ["study_id", "outcome"], end, keys)
    return _with_instrument(rows, tables)


def _with_file(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    flags = frame["flag"].fillna("").str.split(";")
    return frame.assign(file=file, line=frame.index, flags=[tuple(f for f in flag if f) for flag in flags])


def _lookup(frame: pd.DataFrame, keys: list[str], column: str, wanted: pd.Index) -> pd.Series:
    known = frame.drop_duplicates(keys).set_index(keys)[column]
    return known.reindex(wanted).reset_index(drop=True)


def _with_instrument(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    instruments = tables.instruments.drop_duplicates("outcome").set_index("outcome")
    known = instruments.reindex(rows["outcome"])
    rows = rows.assign(**{name: known[name].to_numpy() for name in ("domain", "preferred_rank")})
    printed = rows["higher_is_better"] if "higher_is_better" in rows else pd.Series(pd.NA, index=rows.index)
    lent = pd.Series(known["higher_is_better"].to_numpy(), index=rows.index)
    scales = known_scales(tables)
    return rows.assign(
        higher_is_better=printed.where(printed.notna(), lent).astype(lent.dtype),
        known_scales=[scales.get(outcome, ()) for outcome in rows["outcome"]],
    )


def known_scales(tables: Tables) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the scales on which each outcome is printed anywhere in the data, or that its instrument has."""
    ends = pd.concat([frame[["outcome", *SCALE]] for frame in (tables.instruments, tables.outcomes)])
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for outcome, low, high in ends.dropna().drop_duplicates().itertuples(index=False):
        found[outcome].append((low, high))
    return {outcome: tuple(sorted(scales)) for outcome, scales in found.items()}


def by_key(frame: pd.DataFrame, key: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a frame as plain dictionaries, gathered by a column."""
    gathered: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in records(frame):
        gathered[row[key]].append(row)
    return dict(gathered)


def facts(frame: pd.DataFrame, keys: tuple[str, ...], columns: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    """Return some columns of a frame by its key: a word, or a tuple of words for several key columns."""
    names = [name for name in columns if name in frame]
    rows = records(frame[[*keys, *names]])
    return {
        (row[keys[0]] if len(keys) == 1 else tuple(row[k] for k in keys)): {n: row[n] for n in names} for row in rows
    }


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame as plain dictionaries; what is not there is None."""
    names = list(frame.columns)
    for values in zip(*(_plain(frame[name]) for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _plain(column: pd.Series) -> list[Any]:
    cells = column.astype(object).to_numpy(copy=True)
    cells[column.isna().to_numpy()] = None
    return cells.tolist()
