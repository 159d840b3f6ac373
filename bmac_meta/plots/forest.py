"""The forest plot: a table of studies with a picture of every interval in it.

`forest(record)` draws, `layout(record)` tells where everything stands without drawing. The records are
`Forest`, `ForestGroup`, `ForestStudy` and `ForestSummary`.

>>> from bmac_meta.plots.forest import Forest, ForestGroup, ForestStudy, layout
>>> one = ForestStudy("Shapiro 2017", -0.1, -0.5, 0.3, weight=100.0)
>>> plan = layout(Forest("Pain at 6 months", (ForestGroup(studies=(one,)),), null=0.0))
>>> [mark.kind for mark in plan.marks if mark.row == 0]
['label', 'interval', 'square', 'estimate', 'limit', 'limit', 'limit', 'weight']
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.numbers import count_noun
from bmac_meta.plots.forest_axis import limits, shown_as
from bmac_meta.plots.forest_body import body, lines_of
from bmac_meta.plots.forest_frame import axis, footer, header, verticals
from bmac_meta.plots.forest_grid import Grid, grid
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy, ForestSummary
from bmac_meta.plots.forest_rows import rows, shown
from bmac_meta.plots.ink import draw
from bmac_meta.plots.marks import Layout, Mark
from bmac_meta.plots.scale import Scale
from bmac_meta.plots.style import JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH

__all__ = ["Forest", "ForestGroup", "ForestStudy", "ForestSummary", "describe", "forest", "layout", "table"]


def forest(record: Forest, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a forest plot at least `width` inches wide and as high as its rows need."""
    return draw(layout(record, width))


def layout(record: Forest, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a forest plot stands.

    `width` is in inches. Labels are wrapped to two lines and then elided (the marks keep the full text); if
    the columns still leave less than 150 points for the plot, the figure grows beyond `width`.
    """
    texts = rows(record)
    columns = grid(record, texts, width * POINTS_PER_INCH)
    scale = Scale(*limits(record), *columns.plot, shown_as(record))
    head, top = header(record, columns, scale)
    lines = lines_of(texts, columns, top)
    bottom = lines[-1].bottom
    foot, height = _below(record, columns, scale, bottom)
    marks = [
        *verticals(record, scale, lines, top, bottom),
        *body(record, lines, columns, scale),
        *head,
        *foot,
    ]
    return Layout(tuple(marks), columns.width, height, record.title, record.description or describe(record))


def _below(record: Forest, columns: Grid, scale: Scale, bottom: float) -> tuple[list[Mark], float]:
    axis_marks, axis_bottom = axis(record, columns, scale, bottom)
    foot, height = footer(record, columns, axis_bottom)
    return [*axis_marks, *foot], height + MARGIN


def describe(record: Forest) -> str:
    """Say in a sentence or two what a forest plot shows."""
    estimates = sum(not math.isnan(study.estimate) for study in record.studies)
    return " ".join([f"Forest plot with {count_noun(estimates, 'estimate')}.", *_answers(record)])


def _answers(record: Forest) -> Iterator[str]:
    for summary in record.summaries:
        text = f"{summary.label}: {shown(record, summary.estimate)}"
        text += f" ({shown(record, summary.ci_low)} to {shown(record, summary.ci_high)})"
        if summary.pi_low is not None and summary.pi_high is not None:
            text += f", {summary.pi_label} {shown(record, summary.pi_low)} to {shown(record, summary.pi_high)}"
        yield f"{text}."


def table(record: Forest) -> pd.DataFrame:
    """Return the numbers that a forest plot draws: one row per estimate, on the analysis scale.

    Columns: group, kind ("study", "pooled"), label, the left columns, estimate, ci_low, ci_high, pi_low,
    pi_high, weight and note. Labels are whole even where the figure elides them.
    """
    return pd.DataFrame(list(_records(record)))


def _records(record: Forest) -> Iterator[dict[str, object]]:
    for group in record.groups:
        for item in (*group.studies, *([] if group.summary is None else [group.summary])):
            yield _record(record, group.heading or "", item)
    if record.overall is not None:
        yield _record(record, "", record.overall)


def _record(record: Forest, group: str, item: ForestStudy | ForestSummary) -> dict[str, object]:
    headings = [" ".join(filter(None, names)) for names in record.left_headings]
    cells = item.left or ("",) * len(headings)
    return {
        "group": group,
        "kind": "study" if isinstance(item, ForestStudy) else "pooled",
        "label": item.label,
        **dict(zip(headings, cells, strict=True)),
        "estimate": item.estimate,
        "ci_low": item.ci_low,
        "ci_high": item.ci_high,
        "pi_low": math.nan if item.pi_low is None else item.pi_low,
        "pi_high": math.nan if item.pi_high is None else item.pi_high,
        "weight": math.nan if item.weight is None else item.weight,
        "note": getattr(item, "note", ""),
    }
