"""A network as a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.network.counts import JUDGEMENTS
from bmac_meta.numbers import count_noun
from bmac_meta.plots.network_graph import Edge, NetworkGraph, Node, network_graph, table
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.network.network import Network

MOST_LINES = 150


def graph_of(network: Network, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw a network: the treatments in an order around the circle that keeps the lines short."""
    if network.data is None:
        raise NotEnoughTrials(f"{network.question.title}: there is no trial to draw.")
    names = circle_order(network)
    place = {name: i for i, name in enumerate(names)}
    nodes = network.nodes.set_index("treatment")
    data = {
        "nodes": tuple(_node(network.names.get(name, name), nodes.loc[name]) for name in names),
        "edges": tuple(_edge(place, row) for row in network.edges.to_dict("records")),
    }
    words = {"title": network.question.title, "subtitle": _counted(network), "footnotes": network.notes}
    record = record_with(NetworkGraph, data, words, options)
    told = f"Network of {_counted(network)}."
    return save_picture(network_graph(record), save, record.title, told, table(record))


def _counted(network: Network) -> str:
    parts = f" in {len(network.parts)} parts that no trial links" if len(network.parts) > 1 else ""
    pairs = count_noun(len(network.edges), "direct comparison")
    return f"{count_noun(len(network), 'trial')}, {count_noun(len(network.treatments), 'treatment')}, {pairs}{parts}"


def _node(label: str, row: pd.Series) -> Node:
    patients = None if pd.isna(row["patients"]) else int(row["patients"])
    return Node(label, int(row["trials"]), patients)


def _edge(place: dict[str, int], row: dict[str, Any]) -> Edge:
    counts = {word: int(row[word]) for word in JUDGEMENTS}
    return Edge(place[row["treatment_a"]], place[row["treatment_b"]], **counts)


def circle_order(network: Network) -> list[str]:
    """Return the treatments in an order around the circle in which few lines cross, the most studied first.

    Each treatment is put where the fewest lines cross and, among such places, where lines are shortest; ties fall by
    name, so that the order is the same every time.
    """
    counts = network.nodes.set_index("treatment")["trials"]
    edges = list(zip(network.edges["treatment_a"], network.edges["treatment_b"], strict=True))
    order: list[str] = []
    for name in sorted(counts.index, key=lambda name: (-counts[name], name)):
        options = [[*order[:at], name, *order[at:]] for at in range(1 if order else 0, len(order) + 1)]
        order = min(options, key=lambda option: crossings(option, edges))
    return order


def crossings(order: Sequence[str], edges: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Return how many lines cross, and how long they are together in steps along the circle.

    Beyond `MOST_LINES` lines the crossings are not counted: nobody could follow the lines anyway.
    """
    place = {name: i for i, name in enumerate(order)}
    ends = [(place[a], place[b]) for a, b in edges if a in place and b in place]
    if not ends:
        return 0, 0
    low, high = np.sort(np.array(ends), axis=1).T
    length = int(np.minimum(high - low, len(order) - high + low).sum())
    if low.size > MOST_LINES:
        return 0, length
    inside = (low[:, None] < low) & (low < high[:, None]) & (high[:, None] < high)
    return int(inside.sum()), length
