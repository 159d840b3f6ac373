"""The network as a graph: parts, nodes, edges, narrowing, and what it says of itself."""

from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.errors import DisconnectedNetwork, NotEnoughTrials, UnknownWordError
from bmac_meta.network import Network
from bmac_meta.question import Question

PAIRS = {"treatment_a": "a", "treatment_b": "b", "estimate": "d", "se": "s"}


def pairs(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["study", "a", "b"])
    return frame.assign(d=0.3, s=0.2, n_a=20, n_b=30)


@pytest.fixture
def apart() -> Network:
    frame = pairs(("one", "A", "PLACEBO"), ("two", "B", "PLACEBO"), ("three", "C", "D"))
    return Network.from_frame(frame, n_a="n_a", n_b="n_b", **PAIRS)


def test_a_disconnected_network_is_reported_as_its_parts(apart):
    assert apart.parts == (("A", "B", "PLACEBO"), ("C", "D"))
    assert "2 parts that no chain of trials links" in " ".join(repr(apart).split())
    assert [part.treatments for part in apart.components()] == [("A", "B", "PLACEBO"), ("C", "D")]


def test_a_disconnected_network_is_not_pooled_and_says_the_way_out(apart):
    with pytest.raises(DisconnectedNetwork, match=r"\(2\) C, D.*components\(\)\[0\]\.pool\(\)"):
        apart.pool()


def test_each_part_of_a_disconnected_network_can_be_pooled(apart):
    assert [len(part.pool().fit.treatments) for part in apart.components()] == [3, 2]
    assert apart.part_with("D").treatments == ("C", "D")


def test_an_unknown_reference_is_named_with_the_known_ones(senn):
    with pytest.raises(UnknownWordError, match=r"'plac'.*acar"):
        senn.pool("placebo")


def test_the_default_reference_is_placebo_else_the_treatment_of_most_trials(apart, senn):
    assert apart.part_with("A").pool().reference == "PLACEBO"
    assert senn.pool().reference == "plac"


def test_nodes_count_trials_and_patients(apart):
    nodes = apart.nodes.set_index("treatment")
    assert nodes.loc["PLACEBO"].tolist() == [2, 60]
    assert nodes.loc["A"].tolist() == [1, 20]


def test_patients_that_are_not_told_are_missing(senn):
    assert senn.nodes["patients"].isna().all()


def test_edges_count_trials_by_risk_of_bias():
    frame = pairs(("one", "A", "B"), ("two", "A", "B"), ("three", "A", "B")).assign(risk_of_bias=["low", "high", None])
    net = Network.from_frame(frame, **PAIRS)
    edge = net.edges.iloc[0]
    assert edge[["trials", "low", "some", "high", "none"]].tolist() == [3, 1, 0, 1, 1]


def test_multi_arm_trials_are_named(senn):
    assert senn.multi_arm == ("Willms1999",)


def test_trials_left_out_by_name_are_listed(senn):
    left = senn.without("Willms1999")
    assert len(left) == len(senn) - 1
    assert left.left_out["study"].tolist() == ["Willms1999"]
    with pytest.raises(UnknownWordError, match="trial of this network"):
        senn.without("Nobody 1999")


def test_leaving_out_every_trial_leaves_an_empty_network_that_says_so(apart):
    empty = apart.without("one", "two", "three")
    assert len(empty) == 0
    assert "left out by name" in repr(empty)
    with pytest.raises(NotEnoughTrials, match="no trial compares two treatments"):
        empty.pool()


def test_some_treatments_keep_the_trials_between_them(senn):
    few = senn.only("plac", "metf", "acar")
    assert few.treatments == ("acar", "metf", "plac")
    assert "Willms1999" in few.studies
    assert set(few.arms["treatment"]) == {"acar", "metf", "plac"}


def test_the_question_is_the_title_and_bears_the_measure():
    net = Network.from_frame(pairs(("one", "A", "B")), measure="SMD", question=Question("Network", "", "pain"), **PAIRS)
    assert repr(net).startswith("Network · pain")
    assert net.question.measure == "SMD"


def test_labels_are_escaped_in_html():
    net = Network.from_frame(pairs(("<b>one</b>", "<script>", "B")), **PAIRS)
    assert "<script>" not in net._repr_html_()
    assert "<script>" not in net.pool("B")._repr_html_()
