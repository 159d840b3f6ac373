"""What each comparison says directly, what the rest of the network says, and whether the two agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_p, format_percent
from bmac_meta.results.network.terms import Terms, q_words
from bmac_meta.stats.network import NodeSplit, QDecomposition
from bmac_meta.stats.network.fit import quantile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHOD_WORDS = {
    "back-calculation": "indirect evidence by back-calculation",
    "side-split": "indirect evidence by a side-splitting model",
    "design-split": "indirect evidence from the trials that do not compare the two",
}
SHOWN_WORDS = {
    None: "all comparisons",
    "both": "with direct and indirect evidence",
    "indirect": "indirect evidence alone",
    "direct": "direct evidence alone",
}
KINDS = ("both", "direct", "indirect")
PARTS = ("direct", "indirect", "network")


@dataclass(frozen=True, repr=False, eq=False)
class Consistency(Shown):
    """Direct, indirect and network evidence of every comparison, with the test of their difference.

    `split` holds the numbers, `designs` the decomposition of Q, `order` the positions of the treatments, the best
    first, `df` the degrees of freedom of the intervals; `only` narrows what is shown to comparisons with "both" kinds
    of evidence, "direct" or "indirect" alone.
    """

    terms: Terms
    split: NodeSplit
    designs: QDecomposition
    order: tuple[int, ...]
    df: float = np.inf
    notes: tuple[str, ...] = ()
    only: str | None = None

    @cached_property
    def pairs(self) -> tuple[tuple[int, bool], ...]:
        """The rows of `split` that are shown, each with whether its sides are exchanged, the better treatment first."""
        place = {treatment: at for at, treatment in enumerate(self.order)}
        ends = zip(self.split.first.tolist(), self.split.second.tolist(), strict=True)
        found = [
            (min(place[a], place[b]), max(place[a], place[b]), i, place[a] > place[b]) for i, (a, b) in enumerate(ends)
        ]
        return tuple((i, turned) for *_, i, turned in sorted(found) if self.only in (None, self.kind(i)))

    def kind(self, row: int) -> str:
        """Tell which evidence a comparison has: "both", "direct" or "indirect"."""
        if not self.split.trials[row]:
            return "indirect"
        return "direct" if np.isnan(self.split.indirect[row]) else "both"

    def tested(self) -> Consistency:
        """Keep the comparisons with both kinds of evidence."""
        return replace(self, only="both")

    def indirect_only(self) -> Consistency:
        """Keep the comparisons that no trial makes: what they say rests on other comparisons alone."""
        return replace(self, only="indirect")

    def direct_only(self) -> Consistency:
        """Keep the comparisons that nothing but their own trials inform."""
        return replace(self, only="direct")

    def names(self, row: int, turned: bool) -> tuple[str, str]:
        """Return the two treatments of a comparison."""
        ends = self.split.treatments[self.split.first[row]], self.split.treatments[self.split.second[row]]
        return ends[::-1] if turned else ends

    def numbers(self, row: int, turned: bool, part: str) -> tuple[float, float, float]:
        """Return estimate and limits of one part of the evidence, on the scale of pooling; NaN where there is none."""
        middle = float(getattr(self.split, part)[row])
        margin = self._margin(row, part)
        middle = -middle if turned else middle
        return middle, middle - margin, middle + margin

    def _margin(self, row: int, part: str) -> float:
        return self._quantile * float(getattr(self.split, f"{part}_se")[row])

    @cached_property
    def _quantile(self) -> float:
        return quantile(self.df, self.terms.level)

    def tidy(self) -> pd.DataFrame:
        """Return a row per comparison that is shown, on the scale of pooling."""
        return pd.DataFrame([self._record(row, turned) for row, turned in self.pairs], columns=_columns())

    def _record(self, row: int, turned: bool) -> tuple[Any, ...]:
        split = self.split
        sign = -1.0 if turned else 1.0
        parts = [value for part in PARTS for value in self.numbers(row, turned, part)]
        test = (sign * split.difference[row], split.difference_se[row], split.p_value[row])
        counts = (int(split.trials[row]), float(split.share_direct[row]), self.kind(row))
        return (*self.names(row, turned), *counts, *parts, *test)

    def card(self) -> Card:
        """Return the evidence of each comparison as a card."""
        parts = self.designs
        between = q_words(parts.between_random, "Q") if parts.between.df else "no loop of designs"
        same = "the same τ in all parts" if np.ptp(self.split.tau2) == 0 else "τ estimated anew for each split"
        lines = (
            Line("method", aside=f"{METHOD_WORDS[self.split.method]}; {same}"),
            Line("whole network", aside=f"design-by-treatment test with random effects: {between}"),
            Line("evidence", aside=self._counts()),
        )
        shown = [pair for pair in self.pairs if self.only is not None or self.kind(pair[0]) != "indirect"]
        grids = (self._grid(shown),) if shown else ()
        title = f"Consistency · {self.terms.question.title}"
        return Card(title, SHOWN_WORDS[self.only], lines, grids, self.notes)

    def _counts(self) -> str:
        kinds = [self.kind(row) for row in range(len(self.split.first))]
        both, direct, indirect = (kinds.count(kind) for kind in KINDS)
        told = f"{both} direct and indirect, {direct} direct alone, {indirect} indirect alone"
        return f"of {count_noun(len(kinds), 'comparison')}, {told}"

    def _grid(self, pairs: list[tuple[int, bool]]) -> Grid:
        rows = tuple(self._cells(row, turned) for row, turned in pairs)
        headings = ("comparison", "trials", "direct", "indirect", "network", "share direct", "difference")
        hidden = len(self.pairs) - len(pairs)
        more = f"; {count_noun(hidden, 'comparison')} without a trial: see .indirect_only()" if hidden else ""
        return Grid(headings, rows, f"{self.terms.code} ({self.terms.percent} CI){more}")

    def _cells(self, row: int, turned: bool) -> tuple[str, ...]:
        evidence = (self.terms.estimate(*self.numbers(row, turned, part)) or "·" for part in PARTS)
        trials, share = int(self.split.trials[row]), float(self.split.share_direct[row])
        return (
            self.terms.versus(*self.names(row, turned)),
            str(trials),
            *evidence,
            format_percent(share, 0),
            self.verdict(row),
        )

    def verdict(self, row: int) -> str:
        """Write the p value of the difference between direct and indirect evidence, or why there is none."""
        p = float(self.split.p_value[row])
        return (
            format_p(p)
            if p == p
            else {"direct": "no indirect evidence", "indirect": "no direct evidence"}.get(self.kind(row), "")
        )

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw direct, indirect and network evidence below each other; `save` also writes the figure with its table."""
        from bmac_meta.results.network import forests  # matplotlib is slow to import

        return forests.forest_of_split(self, save, **options)


def _columns() -> list[str]:
    numbers = [f"{part}{end}" for part in PARTS for end in ("", "_ci_low", "_ci_high")]
    return [
        "treatment",
        "comparator",
        "trials",
        "share_direct",
        "evidence",
        *numbers,
        "difference",
        "difference_se",
        "p_value",
    ]
