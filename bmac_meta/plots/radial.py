"""The radial plot: effects over their standard errors against precision, with the pooled effect as a slope.

`radial(record)` draws, `layout(record)` tells where everything stands (Galbraith 1988,
doi:10.1002/sim.4780070807). About 95% of the points are expected in the band around the line; those outside it
are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.labels import labels_beside
from bmac_meta.plots.marks import Layout, Mark, disc, horizontal, line, polygon
from bmac_meta.plots.panel import Panel, Words, chart
from bmac_meta.plots.scale import Scale, padded, upper_limit
from bmac_meta.plots.sides import inset, upright_sides
from bmac_meta.plots.style import POINTS_PER_INCH, RULE_WIDTH

WIDTH = 5.2
HEIGHT = 240.0
POINT_SIZE = 5.0
NAMED = 8
"""At most this many points outside the band are named, the farthest first."""


@dataclass(frozen=True, slots=True)
class Radial:
    """A radial plot in numbers and words.

    Attributes:
        title: stands above the plot.
        precision: one over the standard error of each trial, above 0.
        standardized: effect over standard error of each trial.
        slope: the pooled effect.
        labels: name of each trial.
        band: half of the band's height, in standard errors.
        x_label: words below the axis.
        y_label: words above the upright axis.
        favours_low: whom effects below 0 favor.
        favours_high: whom effects above 0 favor.
        subtitle: a grey line below the title.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    precision: tuple[float, ...]
    standardized: tuple[float, ...]
    slope: float
    labels: tuple[str, ...]
    band: float = 1.959963984540054
    x_label: str = "Precision"
    y_label: str = "Effect over standard error"
    favours_low: str | None = None
    favours_high: str | None = None
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.labels or not len(self.labels) == len(self.precision) == len(self.standardized):
            raise InputError("A radial plot needs a precision, a standardized effect and a name for each trial.")
        if min(self.precision) <= 0:
            raise InputError("The precisions of a radial plot are above 0: one over a standard error.")

    @property
    def distance(self) -> tuple[float, ...]:
        """How far each point lies above the line."""
        pairs = zip(self.precision, self.standardized, strict=True)
        return tuple(y - self.slope * x for x, y in pairs)


def radial(record: Radial, width: float = WIDTH) -> Figure:
    """Draw a radial plot `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Radial, width: float = WIDTH) -> Layout:
    """Return where everything of a radial plot stands."""
    x = Scale(0.0, upper_limit(max(record.precision)), 0, 1)
    ends = (0.0, record.slope * x.high)
    heights = [*record.standardized, *(end + side * record.band for end in ends for side in (-1, 1))]
    sided = bool(record.favours_low or record.favours_high)
    y = Scale(*inset(*padded(min(heights), max(heights)), HEIGHT, sided), 1, 0)
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    frame = chart(words, width * POINTS_PER_INCH, HEIGHT, x, y)
    front = [*_fitted(record, frame.panel), *_points(record, frame.panel)]
    front += upright_sides(frame.panel, record.favours_low, record.favours_high)
    return frame.layout(_band(record, frame.panel), front, record.title, record.description or describe(record))


def describe(record: Radial) -> str:
    """Say in a sentence what a radial plot shows."""
    outside = sum(abs(distance) > record.band for distance in record.distance)
    return f"Radial plot of {count_noun(len(record.labels), 'trial')}; {outside} outside the band around the line."


def table(record: Radial) -> pd.DataFrame:
    """Return the points of a radial plot: label, precision, standardized effect, distance above the line."""
    columns = {"precision": record.precision, "standardized": record.standardized, "distance": record.distance}
    return pd.DataFrame({"label": record.labels, **columns})


def _band(record: Radial, panel: Panel) -> Iterator[Mark]:
    """Make the band around the line, and the level of no effect."""
    right, end = panel.x.high, record.slope * panel.x.high
    corners = [(0.0, record.band), (right, end + record.band), (right, end - record.band), (0.0, -record.band)]
    places = [panel.place(*corner) for corner in corners]
    yield polygon("band", [x for x, _ in places], [y for _, y in places], role="accent", tint=0.85)
    yield horizontal("null_line", panel.left, panel.right, panel.y.place(0.0), RULE_WIDTH, role="rule")


def _fitted(record: Radial, panel: Panel) -> Iterator[Mark]:
    ends = [panel.place(x, record.slope * x) for x in (0.0, panel.x.high)]
    yield line("pooled", [x for x, _ in ends], [y for _, y in ends], 1.4, role="accent")


def _points(record: Radial, panel: Panel) -> Iterator[Mark]:
    places = [panel.place(*pair) for pair in zip(record.precision, record.standardized, strict=True)]
    for row, place in enumerate(places):
        yield disc("point", *place, POINT_SIZE, edge="paper", row=row)
    distance = record.distance
    outside = [row for row in range(len(distance)) if abs(distance[row]) > record.band]
    farthest = sorted(outside, key=lambda row: -abs(distance[row]))[:NAMED]
    yield from labels_beside(panel, places, record.labels, farthest, POINT_SIZE / 2)
