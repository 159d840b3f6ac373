"""Tables that a folder implies but does not list, each with a note that says so."""

from __future__ import annotations

import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.check import empty_frame
from bmac_meta.tables.draft import Draft
from bmac_meta.tables.links import own_outcomes
from bmac_meta.tables.schema import TableSchema
from bmac_meta.tables.wording import count, listed, value_shown

_LAST_RANK = 9


def add_tables(draft: Draft) -> Draft:
    """Add arms, studies and instruments that the folder implies but does not list."""
    return _add_instruments(_add_studies(_add_arms(draft)))


def direction_faults(draft: Draft) -> list[Fault]:
    """Return a fault for each outcome of the person's own whose rows disagree on which way is better."""
    return [
        _direction_fault(draft.package.table(table).file, rows)
        for table in ("outcomes", "contrasts")
        for _, rows in _own_rows(draft, table)
        if rows["higher_is_better"].nunique() > 1
    ]


def _direction_fault(file: str, rows: pd.DataFrame) -> Fault:
    ways = rows["higher_is_better"].dropna()
    other = ways[ways != ways.iloc[0]]
    found = f"{value_shown(bool(other.iloc[0]))}, but {value_shown(bool(ways.iloc[0]))} in row {ways.index[0]}"
    expected = f"one direction for {rows['outcome'].iloc[0]!r}"
    remedy = "Correct one of them, or give the two outcomes two codes."
    return Fault(file, int(other.index[0]), "higher_is_better", found, expected, remedy)


def _own_rows(draft: Draft, table: str) -> list[tuple[str, pd.DataFrame]]:
    frame = draft.frames[table]
    return list(frame[frame["outcome"].isin(own_outcomes(draft, table))].groupby("outcome", sort=False))


def _add_arms(draft: Draft) -> Draft:
    """Without arms.csv the arms of contrasts are the interventions that they name."""
    if "arms" in draft.sheets:
        return draft
    contrasts, schema = draft.frames["contrasts"], draft.package.table("contrasts")
    no_arms = {word for key in schema.foreign_keys for word in key.exempt}
    sides = [contrasts[["study_id", side]].rename(columns={side: "arm_id"}) for side in ("arm_a", "arm_b")]
    arms = pd.concat(sides).sort_index(kind="stable")
    arms = arms[~arms["arm_id"].isin(no_arms)].drop_duplicates()
    frame = _whole_frame(draft.package.table("arms"), arms.assign(intervention=arms["arm_id"]))
    note = f"arms.csv is not there: {count(len(frame), 'arm')} made from the interventions of contrasts.csv."
    return draft.with_frame("arms", frame, note)


def _add_studies(draft: Draft) -> Draft:
    if "studies" in draft.sheets:
        return draft
    with_studies = [schema.name for schema in draft.given() if schema.field("study_id")]
    named = pd.concat([draft.frames[table]["study_id"] for table in with_studies]).dropna().drop_duplicates()
    columns = pd.DataFrame(dict.fromkeys(("study_id", "label", "cohort_id"), named))
    studies = f"{len(named)} {'study' if len(named) == 1 else 'studies'}"
    note = f"studies.csv is not there: {studies} made from study_id."
    return draft.with_frame("studies", _whole_frame(draft.package.table("studies"), columns), note)


def _add_instruments(draft: Draft) -> Draft:
    """Add the outcomes that only the rows of the folder describe, without a domain and last in rank."""
    own = {code: rows for table in ("contrasts", "outcomes") for code, rows in _own_rows(draft, table)}
    if not own:
        return draft
    described = pd.DataFrame([_instrument(code, rows) for code, rows in own.items()])
    described.index = [int(rows.index[0]) for rows in own.values()]
    added = _whole_frame(draft.package.table("instruments"), described)
    note = f"Outcomes known from their own rows only, without a domain: {listed(own)}."
    return draft.with_frame("instruments", pd.concat([draft.frames["instruments"], added]), note)


def _instrument(code: str, rows: pd.DataFrame) -> dict[str, object]:
    ends = [name for name in ("scale_min", "scale_max") if name in rows and rows[name].nunique() == 1]
    scale = {name: rows[name].dropna().iloc[0] for name in ends}
    better = rows["higher_is_better"].dropna().iloc[0]
    return {
        "outcome": code,
        "label": code,
        "higher_is_better": better,
        "preferred_rank": _LAST_RANK,
        **scale,
    }


def _whole_frame(schema: TableSchema, columns: pd.DataFrame) -> pd.DataFrame:
    """Return some columns of a table inside its whole frame, with its types."""
    names = [field.name for field in schema.fields]
    return columns.reindex(columns=names).astype(empty_frame(schema).dtypes).rename_axis("row")
