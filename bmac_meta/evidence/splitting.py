"""Which node of a network each arm joins: as interventions.csv says, joined otherwise, or split by a property."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bmac_meta.arguments import several
from bmac_meta.errors import InputError, check_word, told, unknown_word
from bmac_meta.question import spoken

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

SPLITS = ("split_prp", "split_ha")
PRP_NODES = {"LR": "LR_PRP", "LP": "LP_PRP"}
HA_NODES = {"low": "HA_LOW", "intermediate": "HA_INTERMEDIATE", "high": "HA_HIGH"}
SPOKEN = {
    "LR_PRP": "LR-PRP",
    "LP_PRP": "LP-PRP",
    "HA_LOW": "low-weight HA",
    "HA_INTERMEDIATE": "medium-weight HA",
    "HA_HIGH": "high-weight HA",
}
LOW, HIGH = 1.0, 6.0
RULES = {
    "split_prp": "PRP split by prp_class: LR, LP, and PRP where the class is unclear",
    "split_ha": f"HA split by printed weight: below {LOW:g} MDa, {LOW:g} to {HIGH:g}, above or cross-linked; else HA",
}
Nodes = str | Mapping[str, str] | Iterable[Any] | None
ArmNodes = Mapping[tuple[str, str], str]


def read_nodes(evidence: Evidence, nodes: Nodes) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return which interventions join another node, and the splits that are asked for.

    `nodes` is one of `SPLITS`, a mapping from interventions or nodes to nodes, or several of these. Raises
    `UnknownWordError` for an intervention, a node or a split that is not there.
    """
    parts = [nodes] if isinstance(nodes, Mapping) else [] if nodes is None else several("nodes", nodes)
    joined: dict[str, str] = {}
    for part in parts:
        if isinstance(part, Mapping):
            joined |= _joined(evidence, part)
        elif not isinstance(part, str):
            raise InputError(
                f"nodes={told(part)} was given; name a split ({', '.join(SPLITS)}) or map interventions to nodes."
            )
    return joined, tuple(check_word("split of nodes", part, SPLITS) for part in parts if isinstance(part, str))


def _joined(evidence: Evidence, wanted: Mapping[str, str]) -> dict[str, str]:
    known, joined = evidence.nodes, {}
    for name, node in wanted.items():
        members = [one for one, own in known.items() if name in (one, own)]
        if not members:
            raise unknown_word("intervention or node", name, sorted({*known, *known.values()}))
        joined |= dict.fromkeys(members if name in known.values() else [name], str(node))
    return joined


def arm_nodes(evidence: Evidence, joined: Mapping[str, str], splits: tuple[str, ...]) -> ArmNodes:
    """Return the node of each arm of the studies at hand, by study and arm."""
    joins = {**evidence.nodes, **joined}
    found = {}
    for row in evidence.arms.to_dict("records"):
        node = joins.get(row["intervention"])
        if isinstance(node, str):
            found[row["study_id"], row["arm_id"]] = _split(node, row, splits)
    return found


def _split(node: str, arm: Mapping[str, Any], splits: tuple[str, ...]) -> str:
    if node == "PRP" and "split_prp" in splits:
        return PRP_NODES.get(arm.get("prp_class"), node)
    if node == "HA" and "split_ha" in splits:
        return HA_NODES.get(weight_class(arm.get("ha_molecular_weight")), node)
    return node


def weight_class(printed: Any) -> str:
    """Return "low", "intermediate" or "high" for a printed molecular weight, or nothing where it does not say.

    >>> weight_class("0.5-0.73 MDa"), weight_class("1000-2900 kDa"), weight_class("high (linear)")
    ('low', 'intermediate', 'high')
    >>> weight_class("0.62-11.7 MDa")
    ''
    """
    text = str(printed).casefold()
    if re.search(r"\d", text):
        unit = 1000.0 if "kda" in text else 1.0
        classes = {_class(float(number) / unit) for number in re.findall(r"\d+(?:\.\d+)?", text)}
        return classes.pop() if len(classes) == 1 else ""
    words = {"low": "low", "intermediate": "intermediate", "high": "high", "cross": "high"}
    return next((kind for word, kind in words.items() if word in text), "")


def _class(weight: float) -> str:
    return "low" if weight < LOW else "intermediate" if weight <= HIGH else "high"


def spoken_node(node: str) -> str:
    """Write a node as it is spoken.

    >>> spoken_node("LR_PRP"), spoken_node("PLACEBO"), spoken_node("HA_LOW")
    ('LR-PRP', 'placebo', 'low-weight HA')
    """
    return SPOKEN.get(node) or spoken(node)
