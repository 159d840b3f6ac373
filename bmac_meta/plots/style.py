"""How figures look: colors, sizes, fonts, and the settings under which they are drawn and written.

**Font.** The copy of DejaVu Sans that matplotlib ships is addressed by its file, so every machine measures
and draws the same letters, whatever fonts it has. SVG text is written as outlines (`svg.fonttype` "path"): an
SVG with `<text>` elements is set again by whoever views it, in another font and other widths, and columns
that were measured here would collide there; outlines look the same in browsers, word processors and print,
and are the same bytes on every machine with the same matplotlib. Texts with letters that the font lacks
(Chinese, Japanese, Korean, most emoji) are the one exception: they stay `<text>`, so that the viewer's fonts
can show them (see `bmac_meta.plots.ink`).

**Color.** Ink for studies, grey for apparatus, one accent for the answer. Judgements of bias use three hues
from the palette of Okabe and Ito, which people with color-vision deficiencies tell apart, and each carries a
glyph as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import matplotlib

POINTS_PER_INCH = 72.0
JOURNAL_WIDTH = 7.1
"""Width of a full journal page in inches (180 mm)."""
COLUMN_WIDTH = 3.5
"""Width of one journal column in inches (89 mm)."""

MARGIN = 9.0
TITLE_SIZE = 10.0
TEXT_SIZE = 7.5
SMALL_SIZE = 6.6
MARKER_SIZE = 5.2
LEADING = 1.3
"""Distance of two lines of one paragraph, in units of the type size."""

HAIRLINE = 0.5
INTERVAL_WIDTH = 0.9
RULE_WIDTH = 0.7

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "ink": "#1a1a1a",
        "soft": "#4d4d4d",
        "grey": "#6b6b6b",
        "rule": "#8c8c8c",
        "hair": "#c8c8c8",
        "wash": "#ededed",
        "paper": "#ffffff",
        "accent": "#0a6e78",
        "low": "#0072b2",
        "some": "#f0e442",
        "high": "#d55e00",
        "none": "#b8b8b8",
    }
)
"""Color of every role that a mark can have."""

SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        "font.family": ["DejaVu Sans"],
        "savefig.bbox": None,
        "savefig.facecolor": "white",
        "svg.fonttype": "path",
        "svg.hashsalt": "bmac_meta",
        "text.hinting": "none",
        "text.parse_math": False,
        "text.usetex": False,
        "pdf.fonttype": 42,
    }
)
"""What differs from matplotlib's own defaults while a figure is drawn or written."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw under matplotlib's defaults plus `SETTINGS`, and put the user's settings back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def mixed_with_white(color: str, tint: float) -> str:
    """Return the opaque color between `color` (tint 0) and white (tint 1).

    >>> mixed_with_white("#000000", 0.5)
    '#808080'
    """
    channels = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * tint):02x}" for channel in channels)


def color_of(role: str, tint: float = 0.0) -> str:
    """Return the color of a role as `#rrggbb`, mixed with white by `tint` (0 to 1)."""
    return mixed_with_white(ROLES[role], tint) if tint else ROLES[role]
