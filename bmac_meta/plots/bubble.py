"""The bubble plot of a meta-regression: estimates against a covariate, with the fitted line and its bands.

`bubble(record)` draws, `layout(record)` tells where everything stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.marks import Layout, Mark, disc, disc_diameter, horizontal, line, polygon
from bmac_meta.plots.panel import Panel, Words, chart
from bmac_meta.plots.scale import Scale, padded
from bmac_meta.plots.sides import inset, upright_sides
from bmac_meta.plots.style import POINTS_PER_INCH, RULE_WIDTH

WIDTH = 5.2
HEIGHT = 240.0
LARGEST = 20.0


@dataclass(frozen=True, slots=True)
class Bubble:
    """A meta-regression in numbers and words.

    Attributes:
        title: stands above the plot.
        x: covariate of each trial.
        estimate: estimate of each trial on the scale of the analysis.
        weight: weight of each trial; areas are proportional to it.
        labels: names of the trials, for the table; empty for none.
        line_x: covariate values at which the line is known, ascending; empty for no line.
        line: fitted values.
        ci_low: lower limits of the confidence band, empty for none.
        ci_high: upper limits of the confidence band.
        pi_low: lower limits of the prediction band, empty for none.
        pi_high: upper limits of the prediction band.
        null: value of no effect, None for none.
        log: whether the estimates are logarithms and the axis shows their exponentials.
        x_label: words below the axis.
        y_label: words above the upright axis.
        favours_low: whom estimates below the null favor.
        favours_high: whom estimates above the null favor.
        subtitle: a grey line below the title, for instance slope, p and R².
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    x: tuple[float, ...]
    estimate: tuple[float, ...]
    weight: tuple[float, ...]
    labels: tuple[str, ...] = ()
    line_x: tuple[float, ...] = ()
    line: tuple[float, ...] = ()
    ci_low: tuple[float, ...] = ()
    ci_high: tuple[float, ...] = ()
    pi_low: tuple[float, ...] = ()
    pi_high: tuple[float, ...] = ()
    null: float | None = 0.0
    log: bool = False
    x_label: str = ""
    y_label: str = ""
    favours_low: str | None = None
    favours_high: str | None = None
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.x or not len(self.x) == len(self.estimate) == len(self.weight):
            raise InputError("A bubble plot needs one covariate, one estimate and one weight for each trial.")
        curves = (self.line, self.ci_low, self.ci_high, self.pi_low, self.pi_high)
        if any(curve and len(curve) != len(self.line_x) for curve in curves):
            raise InputError("The line and the bands of a bubble plot need one value for each of `line_x`.")


def bubble(record: Bubble, width: float = WIDTH) -> Figure:
    """Draw the bubble plot of a meta-regression `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Bubble, width: float = WIDTH) -> Layout:
    """Return where everything of a bubble plot stands."""
    shown = "ratio" if record.log else "plain"
    sided = bool(record.favours_low or record.favours_high)
    x = Scale(*padded(*_range([*record.x, *record.line_x]), 0.06), 0, 1)
    y = Scale(*inset(*padded(*_heights(record), 0.06), HEIGHT, sided), 1, 0, shown)
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    frame = chart(words, width * POINTS_PER_INCH, HEIGHT, x, y)
    behind = [*_bands(record, frame.panel), *_null(record, frame.panel)]
    front = [*_bubbles(record, frame.panel), *_fitted(record, frame.panel)]
    front += upright_sides(frame.panel, record.favours_low, record.favours_high)
    return frame.layout(behind, front, record.title, record.description or describe(record))


def describe(record: Bubble) -> str:
    """Say in a sentence what a bubble plot shows."""
    trials = count_noun(len(record.x), "trial")
    return f"Bubble plot of {trials}: {record.y_label or 'estimate'} against {record.x_label or 'a covariate'}."


def table(record: Bubble) -> pd.DataFrame:
    """Return the bubbles: label, covariate, estimate on the analysis scale and weight."""
    labels = record.labels or ("",) * len(record.x)
    return pd.DataFrame({"label": labels, "x": record.x, "estimate": record.estimate, "weight": record.weight})


def _range(values: Sequence[float]) -> tuple[float, float]:
    found = [value for value in values if math.isfinite(value)]
    return min(found), max(found)


def _heights(record: Bubble) -> tuple[float, float]:
    """Return what the upright axis must hold: all but predictions that lie far beyond everything else."""
    null = [] if record.null is None else [record.null]
    low, high = _range([*record.estimate, *record.line, *record.ci_low, *record.ci_high, *null])
    reach = high - low
    predicted = [min(max(value, low - reach), high + reach) for value in (*record.pi_low, *record.pi_high)]
    return _range([low, high, *predicted])


def _bands(record: Bubble, panel: Panel) -> Iterator[Mark]:
    if record.pi_low and record.pi_high:
        yield _band("prediction_band", record.line_x, record.pi_low, record.pi_high, panel, 0.9)
    if record.ci_low and record.ci_high:
        yield _band("confidence_band", record.line_x, record.ci_low, record.ci_high, panel, 0.75)


def _band(
    kind: str, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], panel: Panel, tint: float
) -> Mark:
    across = [panel.x.place(x) for x in xs]
    up = [panel.y.place_clipped(value) for value in highs]
    down = [panel.y.place_clipped(value) for value in lows]
    return polygon(kind, [*across, *across[::-1]], [*up, *down[::-1]], role="accent", tint=tint)


def _null(record: Bubble, panel: Panel) -> Iterator[Mark]:
    if record.null is not None:
        yield horizontal("null_line", panel.left, panel.right, panel.y.place(record.null), RULE_WIDTH, role="rule")


def _bubbles(record: Bubble, panel: Panel) -> Iterator[Mark]:
    """Make the bubbles, the largest first so that none is hidden."""
    heaviest = max(record.weight)
    for row in sorted(range(len(record.x)), key=lambda row: -record.weight[row]):
        place = panel.place(record.x[row], record.estimate[row])
        diameter = disc_diameter(record.weight[row], heaviest, LARGEST)
        yield disc("bubble", *place, diameter, role="ink", tint=0.7, edge="ink", row=row)


def _fitted(record: Bubble, panel: Panel) -> Iterator[Mark]:
    if record.line:
        places = [panel.place(x, y) for x, y in zip(record.line_x, record.line, strict=True)]
        yield line("regression", [x for x, _ in places], [y for _, y in places], 1.6, role="accent")
