"""Two treatments compared: from the rows of a question to the effect of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError
from bmac_meta.evidence.candidates import Candidate, LeftOut, Sieve, arm_candidates, contrast_candidates
from bmac_meta.evidence.changes import with_changes
from bmac_meta.evidence.making import Made, from_arms, from_contrast, two_arms
from bmac_meta.evidence.rules import Rules, window
from bmac_meta.evidence.selection import choose, of_kind, one_per_cohort
from bmac_meta.evidence.words import (
    EVENTS,
    absent,
    asked,
    comparing,
    default_measure,
    effects_of,
    flag_meanings,
    node_named,
    read_as,
    rows_about,
    rules_for,
    two_arm_measure,
)

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence


def ask_comparison(
    evidence: Evidence,
    nodes: tuple[str, str],
    on: str,
    months: Any,
    measure: str | None,
    keywords: Mapping[str, Any],
) -> Effects:
    """Answer `Evidence.compare`."""
    rules = rules_for(evidence, Rules(), keywords)
    words, nodes = nodes, tuple(node_named(evidence, node, rules) for node in nodes)
    if nodes[0] == nodes[1]:
        raise InputError(f"{' and '.join(words)} are both {nodes[0]}; name two different treatments.")
    rows, contrasts = rows_about(evidence, on, rules)
    code = two_arm_measure(default_measure(evidence, on, rows) if measure is None else measure)
    sieve = Sieve(rules, window(months), flag_meanings(), said=read_as(words, nodes))
    wanted = frozenset(nodes)
    trials = comparing(evidence, wanted, rules)
    by_arms = [row for row in rows if row["node"] in wanted and row["study_id"] in trials]
    by_pairs = [row for row in contrasts if {row["node_a"], row["node_b"]} == wanted]
    candidates = admitted(evidence, by_arms, by_pairs, sieve, code)
    chosen = one_per_cohort(choose(of_kind(candidates, wanted, sieve), wanted, True, sieve), evidence.cohorts, sieve)
    made = [_compared(candidate, nodes, code, rules) for candidate in chosen]
    absent(evidence, wanted, [*by_arms, *by_pairs], chosen, sieve)
    question = asked(evidence, nodes, on, code, sieve, chosen)
    return effects_of(evidence, question, chosen, made, sieve)


def admitted(
    evidence: Evidence, by_arms: list[dict], by_pairs: list[dict], sieve: Sieve, measure: str
) -> list[Candidate]:
    """Return the candidates of the designs that the rules admit; other studies are left out by name."""
    designs = dict(zip(evidence.studies["study_id"], evidence.studies["design"], strict=True))
    allowed = sieve.rules.designs
    fit = {
        study
        for study, design in designs.items()
        if allowed is None or design in allowed or not isinstance(design, str)
    }
    for study in sorted({row["study_id"] for row in [*by_arms, *by_pairs]} - fit):
        sieve.left_out.append(LeftOut(study, "", f"design: {designs[study]}"))
    arms = [row for row in by_arms if row["study_id"] in fit]
    pairs = [row for row in by_pairs if row["study_id"] in fit]
    derive = sieve.rules.measured_as in ("change", "most") and measure not in EVENTS
    candidates = arm_candidates(arms, sieve, baselines=derive)
    fitting = [candidate for candidate in candidates if _serves(candidate, measure, sieve)]
    return (with_changes(fitting, sieve) if derive else fitting) + contrast_candidates(pairs, measure, sieve)


def _serves(candidate: Candidate, measure: str, sieve: Sieve) -> bool:
    """Tell whether the numbers of a candidate can give a measure, and write down why not."""
    counts = candidate.values[0].events is not None
    reason = ""
    if counts != (measure in EVENTS):
        reason = f"{measure} needs {'means, and these are counts' if counts else 'counts, and these are means'}"
    elif measure == "POMP" and None in candidate.scale:
        reason = "the ends of the scale are not printed"
    if reason:
        sieve.leave_all(candidate.rows, reason)
    return not reason


def _compared(candidate: Candidate, nodes: tuple[str, str], measure: str, rules: Rules) -> Made:
    if candidate.contrast is not None:
        return from_contrast(candidate, nodes[0], measure, rules)
    return from_arms(candidate, two_arms(candidate, *nodes), measure, rules)
