"""Many questions, one row each: trials, patients, effect, interval, prediction interval and a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Grid, Shown
from bmac_meta.numbers import count_noun
from bmac_meta.question import Question
from bmac_meta.results.pooled import Pooled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False, eq=False)
class Summary(Shown):
    """The answers to many questions, in order; a question without an answer says why.

    `questions` and `answers` go together; an answer is None where nothing could be pooled, and `reasons` says why
    (empty where there is an answer).
    """

    questions: tuple[Question, ...]
    answers: tuple[Pooled | None, ...]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.questions)

    def tidy(self) -> pd.DataFrame:
        """Return a row per question, with its sentence."""
        return pd.DataFrame([_row(*entry) for entry in self._entries()], columns=list(COLUMNS))

    def sentences(self) -> tuple[str, ...]:
        """Return one plain sentence per question, made from its numbers."""
        return tuple(_sentence(*entry) for entry in self._entries())

    def _entries(self) -> list[tuple[Question, Pooled | None, str]]:
        return list(zip(self.questions, self.answers, self.reasons, strict=True))

    def card(self) -> Card:
        """Return the answers as a card."""
        headings = ("question", "trials", "patients", "effect", "95% CI", "95% PI")
        rows = tuple(_cells(*entry) for entry in self._entries())
        notes = tuple(f"{q.title}: {reason}" for q, _, reason in self._entries() if reason and reason != NO_TRIAL)
        return Card("Evidence summary", count_noun(len(self), "question"), (), (Grid(headings, rows),), notes)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw one diamond per question; `save` also writes the figure with its table."""
        from bmac_meta.results import summary_plots  # matplotlib is slow to import

        return summary_plots.forest_of_summary(self, save, **options)


NO_TRIAL = "no trial that can be used"
COLUMNS = (
    "treatment",
    "comparator",
    "outcome",
    "when",
    "measure",
    "trials",
    "patients",
    "estimate",
    "ci_low",
    "ci_high",
    "pi_low",
    "pi_high",
    "tau",
    "i2",
    "sentence",
)


def _row(question: Question, answer: Pooled | None, reason: str) -> tuple[Any, ...]:
    asked = (question.treatment, question.comparator, question.outcome, question.when, question.measure)
    if answer is None:
        return (*asked, 0, 0, *(math.nan,) * 7, _sentence(question, answer, reason))
    fit = answer.fit
    shown = (answer.shown(v) for v in (fit.estimate, fit.ci_low, fit.ci_high, fit.pi_low, fit.pi_high))
    spread = (math.sqrt(fit.tau2) if answer.k > 1 else math.nan, fit.i2)
    return (*asked, answer.k, answer.patients, *shown, *spread, _sentence(question, answer, reason))


def _sentence(question: Question, answer: Pooled | None, reason: str) -> str:
    return f"{question.title}: {reason}" if answer is None else answer.sentence()


def _cells(question: Question, answer: Pooled | None, reason: str) -> tuple[str, ...]:
    if answer is None:
        return question.title, "0", "", "no trial" if reason == NO_TRIAL else "not pooled", "", ""
    fit = answer.fit
    prediction = "" if math.isnan(fit.pi_low) else answer.interval(fit.pi_low, fit.pi_high)
    effect = f"{answer.measure.code} {answer.number(fit.estimate)}"
    patients = "" if answer.patients is None else f"{answer.patients:,}"
    return question.title, str(answer.k), patients, effect, answer.interval(fit.ci_low, fit.ci_high), prediction
