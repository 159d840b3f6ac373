"""From the rows of a question to one candidate per trial; whatever is left out is listed with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bmac_meta.evidence.reading import ArmValue, Step, address, read_row
from bmac_meta.evidence.rules import Rules, Window
from bmac_meta.stats.spread import change_sd

Row = Mapping[str, Any]
WHOLE_ARMS = (None, "analysis_population", "averaging")
STRATA = ("injection_technique",)
KINDS = {"final": 0, "change": 1, "not stated": 2}


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
        return self.contrast if self.contrast is not None else self.values[0].row

    @property
    def nodes(self) -> frozenset[str]:
        """The treatments that the candidate has numbers for."""
        if self.contrast is not None:
            return frozenset((self.contrast["node_a"], self.contrast["node_b"]))
        return frozenset(value.node for value in self.values)

    @property
    def patients(self) -> int:
        """How many patients the candidate counts."""
        if self.contrast is not None:
            return int((self.contrast["n_a"] or 0) + (self.contrast["n_b"] or 0))
        return sum(value.n or value.total or 0 for value in self.values)

    @property
    def paired(self) -> bool:
        """Whether the arms are two joints or two periods of the same patients."""
        return "paired_design" in self.row["flags"]


@dataclass(slots=True)
class Sieve:
    """The rows of one question on their way to candidates; `left_out` collects what stays behind."""

    rules: Rules
    window: Window
    flag_meanings: Mapping[str, str]
    left_out: list[LeftOut] = field(default_factory=list)

    def leave(self, row: Row, reason: str) -> None:
        """Write down that a row stays behind."""
        self.left_out.append(LeftOut(row["study_id"], f"{row['file']} row {row['line']}", reason))

    def admits(self, row: Row) -> bool:
        """Tell whether a row may be used at all, and write down why not."""
        reason = _objection(row, self.rules, self.flag_meanings)
        if reason:
            self.leave(row, reason)
        return not reason


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
    """Group the usable rows of arms into candidates: same trial, outcome, scale, visit and kind of score."""
    found: dict[tuple, list[ArmValue]] = defaultdict(list)
    for row in rows:
        inside = sieve.window.holds(row["timepoint_months"])
        at_baseline = baselines and row["timepoint_months"] == 0 and row["value_kind"] == "final"
        if (inside or at_baseline) and sieve.admits(row):
            value = read_row(row, sieve.rules)
            if value.problem:
                sieve.leave(row, value.problem)
            else:
                found[_key(row)].append(value)
    return [_candidate(key, values, sieve) for key, values in found.items()]


def _key(row: Row) -> tuple:
    variant = row["subgroup_variable"] if row["subgroup_variable"] in WHOLE_ARMS else None
    level = row["subgroup_level"] if variant else ""
    scale = (row["scale_min"], row["scale_max"])
    return (
        row["study_id"],
        row["outcome"],
        row["timepoint_months"],
        row["value_kind"],
        scale,
        f"{variant or ''} {level or ''}".strip(),
    )


def _candidate(key: tuple, values: list[ArmValue], sieve: Sieve) -> Candidate:
    study, outcome, months, kind, scale, variant = key
    candidate = Candidate(study, outcome, months, kind, scale, tuple(values), variant=variant)
    return replace(candidate, order=_order(candidate, sieve))


def contrast_candidates(rows: Iterable[Row], measure: str, sieve: Sieve) -> list[Candidate]:
    """Return the printed contrasts that give the wanted measure with an interval or a standard error."""
    found = []
    for row in rows:
        if (
            row["measure"] != measure
            or not sieve.window.holds(row["timepoint_months"])
            or not sieve.admits(row)
        ):
            continue
        if row["estimate"] is None or (
            row["se"] is None and (row["ci_low"] is None or row["ci_high"] is None)
        ):
            sieve.leave(row, "a contrast without a standard error or an interval")
            continue
        candidate = Candidate(
            row["study_id"], row["outcome"], row["timepoint_months"], "not stated", (None, None), contrast=row
        )
        found.append(replace(candidate, order=_order(candidate, sieve)))
    return found


def _order(candidate: Candidate, sieve: Sieve) -> tuple[float, ...]:
    """Return what a candidate is sorted by: hierarchy, visit, kind of score, whole arms first, contrasts last."""
    prefer, row, target = sieve.rules.prefer, candidate.row, sieve.window.target
    first = prefer.index(candidate.outcome) if candidate.outcome in prefer else len(prefer)
    away = -(row["timepoint_months"] or 0) if target == float("inf") else abs(candidate.months - target)
    # A paired trial is better told by its own paired contrast than by two arms with a stated correlation.
    printed = (candidate.contrast is None) == candidate.paired
    rank = row["preferred_rank"] if row["preferred_rank"] is not None else 99
    return (first, rank, away, printed, KINDS[candidate.kind], bool(candidate.variant), row["line"])


def with_changes(candidates: list[Candidate], sieve: Sieve) -> list[Candidate]:
    """Add to final scores with their baselines the changes that a stated correlation makes of them."""
    baselines = {
        (c.study, c.outcome, c.scale, c.variant): c for c in candidates if c.months == 0 and c.kind == "final"
    }
    later = []
    for candidate in (c for c in candidates if c.months != 0):
        base = baselines.get((candidate.study, candidate.outcome, candidate.scale, candidate.variant))
        candidate = candidate if base is None else replace(candidate, baselines=base.values)
        later += [candidate, *(_change(candidate, base, sieve) if base and candidate.kind == "final" else [])]
    return later


def _change(final: Candidate, base: Candidate, sieve: Sieve) -> list[Candidate]:
    before = {(value.arm, value.row["subgroup_level"]): value for value in base.values}
    pairs = [(before.get((value.arm, value.row["subgroup_level"])), value) for value in final.values]
    both = [(b, f) for b, f in pairs if b is not None and b.mean is not None and f.mean is not None]
    values = [change_value(b, f, sieve.rules.correlation) for b, f in both]
    if not values:
        return []
    candidate = replace(final, kind="change", values=tuple(values))
    order = _order(candidate, sieve)
    return [replace(candidate, order=(*order[:4], order[4] + 0.5, *order[5:]))]


def change_value(base: ArmValue, final: ArmValue, correlation: float) -> ArmValue:
    """Return the change of an arm from its baseline and final scores, with the SD that a correlation implies."""
    sd = float(change_sd(sd_baseline=base.sd, sd_final=final.sd, r=correlation))
    mean = final.mean - base.mean
    step = Step(
        f"change = {final.mean:g} − {base.mean:g} = {mean:.4g}; its SD with r = {correlation:g} is {sd:.4g}",
        arm=final.arm,
    )
    smaller = min(base.n, final.n)
    spread = f"change from r = {correlation:g}"
    return replace(final, mean=mean, sd=sd, n=smaller, spread=spread, steps=(*base.steps, *final.steps, step))


def choose(candidates: list[Candidate], wanted: frozenset[str], every: bool, sieve: Sieve) -> list[Candidate]:
    """Take one candidate per trial: the first in order that has the wanted treatments (all, or two of them)."""
    by_study: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        have = candidate.nodes & wanted
        if have == wanted if every else len(have) >= 2:
            by_study[candidate.study].append(candidate)
    chosen = []
    for options in by_study.values():
        ordered = sorted(options, key=lambda option: option.order)
        chosen.append(ordered[0])
        _explain(ordered[0], ordered[1:], sieve)
    return chosen


def _explain(taken: Candidate, others: list[Candidate], sieve: Sieve) -> None:
    for other in others:
        sieve.left_out.append(
            LeftOut(other.study, f"{other.row['file']} row {other.row['line']}", _why(taken, other))
        )


def _why(taken: Candidate, other: Candidate) -> str:
    if other.outcome != taken.outcome:
        return f"{taken.outcome} stands before {other.outcome} in the hierarchy"
    if other.months != taken.months:
        return f"the visit at {_at(taken)} is taken, not the one at {_at(other)}"
    if other.kind != taken.kind:
        return f"the {taken.kind} score is taken, not the {other.kind} score"
    return "the same result stands in another row of the trial"


def _at(candidate: Candidate) -> str:
    return "a time that is not printed" if candidate.months is None else f"{candidate.months:g} months"


def of_kind(candidates: list[Candidate], wanted: frozenset[str], sieve: Sieve) -> list[Candidate]:
    """Keep the kind of score that the rules ask for; the others are left out by name."""
    asked = sieve.rules.measured_as
    if asked is None:
        return candidates
    if asked == "most":
        asked = max(
            ("final", "change"),
            key=lambda kind: len({c.study for c in candidates if c.kind == kind and wanted <= c.nodes}),
        )
    kept = [c for c in candidates if c.kind in (asked, "not stated")]
    saved = {c.study for c in kept if wanted <= c.nodes}
    for study in {c.study for c in candidates if wanted <= c.nodes} - saved:
        sieve.left_out.append(LeftOut(study, "", f"no {asked} score: only the other kind can be used"))
    return kept


def one_per_cohort(chosen: list[Candidate], cohorts: Mapping[str, str], sieve: Sieve) -> list[Candidate]:
    """Take the same patients once: the report with most patients, then the first by name."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in chosen:
        groups[cohorts.get(candidate.study) or candidate.study].append(candidate)
    kept = []
    for group in groups.values():
        ordered = sorted(group, key=lambda c: (c.order[:3], -c.patients, c.study))
        kept.append(ordered[0])
        for other in ordered[1:]:
            sieve.left_out.append(LeftOut(other.study, "", f"the same patients as {ordered[0].study}"))
    return kept


def source_step(row: Row) -> Step:
    """Return the step with which the history of a printed contrast begins."""
    spread = f"SE {row['se']:g}" if row["se"] is not None else f"{row['ci_low']:g} to {row['ci_high']:g}"
    return Step(
        f"printed: {row['measure']} {row['estimate']:g} ({spread})",
        address(row),
        f"{row['arm_a']} vs {row['arm_b']}",
    )
