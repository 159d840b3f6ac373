"""Whom a direction favors, for plots whose effects run up and down."""

from __future__ import annotations

from collections.abc import Iterator

from bmac_meta.plots.marks import Mark, written
from bmac_meta.plots.panel import Panel
from bmac_meta.plots.style import TEXT_SIZE
from bmac_meta.plots.text import clean, elide

STRIP = 13.0
"""Height of the strip at the upper and lower edge that is kept free for the words, in points."""


def inset(low: float, high: float, height: float, sided: bool) -> tuple[float, float]:
    """Return limits widened so that a strip at each end of an axis `height` points long stays free."""
    if not sided:
        return low, high
    air = (high - low) * STRIP / (height - 2 * STRIP)
    return low - air, high + air


def upright_sides(panel: Panel, low: str | None, high: str | None) -> Iterator[Mark]:
    """Make the words "↑ favours B" and "↓ favours A" in the strips at the upper and lower edge of a panel."""
    room = panel.right - panel.left - 4
    if high:
        text = elide(clean(f"↑ favours {high}"), room, TEXT_SIZE)
        yield written("favours_high", text, panel.right, panel.top + STRIP / 2, TEXT_SIZE, align="right")
    if low:
        text = elide(clean(f"↓ favours {low}"), room, TEXT_SIZE)
        yield written("favours_low", text, panel.right, panel.bottom - STRIP / 2, TEXT_SIZE, align="right")
