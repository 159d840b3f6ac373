"""What a reader of a table of effects has to know, and what forbids pooling them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from bmac_meta.question import Question

TOLD_APART = ("paired_design", "unit_not_patient", "sign_positive_improvement", "labels_permuted_corrected")
WITH_CORRELATION = ("MD", "SMD", "POMP", "MC", "SMCR", "SMCC")
FEW = 4
YES_OR_NO = ("paired", "printed_contrast")
OF_EVIDENCE = (*YES_OR_NO, "higher_is_better", "joints", "measured_as", "outcome", "scale_max", "scale_min")
"""The columns that effects from the evidence have, all of them, whatever else they have."""
ORIENTED = ("SMD", "SMDH", "POMP", "SMCR", "SMCC")


def notes_on(frame: pd.DataFrame, question: Question) -> tuple[str, ...]:
    """Return what a reader of effects from the evidence has to know, in words; of any other table nothing is known."""
    if frame.empty or not _is_evidence(frame):
        return ()
    return tuple(
        note
        for note in (
            _conditions(frame),
            *_paired(frame, question),
            _crossover(frame),
            _joints(frame),
            "final and change scores together" if {"final", "change"} <= set(_column(frame, "measured_as")) else "",
            _printed(frame),
            _flagged(frame),
        )
        if note
    )


def _is_evidence(frame: pd.DataFrame) -> bool:
    return set(OF_EVIDENCE) <= set(frame) and all(frame[name].dtype.kind == "b" for name in YES_OR_NO)


def _column(frame: pd.DataFrame, name: str) -> list[Any]:
    return frame[name].dropna().tolist() if name in frame else []


def _where(frame: pd.DataFrame, name: str) -> str:
    """Return the studies for which a column of yes and no says yes."""
    return ", ".join(map(str, frame["study"][frame[name].fillna(False).astype(bool)])) if name in frame else ""


def _conditions(frame: pd.DataFrame) -> str:
    conditions = sorted(set(_column(frame, "condition")))
    return f"several conditions together: {', '.join(conditions)}" if len(conditions) > 1 else ""


def _paired(frame: pd.DataFrame, question: Question) -> list[str]:
    if not question.comparator:
        return []
    from_arms = _where(frame.assign(own=frame["paired"] & ~frame["printed_contrast"]), "own")
    printed = _where(frame.assign(own=frame["paired"] & frame["printed_contrast"]), "own")
    how = "correlation assumed" if question.measure in WITH_CORRELATION else "taken as independent, so too wide"
    return [
        *([f"the same patients in both arms, {how}: {from_arms}"] if from_arms else []),
        *([f"the same patients in both arms, as the source compares them: {printed}"] if printed else []),
    ]


def _crossover(frame: pd.DataFrame) -> str:
    if "design" not in frame:
        return ""
    trials = _where(frame.assign(own=frame["design"].eq("crossover_rct")), "own")
    return f"cross-over trials, their rows taken as those of parallel arms (first period): {trials}" if trials else ""


def _joints(frame: pd.DataFrame) -> str:
    trials = _where(frame, "joints")
    return f"n counts joints, not patients, so the interval is too narrow: {trials}" if trials else ""


def _printed(frame: pd.DataFrame) -> str:
    number = sum(map(bool, _column(frame, "printed_contrast")))
    trials = _where(frame, "printed_contrast") if number <= FEW else f"{number} trials"
    return f"taken as the contrast that the source gives: {trials}" if number else ""


def _flagged(frame: pd.DataFrame) -> str:
    flags = Counter(flag for flags in _column(frame, "flags") for flag in str(flags).split(";") if flag)
    kept = [f"{flag.replace('_', ' ')} {n}" for flag, n in sorted(flags.items()) if flag not in TOLD_APART]
    return f"flagged and kept: {', '.join(kept)}" if kept else ""


def refusals_of(frame: pd.DataFrame, question: Question) -> tuple[str, ...]:
    """Return why effects from the evidence must not be pooled, each reason with the trials and the way out."""
    if len(frame) < 2 or not _is_evidence(frame):
        return ()
    reasons = []
    if question.measure in ORIENTED:
        reasons += _unknown_directions(frame)
    if question.measure in ("SMD", "SMDH"):
        reasons += _mixed_kinds(frame)
    if question.measure in ("MD", "MC"):
        reasons += _mixed_scales(frame)
    return tuple(reasons)


def _unknown_directions(frame: pd.DataFrame) -> list[str]:
    unknown = frame["higher_is_better"].isna()
    if unknown.all() or not unknown.any():
        return []
    trials = ", ".join(map(str, frame["study"][unknown]))
    return [
        f"effects in SDs are turned so that below zero is better, but which way is better is not known for: {trials}. "
        "Say it in instruments.csv, or leave these trials out with without()."
    ]


def _mixed_kinds(frame: pd.DataFrame) -> list[str]:
    by_kind = {kind: ", ".join(frame["study"][frame["measured_as"] == kind]) for kind in ("change", "final")}
    if not all(by_kind.values()):
        return []
    return [
        f"change and final scores cannot be mixed in a standardized mean difference: their SDs differ in kind. "
        f"Change: {by_kind['change']}. Final: {by_kind['final']}. "
        f'Ask with measured_as="final", measured_as="change" or measured_as="most", or use measure="MD" or "POMP".'
    ]


def _mixed_scales(frame: pd.DataFrame) -> list[str]:
    scales = frame[["study", "outcome", "scale_min", "scale_max"]].copy()
    known = scales[~frame["printed_contrast"]].drop_duplicates(["outcome", "scale_min", "scale_max"])
    # The only scale that the trials have an outcome on is lent to a printed contrast, which bears none.
    single = known[~known.duplicated("outcome", keep=False)].set_index("outcome")
    for end in ("scale_min", "scale_max"):
        scales[end] = scales[end].fillna(scales["outcome"].map(single[end])).astype(float)
    groups = scales.groupby(["outcome", "scale_min", "scale_max"], dropna=False)["study"].agg(", ".join)
    if len(groups) < 2:
        return []
    named = "; ".join(f"{outcome} {_ends(low, high)}: {studies}" for (outcome, low, high), studies in groups.items())
    return [
        f"means on different scales have no common difference. {named}. "
        f'Ask with measure="POMP" (percent of the scale), measure="SMD", or for one instrument and one scale.'
    ]


def _ends(low: Any, high: Any) -> str:
    return "(scale not printed)" if pd.isna(low) or pd.isna(high) else f"({low:g} to {high:g})"
