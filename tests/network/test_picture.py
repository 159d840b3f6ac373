"""The graph of a network."""

from __future__ import annotations

from itertools import permutations

import pandas as pd
import pytest

from bmac_meta.network import Network
from bmac_meta.network.picture import circle_order, crossings, graph_of

PAIRS = {"treatment_a": "a", "treatment_b": "b", "estimate": "d", "se": "s"}


def network(edges: str) -> Network:
    rows = [(f"trial {i}", edge[0], edge[1], 0.1, 0.2) for i, edge in enumerate(edges.split())]
    return Network.from_frame(pd.DataFrame(rows, columns=["study", "a", "b", "d", "s"]), **PAIRS)


@pytest.mark.parametrize("edges", ["AB CD AC BD", "AB BC CD DE EA", "AB AC AD AE BC", "AC BD AE BF"])
def test_few_lines_cross(edges):
    net = network(edges)
    pairs = [tuple(edge) for edge in edges.split()]
    best = min(crossings(list(order), pairs)[0] for order in permutations(net.treatments))
    assert crossings(circle_order(net), pairs)[0] == best


def test_the_order_is_the_same_every_time_and_has_every_treatment(senn):
    assert circle_order(senn) == circle_order(senn)
    assert sorted(circle_order(senn)) == list(senn.treatments)


def test_a_graph_is_written_with_its_table(senn, tmp_path):
    graph_of(senn, tmp_path / "net.svg")
    table = pd.read_csv(tmp_path / "net.csv")
    assert (table["kind"] == "node").sum() == 10
    assert (table["kind"] == "edge").sum() == 15
    assert "10 treatments" in (tmp_path / "net.svg").read_text(encoding="utf-8")
