"""Laws of the bubble plot of a meta-regression."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.bubble import Bubble, layout, table

NO_LINE = dict.fromkeys(("line_x", "line", "ci_low", "ci_high", "pi_low", "pi_high"), ())
trials = st.lists(st.tuples(st.floats(20, 90), st.floats(-2, 2), st.floats(0.1, 50)), min_size=1, max_size=25)


def regression(rows, **fields):
    """Return a bubble plot with a line and both bands."""
    xs, estimates, weights = (tuple(column) for column in zip(*rows, strict=True))
    curves = {
        "line_x": (30.0, 50.0, 70.0),
        "line": (-0.5, -0.2, 0.1),
        "ci_low": (-0.8, -0.4, -0.2),
        "ci_high": (-0.2, 0.0, 0.4),
    }
    curves |= {"pi_low": (-1.3, -0.9, -0.7), "pi_high": (0.3, 0.5, 0.9)}
    words = {"x_label": "Mean age, years", "y_label": "SMD", "favours_low": "BMAC", "favours_high": "HA"}
    return Bubble("Age", xs, estimates, weights, **{**curves, **words, **fields})


@settings(deadline=None, max_examples=50)
@given(trials)
def test_areas_are_proportional_to_weights_and_no_bubble_hides_a_smaller_one(rows):
    bubbles = layout(regression(rows)).of_kind("bubble")
    sizes = [mark.size for mark in bubbles]
    assert sizes == sorted(sizes, reverse=True)
    heaviest = max(weight for _, _, weight in rows)
    for mark in bubbles:
        assert mark.size**2 / 20.0**2 == pytest.approx(rows[mark.row][2] / heaviest)


@settings(deadline=None, max_examples=50)
@given(trials)
def test_nothing_leaves_the_figure_and_the_words_on_sides_stay_free_of_centers(rows):
    plan = layout(regression(rows))
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height
    high, low = plan.of_kind("favours_high")[0].box, plan.of_kind("favours_low")[0].box
    assert all(high[3] <= mark.y[0] <= low[1] for mark in plan.of_kind("bubble"))


def test_the_line_lies_in_its_confidence_band_and_that_in_the_prediction_band():
    plan = layout(regression([(40, 0.1, 1.0), (60, -0.3, 2.0)]))
    line = plan.of_kind("regression")[0]
    boxes = [plan.of_kind(kind)[0].box for kind in ("confidence_band", "prediction_band")]
    assert boxes[1][1] < boxes[0][1] < min(line.y)
    assert max(line.y) < boxes[0][3] < boxes[1][3]


def test_texts_keep_apart(drawn_boxes, collisions):
    plan = layout(regression([(40, 0.1, 1.0), (60, -0.3, 2.0)], subtitle="Slope 0.01, p = .004"))
    assert collisions(drawn_boxes(plan)) == []


def test_ratios_are_labelled_as_ratios():
    plan = layout(regression([(40, math.log(0.5), 1.0), (60, math.log(2), 2.0)], log=True, **NO_LINE))
    labels = [mark.text for mark in plan.of_kind("tick_label")]
    assert {"0.5", "1", "2"} <= set(labels)


def test_the_table_keeps_the_order_of_the_trials():
    assert table(regression([(40, 0.1, 1.0), (60, -0.3, 2.0)]))["weight"].tolist() == [1.0, 2.0]


def test_curves_of_another_length_are_refused():
    with pytest.raises(InputError, match="one value for each"):
        regression([(40, 0.1, 1.0)], ci_low=(0.1,))


def test_a_trial_without_a_weight_is_refused():
    with pytest.raises(InputError, match="one weight for each trial"):
        Bubble("Age", (1.0,), (0.1,), ())
