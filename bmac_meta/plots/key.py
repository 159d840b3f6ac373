"""The key below a figure: symbols with their words, in as many lines as the width asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bmac_meta.plots.judgements import WORDS, judgement
from bmac_meta.plots.marks import Mark, rectangle, written
from bmac_meta.plots.style import MARGIN, SMALL_SIZE
from bmac_meta.plots.text import clean, elide, measure

GAP = 11.0
LINE = 11.0
"""Height of a line of the key in points, where no symbol is higher."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a key.

    Attributes:
        words: what the symbol means.
        width: width of the symbol in points.
        height: height of the symbol in points.
        symbol: makes the marks of the symbol from its left edge and its middle.
    """

    words: str
    width: float
    height: float
    symbol: Callable[[float, float], Iterable[Mark]]


def key(entries: Sequence[Entry], top: float, width: float) -> tuple[list[Mark], float]:
    """Return the marks of a key from `top` downwards on a figure `width` points wide, and where they end."""
    height = max([LINE, *(entry.height + 1 for entry in entries)])
    marks: list[Mark] = []
    x = MARGIN
    for entry in entries:
        indent = entry.width + 3 if entry.width else 0.0
        text = elide(clean(entry.words), width - 2 * MARGIN - indent, SMALL_SIZE)
        end = x + indent + measure(text, SMALL_SIZE)
        if end > width - MARGIN and x > MARGIN:
            x, end, top = MARGIN, end - x + MARGIN, top + height
        marks += entry.symbol(x, top + height / 2)
        looks = {"role": "grey", "full_text": clean(entry.words)}
        marks.append(written("key", text, x + indent, top + height / 2, SMALL_SIZE, **looks))
        x = end + GAP
    return marks, top + height if entries else top


def swatch(words: str, **looks: object) -> Entry:
    """Return an entry with a small colored rectangle."""

    def symbol(x: float, y: float) -> Iterator[Mark]:
        yield rectangle("key", x, y - 3.5, x + 8, y + 3.5, **looks)

    return Entry(words, 8.0, 7.0, symbol)


def judgement_entries(used: Iterable[str]) -> list[Entry]:
    """Return the entries of the judgements of bias that occur."""
    occurring = set(used)
    return [_judgement_entry(word) for word in WORDS if word in occurring]


def _judgement_entry(word: str) -> Entry:
    return Entry(WORDS[word], 8.0, 8.0, lambda x, y: judgement(word, x + 4, y, 8.0))
