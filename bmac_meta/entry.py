"""Effects from anybody's table: the cells checked, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.errors import DataError, Fault, InputError, UnknownWordError, unknown_word
from bmac_meta.plausibility import refuse_mistaken_spread, refuse_ratios_as_logarithms
from bmac_meta.stats.measures import Measure, measure_named
from bmac_meta.stats.spread import se_from_ci, se_from_p, se_from_ratio_ci
from bmac_meta.tables.wording import value_shown

TABLE = "the table"
SPREADS = (("se",), ("variance",), ("ci_low", "ci_high"), ("p_value",))
POSSIBLE = {"COR": (-1, 1), "PR": (0, 1), "RD": (-1, 1), "PAS": (0, np.pi / 2), "PFT": (0, np.pi / 2)}
LARGEST_LOG = 100.0
SMALLEST_SE, LARGEST_SE = 1e-150, 1e150
Numbers = Mapping[str, np.ndarray]
Columns = Mapping[str, Any]


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
    chosen = measure_named(measure)
    _check_frame(frame)
    _check_choices(frame, given, chosen, level, logged)
    columns = _named(frame, {"estimate": estimate, **given}, study)
    numbers, faults = _numbers(frame, columns)
    faults += [*_label_faults(frame, study), *_spread_faults(numbers, columns, chosen, logged)]
    if faults:
        raise DataError(faults)
    ratio = chosen.is_ratio and not logged
    if chosen.is_ratio and logged and "ci_low" in numbers:
        refuse_ratios_as_logarithms(numbers["estimate"], numbers["ci_low"], numbers["ci_high"])
    value = np.log(numbers["estimate"]) if ratio else numbers["estimate"]
    made = _assembled(frame, study, value, _standard_error(numbers, ratio, level), drop=set(columns.values()))
    role = next(iter(given))
    refuse_mistaken_spread(made, role, given[role], chosen.code)
    return made


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
    named = _named(frame, {name: columns.get(name, name) for name in chosen.columns}, study)
    numbers, faults = _numbers(frame, named)
    faults += [*_label_faults(frame, study), *_raw_faults(numbers, named)]
    if faults:
        raise DataError(faults)
    effect = chosen.compute(**numbers)
    included, value, variance = map(np.atleast_1d, (effect.included, effect.estimate, effect.variance))
    made = _assembled(frame, study, value, np.sqrt(variance), set(named.values())).assign(**numbers)
    out = np.flatnonzero(~included)
    reasons = [_why_none(chosen, {name: cells[place] for name, cells in numbers.items()}) for place in out]
    rows = [f"row {place + 1}" for place in out]
    gone = pd.DataFrame({"study": made["study"][~included], "row": rows, "reason": reasons})
    return made[included].reset_index(drop=True), gone.reset_index(drop=True)


def _why_none(measure: Measure, cells: Mapping[str, float]) -> str:
    """Say why a measure does not exist for the numbers of a trial."""
    words = f"{measure.label} does not exist for these numbers"
    if "events_a" in cells:
        events, total = (cells[f"{what}_a"] + cells[f"{what}_b"] for what in ("events", "total"))
        told = {0.0: "no event in either arm", total: "nothing but events in both arms"}.get(events)
        return f"{words}: {told}" if told else words
    if "mean_a" in cells and measure.is_ratio:
        return f"{words}: means of different sign, or 0"
    return words


def _check_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"A pandas DataFrame is needed, not {type(frame).__name__}.")
    if frame.empty:
        raise InputError("The table is empty; give a row per trial.")
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise InputError(f"Columns stand twice in the table: {', '.join(map(str, twice))}. Rename one of each.")


def _check_choices(frame: pd.DataFrame, given: Columns, measure: Measure, level: float, logged: bool) -> None:
    if tuple(given) not in SPREADS:
        raise InputError(
            f"The spread was given as {', '.join(given) or 'nothing'}; name exactly one of: se=, variance=, p_value=, "
            "or ci_low= with ci_high=."
        )
    if not 0 < level < 1:
        raise InputError(f"level={level!r} was given; a share between 0 and 1 is needed, as 0.95.")
    if not logged and not measure.is_ratio:
        raise InputError(f"logged=False was given, but {measure.code} is no ratio; leave it out, or name the measure.")
    if not logged and "ci_low" not in given:
        raise InputError(
            f"logged=False was given with {next(iter(given))}=: a ratio that is no logarithm comes with its limits. "
            "Name ci_low= and ci_high=, or give logarithms."
        )
    if measure.needs_n and "total" not in frame:
        raise InputError(f"{measure.code} is shown with the number of patients: a column named 'total' is needed.")


def _named(frame: pd.DataFrame, wanted: Columns, study: Any) -> dict[str, Any]:
    """Return which column plays which role; each must be there, and play one role only."""
    roles = wanted | ({} if study is None else {"study": study})
    if "study" in frame.columns and "study" not in roles.values():
        raise InputError(
            f"The table has a column 'study', but {'none' if study is None else repr(study)} was named for the labels, "
            "which would take its name. Say study='study', or rename that column."
        )
    missing = {role: column for role, column in roles.items() if column not in frame.columns}
    known = [str(name) for name in frame.columns]
    if len(missing) == 1:
        role, column = next(iter(missing.items()))
        raise unknown_word(f"column (asked for as {role})", column, known)
    if missing:
        raise UnknownWordError(
            f"There are no columns {', '.join(map(repr, missing.values()))}. Known: {', '.join(known)}."
        )
    for column in roles.values():
        players = [role for role, other in roles.items() if other == column]
        if len(players) > 1:
            raise InputError(f"Column {column!r} was named as {' and as '.join(players)}; name one column for each.")
    return dict(wanted)


def _numbers(frame: pd.DataFrame, columns: Columns) -> tuple[dict[str, np.ndarray], list[Fault]]:
    numbers, faults = {}, []
    for role, column in columns.items():
        numbers[role] = _as_floats(frame[column])
        for place in np.flatnonzero(~np.isfinite(numbers[role])):
            found = value_shown(frame[column].iloc[place])
            faults.append(_fault(place, column, found, "a finite number", "Correct the cell, or leave the row out."))
    return numbers, faults


def _as_floats(column: pd.Series) -> np.ndarray:
    """Return the numbers of a column; what is none, yes and no among them, is NaN."""
    if column.dtype.kind in "mM":
        return np.full(len(column), np.nan)
    if column.dtype.kind not in "iuf":
        cells = column.map(lambda cell: None if isinstance(cell, bool | np.bool_) else cell)
        column = pd.to_numeric(cells, errors="coerce")
    return column.to_numpy(float, na_value=np.nan)


def _label_faults(frame: pd.DataFrame, study: Any) -> Iterator[Fault]:
    if study is not None:
        for place in np.flatnonzero(frame[study].isna() | frame[study].astype(str).str.strip().eq("")):
            yield _fault(place, study, "an empty cell", "the name of a trial", "Name the trial.")


def _spread_faults(numbers: Numbers, columns: Columns, measure: Measure, logged: bool) -> Iterator[Fault]:
    """Yield what the spreads of effects cannot be."""
    low, high = POSSIBLE.get(measure.code, (-LARGEST_LOG, LARGEST_LOG) if measure.is_ratio and logged else (None, None))
    if low is not None:
        outside = (numbers["estimate"] < low) | (numbers["estimate"] > high)
        told = "the logarithm of a ratio" if measure.is_ratio else f"a number from {low:.4g} to {high:.4g}"
        remedy = "Ratios as such enter with logged=False." if measure.is_ratio else f"So is every {measure.label}."
        yield from _wrong(numbers, columns, "estimate", outside, told, remedy)
    for role, root in (("se", 1.0), ("variance", 0.5)):
        if role in numbers:
            size = np.abs(numbers[role]) ** root
            wrong = (numbers[role] <= 0) | (size < SMALLEST_SE) | (size > LARGEST_SE)
            told = "a number above 0, neither tiny nor huge"
            yield from _wrong(numbers, columns, role, wrong, told, "An effect without spread cannot be weighed.")
    if "p_value" in numbers:
        p = numbers["p_value"]
        told = "a two-sided p strictly between 0 and 1, as 0.032"
        yield from _wrong(
            numbers, columns, "p_value", (p <= 0) | (p >= 1), told, "For a bound (p < .001) give the bound."
        )
        zero = (numbers["estimate"] == 0) & (p > 0) & (p < 1)
        yield from _wrong(
            numbers, columns, "estimate", zero, "an effect other than 0", "A p of no effect tells no spread."
        )
    if "ci_low" in numbers:
        low, middle, high = (numbers[name] for name in ("ci_low", "estimate", "ci_high"))
        for place in np.flatnonzero((low >= high) | (middle < low) | (middle > high)):
            found = f"{low[place]:g} to {high[place]:g} around {middle[place]:g}"
            told = "limits in order around the estimate"
            yield _fault(place, columns["ci_low"], found, told, "Look at the source.")
    for role in numbers if measure.is_ratio and not logged else ():
        yield from _wrong(
            numbers, columns, role, numbers[role] <= 0, "a ratio above 0", "With logarithms: logged=True."
        )


RANGES: tuple[tuple[str, Callable[[np.ndarray], np.ndarray], str, str], ...] = (
    ("sd", lambda x: x > 0, "a number above 0", "Without a standard deviation there is no effect size."),
    ("n", lambda x: x >= 1, "1 patient or more", "Give the number of patients who were looked at."),
    ("total", lambda x: x >= 1, "1 patient or more", "Give the number of patients who were looked at."),
    ("events", lambda x: x >= 0, "0 events or more", "Correct the count."),
    ("r", lambda x: np.abs(x) < 1, "a correlation between −1 and 1", "Correct the cell."),
)


def _raw_faults(numbers: Numbers, columns: Columns) -> Iterator[Fault]:
    """Yield what the raw numbers of a trial cannot be."""
    for role, values in numbers.items():
        for kind, right, told, remedy in RANGES:
            if role.split("_")[0] == kind:
                yield from _wrong(numbers, columns, role, np.isfinite(values) & ~right(values), told, remedy)
    for events, total in (("events", "total"), ("events_a", "total_a"), ("events_b", "total_b")):
        if events in numbers:
            above = numbers[events] > numbers[total]
            yield from _wrong(numbers, columns, events, above, f"no more than {total}", "Count patients, not events.")
    if "scale_max" in numbers:
        empty = numbers["scale_max"] <= numbers["scale_min"]
        yield from _wrong(numbers, columns, "scale_max", empty, "more than scale_min", "Give both ends of the scale.")


def _wrong(
    numbers: Numbers, columns: Columns, role: str, wrong: np.ndarray, expected: str, remedy: str
) -> Iterator[Fault]:
    for place in np.flatnonzero(wrong):
        yield _fault(place, columns[role], f"{numbers[role][place]:g}", expected, remedy)


def _fault(place: int, column: Any, found: str, expected: str, remedy: str) -> Fault:
    return Fault(TABLE, int(place) + 1, str(column), found, expected, remedy)


def _standard_error(numbers: Numbers, ratio: bool, level: float) -> np.ndarray:
    if "se" in numbers:
        return numbers["se"]
    if "variance" in numbers:
        return np.sqrt(numbers["variance"])
    if "p_value" in numbers:
        return se_from_p(estimate=numbers["estimate"], p=numbers["p_value"])
    compute = se_from_ratio_ci if ratio else se_from_ci
    return compute(low=numbers["ci_low"], high=numbers["ci_high"], level=level)


def _assembled(frame: pd.DataFrame, study: Any, estimate: Any, se: Any, drop: set[Any]) -> pd.DataFrame:
    """Return the effects with their labels, and behind them the columns that played no role."""
    numbered = [f"row {place}" for place in range(1, len(frame) + 1)]
    labels = numbered if study is None else frame[study].astype(str).str.strip().to_list()
    first = {"study": labels, "estimate": estimate, "se": se}
    played = {*drop, *(() if study is None else (study,))}
    rest = {name: frame[name].array for name in frame.columns if name not in played}
    return pd.DataFrame(first | {f"{name} (given)" if name in first else name: cells for name, cells in rest.items()})
