"""Names beside points: which points get one, and where it stands so that nothing is covered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmac_meta.plots.marks import Mark, written
from bmac_meta.plots.panel import Panel
from bmac_meta.plots.style import SMALL_SIZE
from bmac_meta.plots.text import clean, elide

Box = tuple[float, float, float, float]


def labels_beside(
    panel: Panel,
    places: Sequence[tuple[float, float]],
    names: Sequence[str],
    rows: Sequence[int],
    reach: float,
) -> Iterator[Mark]:
    """Make the names of some points, the first ones first, each where it covers no point and no other name.

    `places` holds all points (in points of the page), `rows` the numbers of those to be named, `reach` the
    radius of a point. A name stands to the right, to the left, above or below its point; one that finds no
    room is left out.
    """
    taken: list[Box] = [(x - reach, y - reach, x + reach, y + reach) for x, y in places]
    for row in rows:
        options = _options(panel, places[row], names[row], row, reach)
        chosen = next((mark for mark in options if _free(mark.box, taken, panel)), None)
        if chosen is not None:
            taken.append(chosen.box)
            yield chosen


def _options(panel: Panel, place: tuple[float, float], name: str, row: int, reach: float) -> Iterator[Mark]:
    x, y = place
    text = elide(clean(name), 0.4 * (panel.right - panel.left), SMALL_SIZE)
    looks = {"row": row, "full_text": clean(name)}
    up = reach + 0.7 * SMALL_SIZE
    yield written("label", text, x + reach + 2.5, y, SMALL_SIZE, **looks)
    yield written("label", text, x - reach - 2.5, y, SMALL_SIZE, align="right", **looks)
    yield written("label", text, x, y - up, SMALL_SIZE, align="center", **looks)
    yield written("label", text, x, y + up, SMALL_SIZE, align="center", **looks)


def _free(box: Box, taken: Sequence[Box], panel: Panel) -> bool:
    left, top, right, bottom = box
    inside = panel.left <= left and right <= panel.right + 8 and panel.top <= top and bottom <= panel.bottom
    return inside and not any(overlap(box, other) for other in taken)


def overlap(first: Box, second: Box) -> bool:
    """Tell whether two boxes (left, top, right, bottom) share more than an edge."""
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
