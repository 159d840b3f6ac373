"""Laws of the Baujat plot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.influence import NAMED, Baujat, layout, table
from bmac_meta.plots.labels import overlap

trials = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), min_size=1, max_size=40)


def baujat_of(pairs):
    """Return a Baujat plot of (heterogeneity, influence) pairs."""
    names = tuple(f"Trial number {i}" for i in range(len(pairs)))
    return Baujat("Influence", tuple(x for x, _ in pairs), tuple(y for _, y in pairs), names)


@settings(deadline=None, max_examples=60)
@given(trials)
def test_names_cover_neither_a_point_nor_another_name(pairs):
    plan = layout(baujat_of(pairs))
    names = [mark.box for mark in plan.of_kind("label")]
    points = [mark.box for mark in plan.of_kind("point")]
    assert len(points) == len(pairs)
    assert len(names) <= NAMED
    for number, name in enumerate(names):
        assert not any(overlap(name, other) for other in (*names[number + 1 :], *points))


@settings(deadline=None, max_examples=60)
@given(trials)
def test_nothing_leaves_the_figure(pairs):
    plan = layout(baujat_of(pairs))
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_the_trial_farthest_out_is_named():
    plan = layout(baujat_of([(0.1, 0.1), (9.0, 3.0), (0.2, 0.1)]))
    assert "Trial number 1" in [mark.text for mark in plan.of_kind("label")]
    assert "Trial number 1" in plan.description


def test_texts_keep_apart(drawn_boxes, collisions):
    plan = layout(baujat_of([(i % 5, i % 3) for i in range(12)]))
    assert collisions(drawn_boxes(plan)) == []


def test_trials_without_any_influence_are_drawn_at_the_corner():
    assert len(layout(baujat_of([(0.0, 0.0), (0.0, 0.0)])).of_kind("point")) == 2


def test_the_table_has_one_row_per_trial():
    assert table(baujat_of([(1.0, 2.0), (3.0, 4.0)]))["influence"].tolist() == [2.0, 4.0]


def test_a_trial_without_a_name_is_refused():
    with pytest.raises(InputError, match="a name for each trial"):
        Baujat("Influence", (1.0,), (2.0,), ())
