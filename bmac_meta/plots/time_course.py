"""The time course: effects of every trial at every visit, and the pooled effect in each window of time.

`time_course(record)` draws, `layout(record)` tells where everything stands. Each comparison has a panel of
its own; all panels share both scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.marks import (
    LEADING,
    Layout,
    Mark,
    disc,
    horizontal,
    line,
    paragraph_height,
    rectangle,
    vertical,
    written,
)
from bmac_meta.plots.panel import (
    Panel,
    footnotes,
    headline,
    level_axis,
    level_axis_height,
    tick_room,
    upright_axis,
    upright_ticks,
)
from bmac_meta.plots.scale import Scale, Tick, crowded, padded, ticks, upper_limit
from bmac_meta.plots.sides import inset, upright_sides
from bmac_meta.plots.style import (
    HAIRLINE,
    JOURNAL_WIDTH,
    MARGIN,
    POINTS_PER_INCH,
    RULE_WIDTH,
    SMALL_SIZE,
    TEXT_SIZE,
)
from bmac_meta.plots.text import clean, elide

HEIGHT = 170.0
VISITS = (0, 1, 3, 6, 12, 24, 36, 48, 60, 84, 120, 180, 240)
"""Months at which trials see their patients: the ticks that are tried first."""
GAP = 16.0
POINT_SIZE = 4.2
DODGE = 3.4
"""Distance between points of the same month in points."""
REACH = 2.5


@dataclass(frozen=True, slots=True)
class TimePoint:
    """One trial's effect at one visit, on the scale of the analysis; `ci_low` and `ci_high` may be NaN."""

    label: str
    months: float
    estimate: float
    ci_low: float = math.nan
    ci_high: float = math.nan


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The pooled effect of the trials with a visit between two times in months."""

    start: float
    end: float
    estimate: float
    ci_low: float
    ci_high: float
    trials: int


@dataclass(frozen=True, slots=True)
class Course:
    """One comparison: the visits of its trials, and what they pool to in each window."""

    heading: str
    points: tuple[TimePoint, ...]
    windows: tuple[TimeWindow, ...] = ()
    favours_low: str | None = None
    favours_high: str | None = None


@dataclass(frozen=True, slots=True)
class TimeCourse:
    """A time course in numbers and words.

    Attributes:
        title: stands above the panels.
        courses: one panel each.
        y_label: words above the upright axes.
        x_label: words below the level axes.
        null: value of no effect, None for none.
        log: whether effects are logarithms and the axis shows their exponentials.
        references: further level lines, for instance a smallest important difference.
        root_time: whether months are spaced by their square roots, for follow-up that ranges from weeks to
            years.
        subtitle: a grey line below the title.
        footnotes: lines below the panels.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    courses: tuple[Course, ...]
    y_label: str = ""
    x_label: str = "Months after the injection"
    null: float | None = 0.0
    log: bool = False
    references: tuple[float, ...] = ()
    root_time: bool = False
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not any(course.points or course.windows for course in self.courses):
            raise InputError("A time course needs at least one visit of one trial.")
        if any(point.months < 0 or math.isnan(point.months) for course in self.courses for point in course.points):
            raise InputError(
                "The months of a time course count from the injection; they cannot be negative or missing."
            )


def time_course(record: TimeCourse, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a time course `width` inches wide (three quarters of it for one panel), as high as it needs."""
    return draw(layout(record, width))


def layout(record: TimeCourse, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a time course stands."""
    points = width * POINTS_PER_INCH * (0.75 if len(record.courses) == 1 else 1.0)
    marks, top = headline(record.title, record.subtitle, points)
    panels, bottom = _panels(record, points, top + 7)
    for number, (course, panel) in enumerate(zip(record.courses, panels, strict=True)):
        marks += _panel(record, course, panel, first=number % abreast(record) == 0)
    notes, bottom = footnotes(record.footnotes, bottom + 9, points)
    description = record.description or describe(record)
    return Layout((*marks, *notes), points, bottom + MARGIN, record.title, description)


def describe(record: TimeCourse) -> str:
    """Say in a sentence what a time course shows."""
    visits = sum(len(course.points) for course in record.courses)
    comparisons = count_noun(len(record.courses), "comparison")
    estimates = count_noun(visits, "estimate")
    return f"Effects over time in {comparisons}: {estimates} at up to {_latest(record):g} months."


def table(record: TimeCourse) -> pd.DataFrame:
    """Return the visits and windows that a time course draws, on the analysis scale."""
    return pd.DataFrame([row for course in record.courses for row in _records(course)])


def _records(course: Course) -> Iterator[dict[str, object]]:
    for point in course.points:
        times = {
            "kind": "trial",
            "label": point.label,
            "months_from": point.months,
            "months_to": point.months,
        }
        yield {"comparison": course.heading, **times, **_interval(point)}
    for window in course.windows:
        label = count_noun(window.trials, "trial")
        times = {"kind": "window", "label": label, "months_from": window.start, "months_to": window.end}
        yield {"comparison": course.heading, **times, **_interval(window)}


def _interval(item: TimePoint | TimeWindow) -> dict[str, object]:
    return {"estimate": item.estimate, "ci_low": item.ci_low, "ci_high": item.ci_high}


def _latest(record: TimeCourse) -> float:
    points = [point.months for course in record.courses for point in course.points]
    return max([*points, *(window.end for course in record.courses for window in course.windows)])


def _limits(record: TimeCourse) -> tuple[float, float]:
    """Return limits of the effects: all estimates, and intervals as far as they are not extreme."""
    items: list[TimePoint | TimeWindow] = [item for course in record.courses for item in course.points]
    items += [item for course in record.courses for item in course.windows]
    values = [item.estimate for item in items] + ([] if record.null is None else [record.null])
    halves = sorted((item.ci_high - item.ci_low) / 2 for item in items if math.isfinite(item.ci_high - item.ci_low))
    reach = REACH * halves[len(halves) // 2] if halves else 0.0
    low, high = min(values) - reach, max(values) + reach
    ends = [min(max(end, low), high) for item in items for end in (item.ci_low, item.ci_high) if not math.isnan(end)]
    return padded(min([*values, *ends]), max([*values, *ends]))


def abreast(record: TimeCourse) -> int:
    """Return how many panels stand beside each other: up to three, and two for four panels."""
    count = len(record.courses)
    return 2 if count in (2, 4) else min(count, 3)


def month_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Return the months of usual visits that lie on a scale, later ones first kept where they would crowd."""
    kept: list[Tick] = []
    for months in reversed([visit for visit in VISITS if visit <= scale.high]):
        found = [*kept, (float(months), f"{months}")]
        if not crowded(scale, found, SMALL_SIZE, 6.0, level=True):
            kept = found
    return tuple(reversed(kept)) if len(kept) > 2 else ticks(scale)


def _panels(record: TimeCourse, width: float, top: float) -> tuple[list[Panel], float]:
    """Return the panels in rows of up to three, and where the last row with its axis ends."""
    columns = abreast(record)
    sided = any(course.favours_low or course.favours_high for course in record.courses)
    shown = "ratio" if record.log else "plain"
    limits = inset(*_limits(record), HEIGHT, sided)
    left = MARGIN + tick_room(upright_ticks(Scale(*limits, HEIGHT, 0, shown)))
    room = (width - MARGIN - left - GAP * (columns - 1)) / columns
    head = 2 * paragraph_height(1) + 4
    step = head + HEIGHT + 4 + level_axis_height(Scale(0, 1, 0, room), record.x_label) + 10
    panels = []
    for number in range(len(record.courses)):
        start = left + (number % columns) * (room + GAP)
        upper = top + (number // columns) * step + head
        across = Scale(
            0.0,
            upper_limit(_latest(record), 1.04),
            start + 5,
            start + room,
            "root" if record.root_time else "plain",
        )
        panels.append(Panel(across, Scale(*limits, upper + HEIGHT, upper, shown)))
    return panels, panels[-1].bottom + step - head - HEIGHT - 10


def _panel(record: TimeCourse, course: Course, panel: Panel, first: bool) -> Iterator[Mark]:
    heading = elide(clean(course.heading), panel.right - panel.left + 5, TEXT_SIZE, True)
    y = panel.top - 1.5 * paragraph_height(1)
    yield written("heading", heading, panel.left - 5, y, TEXT_SIZE, bold=True, full_text=clean(course.heading))
    yield from _bands(course, panel)
    yield from _levels(record, panel)
    yield from _axes(record, panel, first)
    yield from _pooled(course, panel)
    yield from _links(course, panel)
    yield from _visits(course, panel)
    yield from upright_sides(panel, course.favours_low, course.favours_high)


def _axes(record: TimeCourse, panel: Panel, first: bool) -> Iterator[Mark]:
    if first:
        y = panel.top - 0.5 * TEXT_SIZE * LEADING
        yield from upright_axis(panel.y, panel.left - 5)
        yield written("axis_label", record.y_label, panel.left - 5, y, TEXT_SIZE, role="soft")
    yield from level_axis(panel.x, panel.bottom + 4, record.x_label, found=month_ticks(panel.x))


def _levels(record: TimeCourse, panel: Panel) -> Iterator[Mark]:
    for value in record.references:
        if panel.y.holds(value):
            looks = {"role": "grey", "dashes": (1.0, 2.0)}
            yield horizontal("reference_line", panel.left, panel.right, panel.y.place(value), RULE_WIDTH, **looks)
    if record.null is not None:
        yield horizontal("null_line", panel.left, panel.right, panel.y.place(record.null), RULE_WIDTH, role="rule")


def _bands(course: Course, panel: Panel) -> Iterator[Mark]:
    for window in course.windows:
        left, right = panel.x.place(window.start), panel.x.place_clipped(window.end)
        top, bottom = panel.y.place_clipped(window.ci_high), panel.y.place_clipped(window.ci_low)
        yield rectangle("confidence_band", left + 0.7, top, right - 0.7, bottom, role="accent", tint=0.8)


def _pooled(course: Course, panel: Panel) -> Iterator[Mark]:
    for window in course.windows:
        left, right = panel.x.place(window.start), panel.x.place_clipped(window.end)
        y = panel.y.place(window.estimate)
        yield horizontal("pooled", left + 0.7, right - 0.7, y, 2.2, role="accent")


def _dodged(points: Sequence[TimePoint], panel: Panel) -> dict[int, float]:
    """Return where each visit stands from left to right: visits of one month stand beside each other."""
    order = sorted(range(len(points)), key=lambda number: (points[number].months, points[number].estimate))
    places = {}
    for months, members in groupby(order, key=lambda number: points[number].months):
        numbers = list(members)
        for position, number in enumerate(numbers):
            places[number] = panel.x.place(months) + (position - (len(numbers) - 1) / 2) * DODGE
    return places


def _links(course: Course, panel: Panel) -> Iterator[Mark]:
    """Make a hairline between the visits of each trial."""
    places = _dodged(course.points, panel)
    for label in dict.fromkeys(point.label for point in course.points):
        numbers = [number for number, point in enumerate(course.points) if point.label == label]
        numbers.sort(key=lambda number: course.points[number].months)
        if len(numbers) > 1:
            ys = [panel.y.place(course.points[number].estimate) for number in numbers]
            yield line("link", [places[number] for number in numbers], ys, HAIRLINE, role="rule")


def _visits(course: Course, panel: Panel) -> Iterator[Mark]:
    places = _dodged(course.points, panel)
    for number, point in enumerate(course.points):
        x = places[number]
        if math.isfinite(point.ci_low + point.ci_high):
            top, bottom = panel.y.place_clipped(point.ci_high), panel.y.place_clipped(point.ci_low)
            yield vertical("interval", x, top, bottom, 0.7, role="ink", tint=0.35, row=number)
        yield disc("point", x, panel.y.place(point.estimate), POINT_SIZE, edge="paper", row=number)
