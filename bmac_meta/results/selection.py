"""What the pooled effect would be under selection by significance of several strengths."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_level, format_number
from bmac_meta.results.answer import bare_p
from bmac_meta.results.pooled import Pooled
from bmac_meta.stats.worst_case import SelectionRatioEstimate

NUMBERS = ("ratio", "estimate", "se", "df", "p_value", "ci_low", "ci_high", "tau2")


@dataclass(frozen=True, repr=False, eq=False)
class Selection(Shown):
    """The pooled effect for several ratios of the chances of publication; `pooled` is the one without selection.

    `fits` holds one for each ratio, `favored` the direction in which significant trials are taken to be published
    sooner, `source` where that is from, `alpha` the two-sided p below which a trial is significant.
    """

    pooled: Pooled
    fits: tuple[SelectionRatioEstimate, ...]
    favored: str
    source: str
    alpha: float
    level: float

    def tidy(self) -> pd.DataFrame:
        """Return a row per ratio, on the scale of pooling."""
        return pd.DataFrame([{name: getattr(fit, name) for name in NUMBERS} for fit in self.fits], columns=NUMBERS)

    def card(self) -> Card:
        """Return the effects as a card."""
        pooled = self.pooled
        fit = pooled.fit
        interval = f"{format_level(fit.level)} CI {pooled.interval(fit.ci_low, fit.ci_high)}"
        lines = (
            Line("pooled", pooled.number(fit.estimate), interval, pooled.favours or pooled.measure.label),
            Line("selection", aside=self._words()),
            Line("method", aside="weights by the inverse chance of publication; robust (CR2), Satterthwaite's df"),
        )
        headings = ("times likelier", pooled.measure.code, f"{format_level(self.level)} CI", "p", "verdict")
        grid = Grid(headings, tuple(self._row(each) for each in self.fits))
        return Card(pooled.question.title, f"selection · {count_noun(pooled.k, 'trial')}", lines, (grid,), pooled.notes)

    def _words(self) -> str:
        counts, alpha = self.fits[0], f"{self.alpha:g}".removeprefix("0")
        total = counts.affirmative + counts.nonaffirmative
        return f"{counts.affirmative} of {total} trials are {self.favored} with p < {alpha} ({self.source})"

    def _row(self, fit: SelectionRatioEstimate) -> tuple[str, ...]:
        pooled = self.pooled
        ratio = "∞ (worst case)" if math.isinf(fit.ratio) else format_number(fit.ratio, 0 if fit.ratio % 1 == 0 else 2)
        if math.isnan(fit.estimate):
            return ratio, "no trial left", "", "", ""
        if math.isnan(fit.se):
            return ratio, pooled.number(fit.estimate), "one trial left", "", ""
        interval = pooled.interval(fit.ci_low, fit.ci_high)
        return (
            ratio,
            pooled.number(fit.estimate),
            interval,
            bare_p(fit.p_value),
            pooled.verdict(fit.ci_low, fit.ci_high),
        )
