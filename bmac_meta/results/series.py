"""Pooled effects in a row: each trial left out in turn, or trials added one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Grid, Shown
from bmac_meta.numbers import format_level
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Series(Shown):
    """Pooled effects of several sets of the same trials, one row each; `pooled` is the one of all trials.

    `frame` has `label`, `k`, `estimate`, `se`, `ci_low`, `ci_high`, `pi_low`, `pi_high`, `tau2`, `i2`, `q` on the
    scale of pooling; `heading` says what the rows are.
    """

    heading: str
    frame: pd.DataFrame
    pooled: Pooled

    def __len__(self) -> int:
        return len(self.frame)

    def tidy(self) -> pd.DataFrame:
        """Return the table of pooled effects."""
        return self.frame.copy()

    def card(self) -> Card:
        """Return the series as a card."""
        pooled = self.pooled
        rows = tuple(
            (
                str(row.label),
                str(row.k),
                pooled.number(row.estimate),
                pooled.interval(row.ci_low, row.ci_high),
                pooled.spread(row.tau2),
                f"{row.i2:.0f}%" if row.i2 == row.i2 else "",
            )
            for row in self.frame.itertuples()
        )
        headings = (self.heading, "trials", pooled.measure.code, f"{format_level(pooled.fit.level)} CI", "τ", "I²")
        return Card(pooled.question.title, self.heading, (), (Grid(headings, rows),), pooled.notes)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the pooled effects one below the other; `save` also writes the figure with its table."""
        from bmac_meta.results import forests  # matplotlib is slow to import

        return forests.forest_of_series(self, save, **options)
