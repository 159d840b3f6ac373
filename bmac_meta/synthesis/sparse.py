"""The verbs for 2×2 tables with few events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.narrowing import floats_in
from bmac_meta.results.sparse import Sparse
from bmac_meta.synthesis.verbs import check_poolable

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

COUNTS = ("events_a", "total_a", "events_b", "total_b")
NO_EVENTS = "does not exist"
"""What the reason says of a trial for which a measure of its counts could not be computed."""


def mantel_haenszel(effects: Effects, measure: str = "OR", *, rd_variance: str = "sato", level: float = 0.95) -> Sparse:
    """Pool the trials' 2×2 tables by Mantel and Haenszel, with nothing added to empty cells.

    `measure` is "OR", "RR" or "RD", whatever measure the effects have; `rd_variance` that of the difference. The result
    says how many trials have no event in either arm. Trials without printed counts are left out by name. Raises
    `InputError` where no counts are there.
    """
    effects, tables = _tables(effects)
    fit = stats.mantel_haenszel(**tables, measure=measure, rd_variance=rd_variance, level=level)
    tests = {}
    if measure == "OR":
        tests = {"homogeneity": stats.breslow_day(**tables), "association": stats.cochran_mantel_haenszel(**tables)}
    return _sparse(effects, fit, measure, rd_variance if measure == "RD" else measure, tests)


def peto(effects: Effects, *, level: float = 0.95) -> Sparse:
    """Pool the trials' 2×2 tables by Peto's one-step odds ratio, for rare events, small effects and even arms.

    Trials without printed counts are left out by name. Raises `InputError` where no counts are there.
    """
    effects, tables = _tables(effects)
    return _sparse(effects, stats.peto(**tables, level=level), "PETO", "PETO", {})


def _tables(effects: Effects) -> tuple[Effects, dict[str, np.ndarray]]:
    """Return the effects with counts, and the counts."""
    if not len(effects) and len(_without_events(effects)):
        raise NotEnoughTrials(
            f"{effects.question.title}: {effects.measure.label} exists for no trial, so no table is at hand. Ask with "
            "measure='RD', which keeps trials without an event."
        )
    check_poolable(effects)
    missing = [name for name in COUNTS if name not in effects.frame]
    if missing:
        raise InputError(
            f"2×2 tables need {', '.join(COUNTS)}; these effects have no {', '.join(missing)}. Ask for an event, or "
            "make the effects with Effects.from_raw(measure='OR')."
        )
    counts = effects.frame[list(COUNTS)].apply(floats_in)
    printed = np.isfinite(counts).all(axis=1).to_numpy()
    effects = effects._keep(printed, "no counts are printed")
    if not len(effects):
        raise InputError("No trial prints the events of both arms; pool() takes the printed ratios.")
    return effects, {name: counts[name].to_numpy()[printed] for name in COUNTS}


def _without_events(effects: Effects) -> pd.Series:
    """Return the studies that were left out when the effects were made because a measure did not exist for them."""
    gone = effects.left_out
    return gone["study"][gone["reason"].astype(str).str.contains(NO_EVENTS, regex=False)]


def _sparse(effects: Effects, fit: stats.SparseEffect, measure: str, variance: str, tests: dict[str, Any]) -> Sparse:
    frame = effects.frame.assign(**{name: floats_in(effects.frame[name]) for name in COUNTS})
    silent = frame["study"][(frame["events_a"] + frame["events_b"]) == 0]
    before = _without_events(effects)
    return Sparse(
        question=replace(effects.question, measure=measure, unit=""),
        fit=fit,
        variance=variance,
        rows=frame,
        left_out=effects.left_out,
        silent=tuple(silent.astype(str)),
        silent_before=tuple(dict.fromkeys(before.astype(str))),
        notes=effects.notes,
        **tests,
    )
