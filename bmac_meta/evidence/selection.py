"""From the candidates of each trial to the one that is taken: by the hierarchy, the visit, and each patient once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from bmac_meta.evidence.candidates import Candidate, LeftOut, Row, Sieve
from bmac_meta.evidence.reading import Step, address


def of_kind(candidates: list[Candidate], wanted: frozenset[str], sieve: Sieve) -> list[Candidate]:
    """Keep the kind of score that the rules ask for; the others are left out by name."""
    asked = sieve.rules.measured_as
    if asked is None:
        return candidates
    if asked == "most":
        asked = max(("final", "change"), key=lambda kind: _trials_with(kind, candidates, wanted))
        sieve.said.append(f"here: {asked} scores, which most trials have")
    for candidate in candidates:
        if candidate.kind not in (asked, "not stated"):
            sieve.leave_all(candidate.rows, f"a {candidate.kind} score, and {asked} scores are taken")
    return [candidate for candidate in candidates if candidate.kind in (asked, "not stated")]


def _trials_with(kind: str, candidates: list[Candidate], wanted: frozenset[str]) -> int:
    return len({c.study for c in candidates if c.kind == kind and wanted <= c.nodes})


def choose(candidates: list[Candidate], wanted: frozenset[str], every: bool, sieve: Sieve) -> list[Candidate]:
    """Take one candidate per trial: the first in order that has the wanted treatments (all, or two of them)."""
    by_study: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_study[candidate.study].append(candidate)
    chosen = []
    for options in by_study.values():
        fitting = [c for c in options if (wanted <= c.nodes if every else len(c.nodes & wanted) >= 2)]
        ordered = sorted(fitting, key=lambda option: option.order)
        chosen += ordered[:1]
        for other in ordered[1:]:
            sieve.leave_all(other.rows, _why(ordered[0], other))
        for other in options if not fitting else ():
            sieve.leave_all(other.rows, f"at {_at(other)} only {' and '.join(sorted(other.nodes))} can be used")
    return chosen


def _why(taken: Candidate, other: Candidate) -> str:
    if other.outcome != taken.outcome:
        return f"{taken.outcome} stands before {other.outcome} in the hierarchy"
    if other.months != taken.months:
        return f"the visit at {_at(taken)} is taken, not the one at {_at(other)}"
    if taken.contrast is not None and other.contrast is not None and _arms(taken) != _arms(other):
        return "a further contrast of the trial shares an arm with the one that is taken"
    if (taken.contrast is None) != (other.contrast is None):
        return "the arms are taken" if taken.contrast is None else "the paired contrast that the source prints is taken"
    if other.kind != taken.kind:
        return f"the {taken.kind} score is taken, not the {other.kind} score"
    return "the same result stands in another row of the trial"


def _arms(candidate: Candidate) -> frozenset[str]:
    return frozenset((candidate.contrast["arm_a"], candidate.contrast["arm_b"]))


def _at(candidate: Candidate) -> str:
    return "a time that is not printed" if candidate.months is None else f"{candidate.months:g} months"


def one_per_cohort(chosen: list[Candidate], cohorts: Mapping[str, str], sieve: Sieve) -> list[Candidate]:
    """Take the same patients once: the report first in the hierarchy and nearest in time, then the larger one."""
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
    limits = "" if row["ci_low"] is None or row["ci_high"] is None else f"{row['ci_low']:g} to {row['ci_high']:g}"
    spread = ", ".join(part for part in (limits, "" if row["se"] is None else f"SE {row['se']:g}") if part)
    words = f"printed: {row['measure']} {row['estimate']:g} ({spread})"
    return Step(words, address(row), f"{row['arm_a']} vs {row['arm_b']}")
