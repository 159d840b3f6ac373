"""The axis of a forest plot: how far it reaches, so that one huge interval does not flatten the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median, median_low

from bmac_meta.plots.forest_records import Forest, ForestStudy, ForestSummary, finite
from bmac_meta.plots.scale import Shown, padded

STUDY_REACH = 3.0
"""How far beyond the outermost estimate the axis follows an interval, in typical half-widths."""
SUMMARY_REACH = 5.0
"""The same for the intervals of pooled estimates."""
FAR = 12.0
"""From this many typical half-widths away from the median an estimate does not stretch the axis any more."""
SIDE = 0.14
"""Smallest share of the axis on each side of the null when both sides are named."""


def shown_as(forest: Forest) -> Shown:
    """Return how the axis shows its values."""
    if forest.log:
        return "ratio"
    return "percent" if forest.percent else "plain"


def limits(forest: Forest) -> tuple[float, float]:
    """Return the limits of the axis on the scale of the analysis.

    The core runs from the smallest to the largest estimate (without estimates that lie absurdly far away) and
    holds the null when it is near. The axis then follows the limits of intervals, but not farther beyond the
    core than `STUDY_REACH` times the median half-width of the studies' intervals or a quarter of the core
    (for pooled estimates `SUMMARY_REACH` times or the whole core), whichever is more. Whatever lies beyond
    ends in an arrow.
    """
    typical = typical_half_width(forest)
    core_low, core_high = core(forest, typical)
    ends = [core_low, core_high]
    span = core_high - core_low
    ends += _followed(_bounds(forest.studies), core_low, core_high, max(STUDY_REACH * typical, 0.25 * span))
    ends += _followed(_bounds(forest.summaries), core_low, core_high, max(SUMMARY_REACH * typical, span))
    ends += [value for value, _ in forest.references if core_low - 3 * typical <= value <= core_high + 3 * typical]
    low, high = padded(min(ends), max(ends))
    return _within_percent(low, high) if forest.percent else _with_sides(forest, low, high)


def typical_half_width(forest: Forest) -> float:
    """Return the median half-width of the studies' intervals (of pooled ones where there is no study)."""
    widths = [(item.ci_high - item.ci_low) / 2 for item in forest.studies] or [
        (item.ci_high - item.ci_low) / 2 for item in forest.summaries
    ]
    found = finite(widths)
    return median_low(found) if found else 0.0


def core(forest: Forest, typical: float) -> tuple[float, float]:
    """Return the range of the estimates that count for the axis, with the null where it is near."""
    estimates = finite(item.estimate for item in forest.studies)
    pooled = [item.estimate for item in forest.summaries]
    kept = (_near(estimates, typical) + pooled) or ([0.0] if forest.null is None else [forest.null])
    low, high = min(kept), max(kept)
    reach = 4 * max(high - low, 2 * typical)
    if forest.null is not None and low - reach <= forest.null <= high + reach:
        return min(low, forest.null), max(high, forest.null)
    return low, high


def _near(estimates: list[float], typical: float) -> list[float]:
    if len(estimates) < 3:
        return estimates
    middle = median(estimates)
    spread = max(typical, median(abs(value - middle) for value in estimates))
    return [value for value in estimates if abs(value - middle) <= FAR * spread]


def _bounds(items: Iterable[ForestStudy | ForestSummary]) -> list[float]:
    values = []
    for item in items:
        predicted = () if item.pi_low is None or item.pi_high is None else (item.pi_low, item.pi_high)
        values += [value for value in (item.ci_low, item.ci_high, *predicted) if not math.isnan(value)]
    return values


def _followed(bounds: list[float], low: float, high: float, reach: float) -> list[float]:
    return [min(max(bound, low - reach), high + reach) for bound in bounds]


def _within_percent(low: float, high: float) -> tuple[float, float]:
    """Keep an axis of shares between 0 and 1, and let it reach 0 and 1 where that costs little room."""
    bottom = 0.0 if low < 0.35 else max(low, 0.0)
    top = 1.0 if high > 0.6 else max(high, bottom + 0.01)
    return bottom, top


def _with_sides(forest: Forest, low: float, high: float) -> tuple[float, float]:
    """Leave some room on both sides of the null where a side is named."""
    if forest.null is None or not low <= forest.null <= high or not (forest.favours_low or forest.favours_high):
        return low, high
    side = SIDE * (high - low)
    return min(low, forest.null - side), max(high, forest.null + side)
