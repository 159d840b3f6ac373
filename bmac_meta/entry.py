"""Effects from anybody's table: the cells checked, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.errors import DataError, Fault, InputError, unknown_word
from bmac_meta.stats.measures import measure_named
from bmac_meta.stats.spread import se_from_ci, se_from_ratio_ci

TABLE = "the table"


def bare_effects(
    frame: pd.DataFrame,
    estimate: str,
    spreads: Mapping[str, str | None],
    study: str | None,
    measure: str,
    level: float,
    logged: bool,
) -> pd.DataFrame:
    """Return a table with `study`, `estimate` and `se` first, and the other columns behind."""
    given = {name: column for name, column in spreads.items() if column is not None}
    _check_frame(frame)
    if tuple(given) not in (("se",), ("variance",), ("ci_low", "ci_high")):
        raise InputError(
            f"The spread was given as {', '.join(given) or 'nothing'}; name exactly one of: se=, variance=, or ci_low= with ci_high=."
        )
    ratio = measure_named(measure).is_ratio and not logged
    columns = _named(frame, {"estimate": estimate, **given, **({"study": study} if study is not None else {})})
    numbers, faults = _numbers(frame, {name: columns[name] for name in ("estimate", *given)})
    faults += _range_faults(numbers, columns, ratio)
    if faults:
        raise DataError(faults)
    se = _standard_error(numbers, ratio, level)
    value = np.log(numbers["estimate"]) if ratio else numbers["estimate"]
    return _assembled(frame, study, value, se, drop={estimate, *given.values()})


def computed_effects(
    frame: pd.DataFrame, measure: str, study: str | None, columns: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of effects of a measure from raw columns, and what it could not be computed for."""
    chosen = measure_named(measure)
    _check_frame(frame)
    if chosen.arms == 0:
        raise InputError("Measure GEN takes effects as they are: use Effects.from_frame(estimate=, se=).")
    for name in columns:
        if name not in chosen.columns:
            raise unknown_word(f"column of {chosen.label} ({chosen.code})", name, chosen.columns)
    named = _named(
        frame,
        {name: columns.get(name, name) for name in chosen.columns} | ({"study": study} if study is not None else {}),
    )
    numbers, faults = _numbers(frame, {name: named[name] for name in chosen.columns})
    if faults:
        raise DataError(faults)
    effect = chosen.compute(**numbers)
    included = np.atleast_1d(effect.included)
    raw = {name: numbers[name] for name in chosen.columns}
    made = _assembled(
        frame,
        study,
        np.atleast_1d(effect.estimate),
        np.sqrt(np.atleast_1d(effect.variance)),
        set(named.values()),
    )
    made = made.assign(**raw)
    why = f"{chosen.label} does not exist for these numbers"
    gone = pd.DataFrame({"study": made["study"][~included], "row": "", "reason": why})
    return made[included].reset_index(drop=True), gone.reset_index(drop=True)


def _check_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"A pandas DataFrame is needed, not {type(frame).__name__}.")
    if frame.empty:
        raise InputError("The table is empty; give a row per trial.")
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise InputError(f"Columns stand twice in the table: {', '.join(map(str, twice))}. Rename one of each.")


def _named(frame: pd.DataFrame, wanted: Mapping[str, str]) -> dict[str, str]:
    for role, column in wanted.items():
        if column not in frame.columns:
            raise unknown_word(f"column (asked for as {role})", column, map(str, frame.columns))
    return dict(wanted)


def _numbers(frame: pd.DataFrame, columns: Mapping[str, str]) -> tuple[dict[str, np.ndarray], list[Fault]]:
    numbers, faults = {}, []
    for role, column in columns.items():
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(float, na_value=np.nan)
        for place in np.flatnonzero(~np.isfinite(values)):
            found = repr(frame[column].iloc[place])
            faults.append(_fault(place, column, found, "a finite number", "Correct the cell, or leave the row out."))
        numbers[role] = values
    return numbers, faults


def _range_faults(numbers: Mapping[str, np.ndarray], columns: Mapping[str, str], ratio: bool) -> list[Fault]:
    faults = []
    for role in ("se", "variance"):
        for place in np.flatnonzero(numbers[role] <= 0) if role in numbers else ():
            faults.append(
                _fault(
                    place,
                    columns[role],
                    f"{numbers[role][place]:g}",
                    "a number above 0",
                    "An effect without spread cannot be weighed.",
                )
            )
    if "ci_low" in numbers:
        low, middle, high = (numbers[name] for name in ("ci_low", "estimate", "ci_high"))
        for place in np.flatnonzero((low >= high) | (middle < low) | (middle > high)):
            found = f"{low[place]:g} to {high[place]:g} around {middle[place]:g}"
            faults.append(
                _fault(
                    place,
                    columns["ci_low"],
                    found,
                    "limits in order around the estimate",
                    "Look at the source.",
                )
            )
    if ratio:
        for role in [name for name in ("estimate", "ci_low", "ci_high") if name in numbers]:
            for place in np.flatnonzero(numbers[role] <= 0):
                faults.append(
                    _fault(
                        place,
                        columns[role],
                        f"{numbers[role][place]:g}",
                        "a ratio above 0",
                        "With logarithms use logged=True.",
                    )
                )
    return faults


def _fault(place: int, column: str, found: str, expected: str, remedy: str) -> Fault:
    return Fault(TABLE, int(place) + 1, column, found, expected, remedy)


def _standard_error(numbers: Mapping[str, np.ndarray], ratio: bool, level: float) -> np.ndarray:
    if "se" in numbers:
        return numbers["se"]
    if "variance" in numbers:
        return np.sqrt(numbers["variance"])
    compute = se_from_ratio_ci if ratio else se_from_ci
    return compute(low=numbers["ci_low"], high=numbers["ci_high"], level=level)


def _assembled(frame: pd.DataFrame, study: str | None, estimate: Any, se: Any, drop: set[str]) -> pd.DataFrame:
    labels = frame[study].astype(str) if study is not None else pd.Series([f"row {i + 1}" for i in range(len(frame))])
    rest = frame.drop(columns=[*drop, *([study] if study is not None else [])], errors="ignore")
    rest = rest.drop(columns=[name for name in ("study", "estimate", "se") if name in rest])
    first = pd.DataFrame({"study": labels.to_numpy(), "estimate": estimate, "se": se})
    return pd.concat([first, rest.reset_index(drop=True)], axis=1)
