"""The effects of components: what each part of a combined treatment adds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.numbers import count_noun, format_p
from bmac_meta.results.network.terms import Terms, q_words
from bmac_meta.stats.network import AdditiveFit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Additive(Shown):
    """An additive component model: the effect of a combination is the sum of the effects of its parts.

    `fit` holds the numbers, `inactive` the treatment without components (None where there is none).
    """

    terms: Terms
    fit: AdditiveFit
    inactive: str | None
    trials: int
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> str:
        """What the component effects are effects against, in words."""
        return f"against {self.terms.name(self.inactive)}" if self.inactive else "of adding it"

    def tidy(self) -> pd.DataFrame:
        """Return a row per component, on the scale of pooling; NaN where the network cannot tell it from others."""
        fit = self.fit
        numbers = {name: getattr(fit, name) for name in ("estimate", "se", "ci_low", "ci_high", "p_value")}
        treatments = [", ".join(self._with(i)) for i in range(len(fit.components))]
        return pd.DataFrame({"component": fit.components, **numbers, "treatments": treatments})

    def _with(self, component: int) -> list[str]:
        has = np.flatnonzero(self.fit.composition[:, component])
        return [self.fit.treatments[i] for i in has]

    def verdict(self) -> str:
        """Write the test of additivity, or why there is none."""
        q = self.fit.q_difference_random
        if not q.df:
            return "cannot be tested: no trial beyond those that the sums need"
        return f"{q_words(q, 'Q')} at the network's τ²; {q_words(self.fit.q_difference, 'Q')} under a common effect"

    def card(self) -> Card:
        """Return the components as a card."""
        rows = tuple(self._cells(i) for i in range(len(self.fit.components)))
        tau = self.terms.spread(self.fit.tau2) or "not estimable"
        lines = (
            Line("model", aside=f"a combination is the sum of its components; effects {self.baseline}"),
            Line("additivity", aside=self.verdict()),
            Line("between trials", aside=f"τ = {tau} ({self.fit.tau2_method}), {q_words(self.fit.q)}"),
        )
        headings = ("component", self.terms.code, f"{self.terms.percent} CI", "p", "in treatments")
        aside = f"{count_noun(len(rows), 'component')} · {count_noun(self.trials, 'trial')}"
        return Card(f"Components · {self.terms.question.title}", aside, lines, (Grid(headings, rows),), self.notes)

    def _cells(self, i: int) -> tuple[str, ...]:
        fit, terms = self.fit, self.terms
        inside = ", ".join(terms.name(name) for name in self._with(i))
        if not fit.identified[i]:
            return terms.name(fit.components[i]), "not identified", "", "", inside
        p = format_p(float(fit.p_value[i])).removeprefix("p ").removeprefix("= ")
        ci = terms.interval(float(fit.ci_low[i]), float(fit.ci_high[i]))
        return terms.name(fit.components[i]), terms.number(float(fit.estimate[i])), ci, p, inside

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the effect of each component; `save` also writes the figure with its table."""
        from bmac_meta.results.network import forests  # matplotlib is slow to import

        return forests.forest_of_components(self, save, **options)
