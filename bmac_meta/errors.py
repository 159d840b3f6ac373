"""The error tree: one class per way of being wrong, every message saying what was asked, what is there, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

MOST_TOLD = 80

MOST_PRINTED = 200

LONGEST_TOLD = 100


class BmacMetaError(Exception):
    """Is the parent of every error that this package raises on purpose."""


class InputError(BmacMetaError, ValueError):
    """Is raised when numbers or options given to a function cannot be used as they are."""


class UnknownWordError(InputError):
    """Is raised when a name is not one of a closed list; the message lists the list and the nearest word."""


class PoolingRefused(BmacMetaError):
    """Is raised when the trials at hand must not be pooled as asked; the message names them and the way out."""


class NotEnoughTrials(PoolingRefused):
    """Is raised when a method needs more trials than there are."""


class DisconnectedNetwork(PoolingRefused):
    """Is raised when treatments of a network are not linked by any chain of trials."""


class DesignError(InputError):
    """Is raised when a regression design is collinear, saturated or does not fit the data."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one place of one file: where it is, what stands there, what was expected, what to do."""

    file: str
    row: int | None
    column: str | None
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        place = self.file
        place += "" if self.row is None else f", row {self.row}"
        place += "" if self.column is None else f", column {self.column}"
        return f"{place}: found {self.found}; expected {self.expected}. {self.remedy}"


class DataError(BmacMetaError, ValueError):
    """Is raised when tables hold faults; `faults` carries every one of them and the message lists them all."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        heading = f"{count} fault{'s' * (count != 1)} in the data:"
        lines = [f"  {fault}" for fault in self.faults[:MOST_PRINTED]]
        rest = count - len(lines)
        super().__init__("\n".join([heading, *lines, *([f"  and {rest} more: see .faults"] if rest else [])]))


def told(value: object) -> str:
    """Write what was given, shortened where it is long.

    >>> told("PRP"), len(told("x" * 10_000))
    ("'PRP'", 100)
    """
    try:
        value = value.item() if getattr(value, "shape", None) == () else value
        words = " ".join(repr(value[:LONGEST_TOLD] if isinstance(value, str | bytes) else value).split())
    except Exception:  # anything can come from outside, and a number of 5,000 digits has no repr
        words = f"an object of type {type(value).__name__}"
    return words if len(words) <= LONGEST_TOLD else f"{words[: LONGEST_TOLD - 1]}…"


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word closest in spelling to `word`, or None.

    >>> nearest("BMCA", ["BMAC", "PRP"])
    'BMAC'
    """
    words = {name.casefold(): name for name in known}
    close = get_close_matches(str(word).casefold(), list(words), n=1, cutoff=0.5)
    return words[close[0]] if close else None


def unknown_word(kind: str, word: object, known: Iterable[str]) -> UnknownWordError:
    """Make the error for a word that is not on a closed list.

    >>> print(unknown_word("tau2 method", "RELM", ["DL", "REML"]))
    There is no tau2 method 'RELM'; did you mean 'REML'? Known: DL, REML.
    """
    names = list(map(str, known))
    guess = nearest(word, names)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return UnknownWordError(f"There is no {kind} {told(word)}{hint} Known: {_listed(word, names)}.")


def _listed(word: object, names: list[str]) -> str:
    """Write a list of words; of a long one those closest in spelling to what was asked for."""
    if len(names) <= MOST_TOLD:
        return ", ".join(names) or "none"
    close = get_close_matches(str(word), names, n=MOST_TOLD // 2, cutoff=0.0)
    return f"{', '.join(close)} and {len(names) - len(close)} more"


def check_word(kind: str, word: str, known: Iterable[str]) -> str:
    """Return `word` if it is known, else raise `UnknownWordError` with the list and the nearest word."""
    names = list(known)
    if not isinstance(word, str) or word not in names:
        raise unknown_word(kind, word, names)
    return word
