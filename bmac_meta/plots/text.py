"""Text as it is set: cleaned of what must not be drawn, measured by the font's metrics, wrapped, elided.

Labels are untrusted. `clean` takes away control characters, line breaks and the marks that reverse the
direction of writing; escaping for XML is the SVG writer's work, and mathematical markup is never parsed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font, LoadFlags

ELLIPSIS = "…"
NO_BREAK = "\u00a0"
_GLUED = re.compile(r" ([=<>≤≥]) |(?<=\d) (to) (?=[−\d])")
_REMOVED = {"Cc", "Cs", "Zl", "Zp"}
_DIRECTION_MARKS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_EM = 1000


@cache
def font_file(bold: bool = False) -> str:
    """Return the path of the DejaVu Sans that matplotlib ships, regular or bold."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", name))


@cache
def _font(bold: bool) -> FT2Font:
    font = FT2Font(font_file(bold))
    font.set_size(_EM, 72)
    return font


@lru_cache(maxsize=16384)
def covered(character: str, bold: bool = False) -> bool:
    """Tell whether the font has the character."""
    return _font(bold).get_char_index(ord(character)) != 0


def outlined(text: str, bold: bool = False) -> bool:
    """Tell whether the font has every character of a text, so that it can be drawn as outlines."""
    return all(covered(character, bold) for character in text)


def clean(text: object) -> str:
    """Return one line of printable text: no control characters, no direction marks, single spaces.

    No-break spaces stay.

    >>> clean("Kellgren\\n & Lawrence\\x00  1957")
    'Kellgren & Lawrence 1957'
    """
    kept = (_printable(character) for character in unicodedata.normalize("NFC", str(text)))
    return " ".join(word for word in "".join(kept).split(" ") if word)


def _printable(character: str) -> str:
    if character in _DIRECTION_MARKS:
        return ""
    removed = unicodedata.category(character) in _REMOVED or _noncharacter(ord(character))
    return " " if removed or (character.isspace() and character != NO_BREAK) else character


def _noncharacter(code: int) -> bool:
    """Tell whether a code point is one that XML does not allow in a text."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


@lru_cache(maxsize=16384)
def _advance(character: str, bold: bool) -> float:
    if covered(character, bold):
        return _font(bold).load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / _EM
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    return 1.2 if unicodedata.east_asian_width(character) in {"W", "F"} else 0.9


@lru_cache(maxsize=16384)
def measure(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a line of text in points: the sum of its letters' advances at `size` points.

    Digits share one advance, so that numbers set flush right stand in columns. Letters that the font lacks
    are measured generously (1.2 em for wide ones), since the viewer's font is not known.

    >>> round(measure("0.41", 8), 2), measure("0.41", 8) == measure("8.11", 8)
    (17.81, True)
    """
    return size * sum(_advance(character, bold) for character in text)


def widest(texts: object, size: float, bold: bool = False) -> float:
    """Return the width of the widest of several texts in points; 0 when there is none."""
    return max((measure(text, size, bold) for text in texts), default=0.0)


def elide(text: str, width: float, size: float, bold: bool = False) -> str:
    """Return the text, cut and ended with an ellipsis where it is wider than `width` points."""
    if measure(text, size, bold) <= width:
        return text
    kept = text[: _fitting_length(text, width, size, bold)]
    while kept and measure(kept.rstrip() + ELLIPSIS, size, bold) > width:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def wrap(text: str, width: float, size: float, bold: bool = False, lines: int | None = None) -> tuple[str, ...]:
    """Break a text into lines no wider than `width` points; words that are wider are broken between letters.

    "p = .025" and "0.1 to 0.4" are kept together. At most `lines` lines are returned; the last one then ends
    with an ellipsis where something is left over. The empty text is one empty line.
    """
    text = _GLUED.sub(lambda found: f"{NO_BREAK}{found[1] or found[2]}{NO_BREAK}", clean(text))
    broken = _break_lines(_pieces(text, width, size, bold), width, size, bold)
    if lines is None or len(broken) <= lines:
        return tuple(broken)
    rest = " ".join(broken[lines - 1 :])
    return (*broken[: lines - 1], elide(rest + ELLIPSIS, width, size, bold))


def _pieces(text: str, width: float, size: float, bold: bool) -> list[str]:
    """Split a text into words, and words that do not fit on a line into parts that do."""
    pieces = []
    for word in text.split(" "):
        while measure(word, size, bold) > width and len(word) > 1:
            cut = _fitting_length(word, width, size, bold)
            pieces.append(word[:cut])
            word = word[cut:]
        pieces.append(word)
    return pieces


def _fitting_length(word: str, width: float, size: float, bold: bool) -> int:
    used = 0.0
    for position, character in enumerate(word):
        used += size * _advance(character, bold)
        if used > width:
            return max(1, position)
    return len(word)


def _break_lines(pieces: list[str], width: float, size: float, bold: bool) -> list[str]:
    done, line = [], pieces[0]
    for piece in pieces[1:]:
        longer = f"{line} {piece}"
        if measure(longer, size, bold) <= width:
            line = longer
        else:
            done.append(line)
            line = piece
    return _without_orphan([*done, line], width, size, bold)


def _without_orphan(lines: list[str], width: float, size: float, bold: bool) -> list[str]:
    """Move a word down where the last line is very short and the one before can spare it."""
    if len(lines) < 2 or measure(lines[-1], size, bold) > 0.2 * width or lines[-2].count(" ") < 2:
        return lines
    kept, _, moved = lines[-2].rpartition(" ")
    return [*lines[:-2], kept, f"{moved} {lines[-1]}"]
