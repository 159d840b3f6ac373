"""How a result is written: one record of lines, shown as text and as HTML by pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from unicodedata import combining, east_asian_width

WIDTH = 92
LABEL, VALUE, INTERVAL = 16, 10, 29


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a card: what it is, its value, its interval and a remark; or, without a value, a text."""

    label: str
    value: str = ""
    interval: str = ""
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A small table inside a card; the first column is text, the others are aligned to the right."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A result in words: a title with a remark at its right, lines, tables, and notes."""

    title: str
    aside: str = ""
    lines: tuple[Line, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()


class Shown:
    """Shows an object by its `card()`: as text in a terminal, as HTML in a notebook."""

    __slots__ = ()

    def card(self) -> Card:
        """Return the card of this object."""
        raise TypeError(f"{type(self).__name__} has no card of its own.")

    def __repr__(self) -> str:
        return as_text(self.card())

    def _repr_html_(self) -> str:
        return as_html(self.card())


def as_text(card: Card) -> str:
    """Write a card as plain text.

    >>> print(as_text(Card("BMAC vs HA", "6 trials", (Line("SMD", "−0.41", "95% CI −0.78 to −0.04"),))))
    BMAC vs HA                                                                          6 trials
    ────────────────────────────────────────────────────────────────────────────────────────────
    SMD             −0.41     95% CI −0.78 to −0.04
    """
    title, aside = _plain(card.title), _plain(card.aside)
    gap = WIDTH - text_width(title) - text_width(aside)
    heading = [title + " " * gap + aside] if gap >= 2 else [title, aside]
    body = [line for entry in card.lines for line in _text_line(entry)]
    tables = [line for grid in card.grids for line in _text_grid(grid)]
    notes = [line for note in card.notes for line in _text_line(Line("note", aside=note))]
    parts = [*(line for line in heading if line), "─" * WIDTH, *body, *tables, *notes]
    return "\n".join(line.rstrip() for line in parts)


def _text_line(line: Line) -> list[str]:
    label = pad(_plain(line.label), LABEL)
    if not line.value and not line.interval:
        rows = wrap(_plain(line.aside), WIDTH - LABEL) or [""]
        return [label + rows[0], *(" " * LABEL + row for row in rows[1:])]
    head = label + pad(_plain(line.value), VALUE) + pad(_plain(line.interval), INTERVAL)
    width = text_width(head)
    rows = wrap(_plain(line.aside), max(LABEL, WIDTH - width)) or [""]
    return [head + rows[0], *(" " * width + row for row in rows[1:])]


def _text_grid(grid: Grid) -> list[str]:
    rows = [tuple(map(_plain, row)) for row in (grid.headings, *grid.rows)]
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_aligned(row, widths)) for row in rows]
    caption = ["", _plain(grid.caption)] if grid.caption else [""]
    return [*caption, lines[0], "─" * min(WIDTH, sum(widths) + 2 * len(widths) - 2), *lines[1:]]


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first = row[0] + " " * (widths[0] - text_width(row[0]))
    return [
        first,
        *(" " * (w - text_width(cell)) + cell for cell, w in zip(row[1:], widths[1:], strict=True)),
    ]


def text_width(text: str) -> int:
    """Return how many columns a text takes in a terminal.

    >>> text_width("τ = 1"), text_width("膝")
    (5, 2)
    """
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in "WF") for char in text)


def pad(text: str, width: int) -> str:
    """Fill a text with spaces to a width, with one space at least."""
    return text + " " * max(1, width - text_width(text)) if width else text


def _plain(text: str) -> str:
    """Return a text in one line, without characters that steer a terminal."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "�" for c in text).split())


def as_html(card: Card) -> str:
    """Write a card as HTML that follows the notebook's theme; every text is escaped."""
    aside = f'<span style="{_MUTED};float:right">{escape(card.aside)}</span>' if card.aside else ""
    heading = f'<div style="{_HEADING}">{aside}<b>{escape(card.title)}</b></div>'
    lines = "".join(map(_html_line, card.lines))
    notes = "".join(_html_line(Line("note", aside=note)) for note in card.notes)
    table = f'<table style="{_TABLE}">{lines}</table>' if lines else ""
    grids = "".join(map(_html_grid, card.grids))
    after = f'<table style="{_TABLE}">{notes}</table>' if notes else ""
    return f'<div class="bmac-card" style="{_CARD}">{heading}{table}{grids}{after}</div>'


_INK = "color:var(--jp-content-font-color1,#1a1a1a)"
_MUTED = "color:var(--jp-content-font-color2,#666)"
_RULE = "var(--jp-border-color1,#bdbdbd)"
_CARD = f"{_INK};max-width:56em;line-height:1.45;font-variant-numeric:tabular-nums"
_HEADING = f"border-bottom:1px solid {_RULE};padding-bottom:.25em;margin-bottom:.25em"
_TABLE = "border-collapse:collapse;border:0;margin:0"
_CELL = "border:0;padding:.1em 1.2em .1em 0;text-align:left;vertical-align:top;background:none"
_NUMBER = _CELL.replace("left", "right") + ";white-space:nowrap"


def _html_line(line: Line) -> str:
    label = f'<td style="{_CELL};{_MUTED};white-space:nowrap">{escape(line.label)}</td>'
    if not line.value and not line.interval:
        return f'<tr style="background:none">{label}<td colspan="3" style="{_CELL}">{escape(line.aside)}</td></tr>'
    value = f'<td style="{_CELL};white-space:nowrap"><b>{escape(line.value)}</b></td>'
    interval = f'<td style="{_CELL};white-space:nowrap">{escape(line.interval)}</td>'
    aside = f'<td style="{_CELL};{_MUTED}">{escape(line.aside)}</td>'
    return f'<tr style="background:none">{label}{value}{interval}{aside}</tr>'


def _html_grid(grid: Grid) -> str:
    head = "".join(_html_cells("th", grid.headings, f"border-bottom:1px solid {_RULE};font-weight:600"))
    body = "".join(f'<tr style="background:none">{"".join(_html_cells("td", row))}</tr>' for row in grid.rows)
    caption = f'<div style="{_MUTED};margin-top:.5em">{escape(grid.caption)}</div>' if grid.caption else ""
    return f'{caption}<table style="{_TABLE}"><tr style="background:none">{head}</tr>{body}</table>'


def _html_cells(tag: str, cells: Iterable[str], style: str = "") -> list[str]:
    return [
        f'<{tag} style="{_NUMBER if place else _CELL};{style}">{escape(cell)}</{tag}>'
        for place, cell in enumerate(cells)
    ]
