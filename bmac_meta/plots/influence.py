"""The Baujat plot: which trials make the disagreement, and which move the answer.

`baujat(record)` draws, `layout(record)` tells where everything stands. From left to right each trial's share
in Cochran's Q, from bottom to top how far the pooled estimate moves without it (Baujat et al. 2002,
doi:10.1002/sim.1221). A leave-one-out analysis is drawn as a forest plot with the shape "point".
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
from bmac_meta.plots.marks import Layout, Mark, disc
from bmac_meta.plots.panel import Panel, Words, chart
from bmac_meta.plots.scale import Scale, upper_limit
from bmac_meta.plots.style import POINTS_PER_INCH

WIDTH = 5.2
HEIGHT = 220.0
POINT_SIZE = 5.0
NAMED = 8
"""At most this many trials are named: those farthest from the corner of no influence."""


@dataclass(frozen=True, slots=True)
class Baujat:
    """A Baujat plot in numbers and words.

    Attributes:
        title: stands above the plot.
        heterogeneity: contribution of each trial to Q, zero or more.
        influence: standardized squared shift of the pooled estimate without the trial, zero or more.
        labels: name of each trial.
        x_label: words below the axis.
        y_label: words above the upright axis.
        subtitle: a grey line below the title.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    heterogeneity: tuple[float, ...]
    influence: tuple[float, ...]
    labels: tuple[str, ...]
    x_label: str = "Contribution to Q"
    y_label: str = "Influence on the pooled estimate"
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.labels or not len(self.labels) == len(self.heterogeneity) == len(self.influence):
            raise InputError("A Baujat plot needs a contribution, an influence and a name for each trial.")


def baujat(record: Baujat, width: float = WIDTH) -> Figure:
    """Draw a Baujat plot `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Baujat, width: float = WIDTH) -> Layout:
    """Return where everything of a Baujat plot stands."""
    x = Scale(0.0, upper_limit(max(record.heterogeneity), 1.08), 0, 1)
    y = Scale(0.0, upper_limit(max(record.influence), 1.12), 1, 0)
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    frame = chart(words, width * POINTS_PER_INCH, HEIGHT, x, y)
    return frame.layout((), _points(record, frame.panel), record.title, record.description or describe(record))


def describe(record: Baujat) -> str:
    """Say in a sentence what a Baujat plot shows."""
    trials, first = count_noun(len(record.labels), "trial"), record.labels[_order(record)[0]]
    return f"Baujat plot of {trials}; farthest out: {first}."


def table(record: Baujat) -> pd.DataFrame:
    """Return the points of a Baujat plot."""
    return pd.DataFrame({"label": record.labels, "heterogeneity": record.heterogeneity, "influence": record.influence})


def _order(record: Baujat) -> list[int]:
    """Return the numbers of the trials, the one farthest from the corner first."""
    across, up = max(record.heterogeneity) or 1.0, max(record.influence) or 1.0
    distance = [(x / across) ** 2 + (y / up) ** 2 for x, y in zip(record.heterogeneity, record.influence, strict=True)]
    return sorted(range(len(distance)), key=lambda row: -distance[row])


def _points(record: Baujat, panel: Panel) -> Iterator[Mark]:
    places = [panel.place(*pair) for pair in zip(record.heterogeneity, record.influence, strict=True)]
    for row, place in enumerate(places):
        yield disc("point", *place, POINT_SIZE, edge="paper", row=row)
    yield from labels_beside(panel, places, record.labels, _order(record)[:NAMED], POINT_SIZE / 2)
