"""The table of marks: what stands where on a figure, in points from its upper left corner, before any ink.

A layout is complete: drawing it needs no further measuring or deciding. That makes it testable without
pixels: that no two texts overlap and that nothing leaves the figure are statements about this table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from bmac_meta.plots.style import LEADING, TEXT_SIZE
from bmac_meta.plots.text import clean, measure

Shape = Literal["text", "line", "polygon", "disc"]
Align = Literal["left", "center", "right"]

CAP_HEIGHT = 0.73
"""Height of capitals and digits of DejaVu Sans in units of the type size."""
ASCENT, DESCENT = 0.77, 0.24
"""How far letters reach above and below the baseline, in units of the type size."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on a figure.

    Attributes:
        kind: what it means: "square", "interval", "diamond", "prediction_bar", "label", "tick", "rule" …
        shape: how it is made: "text", "line" (open path), "polygon" (closed, filled) or "disc" (one center).
        x: positions in points from the left edge; for text the point that `align` refers to.
        y: positions in points from the upper edge; for text the middle of its capitals.
        role: the color, a key of `bmac_meta.plots.style.ROLES`.
        size: type size, line width or diameter in points; for a polygon the width of its outline.
        row: number of the line, point or cell row that it belongs to, None for apparatus.
        text: what is written.
        full_text: the whole text where `text` is a part of it.
        align: which point of the text stands at `x`.
        bold: whether the text is bold.
        tint: share of white mixed into the color, 0 to 1.
        edge: role of the outline of a polygon or disc, None for no outline.
        dashes: lengths of dashes and gaps in points; empty for a solid line.
    """

    kind: str
    shape: Shape
    x: tuple[float, ...]
    y: tuple[float, ...]
    role: str = "ink"
    size: float = 1.0
    row: int | None = None
    text: str = ""
    full_text: str = ""
    align: Align = "left"
    bold: bool = False
    tint: float = 0.0
    edge: str | None = None
    dashes: tuple[float, ...] = ()

    @property
    def start(self) -> float:
        """Left edge of a text in points."""
        return self.x[0] - {"left": 0.0, "center": 0.5, "right": 1.0}[self.align] * self.width

    @property
    def width(self) -> float:
        """Width of a text in points."""
        return measure(self.text, self.size, self.bold)

    @property
    def baseline(self) -> float:
        """Baseline of a text in points from the upper edge."""
        return self.y[0] + self.size * CAP_HEIGHT / 2

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the mark in points."""
        if self.shape == "text":
            top, bottom = self.baseline - self.size * ASCENT, self.baseline + self.size * DESCENT
            return self.start, top, self.start + self.width, bottom
        reach = self.size / 2 if self.shape == "disc" else 0.0
        return min(self.x) - reach, min(self.y) - reach, max(self.x) + reach, max(self.y) + reach


@dataclass(frozen=True, slots=True)
class Layout:
    """A figure before it is drawn: its marks in the order of drawing, its size, and words about it.

    Attributes:
        marks: every mark, the first one lowest.
        width: width of the figure in points.
        height: height of the figure in points.
        title: the title, also read out by screen readers.
        description: what the figure shows, in a sentence or two, for people who do not see it.
    """

    marks: tuple[Mark, ...]
    width: float
    height: float
    title: str
    description: str

    def of_kind(self, *kinds: str) -> tuple[Mark, ...]:
        """Return the marks of one or more kinds in the order of drawing."""
        return tuple(mark for mark in self.marks if mark.kind in kinds)

    @property
    def table(self) -> pd.DataFrame:
        """The marks as a frame: one row each, with its box in points from the upper left corner."""
        return pd.DataFrame([_table_row(mark) for mark in self.marks])


def _table_row(mark: Mark) -> dict[str, object]:
    left, top, right, bottom = mark.box
    return {
        "kind": mark.kind,
        "shape": mark.shape,
        "row": mark.row,
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "text": mark.text,
        "full_text": mark.full_text,
        "size": mark.size,
        "align": mark.align,
        "role": mark.role,
        "tint": mark.tint,
        "x": mark.x,
        "y": mark.y,
    }


def written(kind: str, text: str, x: float, y: float, size: float = TEXT_SIZE, **looks: Any) -> Mark:
    """Make a text; `looks` are further fields of `Mark`, with `full_text` the text itself unless given."""
    text = clean(text)
    looks.setdefault("full_text", text)
    return Mark(kind, "text", (x,), (y,), size=size, text=text, **looks)


def line(kind: str, xs: Sequence[float], ys: Sequence[float], width: float, **looks: Any) -> Mark:
    """Make an open path through the points (`xs`, `ys`)."""
    return Mark(kind, "line", tuple(xs), tuple(ys), size=width, **looks)


def horizontal(kind: str, left: float, right: float, y: float, width: float, **looks: Any) -> Mark:
    """Make a horizontal line."""
    return line(kind, (left, right), (y, y), width, **looks)


def vertical(kind: str, x: float, top: float, bottom: float, width: float, **looks: Any) -> Mark:
    """Make a vertical line."""
    return line(kind, (x, x), (top, bottom), width, **looks)


def polygon(kind: str, xs: Sequence[float], ys: Sequence[float], **looks: Any) -> Mark:
    """Make a filled polygon; with an `edge` it is outlined by a line of width `size`."""
    return Mark(kind, "polygon", tuple(xs), tuple(ys), **{"size": 0.0, **looks})


def rectangle(kind: str, left: float, top: float, right: float, bottom: float, **looks: Any) -> Mark:
    """Make a filled rectangle."""
    return polygon(kind, (left, right, right, left), (top, top, bottom, bottom), **looks)


def square(kind: str, x: float, y: float, side: float, **looks: Any) -> Mark:
    """Make a filled square around a center."""
    half = side / 2
    return rectangle(kind, x - half, y - half, x + half, y + half, **looks)


def diamond(kind: str, left: float, middle: float, right: float, y: float, height: float, **looks: Any) -> Mark:
    """Make a filled diamond from `left` to `right` with its thickest place at `middle`."""
    half = height / 2
    return polygon(kind, (left, middle, right, middle), (y, y - half, y, y + half), **looks)


def disc(kind: str, x: float, y: float, diameter: float, **looks: Any) -> Mark:
    """Make a filled disc around a center."""
    return Mark(kind, "disc", (x,), (y,), size=diameter, **looks)


def arrow_head(kind: str, x: float, y: float, direction: float, size: float = 5.0, **looks: Any) -> Mark:
    """Make a small filled triangle with its tip at (`x`, `y`), pointing right (direction 1) or left (−1)."""
    back = x - direction * size
    half = size * 0.45
    return polygon(kind, (x, back, back), (y, y - half, y + half), **looks)


def paragraph(
    kind: str, lines: Iterable[str], x: float, top: float, size: float = TEXT_SIZE, **looks: Any
) -> Iterator[Mark]:
    """Make the lines of a paragraph that begins at `top`; `paragraph_height` tells where it ends."""
    step = size * LEADING
    for number, text in enumerate(lines):
        yield written(kind, text, x, top + (number + 0.5) * step, size, **looks)


def paragraph_height(count: int, size: float = TEXT_SIZE) -> float:
    """Return the height of a paragraph of `count` lines in points."""
    return count * size * LEADING


def moved(marks: Iterable[Mark], right: float = 0.0, down: float = 0.0) -> tuple[Mark, ...]:
    """Return the marks moved by some points."""
    return tuple(replace(mark, x=tuple(x + right for x in mark.x), y=tuple(y + down for y in mark.y)) for mark in marks)


def disc_diameter(weight: float, heaviest: float, largest: float) -> float:
    """Return a diameter or side that makes areas proportional to weights; the heaviest has `largest` points.

    >>> disc_diameter(1.0, 4.0, 10.0)
    5.0
    """
    return largest * math.sqrt(weight / heaviest) if heaviest > 0 else largest
