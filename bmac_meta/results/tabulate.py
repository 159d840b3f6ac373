"""Several answers side by side, under names of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Grid, Shown
from bmac_meta.errors import InputError
from bmac_meta.results.pooled import Pooled


@dataclass(frozen=True, repr=False, eq=False)
class Table(Shown):
    """Answers side by side, each under its name."""

    names: tuple[str, ...]
    answers: tuple[Pooled, ...]

    def tidy(self) -> pd.DataFrame:
        """Return a row per answer, with its name first."""
        frames = [answer.tidy().assign(name=name) for name, answer in zip(self.names, self.answers, strict=True)]
        table = pd.concat(frames, ignore_index=True)
        return table[["name", *(column for column in table.columns if column != "name")]]

    def card(self) -> Card:
        """Return the answers as a card."""
        rows = tuple(_row(name, answer) for name, answer in zip(self.names, self.answers, strict=True))
        headings = ("", "trials", "measure", "estimate", "95% CI", "95% PI", "τ")
        return Card(self.answers[0].question.title, "side by side", (), (Grid(headings, rows),))


def tabulate(answers: Mapping[str, Pooled]) -> Table:
    """Return several answers side by side; raises `InputError` where there is none."""
    if not isinstance(answers, Mapping) or not answers or not all(isinstance(one, Pooled) for one in answers.values()):
        raise InputError("tabulate needs a mapping from names to pooled answers: {'r = 0.5': effects.pool()}.")
    return Table(tuple(map(str, answers)), tuple(answers.values()))


def _row(name: str, answer: Pooled) -> tuple[str, ...]:
    fit = answer.fit
    prediction = "" if fit.pi_low != fit.pi_low else answer.interval(fit.pi_low, fit.pi_high)
    effect, interval = answer.number(fit.estimate), answer.interval(fit.ci_low, fit.ci_high)
    return name, str(answer.k), answer.measure.code, effect, interval, prediction, answer.spread(fit.tau2)
