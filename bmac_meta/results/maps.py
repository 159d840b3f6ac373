"""How much evidence there is, and where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Grid, Shown
from bmac_meta.copies import tables_as_copies
from bmac_meta.numbers import count_noun

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class EvidenceCounts(Shown):
    """Counts of studies and of their patients by two properties.

    A study counts once in each cell that it is in, with all its patients; reports of one cohort count them once.
    """

    title: str
    rows: str
    columns: str
    studies: pd.DataFrame
    patients: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """Return a row per cell, empty cells included."""
        long = self.studies.stack().rename("studies").reset_index()
        long.columns = [self.rows, self.columns, "studies"]
        return long.assign(patients=self.patients.stack().to_numpy())

    def card(self) -> Card:
        """Return the counts as a card."""
        headings = (self.rows, *map(str, self.studies.columns))
        rows = tuple(
            (str(name), *(f"{count:,}" if count else "·" for count in row))
            for name, row in zip(self.studies.index, self.studies.to_numpy(), strict=True)
        )
        empty = int((self.studies == 0).to_numpy().sum())
        return Card(
            self.title, f"{empty} of {count_noun(self.studies.size, 'cell')} empty", (), (Grid(headings, rows),)
        )

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the map; `save` also writes the figure with its table."""
        from bmac_meta.results import overviews  # matplotlib is slow to import

        return overviews.map_of_counts(self, save, **options)

    def timeline(self, *, save: str | Path | None = None) -> Figure:
        """Draw the counts along their columns, which have to be years; `save` also writes the figure with its table."""
        from bmac_meta.results import overviews  # matplotlib is slow to import

        return overviews.timeline_of_counts(self, save)
