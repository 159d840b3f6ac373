"""Which design drives the inconsistency of a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_number
from bmac_meta.results.network.terms import Terms
from bmac_meta.stats.network import NetHeat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 8
ROUNDING = 1e-10
"""What is smaller is rounding, and would differ on another machine."""


@dataclass(frozen=True, repr=False, eq=False)
class Heat(Shown):
    """The net heat of a network: how much of each design's inconsistency vanishes when another is set free."""

    terms: Terms
    heat: NetHeat

    @property
    def designs(self) -> tuple[str, ...]:
        """The designs in words."""
        return tuple(" : ".join(self.terms.name(part) for part in design) for design in self.heat.designs)

    def tidy(self) -> pd.DataFrame:
        """Return a row per pair of designs: contribution, heat, and the row's share of Q between designs."""
        count = len(self.designs)
        row, column = (index.ravel() for index in np.indices((count, count)))
        names = np.array(self.designs, dtype=object)
        heat = self.heat
        cells = {"contribution": heat.contribution[row, column], "heat": heat.heat[row, column], "q": heat.q[row]}
        numbers = {name: np.where(np.abs(values) < ROUNDING, 0.0, values) for name, values in cells.items()}
        return pd.DataFrame({"design": names[row], "freed": names[column]} | numbers)

    def card(self) -> Card:
        """Return the hottest pairs of designs as a card."""
        table = self.tidy().sort_values("heat", ascending=False, kind="stable")
        table = table[table["heat"] > 0].head(LARGEST)
        rows = tuple(
            (str(e.design), str(e.freed), format_number(e.q, 2), format_number(e.heat, 2)) for e in table.itertuples()
        )
        total = Line(
            "inconsistency",
            aside=f"Q between designs {format_number(float(self.heat.q.sum()), 2)}, τ² taken as {self.heat.tau2:.3g}",
        )
        grid = Grid(("design", "set free", "its Q", "Q that vanishes"), rows)
        none = () if rows else ("no design's inconsistency vanishes when another is set free",)
        return Card(
            f"Net heat · {self.terms.question.title}",
            count_noun(len(self.designs), "design"),
            (total,),
            (grid,) if rows else (),
            none,
        )

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the net heat plot; `save` also writes the figure with its table."""
        from bmac_meta.results.network import pictures  # matplotlib is slow to import

        return pictures.heat_of(self, save, **options)
