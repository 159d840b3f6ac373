"""The printed rows joined with what is known of their arm, study and instrument."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bmac_meta.tables import Tables

STUDY_COLUMNS = ("design", "condition", "species")
INSTRUMENT_COLUMNS = ("domain", "preferred_rank")


def outcome_rows(tables: Tables, nodes: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of outcomes.csv with node, domain, rank, direction and scale; one row each."""
    rows = _with_file(tables.outcomes, "outcomes.csv").reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(rows[["study_id", "arm_id"]])
    rows["intervention"] = _lookup(tables.arms, ["study_id", "arm_id"], "intervention", keys)
    rows["node"] = rows["intervention"].map(nodes)
    return _with_instrument(rows, tables)


def contrast_rows(tables: Tables, nodes: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of contrasts.csv with the nodes of both arms, domain, rank and direction; one row each."""
    rows = _with_file(tables.contrasts, "contrasts.csv").reset_index(drop=True)
    for side in ("a", "b"):
        keys = pd.MultiIndex.from_frame(rows[["study_id", f"arm_{side}"]])
        rows[f"intervention_{side}"] = _lookup(tables.arms, ["study_id", "arm_id"], "intervention", keys)
        rows[f"node_{side}"] = rows[f"intervention_{side}"].map(nodes)
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
    rows = rows.assign(**{name: known[name].to_numpy() for name in INSTRUMENT_COLUMNS})
    for name in ("higher_is_better", "scale_min", "scale_max"):
        printed = rows[name] if name in rows else pd.Series(pd.NA, index=rows.index)
        lent = pd.Series(known[name].to_numpy(), index=rows.index)
        rows[name] = printed.where(printed.notna(), lent).astype(lent.dtype)
    return rows


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
        (row[keys[0]] if len(keys) == 1 else tuple(row[k] for k in keys)): {n: row[n] for n in names}
        for row in rows
    }


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame as plain dictionaries; what is not there is None."""
    plain = frame.astype(object).where(frame.notna(), None)
    names = list(plain.columns)
    for values in zip(*(plain[name] for name in names), strict=True):
        yield dict(zip(names, values, strict=True))
