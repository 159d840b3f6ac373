"""Laws of the radial plot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.labels import overlap
from bmac_meta.plots.radial import NAMED, Radial, layout, table

points = st.lists(st.tuples(st.floats(0.1, 30), st.floats(-20, 20)), min_size=1, max_size=40)


def radial_of(pairs, slope=-0.4, **words):
    """Return a radial plot of (precision, standardized effect) pairs."""
    names = tuple(f"Trial number {place}" for place in range(len(pairs)))
    return Radial("Radial", tuple(x for x, _ in pairs), tuple(y for _, y in pairs), slope, names, **words)


@settings(deadline=None, max_examples=60)
@given(points, st.floats(-3, 3))
def test_nothing_leaves_the_figure(pairs, slope):
    plan = layout(radial_of(pairs, slope, favours_low="BMAC", favours_high="hyaluronic acid"))
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height
    assert len(plan.of_kind("point")) == len(pairs)


@settings(deadline=None, max_examples=60)
@given(points)
def test_only_points_outside_the_band_are_named_and_no_name_covers_another(pairs):
    record = radial_of(pairs)
    plan = layout(record)
    outside = {row for row, distance in enumerate(record.distance) if abs(distance) > record.band}
    names = plan.of_kind("label")
    assert {mark.row for mark in names} <= outside
    assert len(names) <= NAMED
    boxes = [mark.box for mark in names]
    assert not any(overlap(box, other) for place, box in enumerate(boxes) for other in boxes[place + 1 :])


def test_points_on_the_line_stand_on_the_drawn_line():
    plan = layout(radial_of([(1.0, -0.4), (4.0, -1.6)]))
    (line,) = plan.of_kind("pooled")
    (x0, x1), (y0, y1) = line.x, line.y
    for mark in plan.of_kind("point"):
        expected = y0 + (y1 - y0) * (mark.x[0] - x0) / (x1 - x0)
        assert mark.y[0] == pytest.approx(expected, abs=1e-9)


def test_texts_keep_apart(drawn_boxes, collisions):
    pairs = [(1.0 + 0.3 * place, 4.0 * (-1) ** place + 0.2 * place) for place in range(12)]
    assert collisions(drawn_boxes(layout(radial_of(pairs, favours_low="A", favours_high="B")))) == []


def test_the_table_has_the_distance_from_the_line():
    assert table(radial_of([(2.0, 1.0)]))["distance"].tolist() == [1.8]


def test_a_trial_without_a_name_or_with_a_precision_of_zero_is_refused():
    with pytest.raises(InputError, match="a name for each trial"):
        Radial("Radial", (1.0,), (2.0,), 0.0, ())
    with pytest.raises(InputError, match="above 0"):
        radial_of([(0.0, 1.0)])
