"""Laws of the network graph."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.labels import overlap
from bmac_meta.plots.marks import Mark
from bmac_meta.plots.network_graph import Edge, NetworkGraph, Node, layout, line_width, spread, table

NAMES = ["BMAC", "PRP", "placebo", "hyaluronic acid of high molecular weight", "AD-MSC", "exosomes", "corticosteroid"]


def graph(seed: int, count: int, judged: bool = True, **fields: object) -> NetworkGraph:
    """Return a graph with random nodes and edges."""
    random = np.random.default_rng(seed)
    nodes = tuple(
        Node(f"{NAMES[i % 7]} {i}", int(random.integers(1, 30)), int(random.integers(10, 3000))) for i in range(count)
    )
    pairs = (
        {tuple(sorted(random.choice(count, 2, replace=False).tolist())) for _ in range(2 * count)}
        if count > 1
        else set()
    )
    edges = []
    for a, b in sorted(pairs):
        counts = random.integers(0, 4, 4)
        counts[3] += counts.sum() == 0
        low, some, high, none = (int(value) for value in counts)
        edges.append(Edge(a, b, low, some, high, none) if judged else Edge(a, b, none=low + some + high + none))
    return NetworkGraph("Network", nodes, tuple(edges), **fields)


def covers(box: tuple[float, ...], disc: Mark) -> bool:
    """Tell whether a box reaches into a disc."""
    x, y = disc.x[0], disc.y[0]
    nearest = (min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
    return math.dist((x, y), nearest) < disc.size / 2


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_labels_overlap_neither_each_other_nor_a_node(seed, count):
    plan = layout(graph(seed, count))
    labels = [mark.box for mark in plan.of_kind("label", "count")]
    assert not any(overlap(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :])
    assert not any(covers(box, mark) for box in labels for mark in plan.of_kind("node"))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_areas_of_nodes_are_proportional_to_patients(seed, count):
    record = graph(seed, count)
    discs = layout(record).of_kind("node")
    largest = max(range(count), key=lambda i: record.nodes[i].patients)
    for node, disc in zip(record.nodes, discs, strict=True):
        share = math.sqrt(node.patients / record.nodes[largest].patients)
        # The smallest nodes are drawn no smaller than a visible dot.
        assert disc.size == pytest.approx(max(4.0, share * discs[largest].size))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_a_line_is_colored_by_the_share_of_each_judgement(seed, count):
    record = graph(seed, count)
    plan = layout(record)
    for row, edge in enumerate(record.edges):
        parts = [mark for mark in plan.of_kind("edge") if mark.row == row]
        whole = sum(math.dist((m.x[0], m.y[0]), (m.x[1], m.y[1])) for m in parts)
        for mark in parts:
            own = getattr(edge, mark.role if mark.role != "hair" else "none")
            assert math.dist((mark.x[0], mark.y[0]), (mark.x[1], mark.y[1])) / whole == pytest.approx(own / edge.trials)


def test_without_judgements_every_line_is_grey_and_the_key_is_silent():
    plan = layout(graph(1, 8, judged=False))
    assert {mark.role for mark in plan.of_kind("edge")} == {"hair"}
    assert not any("risk" in mark.text for mark in plan.of_kind("key"))


def test_widths_grow_with_trials():
    widths = [line_width(trials, 12) for trials in range(1, 13)]
    assert widths == sorted(widths)
    assert widths[-1] == 9.0


@pytest.mark.parametrize("count", [1, 2, 3, 22, 60])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(count, width, drawn_boxes, collisions):
    plan = layout(graph(3, count, footnotes=("A note.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted))
def test_spread_keeps_order_distance_and_limits(wanted):
    places = spread(wanted, 5.0, -20.0, 120.0)
    assert all(b - a >= 5.0 - 1e-9 for a, b in pairwise(places))
    assert places[0] >= -20.0 - 1e-9
    assert places[-1] <= 120.0 + 1e-9


def test_the_table_has_a_row_per_node_and_edge():
    record = graph(4, 6)
    rows = table(record)
    assert (rows["kind"] == "node").sum() == 6
    assert rows.loc[rows["kind"] == "edge", ["low", "some", "high", "none"]].sum(axis=1).tolist() == [
        edge.trials for edge in record.edges
    ]


@pytest.mark.parametrize("edges", [(Edge(0, 0, none=1),), (Edge(0, 5, none=1),)])
def test_impossible_edges_are_refused(edges):
    with pytest.raises(InputError):
        NetworkGraph("x", (Node("a", 1), Node("b", 1)), edges)


def test_a_graph_without_nodes_is_refused():
    with pytest.raises(InputError):
        NetworkGraph("x", (), ())
