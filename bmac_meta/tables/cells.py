"""One cell at a time: text to value, and what to say of a cell that has none."""

from __future__ import annotations

import re
from enum import Enum

from bmac_meta.tables.numbers import Complaint, number_complaint, number_value
from bmac_meta.tables.schema import Field
from bmac_meta.tables.wording import guesses, listed


class Wrong(Enum):
    """Is the value of a cell that its column does not allow."""

    WRONG = "wrong"


WRONG = Wrong.WRONG
Value = str | float | bool | None

_TRUTH = {"yes": "true", "y": "true", "1": "true", "no": "false", "n": "false", "0": "false"}


def cell_value(cell: str, field: Field, vocabulary: frozenset[str]) -> Value | Wrong:
    """Return the value of a cell under the rules of its column, None when it is empty, or `WRONG`."""
    if not cell:
        return WRONG if field.required else None
    if field.type in ("number", "integer"):
        number = number_value(cell, field)
        return WRONG if number is None else number
    if field.type == "boolean":
        return _truth_value(cell, field)
    return cell if _is_allowed(cell, field, vocabulary) else WRONG


def cell_complaint(cell: str, field: Field, vocabulary: frozenset[str]) -> Complaint:
    """Return what was expected in place of a cell whose value is `WRONG`, and what to do about it."""
    if not cell:
        return Complaint(f"{_noun(field)} in every row", f"Fill it in: {field.description}")
    if field.type in ("number", "integer"):
        return number_complaint(cell, field)
    if field.type == "boolean":
        word = _TRUTH.get(cell.strip().casefold())
        return Complaint("true or false", f"Write {word or 'true or false, or leave the cell empty'}.")
    if cell != cell.strip():
        remedy = "Remove the spaces at its start and end."
        return Complaint(f"{_noun(field)} without spaces around it", remedy)
    if field.words:
        return _unknown_word(cell, field)
    return _unknown_code(cell, field, vocabulary) if field.vocabulary else _wrong_form(cell, field)


def is_free_text(field: Field) -> bool:
    """Return whether any text at all may stand in the column."""
    return field.type == "string" and not (field.required or field.words or field.pattern or field.vocabulary)


def _truth_value(cell: str, field: Field) -> bool | Wrong:
    if cell in field.true_values:
        return True
    return False if cell in field.false_values else WRONG


def _is_allowed(cell: str, field: Field, vocabulary: frozenset[str]) -> bool:
    if field.words:
        return cell in field.words
    if field.vocabulary:
        return all(code in vocabulary for code in cell.split(field.separator))
    return cell == cell.strip() and bool(not field.pattern or re.fullmatch(field.pattern, cell))


def _noun(field: Field) -> str:
    return f"one of {listed(field.words)}" if field.words else f"a value of {field.name}"


def _unknown_word(cell: str, field: Field) -> Complaint:
    advice = {word.casefold(): remedy for word, remedy in field.advice.items()}.get(cell.casefold())
    question = guesses([cell], field.words)[cell].strip()
    remedy = advice or question or "Choose the word that fits, or leave the cell empty."
    return Complaint(f"one of {listed(field.words)}", remedy)


def _unknown_code(cell: str, field: Field, vocabulary: frozenset[str]) -> Complaint:
    unknown = [code for code in cell.split(field.separator) if code not in vocabulary]
    question = guesses(unknown[:1], sorted(vocabulary))[unknown[0]]
    expected = f"codes of the list of {field.vocabulary}, separated by {field.separator!r} without spaces"
    return Complaint(expected, f"{question}A remark that is no code belongs in notes.")


def _wrong_form(cell: str, field: Field) -> Complaint:
    bare = re.sub(r"^(https?://)?(dx\.)?doi\.org/|^doi:\s*", "", cell, flags=re.IGNORECASE)
    remedy = f"Write {bare}." if re.fullmatch(field.pattern, bare) else f"{field.name}: {field.description}"
    return Complaint(f"text of the form {field.pattern}", remedy)
