"""The graph of a network: treatments on a circle, sized by patients; lines between them, as wide as their trials.

`network_graph(record)` draws, `layout(record)` tells where everything stands. A line is colored along its length by
the share of its trials with each judgement of bias, where judgements are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import count_noun
from bmac_meta.plots.ink import draw
from bmac_meta.plots.judgements import WORDS
from bmac_meta.plots.key import Entry, key
from bmac_meta.plots.labels import Box, overlap
from bmac_meta.plots.marks import Layout, Mark, disc, disc_diameter, line, written
from bmac_meta.plots.panel import footnotes, headline
from bmac_meta.plots.style import HAIRLINE, JOURNAL_WIDTH, MARGIN, POINTS_PER_INCH, TEXT_SIZE
from bmac_meta.plots.text import clean, elide, measure, widest

JUDGEMENTS = ("low", "some", "high", "none")
LARGEST, SMALLEST = 28.0, 4.0
WIDEST, NARROWEST = 9.0, 1.2
GAP = 5.0
LABEL_ROOM = 0.30
COUNT_SIZE = 6.0
LINE = 18.5
"""Height of a label with its count, and least distance of two of them, in points."""
CROWDED = 6.0
"""Least length of the radius for each node, in points."""


@dataclass(frozen=True, slots=True)
class Node:
    """A treatment: its name, its trials and its patients (None where they are not known)."""

    label: str
    trials: int
    patients: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A comparison that trials make: the numbers of its two nodes, and its trials by judgement of bias."""

    first: int
    second: int
    low: int = 0
    some: int = 0
    high: int = 0
    none: int = 0

    @property
    def trials(self) -> int:
        """How many trials make the comparison."""
        return self.low + self.some + self.high + self.none


@dataclass(frozen=True, slots=True)
class NetworkGraph:
    """A network in numbers and words.

    Attributes:
        title: stands above the graph.
        nodes: the treatments in the order of the circle, beginning at the top.
        edges: the comparisons.
        subtitle: a grey line below the title.
        footnotes: lines below the graph.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.nodes:
            raise InputError("A graph needs at least one treatment.")
        for edge in self.edges:
            if edge.first == edge.second or not all(0 <= end < len(self.nodes) for end in (edge.first, edge.second)):
                raise InputError(
                    f"An edge from {edge.first} to {edge.second} does not join two of {len(self.nodes)} nodes."
                )

    @property
    def judged(self) -> bool:
        """Whether any trial has a judgement of bias."""
        return any(edge.low or edge.some or edge.high for edge in self.edges)


@dataclass(frozen=True, slots=True)
class _Circle:
    x: float
    y: float
    radius: float
    width: float

    def place(self, number: int, count: int, away: float = 0.0) -> tuple[float, float]:
        turn = 2 * math.pi * number / count
        reach = self.radius + away
        return self.x + reach * math.sin(turn), self.y - reach * math.cos(turn)


def network_graph(record: NetworkGraph, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw a network graph `width` inches wide, as high as its labels need."""
    return draw(layout(record, width))


def layout(record: NetworkGraph, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a network graph stands."""
    circle = _circle(record, width * POINTS_PER_INCH)
    points = circle.width
    head, top = headline(record.title, record.subtitle, points)
    circle = replace(circle, y=circle.y + top)
    body = (*_lines(record, circle), *_discs(record, circle), *_labels(record, circle))
    bottom = max(mark.box[3] for mark in body)
    legend, bottom = key(_entries(record), bottom + 8, points)
    notes, bottom = footnotes(record.footnotes, bottom + 3, points)
    marks = (*head, *body, *legend, *notes)
    return Layout(marks, points, bottom + MARGIN, record.title, record.description or describe(record))


def describe(record: NetworkGraph) -> str:
    """Say in a sentence what a network graph shows."""
    pairs = count_noun(len(record.edges), "direct comparison")
    return f"Network of {count_noun(len(record.nodes), 'treatment')} with {pairs}."


def table(record: NetworkGraph) -> pd.DataFrame:
    """Return a row per node and per edge of a network graph."""
    nodes = [{"kind": "node", "treatment": n.label, "trials": n.trials, "patients": n.patients} for n in record.nodes]
    edges = [
        {
            "kind": "edge",
            "treatment": record.nodes[edge.first].label,
            "comparator": record.nodes[edge.second].label,
            "trials": edge.trials,
            **({word: getattr(edge, word) for word in JUDGEMENTS} if record.judged else {}),
        }
        for edge in record.edges
    ]
    whole = [name for name in ("trials", "patients", *JUDGEMENTS) if record.judged or name not in JUDGEMENTS]
    frame = pd.DataFrame([*nodes, *edges])
    names = ["kind", "treatment", "comparator", *whole]
    return frame.reindex(columns=names).astype(dict.fromkeys(whole, "Int64"))


def _circle(record: NetworkGraph, width: float) -> _Circle:
    """Return a circle below the upper edge with room for the labels around it; the figure grows where it must."""
    label = min(widest([_longest(node) for node in record.nodes], TEXT_SIZE), LABEL_ROOM * width)
    crowd = (len(record.nodes) // 2 + 1) * LINE / 2
    radius = max(95.0, crowd, len(record.nodes) * CROWDED)
    total = max(width, 2 * (radius + LARGEST / 2 + GAP + label + MARGIN))
    above = LINE + LARGEST / 2 + GAP
    return _Circle(total / 2, above + radius, radius, total)


def _longest(node: Node) -> str:
    return max((clean(node.label), _counted(node)), key=lambda text: measure(text, TEXT_SIZE))


def _diameters(record: NetworkGraph) -> list[float]:
    sizes = [node.trials if _counts_trials(record) else node.patients or 0 for node in record.nodes]
    return [max(SMALLEST, disc_diameter(size, max(sizes), LARGEST)) for size in sizes]


def _counts_trials(record: NetworkGraph) -> bool:
    return any(node.patients is None for node in record.nodes)


def line_width(trials: int, most: int) -> float:
    """Return the width of a line: the most trials have the widest, one trial at least a hair.

    >>> line_width(4, 4), line_width(1, 40)
    (9.0, 1.2)
    """
    return max(NARROWEST, WIDEST * trials / max(most, 4))


def _lines(record: NetworkGraph, circle: _Circle) -> Iterator[Mark]:
    most = max((edge.trials for edge in record.edges), default=1)
    for row, edge in sorted(enumerate(record.edges), key=lambda entry: -entry[1].trials):
        ends = [circle.place(end, len(record.nodes)) for end in (edge.first, edge.second)]
        width, start = line_width(edge.trials, most), 0.0
        for word in JUDGEMENTS:
            share = getattr(edge, word) / edge.trials
            if share:
                xs, ys = zip(*(_between(*ends, at) for at in (start, start + share)), strict=True)
                role, tint = (word, 0.0) if record.judged and word != "none" else ("hair", 0.0)
                yield line("edge", xs, ys, width, role=role, tint=tint, row=row)
                start += share


def _between(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _discs(record: NetworkGraph, circle: _Circle) -> Iterator[Mark]:
    for row, diameter in enumerate(_diameters(record)):
        x, y = circle.place(row, len(record.nodes))
        yield disc("node", x, y, diameter, role="accent", edge="paper", row=row)


def _labels(record: NetworkGraph, circle: _Circle) -> Iterator[Mark]:
    """Make the name of each node outside the circle, with its trials and patients in grey below it."""
    count = len(record.nodes)
    diameters = _diameters(record)
    places = [circle.place(row, count) for row in range(count)]
    discs = [(x - d / 2, y - d / 2, x + d / 2, y + d / 2) for (x, y), d in zip(places, diameters, strict=True)]
    for row in (0, count // 2) if count % 2 == 0 else (0,):
        sign = -1.0 if row == 0 else 1.0
        away = circle.radius + LARGEST / 2 + GAP / 2 + LINE / 2
        yield from _label(record.nodes[row], circle.x, circle.y + sign * away, "center", circle.width - 2 * MARGIN, row)
    for side in (1.0, -1.0):
        yield from _side(record, circle, places, discs, side)


def _side(
    record: NetworkGraph, circle: _Circle, places: list[tuple[float, float]], discs: list[Box], side: float
) -> Iterator[Mark]:
    rows = [row for row, (x, _) in enumerate(places) if (x - circle.x) * side > 1.0]
    rows.sort(key=lambda row: places[row][1])
    reach = circle.radius + LARGEST / 2 + GAP / 2 - LINE / 2 - 0.5
    heights = spread([places[row][1] for row in rows], LINE, circle.y - reach, circle.y + reach)
    for row, y in zip(rows, heights, strict=True):
        x = _beside(circle, places[row], discs, row, y, side, record.nodes[row])
        room = circle.width - MARGIN - x if side > 0 else x - MARGIN
        yield from _leader(places[row], (x - side * 2, y), _diameters(record)[row] / 2, row)
        yield from _label(record.nodes[row], x, y, "left" if side > 0 else "right", room, row)


def _leader(place: tuple[float, float], end: tuple[float, float], radius: float, row: int) -> Iterator[Mark]:
    """Make a hairline from the edge of a disc to its label, where the label stands away from it."""
    length = math.dist(place, end)
    if length > radius + 2.2 * GAP:
        start = _between(place, end, (radius + 1) / length)
        yield line("leader", (start[0], end[0]), (start[1], end[1]), HAIRLINE, role="rule", row=row)


def _beside(
    circle: _Circle, place: tuple[float, float], discs: list[Box], row: int, y: float, side: float, node: Node
) -> float:
    """Return where a label begins: close to its node where it covers no line and no disc, else outside all of them."""
    nearest = max(0.0, abs(y - circle.y) - LINE / 2)
    close = max(abs(discs[row][2] - circle.x) if side > 0 else abs(discs[row][0] - circle.x), 0.0) + GAP
    near = max(close, math.sqrt(max(0.0, (circle.radius + 3) ** 2 - nearest**2)))
    far = math.sqrt(max(0.0, (circle.radius + LARGEST / 2 + GAP / 2) ** 2 - nearest**2))
    width = max(measure(clean(node.label), TEXT_SIZE), measure(_counted(node), COUNT_SIZE))
    ends = sorted((circle.x + side * near, circle.x + side * (near + width)))
    box = (ends[0], y - LINE / 2, ends[1], y + LINE / 2)
    covers = any(overlap(box, other) for other in discs)
    return circle.x + side * (max(near, far) if covers else near)


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Return ascending places as near as possible to the wanted ones that are `apart` from each other, within limits.

    >>> spread([1.0, 2.0, 9.0], 2.0, 0.0, 10.0)
    [0.5, 2.5, 9.0]
    """
    groups: list[tuple[float, int]] = []
    for number, value in enumerate(wanted):
        start, size = value - apart * number, 1
        while groups and groups[-1][0] >= start:
            other, more = groups.pop()
            start, size = (start * size + other * more) / (size + more), size + more
        groups.append((start, size))
    bases = [start for start, size in groups for _ in range(size)]
    last = high - apart * max(len(wanted) - 1, 0)
    return [min(max(base, low), max(last, low)) + apart * number for number, base in enumerate(bases)]


def _label(node: Node, x: float, y: float, align: str, room: float, row: int) -> Iterator[Mark]:
    looks = {"align": align, "row": row}
    name = elide(clean(node.label), room, TEXT_SIZE)
    yield written("label", name, x, y - 0.26 * LINE, TEXT_SIZE, full_text=clean(node.label), **looks)
    yield written(
        "count", elide(_counted(node), room, COUNT_SIZE), x, y + 0.26 * LINE, COUNT_SIZE, role="grey", **looks
    )


def _counted(node: Node) -> str:
    patients = "" if node.patients is None else f", n = {node.patients:,}"
    return f"{count_noun(node.trials, 'trial')}{patients}"


def _entries(record: NetworkGraph) -> list[Entry]:
    words = "Areas: trials." if _counts_trials(record) else "Areas: patients."
    most = max((edge.trials for edge in record.edges), default=1)
    first = [Entry(f"{words} Widths:", 0.0, 0.0, lambda x, y: [])]
    widths = [_width_entry(count, most) for count in dict.fromkeys((1, max(1, most)))]
    if not record.judged:
        return [*first, *widths]
    used = [word for word in JUDGEMENTS if any(getattr(edge, word) for edge in record.edges)]
    return [
        *first,
        *widths,
        Entry("Share of trials:", 0.0, 0.0, lambda x, y: []),
        *(_color_entry(word) for word in used),
    ]


def _width_entry(trials: int, most: int) -> Entry:
    width = line_width(trials, most)
    return Entry(
        count_noun(trials, "trial"), 14.0, width, lambda x, y: [line("key", (x, x + 14), (y, y), width, role="hair")]
    )


def _color_entry(word: str) -> Entry:
    role = "hair" if word == "none" else word
    return Entry(WORDS[word], 12.0, 4.0, lambda x, y: [line("key", (x, x + 12), (y, y), 4.0, role=role)])
