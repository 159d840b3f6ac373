"""From a table of marks to a matplotlib figure.

`draw` makes one axes that covers the figure, counted in points from the upper left corner, and puts every
mark where its layout says. Text is placed by its baseline and its left edge, so that what was measured is
what is drawn.

Letters that the font lacks: in SVG such a text is a `<text>` element, which the viewer sets in a font of its
own; in PNG and PDF the first installed font that has the letters is used, and where there is none a warning
says so.
"""

from __future__ import annotations

import warnings
from functools import cache

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon
from matplotlib.text import Text

from bmac_meta.plots.marks import Layout, Mark
from bmac_meta.plots.save import svg_text
from bmac_meta.plots.style import POINTS_PER_INCH, color_of, house_style
from bmac_meta.plots.text import covered, font_file, outlined

FAMILY = "DejaVu Sans"


class Picture(Figure):
    """A matplotlib figure that remembers its layout and shows itself in a notebook without pyplot."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(figsize=(layout.width / POINTS_PER_INCH, layout.height / POINTS_PER_INCH))
        self.layout = layout

    def _repr_svg_(self) -> str:
        return svg_text(self, self.layout.title, self.layout.description)


class FallbackText(Text):
    """A text with letters that the font lacks: kept as text in SVG, set in an installed font elsewhere."""

    def draw(self, renderer: object) -> None:
        """Draw the text; `renderer` is matplotlib's."""
        if not hasattr(renderer, "writer"):  # only the SVG renderer has a writer of XML
            self.set_fontfamily([FAMILY, *self._substitutes()])
        with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            super().draw(renderer)

    def _substitutes(self) -> tuple[str, ...]:
        families, missing = substitutes(self.get_text())
        if missing:
            warnings.warn(
                f"No font on this machine has the letters {missing} of {self.get_text()!r}: the picture "
                "shows boxes instead. Write SVG, which keeps them as text, or install a font that has them.",
                stacklevel=2,
            )
        return families


@cache
def substitutes(text: str) -> tuple[tuple[str, ...], str]:
    """Return installed font families for the letters that DejaVu Sans lacks, and the letters left over."""
    missing = {character for character in text if not covered(character)}
    families = []
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        found = missing & _letters(entry.fname) if missing and not entry.name.startswith("Last Resort") else set()
        families += [entry.name] if found else []
        missing -= found
    return tuple(families), "".join(sorted(missing))


@cache
def _letters(path: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(path).get_charmap()))


def draw(layout: Layout, figure: Figure | None = None) -> Figure:
    """Draw a layout on a new figure, or on an empty figure that is resized to it; returns the figure."""
    with house_style():
        canvas = Picture(layout) if figure is None else figure
        canvas.set_size_inches(layout.width / POINTS_PER_INCH, layout.height / POINTS_PER_INCH)
        axes = canvas.add_axes((0, 0, 1, 1), xlim=(0, layout.width), ylim=(layout.height, 0))
        axes.set_axis_off()
        for order, mark in enumerate(layout.marks):
            artist = ARTISTS[mark.shape](mark)
            artist.set(zorder=order, clip_on=False)
            axes.add_artist(artist)
    return canvas


@cache
def _outline_font(size: float, bold: bool) -> FontProperties:
    return FontProperties(fname=font_file(bold), size=size)


def _fallback_font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family=[FAMILY, "sans-serif"], size=size, weight="bold" if bold else "normal")


def _text(mark: Mark) -> Artist:
    looks = {"color": color_of(mark.role, mark.tint), "va": "baseline", "parse_math": False}
    if outlined(mark.text, mark.bold):
        font = _outline_font(mark.size, mark.bold)
        return Text(mark.start, mark.baseline, mark.text, ha="left", fontproperties=font, **looks)
    font = _fallback_font(mark.size, mark.bold)
    return FallbackText(mark.x[0], mark.baseline, mark.text, ha=mark.align, fontproperties=font, **looks)


def _line(mark: Mark) -> Artist:
    return Line2D(
        mark.x,
        mark.y,
        color=color_of(mark.role, mark.tint),
        linewidth=mark.size,
        linestyle=(0, mark.dashes) if mark.dashes else "-",
        solid_capstyle="butt",
        dash_capstyle="butt",
        solid_joinstyle="miter",
    )


def _edge(mark: Mark) -> dict[str, object]:
    if mark.edge is None:
        return {"edgecolor": "none", "linewidth": 0.0}
    return {"edgecolor": color_of(mark.edge), "linewidth": mark.size if mark.shape == "polygon" else 0.7}


def _polygon(mark: Mark) -> Artist:
    corners = list(zip(mark.x, mark.y, strict=True))
    fill = color_of(mark.role, mark.tint)
    return Polygon(corners, closed=True, facecolor=fill, joinstyle="miter", **_edge(mark))


def _disc(mark: Mark) -> Artist:
    return Circle((mark.x[0], mark.y[0]), mark.size / 2, facecolor=color_of(mark.role, mark.tint), **_edge(mark))


ARTISTS = {"text": _text, "line": _line, "polygon": _polygon, "disc": _disc}
