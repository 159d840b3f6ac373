"""How cells, names and lists are written in faults and notes: short, on one line, printable anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from bmac_meta.arguments import as_real
from bmac_meta.errors import Fault, told

LISTED = 10_000
LARGEST_NUMBER = 1e25
"""Faults of one kind in one column that are listed row by row; the rest are counted in one closing fault."""

_COMPARISONS = 100_000
_LONGEST_GUESS = 80


def shown(cell: object, longest: int = 60) -> str:
    """Return a cell as a quoted, escaped, shortened text.

    >>> shown("a\\tb"), shown(""), shown("x" * 100, longest=5)
    ("'a\\\\tb'", 'an empty cell', "'xxxxx…' (100 characters)")
    """
    text = str(cell)
    if not text:
        return "an empty cell"
    if len(text) > longest:
        return f"{text[:longest] + '…'!r} ({len(text)} characters)"
    return repr(text)


def printable(name: object) -> str:
    """Return a name that any terminal can print: control characters and broken letters are escaped."""
    return repr(str(name))[1:-1]


def plain(value: object) -> str:
    """Return a number without a needless `.0`.

    >>> plain(12.0), plain(-0.5)
    ('12', '-0.5')
    """
    text = repr(float(value)) if isinstance(value, float) else str(value)
    return text.removesuffix(".0")


def value_shown(value: object) -> str:
    """Return a typed value as `shown` returns its cell: texts quoted, numbers and truth values bare.

    >>> value_shown("ha"), value_shown(12.0), value_shown(True), value_shown(float("nan"))
    ("'ha'", '12', 'true', 'an empty cell')
    """
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "an empty cell"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float) or abs(as_real(value)) < LARGEST_NUMBER:
        return plain(value)
    return shown(value) if isinstance(value, str) else told(value)


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return names separated by commas, cut after `most` with a count of the rest.

    >>> listed("abcd", most=2), listed([])
    ('a, b and 2 more', 'none')
    """
    words = [printable(name)[:60] for name in names]
    rest = len(words) - most
    return (", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")) or "none"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(3, "row")
    ('1 row', '3 rows')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def guesses(words: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return for each word the one or two nearest known ones as a question that opens a remedy, or nothing.

    Only so many spellings are compared: a whole column of unknown words must not take minutes.

    >>> guesses(["BMCA", "xyz"], ["BMAC", "BMA", "PRP"])
    {'BMCA': "Did you mean 'BMA' or 'BMAC'? ", 'xyz': ''}
    """
    names = {name.casefold(): name for name in known}
    most = _COMPARISONS // max(len(names), 1)
    questions = {}
    for index, word in enumerate(words):
        close = _near(word, names) if index < most else []
        guess = " or ".join(repr(name) for name in close)
        questions[word] = f"Did you mean {guess}? " if guess else ""
    return questions


def _near(word: str, names: Mapping[str, str]) -> list[str]:
    bare = word.casefold()
    if bare in names:
        return [names[bare]]
    close = get_close_matches(bare, list(names), n=2, cutoff=0.6) if len(bare) <= _LONGEST_GUESS else []
    return [names[name] for name in close]


def faults_at(positions: Sequence[int], make: Callable[[int], Fault]) -> Iterator[Fault]:
    """Yield a fault for each position, and one that counts the rest when there are very many."""
    for position in positions[:LISTED]:
        yield make(int(position))
    rest = len(positions) - LISTED
    if rest > 0:
        last = make(int(positions[LISTED]))
        found = f"{count(rest, 'more row')} with the same fault"
        yield Fault(last.file, None, last.column, found, last.expected, last.remedy)
