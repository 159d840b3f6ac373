"""Subgroups of trials, each pooled, with the test of their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta import stats
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_level, format_number, format_p
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Subgroups(Shown):
    """The pooled effect of each subgroup, of all trials, and the test of difference between subgroups.

    `test` is the one that belongs to the chosen tau2 (separate or common), `other_test` the other, None where each
    subgroup is one trial and leaves nothing to estimate a common tau2 from.
    """

    column: str
    labels: tuple[Any, ...]
    parts: tuple[Pooled, ...]
    overall: Pooled
    test: stats.Subgroups
    other_test: stats.Subgroups | None

    @property
    def difference(self) -> str:
        """The test of difference in words."""
        return _test_words(self.test)

    def tidy(self) -> pd.DataFrame:
        """Return a row per subgroup and one for all trials."""
        frames = [part.tidy().assign(subgroup=label) for label, part in zip(self.labels, self.parts, strict=True)]
        return pd.concat([*frames, self.overall.tidy().assign(subgroup="all")], ignore_index=True)

    def card(self) -> Card:
        """Return the subgroups as a card."""
        everyone = zip((*self.labels, "all trials"), (*self.parts, self.overall), strict=True)
        rows = tuple(_row(str(label), part, self.overall) for label, part in everyone)
        level = f"{format_level(self.overall.fit.level)}"
        headings = (str(self.column), "trials", self.overall.measure.code, f"{level} CI", f"{level} PI", "τ")
        lines = (Line("difference", aside=self.difference), Line("", aside=_other_words(self.other_test)))
        aside = f"by {str(self.column).replace('_', ' ')} · {count_noun(len(self.parts), 'subgroup')}"
        return Card(self.overall.question.title, aside, lines, (Grid(headings, rows),), self.overall.notes)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the trials by subgroup; `save` also writes the figure with its table."""
        from bmac_meta.results import forests  # matplotlib is slow to import

        return forests.forest_of_subgroups(self, save, **options)


def _row(label: str, part: Pooled, overall: Pooled) -> tuple[str, ...]:
    # Digits are those of all trials; shares are transformed back with the sizes of the part's own.
    fit, words = part.fit, part if part.measure.needs_n else overall
    prediction = "needs 3 trials" if math.isnan(fit.pi_low) else words.interval(fit.pi_low, fit.pi_high)
    return (
        label,
        str(part.k),
        words.number(fit.estimate),
        words.interval(fit.ci_low, fit.ci_high),
        prediction,
        words.spread(fit.tau2),
    )


def _other_words(test: stats.Subgroups | None) -> str:
    if test is None:
        return "test of difference, common τ²: each subgroup is one trial, which leaves nothing to estimate it from"
    return _test_words(test)


def _test_words(test: stats.Subgroups) -> str:
    tau2 = "common τ²" if test.common_tau2 else "separate τ²"
    if math.isnan(test.p_value):
        return f"test of difference, {tau2}: cannot be computed for {count_noun(len(test.labels), 'subgroup')}"
    name = f"χ²({test.df})" if math.isinf(test.df2) else f"F({test.df}, {test.df2:g})"
    return f"test of difference, {tau2}: {name} = {format_number(test.q_between, 2)}, {format_p(test.p_value)}"
