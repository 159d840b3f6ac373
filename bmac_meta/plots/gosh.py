"""The GOSH plot: the pooled estimate and the heterogeneity of every subset of the trials.

`gosh(record)` draws, `layout(record)` tells where everything stands. The cloud of subsets is shown as a
density, with the distribution of each quantity beside its axis (Olkin, Dahabreh & Trikalinos 2012,
doi:10.1002/jrsm.1053). Two clouds or a long tail say that the answer hangs on one or a few trials.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun, format_number
from bmac_meta.plots.ink import draw
from bmac_meta.plots.key import Entry, key, swatch
from bmac_meta.plots.marks import Layout, Mark, line, rectangle, vertical
from bmac_meta.plots.panel import Panel, Words, chart
from bmac_meta.plots.scale import Scale, padded
from bmac_meta.plots.style import POINTS_PER_INCH, RULE_WIDTH

WIDTH = 5.2
HEIGHT = 250.0
COLUMNS, ROWS = 44, 30
MARGINAL = 34.0
"""Height of the distributions beside the axes in points."""


@dataclass(frozen=True, slots=True)
class Gosh:
    """A GOSH plot in numbers and words.

    Attributes:
        title: stands above the plot.
        estimate: pooled estimate of each subset, shape (B,), on the scale of the analysis.
        i2: I² of each subset, shape (B,), between 0 and 1.
        highlighted: for each subset whether it holds the trial in question, shape (B,); None for no trial.
        highlighted_label: name of that trial.
        center: the pooled estimate of all trials, drawn as a line; None for none.
        log: whether estimates are logarithms and the axis shows their exponentials.
        x_label: words below the axis.
        y_label: words above the upright axis.
        subtitle: a grey line below the title.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    estimate: NDArray[np.float64]
    i2: NDArray[np.float64]
    highlighted: NDArray[np.bool_] | None = None
    highlighted_label: str = ""
    center: float | None = None
    log: bool = False
    x_label: str = "Pooled estimate"
    y_label: str = "I²"
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        estimate, i2 = np.asarray(self.estimate, dtype=float), np.asarray(self.i2, dtype=float)
        if estimate.ndim != 1 or estimate.shape != i2.shape or not estimate.size:
            raise InputError(
                f"A GOSH plot needs one estimate and I² per subset; here are {estimate.shape}, {i2.shape}."
            )
        if not np.isfinite(estimate).all() or not ((i2 >= 0) & (i2 <= 1)).all():
            raise InputError("The estimates of a GOSH plot must be finite and its I² between 0 and 1.")
        if self.highlighted is not None and np.shape(self.highlighted) != estimate.shape:
            raise InputError("`highlighted` needs one entry per subset.")


def gosh(record: Gosh, width: float = WIDTH) -> Figure:
    """Draw a GOSH plot `width` inches wide."""
    return draw(layout(record, width))


def layout(record: Gosh, width: float = WIDTH) -> Layout:
    """Return where everything of a GOSH plot stands."""
    x = Scale(*estimate_limits(record), 0, 1, "ratio" if record.log else "plain")
    y = Scale(*i2_limits(record), 1, 0, "percent")
    words = Words(record.title, record.subtitle, record.x_label, record.y_label, record.footnotes)
    points = width * POINTS_PER_INCH
    _, foot = key(_entries(record), 5.0, points)
    frame = chart(words, points, HEIGHT, x, y, foot=foot, beside=MARGINAL)
    front = [*_density(record, frame.panel), *_marginals(record, frame.panel), *_center(record, frame.panel)]
    front += key(_entries(record), frame.foot + 5, frame.width)[0]
    return frame.layout((), front, record.title, record.description or describe(record))


def describe(record: Gosh) -> str:
    """Say in a sentence what a GOSH plot shows."""
    low, middle, high = (_shown(record, value) for value in np.quantile(record.estimate, (0.025, 0.5, 0.975)))
    subsets = count_noun(len(record.estimate), "subset")
    return f"GOSH plot of {subsets}: the middle 95% of estimates lie from {low} to {high}, median {middle}."


def table(record: Gosh) -> pd.DataFrame:
    """Return the density that a GOSH plot draws: counts of subsets in the cells that are not empty."""
    counts, across, up = density(record, np.ones(len(record.estimate), dtype=bool))
    columns, rows = np.nonzero(counts)
    limits = {"estimate_low": across[columns], "estimate_high": across[columns + 1]}
    limits |= {"i2_low": up[rows], "i2_high": up[rows + 1]}
    return pd.DataFrame({**limits, "subsets": counts[columns, rows].astype(int)})


def _shown(record: Gosh, value: float) -> str:
    return format_number(math.exp(value) if record.log else value)


def estimate_limits(record: Gosh) -> tuple[float, float]:
    """Return limits of the axis of estimates: all subsets and the pooled estimate of all trials."""
    center = [] if record.center is None else [record.center]
    values = [float(np.min(record.estimate)), float(np.max(record.estimate)), *center]
    return padded(min(values), max(values), 0.01)


def i2_limits(record: Gosh) -> tuple[float, float]:
    """Return limits of the axis of I²: from 0 to a little above the largest."""
    return 0.0, max(0.1, min(1.0, 1.05 * float(np.max(record.i2))))


def density(
    record: Gosh, chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count the chosen subsets in cells; returns counts (COLUMNS, ROWS) and the edges in both directions."""
    limits = [estimate_limits(record), i2_limits(record)]
    estimate = np.asarray(record.estimate)[chosen]
    return np.histogram2d(estimate, np.asarray(record.i2)[chosen], bins=(COLUMNS, ROWS), range=limits)


def _groups(record: Gosh) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the color and the subsets of each cloud."""
    if record.highlighted is None:
        return [("accent", np.ones(len(record.estimate), dtype=bool))]
    held = np.asarray(record.highlighted, dtype=bool)
    return [("ink", ~held), ("accent", held)]


def _density(record: Gosh, panel: Panel) -> Iterator[Mark]:
    """Make the cells; a cell has the color of the cloud that has more subsets in it."""
    clouds = [(role, *density(record, chosen)) for role, chosen in _groups(record)]
    total = sum(counts for _, counts, _, _ in clouds)
    _, _, across, up = clouds[0]
    for column, row in zip(*np.nonzero(total), strict=True):
        role = max(clouds, key=lambda cloud: cloud[1][column, row])[0]
        left, right = panel.x.place(across[column]), panel.x.place(across[column + 1])
        bottom, top = panel.y.place(up[row]), panel.y.place(up[row + 1])
        tint = 0.9 * (1 - math.sqrt(total[column, row] / total.max()))
        yield rectangle("cell", left, top, right, bottom, role=role, tint=tint)


def _marginals(record: Gosh, panel: Panel) -> Iterator[Mark]:
    """Make the distribution of each quantity beside its axis, one outline per cloud."""
    clouds = [(role, density(record, chosen)) for role, chosen in _groups(record)]
    highest = [max(counts.sum(axis=axis).max() for _, (counts, _, _) in clouds) for axis in (1, 0)]
    for role, (counts, across, up) in clouds:
        xs = np.repeat([panel.x.place(edge) for edge in across], 2)
        yield _outline("marginal", xs, panel.top - 3 - _steps(counts.sum(axis=1), highest[0]), role)
        ys = np.repeat([panel.y.place(edge) for edge in up], 2)
        yield _outline("marginal", panel.right + 3 + _steps(counts.sum(axis=0), highest[1]), ys, role)


def _steps(counts: NDArray[np.float64], highest: float) -> NDArray[np.float64]:
    """Return the heights of the corners of a histogram in points, beginning and ending at zero."""
    heights = np.repeat(counts, 2) * (MARGINAL - 6) / highest
    return np.concatenate(([0.0], heights, [0.0]))


def _outline(kind: str, xs: NDArray[np.float64], ys: NDArray[np.float64], role: str) -> Mark:
    return line(kind, [float(x) for x in xs], [float(y) for y in ys], RULE_WIDTH, role=role)


def _center(record: Gosh, panel: Panel) -> Iterator[Mark]:
    if record.center is not None:
        x = panel.x.place(record.center)
        yield vertical("center_line", x, panel.top, panel.bottom + 4, RULE_WIDTH, role="grey", dashes=(3.0, 2.0))


def _entries(record: Gosh) -> list[Entry]:
    if record.highlighted is None:
        return []
    label = record.highlighted_label
    return [swatch(f"subsets with {label}", role="accent"), swatch(f"without {label}", role="ink")]
