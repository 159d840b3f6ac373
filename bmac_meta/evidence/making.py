"""From a trial's candidate to its effect: arms of one treatment combined, the measure computed, the sign turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bmac_meta.evidence.candidates import Candidate
from bmac_meta.evidence.printed import printed_effect
from bmac_meta.evidence.reading import ArmValue, Step
from bmac_meta.evidence.rules import Rules
from bmac_meta.stats.combine import combine_arms, combine_events
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.paired import paired_mean_difference, paired_standardized_mean_difference

ORIENTED = ("SMD", "SMDH", "POMP", "SMCR", "SMCC")
PAIRED = ("MD", "SMD", "POMP")
DEFAULTS = Rules()
Made = dict[str, Any]


def combined(values: Sequence[ArmValue]) -> ArmValue:
    """Return the arms (or strata) of one treatment as one, by the formulas of the Handbook."""
    if len(values) == 1:
        return values[0]
    steps = tuple(step for value in values for step in value.steps)
    arms = ", ".join(dict.fromkeys(value.arm for value in values))
    joints = any(value.joints for value in values)
    if values[0].events is not None:
        sums = combine_events(events=[v.events for v in values], total=[v.total for v in values])
        done = Step(f"{len(values)} groups combined: {sums.events:g} of {sums.total:g}", arm=arms)
        counts = {"events": int(sums.events), "total": int(sums.total), "joints": joints}
        return replace(values[0], arm=arms, steps=(*steps, done), **counts)
    arm = combine_arms(mean=[v.mean for v in values], sd=[v.sd for v in values], n=[v.n for v in values])
    mean, sd, n = float(arm.mean), float(arm.sd), int(arm.n)
    done = Step(f"{len(values)} groups combined: mean {mean:.4g}, SD {sd:.4g}, n {n}", arm=arms)
    spread = values[0].spread if len({v.spread for v in values}) == 1 else "mixed"
    words = {"arm": arms, "spread": spread, "joints": joints, "steps": (*steps, done)}
    return replace(values[0], mean=mean, sd=sd, n=n, **words)


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
    obstacle = _obstacle(candidate, a, b, measure)
    if obstacle:
        return made | problem(obstacle, steps)
    effect, words = _effect(candidate, a, b, measure, rules)
    if not bool(effect.included):
        why = "no event in either arm" if a.events == b.events == 0 else f"of {words.removeprefix(f'{measure} of ')}"
        return made | problem(f"{MEASURES[measure].label} does not exist: {why}", steps)
    return made | oriented(float(effect.estimate), float(effect.variance), candidate, measure, [*steps, Step(words)])


def problem(words: str, steps: list[Step]) -> Made:
    """Return what stands in place of an effect that does not exist."""
    return {"estimate": np.nan, "variance": np.nan, "problem": words, "steps": steps}


def _obstacle(candidate: Candidate, a: ArmValue, b: ArmValue, measure: str) -> str:
    """Say why the numbers of two arms do not give a measure; empty where they do."""
    counts = a.events is not None and b.events is not None
    if ("events_a" in MEASURES[measure].columns) != counts:
        return f"{measure} needs {'means' if counts else 'counts'}, which are not printed"
    if measure != "POMP":
        return ""
    low, high = candidate.scale
    if low is None or high is None:
        return "the ends of the scale are not printed"
    return "the means lie further apart than the scale is wide" if abs(a.mean - b.mean) > high - low else ""


def _effect(candidate: Candidate, a: ArmValue, b: ArmValue, measure: str, rules: Rules) -> tuple[EffectSizes, str]:
    if a.events is not None:
        counts = {"events_a": a.events, "total_a": a.total, "events_b": b.events, "total_b": b.total}
        return MEASURES[measure].compute(**counts), f"{measure} of {a.events}/{a.total} and {b.events}/{b.total}"
    means = {"mean_a": a.mean, "sd_a": a.sd, "mean_b": b.mean, "sd_b": b.sd}
    words = f"{measure} of {a.mean:.4g} (SD {a.sd:.4g}, n {a.n}) and {b.mean:.4g} (SD {b.sd:.4g}, n {b.n})"
    if candidate.paired and measure in PAIRED:
        effect = _paired(candidate, means, min(a.n, b.n), measure, rules)
        return effect, f"paired {words} with r = {rules.paired_correlation:g} within patients"
    extra = dict(zip(("scale_min", "scale_max"), candidate.scale, strict=True)) if measure == "POMP" else {}
    return MEASURES[measure].compute(**means, n_a=a.n, n_b=b.n, **extra), words


def _paired(candidate: Candidate, means: dict[str, float], n: int, measure: str, rules: Rules) -> EffectSizes:
    """Return the effect of two treatments in the same patients."""
    compute = paired_standardized_mean_difference if measure == "SMD" else paired_mean_difference
    effect = compute(**means, n=n, r=rules.paired_correlation)
    if measure != "POMP":
        return effect
    percent = 100 / (candidate.scale[1] - candidate.scale[0])
    return replace(effect, estimate=percent * effect.estimate, variance=percent**2 * effect.variance)


def oriented(
    estimate: float, variance: float, candidate: Candidate, measure: str, steps: list[Step], high: bool | None = None
) -> Made:
    """Turn an effect on a scale where high is good, so that below zero is better; the others stay as they are."""
    if measure in ORIENTED and (candidate.row["higher_is_better"] if high is None else high):
        estimate = -estimate
        steps = [*steps, Step("sign turned: high scores of this instrument are good")]
    done = Step(f"effect {estimate:.4f}, standard error {np.sqrt(variance):.4f}")
    return {"estimate": estimate, "variance": variance, "problem": "", "steps": [*steps, done]}


def from_contrast(candidate: Candidate, treatment: str, measure: str, rules: Rules = DEFAULTS) -> Made:
    """Return the effect of a trial from its printed contrast, with treatment first."""
    row = candidate.contrast
    first, second = "ab" if row["node_a"] == treatment else "ba"
    estimate, se, steps = printed_effect(row, measure, rules.paired_correlation)
    if first == "b":
        estimate = -estimate
        steps.append(Step(f"turned round: {treatment} first"))
    arms = {"arm_a": row[f"arm_{first}"], "arm_b": row[f"arm_{second}"]}
    sizes = {"n_a": row[f"n_{first}"], "n_b": row[f"n_{second}"]}
    spread = "contrast as printed" if row["measure"] == measure else f"from the printed {row['measure']}"
    # Reviews standardize differences so that below zero is better, whatever the instruments do.
    high = bool(row["higher_is_better"]) and not (row["measure"] == "SMD" and row["source_type"] == "review")
    made = oriented(estimate, se**2, candidate, measure, steps, high)
    return arms | sizes | {"spread_a": spread, "spread_b": spread} | made
