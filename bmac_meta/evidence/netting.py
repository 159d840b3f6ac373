"""A network of treatments: from the rows of a question to every trial with its full covariance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.errors import InputError
from bmac_meta.evidence.asking import admitted
from bmac_meta.evidence.bias import judged
from bmac_meta.evidence.candidates import Candidate, LeftOut, Row, Sieve
from bmac_meta.evidence.making import Made, combined, from_arms, from_contrast, two_arms
from bmac_meta.evidence.reading import ArmValue, Step
from bmac_meta.evidence.rules import Rules, window
from bmac_meta.evidence.selection import choose, of_kind, one_per_cohort
from bmac_meta.evidence.splitting import RULES, ArmNodes, Nodes, arm_nodes, read_nodes, spoken_node
from bmac_meta.evidence.words import EVENTS, asked, default_measure, effects_of, flag_meanings, rows_about, rules_for
from bmac_meta.network import Network
from bmac_meta.network.arms import arm_measure, columns_of, trial_of_arms
from bmac_meta.network.remarks import remarks_on
from bmac_meta.question import Question
from bmac_meta.stats.network import (
    NetworkData,
    TrialContrasts,
    join_networks,
    network_from_contrasts,
    network_from_covariances,
)
from bmac_meta.vocabulary import NOT_REPORTED

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

ARM_COLUMNS = ("study", "treatment", "n", "arm", "mean", "sd", "events", "total", "spread")
EFFECT_COLUMNS = ("estimate", "se")
TURNED = ("SMD", "POMP")


@dataclass(frozen=True, slots=True)
class PrintedTrial(Candidate):
    """A trial of three arms or more of which every contrast is printed."""

    contrasts: tuple[Row, ...] = ()

    @property
    def nodes(self) -> frozenset[str]:
        """The treatments that are compared."""
        return frozenset(row[f"node_{side}"] for row in self.contrasts for side in "ab")

    @property
    def rows(self) -> tuple[Row, ...]:
        """The printed rows that the candidate is made of."""
        return self.contrasts

    @property
    def patients(self) -> int:
        """How many patients the arms count."""
        return sum(_sizes(self.contrasts).values())


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial gives to a network: its effects (None where they cannot be made), its arms, and the way there."""

    block: TrialContrasts | NetworkData | None
    arms: tuple[Mapping[str, Any], ...]
    steps: tuple[Step, ...]
    problem: str = ""


def ask_network(
    evidence: Evidence, on: str, months: Any, measure: str | None, nodes: Nodes, keywords: Mapping[str, Any]
) -> Network:
    """Answer `Evidence.network`."""
    joined, splits = read_nodes(evidence, nodes)
    usual = {"measured_as": "most"} if "measured_as" not in keywords else {}
    rules = rules_for(evidence, Rules(), {"nodes": joined, **usual, **keywords})
    joins = arm_nodes(evidence, rules.nodes, splits)
    trials = comparing(joins)
    rows, pairs = rows_about(evidence, on, rules)
    code = arm_measure(default_measure(evidence, on, rows) if measure is None else measure)
    rules = replace(rules, measured_as=None) if code in EVENTS else rules
    sieve = Sieve(rules, window(months), flag_meanings())
    by_arms, by_pairs = _rows_of(rows, joins, trials), _pairs_of(pairs, joins, trials)
    candidates = admitted(evidence, by_arms, by_pairs, sieve, code)
    chosen = chosen_of([*_bundled(candidates)], evidence, sieve)
    _absent(trials, [*by_arms, *by_pairs], chosen, sieve)
    question = replace(asked(evidence, ("NETWORK", ""), on, code, sieve, chosen), treatment="Network")
    question = replace(question, rules=(*question.rules, *(RULES[split] for split in splits)))
    return assembled(evidence, question, chosen, [made(c, code, rules) for c in chosen], sieve)


def comparing(joins: ArmNodes) -> dict[str, frozenset[str]]:
    """Return the treatments of each study that has two or more."""
    found: dict[str, set[str]] = defaultdict(set)
    for (study, _), node in joins.items():
        found[study].add(node)
    return {study: frozenset(nodes) for study, nodes in found.items() if len(nodes) > 1}


def _rows_of(rows: Iterable[Row], joins: ArmNodes, trials: Mapping[str, Any]) -> list[dict[str, Any]]:
    placed = ((row, joins.get((row["study_id"], row["arm_id"]))) for row in rows if row["study_id"] in trials)
    return [{**row, "node": node} for row, node in placed if node is not None]


def _pairs_of(rows: Iterable[Row], joins: ArmNodes, trials: Mapping[str, Any]) -> list[dict[str, Any]]:
    placed = (
        {**row, **{f"node_{side}": joins.get((row["study_id"], row[f"arm_{side}"])) for side in "ab"}}
        for row in rows
        if row["study_id"] in trials
    )
    return [row for row in placed if None not in (row["node_a"], row["node_b"]) and row["node_a"] != row["node_b"]]


def _bundled(candidates: list[Candidate]) -> Iterable[Candidate]:
    """Yield the candidates, with all printed contrasts of one multi-arm trial at one visit as one."""
    groups: dict[tuple, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.contrast is None:
            yield candidate
        else:
            groups[candidate.study, candidate.outcome, candidate.months].append(candidate)
    for group in groups.values():
        ordered = sorted(group, key=lambda candidate: candidate.order)
        first = {candidate.nodes: candidate for candidate in reversed(ordered)}
        nodes = sorted(frozenset().union(*first))
        if len(nodes) > 2 and all(frozenset(pair) in first for pair in combinations(nodes, 2)):
            yield _printed(list(first.values()), ordered[0])
        else:
            yield from ordered


def _printed(contrasts: list[Candidate], first: Candidate) -> PrintedTrial:
    rows = tuple(candidate.contrast for candidate in contrasts)
    return PrintedTrial(
        first.study,
        first.outcome,
        first.months,
        first.kind,
        first.scale,
        contrast=first.contrast,
        order=first.order,
        contrasts=rows,
    )


def chosen_of(candidates: list[Candidate], evidence: Evidence, sieve: Sieve) -> list[Candidate]:
    """Take one candidate per trial: of the kind of score asked for, with most treatments, first in the hierarchy."""
    several = [c for c in candidates if len(c.nodes) > 1]
    for candidate in candidates:
        if len(candidate.nodes) < 2:
            sieve.leave_all(candidate.rows, f"of its treatments only {', '.join(candidate.nodes)} can be used here")
    fitting = of_kind(several, frozenset(), sieve)
    most = {study: max(len(c.nodes) for c in fitting if c.study == study) for study in {c.study for c in fitting}}
    for candidate in fitting:
        if len(candidate.nodes) < most[candidate.study]:
            sieve.leave_all(candidate.rows, "other rows of the trial compare more treatments")
    whole = [c for c in fitting if len(c.nodes) == most[c.study]]
    everything = frozenset().union(*(c.nodes for c in whole))
    return one_per_cohort(choose(whole, everything, False, sieve), evidence.cohorts, sieve)


def _absent(trials: Mapping[str, Any], rows: list[dict], chosen: list[Candidate], sieve: Sieve) -> None:
    seen = {candidate.study for candidate in chosen} | {entry.study for entry in sieve.left_out}
    visits = defaultdict(set)
    for row in rows:
        visits[row["study_id"]].add(row["timepoint_months"])
    for study in sorted(set(trials) - seen):
        reason = "no usable visit in the window" if visits[study] - {None, 0} else NOT_REPORTED
        sieve.left_out.append(LeftOut(study, "", reason))


def made(candidate: Candidate, measure: str, rules: Rules) -> Trial:
    """Return what a candidate gives to a network."""
    if isinstance(candidate, PrintedTrial):
        return _from_contrasts(candidate, measure, rules)
    nodes = sorted(candidate.nodes)
    if candidate.contrast is not None:
        nodes = [candidate.contrast["node_a"], candidate.contrast["node_b"]]
        return _two(candidate, nodes, from_contrast(candidate, nodes[0], measure, rules))
    if measure == "POMP" and None in candidate.scale:
        return Trial(None, (), (), "the ends of the scale are not printed")
    if len(nodes) == 2:
        return _two(candidate, nodes, from_arms(candidate, two_arms(candidate, *nodes), measure, rules))
    if candidate.paired:
        return Trial(None, (), (), "three treatments in the same patients: their covariance is not printed")
    return _many(candidate, nodes, measure)


def _two(candidate: Candidate, nodes: list[str], found: Made) -> Trial:
    arms = tuple(_arm_of(found, side, node) for side, node in zip("ab", nodes, strict=True))
    if found["problem"]:
        return Trial(None, arms, tuple(found["steps"]), found["problem"])
    block = TrialContrasts(candidate.study, tuple(nodes[::-1]), [found["estimate"]], [[found["variance"]]])
    return Trial(block, arms, tuple(found["steps"]))


def _arm_of(found: Made, side: str, node: str) -> dict[str, Any]:
    own = {name[: -len(side) - 1]: value for name, value in found.items() if name.endswith(f"_{side}")}
    return {"treatment": node, **own}


def _many(candidate: Candidate, nodes: list[str], measure: str) -> Trial:
    sides = [combined([value for value in candidate.values if value.node == node]) for node in nodes]
    steps = [step for side in sides for step in side.steps]
    arms = tuple(_described(side) for side in sides)
    wanted = columns_of(measure)
    columns: dict[str, Any] = {name: [getattr(side, name) for side in sides] for name in wanted}
    if any(value is None for values in columns.values() for value in values):
        return Trial(None, arms, tuple(steps), f"{measure} needs {' and '.join(wanted)} of every arm")
    scale = dict(zip(("scale_min", "scale_max"), candidate.scale, strict=True))
    block = trial_of_arms(candidate.study, nodes, measure, columns | scale)
    if block is None:
        return Trial(None, arms, tuple(steps), "the measure does not exist for these counts (no event in any arm)")
    done = Step(
        f"{measure} of {len(nodes)} arms ({', '.join(map(spoken_node, nodes))}) with the covariance of their shared arm"
    )
    if measure in TURNED and candidate.row["higher_is_better"]:
        block = replace(block, effect=-block.effect)
        done = replace(done, what=f"{done.what}; sign turned: high scores of this instrument are good")
    return Trial(block, arms, (*steps, done, _effects_step(block)))


def _described(value: ArmValue) -> dict[str, Any]:
    size = value.n if value.events is None else value.total
    return {
        "treatment": value.node,
        "arm": value.arm,
        "mean": value.mean,
        "sd": value.sd,
        "n": size,
        "events": value.events,
        "total": value.total,
        "spread": value.spread,
    }


def _effects_step(block: TrialContrasts) -> Step:
    told = (
        f"{spoken_node(node)} {effect:.4f} (SE {variance**0.5:.4f})"
        for node, effect, variance in zip(block.treatments[1:], block.effect, block.covariance.diagonal(), strict=True)
    )
    return Step(f"effects against {spoken_node(block.treatments[0])}: {', '.join(told)}")


def _from_contrasts(candidate: PrintedTrial, measure: str, rules: Rules) -> Trial:
    rows = candidate.contrasts
    parts = [from_contrast(replace(candidate, contrast=row), row["node_a"], measure, rules) for row in rows]
    steps = tuple(step for part in parts for step in part["steps"])
    sizes, names = _sizes(rows), {row[f"node_{side}"]: row[f"arm_{side}"] for row in rows for side in "ab"}
    arms = tuple(
        {"treatment": node, "arm": arm, "n": sizes.get(node), "spread": "contrast as printed"}
        for node, arm in names.items()
    )
    try:
        block = network_from_contrasts(
            [part["estimate"] for part in parts],
            variance=[part["variance"] for part in parts],
            trial=[candidate.study] * len(rows),
            treatment_a=[row["node_a"] for row in rows],
            treatment_b=[row["node_b"] for row in rows],
        )
    except InputError as contradiction:
        return Trial(None, arms, steps, f"the printed contrasts contradict each other: {contradiction}")
    return Trial(block, arms, steps)


def _sizes(rows: Iterable[Row]) -> dict[str, int]:
    return {row[f"node_{side}"]: int(row[f"n_{side}"]) for row in rows for side in "ab" if row[f"n_{side}"]}


def assembled(
    evidence: Evidence, question: Question, chosen: list[Candidate], trials: list[Trial], sieve: Sieve
) -> Network:
    """Put the trials together, with their history, what was left out, and what forbids pooling."""
    columns = [{"estimate": 0.0, "variance": 1.0, "problem": t.problem, "steps": list(t.steps)} for t in trials]
    effects = effects_of(evidence, question, chosen, columns, sieve)
    labels = {c.study: evidence.labels.get(c.study, c.study) for c in chosen}
    used = [(labels[c.study], trial) for c, trial in zip(chosen, trials, strict=True) if not trial.problem]
    place = {study: i for i, study in enumerate(effects.frame["study"])}
    used.sort(key=lambda entry: place[entry[0]])
    arms = pd.DataFrame([{"study": label, **arm} for label, trial in used for arm in trial.arms])
    arms = arms.reindex(columns=list(ARM_COLUMNS))
    facts = effects.frame.drop(columns=[*EFFECT_COLUMNS], errors="ignore")
    facts = facts.assign(risk_of_bias=facts["study_id"].map(judged(evidence, question.outcome)) if len(facts) else [])
    data = joined([(label, trial.block) for label, trial in used])
    names = {} if data is None else {node: spoken_node(node) for node in data.treatments}
    arms["n"] = pd.to_numeric(arms["n"]).astype(float)
    words = (effects.left_out, effects.steps, *remarks_on(facts, question))
    return Network(data, question, arms, facts, names, *words)


def joined(blocks: list[tuple[str, TrialContrasts | NetworkData]]) -> NetworkData | None:
    """Return the trials as one network; None where there is none."""
    plain = [replace(block, trial=label) for label, block in blocks if isinstance(block, TrialContrasts)]
    printed = [replace(block, trials=(label,)) for label, block in blocks if isinstance(block, NetworkData)]
    parts = [*([network_from_covariances(plain)] if plain else []), *printed]
    return join_networks(*parts) if len(parts) > 1 else (parts[0] if parts else None)
