"""From the rows of a question to the candidates of each trial; whatever stays behind is listed with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isinf
from typing import Any

from bmac_meta.evidence.reading import ArmValue, read_row
from bmac_meta.evidence.rules import Rules, Window
from bmac_meta.stats.measures import MEASURES

Row = Mapping[str, Any]
WHOLE_ARMS = (None, "analysis_population", "averaging")
STRATA = ("injection_technique",)
KINDS = {"final": 0, "change": 1, "not stated": 2}
CONVERTIBLE = (("MD", "SMD"), ("MD", "POMP"))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not used, and why; `row` is its address in the data, empty for a whole trial."""

    study: str
    row: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way in which a trial answers the question: an outcome at a visit, by its arms or by a printed contrast."""

    study: str
    outcome: str
    months: float | None
    kind: str
    scale: tuple[float | None, float | None]
    values: tuple[ArmValue, ...] = ()
    contrast: Row | None = None
    variant: str = ""
    order: tuple[float, ...] = ()
    baselines: tuple[ArmValue, ...] = ()

    @property
    def row(self) -> Row:
        """The printed row that stands for the candidate."""
        return self.rows[0]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The printed rows that the candidate is made of."""
        return (self.contrast,) if self.contrast is not None else tuple(value.row for value in self.values)

    @property
    def nodes(self) -> frozenset[str]:
        """The treatments that the candidate has numbers for."""
        if self.contrast is not None:
            return frozenset((self.contrast["node_a"], self.contrast["node_b"]))
        return frozenset(value.node for value in self.values)

    @property
    def patients(self) -> int:
        """How many patients the candidate counts, each once."""
        if self.contrast is not None:
            sizes = [self.contrast["n_a"] or 0, self.contrast["n_b"] or 0]
        else:
            sizes = [value.n or value.total or 0 for value in self.values]
        return int(max(sizes) if self.paired else sum(sizes))

    @property
    def paired(self) -> bool:
        """Whether the arms are two joints or two periods of the same patients."""
        return "paired_design" in self.row["flags"] or bool(self.row.get("paired"))


@dataclass(slots=True)
class Sieve:
    """The rows of one question on their way to candidates; `left_out` collects what stays behind.

    `said` is what the rules came down to for the question, in words.
    """

    rules: Rules
    window: Window
    flag_meanings: Mapping[str, str]
    left_out: list[LeftOut] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def leave(self, row: Row, reason: str) -> None:
        """Write down that a row stays behind."""
        self.left_out.append(LeftOut(row["study_id"], place(row), reason))

    def leave_all(self, rows: Iterable[Row], reason: str) -> None:
        """Write down that several rows stay behind."""
        for row in rows:
            self.leave(row, reason)

    def objection(self, row: Row) -> str:
        """Say why the rules do not admit a row; empty where they do."""
        return _objection(row, self.rules, self.flag_meanings)

    def entries(self, chosen: Iterable[Candidate]) -> list[LeftOut]:
        """Return what was left out, each row once and with its first reason, but not the rows that are used."""
        used = {place(value.row) for candidate in chosen for value in candidate.baselines}
        used |= {place(row) for candidate in chosen for row in candidate.rows}
        first: dict[tuple[str, str], LeftOut] = {}
        for entry in self.left_out:
            if entry.row not in used:
                first.setdefault((entry.study, entry.row), entry)
        return list(first.values())


def place(row: Row) -> str:
    """Return the address of a row in the data."""
    return f"{row['file']} row {row['line']}"


def _objection(row: Row, rules: Rules, meanings: Mapping[str, str]) -> str:
    if row.get("duplicate_of"):
        return f"the same quantity stands in {row['duplicate_of']}"
    if row.get("value_kind") == "percent_change":
        return "a percentage change is neither a score nor a difference of scores"
    part = (row["subgroup_variable"], row["subgroup_level"])
    if rules.part is not None and part != rules.part:
        return f"not the part that is asked for ({' '.join(rules.part)})"
    if rules.part is None and part[0] not in (*WHOLE_ARMS, *STRATA):
        return f"a part of an arm ({row['subgroup_variable']}: {row['subgroup_level']})"
    banned = [flag for flag in row["flags"] if rules.action(flag) == "leave_out"]
    return "; ".join(f"{flag}: {meanings.get(flag, 'flagged')}" for flag in banned)


def arm_candidates(rows: Iterable[Row], sieve: Sieve, baselines: bool = False) -> list[Candidate]:
    """Group the usable rows of arms into candidates: same trial, outcome, scale, visit and kind of score.

    With `baselines` the final scores at baseline of trials that have a visit in the window are among them.
    """
    rows = list(rows)
    visited = {row["study_id"] for row in rows if sieve.window.holds(row["timepoint_months"])}
    found: dict[tuple, list[ArmValue]] = defaultdict(list)
    for row in rows:
        inside = sieve.window.holds(row["timepoint_months"])
        at_baseline = row["timepoint_months"] == 0 and row["value_kind"] == "final" and row["study_id"] in visited
        if not inside and not (baselines and at_baseline):
            continue
        reason = sieve.objection(row)
        value = None if reason else read_row(row, sieve.rules)
        reason = reason or value.problem
        if reason:
            sieve.leave(row, reason if inside else f"at baseline: {reason}")
        else:
            found[_key(row)].append(value)
    return [_candidate(key, _once(values, sieve), sieve) for key, values in found.items()]


def _key(row: Row) -> tuple:
    variant = row["subgroup_variable"] if row["subgroup_variable"] in WHOLE_ARMS else None
    words = f"{variant} {row['subgroup_level'] or ''}".strip() if variant else ""
    scale = (row["scale_min"], row["scale_max"])
    counts = row["events"] is not None
    return (row["study_id"], row["outcome"], row["timepoint_months"], row["value_kind"], scale, words, counts)


def _candidate(key: tuple, values: Sequence[ArmValue], sieve: Sieve) -> Candidate:
    study, outcome, months, kind, scale, variant, _ = key
    candidate = Candidate(study, outcome, months, kind, scale, tuple(values), variant=variant)
    return replace(candidate, order=order_of(candidate, sieve))


def _once(values: list[ArmValue], sieve: Sieve) -> list[ArmValue]:
    """Count the same patients once: an arm or its strata, arms or the one that a review combined them into."""
    whole = {value.arm for value in values if value.row["subgroup_variable"] not in STRATA}
    strata = [value for value in values if value.row["subgroup_variable"] in STRATA and value.arm in whole]
    sieve.leave_all((value.row for value in strata), "a stratum of an arm that stands as a whole")
    rest = [value for value in values if value not in strata]
    double = [value for node in {v.node: None for v in rest} for value in _double([v for v in rest if v.node == node])]
    sieve.leave_all((value.row for value in double), "the same patients stand in other arms of the trial")
    return [value for value in rest if value not in double]


def _double(values: list[ArmValue]) -> list[ArmValue]:
    """Return the arms of one treatment that count patients again: a combined arm where its parts are all there."""
    whole = [value for value in values if "combined_arms" in value.row["flags"]]
    parts = [value for value in values if "combined_arms" not in value.row["flags"]]
    if not whole or not parts:
        return []
    complete = sum(v.n or v.total for v in parts) >= sum(v.n or v.total for v in whole)
    return whole if complete else parts


def _kind_of_contrast(row: Row) -> str:
    """Return what a contrast compares: changes where it was derived from two printed ones, else it is not told."""
    return "change" if "derived_from_p" in row["flags"] else "not stated"


def contrast_candidates(rows: Iterable[Row], measure: str, sieve: Sieve) -> list[Candidate]:
    """Return the printed contrasts that give the wanted measure, as printed or by a known conversion."""
    found = []
    for row in rows:
        if not sieve.window.holds(row["timepoint_months"]):
            continue
        problem = sieve.objection(row) or _unusable(row, measure)
        if problem:
            sieve.leave(row, problem)
            continue
        scale = (row["scale_min"], row["scale_max"])
        candidate = Candidate(
            row["study_id"], row["outcome"], row["timepoint_months"], _kind_of_contrast(row), scale, contrast=row
        )
        found.append(replace(candidate, order=order_of(candidate, sieve, converted=row["measure"] != measure)))
    return found


def _unusable(row: Row, measure: str) -> str:
    """Say why a printed contrast does not give a measure; empty where it does."""
    if row["estimate"] is None:
        return "a contrast without an estimate"
    if row["se"] is None and (row["ci_low"] is None or row["ci_high"] is None):
        return "a contrast without a standard error or an interval"
    if row["measure"] == measure:
        ends = (row["estimate"], row["ci_low"], row["ci_high"])
        zero = MEASURES[measure].is_ratio and any(end is not None and end <= 0 for end in ends)
        return "a ratio that is not above 0" if zero else ""
    if (row["measure"], measure) not in CONVERTIBLE:
        return f"a printed {row['measure']}, not {measure}"
    if measure == "POMP":
        return "" if None not in (row["scale_min"], row["scale_max"]) else "the ends of the scale are not printed"
    if row["adjusted"] == "yes":
        return "an adjusted MD: its standard error does not tell the SD between patients"
    return "" if row["n_a"] and row["n_b"] else "an MD without the sizes of the arms tells no SD"


def order_of(candidate: Candidate, sieve: Sieve, converted: bool = False) -> tuple[float, ...]:
    """Return what a candidate is sorted by: hierarchy, visit, kind of score, whole arms first, contrasts last."""
    prefer, row, target = sieve.rules.prefer, candidate.row, sieve.window.target
    first = prefer.index(candidate.outcome) if candidate.outcome in prefer else len(prefer)
    away = -(row["timepoint_months"] or 0) if isinf(target) else abs(candidate.months - target)
    # A paired trial is better told by its own paired contrast than by two arms with a stated correlation.
    printed = (candidate.contrast is None) == candidate.paired
    rank = row["preferred_rank"] if row["preferred_rank"] is not None else 99
    return (first, rank, away, printed, KINDS[candidate.kind], bool(candidate.variant), converted, row["line"])
