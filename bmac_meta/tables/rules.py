"""Rules across the columns of one row: what cannot be true of any printed result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault
from bmac_meta.tables.schema import TableSchema
from bmac_meta.tables.wording import faults_at, value_shown

RATIOS = ("RR", "OR", "HR", "ROM")


class Columns:
    """Gives the columns of a frame as arrays: numbers with NaN, texts with ''. Each is converted once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._arrays: dict[str, np.ndarray] = {}

    def number(self, name: str) -> np.ndarray:
        """Return a numeric column as floats, (rows,)."""
        if name not in self._arrays:
            self._arrays[name] = self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        return self._arrays[name]

    def text(self, name: str) -> np.ndarray:
        """Return a text column as objects, (rows,)."""
        if name not in self._arrays:
            self._arrays[name] = self._frame[name].to_numpy(dtype=object, na_value="")
        return self._arrays[name]

    def given(self, name: str) -> np.ndarray:
        """Return which cells of a column are filled, (rows,)."""
        return self._frame[name].notna().to_numpy()

    def flagged(self, code: str) -> np.ndarray:
        """Return which rows carry a flag, (rows,)."""
        if "flag" not in self._frame:
            return np.zeros(len(self._frame), dtype=bool)
        return np.array([code in flags.split(";") for flags in self.text("flag")], dtype=bool)


@dataclass(frozen=True, slots=True)
class Rule:
    """Is one impossibility: the columns that it speaks of, the blamed one first, and where it is broken."""

    columns: tuple[str, ...]
    broken: Callable[[Columns], np.ndarray]
    expected: str
    remedy: str


def rule_faults(frame: pd.DataFrame, schema: TableSchema) -> list[Fault]:
    """Return a fault for each row of a table that breaks one of its rules."""
    columns = Columns(frame)
    faults: list[Fault] = []
    for rule in RULES.get(schema.name, ()):
        positions = np.flatnonzero(rule.broken(columns))
        faults += faults_at(positions, partial(_fault, frame, rule, schema.file))
    return faults


def _fault(frame: pd.DataFrame, rule: Rule, file: str, position: int) -> Fault:
    found = ", ".join(f"{name} {value_shown(frame[name].iloc[position])}" for name in rule.columns)
    return Fault(file, int(frame.index[position]), rule.columns[0], found, rule.expected, rule.remedy)


def _at_most(low: str, high: str, remedy: str) -> Rule:
    return Rule((low, high), lambda c: c.number(low) > c.number(high), f"{low} at most {high}", remedy)


def _between(name: str, low: str, high: str, remedy: str, unless: str | None = None) -> Rule:
    def broken(c: Columns) -> np.ndarray:
        outside = (c.number(name) < c.number(low)) | (c.number(name) > c.number(high))
        outside &= ~(c.number(low) > c.number(high))
        return outside & ~c.flagged(unless) if unless else outside

    return Rule((name, low, high), broken, f"{name} between {low} and {high}", remedy)


def _together(given: str, needed: str, remedy: str) -> Rule:
    return Rule((needed, given), lambda c: c.given(given) & ~c.given(needed), f"{needed} beside {given}", remedy)


def _pair(low: str, high: str, remedy: str) -> tuple[Rule, ...]:
    return _together(low, high, remedy), _together(high, low, remedy), _at_most(low, high, _REVERSED)


def _on_scale(name: str) -> Rule:
    def broken(c: Columns) -> np.ndarray:
        outside = (c.number(name) < c.number("scale_min")) | (c.number(name) > c.number("scale_max"))
        return outside & (c.text("value_kind") == "final")

    remedy = "Check the number and the version of the scale; a change has value_kind change."
    return Rule((name, "scale_min", "scale_max"), broken, f"{name} within its scale", remedy)


def _change_on_scale(name: str) -> Rule:
    def broken(c: Columns) -> np.ndarray:
        beyond = np.abs(c.number(name)) > c.number("scale_max") - c.number("scale_min")
        return beyond & (c.text("value_kind") == "change")

    remedy = "Check the number and the version of the scale; a change in per cent has value_kind percent_change."
    return Rule((name, "scale_min", "scale_max"), broken, "a change no larger than the width of the scale", remedy)


def _positive_ratio(name: str) -> Rule:
    def broken(c: Columns) -> np.ndarray:
        return (c.number(name) <= 0) & np.isin(c.text("measure"), RATIOS)

    remedy = "Write the ratio itself, not its logarithm; a limit rounded to 0 stays empty."
    return Rule((name, "measure"), broken, f"a ratio above 0 as {name}", remedy)


_REVERSED = "Exchange them if they are reversed; look for a lost minus sign."
_LIMITS = "Give both limits, or the standard error alone; a single limit goes to notes."
_QUOTED = "Check the source; if it prints them so, add the flag impossible_ci."
_OWN_LIMITS = "Check the source; if it prints them so, leave the limits empty and say so in notes."
_EXTREMES = "Check the source: no value lies beyond the extremes."
_COUNT = "Check the counts and their denominator."

_SUBGROUP = (
    _together("subgroup_variable", "subgroup_level", "Say which part of the arm it is."),
    _together("subgroup_level", "subgroup_variable", "Say what defines the part of the arm."),
)
_ESTIMATE = (
    *_pair("ci_low", "ci_high", _LIMITS),
    _positive_ratio("estimate"),
    _positive_ratio("ci_low"),
    _positive_ratio("ci_high"),
)
_SPREAD_KIND = "Say whether it is sd, se, or plus_minus_unlabelled when the source does not name it."

RULES: Mapping[str, tuple[Rule, ...]] = {
    "arms": (
        _at_most("female_n", "n_randomised", _COUNT),
        *(_at_most(f"kl{grade}_n", "n_randomised", _COUNT) for grade in (1, 2, 3, 4)),
    ),
    "outcomes": (
        _together("dispersion", "dispersion_kind", _SPREAD_KIND),
        *_pair("ci_low", "ci_high", _LIMITS),
        *_pair("q1", "q3", "Give both quartiles, or none."),
        *_pair("min", "max", "Give both extremes, or none."),
        _between("mean", "ci_low", "ci_high", _OWN_LIMITS),
        _between("median", "q1", "q3", _OWN_LIMITS),
        *(_between(name, "min", "max", _EXTREMES) for name in ("mean", "median", "q1", "q3")),
        Rule(
            ("scale_min", "scale_max"),
            lambda c: c.number("scale_min") >= c.number("scale_max"),
            "scale_min below scale_max",
            "Write the lowest and the highest possible score.",
        ),
        *(_on_scale(name) for name in ("mean", "median", "q1", "q3", "min", "max")),
        *(_change_on_scale(name) for name in ("mean", "median")),
        _at_most("events", "total", _COUNT),
        *_SUBGROUP,
        Rule(
            ("duplicate_of", "row_id"),
            lambda c: c.given("duplicate_of") & (c.text("duplicate_of") == c.text("row_id")),
            "the row_id of another row",
            "Leave duplicate_of empty on the preferred row.",
        ),
    ),
    "contrasts": (
        *_ESTIMATE,
        _between("estimate", "ci_low", "ci_high", _QUOTED, unless="impossible_ci"),
        Rule(
            ("arm_b", "arm_a"),
            lambda c: c.given("arm_a") & (c.text("arm_a") == c.text("arm_b")),
            "two different arms",
            "Correct one of them; a change within one arm has arm_b baseline.",
        ),
        *_SUBGROUP,
    ),
    "associations": (*_ESTIMATE, _between("estimate", "ci_low", "ci_high", _OWN_LIMITS)),
    "published_pools": (
        *_ESTIMATE,
        _between("estimate", "ci_low", "ci_high", _QUOTED, unless="impossible_ci"),
    ),
    "published_inputs": (
        *_pair("ci_low", "ci_high", _LIMITS),
        _between("estimate", "ci_low", "ci_high", _OWN_LIMITS),
        _at_most("events_a", "n_a", _COUNT),
        _at_most("events_b", "n_b", _COUNT),
    ),
    "mcid": (*_pair("scale_min", "scale_max", "Give both ends of the scale, or none."),),
    "missing": (
        Rule(
            ("study_id", "review_id", "other"),
            lambda c: sum(c.given(name).astype(int) for name in ("study_id", "review_id", "other")) != 1,
            "exactly one subject",
            "Name the study, the review, or something else.",
        ),
    ),
}
