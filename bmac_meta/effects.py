"""One row per trial: an effect with its standard error, and the way it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import one_of
from bmac_meta.card import Card, Grid, Line, Shown
from bmac_meta.cautions import notes_on, refusals_of
from bmac_meta.copies import read_only, tables_as_copies
from bmac_meta.entry import bare_effects, computed_effects
from bmac_meta.errors import InputError, told
from bmac_meta.narrowing import asked_for, matching, settled
from bmac_meta.numbers import count_noun, format_interval, format_number
from bmac_meta.question import Question
from bmac_meta.results.answer import left_out_words
from bmac_meta.results.precision import Precision
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.synthesis import (
    bayes,
    conversion,
    dependence,
    doubts,
    heterogeneity,
    influence,
    p_values,
    regression,
    selection,
    sparse,
    verbs,
)

NONE_LEFT_OUT = pd.DataFrame(columns=["study", "row", "reason"])
NO_STEPS = pd.DataFrame(columns=["study", "step", "arm", "what", "address"])
CARD_ROWS = 30


@tables_as_copies
@dataclass(frozen=True, repr=False, eq=False)
class Effects(Shown):
    """Effects of trials on one question. Ask about the evidence before, about the method here.

    `frame` has a row per trial with `study`, `estimate` and `se` on the scale of pooling (logarithms for ratios), and
    whatever is known of the trial. `left_out` lists what was not used and why, `steps` how each effect was made,
    `refusals` why these effects must not be pooled (empty when they may).
    """

    frame: pd.DataFrame
    question: Question = field(default_factory=Question)
    left_out: pd.DataFrame = field(default_factory=NONE_LEFT_OUT.copy)
    steps: pd.DataFrame = field(default_factory=NO_STEPS.copy)
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        estimate: str,
        se: str | None = None,
        variance: str | None = None,
        ci_low: str | None = None,
        ci_high: str | None = None,
        p_value: str | None = None,
        study: str | None = None,
        measure: str = "GEN",
        level: float = 0.95,
        logged: bool = True,
        question: Question | None = None,
    ) -> Effects:
        """Take effects from the named columns of any table.

        Exactly one kind of spread is needed: `se`, `variance`, `ci_low` with `ci_high` (at `level`), or `p_value`
        (two-sided, of a normal test). Ratios enter as logarithms, or with `logged=False` as such with their limits.
        `study` names the column of labels (rows are numbered without one). The other columns stay for `by` and
        `regress`. Raises `DataError` with every faulty cell, `InputError` for a choice of columns that does not make
        sense, or where standard errors and variances were mistaken for each other.

        >>> table = pd.DataFrame({"trial": ["A", "B", "C"], "g": [0.1, 0.3, 0.2], "s": [0.1, 0.2, 0.1]})
        >>> len(Effects.from_frame(table, estimate="g", se="s", study="trial"))
        3
        """
        spreads = {"se": se, "variance": variance, "ci_low": ci_low, "ci_high": ci_high, "p_value": p_value}
        made = bare_effects(frame, estimate, spreads, study, measure, level, logged)
        return cls(made, _question_of(measure, question))

    @classmethod
    def from_raw(
        cls,
        frame: pd.DataFrame,
        *,
        measure: str,
        study: str | None = None,
        question: Question | None = None,
        add: float | None = None,
        double_zero: str | None = None,
        variance: str | None = None,
        correction: str | None = None,
        **columns: str,
    ) -> Effects:
        """Compute effects from the raw columns of any table: means, events, correlations, proportions.

        `measure` is a code of `bm.stats.MEASURES`, which says what it needs; a column that bears that name is taken,
        any other is named: `mean_a="PRP mean"`. Choices of the measure, by the names that its function in `bm.stats`
        gives them, are printed with the result: `add` to the cells of a trial with an empty one (RR, OR, RD, PR, PLO),
        `double_zero="keep"` for trials without an event in either arm (RR, OR), `variance` (SMD), `correction` (SMD,
        ROM). Raises `DataError` with every faulty cell, `InputError` for columns that are not there and for a choice
        that the measure has not.

        >>> table = pd.DataFrame({"events_a": [4], "total_a": [123], "events_b": [11], "total_b": [139]})
        >>> aronson = Effects.from_raw(table, measure="RR")  # in Colditz 1994, doi:10.1001/jama.1994.03510330076038
        >>> round(float(aronson.frame.estimate[0]), 4)
        -0.8893
        """
        choices = {"add": add, "double_zero": double_zero, "variance": variance, "correction": correction}
        made, left_out, notes = computed_effects(frame, measure, study, columns, choices)
        return cls(made, _question_of(measure, question), left_out=left_out, notes=notes)

    def __len__(self) -> int:
        return len(self.studies)

    @property
    def measure(self) -> Measure:
        """The effect measure."""
        return MEASURES[self.question.measure]

    @cached_property
    def estimates(self) -> np.ndarray:
        """The effects, (k,), on the scale of pooling."""
        return read_only(self.frame["estimate"].to_numpy(float))

    @cached_property
    def variances(self) -> np.ndarray:
        """The sampling variances, (k,)."""
        return read_only(self.frame["se"].to_numpy(float) ** 2)

    @cached_property
    def studies(self) -> tuple[str, ...]:
        """The labels of the rows."""
        return tuple(self.frame["study"].astype(str))

    def history(self, study: str | None = None) -> pd.DataFrame:
        """Return each step from the printed number to the effect, with its address; of one study if named."""
        if study is None:
            return self.steps.copy()
        one_of(study, self.studies, "study among these effects")
        return self.steps[self.steps["study"] == study].reset_index(drop=True)

    def where(self, **conditions: Any) -> Effects:
        """Keep the rows in which each named column has the given value, one of several, or what a function accepts.

        Raises `UnknownWordError` for a column or a value that is not there.
        """
        kept = self
        for column, given in conditions.items():
            wanted = settled(given)
            one_of(column, kept.frame.columns)
            keep = matching(kept.frame[column], wanted, "these effects").to_numpy()
            kept = kept._keep(keep, f"{column} is not: {asked_for(wanted)}")
        return kept

    def without(self, *studies: str) -> Effects:
        """Leave studies out by their label; raises `UnknownWordError` for one that is not there."""
        known = dict.fromkeys(self.studies)
        for study in studies:
            one_of(study, known, "study among these effects")
        return self._keep(~self.frame["study"].isin(studies).to_numpy(), "left out by name")

    def _keep(self, keep: np.ndarray, reason: str) -> Effects:
        """Return the effects of some rows, with what is to be said of these; the others are left out by name."""
        if keep.all():
            return self
        frame = self.frame[keep].reset_index(drop=True)
        gone = pd.DataFrame({"study": self.frame["study"][~keep], "row": "", "reason": reason})
        return replace(
            self,
            frame=frame,
            left_out=pd.concat([self.left_out, gone], ignore_index=True) if len(self.left_out) else gone,
            steps=self.steps[self.steps["study"].isin(frame["study"])].reset_index(drop=True),
            notes=_said_of(frame, self, notes_on, self.notes),
            refusals=_said_of(frame, self, refusals_of, self.refusals),
        )

    def card(self) -> Card:
        """Return the effects as a card: the trials, their effects, and what stands in the way of pooling."""
        shown = self.frame.head(CARD_ROWS)
        rows = tuple(self._card_row(row) for row in shown.to_dict("records"))
        more = len(self.frame) - len(shown)
        rest = (f"and {more} more trials: see .frame",) if more > 0 else ()
        lines = (Line("effects", self.measure.code, aside=self.measure.label), *self._lines())
        rules = (f"rules: {' · '.join(self.question.rules)}",) if self.question.rules else ()
        notes = (*rest, *(f"not pooled: {reason}" for reason in self.refusals), *self.notes, *rules)
        heading = ("study", f"{self.measure.code} (95% CI)", "SE")
        aside = count_noun(len(self), "trial")
        return Card(self.question.title, aside, lines, (Grid(heading, rows),) if rows else (), notes)

    def _card_row(self, row: Mapping[str, Any]) -> tuple[str, str, str]:
        half = 1.959963984540054 * row["se"]
        ends = [self._shown(row["estimate"] + sign * half, row) for sign in (0, -1, 1)]
        digits, powers = self._precision.decimals(self.measure.decimals), self._precision.power_decimals
        return (
            str(row["study"]),
            f"{format_number(ends[0], digits, powers)} ({format_interval(*ends[1:], digits, powers)})",
            format_number(row["se"], self._precision.spread_decimals(3)),
        )

    @cached_property
    def _precision(self) -> Precision:
        return Precision.of(self.measure, self.estimates, self.frame["se"].to_numpy(float))

    def _shown(self, value: float, row: Mapping[str, Any]) -> float:
        n = {"n": row.get("total", row.get("total_a"))} if self.measure.needs_n else {}
        return float(self.measure.shown(value, **n))

    def _lines(self) -> Iterator[Line]:
        if self.question.unit:
            yield Line("unit", aside=self.question.unit)
        if len(self.left_out):
            yield Line("left out", aside=f"{left_out_words(self.left_out)}: see .left_out")

    def tidy(self) -> pd.DataFrame:
        """Return the table of effects."""
        return self.frame.copy()

    def by(self, column: str) -> verbs.Grouped:
        """Group the trials by a column, for `pool()` and `forest()` by subgroup."""
        return verbs.grouped(self, column)

    pool = verbs.pool
    leave_one_out = verbs.leave_one_out
    cumulative = verbs.cumulative
    heterogeneity = heterogeneity.heterogeneity
    doubts = doubts.doubts
    selection = selection.selection
    regress = regression.regress
    robust = dependence.robust
    multilevel = dependence.multilevel
    gls = dependence.gls
    multivariate = dependence.multivariate
    mantel_haenszel = sparse.mantel_haenszel
    peto = sparse.peto
    bayes = bayes.bayes
    combine_p = p_values.combine_p
    albatross = p_values.albatross
    as_measure = conversion.as_measure
    gosh = influence.gosh
    shrunken = influence.shrunken
    influence = influence.influence


def _said_of(frame: pd.DataFrame, effects: Effects, say: Callable[..., tuple[str, ...]], said: tuple[str, ...]) -> Any:
    """Return what is said of some rows of effects: what came with them stays, what follows from the rows is new."""
    of_all = say(effects.frame, effects.question)
    return (*(words for words in said if words not in of_all), *say(frame, effects.question))


def _question_of(measure: str, question: Question | None) -> Question:
    if question is not None and not isinstance(question, Question):
        raise InputError(f"question is {told(question)}; it must be a bm.Question, such as bm.Question('PRP', 'HA').")
    return replace(question, measure=measure) if question is not None else Question(measure=measure)
