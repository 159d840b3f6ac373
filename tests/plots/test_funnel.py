"""Laws of the funnel plot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from bmac_meta.errors import InputError
from bmac_meta.plots.funnel import CONTOURS, Funnel, layout, table

points = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 1.5)), min_size=1, max_size=30)


def funnel_of(pairs, **fields):
    """Return a funnel plot of (estimate, standard error) pairs."""
    return Funnel("Funnel", tuple(e for e, _ in pairs), tuple(s for _, s in pairs), -0.2, **fields)


@settings(deadline=None, max_examples=50)
@given(points, points)
def test_every_trial_is_a_full_point_and_every_imputed_one_an_open_point_inside_the_panel(pairs, added):
    record = funnel_of(pairs, imputed_estimate=tuple(e for e, _ in added), imputed_precision=tuple(s for _, s in added))
    plan = layout(record)
    contour = plan.of_kind("contour")[0].box
    found = plan.of_kind("point"), plan.of_kind("imputed")
    assert [len(marks) for marks in found] == [len(pairs), len(added)]
    assert {mark.role for mark in found[0]} == {"ink"}
    assert {mark.role for mark in found[1]} <= {"paper"}
    for mark in (*found[0], *found[1]):
        assert contour[0] <= mark.x[0] <= contour[2]
        assert contour[1] <= mark.y[0] <= contour[3]


@settings(deadline=None, max_examples=50)
@given(points)
def test_nothing_leaves_the_figure(pairs):
    plan = layout(funnel_of(pairs, favours_low="BMAC", favours_high="HA", regression=(0.1, -1.3), x_label="SMD"))
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_texts_keep_apart(drawn_boxes, collisions):
    record = funnel_of(
        [(-0.5, 0.1), (0.4, 0.5), (0.1, 0.3)],
        imputed_estimate=(-0.9,),
        imputed_precision=(0.5,),
        favours_low="bone marrow concentrate",
        favours_high="hyaluronic acid",
        x_label="Standardized mean difference",
        subtitle="Egger's test: p = .025",
        footnotes=("Shading is centered at no effect.",),
    )
    assert collisions(drawn_boxes(layout(record))) == []


def test_smaller_standard_errors_stand_higher():
    plan = layout(funnel_of([(0.0, 0.1), (0.0, 0.4), (0.0, 0.2)]))
    heights = [mark.y[0] for mark in plan.of_kind("point")]
    assert heights[0] < heights[2] < heights[1]


def test_contours_are_normal_quantiles():
    assert [half_width for half_width, _ in CONTOURS] == pytest.approx(list(ndtri([0.995, 0.975, 0.95])), abs=1e-12)


def test_the_edge_of_a_contour_is_the_null_plus_its_quantile_in_standard_errors():
    record = funnel_of([(-3.0, 0.1), (3.0, 1.0)])
    plan = layout(record)
    wedge = plan.of_kind("contour")[2]  # p = .05
    left, top, right, bottom = wedge.box
    estimates, errors = plan.of_kind("point"), record.precision
    per_unit = (estimates[1].x[0] - estimates[0].x[0]) / 6.0
    depth = errors[0] + (bottom - estimates[0].y[0]) / (estimates[1].y[0] - estimates[0].y[0]) * (errors[1] - errors[0])
    assert (right - left) / 2 == pytest.approx(ndtri(0.975) * depth * per_unit)
    assert top < bottom


def test_the_regression_line_goes_through_what_egger_says():
    plan = layout(funnel_of([(-1.0, 0.2), (0.0, 0.4)], regression=(-2.0, 5.0)))
    line, points = plan.of_kind("regression")[0], plan.of_kind("point")
    slope = (points[1].y[0] - points[0].y[0]) / (points[1].x[0] - points[0].x[0])
    assert (line.y[1] - line.y[0]) / (line.x[1] - line.x[0]) == pytest.approx(slope)


def test_without_standard_errors_there_are_no_contours():
    kinds = {mark.kind for mark in layout(funnel_of([(0.1, 0.2)], contours=False)).marks}
    assert not kinds & {"contour", "pseudo_limit"}


def test_the_table_has_trials_and_imputed_points():
    record = funnel_of([(0.1, 0.2)], labels=("A",), imputed_estimate=(0.3,), imputed_precision=(0.2,))
    assert table(record)["label"].tolist() == ["A", "imputed"]
    assert table(record)["imputed"].tolist() == [False, True]


@pytest.mark.parametrize("fields", [{"precision": ()}, {"precision": (-0.1,)}, {"estimate": (), "precision": ()}])
def test_impossible_points_are_refused(fields):
    whole = {"title": "F", "estimate": (0.1,), "precision": (0.2,), "center": 0.0, **fields}
    with pytest.raises(InputError):
        Funnel(**whole)
