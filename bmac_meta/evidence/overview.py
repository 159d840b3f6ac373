"""How much there is: studies by two properties, and one comparison at several times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmac_meta.arguments import one_of, whole_number
from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused
from bmac_meta.evidence.asking import ask_comparison
from bmac_meta.evidence.rules import window
from bmac_meta.question import spoken
from bmac_meta.results.courses import TimeCourse
from bmac_meta.results.maps import EvidenceCounts
from bmac_meta.results.pooled import Pooled
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

HEADINGS = {"node": "treatment"}
WINDOW_NAMES = {"0 to 3": 3, "over 3 to 6": 6, "over 6 to 12": 12, "over 12": float("inf")}


def counts_by(evidence: Evidence, rows: str, columns: str, most: int) -> EvidenceCounts:
    """Answer `Evidence.map`."""
    most = whole_number("most", most)
    once = _counted(evidence, rows, columns)
    order = _by_frequency(once, rows)[:most]
    across = list(WINDOW_NAMES) if columns == "window" else _by_frequency(once, columns)
    cells = [rows, columns]
    studies = once.groupby(cells)["study_id"].nunique()
    # The same patients count once: reports of one cohort share them.
    patients = once.groupby([*cells, "cohort_id"])["n_randomised"].max().groupby(cells).sum().astype(float)
    frames = (
        counts.unstack(fill_value=0).reindex(index=order, columns=across, fill_value=0)
        for counts in (studies, patients)
    )
    title = f"Studies by {_heading(rows)} and {_heading(columns)}"
    return EvidenceCounts(title, _heading(rows), _heading(columns), *map(_named, frames))


def _counted(evidence: Evidence, rows: str, columns: str) -> pd.DataFrame:
    """Return a row per study and cell, with the cohort and the patients of the study."""
    studies = evidence.studies.assign(cohort_id=evidence.studies["study_id"].map(evidence.cohorts))
    joined = evidence.arms.merge(studies, on="study_id", suffixes=("_of_arm", ""))
    of_visits = ("domain", "outcome", "window")
    for name in (rows, columns):
        one_of(name, dict.fromkeys([*joined.columns, *of_visits]), "column to count by")
    if {rows, columns} & set(of_visits):
        joined = joined.merge(_visits(evidence), on=["study_id", "arm_id"])
    if rows == columns:
        raise InputError(f"A map of {rows} by {columns} was asked for; name two different columns.")
    once = joined.dropna(subset=[rows, columns]).drop_duplicates(["study_id", rows, columns])
    if once.empty:
        raise NotEnoughTrials(f"No study at hand says both its {_heading(rows)} and its {_heading(columns)}.")
    return once


def _by_frequency(once: pd.DataFrame, column: str) -> pd.Index:
    return once.groupby(column)["study_id"].nunique().sort_values(ascending=False, kind="stable").index


def _visits(evidence: Evidence) -> pd.DataFrame:
    rows = evidence.outcomes[evidence.outcomes["timepoint_months"] > 0]
    ends = [0, *WINDOW_NAMES.values()]
    names = pd.cut(rows["timepoint_months"], ends, labels=list(WINDOW_NAMES)).astype(str)
    return rows[["study_id", "arm_id", "domain", "outcome"]].assign(window=names)


def _heading(column: str) -> str:
    return HEADINGS.get(column, column.replace("_", " "))


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose row and column names are written as they are spoken."""
    frame = frame.rename(index=_word, columns=_word)
    return frame.rename_axis(index=None, columns=None)


def _word(name: Any) -> str:
    return spoken(name) if str(name).isupper() else str(name).replace("_", " ")


def course_of(
    evidence: Evidence,
    nodes: tuple[str, str],
    on: str,
    months: tuple[float, ...],
    measure: str | None,
    keywords: Mapping[str, Any],
) -> TimeCourse:
    """Answer `Evidence.course`."""
    windows = tuple(window(month) for month in months)
    ends = [(w.low, w.high) for w in windows]
    if not ends or None in months or len(set(ends)) < len(ends):
        raise InputError(f"months={months!r} was asked; a course needs one month (or pair of limits) for each window.")
    effects = [ask_comparison(evidence, nodes, on, month, measure, keywords) for month in months]
    if not any(len(effect) for effect in effects):
        raise NotEnoughTrials(f"{nodes[0]} vs {nodes[1]} · {on}: no trial has a usable visit in any of the windows.")
    answers: list[Pooled | None] = []
    for effect in effects:
        if effect.refusals:
            raise PoolingRefused(f"{effect.question.title} was not pooled: {' '.join(effect.refusals)}")
        answers.append(pool(effect) if len(effect) else None)
    return TimeCourse(tuple(ends), tuple(answers))
