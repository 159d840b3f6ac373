"""A folder on its way to tables: what was read, and the frames made of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from bmac_meta.tables.read import Sheet
from bmac_meta.tables.schema import Package, TableSchema


@dataclass(frozen=True, slots=True)
class Draft:
    """Is what is known of a folder between reading and answering: its sheets, all frames, the notes."""

    package: Package
    sheets: Mapping[str, Sheet]
    frames: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = ()

    def given(self) -> tuple[TableSchema, ...]:
        """Return the schemas of the tables that the folder itself holds."""
        return tuple(schema for schema in self.package.tables if schema.name in self.sheets)

    def gives(self, table: str, column: str) -> bool:
        """Return whether the folder itself holds this column."""
        return table in self.sheets and column in self.sheets[table].columns

    def with_frame(self, table: str, frame: pd.DataFrame, *notes: str) -> Draft:
        """Return a draft in which one frame is another."""
        return replace(self, frames={**self.frames, table: frame}, notes=self.notes + notes)
