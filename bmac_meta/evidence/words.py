"""What a question's words mean in the data at hand, and the answer put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.cautions import ORIENTED, notes_on, refusals_of
from bmac_meta.effects import Effects
from bmac_meta.errors import check_word, unknown_word
from bmac_meta.evidence.candidates import Candidate, LeftOut, Sieve, place
from bmac_meta.evidence.making import Made
from bmac_meta.evidence.rules import Rules, changed
from bmac_meta.question import Question, spoken
from bmac_meta.stats.measures import MEASURES
from bmac_meta.tables import read_package
from bmac_meta.vocabulary import NOT_REPORTED

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

EVENTS = ("RR", "OR", "RD", "PETO", "AS")
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


def rules_for(evidence: Evidence, rules: Rules, keywords: Mapping[str, Any]) -> Rules:
    """Return rules with some of them changed; a word that the data at hand do not know raises `UnknownWordError`."""
    rules = changed(rules, keywords)
    tables = evidence.tables
    designs = {*read_package().table("studies").field("design").words, *tables.studies["design"].dropna()}
    for word in rules.designs or ():
        check_word("study design", word, sorted(designs))
    for word in rules.prefer:
        check_word("outcome to prefer", word, sorted(tables.instruments["outcome"]))
    for word in rules.nodes:
        check_word("intervention", word, sorted(evidence.nodes))
    if rules.part is not None:
        _check_part(pd.concat([tables.outcomes, tables.contrasts]), *rules.part)
    return rules


def _check_part(rows: pd.DataFrame, variable: str, level: str) -> None:
    check_word("subgroup variable", variable, sorted(rows["subgroup_variable"].dropna().unique()))
    levels = rows["subgroup_level"][rows["subgroup_variable"] == variable]
    check_word(f"level of {variable}", level, sorted(levels.dropna().unique()))


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


def read_as(words: Iterable[str], nodes: Iterable[str]) -> list[str]:
    """Return in words which names were read as another treatment's."""
    pairs = zip(map(str, words), nodes, strict=True)
    return [f"{word} is read as {node}, which it joins" for word, node in pairs if word.casefold() != node.casefold()]


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
    kinds = Counter(row["events"] is not None for row in rows if row["events"] is not None or row["mean"] is not None)
    if kinds[True] > kinds[False]:
        return "RR"
    return "MD" if is_outcome(evidence, on) else "SMD"


def two_arm_measure(code: str) -> str:
    """Return the code of a measure of two arms; raise `UnknownWordError` for any other."""
    known = [name for name, measure in MEASURES.items() if measure.arms == 2]
    return check_word("measure of two arms", code, known)


def absent(evidence: Evidence, wanted: frozenset[str], rows: list[dict], chosen: list[Candidate], sieve: Sieve) -> None:
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
    codes = outcomes_named(evidence, on)
    label = _outcome_label(evidence, codes[0]) if len(codes) == 1 else str(on).strip().casefold().replace("_", " ")
    own = (sieve.window.rule, *(f"studies of {words}" for words in evidence.said), *sieve.said)
    usual = Rules().lines()
    lines = sieve.rules.lines()
    choices = (*own, *(line for line in lines if line not in usual))
    names = (spoken(nodes[0]), spoken(nodes[1]) if nodes[1] else "")
    unit, lower = _unit(measure, chosen, evidence), _lower_is_better(measure, chosen)
    return Question(*names, label, sieve.window.words, measure, unit, lower, (*own, *lines), choices)


def _lower_is_better(measure: str, chosen: list[Candidate]) -> bool | None:
    """Tell whether effects below the null are the better ones; None where nobody says."""
    ways = {candidate.row["higher_is_better"] for candidate in chosen}
    if measure in ORIENTED:
        return None if None in ways else True
    return not ways.pop() if len(ways) == 1 and None not in ways else None


def _outcome_label(evidence: Evidence, code: str) -> str:
    instruments = evidence.tables.instruments
    return str(instruments.loc[instruments["outcome"] == code, "label"].iloc[0])


def _unit(measure: str, chosen: list[Candidate], evidence: Evidence) -> str:
    if measure not in ("MD", "MC") or len({c.outcome for c in chosen}) != 1:
        return ""
    scales = {candidate.scale for candidate in chosen if None not in candidate.scale}
    ends = ", points, {:g} to {:g}".format(*scales.pop()) if len(scales) == 1 else ""
    return f"{_outcome_label(evidence, chosen[0].outcome)}{ends}"


def effects_of(
    evidence: Evidence, question: Question, chosen: list[Candidate], made: list[Made], sieve: Sieve
) -> Effects:
    """Put the effects of all trials into one table, with history, what was left out, and what forbids pooling."""
    rows, history, left_out = [], [], sieve.entries(chosen)
    known, labels = evidence.study_facts, evidence.labels
    for candidate, effect in zip(chosen, made, strict=True):
        label = labels.get(candidate.study, candidate.study)
        steps = effect.pop("steps")
        problem = effect.pop("problem")
        if problem:
            left_out.append(LeftOut(candidate.study, place(candidate.row), problem))
            continue
        history += [(label, number, step.arm, step.what, step.address) for number, step in enumerate(steps, 1)]
        facts = known.get(candidate.study, {}) | _arm_facts(evidence, candidate.study, effect)
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
        notes=notes_on(frame, question),
        refusals=refusals_of(frame, question),
    )


def _arm_facts(evidence: Evidence, study: str, effect: Made) -> dict[str, Any]:
    """Return what is known of the arms of the treatment, or else of the comparator; arms that differ say "several"."""
    found: dict[str, Any] = {}
    for side in ("arm_a", "arm_b"):
        arms = [evidence.arm_facts.get((study, arm), {}) for arm in effect.get(side, "").split(", ")]
        for name in {name: None for arm in arms for name in arm}:
            if found.get(name) is None:
                found[name] = _single([arm.get(name) for arm in arms])
    return found


def _single(values: list[Any]) -> Any:
    known = {value for value in values if value is not None}
    if len(known) > 1:
        return "several" if all(isinstance(value, str) for value in known) else None
    return known.pop() if known else None


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
        "higher_is_better": candidate.row["higher_is_better"],
        "paired": candidate.paired,
        "joints": any(value.joints for value in candidate.values),
        "printed_contrast": candidate.contrast is not None,
        "flags": ";".join(sorted({flag for row in candidate.rows for flag in row["flags"]})),
    }
