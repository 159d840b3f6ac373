"""How an effect goes on: the same question at several times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Grid, Shown
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class TimeCourse(Shown):
    """One comparison at several windows of time; `windows` are (start, end) in months, each with its answer.

    An answer is None where no trial has a usable visit in the window. The answers are not independent: one trial
    is often in several of them.
    """

    windows: tuple[tuple[float, float], ...]
    answers: tuple[Pooled | None, ...]

    @property
    def first(self) -> Pooled:
        """The first window that has an answer."""
        return next(answer for answer in self.answers if answer is not None)

    def tidy(self) -> pd.DataFrame:
        """Return a row per window with an answer."""
        parts = zip(self.windows, self.answers, strict=True)
        frames = [a.tidy().assign(months_from=low, months_to=high) for (low, high), a in parts if a is not None]
        return pd.concat(frames, ignore_index=True)

    def card(self) -> Card:
        """Return the course as a card."""
        rows = tuple(_row(window, answer) for window, answer in zip(self.windows, self.answers, strict=True))
        question = self.first.question
        note = "trials recur from window to window, so the rows are not independent"
        headings = ("months", "trials", "patients", question.measure, "95% CI", "95% PI")
        return Card(f"{question.versus} · {question.outcome}", "over time", (), (Grid(headings, rows),), (note,))

    def draw(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the course; `save` also writes the figure with its table."""
        from bmac_meta.results import overviews  # matplotlib is slow to import

        return overviews.course_of_answers(self, save, **options)


def _row(window: tuple[float, float], answer: Pooled | None) -> tuple[str, ...]:
    months = f"over {window[0]:g}" if window[1] == float("inf") else f"over {window[0]:g} to {window[1]:g}"
    if answer is None:
        return months, "0", "", "", "", ""
    fit = answer.fit
    prediction = "" if fit.pi_low != fit.pi_low else answer.interval(fit.pi_low, fit.pi_high)
    patients = "" if answer.patients is None else f"{answer.patients:,}"
    return (
        months,
        str(answer.k),
        patients,
        answer.number(fit.estimate),
        answer.interval(fit.ci_low, fit.ci_high),
        prediction,
    )
