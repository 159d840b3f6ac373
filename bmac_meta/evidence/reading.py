"""One printed row of an arm becomes a mean, an SD and an n, or a count; each step is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bmac_meta.evidence.rules import Rules
from bmac_meta.stats.skewness import skewness_from_quartiles
from bmac_meta.stats.spread import sd_from_ci, sd_from_se
from bmac_meta.stats.spread_quantiles import mean_from_quartiles, sd_from_quartiles

PLAUSIBLE_SD = (0.05, 0.40)


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way from a printed row to an effect: what was done, and where it stands."""

    what: str
    address: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class ArmValue:
    """What one arm contributes: a mean with its SD and n, or events among a total, and how it came about.

    `spread` says in a word where the SD is from; `problem` says why the row cannot be used, and is empty when it can.
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
    steps: tuple[Step, ...] = ()
    problem: str = ""


def read_row(row: Mapping[str, Any], rules: Rules) -> ArmValue:
    """Return what a printed row gives under some rules; a row that gives nothing says why."""
    value = ArmValue(row["arm_id"], row["node"], row)
    if row["events"] is not None and row["total"] is not None:
        return _counts(value)
    if row["n"] is None:
        return replace(value, problem="no number of patients is printed")
    return _oriented(_with_spread(_noted(value, _printed(row)), rules))


def address(row: Mapping[str, Any]) -> str:
    """Return where a row stands: row of the file, place in the source, source."""
    place = ", ".join(
        str(row[name]) for name in ("source_locator", "source_url") if row.get(name) is not None
    )
    return f"{row['file']} row {row['line']}" + (f": {place}" if place else "")


def _noted(value: ArmValue, what: str, **fields: Any) -> ArmValue:
    step = Step(what, address(value.row) if not value.steps else "", value.arm)
    return replace(value, steps=(*value.steps, step), **fields)


def _counts(value: ArmValue) -> ArmValue:
    row = value.row
    events, total = int(row["events"]), int(row["total"])
    computed = " (count computed from a printed percentage)" if row["events_basis"] == "from_percent" else ""
    return _noted(
        value, f"printed: {events} of {total}{computed}", events=events, total=total, spread="counts"
    )


def _printed(row: Mapping[str, Any]) -> str:
    names = {"mean": "mean", "median": "median", "q1": "Q1", "q3": "Q3", "ci_low": "CI from", "ci_high": "to"}
    parts = [f"{label} {row[name]:g}" for name, label in names.items() if row[name] is not None]
    if row["dispersion"] is not None:
        parts.append(f"{str(row['dispersion_kind']).replace('_', ' ')} {row['dispersion']:g}")
    basis = "" if row["n_basis"] in (None, "reported") else f" ({row['n_basis']})"
    return f"printed: {', '.join(parts)}, n {row['n']:g}{basis}"


def _with_spread(value: ArmValue, rules: Rules) -> ArmValue:
    row, n = value.row, int(value.row["n"])
    kind = row["dispersion_kind"] if row["dispersion"] is not None else None
    if n < 2:
        return replace(value, problem=f"n is {n}: a spread needs two patients")
    if row["mean"] is None:
        return _from_quartiles(value, n, rules)
    value = replace(value, mean=float(row["mean"]), n=n)
    if kind == "sd":
        return replace(value, sd=float(row["dispersion"]), spread="SD as printed")
    if kind == "se":
        return _sd(value, sd_from_se(se=row["dispersion"], n=n), "from SE", "SD = SE × √n")
    if kind == "plus_minus_unlabelled":
        return _unlabelled(value, rules)
    if row["ci_low"] is not None and row["ci_high"] is not None:
        level = (row["ci_level"] or 95.0) / 100
        sd = sd_from_ci(low=row["ci_low"], high=row["ci_high"], n=n, level=level)
        return _sd(value, sd, "from CI", f"SD from the {level:.0%} interval, t({n - 1})")
    return replace(value, problem="a mean without a spread")


def _sd(value: ArmValue, sd: Any, word: str, what: str) -> ArmValue:
    return _noted(value, f"{what} = {float(sd):.4g}", sd=float(sd), spread=word)


def _unlabelled(value: ArmValue, rules: Rules) -> ArmValue:
    spread = float(value.row["dispersion"])
    if rules.unlabelled == "leave_out":
        return replace(value, problem=f"± {spread:g} is of unknown kind")
    read = _noted(value, f"± {spread:g} of unknown kind read as SD", sd=spread, spread="± read as SD")
    low, high, width = value.row["scale_min"], value.row["scale_max"], None
    if low is not None and high is not None:
        width = high - low
    if rules.unlabelled == "keep" or (width and PLAUSIBLE_SD[0] <= spread / width <= PLAUSIBLE_SD[1]):
        return read
    where = f"{spread / width:.0%} of the scale" if width else "and the scale is not printed"
    return replace(value, problem=f"± {spread:g} of unknown kind ({where}) cannot be taken for an SD")


def _from_quartiles(value: ArmValue, n: int, rules: Rules) -> ArmValue:
    low, middle, high = (value.row[name] for name in ("q1", "median", "q3"))
    if middle is None or low is None or high is None:
        return replace(value, problem="neither a mean nor a median with quartiles is printed")
    if rules.medians == "leave_out":
        return replace(value, problem="a median with quartiles")
    if n < 5:
        return replace(value, problem=f"a median of {n} patients cannot be tested for skewness")
    if low == high or bool(skewness_from_quartiles(q1=low, median=middle, q3=high, n=n).skewed):
        return replace(value, problem="the quartiles are skewed: a mean and an SD would mislead (Shi 2023)")
    mean = float(mean_from_quartiles(q1=low, median=middle, q3=high, n=n))
    value = _noted(value, f"mean from median and quartiles (Luo 2018) = {mean:.4g}", mean=mean, n=n)
    return _sd(
        value, sd_from_quartiles(q1=low, q3=high, n=n), "from quartiles", "SD from quartiles (Wan 2014)"
    )


def _oriented(value: ArmValue) -> ArmValue:
    """Turn a change that counts improvement as positive into after minus before."""
    turned = "sign_positive_improvement" in value.row["flags"] and value.row["higher_is_better"] is False
    if not turned or value.mean is None:
        return value
    return _noted(value, f"improvement {value.mean:g} read as a change of {-value.mean:g}", mean=-value.mean)
