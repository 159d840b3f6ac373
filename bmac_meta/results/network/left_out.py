"""One comparison of a network without each trial, or without each direct comparison, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.copies import tables_as_copies
from bmac_meta.errors import check_word
from bmac_meta.numbers import format_number
from bmac_meta.results.network.terms import Terms, model_words
from bmac_meta.stats.network import LeftOut, NetworkFit, leave_one_comparison_out, leave_one_trial_out
from bmac_meta.stats.network.fit import quantile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = ("trial", "comparison")
EXACT = 9
"""Digits of a shift: what is smaller is rounding, and would order rows otherwise on another machine."""


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class WithoutEach(Shown):
    """One comparison, estimated without each trial or each direct comparison; `frame` has a row for each.

    `frame`: `label`, `trials` (that are left), `estimate`, `se`, `ci_low`, `ci_high`, `tau2`, `shift` (how far the
    estimate moves, in standard errors of the whole network's), on the scale of pooling; NaN where the rest no longer
    links the two. `whole` is estimate and limits from the whole network.
    """

    terms: Terms
    treatment: str
    comparator: str
    by: str
    frame: pd.DataFrame
    whole: tuple[float, float, float]
    trials: int
    tau2: float
    method: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def title(self) -> str:
        """The question in a line."""
        return self.terms.pair(self.treatment, self.comparator).title

    def tidy(self) -> pd.DataFrame:
        """Return the table, the row that moves the estimate most first."""
        return self.frame

    def card(self) -> Card:
        """Return the comparison without each as a card, the row that moves it most first."""
        rows = tuple(self._cells(row) for row in self.frame.itertuples())
        whole = (
            "nothing left out",
            str(self.trials),
            self.terms.estimate(*self.whole),
            "",
            self.terms.spread(self.tau2),
        )
        headings = (f"without {self.by}", "trials", f"{self.terms.code} ({self.terms.percent} CI)", "moved by", "τ")
        lines = (
            Line("method", aside=self.method),
            Line("moved by", aside="in standard errors of the whole network's estimate"),
        )
        return Card(
            f"{self.title} · network", f"without each {self.by}", lines, (Grid(headings, (whole, *rows)),), self.notes
        )

    def _cells(self, row: Any) -> tuple[str, ...]:
        text = self.terms.estimate(row.estimate, row.ci_low, row.ci_high) or "no longer linked"
        return str(row.label), str(row.trials), text, format_number(row.shift, 2), self.terms.spread(row.tau2)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the comparison without each, one below the other; `save` also writes the figure with its table."""
        from bmac_meta.results.network import forests  # matplotlib is slow to import

        return forests.forest_without_each(self, save, **options)


def without_each(
    terms: Terms, fit: NetworkFit, pair: tuple[int, int], by: str, order: tuple[int, ...], notes: tuple[str, ...] = ()
) -> WithoutEach:
    """Refit a network without each trial or comparison and keep what it says of one pair of treatments."""
    check_word("way of leaving out", by, WAYS)
    left = leave_one_trial_out(fit) if by == "trial" else leave_one_comparison_out(fit)
    a, b = pair
    frame = _frame(terms, left, fit, (a, b), order)
    whole = tuple(float(matrix[a, b]) for matrix in (fit.estimate, fit.ci_low, fit.ci_high))
    method = (
        f"{model_words(fit)}; τ² estimated anew each time"
        if fit.tau2_method not in ("given", "none")
        else model_words(fit)
    )
    names = fit.treatments
    return WithoutEach(terms, names[a], names[b], by, frame, whole, len(fit.data.trials), fit.tau2, method, notes)


def _frame(terms: Terms, left: LeftOut, fit: NetworkFit, pair: tuple[int, int], order: tuple[int, ...]) -> pd.DataFrame:
    a, b = pair
    place = {fit.treatments[treatment]: at for at, treatment in enumerate(order)}
    estimate, se = left.estimate[:, a, b], left.se[:, a, b]
    df = np.full(len(left.names), np.inf) if np.isinf(fit.df) else left.df.astype(float)
    margin = np.array([quantile(float(d), fit.level) if d > 0 else np.nan for d in df]) * se
    labels = [
        name if isinstance(name, str) else terms.versus(*sorted(name, key=place.__getitem__)) for name in left.names
    ]
    shift = np.round((estimate - fit.estimate[a, b]) / fit.se[a, b], EXACT) + 0.0
    numbers = {"estimate": estimate, "se": se, "ci_low": estimate - margin, "ci_high": estimate + margin}
    frame = pd.DataFrame({"label": labels, "trials": left.trials, **numbers, "tau2": left.tau2, "shift": shift})
    first = np.argsort(-np.nan_to_num(np.abs(shift), nan=np.inf), kind="stable")
    return frame.iloc[first].reset_index(drop=True)
