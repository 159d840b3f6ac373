"""What stands around the rows of a forest plot: title, headings and rules, the axis, and the lines below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmac_meta.plots.forest_body import Line
from bmac_meta.plots.forest_grid import REFERENCE_SIZE, Column, Grid
from bmac_meta.plots.forest_records import Forest
from bmac_meta.plots.forest_rows import note_letters
from bmac_meta.plots.key import judgement_entries, key
from bmac_meta.plots.marks import (
    LEADING,
    Mark,
    horizontal,
    moved,
    paragraph,
    paragraph_height,
    vertical,
    written,
)
from bmac_meta.plots.panel import footnotes, headline, level_axis, level_axis_height
from bmac_meta.plots.scale import Scale
from bmac_meta.plots.style import (
    HAIRLINE,
    MARGIN,
    MARKER_SIZE,
    RULE_WIDTH,
    SMALL_SIZE,
    TEXT_SIZE,
)
from bmac_meta.plots.text import clean, elide, measure, wrap


def header(forest: Forest, grid: Grid, scale: Scale) -> tuple[list[Mark], float]:
    """Return the marks above the rows, and where the rows begin."""
    marks, y = headline(forest.title, forest.subtitle, grid.width)
    y += 7 if marks else 0
    group_marks, group_bottom = _groups(grid, y)
    columns = [grid.label, *grid.left, grid.effect.column, *([] if grid.weight is None else [grid.weight])]
    references = _reference_labels(forest, scale)
    tallest = max(
        max(len(column.heading) for column in columns), 1 + max((level for level, _ in references), default=0)
    )
    bottom = group_bottom + paragraph_height(tallest) + 2
    marks += group_marks
    for column in columns:
        marks += _heading(column, bottom)
    marks += _judgement_headings(grid, bottom)
    step = REFERENCE_SIZE * LEADING
    for level, mark in references:
        marks += moved([mark], down=bottom - (level + 0.5) * step)
    marks.append(horizontal("rule", MARGIN, grid.width - MARGIN, bottom + 1.5, RULE_WIDTH, role="soft"))
    return marks, bottom + 5


def _groups(grid: Grid, top: float) -> tuple[list[Mark], float]:
    """Return the headings that span several columns, each above a rule of its own, and where they end."""
    if not grid.groups:
        return [], top
    tallest = max(len(group.heading) for group in grid.groups)
    bottom = top + paragraph_height(tallest) + 1.5
    marks = []
    for group in grid.groups:
        marks += _heading(group, bottom - 1.5)
        marks.append(horizontal("rule", group.left, group.right, bottom, HAIRLINE, role="rule"))
    return marks, bottom + 2


def _heading(column: Column, bottom: float) -> Iterator[Mark]:
    """Make the lines of a heading whose last line ends at `bottom`."""
    top = bottom - paragraph_height(len(column.heading))
    looks = {"align": column.align, "bold": True}
    yield from paragraph("heading", column.heading, column.anchor, top, TEXT_SIZE, **looks)


def _judgement_headings(grid: Grid, bottom: float) -> Iterator[Mark]:
    for heading, center in grid.judgements:
        y = bottom - TEXT_SIZE * LEADING / 2
        yield written("heading", heading, center, y, REFERENCE_SIZE, align="center", role="soft")


def verticals(forest: Forest, scale: Scale, lines: Sequence[Line], top: float, bottom: float) -> Iterator[Mark]:
    """Make the vertical lines behind the rows: the null, the references, the overall estimate."""
    for value, _ in forest.references:
        if scale.holds(value):
            x = scale.place(value)
            yield vertical("reference_line", x, top - 3, bottom + 2, RULE_WIDTH, role="grey", dashes=(1.0, 2.0))
    if forest.null is not None and scale.holds(forest.null):
        yield vertical("null_line", scale.place(forest.null), top - 3, bottom + 2, RULE_WIDTH, role="rule")
    overall = [line.middle for line in lines if line.row.kind == "overall"]
    if forest.overall is not None and scale.holds(forest.overall.estimate) and len(lines) > 2:
        x = scale.place(forest.overall.estimate)
        looks = {"role": "accent", "tint": 0.3, "dashes": (3.0, 2.0)}
        yield vertical("overall_line", x, top - 3, overall[0], RULE_WIDTH, **looks)


def _reference_labels(forest: Forest, scale: Scale) -> list[tuple[int, Mark]]:
    """Return the label of each reference and its level above the rows: what would touch is stacked."""
    placed: list[tuple[int, Mark]] = []
    for value, label in sorted(forest.references, key=lambda reference: reference[0]):
        if label and scale.holds(value):
            mark = _reference_label(label, scale.place(value), scale)
            taken = {level for level, other in placed if mark.box[0] < other.box[2] + 4}
            placed.append((min(set(range(len(placed) + 1)) - taken), mark))
    return placed


def _reference_label(label: str, x: float, scale: Scale) -> Mark:
    """Make a label as near above its line as the edges of the plot allow."""
    room = scale.end - scale.start + 16
    text = elide(clean(label), room, REFERENCE_SIZE)
    half = measure(text, REFERENCE_SIZE) / 2
    center = min(max(x, scale.start - 8 + half), scale.end + 8 - half)
    return written("reference", text, center, 0.0, REFERENCE_SIZE, align="center", role="grey", full_text=clean(label))


def axis(forest: Forest, grid: Grid, scale: Scale, top: float) -> tuple[list[Mark], float]:
    """Return the axis with its ticks, the sides that are favored and its label, and where they end."""
    y = top + 2
    sides, bottom = _sides(forest, grid, scale, y + level_axis_height() - 1)
    label, bottom = _axis_label(forest, grid, bottom)
    return [*level_axis(scale, y), *sides, *label], bottom


def _sides(forest: Forest, grid: Grid, scale: Scale, top: float) -> tuple[list[Mark], float]:
    """Return the words that say whom each side of the null favors, and where they end."""
    if forest.null is None or not scale.holds(forest.null) or not (forest.favours_low or forest.favours_high):
        return [], top
    x = scale.place(forest.null)
    low = wrap(f"← favours {forest.favours_low}", x - 5 - MARGIN, TEXT_SIZE) if forest.favours_low else ()
    room = grid.width - MARGIN - x - 5
    high = wrap(f"favours {forest.favours_high} →", room, TEXT_SIZE) if forest.favours_high else ()
    marks = [
        *paragraph("favours_low", low, x - 5, top, TEXT_SIZE, align="right"),
        *paragraph("favours_high", high, x + 5, top, TEXT_SIZE),
    ]
    return marks, top + paragraph_height(max(len(low), len(high))) + 1


def _axis_label(forest: Forest, grid: Grid, top: float) -> tuple[list[Mark], float]:
    if not forest.axis_label:
        return [], top
    center = sum(grid.plot) / 2
    room = 2 * min(center - MARGIN, grid.width - MARGIN - center)
    lines = wrap(forest.axis_label, room, SMALL_SIZE)
    marks = list(paragraph("axis_label", lines, center, top, SMALL_SIZE, align="center", role="grey"))
    return marks, top + paragraph_height(len(lines), SMALL_SIZE)


def footer(forest: Forest, grid: Grid, top: float) -> tuple[list[Mark], float]:
    """Return the lettered notes, the key of judgements and the footnotes, and where they end."""
    y = top + 5
    marks: list[Mark] = []
    for note, letter in note_letters(forest).items():
        lines = wrap(note, grid.width - 2 * MARGIN - 9, SMALL_SIZE)
        marks.append(written("note", letter, MARGIN, y + 2.2, MARKER_SIZE, role="soft"))
        marks += paragraph("footnote", lines, MARGIN + 9, y, SMALL_SIZE, role="grey")
        y += paragraph_height(len(lines), SMALL_SIZE)
    entries = judgement_entries(word for study in forest.studies for word in study.marks)
    key_marks, y = key(entries, y, grid.width)
    marks += key_marks
    notes, y = footnotes(forest.footnotes, y, grid.width)
    marks += notes
    return marks, y if marks else top
