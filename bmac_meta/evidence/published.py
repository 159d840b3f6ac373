"""What a review pooled: the rows of its trials as effects, and the result that it printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, unknown_word
from bmac_meta.evidence.rows import records
from bmac_meta.question import Question
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.spread import se_from_ci, se_from_ratio_ci

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

COUNTS = {"events_a": "events_a", "n_a": "total_a", "events_b": "events_b", "n_b": "total_b"}
PRINTED_MEASURES = {"PROPORTION": "PFT"}
NAMES = ["n_a", "mean_a", "sd_a", "n_b", "mean_b", "sd_b"]


def published_effects(evidence: Evidence, pool: str, measure: str | None) -> Effects:
    """Answer `Evidence.published`."""
    pools = evidence.tables.published_pools.set_index("row_id")
    inputs = evidence.tables.published_inputs
    listed = inputs["pool_row_ids"].fillna("").str.split(";")
    mine = inputs[[pool in names for names in listed]]
    if mine.empty:
        known = sorted({name for names in listed for name in names if name})
        raise unknown_word("published pool with the rows of its trials", pool, known)
    printed = pools.loc[pool]
    code = measure or PRINTED_MEASURES.get(printed["measure"], printed["measure"])
    rows = [_effect(row | {"file": "published_inputs.csv"}, code) for row in records(mine.assign(line=mine.index))]
    frame = pd.DataFrame([row for row, _ in rows])
    steps = pd.DataFrame([step for _, step in rows], columns=["study", "step", "arm", "what", "address"])
    frame["study"] = frame["study"].where(
        ~frame["study"].duplicated(keep=False), frame["study"] + " (" + frame["row_id"] + ")"
    )
    return Effects(frame, _question(printed, code), steps=steps, notes=(_as_printed(printed),))


def _effect(row: Mapping[str, Any], code: str) -> tuple[dict[str, Any], tuple]:
    measure = MEASURES[code] if code in MEASURES else None
    if measure is None:
        raise InputError(
            f"The review prints {code}, which is no effect measure of this package: {', '.join(MEASURES)}."
        )
    base = {
        "study": row["study_label"],
        "row_id": row["row_id"],
        "study_id": row["study_id"],
        "weight_printed": row["weight_pct"],
    }
    place = f"published_inputs.csv row {row['line']}: {row['source_locator']}, {row['source_url']}"
    raw = {name: row[name] for name in NAMES if row[name] is not None}
    if row["estimate"] is not None:
        estimate, se, words = _printed(row, measure.is_ratio)
        return base | raw | {"estimate": estimate, "se": se}, (base["study"], 1, "", words, place)
    counts = {new: row[old] for old, new in COUNTS.items() if row[old] is not None}
    inputs = _single(counts) if measure.arms == 1 else {name: (counts | raw).get(name) for name in measure.columns}
    effect = measure.compute(**inputs)
    words = f"printed: {', '.join(f'{k} {v:g}' for k, v in inputs.items())}"
    found = {"estimate": float(effect.estimate), "se": float(np.sqrt(effect.variance))}
    return base | raw | counts | found, (base["study"], 1, "", words, place)


def _single(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {"events": counts["events_a"], "total": counts["total_a"]}


def _printed(row: Mapping[str, Any], ratio: bool) -> tuple[float, float, str]:
    words = f"printed: {row['estimate']:g}"
    estimate = float(np.log(row["estimate"])) if ratio else float(row["estimate"])
    if row["se"] is not None:
        return estimate, float(row["se"]), f"{words}, SE {row['se']:g}"
    compute = se_from_ratio_ci if ratio else se_from_ci
    limits = f"{row['ci_low']:g} to {row['ci_high']:g}"
    return estimate, float(compute(low=row["ci_low"], high=row["ci_high"])), f"{words} ({limits})"


def _question(printed: pd.Series, code: str) -> Question:
    treatment, _, comparator = str(printed["comparison"]).partition(" vs ")
    outcome = str(printed["outcome"]).replace("_", " ")
    when = "" if pd.isna(printed["timepoint_months"]) else f"{printed['timepoint_months']}"
    return Question(treatment, comparator, outcome, when, code)


def _as_printed(printed: pd.Series) -> str:
    limits = "" if pd.isna(printed["ci_low"]) else f" ({printed['ci_low']:g} to {printed['ci_high']:g})"
    return f"printed by {printed['review_id']}: {printed['measure']} {printed['estimate']:g}{limits}"
