"""Scales: from numbers to points on the page, and the ticks that an axis can carry without crowding.

Values are always on the scale of the analysis. A scale that shows ratios takes log ratios and labels them as
ratios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bmac_meta.numbers import HUGE, SUPERSCRIPTS, format_number, format_percent, format_power
from bmac_meta.plots.style import SMALL_SIZE
from bmac_meta.plots.text import measure

Shown = Literal["plain", "ratio", "percent", "root"]
STEPS = (1.0, 2.0, 2.5, 5.0)
SMALLEST_PLAIN_STEP = 1e-9
SMALLEST_SPAN = 1e-100
"""Values that differ by no more than this are drawn as one."""
WIDEST_RATIO = 1400.0
"""Log ratios that span more than this leave the range of floating point numbers when they are shown."""
RATIO_TICKS = ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from analysis values to points on the page.

    Attributes:
        low: the smallest value on the axis (for "ratio" a log ratio, for "percent" a share).
        high: the largest value.
        start: where `low` stands, in points.
        end: where `high` stands, in points; less than `start` for an axis that runs up the page or backwards.
        shown: "plain" numbers, "ratio" (the exponential of the value), "percent" (100 times the value) or
            "root" (values are spaced by their square roots, for times that crowd near zero).
    """

    low: float
    high: float
    start: float
    end: float
    shown: Shown = "plain"

    def place(self, value: float) -> float:
        """Return where a value stands, in points."""
        low, high, value = (self._spaced(number) for number in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def _spaced(self, value: float) -> float:
        return math.sqrt(max(value, 0.0)) if self.shown == "root" else value

    def clip(self, value: float) -> float:
        """Return the value, or the limit of the axis that it lies beyond."""
        return min(max(value, self.low), self.high)

    def place_clipped(self, value: float) -> float:
        """Return where a value stands, or the end of the axis that it lies beyond, in points."""
        return self.place(self.clip(value))

    def holds(self, value: float) -> bool:
        """Tell whether a value lies on the axis."""
        return self.low <= value <= self.high


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is not below `rough`.

    >>> nice_step(0.3), nice_step(7)
    (0.5, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (*STEPS, 10.0) if step * power >= rough * (1 - 1e-9))


def linear_ticks(low: float, high: float, step: float) -> tuple[float, ...]:
    """Return the multiples of `step` between two limits.

    >>> linear_ticks(-0.7, 1.2, 0.5)
    (-0.5, 0.0, 0.5, 1.0)
    """
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(number * step + 0.0 for number in range(first, last + 1))


def step_decimals(step: float) -> int:
    """Return how many decimals the multiples of a step need.

    >>> step_decimals(0.25), step_decimals(5.0)
    (2, 0)
    """
    return next((places for places in range(12) if abs(round(step, places) - step) < step * 1e-6), 12)


Tick = tuple[float, str]


def ticks(scale: Scale, size: float = SMALL_SIZE, gap: float = 9.0, level: bool = True) -> tuple[Tick, ...]:
    """Return the ticks of a scale as (value, label): the densest round numbers whose labels do not crowd.

    `level` says whether the labels stand side by side (a horizontal axis) or above each other; `gap` is the
    smallest distance between two labels in points.
    """
    candidates = [found for found in _candidates(scale) if len(found) >= 2]
    fitting = (found for found in candidates if not crowded(scale, found, size, gap, level))
    return next(fitting, candidates[-1] if candidates else _end_ticks(scale))


def crowded(scale: Scale, found: Iterable[Tick], size: float, gap: float, level: bool) -> bool:
    """Tell whether the labels of some ticks come closer to each other than `gap` points."""
    extents = sorted(_extent(scale.place(value), label, size, level) for value, label in found)
    return any(after[0] - before[1] < gap for before, after in pairwise(extents))


def _extent(position: float, label: str, size: float, level: bool) -> tuple[float, float]:
    half = (measure(label, size) if level else size) / 2
    return position - half, position + half


def _candidates(scale: Scale) -> Iterator[tuple[Tick, ...]]:
    if scale.shown == "ratio":
        return _ratio_candidates(scale.low, scale.high) if scale.high - scale.low < WIDEST_RATIO else iter(())
    if scale.shown == "percent":
        return _linear_candidates(scale.low, scale.high, _percent_label)
    small = max(abs(scale.low), abs(scale.high)) < 1e4
    return _linear_candidates(scale.low, scale.high, _year_label if small else _plain_label)


def _linear_candidates(
    low: float, high: float, label: Callable[[float, float], str], most: int = 7
) -> Iterator[tuple[Tick, ...]]:
    step = nice_step((high - low) / most)
    while step < 2 * (high - low):
        yield tuple((value, label(value, step)) for value in linear_ticks(low, high, step))
        step = nice_step(step * 1.01)


def _year_label(value: float, step: float) -> str:
    """Write a tick of an axis of four digits at most, which may be years: without a comma."""
    return _plain_label(value, step).replace(",", "")


def _plain_label(value: float, step: float) -> str:
    if step < SMALLEST_PLAIN_STEP or abs(value) >= HUGE:
        return format_power(value, _power_decimals(value, step)) if abs(value) > 0.5 * step else "0"
    return format_number(value, step_decimals(step))


def _power_decimals(value: float, step: float) -> int:
    """Return how many decimals stand before a power of ten, such that a tick differs from the next one."""
    apart = math.floor(math.log10(max(abs(value), step))) - math.floor(math.log10(step) + 1e-9)
    return max(1, min(12, apart + (step_decimals(step / 10.0 ** math.floor(math.log10(step) + 1e-9)) > 0)))


def _percent_label(value: float, step: float) -> str:
    return format_percent(value, max(0, step_decimals(step) - 2))


def _ratio_candidates(low: float, high: float) -> Iterator[tuple[Tick, ...]]:
    if high - low < math.log(4):
        bottom, top = math.exp(low), math.exp(high)
        for found in _linear_candidates(bottom, top, _plain_label):
            yield tuple((math.log(value), label) for value, label in found if value > 0)
    for leads in RATIO_TICKS:
        yield tuple(_power_ticks(low, high, leads, every=1))
    decades = (high - low) / math.log(10)
    for every in (2, 3, 5, 10, 20, 50, 100):
        if every < decades:
            yield tuple(_power_ticks(low, high, (1,), every))


def _power_ticks(low: float, high: float, leads: Iterable[float], every: int) -> Iterator[Tick]:
    decades = range(math.floor(low / math.log(10)) - 1, math.ceil(high / math.log(10)) + 1)
    for decade in decades:
        for lead in leads:
            value = math.log(lead) + decade * math.log(10)
            if decade % every == 0 and low - 1e-9 <= value <= high + 1e-9:
                yield value, ratio_label(lead, decade)


def ratio_label(lead: float, decade: int) -> str:
    """Write `lead` times a power of ten as a tick label without needless zeros.

    >>> ratio_label(5, -1), ratio_label(2, 1), ratio_label(1, 6)
    ('0.5', '20', '10⁶')
    """
    if abs(decade) > 3:
        power = "10" + str(decade).translate(SUPERSCRIPTS)
        return power if lead == 1 else f"{lead:g}×{power}"
    text = f"{lead * 10.0**decade:,.6f}"
    return text.rstrip("0").rstrip(".")


def _end_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Return the two limits as ticks, for an axis too short or too narrow for round numbers."""
    if scale.shown == "ratio":
        return tuple((value, format_number(math.exp(min(value, 700)), 2)) for value in (scale.low, scale.high))
    return tuple((value, f"{value:.6g}".replace("-", "−")) for value in (scale.low, scale.high))


def padded(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    """Return limits with some air on both sides; equal limits are set apart so that a scale has a length."""
    span, largest = high - low, max(abs(low), abs(high))
    if span <= max(1e-9 * largest, SMALLEST_SPAN):
        half = 0.5 * largest if largest > SMALLEST_SPAN else 1.0
        return low - half, high + half
    return low - share * span, high + share * span


def upper_limit(largest: float, air: float = 1.06) -> float:
    """Return the end of an axis that begins at 0: a little above the largest value, 1 where all are 0.

    >>> upper_limit(0.5), upper_limit(0.0)
    (0.53, 1.0)
    """
    return largest * air if largest > SMALLEST_SPAN else 1.0
