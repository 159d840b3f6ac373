"""The rows of a forest plot as marks: texts in their columns; squares, intervals, diamonds in the plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bmac_meta.plots.forest_grid import GAP, JUDGEMENT_SIZE, LABEL_LINES, Column, Grid, letter_width
from bmac_meta.plots.forest_records import Forest, ForestStudy, ForestSummary
from bmac_meta.plots.forest_rows import Row
from bmac_meta.plots.judgements import judgement
from bmac_meta.plots.marks import (
    LEADING,
    Mark,
    arrow_head,
    diamond,
    disc,
    disc_diameter,
    horizontal,
    polygon,
    rectangle,
    square,
    vertical,
    written,
)
from bmac_meta.plots.scale import Scale
from bmac_meta.plots.style import INTERVAL_WIDTH, MARKER_SIZE, SMALL_SIZE, TEXT_SIZE
from bmac_meta.plots.text import clean, elide, wrap

PITCH = 13.8
TIGHT_PITCH = 12.0
MANY_ROWS = 36
GAP_HEIGHT = 6.0
LARGEST_SQUARE = 0.62
"""Side of the heaviest study's square in units of the row pitch."""
DIAMOND_HEIGHT = 0.62
BAR_HEIGHT = 0.34
POINT_SIZE = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its place: the lines of its label, the lines of its reason, its top and bottom in points."""

    row: Row
    number: int
    label: tuple[str, ...]
    words: tuple[str, ...]
    top: float
    bottom: float
    pitch: float

    @property
    def middle(self) -> float:
        """Height at which the row's marks stand."""
        return (self.top + self.bottom) / 2


def lines_of(rows: Sequence[Row], grid: Grid, top: float) -> tuple[Line, ...]:
    """Wrap the labels of all rows and stack the rows from `top` downwards."""
    pitch = TIGHT_PITCH if sum(row.kind == "study" for row in rows) > MANY_ROWS else PITCH
    lines = []
    for number, row in enumerate(rows):
        label, words = _label_lines(row, grid), _word_lines(row, grid)
        bottom = top + _height(row, max(len(label), len(words)), pitch)
        lines.append(Line(row, number, label, words, top, bottom, pitch))
        top = bottom
    return tuple(lines)


def _label_lines(row: Row, grid: Grid) -> tuple[str, ...]:
    room = _label_room(row, grid) - letter_width(row.letter)
    lines = None if row.kind == "words" else LABEL_LINES
    return wrap(row.label, room, _label_size(row), row.bold, lines)


def _label_room(row: Row, grid: Grid) -> float:
    """Return the room for a label, which may reach over the empty cells beside it."""
    filled = [column.left - GAP for text, column in zip(row.left, grid.left, strict=False) if text]
    return min([*filled, grid.plot[0] - GAP]) - grid.label.left


def _label_size(row: Row) -> float:
    return SMALL_SIZE if row.kind in ("words", "prediction") else TEXT_SIZE


def _word_lines(row: Row, grid: Grid) -> tuple[str, ...]:
    column = grid.effect.column
    return wrap(row.words, column.right - column.left, TEXT_SIZE, lines=LABEL_LINES) if row.words else ()


def _height(row: Row, count: int, pitch: float) -> float:
    if row.kind == "gap":
        return GAP_HEIGHT
    if row.kind == "words":
        return count * SMALL_SIZE * LEADING + 2.5
    if row.kind == "prediction":
        return count * SMALL_SIZE * LEADING + 3
    return pitch + (count - 1) * TEXT_SIZE * LEADING * 0.95


def body(forest: Forest, lines: Sequence[Line], grid: Grid, scale: Scale) -> Iterator[Mark]:
    """Make the marks of all rows."""
    heaviest = max((study.weight for study in forest.studies if study.weight is not None), default=0.0)
    for line in lines:
        yield from _texts(line, grid)
        if isinstance(line.row.item, ForestStudy) and not math.isnan(line.row.item.estimate):
            yield from _study(line.row.item, line, scale, heaviest)
        elif isinstance(line.row.item, ForestSummary):
            yield from pooled(line.row.item, line, scale, tint=0.0 if line.row.kind == "overall" else 0.35)
        yield from _numbers(line, grid)
        yield from _judgements(line, grid)


def _texts(line: Line, grid: Grid) -> Iterator[Mark]:
    row, size = line.row, _label_size(line.row)
    role = "grey" if row.kind in ("words", "prediction") else "ink"
    step = size * LEADING
    first = line.middle - (len(line.label) - 1) * step / 2
    looks = {"role": role, "bold": row.bold, "row": line.number}
    for number, text in enumerate(line.label if row.kind != "gap" else ()):
        yield written("label", text, grid.label.left, first + number * step, size, full_text=clean(row.label), **looks)
    if row.letter:
        yield _letter(line, grid, first + (len(line.label) - 1) * step)
    for text, column in zip(row.left, grid.left, strict=False):
        yield from _cell("cell", text, column, line)


def _letter(line: Line, grid: Grid, y: float) -> Mark:
    last = written("label", line.label[-1], grid.label.left, y, TEXT_SIZE, bold=line.row.bold)
    return written("note", line.row.letter, last.box[2] + 1.5, y - 2.4, MARKER_SIZE, role="soft", row=line.number)


def _cell(kind: str, text: str, column: Column, line: Line) -> Iterator[Mark]:
    if text:
        looks = {"align": column.align, "bold": line.row.bold, "row": line.number, "full_text": clean(text)}
        shown = elide(clean(text), column.right - column.left + 0.01, TEXT_SIZE, line.row.bold)
        yield written(kind, shown, column.anchor, line.middle, TEXT_SIZE, **looks)


def _numbers(line: Line, grid: Grid) -> Iterator[Mark]:
    estimate, low, high = line.row.effect
    effect = grid.effect
    role = "grey" if line.row.kind == "prediction" else "ink"
    looks = {"bold": line.row.bold, "row": line.number, "role": role}
    if estimate:
        yield written("estimate", estimate, effect.estimate, line.middle, TEXT_SIZE, align="right", **looks)
    if low and high:
        yield written("limit", f"({low}", effect.low, line.middle, TEXT_SIZE, align="right", **looks)
        yield written("limit", "to", effect.to, line.middle, TEXT_SIZE, align="center", **looks)
        yield written("limit", f"{high})", effect.high, line.middle, TEXT_SIZE, align="right", **looks)
    yield from _reason(line, grid)
    if grid.weight is not None:
        yield from _cell("weight", line.row.weight, grid.weight, line)


def _reason(line: Line, grid: Grid) -> Iterator[Mark]:
    step = TEXT_SIZE * LEADING
    first = line.middle - (len(line.words) - 1) * step / 2
    looks = {"role": "grey", "align": "right", "row": line.number, "full_text": clean(line.row.words)}
    for number, text in enumerate(line.words):
        yield written("reason", text, grid.effect.high, first + number * step, TEXT_SIZE, **looks)


def _judgements(line: Line, grid: Grid) -> Iterator[Mark]:
    for word, (_, center) in zip(line.row.judgements, grid.judgements, strict=False):
        yield from judgement(word, center, line.middle, JUDGEMENT_SIZE, row=line.number)


def _study(study: ForestStudy, line: Line, scale: Scale, heaviest: float) -> Iterator[Mark]:
    if study.shape == "diamond":
        yield from pooled(study, line, scale, tint=0.0)
        return
    yield from interval(study, line, scale)
    if not scale.holds(study.estimate):
        return
    x, y = scale.place(study.estimate), line.middle
    if study.shape == "point" or study.weight is None:
        yield disc("square" if study.shape == "square" else "point", x, y, POINT_SIZE, row=line.number)
        return
    side = disc_diameter(study.weight, heaviest, LARGEST_SQUARE * line.pitch)
    yield square("square", x, y, side, row=line.number)
    yield from _kept_visible(study, line, scale, side)


def _kept_visible(study: ForestStudy, line: Line, scale: Scale, side: float) -> Iterator[Mark]:
    """Make what keeps a tiny square and an interval within its square visible."""
    x = scale.place(study.estimate)
    if side < 2.2:
        yield vertical("center", x, line.middle - 2, line.middle + 2, INTERVAL_WIDTH, row=line.number)
    low, high = scale.place_clipped(study.ci_low), scale.place_clipped(study.ci_high)
    if not math.isnan(study.ci_low + study.ci_high) and high - low < 0.9 * side and side > 3:
        yield horizontal("inside", low, high, line.middle, INTERVAL_WIDTH, role="paper", row=line.number)


def interval(study: ForestStudy, line: Line, scale: Scale) -> Iterator[Mark]:
    """Make the line of an interval, with an arrow head at each end of the axis that it leaves."""
    low, high = _or_estimate(study.ci_low, study.estimate), _or_estimate(study.ci_high, study.estimate)
    left, right = scale.place_clipped(low), scale.place_clipped(high)
    if right > left:
        yield horizontal("interval", left, right, line.middle, INTERVAL_WIDTH, row=line.number)
    if low < scale.low:
        yield arrow_head("arrow", scale.start, line.middle, -1, row=line.number)
    if high > scale.high:
        yield arrow_head("arrow", scale.end, line.middle, 1, row=line.number)


def _or_estimate(limit: float, estimate: float) -> float:
    return estimate if math.isnan(limit) else limit


def pooled(item: ForestStudy | ForestSummary, line: Line, scale: Scale, tint: float) -> Iterator[Mark]:
    """Make the diamond of a pooled estimate in front of the pale bar of its prediction interval."""
    looks = {"role": "accent", "row": line.number}
    if item.pi_low is not None and item.pi_high is not None:
        yield from _bar(item.pi_low, item.pi_high, line, scale)
    if math.isnan(item.ci_low + item.ci_high) or not scale.holds(item.estimate):
        yield disc("point", scale.place_clipped(item.estimate), line.middle, POINT_SIZE, tint=tint, **looks)
        return
    yield from _diamond(item, line, scale, {"tint": tint, **looks})
    if item.ci_low < scale.low:
        yield arrow_head("arrow", scale.start - 5, line.middle, -1, tint=tint, **looks)
    if item.ci_high > scale.high:
        yield arrow_head("arrow", scale.end + 5, line.middle, 1, tint=tint, **looks)


def _bar(low: float, high: float, line: Line, scale: Scale) -> Iterator[Mark]:
    half = BAR_HEIGHT * line.pitch / 2
    looks = {"role": "accent", "tint": 0.7, "row": line.number}
    left, right = scale.place_clipped(low), scale.place_clipped(high)
    yield rectangle("prediction_bar", left, line.middle - half, right, line.middle + half, **looks)
    if low < scale.low:
        yield arrow_head("prediction_arrow", scale.start - 6, line.middle, -1, 6, **looks)
    if high > scale.high:
        yield arrow_head("prediction_arrow", scale.end + 6, line.middle, 1, 6, **looks)


def _diamond(item: ForestStudy | ForestSummary, line: Line, scale: Scale, looks: dict[str, object]) -> Iterator[Mark]:
    height = DIAMOND_HEIGHT * line.pitch
    if scale.holds(item.ci_low) and scale.holds(item.ci_high):
        places = (scale.place(value) for value in (item.ci_low, item.estimate, item.ci_high))
        yield diamond("diamond", *places, line.middle, height, **looks)
        return
    middle = scale.place(item.estimate)
    left, left_half = _cut(item.ci_low, item.estimate, scale, height / 2)
    right, right_half = _cut(item.ci_high, item.estimate, scale, height / 2)
    y, half = line.middle, height / 2
    xs = (left, middle, right, right, middle, left)
    ys = (y - left_half, y - half, y - right_half, y + right_half, y + half, y + left_half)
    yield polygon("diamond", xs, ys, **looks)


def _cut(limit: float, estimate: float, scale: Scale, half: float) -> tuple[float, float]:
    """Return where the side of a diamond is cut by the end of the axis, and half its height there."""
    edge = scale.clip(limit)
    if edge == limit or limit == estimate:
        return scale.place(limit), 0.0
    share = 1.0 if math.isinf(limit) else (limit - edge) / (limit - estimate)
    return scale.place(edge), half * share
