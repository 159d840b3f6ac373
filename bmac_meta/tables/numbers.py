"""What a number may look like in a table, and what to do about each thing that only looks like one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bmac_meta.tables.schema import Field
from bmac_meta.tables.wording import plain

PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_WHOLE = 2.0**53
_LONGEST_GUESS = 200
_MINUS_SIGNS = "−–—‐‑﹣－"
_MISSING = re.compile(
    r"#?n/a|na|nan|n\.a\.|n\.?r\.?|n\.?d\.?|n\.?s\.?|not (reported|stated|available|given)"
    r"|none|null|nil|missing|unknown|[-–—]+|\.+|\?+|x",
    re.IGNORECASE,
)
_NUMBER = r"[+-]?[0-9]+(?:[.,][0-9]+)?"
_HEAD = r"[+-]?[0-9]{1,3}"
_SPACES = r"[ \u00a0\u2009\u202f'’]"
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = rf"[0-9]{{1,4}}[-/. ]{_MONTH}.*|{_MONTH}[-/. ][0-9]+|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}.*"
_RANGE = rf"[(\[]?{_NUMBER}\s*(to|-|–|—|;|,|\.\.)\s*{_NUMBER}[)\]]?|{_NUMBER}\s*[(\[].*"

_NOT_ONE = "This is not a single number: leave the cell empty and keep the wording in {text}."
_SPREAD = "Write the mean in mean, the spread in dispersion and its kind in dispersion_kind."
_DATED = "A spreadsheet has turned the number into a date: type the number again in a text cell."
_AMBIGUOUS = "Write {no_comma} if the comma separates thousands, {point} if it is a decimal comma."
_LIMITS = "One number in a cell: limits go to ci_low and ci_high, quartiles to q1 and q3, extremes to min and max."
_FRACTION = "One number in a cell: write the first in events, the second in total."

_SHAPES = (
    (r"[+-]?inf(inity)?", "Infinity is not a printed number: leave the cell empty."),
    (r"=\s*[^\s0-9.+-].*", "Formulas are not evaluated: write the number itself."),
    (r"[<>≤≥=~≈].*", _NOT_ONE),
    (r".*(±|\+/-|\+-).*", _SPREAD),
    (r"#[a-z0-9/]+[!?]?", "A spreadsheet formula failed here: write the number itself."),
    (_DATE, _DATED),
    (rf"{_HEAD}(,[0-9]{{3}})+\.[0-9]+", "Write {no_comma}: no thousands separator."),
    (rf"{_HEAD}(,[0-9]{{3}}){{2,}}", "Write {no_comma}: no thousands separator."),
    (r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", _AMBIGUOUS),
    (rf"{_HEAD}(\.[0-9]{{3}})+,[0-9]+", "Write {european}: no thousands separator, a decimal point."),
    (rf"{_HEAD}(\.[0-9]{{3}}){{2,}}", "Write {european}: no thousands separator."),
    (rf"{_HEAD}({_SPACES}[0-9]{{3}})+([.,][0-9]+)?", "Write {spaceless}: no thousands separator."),
    (r"[+-]?[0-9]*,[0-9]+", "Write {point}: the decimal sign is a point."),
    (rf"{_NUMBER}\s*%", "Write the number without the percent sign, in the unit of the column ({unit})."),
    (r"[0-9]+\s*/\s*[0-9]+", _FRACTION),
    (_RANGE, _LIMITS),
    (r"'.*", "Remove the apostrophe in front of the number."),
    (rf"{_NUMBER}\s*[^0-9\s.,].*", "Write the number alone, in the unit of the column ({unit})."),
)
"""What a cell may look like that is no number, and what to do about it; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Is what is wrong with a cell wherever it stands: what was expected, and what to do."""

    expected: str
    remedy: str


def number_value(cell: str, field: Field) -> float | None:
    """Return the number in a non-empty cell, or None when the column does not allow it."""
    if not PLAIN_NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if _is_exact(cell, value) and _is_allowed(value, field) else None


def number_complaint(cell: str, field: Field) -> Complaint:
    """Return what was expected in place of a cell that `number_value` refuses, and what to do about it."""
    if not PLAIN_NUMBER.fullmatch(cell):
        remedy = _shape_remedy(cell, field)
    elif not _is_exact(cell, float(cell)):
        remedy = "No computer number is as large or as small as this: check the source."
    else:
        remedy = _bounds_remedy(float(cell), field)
    return Complaint(expected_number(field), remedy)


def expected_number(field: Field) -> str:
    """Return what a numeric column takes, in words.

    >>> from bmac_meta.tables.schema import read_package
    >>> outcomes = read_package().table("outcomes")
    >>> [expected_number(outcomes.field(name)) for name in ("n", "dispersion", "mean")]
    ['a whole number of at least 1', 'a number above 0', 'a number']
    """
    bounds = {
        "of at least": field.minimum,
        "above": field.above,
        "of at most": field.maximum,
        "below": field.below,
    }
    parts = [f"{words} {plain(bound)}" for words, bound in bounds.items() if bound is not None]
    noun = "a whole number" if field.type == "integer" else "a number"
    return " ".join([noun, " and ".join(parts)]).strip()


def _is_exact(cell: str, value: float) -> bool:
    """Return whether a float can stand for the text: neither infinite nor rounded to zero."""
    vanished = value == 0 and re.search("[1-9]", re.split("[eE]", cell)[0])
    return abs(value) != float("inf") and not vanished


def _is_allowed(value: float, field: Field) -> bool:
    whole = field.type != "integer" or (value.is_integer() and abs(value) <= _LARGEST_WHOLE)
    return (
        whole
        and (field.minimum is None or value >= field.minimum)
        and (field.maximum is None or value <= field.maximum)
        and (field.above is None or value > field.above)
        and (field.below is None or value < field.below)
    )


def _bounds_remedy(value: float, field: Field) -> str:
    if field.name == "ci_level" and 0 < value < 1:
        return f"Write the level in per cent: {plain(round(100 * value, 6))}."
    if field.above == 0:
        return "Check the source: this cannot be zero or negative. Leave the cell empty if it is not reported."
    if field.type == "integer":
        return "Check the source: this is a count. Leave the cell empty if it is not reported."
    return "Check the number and its unit against the source."


def _shape_remedy(cell: str, field: Field) -> str:
    stripped = cell.strip()
    if not stripped:
        return "Leave the cell empty: it holds spaces only."
    if _MISSING.fullmatch(stripped):
        return "Leave the cell empty: an empty cell means not reported."
    if PLAIN_NUMBER.fullmatch(stripped):
        return f"Write {stripped}, without spaces around it."
    hyphened = "-" + stripped[1:].strip()
    if stripped[0] in _MINUS_SIGNS and PLAIN_NUMBER.fullmatch(hyphened):
        return f"Write {hyphened} with the hyphen of the keyboard; the sign here is U+{ord(stripped[0]):04X}."
    for shape, remedy in _SHAPES if len(stripped) <= _LONGEST_GUESS else ():
        if re.fullmatch(shape, stripped, re.IGNORECASE):
            return remedy.format(**_rewritten(stripped, field))
    return "Write a plain number such as 12 or -0.5, or leave the cell empty."


def _rewritten(cell: str, field: Field) -> dict[str, str]:
    return {
        "no_comma": cell.replace(",", ""),
        "point": cell.replace(",", "."),
        "european": cell.replace(".", "").replace(",", "."),
        "spaceless": re.sub(r"[^0-9.+-]", "", cell.replace(",", ".")),
        "text": "p_value_text" if field.name == "p_value" else "notes",
        "unit": field.unit or "see the description of the column",
    }
