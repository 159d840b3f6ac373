"""Laws of the time course."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.time_course import Course, TimeCourse, TimePoint, TimeWindow, layout, table

visits = st.builds(
    lambda label, months, estimate, half: TimePoint(label, months, estimate, estimate - half, estimate + half),
    st.sampled_from("ABCDE"),
    st.sampled_from([0.5, 1, 3, 6, 12, 24]),
    st.floats(-2, 2),
    st.floats(0.05, 2),
)
WINDOWS = (TimeWindow(0, 3, -0.4, -0.7, -0.1, 3), TimeWindow(3, 12, -0.2, -0.6, 0.2, 2))
comparisons = st.builds(
    lambda points: Course("BMAC vs HA", tuple(points), WINDOWS, "BMAC", "HA"),
    st.lists(visits, min_size=1, max_size=20),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(comparisons, min_size=1, max_size=7).map(tuple), st.booleans())
def test_every_visit_is_a_point_every_window_a_bar_and_nothing_leaves_the_figure(courses, root):
    plan = layout(TimeCourse("How long", courses, y_label="SMD", root_time=root, references=(-0.37,)))
    assert len(plan.of_kind("point")) == sum(len(course.points) for course in courses)
    assert len(plan.of_kind("pooled")) == 2 * len(courses)
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_texts_keep_apart_with_any_number_of_panels(count, drawn_boxes, collisions):
    points = tuple(TimePoint("A", months, -0.3, -0.6, 0.1) for months in (1, 3, 6, 12, 24))
    course = Course("Platelet-rich plasma vs corticosteroid", points, WINDOWS, "PRP", "corticosteroid")
    plan = layout(TimeCourse("How long does it last?", (course,) * count, y_label="SMD", footnotes=("A note.",)))
    assert collisions(drawn_boxes(plan)) == []


def test_panels_share_their_scale_of_effects():
    high = Course("High", (TimePoint("A", 1, 2.0), TimePoint("B", 3, 0.5)))
    low = Course("Low", (TimePoint("A", 1, -2.0), TimePoint("B", 3, 0.5)))
    second, fourth = (mark.y[0] for mark in layout(TimeCourse("T", (high, low))).of_kind("point") if mark.row == 1)
    assert second == fourth


def test_visits_of_one_month_stand_beside_each_other():
    course = Course("T", tuple(TimePoint(label, 6, 0.1) for label in "ABC"))
    xs = [mark.x[0] for mark in layout(TimeCourse("T", (course,))).of_kind("point")]
    assert xs[1] - xs[0] == pytest.approx(3.4)
    assert xs[2] - xs[1] == pytest.approx(3.4)


def test_visits_of_one_trial_are_linked_in_the_order_of_time():
    points = (TimePoint("A", 12, 0.3), TimePoint("A", 1, 0.1), TimePoint("B", 6, 0.2))
    links = layout(TimeCourse("T", (Course("T", points),))).of_kind("link")
    assert len(links) == 1
    assert links[0].x[0] < links[0].x[1]


def test_a_visit_without_an_interval_is_a_point_only():
    plan = layout(TimeCourse("T", (Course("T", (TimePoint("A", 6, 0.3),)),)))
    assert len(plan.of_kind("point")) == 1
    assert not plan.of_kind("interval")


def test_ticks_are_the_months_at_which_trials_see_their_patients():
    points = tuple(TimePoint("A", months, -0.3, -0.6, 0.1) for months in (1, 3, 6, 12))
    plan = layout(TimeCourse("T", (Course("T", points),)))
    months = [mark.text for mark in plan.of_kind("tick_label") if "." not in mark.text]
    assert months == ["0", "1", "3", "6", "12"]


def test_the_table_has_visits_and_windows():
    frame = table(TimeCourse("T", (Course("C", (TimePoint("A", 6, 0.3),), WINDOWS),)))
    assert frame["kind"].tolist() == ["trial", "window", "window"]
    assert frame["label"].tolist() == ["A", "3 trials", "2 trials"]


@pytest.mark.parametrize("points", [(), (TimePoint("A", -1, 0.1),), (TimePoint("A", math.nan, 0.1),)])
def test_impossible_visits_are_refused(points):
    with pytest.raises(InputError):
        TimeCourse("T", (Course("T", points),))
