"""One printed row of an arm becomes a mean, an SD and an n, or a count; each step is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bmac_meta.evidence.rules import Rules
from bmac_meta.numbers import format_level
from bmac_meta.stats.skewness import skewness_from_quartiles
from bmac_meta.stats.spread import sd_from_ci, sd_from_se
from bmac_meta.stats.spread_quantiles import (
    mean_from_five_numbers,
    mean_from_quartiles,
    mean_from_range,
    sd_from_five_numbers,
    sd_from_quartiles,
    sd_from_range,
)

PLAUSIBLE_SD = (0.05, 0.40)
ALONE = "a median without its quartiles or extremes"
ENDS = {"quartiles": {"q1": "q1", "q3": "q3"}, "extremes": {"min": "minimum", "max": "maximum"}}
CONVERSIONS = {
    "quartiles and extremes": (mean_from_five_numbers, sd_from_five_numbers, "Shi 2020"),
    "quartiles": (mean_from_quartiles, sd_from_quartiles, "Wan 2014"),
    "extremes": (mean_from_range, sd_from_range, "Wan 2014"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way from a printed row to an effect: what was done, and where it stands."""

    what: str
    address: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class ArmValue:
    """What one arm contributes: a mean with its SD and n, or events among a total, and how it came about.

    `spread` says in a word where the SD is from, `joints` whether `n` (or `total`) counts joints because nobody says
    how many patients they belong to; `problem` says why the row cannot be used, and is empty when it can.
    """

    arm: str
    node: str
    row: Mapping[str, Any]
    mean: float | None = None
    sd: float | None = None
    n: int | None = None
    events: int | None = None
    total: int | None = None
    spread: str = ""
    joints: bool = False
    steps: tuple[Step, ...] = ()
    problem: str = ""


def read_row(row: Mapping[str, Any], rules: Rules) -> ArmValue:
    """Return what a printed row gives under some rules; a row that gives nothing says why."""
    value = ArmValue(row["arm_id"], row["node"], row, joints="unit_not_patient" in row["flags"])
    if row["events"] is not None and row["total"] is not None:
        return _counts(value)
    if row["n"] is None:
        return replace(value, problem=_without_n(row))
    read = _with_spread(_noted(value, _printed(row)), rules)
    read = read if read.problem else _oriented(read)
    return read if read.problem else _of_patients(read)


def address(row: Mapping[str, Any]) -> str:
    """Return where a row stands: row of the file, place in the source, source."""
    place = ", ".join(str(row[name]) for name in ("source_locator", "source_url") if row.get(name) is not None)
    return f"{row['file']} row {row['line']}" + (f": {place}" if place else "")


def _noted(value: ArmValue, what: str, **fields: Any) -> ArmValue:
    step = Step(what, address(value.row) if not value.steps else "", value.arm)
    return replace(value, steps=(*value.steps, step), **fields)


def _counts(value: ArmValue) -> ArmValue:
    row = value.row
    events, total = int(row["events"]), int(row["total"])
    computed = " (count computed from a printed percentage)" if row["events_basis"] == "from_percent" else ""
    return _noted(value, f"printed: {events} of {total}{computed}", events=events, total=total, spread="counts")


def _printed(row: Mapping[str, Any]) -> str:
    names = {"mean": "mean", "median": "median", "q1": "Q1", "q3": "Q3", "min": "minimum", "max": "maximum"}
    names |= {"ci_low": "CI from", "ci_high": "to"}
    parts = [f"{label} {row[name]:g}" for name, label in names.items() if row[name] is not None]
    if row["dispersion"] is not None:
        parts.append(f"{str(row['dispersion_kind']).replace('_', ' ')} {row['dispersion']:g}")
    basis = "" if row["n_basis"] in (None, "reported") else f" ({row['n_basis']})"
    return f"printed: {', '.join(parts)}, n {row['n']:g}{basis}"


def _with_spread(value: ArmValue, rules: Rules) -> ArmValue:
    row, n = value.row, int(value.row["n"])
    if n < 2:
        return replace(value, problem=f"n is {n}: a spread needs two patients")
    if row["mean"] is None:
        return _from_order(value, n, rules) if row["median"] is not None else replace(value, problem=_bare(row))
    value = replace(value, mean=float(row["mean"]), n=n)
    kind = row["dispersion_kind"] if row["dispersion"] is not None else None
    if kind == "sd":
        return replace(value, sd=float(row["dispersion"]), spread="SD as printed")
    if kind == "se":
        return _sd(value, sd_from_se(se=row["dispersion"], n=n), "from SE", "SD = SE × √n")
    if row["ci_low"] is not None and row["ci_high"] is not None:
        level = (row["ci_level"] or 95.0) / 100
        sd = sd_from_ci(low=row["ci_low"], high=row["ci_high"], n=n, level=level)
        return _sd(value, sd, "from CI", f"SD from the {format_level(level)} interval, t({n - 1})")
    if kind == "plus_minus_unlabelled":
        return _unlabelled(value, rules)
    return _from_order(value, n, rules)


def _without_n(row: Mapping[str, Any]) -> str:
    if row["events"] is not None:
        return "events without a total"
    return "no number of patients is printed" if row["mean"] is not None or row["median"] is not None else _bare(row)


def _bare(row: Mapping[str, Any]) -> str:
    return "a number of patients without events" if row["total"] is not None else "no mean, median or count is printed"


def _sd(value: ArmValue, sd: Any, word: str, what: str) -> ArmValue:
    if not float(sd) > 0:
        return replace(value, problem=f"{what} is {float(sd):g}: no spread")
    return _noted(value, f"{what} = {float(sd):.4g}", sd=float(sd), spread=word)


def _unlabelled(value: ArmValue, rules: Rules) -> ArmValue:
    """Read a "±" of unknown kind as an SD where that is plausible on the scale, or on a scale that it may be on."""
    spread = float(value.row["dispersion"])
    if rules.unlabelled == "leave_out":
        return replace(value, problem=f"± {spread:g} is of unknown kind")
    widths = _possible_widths(value.row)
    plausible = [width for width in widths if PLAUSIBLE_SD[0] <= spread / width <= PLAUSIBLE_SD[1]]
    if rules.unlabelled == "keep" or plausible:
        return _noted(value, f"± {spread:g} of unknown kind read as SD", sd=spread, spread="± read as SD")
    shares = " or ".join(f"{spread / width:.0%}" for width in widths)
    where = f"{shares} of the scale" if widths else "and the scale is not known"
    return replace(value, problem=f"± {spread:g} of unknown kind ({where}) cannot be taken for an SD")


def _possible_widths(row: Mapping[str, Any]) -> list[float]:
    """Return the width of the printed scale, or of each scale of the instrument that can hold the mean."""
    low, high, mean = row["scale_min"], row["scale_max"], row["mean"]
    if low is not None and high is not None:
        return [high - low]
    change = row["value_kind"] == "change"
    return [
        above - below
        for below, above in row["known_scales"]
        if (abs(mean) <= above - below if change else below <= mean <= above)
    ]


def _from_order(value: ArmValue, n: int, rules: Rules) -> ArmValue:
    """Turn a median with its quartiles, its range or both into a mean and an SD, unless they are skewed."""
    kind, numbers = _summary(value.row)
    if not kind:
        return replace(value, problem="a mean without a spread" if value.mean is not None else ALONE)
    if "median" not in numbers:
        return replace(value, problem=f"without a median the {kind} cannot be tested for skewness")
    if rules.medians == "leave_out":
        return replace(value, problem=f"a median with {kind}")
    if n < 5:
        return replace(value, problem=f"a median of {n} patients cannot be tested for skewness")
    flat = [kind for kind, ends in ENDS.items() if len({numbers.get(name, name) for name in ends.values()}) == 1]
    if flat:
        return replace(value, problem=f"the {flat[0]} are equal: they tell no spread")
    if bool(skewness_from_quartiles(**numbers, n=n).skewed):
        return replace(value, problem=f"the {kind} are skewed: a mean and an SD would mislead (Shi 2023)")
    mean_of, sd_of, source = CONVERSIONS[kind]
    if value.mean is None:
        mean = float(mean_of(**numbers, n=n))
        value = _noted(value, f"mean from median and {kind} (Luo 2018) = {mean:.4g}", mean=mean, n=n)
    ends = {name: number for name, number in numbers.items() if name != "median"}
    return _sd(value, sd_of(**ends, n=n), f"from {kind}", f"SD from {kind} ({source})")


def _summary(row: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Return what is printed of the order of a sample, in words, and the numbers."""
    kinds = [kind for kind, ends in ENDS.items() if all(row[column] is not None for column in ends)]
    columns = {column: name for kind in kinds for column, name in ENDS[kind].items()} | {"median": "median"}
    return " and ".join(kinds), {name: row[column] for column, name in columns.items() if row[column] is not None}


def _oriented(value: ArmValue) -> ArmValue:
    """Turn a change that counts improvement as positive into after minus before."""
    better = value.row["higher_is_better"]
    if "sign_positive_improvement" not in value.row["flags"] or better is True:
        return value
    if better is None:
        return replace(value, problem="improvement is positive, but which way is better is not known")
    return _noted(value, f"improvement {value.mean:g} read as a change of {-value.mean:g}", mean=-value.mean)


def _of_patients(value: ArmValue) -> ArmValue:
    """Count patients where `n` counts joints and arms.csv says how many patients they belong to.

    That is as though the joints of a patient were one: never too narrow an interval.
    """
    patients = value.row["arm_patients"]
    if not value.joints or patients is None or not 2 <= patients < value.n:
        return value
    return _noted(
        value, f"n {value.n} counts joints: their {patients} patients are taken", n=int(patients), joints=False
    )
