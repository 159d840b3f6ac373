"""From a trial's candidate to its effect: arms of one treatment combined, the measure computed, the sign turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bmac_meta.evidence.reading import ArmValue, Step
from bmac_meta.evidence.rules import Rules
from bmac_meta.evidence.selection import Candidate, source_step
from bmac_meta.stats.combine import combine_arms, combine_events
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.paired import paired_mean_difference, paired_standardized_mean_difference
from bmac_meta.stats.spread import se_from_ci, se_from_ratio_ci

ORIENTED = ("SMD", "SMDH", "POMP", "SMCR", "SMCC")
Made = dict[str, Any]


def combined(values: Sequence[ArmValue]) -> ArmValue:
    """Return the arms (or strata) of one treatment as one, by the formulas of the Handbook."""
    if len(values) == 1:
        return values[0]
    steps = tuple(step for value in values for step in value.steps)
    arms = ", ".join(dict.fromkeys(value.arm for value in values))
    if values[0].events is not None:
        sums = combine_events(events=[v.events for v in values], total=[v.total for v in values])
        done = Step(f"{len(values)} groups combined: {sums.events:g} of {sums.total:g}", arm=arms)
        return replace(
            values[0], arm=arms, events=int(sums.events), total=int(sums.total), steps=(*steps, done)
        )
    arm = combine_arms(mean=[v.mean for v in values], sd=[v.sd for v in values], n=[v.n for v in values])
    mean, sd, n = float(arm.mean), float(arm.sd), int(arm.n)
    done = Step(f"{len(values)} groups combined: mean {mean:.4g}, SD {sd:.4g}, n {n}", arm=arms)
    spread = values[0].spread if len({v.spread for v in values}) == 1 else "mixed"
    return replace(values[0], arm=arms, mean=mean, sd=sd, n=n, spread=spread, steps=(*steps, done))


def two_arms(candidate: Candidate, treatment: str, comparator: str) -> tuple[ArmValue, ArmValue]:
    """Return the two sides of a comparison, each as one arm."""
    sides = ([v for v in candidate.values if v.node == node] for node in (treatment, comparator))
    return tuple(combined(side) for side in sides)


def arm_columns(side: str, value: ArmValue) -> Made:
    """Return the columns that describe an arm in the table of effects."""
    if value.events is not None:
        return {
            f"arm_{side}": value.arm,
            f"events_{side}": value.events,
            f"total_{side}": value.total,
            f"n_{side}": value.total,
        }
    return {
        f"arm_{side}": value.arm,
        f"mean_{side}": value.mean,
        f"sd_{side}": value.sd,
        f"n_{side}": value.n,
        f"spread_{side}": value.spread,
    }


def from_arms(candidate: Candidate, sides: tuple[ArmValue, ArmValue], measure: str, rules: Rules) -> Made:
    """Return the effect of a trial with two arms; a NaN estimate comes with its `problem`."""
    a, b = sides
    made = arm_columns("a", a) | arm_columns("b", b)
    steps = [*a.steps, *b.steps]
    counts = a.events is not None and b.events is not None
    if ("events_a" in MEASURES[measure].columns) != counts:
        return made | _problem(
            f"{measure} needs {'counts' if not counts else 'means'}, which are not printed", steps
        )
    effect, words = _effect(candidate, a, b, measure, rules)
    if not bool(effect.included):
        return made | _problem(
            "the measure does not exist for these counts (no event in either arm)"
            if counts
            else "the measure does not exist",
            steps,
        )
    return made | oriented(
        float(effect.estimate), float(effect.variance), candidate, measure, [*steps, Step(words)]
    )


def _problem(words: str, steps: list[Step]) -> Made:
    return {"estimate": np.nan, "variance": np.nan, "problem": words, "steps": steps}


def _effect(
    candidate: Candidate, a: ArmValue, b: ArmValue, measure: str, rules: Rules
) -> tuple[EffectSizes, str]:
    if a.events is not None:
        counts = {"events_a": a.events, "total_a": a.total, "events_b": b.events, "total_b": b.total}
        return MEASURES[measure].compute(
            **counts
        ), f"{measure} of {a.events}/{a.total} and {b.events}/{b.total}"
    means = {"mean_a": a.mean, "sd_a": a.sd, "mean_b": b.mean, "sd_b": b.sd}
    words = f"{measure} of {a.mean:.4g} (SD {a.sd:.4g}, n {a.n}) and {b.mean:.4g} (SD {b.sd:.4g}, n {b.n})"
    if candidate.paired and measure in ("MD", "SMD"):
        compute = {"MD": paired_mean_difference, "SMD": paired_standardized_mean_difference}[measure]
        r, n = rules.paired_correlation, min(a.n, b.n)
        return compute(**means, n=n, r=r), f"paired {words} with r = {r:g} within patients"
    extra = dict(zip(("scale_min", "scale_max"), candidate.scale, strict=True)) if measure == "POMP" else {}
    return MEASURES[measure].compute(**means, n_a=a.n, n_b=b.n, **extra), words


def oriented(estimate: float, variance: float, candidate: Candidate, measure: str, steps: list[Step]) -> Made:
    """Turn an effect on a scale where high is good, so that below zero is better; the others stay as they are."""
    if measure in ORIENTED and candidate.row["higher_is_better"]:
        estimate = -estimate
        steps = [*steps, Step("sign turned: high scores of this instrument are good")]
    done = Step(f"effect {estimate:.4f}, standard error {np.sqrt(variance):.4f}")
    return {"estimate": estimate, "variance": variance, "problem": "", "steps": [*steps, done]}


def from_contrast(candidate: Candidate, treatment: str, measure: str) -> Made:
    """Return the effect of a trial from its printed contrast, with treatment first."""
    row = candidate.contrast
    first, second = "ab" if row["node_a"] == treatment else "ba"
    estimate, se, steps = _printed_effect(row, measure)
    if first == "b":
        estimate = -estimate
        steps.append(Step(f"turned round: {treatment} first"))
    arms = {"arm_a": row[f"arm_{first}"], "arm_b": row[f"arm_{second}"]}
    sizes = {"n_a": row[f"n_{first}"], "n_b": row[f"n_{second}"]}
    spread = {"spread_a": "contrast as printed", "spread_b": "contrast as printed"}
    return arms | sizes | spread | oriented(estimate, se**2, candidate, measure, steps)


def _printed_effect(row: Any, measure: str) -> tuple[float, float, list[Step]]:
    """Return a printed contrast on the scale of pooling: ratios as logarithms, percentage points as shares."""
    steps = [source_step(row)]
    ratio = MEASURES[measure].is_ratio
    estimate, se = float(row["estimate"]), _printed_se(row, ratio)
    if ratio:
        return float(np.log(estimate)), se, steps
    if measure == "RD":
        steps.append(Step("percentage points read as a difference of shares"))
        return estimate / 100, se / 100, steps
    return estimate, se, steps


def _printed_se(row: Any, ratio: bool) -> float:
    if row["se"] is not None:
        return float(row["se"])
    level = (row["ci_level"] or 95.0) / 100
    compute = se_from_ratio_ci if ratio else se_from_ci
    return float(compute(low=row["ci_low"], high=row["ci_high"], level=level))
