"""The common effect of 2×2 tables with few events."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bmac_meta.card import Card, Line
from bmac_meta.numbers import count_noun, format_number
from bmac_meta.question import Question
from bmac_meta.results.answer import Answer, p_words
from bmac_meta.stats.fourfold import ChiSquaredTest
from bmac_meta.stats.sparse import SparseEffect

VARIANCES = {
    "OR": "variance of Robins, Breslow & Greenland",
    "RR": "variance of Greenland & Robins",
    "sato": "variance of Sato, Greenland & Robins",
    "greenland-robins": "variance of Greenland & Robins",
    "PETO": "one step from no effect",
}


@dataclass(frozen=True, repr=False, eq=False)
class Sparse(Answer):
    """A common effect of 2×2 tables by Mantel and Haenszel or by Peto, without additions to empty cells.

    `rows` are the tables that went in, `silent` those of them without an event in either arm, `silent_before` such
    tables that were left out when the effects were made. `homogeneity` (Breslow–Day with Tarone's correction) and
    `association` (Cochran–Mantel–Haenszel) are there for odds ratios.
    """

    question: Question
    fit: SparseEffect
    variance: str
    rows: pd.DataFrame
    left_out: pd.DataFrame
    silent: tuple[str, ...] = ()
    silent_before: tuple[str, ...] = ()
    homogeneity: ChiSquaredTest | None = None
    association: ChiSquaredTest | None = None
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """The number of tables."""
        return int(self.fit.k)

    def tidy(self) -> pd.DataFrame:
        """Return the answer as a table of one row, on the scale of pooling and as shown."""
        names = (
            "estimate",
            "se",
            "statistic",
            "p_value",
            "ci_low",
            "ci_high",
            "k",
            "k_informative",
            "q",
            "q_df",
            "q_p",
        )
        numbers = {name: getattr(self.fit, name) for name in names}
        numbers |= {f"{name}_shown": self.shown(numbers[name]) for name in ("estimate", "ci_low", "ci_high")}
        asked = {"question": self.question.title, "measure": self.measure.code, "method": self.fit.method}
        counts = {"tables_without_events": len(self.silent), "left_out_before": len(self.silent_before)}
        return pd.DataFrame([asked | numbers | counts | {"level": self.fit.level}])

    def card(self) -> Card:
        """Return the answer as a card."""
        patients = int(self.rows[["total_a", "total_b"]].to_numpy(float).sum())
        events = int(self.rows[["events_a", "events_b"]].to_numpy(float).sum())
        counts = f"{count_noun(self.k, 'trial')} · {count_noun(events, 'event')} in {count_noun(patients, 'patient')}"
        lines = (*self._effect_lines(), *self._agreement_lines(), self._method_line(), *self._silent_lines())
        return Card(self.question.title, counts, (*lines, *self.left_out_lines()), (), self.notes)

    def _effect_lines(self) -> tuple[Line, ...]:
        fit = self.fit
        if math.isnan(fit.se):
            return (Line(self.measure.code, aside=f"there is no estimate with an interval: {self._why_none()}"),)
        test = f"z = {format_number(fit.statistic, 2)}, {p_words(fit.p_value)}"
        if self.association is not None and not math.isnan(self.association.statistic):
            chi = format_number(self.association.statistic, 2)
            test += f"; Cochran–Mantel–Haenszel χ²(1) = {chi}, {p_words(self.association.p_value)}"
        return (self.effect_line(fit.estimate, fit.ci_low, fit.ci_high, fit.level), Line("test", aside=test))

    def _why_none(self) -> str:
        if not math.isnan(self.fit.estimate):
            return f"{self.number(self.fit.estimate)}, and nobody or everybody in each arm has the event"
        events, total = (self.rows[[f"{what}_a", f"{what}_b"]].sum() for what in ("events", "total"))
        if (events == 0).any():
            return "an arm has no event in any trial"
        if (events.to_numpy() == total.to_numpy()).any():
            return "an arm has nothing but events in every trial"
        return "no trial has events in the one arm and patients without in the other, or none the other way round"

    def _agreement_lines(self) -> tuple[Line, ...]:
        fit, words = self.fit, []
        if not math.isnan(fit.q):
            words.append(f"Q({fit.q_df}) = {format_number(fit.q, 1)}, {p_words(fit.q_p)}")
        if self.homogeneity is not None and not math.isnan(self.homogeneity.statistic):
            chi = format_number(self.homogeneity.statistic, 1)
            words.append(f"Breslow–Day χ²({self.homogeneity.df}) = {chi}, {p_words(self.homogeneity.p_value)}")
        tests = " · ".join(words) or "too few trials with events to compare"
        return (Line("between trials", aside=f"one true effect is assumed; {tests}"),)

    def _method_line(self) -> Line:
        return Line("method", aside=f"{self.fit.method}, {VARIANCES[self.variance]}; nothing is added to empty cells")

    def _silent_lines(self) -> tuple[Line, ...]:
        lines = ()
        if self.silent:
            does = "count" if self.measure.code == "RD" else "add nothing to a ratio"
            words = f"{count_noun(len(self.silent), 'trial')} without an event in either arm, kept: they {does}"
            lines += (Line("double zeros", aside=words),)
        if self.silent_before:
            gone = f"{count_noun(len(self.silent_before), 'trial')} left out when the effects were made"
            counts = self.measure.code == "RD"
            would = "would count here, were the effects made with measure='RD'" if counts else "would add nothing"
            named = ", ".join(self.silent_before[:6]) + (" …" if len(self.silent_before) > 6 else "")
            lines += (Line("double zeros", aside=f"{gone} ({named}), most likely for having no event; those {would}"),)
        return lines
