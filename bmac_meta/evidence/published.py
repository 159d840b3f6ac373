"""What a review pooled: the rows of its trials as effects, and the result that it printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, unknown_word
from bmac_meta.evidence.reading import address
from bmac_meta.evidence.rows import records
from bmac_meta.question import Question, spoken
from bmac_meta.stats.measures import MEASURES, Measure
from bmac_meta.stats.spread import se_from_ci, se_from_ratio_ci

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

COUNTS = {"events_a": "events_a", "n_a": "total_a", "events_b": "events_b", "n_b": "total_b"}
SINGLE = {"events_a": "events", "n_a": "total"}
MEANS = ("mean_a", "sd_a", "n_a", "mean_b", "sd_b", "n_b")
PRINTED_MEASURES = {"PROPORTION": "PFT"}
STEPS = ["study", "step", "arm", "what", "address"]
LEFT_OUT = ["study", "row", "reason"]


def published_effects(evidence: Evidence, pool: str, measure: str | None) -> Effects:
    """Answer `Evidence.published`."""
    mine = _inputs(evidence, pool)
    printed = evidence.tables.published_pools.set_index("row_id").loc[pool]
    own = PRINTED_MEASURES.get(printed["measure"], printed["measure"])
    code = own if measure is None else measure
    if not isinstance(code, str) or code not in MEASURES:
        raise InputError(
            f"{pool} is a {code}, and the effect measures are {', '.join(MEASURES)}; name one as measure=."
        )
    rows, steps, left_out = [], [], []
    for row in mine:
        effect, words, problem = _effect(row, MEASURES[code], as_printed=code == own)
        if problem:
            left_out.append((row["label"], f"published_inputs.csv row {row['line']}", problem))
            continue
        rows.append({"study": row["label"], **{name: row[name] for name in ("row_id", "study_id")}, **effect})
        steps += [(row["label"], number, "", word, place) for number, (word, place) in enumerate(words, 1)]
    frame = pd.DataFrame(rows) if rows else pd.DataFrame({"study": [], "estimate": [], "se": []})
    return Effects(
        frame.dropna(axis="columns", how="all") if rows else frame,
        _question(printed, code),
        left_out=pd.DataFrame(left_out, columns=LEFT_OUT),
        steps=pd.DataFrame(steps, columns=STEPS),
        notes=(_as_printed(printed),),
    )


def _inputs(evidence: Evidence, pool: str) -> list[dict[str, Any]]:
    """Return the rows of the trials of a pool, each with a label of its own."""
    inputs = evidence.tables.published_inputs
    listed = inputs["pool_row_ids"].fillna("").str.split(";")
    mine = inputs[[isinstance(pool, str) and pool != "" and pool in names for names in listed]]
    if mine.empty:
        known = sorted({name for names in listed for name in names if name})
        raise unknown_word("published pool with the rows of its trials", pool, known)
    label = mine["study_label"]
    distinct = label.where(~label.duplicated(keep=False), label + " (" + mine["row_id"] + ")")
    return list(records(mine.assign(line=mine.index, file="published_inputs.csv", label=distinct)))


def _effect(
    row: Mapping[str, Any], measure: Measure, as_printed: bool
) -> tuple[dict[str, Any], list[tuple[str, str]], str]:
    """Return the effect of a row with its history, or why there is none.

    Counts come before a printed ratio, which is rounded; a printed difference before means.
    """
    arms = MEANS if measure.arms != 1 else ()
    raw = {name: row[name] for name in ("weight_pct", *arms) if row[name] is not None}
    names = _columns(row, measure)
    if None not in names.values() and (measure.is_ratio or not as_printed or row["estimate"] is None):
        effect = measure.compute(**names)
        if not bool(effect.included):
            return {}, [], f"{measure.label} does not exist for {_told(names)}"
        estimate, se = float(effect.estimate), float(np.sqrt(effect.variance))
        return _made(raw | names, estimate, se), _history(row, f"printed: {_told(names)}", measure, estimate, se), ""
    if not as_printed or row["estimate"] is None:
        lacking = ", ".join(name for name, value in names.items() if value is None)
        return {}, [], f"{measure.code} needs {lacking or 'other numbers'}, not in the review's row"
    return _printed(row, measure, raw)


def _columns(row: Mapping[str, Any], measure: Measure) -> dict[str, Any]:
    """Return what a measure is computed from, under its own names; None where the row does not have it."""
    named = SINGLE if measure.arms == 1 else COUNTS if "events_a" in measure.columns else {name: name for name in MEANS}
    have = {new: row[old] for old, new in named.items()}
    return {name: have.get(name) for name in measure.columns}


def _told(columns: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in columns.items())


def _printed(row: Mapping[str, Any], measure: Measure, raw: dict[str, Any]) -> tuple[dict[str, Any], list, str]:
    limits = row["ci_low"] is not None and row["ci_high"] is not None
    if row["se"] is None and not limits:
        return {}, [], "neither a standard error nor an interval is printed"
    if measure.is_ratio and not min(row["estimate"], row["ci_low"] if limits else 1.0) > 0:
        return {}, [], "a ratio that is not above 0"
    estimate = float(np.log(row["estimate"])) if measure.is_ratio else float(row["estimate"])
    se = row["se"]
    if se is None:
        compute = se_from_ratio_ci if measure.is_ratio else se_from_ci
        se = float(compute(low=row["ci_low"], high=row["ci_high"]))
    interval = f" ({row['ci_low']:g} to {row['ci_high']:g})" if limits else ""
    words = f"printed: {measure.code} {row['estimate']:g}{interval}" + (f", SE {se:g}" if row["se"] is not None else "")
    return _made(raw, estimate, se), _history(row, words, measure, estimate, se), ""


def _made(columns: Mapping[str, Any], estimate: float, se: float) -> dict[str, Any]:
    return {**columns, "estimate": estimate, "se": float(se)}


def _history(row: Mapping[str, Any], words: str, measure: Measure, estimate: float, se: float) -> list[tuple[str, str]]:
    scale = "logarithm of the " if measure.is_ratio else ""
    return [(words, address(row)), (f"{scale}effect {estimate:.4f}, standard error {se:.4f}", "")]


def _question(printed: pd.Series, code: str) -> Question:
    comparison = printed["comparison"] if pd.notna(printed["comparison"]) else ""
    treatment, _, comparator = comparison.partition(" vs ")
    sides = (spoken(side) if side.isupper() else side for side in (treatment, comparator))
    when = "" if pd.isna(printed["timepoint_months"]) else printed["timepoint_months"]
    months = f"{when} months" if str(when).replace(".", "").isdecimal() else when
    return Question(*sides, printed["outcome"].replace("_", " "), months, code)


def _as_printed(printed: pd.Series) -> str:
    value = "no number" if pd.isna(printed["estimate"]) else f"{printed['estimate']:g}"
    limits = "" if pd.isna(printed["ci_low"]) else f" ({printed['ci_low']:g} to {printed['ci_high']:g})"
    flag = "" if pd.isna(printed["flag"]) else f"; flagged: {printed['flag'].replace('_', ' ').replace(';', ', ')}"
    return f"printed by {printed['review_id']}: {printed['measure']} {value}{limits}{flag}"
