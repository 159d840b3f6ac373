"""A contrast that a source prints: its effect and standard error on the scale of pooling, each step written down."""

from __future__ import annotations

from typing import Any

import numpy as np

from bmac_meta.evidence.candidates import Row
from bmac_meta.evidence.reading import Step
from bmac_meta.evidence.selection import source_step
from bmac_meta.numbers import format_level
from bmac_meta.stats.measures import MEASURES, standardized_mean_difference
from bmac_meta.stats.paired import paired_standardized_mean_difference
from bmac_meta.stats.spread import sd_from_difference_se, se_from_ci, se_from_ratio_ci

Printed = tuple[float, float, list[Step]]


def printed_effect(row: Row, measure: str, correlation: float) -> Printed:
    """Return the effect of a printed contrast and its standard error: ratios as logarithms, shares as shares.

    A mean difference becomes an SMD by the SD that its standard error tells (with the stated correlation for a paired
    one), a difference in percent of the scale by the width of the scale. An improvement that counts as positive is
    turned to after minus before.
    """
    steps = [source_step(row)]
    ratio = MEASURES[row["measure"]].is_ratio
    estimate, se = float(row["estimate"]), _standard_error(row, ratio, steps)
    if "sign_positive_improvement" in row["flags"] and row["higher_is_better"] is False:
        steps.append(Step(f"difference of improvements {estimate:g} read as one of changes, {-estimate:g}"))
        estimate = -estimate
    if ratio:
        return float(np.log(estimate)), se, steps
    if row["measure"] == "RD":
        steps.append(Step("percentage points read as a difference of shares"))
        return estimate / 100, se / 100, steps
    if row["measure"] == "MD" and measure == "SMD":
        return _standardized(row, estimate, se, correlation, steps)
    if row["measure"] == "MD" and measure == "POMP":
        percent = 100 / (row["scale_max"] - row["scale_min"])
        steps.append(Step(f"in percent of the scale from {row['scale_min']:g} to {row['scale_max']:g}"))
        return percent * estimate, percent * se, steps
    return estimate, se, steps


def _standard_error(row: Row, ratio: bool, steps: list[Step]) -> float:
    """Return the printed standard error, or that of the printed interval where there is none or it does not fit."""
    has_limits = row["ci_low"] is not None and row["ci_high"] is not None
    if row["se"] is not None and not (has_limits and "se_inconsistent" in row["flags"]):
        return float(row["se"])
    level = (row["ci_level"] or 95.0) / 100
    compute = se_from_ratio_ci if ratio else se_from_ci
    se = float(compute(low=row["ci_low"], high=row["ci_high"], level=level))
    steps.append(Step(f"standard error from the {format_level(level)} interval = {se:.4g}"))
    return se


def _standardized(row: Row, estimate: float, se: float, correlation: float, steps: list[Step]) -> Printed:
    means: dict[str, Any] = {"mean_a": estimate, "mean_b": 0.0}
    if row["paired"]:
        n = min(row["n_a"], row["n_b"])
        sd = se * (n / (2 * (1 - correlation))) ** 0.5
        effect = paired_standardized_mean_difference(**means, sd_a=sd, sd_b=sd, n=n, r=correlation)
        words = f"SD between patients = SE × √(n / 2(1 − r)) = {sd:.4g}, with n {n} and r = {correlation:g}"
    else:
        sizes = {"n_a": row["n_a"], "n_b": row["n_b"]}
        sd = float(sd_from_difference_se(se=se, **sizes))
        effect = standardized_mean_difference(**means, sd_a=sd, sd_b=sd, **sizes)
        words = f"SD between patients = SE / √(1/{row['n_a']} + 1/{row['n_b']}) = {sd:.4g}"
    steps += [Step(words), Step(f"SMD of a difference of {estimate:g}")]
    return float(effect.estimate), float(effect.se), steps
