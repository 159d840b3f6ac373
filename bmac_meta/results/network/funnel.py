"""The comparison-adjusted funnel of a network, with its test of asymmetry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Line, Shown
from bmac_meta.numbers import count_noun, format_interval, format_number, format_p
from bmac_meta.results.network.terms import Terms
from bmac_meta.stats.network import AdjustedFunnel, FunnelRegression

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class NetworkFunnel(Shown):
    """Effects minus the pool of their comparison, by standard error; `reason` says why there is no test."""

    terms: Terms
    funnel: AdjustedFunnel
    names: tuple[tuple[str, str, str], ...]
    regression: FunnelRegression | None
    reason: str = ""

    def tidy(self) -> pd.DataFrame:
        """Return a row per contrast: trial, the two treatments, adjusted effect and standard error."""
        study, first, second = zip(*self.names, strict=True) if self.names else ((), (), ())
        columns = {"study": study, "treatment": first, "comparator": second}
        return pd.DataFrame(columns | {"adjusted": self.funnel.adjusted, "se": self.funnel.se})

    def verdict(self) -> str:
        """Write the test of asymmetry, or why there is none."""
        test = self.regression
        if test is None:
            return self.reason
        slope = f"{format_number(test.slope, 2)} ({format_interval(test.ci_low, test.ci_high)})"
        t = f"t({test.df}) = {format_number(test.statistic, 2)}, {format_p(test.p_value)}"
        return f"effect per unit of standard error {slope}, {t}"

    def card(self) -> Card:
        """Return the test of asymmetry as a card."""
        trials = np.unique(self.funnel.trial).size
        points = f"{count_noun(len(self.names), 'contrast')} of {count_noun(trials, 'trial')}"
        order = " < ".join(self.terms.name(name) for name in self.funnel.order)
        lines = (
            Line("points", aside=f"{points}; comparisons with one trial stand at 0 and are not shown"),
            Line("order", aside=f"small trials are expected to favour the earlier: {order}"),
            Line("Egger's test", aside=self.verdict()),
        )
        return Card(f"Comparison-adjusted funnel · {self.terms.question.title}", "", lines)

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the funnel; `save` also writes the figure with its table."""
        from bmac_meta.results.network import pictures  # matplotlib is slow to import

        return pictures.funnel_of(self, save, **options)
