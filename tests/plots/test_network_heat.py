"""Laws of the net heat plot."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.plots.net_heat import NetHeatMap, ground, layout, table


def heat(count: int, seed: int = 1, **fields: object) -> NetHeatMap:
    """Return net heat with random numbers."""
    random = np.random.default_rng(seed)
    names = tuple(f"placebo : treatment {i} : hyaluronic acid" for i in range(count))
    return NetHeatMap("Net heat", names, random.random((count, count)), random.normal(size=(count, count)), **fields)


def test_areas_of_squares_are_contributions():
    record = heat(5)
    squares = layout(record).of_kind("contribution")
    areas = np.array([(max(m.x) - min(m.x)) ** 2 for m in squares])
    np.testing.assert_allclose(areas / areas[0], record.contribution.ravel() / record.contribution[0, 0])


def test_grounds_tell_the_direction_and_the_size_of_heat():
    assert ground(3.0, 4.0)[0] == "high"
    assert ground(-3.0, 4.0)[0] == "low"
    assert ground(1.0, 4.0)[1] > ground(3.0, 4.0)[1]
    assert ground(0.0, 0.0) == ("paper", 0.0)


@pytest.mark.parametrize("count", [1, 8, 30])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(count, width, drawn_boxes, collisions):
    plan = layout(heat(count, footnotes=("Common effect.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_the_table_has_every_cell():
    assert len(table(heat(4))) == 16


def test_matrices_of_another_size_are_refused():
    with pytest.raises(InputError):
        NetHeatMap("x", ("a", "b"), np.ones((2, 2)), np.ones((3, 3)))
