"""Columns that a folder leaves out and the schema can fill, each with a note that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from bmac_meta.tables.cells import cell_value
from bmac_meta.tables.draft import Draft
from bmac_meta.tables.duplicates import QUANTITIES
from bmac_meta.tables.schema import Field, TableSchema
from bmac_meta.tables.wording import plain


def fill_columns(draft: Draft) -> Draft:
    """Fill the columns that the folder's tables lack and the schema has a fallback for; keys come last."""
    for schema in draft.given():
        absent = [field for field in schema.fields if field.fallback and not draft.gives(schema.name, field.name)]
        for field in sorted(absent, key=lambda field: field.fallback.generated):
            draft = _fill(draft, schema, field)
    return draft


def row_ids(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return a key for each row, made of its identifying cells; repeated ones are numbered."""
    parts = zip(*(_parts(frame[name]) for name in columns), strict=True)
    series = pd.Series([".".join(filter(None, row)) for row in parts], index=frame.index, dtype="str")
    if series.is_unique:
        return series
    rank = series.groupby(series).cumcount() + 1
    return series.where(rank == 1, series + "." + rank.astype("str"))


def _parts(column: pd.Series) -> list[str]:
    missing = "" if str(column.name).startswith("subgroup") else "na"
    cells = column.astype(object).where(column.notna(), None).tolist()
    parts = {cell: missing if cell is None else _part(cell) for cell in set(cells)}
    return [parts[cell] for cell in cells]


def _part(cell: object) -> str:
    if isinstance(cell, float):
        return plain(cell).replace(".", "p")
    return re.sub(r"\s+", "_", str(cell))


def _fill(draft: Draft, schema: TableSchema, field: Field) -> Draft:
    frame = draft.frames[schema.name]
    if field.fallback.generated:
        values, words = row_ids(frame, QUANTITIES[schema.name].columns), "it is made from the other columns"
    elif field.fallback.copy_of:
        values, words = frame[field.fallback.copy_of], f"{field.fallback.copy_of} stands in its place"
    else:
        values, words = _constant(frame, field)
    if not values.notna().any():
        return draft
    note = f"{schema.file} has no column {field.name}: {words}."
    return draft.with_frame(schema.name, frame.assign(**{field.name: values}), note)


def _constant(frame: pd.DataFrame, field: Field) -> tuple[pd.Series, str]:
    fallback, empty = field.fallback, frame[field.name]
    if fallback.where_given is None:
        return empty.fillna(cell_value(fallback.value, field, frozenset())), f"every row is taken as {fallback.value}"
    given = frame[fallback.where_given].notna()
    words = f"rows with {fallback.where_given} are taken as {fallback.value}"
    return empty.mask(given, cell_value(fallback.value, field, frozenset())), words
