"""What a question's words mean in the data at hand, and the answer put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.effects import Effects
from bmac_meta.errors import unknown_word
from bmac_meta.evidence.making import Made
from bmac_meta.evidence.rules import Rules
from bmac_meta.evidence.selection import Candidate, LeftOut, Sieve
from bmac_meta.question import Question, spoken
from bmac_meta.stats.measures import MEASURES, measure_named
from bmac_meta.tables import read_package
from bmac_meta.vocabulary import NOT_REPORTED

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

TOLD_APART = ("paired_design", "unit_not_patient", "sign_positive_improvement", "labels_permuted_corrected")
EVENTS = ("RR", "OR", "RD", "PETO", "AS")
MANY_SCALES = ("SMD", "SMDH", "POMP", "SMCR", "SMCC")
SAYINGS = {
    "responders": "response",
    "responder": "response",
    "ae": "adverse_events",
    "sae": "serious_adverse_events",
}


@cache
def flag_meanings() -> Mapping[str, str]:
    """Return what each flag of the data means."""
    return read_package().flags


def node_named(evidence: Evidence, word: str, rules: Rules) -> str:
    """Return the network node that a word means: a node, or an intervention that joins one."""
    nodes = {**evidence.nodes, **rules.nodes}
    known = set(nodes.values())
    folded = {name.casefold(): name for name in known}
    wanted = str(word).strip().casefold()
    if wanted in folded:
        return folded[wanted]
    joined = {name.casefold(): node for name, node in nodes.items()}
    if wanted in joined:
        return joined[wanted]
    raise unknown_word("treatment", word, sorted(known & set(evidence.arms["node"].dropna())))


def outcomes_named(evidence: Evidence, on: str) -> tuple[str, ...]:
    """Return the outcome codes that a word means: one instrument or event, or all of a domain."""
    instruments = evidence.tables.instruments
    wanted = "_".join(str(on).strip().casefold().replace("-", "_").split())
    wanted = SAYINGS.get(wanted, wanted)
    codes = instruments["outcome"]
    if (codes == wanted).any() and not (instruments["domain"] == wanted).any():
        return (wanted,)
    inside = instruments[instruments["domain"] == wanted]["outcome"]
    if len(inside):
        return tuple(inside)
    labels = dict(zip(instruments["label"].str.casefold(), codes, strict=True))
    if str(on).strip().casefold() in labels:
        return (labels[str(on).strip().casefold()],)
    domains = sorted(instruments["domain"].dropna().unique())
    raise unknown_word("outcome domain or instrument", on, [*domains, *sorted(codes)])


def is_outcome(evidence: Evidence, on: str) -> bool:
    """Tell whether a word means one instrument or event, not a domain."""
    return len(outcomes_named(evidence, on)) == 1


def rows_about(evidence: Evidence, on: str, rules: Rules) -> tuple[list[dict], list[dict]]:
    """Return the printed rows of arms and of contrasts that are about an outcome or a domain."""
    codes = outcomes_named(evidence, on)
    arms = [row for code in codes for row in evidence.rows_of_outcome.get(code, ())]
    pairs = [row for code in codes for row in evidence.contrasts_of_outcome.get(code, ())]
    if rules.nodes:
        arms = [row | {"node": rules.nodes.get(row["intervention"], row["node"])} for row in arms]
        pairs = [row | _rejoined(row, rules.nodes) for row in pairs]
    return arms, pairs


def _rejoined(row: Mapping[str, Any], nodes: Mapping[str, str]) -> dict[str, str]:
    return {f"node_{side}": nodes.get(row[f"intervention_{side}"], row[f"node_{side}"]) for side in "ab"}


def default_measure(evidence: Evidence, on: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the measure when none is named: RR for events, SMD for a domain, MD for one instrument."""
    kinds = Counter(
        row["events"] is not None for row in rows if row["events"] is not None or row["mean"] is not None
    )
    if kinds[True] > kinds[False]:
        return "RR"
    return "MD" if is_outcome(evidence, on) else "SMD"


def two_arm_measure(code: str) -> str:
    """Return the code of a measure of two arms; raise `UnknownWordError` for any other."""
    known = [name for name, measure in MEASURES.items() if measure.arms == 2]
    if code not in known:
        raise unknown_word("measure of two arms", code, known)
    return code


def absent(
    evidence: Evidence, wanted: frozenset[str], rows: list[dict], chosen: list[Candidate], sieve: Sieve
) -> None:
    """List the studies that have the wanted arms and the outcome, but gave nothing, and why."""
    seen = {candidate.study for candidate in chosen} | {entry.study for entry in sieve.left_out}
    for study in sorted(comparing(evidence, wanted, sieve.rules) - seen):
        sieve.left_out.append(LeftOut(study, "", _absence(study, rows)))


def comparing(evidence: Evidence, wanted: frozenset[str], rules: Rules) -> frozenset[str]:
    """Return the studies that have an arm of every wanted treatment."""
    joins = {**evidence.nodes, **rules.nodes}
    return frozenset(
        study for study, arms in evidence.interventions.items() if wanted <= {joins.get(arm) for arm in arms}
    )


def _absence(study: str, rows: list[dict]) -> str:
    months = sorted({row["timepoint_months"] for row in rows if row["study_id"] == study} - {None})
    if not months:
        return NOT_REPORTED
    return f"no usable visit in the window; printed at {', '.join(f'{month:g}' for month in months)} months"


def asked(
    evidence: Evidence, nodes: tuple[str, str], on: str, measure: str, sieve: Sieve, chosen: list[Candidate]
) -> Question:
    """Return the question as it was understood, with its rules in words."""
    ways = {bool(c.row["higher_is_better"]) for c in chosen if c.row["higher_is_better"] is not None}
    lower = True if measure in MANY_SCALES else (not ways.pop() if len(ways) == 1 else None)
    codes = outcomes_named(evidence, on)
    label = (
        _outcome_label(evidence, codes[0])
        if len(codes) == 1
        else str(on).strip().casefold().replace("_", " ")
    )
    rules = (sieve.window.rule, *sieve.rules.lines(), *(f"studies: {words}" for words in evidence.said))
    names = (spoken(nodes[0]), spoken(nodes[1]) if nodes[1] else "")
    return Question(
        *names, label, sieve.window.words, measure, _unit(measure, chosen, evidence), lower, rules
    )


def _outcome_label(evidence: Evidence, code: str) -> str:
    instruments = evidence.tables.instruments
    return str(instruments.loc[instruments["outcome"] == code, "label"].iloc[0])


def _unit(measure: str, chosen: list[Candidate], evidence: Evidence) -> str:
    if measure not in ("MD", "MC") or len({c.outcome for c in chosen}) != 1:
        return ""
    scales = {c.scale for c in chosen if c.contrast is None}
    known = len(scales) == 1 and None not in next(iter(scales))
    ends = "points, {:g} to {:g}".format(*next(iter(scales))) if known else "points"
    return f"{_outcome_label(evidence, chosen[0].outcome)}, {ends}"


def effects_of(
    evidence: Evidence, question: Question, chosen: list[Candidate], made: list[Made], sieve: Sieve
) -> Effects:
    """Put the effects of all trials into one table, with history, what was left out, and what forbids pooling."""
    rows, history, left_out = [], [], list(sieve.left_out)
    known, arms, labels = evidence.study_facts, evidence.arm_facts, evidence.labels
    for candidate, effect in zip(chosen, made, strict=True):
        label = labels.get(candidate.study, candidate.study)
        steps = effect.pop("steps")
        problem = effect.pop("problem")
        if problem:
            left_out.append(
                LeftOut(candidate.study, f"{candidate.row['file']} row {candidate.row['line']}", problem)
            )
            continue
        history += [
            (label, number, step.arm, step.what, step.address) for number, step in enumerate(steps, 1)
        ]
        facts = known.get(candidate.study, {}) | arms.get(
            (candidate.study, effect.get("arm_a", "").split(", ")[0]), {}
        )
        rows.append({"study": label, "study_id": candidate.study, **effect, **_what(candidate), **facts})
    frame = _frame(rows)
    left = pd.DataFrame(
        [(labels.get(entry.study, entry.study), entry.row, entry.reason) for entry in left_out],
        columns=["study", "row", "reason"],
    )
    steps = pd.DataFrame(history, columns=["study", "step", "arm", "what", "address"])
    return Effects(
        frame,
        question,
        left_out=left,
        steps=steps,
        notes=notes_on(frame),
        refusals=refusals_of(frame, question),
    )


def _frame(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    if frame.empty:
        return pd.DataFrame({"study": [], "estimate": [], "se": []})
    frame["se"] = np.sqrt(frame.pop("variance").astype(float))
    return frame.sort_values(["year", "study"], na_position="first", kind="stable").reset_index(drop=True)


def _what(candidate: Candidate) -> dict[str, Any]:
    low, high = candidate.scale
    return {
        "outcome": candidate.outcome,
        "months": candidate.months,
        "measured_as": candidate.kind,
        "scale_min": low,
        "scale_max": high,
        "paired": candidate.paired,
        "printed_contrast": candidate.contrast is not None,
        "flags": ";".join(
            sorted(
                {flag for value in (candidate.values or ()) for flag in value.row["flags"]}
                | set(candidate.row["flags"])
            )
        ),
    }


def notes_on(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return what a reader of these effects has to know, in words."""
    if frame.empty:
        return ()
    notes = []
    conditions = frame["condition"].dropna().unique() if "condition" in frame else []
    if len(conditions) > 1:
        notes.append(f"several conditions together: {', '.join(sorted(conditions))}")
    if frame["paired"].any():
        notes.append(
            f"the same patients in both arms, correlation assumed: {', '.join(frame['study'][frame['paired']])}"
        )
    counted = frame["flags"].str.contains("unit_not_patient", regex=False)
    if counted.any():
        notes.append(
            f"n counts joints, not patients, so the interval is too narrow: {', '.join(frame['study'][counted])}"
        )
    kinds = set(frame["measured_as"])
    if {"final", "change"} <= kinds:
        notes.append("final and change scores together")
    if frame["printed_contrast"].any():
        notes.append(f"{int(frame['printed_contrast'].sum())} taken as the contrast that the source prints")
    flags = Counter(flag for flags in frame["flags"] for flag in flags.split(";") if flag)
    kept = [f"{flag.replace('_', ' ')} {n}" for flag, n in sorted(flags.items()) if flag not in TOLD_APART]
    notes += [f"flagged and kept: {', '.join(kept)}"] if kept else []
    return tuple(notes)


def refusals_of(frame: pd.DataFrame, question: Question) -> tuple[str, ...]:
    """Return the reasons why these effects must not be pooled, each with the trials and the way out."""
    if len(frame) < 2:
        return ()
    reasons = []
    if measure_named(question.measure).code in ("SMD", "SMDH"):
        reasons += _mixed_kinds(frame)
    if question.measure in ("MD", "MC"):
        reasons += _mixed_scales(frame)
    return tuple(reasons)


def _mixed_kinds(frame: pd.DataFrame) -> list[str]:
    by_kind = {kind: ", ".join(frame["study"][frame["measured_as"] == kind]) for kind in ("change", "final")}
    if not all(by_kind.values()):
        return []
    return [
        f"change and final scores cannot be mixed in a standardized mean difference: their SDs differ in kind. "
        f"Change: {by_kind['change']}. Final: {by_kind['final']}. "
        f'Ask with measured_as="final", measured_as="change" or measured_as="most", or use measure="MD" or "POMP".'
    ]


def _mixed_scales(frame: pd.DataFrame) -> list[str]:
    from_arms = frame[~frame["printed_contrast"]]
    scales = from_arms.groupby(["outcome", "scale_min", "scale_max"], dropna=False)["study"].agg(", ".join)
    if len(scales) < 2:
        return []
    named = "; ".join(
        f"{outcome} {_ends(low, high)}: {studies}" for (outcome, low, high), studies in scales.items()
    )
    return [
        f"means on different scales have no common difference. {named}. "
        f'Ask with measure="POMP" (percent of the scale), measure="SMD", or for one instrument and one scale.'
    ]


def _ends(low: Any, high: Any) -> str:
    return "(scale not printed)" if pd.isna(low) or pd.isna(high) else f"({low:g} to {high:g})"
