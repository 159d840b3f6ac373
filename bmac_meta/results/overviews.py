"""Overviews as pictures: the map of the evidence, and an effect over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.plots.evidence_map import EvidenceMap, evidence_map
from bmac_meta.plots.time_course import Course, TimePoint, TimeWindow, time_course
from bmac_meta.plots.time_course import TimeCourse as CoursePicture
from bmac_meta.plots.time_course import table as course_table
from bmac_meta.plots.timeline import Timeline, timeline
from bmac_meta.plots.timeline import table as timeline_table
from bmac_meta.results.forests import axis_label
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.results.courses import TimeCourse
    from bmac_meta.results.maps import EvidenceCounts
    from bmac_meta.results.pooled import Pooled

LAST_YEARS = 24.0


def map_of_counts(counts: EvidenceCounts, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw how many studies and patients there are in each cell."""
    words = {"row_heading": counts.rows, "column_heading": counts.columns}
    data = {"title": counts.title, "trials": counts.studies, "patients": counts.patients}
    record = record_with(EvidenceMap, data, words, options)
    empty = int((counts.studies == 0).to_numpy().sum())
    told = f"{counts.title}: {empty} of {counts.studies.size} cells are empty."
    return save_picture(evidence_map(record), save, counts.title, told, counts.tidy())


def timeline_of_counts(counts: EvidenceCounts, save: str | Path | None = None) -> Figure:
    """Draw when the studies of each row came."""
    years = pd.to_numeric(pd.Series(counts.studies.columns), errors="coerce")
    if years.isna().any():
        raise InputError(f'A timeline takes years as columns, not {counts.columns}: ask for map("node", "year").')
    frame = counts.studies.set_axis(years.astype(int), axis=1).sort_index(axis=1)
    record = Timeline(counts.title, frame, counts.rows)
    picture = timeline(record)
    return save_picture(picture, save, record.title, picture.layout.description, timeline_table(record))


def course_of_answers(course: TimeCourse, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the trials at their visits and the pooled effect of each window."""
    question, answers = course.first.question, [answer for answer in course.answers if answer is not None]
    points = tuple(point for answer in answers for point in _points(answer))
    windows = tuple(_window(w, a) for w, a in zip(course.windows, course.answers, strict=True) if a is not None)
    below, above = question.sides
    title = f"{question.versus} · {question.outcome}"
    panel = Course("", points, windows, below, above)
    measure = course.first.measure
    words = {"y_label": axis_label(question), "null": measure.null, "log": measure.is_ratio, "root_time": True}
    note = "Trials recur from window to window, so the windows are not independent."
    record = record_with(CoursePicture, {"courses": (panel,)}, words | {"title": title, "footnotes": (note,)}, options)
    told = " ".join(answer.sentence() for answer in answers)
    return save_picture(time_course(record), save, title, told, course_table(record))


def _points(answer: Pooled) -> list[TimePoint]:
    rows = answer.rows
    half = 1.959963984540054 * rows["se"]
    columns = zip(
        rows["study"], rows["months"], rows["estimate"], rows["estimate"] - half, rows["estimate"] + half, strict=True
    )
    return [
        TimePoint(str(study), float(month), float(e), float(low), float(high)) for study, month, e, low, high in columns
    ]


def _window(window: tuple[float, float], answer: Pooled) -> TimeWindow:
    low, high = window
    fit = answer.fit
    end = max(LAST_YEARS, float(answer.rows["months"].max())) if high == float("inf") else high
    return TimeWindow(low, end, float(fit.estimate), float(fit.ci_low), float(fit.ci_high), answer.k)
