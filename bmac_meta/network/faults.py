"""What is wrong with the rows of a table of trials: every fault, with its row, its column and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.errors import Fault

TABLE = "the table"
WHOLE = ("n", "events", "total", "n_a", "n_b")
POSITIVE = ("sd", "se", "variance", "n", "total", "n_a", "n_b")
COMPLETE = "Complete the cell, or leave the row out."


def numbers_of(frame: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return columns as numbers by their role; what is no number is NaN."""
    return {
        role: pd.to_numeric(frame[name], errors="coerce").to_numpy(float, na_value=np.nan)
        for role, name in columns.items()
    }


def names_in(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of names as text without spaces around; a missing one is empty."""
    return frame[column].map(lambda name: "" if pd.isna(name) else str(name).strip()).astype(object)


def name_faults(frame: pd.DataFrame, columns: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the cells without a name of a trial or a treatment."""
    for column in columns.values():
        for place, name in enumerate(names_in(frame, column)):
            if not name:
                yield _fault(place, column, repr(frame[column].iloc[place]), "a name", COMPLETE)


def number_faults(frame: pd.DataFrame, columns: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the cells that hold no number, or one that cannot be."""
    numbers = numbers_of(frame, columns)
    for role, column in columns.items():
        for place, value in enumerate(numbers[role].tolist()):
            expected = _objection(role, value)
            if expected:
                yield _fault(place, column, repr(frame[column].iloc[place]), expected, COMPLETE)
    if {"events", "total"} <= set(columns):
        for place in np.flatnonzero(numbers["events"] > numbers["total"]):
            found = f"{numbers['events'][place]:g} of {numbers['total'][place]:g}"
            yield _fault(int(place), columns["events"], found, "no more events than patients", "Look at the source.")


def _objection(role: str, value: float) -> str:
    if not np.isfinite(value):
        return "a finite number"
    if role in POSITIVE and value <= 0:
        return "a number above 0"
    if role in WHOLE and (value != int(value) or value < 0):
        return "a whole number"
    return ""


def arm_faults(study: pd.Series, treatment: pd.Series, column: str) -> Iterator[Fault]:
    """Yield trials with one arm, and treatments that stand in several arms of one trial."""
    for trial, rows in _rows_of(study).items():
        counts = Counter(treatment.iloc[i] for i in rows)
        for arm, count in counts.items():
            if count > 1:
                place = max(i for i in rows if treatment.iloc[i] == arm)
                remedy = "Combine these arms, or, if these are several trials, give each its own name."
                yield _fault(
                    place, column, f"{count} arms of {arm!r} in trial {trial!r}", "one arm of each treatment", remedy
                )
        if len(rows) == 1:
            yield _fault(
                rows[0],
                column,
                f"trial {trial!r} with one arm ({treatment.iloc[rows[0]]})",
                "two arms or more",
                "Complete the trial, or leave it out.",
            )


def pair_faults(study: pd.Series, first: pd.Series, second: pd.Series, column: str) -> Iterator[Fault]:
    """Yield treatments against themselves, contrasts that stand twice, and trials that lack contrasts of their arms."""
    for trial, rows in _rows_of(study).items():
        pairs = {i: (first.iloc[i], second.iloc[i]) for i in rows if first.iloc[i] and second.iloc[i]}
        for i, (a, b) in pairs.items():
            if a == b:
                yield _fault(
                    i,
                    column,
                    f"{a!r} against itself in trial {trial!r}",
                    "two different treatments",
                    "Name the two arms apart, or leave the row out.",
                )
        yield from _pairs_of_trial(
            trial, {i: frozenset(pair) for i, pair in pairs.items() if len(set(pair)) == 2}, column
        )


def _pairs_of_trial(trial: Any, pairs: Mapping[int, frozenset], column: str) -> Iterator[Fault]:
    for pair, count in Counter(pairs.values()).items():
        if count > 1:
            a, b = sorted(pair)
            place = max(i for i, other in pairs.items() if other == pair)
            yield _fault(
                place,
                column,
                f"{a} vs {b} {count} times in trial {trial!r}",
                "each contrast once",
                "Keep one, or, if these are several trials, give each its own name.",
            )
    arms = sorted({arm for pair in pairs.values() for arm in pair})
    missing = [f"{a} vs {b}" for a, b in combinations(arms, 2) if frozenset((a, b)) not in pairs.values()]
    if missing:
        expected = (
            f"all {len(arms) * (len(arms) - 1) // 2} contrasts of {', '.join(arms)}; missing: {', '.join(missing)}"
        )
        remedy = "Give them, or give the arms, or, if these are several trials, give each its own name."
        yield _fault(
            min(pairs),
            column,
            f"trial {trial!r} with {len(arms)} arms and {len(set(pairs.values()))} contrasts",
            expected,
            remedy,
        )


def _rows_of(study: pd.Series) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for place, name in enumerate(study):
        found.setdefault(name, []).append(place)
    return {name: places for name, places in found.items() if name}


def _fault(place: int, column: str, found: str, expected: str, remedy: str) -> Fault:
    return Fault(TABLE, int(place) + 1, column, found, expected, remedy)
