"""When the studies came: one disc per treatment and year, its area proportional to the number of studies.

`timeline(record)` draws on seaborn's axes; `table(record)` is what it is a picture of.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.plots.ink import Picture
from bmac_meta.plots.marks import Layout
from bmac_meta.plots.style import JOURNAL_WIDTH, POINTS_PER_INCH, ROLES, SMALL_SIZE, TEXT_SIZE, TITLE_SIZE, house_style
from bmac_meta.plots.text import clean, widest

PITCH = 16.0
HEAD, FOOT = 34.0, 44.0
SMALLEST, LARGEST = 14.0, 190.0
COLUMNS = ("group", "year", "studies")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts of studies by group and year: `counts` has a row per group, a column per year, groups from top down."""

    title: str
    counts: pd.DataFrame
    group_heading: str = ""

    def __post_init__(self) -> None:
        if self.counts.empty or not self.counts.to_numpy().any():
            raise InputError("A timeline needs at least one study with a year; here is none.")


def table(record: Timeline) -> pd.DataFrame:
    """Return a row per group and year in which a study came."""
    names = [clean(str(name)) for name in record.counts.index]
    long = record.counts.set_axis(names).stack().reset_index()
    long.columns = list(COLUMNS)
    return long[long["studies"] > 0].reset_index(drop=True)


def timeline(record: Timeline, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a timeline `width` inches wide, as high as its groups need."""
    points, height = width * POINTS_PER_INCH, HEAD + FOOT + PITCH * len(record.counts)
    rows = table(record)
    left = widest(rows["group"], TEXT_SIZE) + 22
    told = (
        f"{record.title}: {int(rows['studies'].sum())} entries from {rows['year'].min():g} to {rows['year'].max():g}."
    )
    with house_style():
        picture = Picture(Layout((), points, height, record.title, told))
        axes = picture.add_axes((left / points, FOOT / height, 1 - (left + 14) / points, 1 - (HEAD + FOOT) / height))
        _discs(rows, axes)
        _dress(record, axes, picture, points)
    return picture


def _discs(rows: pd.DataFrame, axes: Axes) -> None:
    seaborn.scatterplot(
        data=rows,
        x="year",
        y="group",
        size="studies",
        sizes=(SMALLEST, LARGEST),
        color=ROLES["accent"],
        alpha=0.75,
        linewidth=0,
        legend="brief",
        ax=axes,
    )


def _dress(record: Timeline, axes: Axes, picture: Picture, points: float) -> None:
    axes.set(xlabel="", ylabel="", ylim=(len(record.counts) - 0.4, -0.6))
    axes.tick_params(labelsize=TEXT_SIZE, length=0, colors=ROLES["ink"])
    axes.tick_params(axis="x", length=3, colors=ROLES["grey"])
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=ROLES["wash"], linewidth=0.7)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ROLES["rule"])
    handles, labels = axes.get_legend_handles_labels()
    axes.get_legend().remove()
    height = picture.layout.height
    picture.legend(
        handles,
        labels,
        title="studies",
        loc="lower left",
        bbox_to_anchor=(9 / points, 0.0),
        ncols=len(labels),
        frameon=False,
        fontsize=SMALL_SIZE,
        title_fontsize=SMALL_SIZE,
        alignment="left",
        columnspacing=1.2,
        handletextpad=0.3,
    )
    picture.text(9 / points, 1 - 16 / height, clean(record.title), fontsize=TITLE_SIZE, fontweight="bold", va="center")
