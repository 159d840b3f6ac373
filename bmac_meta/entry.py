"""Effects from anybody's table: the cells checked, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import as_real, yes_or_no
from bmac_meta.errors import DataError, Fault, InputError, UnknownWordError, told, unknown_word
from bmac_meta.narrowing import floats_in
from bmac_meta.plausibility import refuse_mistaken_spread, refuse_ratios_as_logarithms
from bmac_meta.stats.measures import Measure, measure_named
from bmac_meta.stats.spread import se_from_ci, se_from_p, se_from_ratio_ci
from bmac_meta.tables.wording import value_shown

TABLE, LEVEL = "the table", 0.95
SPREADS = (("se",), ("variance",), ("ci_low", "ci_high"), ("p_value",))
POSSIBLE = {"COR": (-1, 1), "PR": (0, 1), "RD": (-1, 1), "PAS": (0, np.pi / 2), "PFT": (0, np.pi / 2)}
LARGEST_LOG = 100.0
SMALLEST_SE, LARGEST_SE = 1e-150, 1e150
CHOICES = {
    "add": "single effects with {:g} added to the cells of trials that have an empty one",
    "double_zero": "single effects also of trials without an event in either arm, or with nothing but events",
    "variance": "single effects with {!r} as the formula of their variance",
    "correction": "single effects with {!r} as the correction for small samples",
}
"""The choices that a measure can have, and how they are said."""
INERT = {("PAS", "add"), ("PFT", "add")}
Numbers = Mapping[str, np.ndarray]
NO_NUMBERS: Numbers = MappingProxyType({})
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
    faults += _total_faults(frame) if chosen.needs_n else []
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
    frame: pd.DataFrame, measure: str, study: str | None, columns: Mapping[str, str], choices: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Return the table of effects of a measure from raw columns, what it could not be computed for, and the choices.

    The choices, by the keywords of the measure's function, come out in words; None stands for one that was not made.
    """
    chosen = measure_named(measure)
    made_choices = _choices_for(chosen, choices)
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
    effect = chosen.compute(**numbers, **made_choices)
    included, value, variance = map(np.atleast_1d, (effect.included, effect.estimate, effect.variance))
    made = _assembled(frame, study, value, np.sqrt(variance), set(named.values()), numbers)
    out = np.flatnonzero(~included)
    reasons = [_why_none(chosen, {name: cells[place] for name, cells in numbers.items()}) for place in out]
    rows = [f"row {place + 1}" for place in out]
    gone = pd.DataFrame({"study": made["study"][~included], "row": rows, "reason": reasons})
    said = tuple(CHOICES[name].format(value) for name, value in made_choices.items() if value != _usual(chosen, name))
    return made[included].reset_index(drop=True), gone.reset_index(drop=True), said


def _choices_for(measure: Measure, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices that were made; raise `InputError` for one that says nothing to the measure."""
    made = {name: value for name, value in choices.items() if value is not None}
    taken = [name for name in CHOICES if (measure.code, name) not in INERT and _takes(measure, name)]
    for name, value in made.items():
        if name not in taken:
            known = f"its choices are {', '.join(taken)}" if taken else "it has no choices"
            raise InputError(f"{name}={told(value)} says nothing to {measure.label} ({measure.code}): {known}.")
    if as_real(made.get("add")) == 0 and str(made.get("double_zero")) == "keep":
        raise InputError(
            "double_zero='keep' was given with add=0: without an addition to its cells a trial without events has no "
            "ratio. Give add above 0, or leave double_zero out."
        )
    return made


def _takes(measure: Measure, choice: str) -> bool:
    return choice in signature(measure.compute).parameters


def _usual(measure: Measure, choice: str) -> Any:
    return signature(measure.compute).parameters[choice].default


def _why_none(measure: Measure, cells: Mapping[str, float]) -> str:
    """Say why a measure does not exist for the numbers of a trial."""
    words = f"{measure.label} does not exist for these numbers"
    if "events_a" in cells:
        events, total = (cells[f"{what}_a"] + cells[f"{what}_b"] for what in ("events", "total"))
        why = {0.0: "no event in either arm", total: "nothing but events in both arms"}.get(events)
        return f"{words}: {why}" if why else words
    if "mean_a" in cells and measure.is_ratio:
        return f"{words}: means of different sign, or 0"
    return words


def _check_frame(frame: object) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"A pandas DataFrame is needed, not {type(frame).__name__}.")
    if frame.empty:
        raise InputError("The table is empty; give a row per trial.")
    if frame.columns.nlevels > 1:
        raise InputError(
            f"The columns of the table have {frame.columns.nlevels} levels; give each column one name, as by "
            "table.columns = ['_'.join(map(str, name)) for name in table.columns]."
        )
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise InputError(f"Columns stand twice in the table: {', '.join(map(str, twice))}. Rename one of each.")


def _check_choices(frame: pd.DataFrame, given: Columns, measure: Measure, level: float, logged: bool) -> None:
    if tuple(given) not in SPREADS:
        raise InputError(
            f"The spread was given as {', '.join(given) or 'nothing'}; name exactly one of: se=, variance=, p_value=, "
            "or ci_low= with ci_high=."
        )
    if not 0 < as_real(level) < 1:
        raise InputError(f"level={told(level)} was given; a share between 0 and 1 is needed, as 0.95.")
    if level != LEVEL and "ci_low" not in given:
        raise InputError(f"level={level!r} was given with {next(iter(given))}=, which has no level; leave it out.")
    yes_or_no("logged", logged)
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
    missing = {role: column for role, column in roles.items() if not _has(frame, column)}
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


def _has(frame: pd.DataFrame, column: Any) -> bool:
    return isinstance(column, Hashable) and column is not pd.NA and column in frame.columns


def _numbers(frame: pd.DataFrame, columns: Columns) -> tuple[dict[str, np.ndarray], list[Fault]]:
    numbers, faults = {}, []
    for role, column in columns.items():
        numbers[role] = floats_in(frame[column])
        for place in np.flatnonzero(~np.isfinite(numbers[role])):
            found = value_shown(frame[column].iloc[place])
            faults.append(_fault(place, column, found, "a finite number", "Correct the cell, or leave the row out."))
    return numbers, faults


def _label_faults(frame: pd.DataFrame, study: Any) -> Iterator[Fault]:
    if study is not None:
        for place in np.flatnonzero(frame[study].isna() | frame[study].astype(str).str.strip().eq("")):
            yield _fault(place, study, "an empty cell", "the name of a trial", "Name the trial.")


def _total_faults(frame: pd.DataFrame) -> Iterator[Fault]:
    """Yield the sizes that are none, of effects which cannot be shown without."""
    totals = floats_in(frame["total"])
    for place in np.flatnonzero(~((totals >= 1) & np.isfinite(totals))):
        found = value_shown(frame["total"].iloc[place])
        yield _fault(place, "total", found, "1 patient or more", "Give the number of patients who were looked at.")


def _spread_faults(numbers: Numbers, columns: Columns, measure: Measure, logged: bool) -> Iterator[Fault]:
    """Yield what the spreads of effects cannot be."""
    low, high = POSSIBLE.get(measure.code, (-LARGEST_LOG, LARGEST_LOG) if measure.is_ratio and logged else (None, None))
    if low is not None:
        outside = (numbers["estimate"] < low) | (numbers["estimate"] > high)
        wanted = "the logarithm of a ratio" if measure.is_ratio else f"a number from {low:.4g} to {high:.4g}"
        remedy = "Ratios as such enter with logged=False." if measure.is_ratio else f"So is every {measure.label}."
        yield from _wrong(numbers, columns, "estimate", outside, wanted, remedy)
    for role, root in (("se", 1.0), ("variance", 0.5)):
        if role in numbers:
            size = np.abs(numbers[role]) ** root
            wrong = (numbers[role] <= 0) | (size < SMALLEST_SE) | (size > LARGEST_SE)
            wanted = "a number above 0, neither tiny nor huge"
            yield from _wrong(numbers, columns, role, wrong, wanted, "An effect without spread cannot be weighed.")
    if "p_value" in numbers:
        p = numbers["p_value"]
        wanted = "a two-sided p strictly between 0 and 1, as 0.032"
        yield from _wrong(
            numbers, columns, "p_value", (p <= 0) | (p >= 1), wanted, "For a bound (p < .001) give the bound."
        )
        zero = (numbers["estimate"] == 0) & (p > 0) & (p < 1)
        yield from _wrong(
            numbers, columns, "estimate", zero, "an effect other than 0", "A p of no effect tells no spread."
        )
    if "ci_low" in numbers:
        low, middle, high = (numbers[name] for name in ("ci_low", "estimate", "ci_high"))
        for place in np.flatnonzero((low >= high) | (middle < low) | (middle > high)):
            found = f"{low[place]:g} to {high[place]:g} around {middle[place]:g}"
            wanted = "limits in order around the estimate"
            yield _fault(place, columns["ci_low"], found, wanted, "Look at the source.")
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
        for kind, right, wanted, remedy in RANGES:
            if role.split("_")[0] == kind:
                yield from _wrong(numbers, columns, role, np.isfinite(values) & ~right(values), wanted, remedy)
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


def _assembled(
    frame: pd.DataFrame, study: Any, estimate: Any, se: Any, drop: set[Any], numbers: Numbers = NO_NUMBERS
) -> pd.DataFrame:
    """Return the effects with their labels, behind them the columns that played no role, and last the raw numbers."""
    numbered = [f"row {place}" for place in range(1, len(frame) + 1)]
    labels = numbered if study is None else frame[study].astype(str).str.strip().to_list()
    first = {"study": labels, "estimate": estimate, "se": se}
    played = {*drop, *(() if study is None else (study,))}
    rest = {name: frame[name].array for name in frame.columns if name not in played}
    own = {*first, *numbers}
    given = {name: name if name not in own else _free_name(name, {*own, *rest}) for name in rest}
    return pd.DataFrame(first | {given[name]: cells for name, cells in rest.items()} | dict(numbers))


def _free_name(name: Any, taken: set[Any]) -> str:
    """Return the name under which a column stands whose own name the effects need."""
    free = f"{name} (given)"
    return _free_name(free, taken) if free in taken else free
