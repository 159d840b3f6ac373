"""What the p values of trials say together, where nothing more is to be had of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Grid, Line
from bmac_meta.numbers import count_noun, format_number, format_p
from bmac_meta.question import Question
from bmac_meta.results.answer import Answer, bare_p
from bmac_meta.stats import Albatross as Contours
from bmac_meta.stats import CombinedP as Combination

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = {"stouffer": "Stouffer's sum of normal deviates", "fisher": "Fisher's sum of logarithms"}
CAUTION = "a combined p says that some trial has an effect, not how large it is nor that it is common to all"


@dataclass(frozen=True, repr=False, eq=False)
class CombinedP(Answer):
    """The p value of all trials together, two-sided; `weighted` says by what trials were weighted, empty for not."""

    question: Question
    fit: Combination
    rows: pd.DataFrame
    left_out: pd.DataFrame
    weighted: str = ""
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row; `statistic` has the sign of the effects that it speaks for."""
        names = ("statistic", "p_value", "log_p_value", "k", "method", "two_sided")
        return pd.DataFrame([{"question": self.question.title} | {name: getattr(self.fit, name) for name in names}])

    def card(self) -> Card:
        """Return the answer as a card."""
        fit = self.fit
        below, above = self.question.sides
        side = above if fit.statistic > 0 else below
        toward = f"toward {side}" if side else f"toward {'positive' if fit.statistic > 0 else 'negative'} effects"
        how = METHODS[fit.method] + (f", weighted by {self.weighted}" if self.weighted else "")
        lines = (
            Line("together", format_p(fit.p_value), f"z = {format_number(fit.statistic)}", toward),
            Line("method", aside=f"{how}; two-sided"),
            *self.left_out_lines(),
        )
        aside = f"p values combined · {count_noun(fit.k, 'trial')}"
        return Card(self.question.title, aside, lines, (), (CAUTION, *self.notes))


@dataclass(frozen=True, repr=False, eq=False)
class Albatross(Answer):
    """Trial size against p value, with contours of the effects that would give such a p in a trial of that size.

    Source: Harrison et al. 2017 (doi:10.1002/jrsm.1239). `assumed` is what the contours take for granted, in words.
    """

    question: Question
    fit: Contours
    p_values: tuple[float, ...]
    rows: pd.DataFrame
    left_out: pd.DataFrame
    assumed: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return a row per trial: p, size, and the direction times −log₁₀ p."""
        columns = {"p_value": self.p_values, "size": self.fit.size, "signed_log10_p": self.fit.log10_p}
        return pd.DataFrame({"study": self.rows["study"].astype(str).to_numpy(), **columns})

    def contours(self) -> pd.DataFrame:
        """Return the contours, a row per effect and p: the size of a trial in which that effect has that p."""
        fit = self.fit
        parts = zip(fit.effects, fit.contour_size, strict=True)
        frames = [pd.DataFrame({"effect": e, "log10_p": fit.contour_log10_p, "size": sizes}) for e, sizes in parts]
        return pd.concat(frames, ignore_index=True)

    def card(self) -> Card:
        """Return the points as a card."""
        rows = tuple(
            (row.study, f"{row.size:,.0f}", bare_p(row.p_value), _direction(row.signed_log10_p))
            for row in self.tidy().itertuples()
        )
        effects = ", ".join(f"{effect:g}" for effect in self.fit.effects)
        taken = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in self.assumed.items())
        words = f"{self.fit.measure} {effects}" + (f", with {taken}" if taken else "")
        grid = Grid(("trial", "participants", "p", "effect"), rows)
        aside = f"albatross · {count_noun(len(rows), 'trial')}"
        return Card(
            self.question.title, aside, (Line("contours", aside=words), *self.left_out_lines()), (grid,), self.notes
        )

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the albatross plot; `save` also writes the figure with its table."""
        from bmac_meta.results import funnels  # matplotlib is slow to import

        return funnels.albatross_of_p_values(self, save, **options)


def _direction(value: float) -> str:
    return "above" if value > 0 else "below" if value < 0 else "none"
