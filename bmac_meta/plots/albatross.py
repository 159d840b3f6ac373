"""The albatross plot: sizes of trials against their p values, for evidence that comes without effects.

`albatross(record)` draws, `layout(record)` tells where everything stands (Harrison et al. 2017,
doi:10.1002/jrsm.1239). Contours join the sizes and p values that a trial with one effect would have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key
from bmac_meta.plots.labels import labels_beside
from bmac_meta.plots.marks import Layout, Mark, disc, line, vertical
from bmac_meta.plots.panel import Panel, Words, chart, level_sides
from bmac_meta.plots.scale import Scale, padded
from bmac_meta.plots.style import POINTS_PER_INCH, RULE_WIDTH, TEXT_SIZE

WIDTH = 5.2
HEIGHT = 240.0
POINT_SIZE = 5.0
NAMED = 3
"""At most this many trials are named, those with the smallest p first, so that names do not hide the contours."""
DASHES = ((), (5.0, 2.0), (1.5, 1.5), (5.0, 1.5, 1.5, 1.5))


@dataclass(frozen=True, slots=True)
class Contour:
    """The sizes of trial at which an effect, in words, has the p values of a record; one number for each."""

    words: str
    size: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Albatross:
    """An albatross plot in numbers and words.

    Attributes:
        title: stands above the plot.
        log10_p: minus log₁₀ of each trial's two-sided p, with the sign of its effect.
        size: participants of each trial, above 0.
        labels: name of each trial.
        contour_log10_p: minus log₁₀ of the p values at which contours are known, above 0 and ascending.
        contours: the contours, at most four.
        x_label: words below the axis.
        y_label: words above the upright axis.
        favours_low: whom effects below 0 favor.
        favours_high: whom effects above 0 favor.
        subtitle: a grey line below the title.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    log10_p: tuple[float, ...]
    size: tuple[float, ...]
    labels: tuple[str, ...]
    contour_log10_p: tuple[float, ...] = ()
    contours: tuple[Contour, ...] = ()
    x_label: str = "−log₁₀ p, to the side of the effect (1.3 is p = .05)"
    y_label: str = "Participants"
    favours_low: str | None = None
    favours_high: str | None = None
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.labels or not len(self.labels) == len(self.log10_p) == len(self.size):
            raise InputError("An albatross plot needs a p value, a size and a name for each trial.")
        if min(self.size) <= 0:
            raise InputError("The sizes of trials in an albatross plot are above 0.")
        if len(self.contours) > len(DASHES):
            raise InputError(f"An albatross plot can tell {len(DASHES)} contours apart; here are {len(self.contours)}.")
        if any(len(contour.size) != len(self.contour_log10_p) for contour in self.contours):
            raise InputError("Each contour of an albatross plot needs one size for each of `contour_log10_p`.")


def albatross(record: Albatross, width: float = WIDTH) -> Figure:
    """Draw an albatross plot `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Albatross, width: float = WIDTH) -> Layout:
    """Return where everything of an albatross plot stands."""
    reach = max(2.0, *(abs(value) for value in record.log10_p)) * 1.06
    heights = [math.log(size) for size in record.size]
    x = Scale(-reach, reach, 0, 1)
    y = Scale(*padded(min(heights) - 0.7, max(heights) + 0.7), 1, 0, "ratio")
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    points = width * POINTS_PER_INCH
    sides = 1.5 * TEXT_SIZE if record.favours_low or record.favours_high else 0.0
    frame = chart(words, points, HEIGHT, x, y, sides=sides, foot=key(_entries(record), 5.0, points)[1])
    behind = [*_null(frame.panel), *_curves(record, frame.panel)]
    front = [*_points(record, frame.panel), *key(_entries(record), frame.foot + 5, frame.width)[0]]
    front += level_sides(frame.panel, 0.0, record.favours_low, record.favours_high, frame.sides)
    return frame.layout(behind, front, record.title, record.description or describe(record))


def describe(record: Albatross) -> str:
    """Say in a sentence what an albatross plot shows."""
    right = sum(value > 0 for value in record.log10_p)
    return f"Albatross plot of {count_noun(len(record.labels), 'trial')}, {right} with an effect above none."


def table(record: Albatross) -> pd.DataFrame:
    """Return the points of an albatross plot: label, signed −log₁₀ p and size."""
    return pd.DataFrame({"label": record.labels, "signed_log10_p": record.log10_p, "size": record.size})


def _null(panel: Panel) -> Iterator[Mark]:
    yield vertical("null_line", panel.x.place(0.0), panel.top, panel.bottom + 4, RULE_WIDTH, role="rule")


def _curves(record: Albatross, panel: Panel) -> Iterator[Mark]:
    """Make the contours on both sides, as far as they lie in the panel."""
    for contour, dashes in zip(record.contours, DASHES, strict=False):
        pairs = zip(record.contour_log10_p, contour.size, strict=True)
        inside = [
            (x, math.log(size)) for x, size in pairs if size > 0 and panel.x.holds(x) and panel.y.holds(math.log(size))
        ]
        for side in (-1, 1) if len(inside) > 1 else ():
            places = [panel.place(side * x, y) for x, y in inside]
            looks = {"role": "accent", "tint": 0.35, "dashes": dashes}
            yield line("contour", [x for x, _ in places], [y for _, y in places], 1.0, **looks)


def _points(record: Albatross, panel: Panel) -> Iterator[Mark]:
    places = [panel.place(x, math.log(size)) for x, size in zip(record.log10_p, record.size, strict=True)]
    for row, place in enumerate(places):
        yield disc("point", *place, POINT_SIZE, edge="paper", row=row)
    farthest = sorted(range(len(places)), key=lambda row: -abs(record.log10_p[row]))[:NAMED]
    yield from labels_beside(panel, places, record.labels, farthest, POINT_SIZE / 2)


def _entries(record: Albatross) -> list[Entry]:
    return [_entry(contour.words, dashes) for contour, dashes in zip(record.contours, DASHES, strict=False)]


def _entry(words: str, dashes: tuple[float, ...]) -> Entry:
    def symbol(x: float, y: float) -> Iterator[Mark]:
        yield line("key", [x, x + 18.0], [y, y], 1.0, role="accent", tint=0.35, dashes=dashes)

    return Entry(words, 18.0, 7.0, symbol)
