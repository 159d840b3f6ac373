"""Every question that the data at hand can answer, asked in one way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from bmac_meta.arguments import several
from bmac_meta.errors import InputError, PoolingRefused, told
from bmac_meta.evidence.asking import ask_comparison
from bmac_meta.evidence.rules import Rules
from bmac_meta.evidence.words import node_named
from bmac_meta.results import Pooled
from bmac_meta.results.summary import NO_TRIAL, Summary
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects
    from bmac_meta.evidence.evidence import Evidence

GROUPS = ("orthobiologic", "cell_expanded", "vesicle", "adipose", "viscosupplement", "steroid", "surgery")
LAST_GROUPS = ("exercise", "placebo")


def survey(
    evidence: Evidence,
    on: Iterable[str],
    months: Iterable[Any],
    pairs: Iterable[tuple[str, str]] | None,
    keywords: Mapping[str, Any],
) -> Summary:
    """Answer `Evidence.summary`."""
    asked = [_pair(pair) for pair in several("pairs", pairs)] if pairs is not None else every_pair(evidence)
    on, months = several("on", on), several("months", months)
    questions, answers, reasons = [], [], []
    for outcome in on:
        for month in months:
            for a, b in asked:
                effects = ask_comparison(evidence, (a, b), outcome, month, keywords.get("measure"), _rules(keywords))
                if len(effects) or pairs is not None:
                    answer, reason = _answer(effects)
                    questions.append(effects.question)
                    answers.append(answer)
                    reasons.append(reason)
    return Summary(tuple(questions), tuple(answers), tuple(reasons))


def _pair(pair: Any) -> tuple[str, str]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(f"{told(pair)} is no pair of treatments; give pairs such as [('PRP', 'HA')].")
    return tuple(pair)


def _rules(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if name != "measure"}


def _answer(effects: Effects) -> tuple[Pooled | None, str]:
    if not len(effects):
        return None, NO_TRIAL
    try:
        return pool(effects), ""
    except PoolingRefused as refusal:
        return None, str(refusal)


def every_pair(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the pairs of treatments that any study compares, the active one first, most studied first."""
    groups = dict(
        zip(evidence.tables.interventions["network_node"], evidence.tables.interventions["group"], strict=True)
    )
    counts: dict[tuple[str, str], int] = {}
    for arms in evidence.interventions.values():
        nodes = {node_named(evidence, arm, Rules()) for arm in arms}
        for pair in combinations(sorted(nodes, key=lambda node: (_place(groups.get(node)), node)), 2):
            counts[pair] = counts.get(pair, 0) + 1
    return sorted(counts, key=lambda pair: (-counts[pair], pair))


def _place(group: Any) -> int:
    if group in GROUPS:
        return GROUPS.index(group)
    return len(GROUPS) + (1 + LAST_GROUPS.index(group) if group in LAST_GROUPS else 0)
