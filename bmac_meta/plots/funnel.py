"""The contour-enhanced funnel plot: are small trials missing, and is it the insignificant ones?

`funnel(record)` draws, `layout(record)` tells where everything stands. The shading follows Peters et al.
(2008, doi:10.1016/j.jclinepi.2007.11.010): it is centered at no effect and shows where a trial has p above
.10, between .05 and .10, between .01 and .05, or below .01.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key, swatch
from bmac_meta.plots.marks import Layout, Mark, disc, line, polygon, rectangle, vertical
from bmac_meta.plots.panel import Chart, Panel, Words, chart, level_sides
from bmac_meta.plots.scale import Scale, padded, upper_limit
from bmac_meta.plots.style import POINTS_PER_INCH, RULE_WIDTH, TEXT_SIZE

WIDTH = 5.2
HEIGHT = 250.0
Z_95 = 1.959963984540054
CONTOURS = ((2.5758293035489004, 0.62), (Z_95, 0.25), (1.6448536269514722, 1.0))
"""Half-width of each contour in standard errors, and how much white its grey holds."""
SHADES = (("p < .01", 0.82), (".01 to .05", 0.62), (".05 to .10", 0.25), ("p > .10", 1.0))
POINT_SIZE = 4.6
SEAM = 0.3
"""The lowest shade is set back by this, so that it does not shine through at edges that it shares with others."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel plot in numbers and words.

    Attributes:
        title: stands above the plot.
        estimate: estimates on the scale of the analysis, one per trial.
        precision: what stands on the upright axis, larger for smaller trials: the standard error, or 1/√n.
        center: the pooled estimate, drawn as a line with its pseudo 95% limits.
        labels: names of the trials, for the table; empty for none.
        null: value of no effect, at which the contours are centered.
        contours: whether contours and pseudo limits are drawn; only right where `precision` is a standard
            error.
        imputed_estimate: estimates that trim-and-fill adds, drawn as open points.
        imputed_precision: where they stand on the upright axis.
        regression: intercept and slope of the regression of estimate on precision (Egger), None for none.
        log: whether the values are logarithms and the axis shows their exponentials.
        x_label: words below the axis.
        y_label: words above the upright axis.
        favours_low: whom values below the null favor.
        favours_high: whom values above the null favor.
        subtitle: a grey line below the title, for instance the test of asymmetry.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    estimate: tuple[float, ...]
    precision: tuple[float, ...]
    center: float
    labels: tuple[str, ...] = ()
    null: float = 0.0
    contours: bool = True
    imputed_estimate: tuple[float, ...] = ()
    imputed_precision: tuple[float, ...] = ()
    regression: tuple[float, float] | None = None
    log: bool = False
    x_label: str = ""
    y_label: str = "Standard error"
    favours_low: str | None = None
    favours_high: str | None = None
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        pairs = ((self.estimate, self.precision), (self.imputed_estimate, self.imputed_precision))
        if not self.estimate or any(len(first) != len(second) for first, second in pairs):
            raise InputError("A funnel plot needs one precision for each of at least one estimate.")
        if min((*self.precision, *self.imputed_precision)) < 0:
            raise InputError("The precision axis of a funnel plot holds standard errors, which cannot be negative.")


def funnel(record: Funnel, width: float = WIDTH) -> Figure:
    """Draw a funnel plot `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Funnel, width: float = WIDTH) -> Layout:
    """Return where everything of a funnel plot stands."""
    frame = _frame(record, width * POINTS_PER_INCH)
    panel = frame.panel
    behind = [*_shades(record, panel), *_lines(record, panel)]
    front = [*_points(record, panel), *key(_entries(record), frame.foot + 5, frame.width)[0]]
    front += level_sides(panel, record.null, record.favours_low, record.favours_high, frame.sides)
    return frame.layout(behind, front, record.title, record.description or describe(record))


def describe(record: Funnel) -> str:
    """Say in a sentence what a funnel plot shows."""
    text = f"Funnel plot of {count_noun(len(record.estimate), 'trial')}"
    return (
        f"{text} and {count_noun(len(record.imputed_estimate), 'imputed point')}."
        if record.imputed_estimate
        else f"{text}."
    )


def table(record: Funnel) -> pd.DataFrame:
    """Return the points of a funnel plot: label, estimate (analysis scale), precision, whether imputed."""
    count, extra = len(record.estimate), len(record.imputed_estimate)
    return pd.DataFrame(
        {
            "label": [*(record.labels or ("",) * count), *("imputed",) * extra],
            "estimate": [*record.estimate, *record.imputed_estimate],
            "precision": [*record.precision, *record.imputed_precision],
            "imputed": [False] * count + [True] * extra,
        }
    )


def _frame(record: Funnel, width: float) -> Chart:
    deepest = upper_limit(max((*record.precision, *record.imputed_precision)))
    spread = Z_95 * deepest if record.contours else 0.0
    values = (
        *record.estimate,
        *record.imputed_estimate,
        record.null,
        record.center - spread,
        record.center + spread,
    )
    x = Scale(*padded(min(values), max(values)), 0, 1, "ratio" if record.log else "plain")
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    sides = 1.9 * TEXT_SIZE if record.favours_low or record.favours_high else 0.0
    _, foot = key(_entries(record), 5.0, width)
    return chart(words, width, HEIGHT, x, Scale(0.0, deepest, 0, 1), sides=sides, foot=foot)


def _shades(record: Funnel, panel: Panel) -> Iterator[Mark]:
    if not record.contours:
        return
    inside = panel.left + SEAM, panel.top, panel.right - SEAM, panel.bottom - SEAM
    yield rectangle("contour", *inside, role="hair", tint=SHADES[0][1])
    for half_width, tint in CONTOURS:
        yield _wedge(record, panel, half_width, tint)


def _wedge(record: Funnel, panel: Panel, half_width: float, tint: float) -> Mark:
    """Make the triangle of values within some standard errors of the null, cut off at the panel's edges."""
    low, high, deepest = panel.x.low, panel.x.high, panel.y.high
    corners = [(record.null, 0.0)]
    right = min((high - record.null) / half_width, deepest)
    left = min((record.null - low) / half_width, deepest)
    corners += [(record.null + half_width * right, right)]
    corners += [(high, deepest)] if right < deepest else []
    corners += [(low, deepest)] if left < deepest else []
    corners += [(record.null - half_width * left, left)]
    places = [panel.place(*corner) for corner in corners]
    return polygon("contour", [x for x, _ in places], [y for _, y in places], role="hair", tint=tint)


def _lines(record: Funnel, panel: Panel) -> Iterator[Mark]:
    yield vertical("null_line", panel.x.place(record.null), panel.top, panel.bottom + 4, RULE_WIDTH, role="rule")
    x = panel.x.place(record.center)
    yield vertical("center_line", x, panel.top, panel.bottom, 1.0, role="accent")
    if record.contours:
        for sign in (-1, 1):
            ends = (
                panel.place(record.center, 0.0),
                panel.place(record.center + sign * Z_95 * panel.y.high, panel.y.high),
            )
            looks = {"role": "accent", "dashes": (3.0, 2.0)}
            yield line("pseudo_limit", [end[0] for end in ends], [end[1] for end in ends], RULE_WIDTH, **looks)
    if record.regression is not None:
        yield from _regression(record.regression, panel)


def _regression(regression: tuple[float, float], panel: Panel) -> Iterator[Mark]:
    """Make the regression line between the edges of the panel."""
    intercept, slope = regression
    depths = [panel.y.low, panel.y.high]
    if slope:
        depths += [(edge - intercept) / slope for edge in (panel.x.low, panel.x.high)]
    inside = sorted(
        d for d in depths if panel.y.holds(d) and panel.x.low - 1e-9 <= intercept + slope * d <= panel.x.high + 1e-9
    )
    if len(inside) >= 2:
        ends = [panel.place(panel.x.clip(intercept + slope * depth), depth) for depth in (inside[0], inside[-1])]
        yield line("regression", [end[0] for end in ends], [end[1] for end in ends], 1.0, dashes=(6.0, 2.0))


def _points(record: Funnel, panel: Panel) -> Iterator[Mark]:
    for number, pair in enumerate(zip(record.estimate, record.precision, strict=True)):
        yield disc("point", *panel.place(*pair), POINT_SIZE, edge="paper", row=number)
    for number, pair in enumerate(zip(record.imputed_estimate, record.imputed_precision, strict=True)):
        row = len(record.estimate) + number
        yield disc("imputed", *panel.place(*pair), POINT_SIZE, role="paper", edge="ink", row=row)


def _entries(record: Funnel) -> list[Entry]:
    shades = SHADES if record.contours else ()
    entries = [swatch(words, role="hair", tint=tint, edge="rule", size=0.4) for words, tint in shades]
    return [*entries, _IMPUTED] if record.imputed_estimate else entries


_IMPUTED = Entry(
    "added by trim-and-fill",
    POINT_SIZE,
    POINT_SIZE,
    lambda x, y: [disc("key", x + POINT_SIZE / 2, y, POINT_SIZE, role="paper", edge="ink")],
)
