"""What a sceptic asks of a pooled effect, each question answered or refused with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.card import Card, Line, Shown
from bmac_meta.numbers import count_noun, format_level
from bmac_meta.results.pooled import Pooled
from bmac_meta.results.sayings import SAYINGS, Said
from bmac_meta.stats.fail_safe import WARNING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

S_VALUE = (
    "S-value: how many times likelier trials with a significant effect on the favored side would have to be "
    "published to move the estimate (and the near end of the interval) to no effect; ∞ where no ratio does"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A question that cannot be answered, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The pool without some of its trials.

    `kinds` are (word, share of the weight) of the trials in question, `studies` their labels, `share` the share of
    the weight that they have together, `without` the pool of the others, None where no other is left.
    """

    kinds: tuple[tuple[str, float], ...]
    studies: tuple[str, ...]
    share: float
    without: Pooled | None


@dataclass(frozen=True, repr=False, eq=False)
class Doubts(Shown):
    """The questions of a sceptic beside the pooled effect that they are about.

    `answers` holds a record of numbers, or `Refused`, by the name of the question. `favored` is the direction,
    "negative" or "positive", in which significant effects are taken to be published sooner, and `favored_from` where
    it is from.
    """

    pooled: Pooled
    answers: Mapping[str, Any]
    favored: str
    favored_from: str

    def __getitem__(self, question: str) -> Any:
        return self.answers[question]

    @cached_property
    def said(self) -> dict[str, Said]:
        """Each answer in words and numbers."""
        return {name: self._say(name, answer) for name, answer in self.answers.items()}

    def _say(self, name: str, answer: Any) -> Said:
        if isinstance(answer, Refused):
            return Said(Line(SAYINGS[name].label, aside=answer.reason), {"refused": answer.reason})
        line, numbers = SAYINGS[name].say(self.pooled, answer)
        return Said(Line(SAYINGS[name].label, *line), numbers)

    def tidy(self) -> pd.DataFrame:
        """Return a row per question: its answer in words and numbers (scale of pooling), or why there is none."""
        columns = ("question", "answer", "refused", "estimate", "ci_low", "ci_high", "p_value", "number")
        rows = [
            {"question": name, "answer": "" if said.refused else _words(said.line), "refused": ""} | said.numbers
            for name, said in self.said.items()
        ]
        return pd.DataFrame(rows).reindex(columns=list(columns))

    def card(self) -> Card:
        """Return the questions as a card: question, answer, reason; last those without an answer, by their reason."""
        pooled = self.pooled
        fit = pooled.fit
        interval = f"{format_level(fit.level)} CI {pooled.interval(fit.ci_low, fit.ci_high)}"
        first = Line("pooled", pooled.number(fit.estimate), interval, pooled.favours or pooled.measure.label)
        answered = (said.line for said in self.said.values() if not said.refused)
        lines = (first, *answered, *self._refused_lines())
        return Card(pooled.question.title, f"doubts · {count_noun(pooled.k, 'trial')}", lines, (), self._notes())

    def _refused_lines(self) -> tuple[Line, ...]:
        """Return a line for each reason, with the questions that it keeps from an answer."""
        reasons: dict[str, list[str]] = {}
        for said in self.said.values():
            if said.refused:
                reasons.setdefault(said.line.aside, []).append(said.line.label)
        return tuple(Line("not answered", aside=f"{', '.join(names)}: {why}") for why, names in reasons.items())

    def _notes(self) -> tuple[str, ...]:
        notes = ()
        if not isinstance(self.answers["worst case"], Refused):
            notes += (f"selection favors {self.favored} effects ({self.favored_from})", S_VALUE)
        if not isinstance(self.answers["fail-safe N"], Refused):
            notes += (WARNING,)
        return notes + self.pooled.notes

    def funnel(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the contour-enhanced funnel plot; `save` also writes the figure with its table."""
        from bmac_meta.results import funnels  # matplotlib is slow to import

        return funnels.funnel_of_doubts(self, save, **options)


def _words(line: Line) -> str:
    return "; ".join(part for part in (line.value, line.interval, line.aside) if part)
