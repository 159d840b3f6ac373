"""The first row of a file: its delimiter, and the names of its columns against the schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmac_meta.errors import Fault, nearest
from bmac_meta.tables.schema import TableSchema
from bmac_meta.tables.wording import listed, printable, shown

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def delimiter_fault(text: str, schema: TableSchema) -> Fault | None:
    """Return a fault when the first line names more known columns under another delimiter than the comma."""
    line = re.split(r"[\r\n]", text[:100_000].lstrip("\r\n"), maxsplit=1)[0]
    if re.match(r'"?sep=', line, re.IGNORECASE):
        return Fault(schema.file, 1, None, shown(line), "the names of the columns", "Delete this line.")
    by_comma = _known_names(line.split(","), schema)
    for sign, words in _DELIMITERS.items():
        cells = line.split(sign)
        if len(cells) > 1 and _known_names(cells, schema) > by_comma:
            remedy = "Save the file as comma-separated values, with points in decimal numbers."
            return Fault(schema.file, 1, None, f"columns separated by {words}", "columns separated by commas", remedy)
    return None


@dataclass(frozen=True, slots=True)
class Header:
    """Is the first row of a file: a name for each column, empty for one that cannot be used."""

    names: tuple[str, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def read_header(cells: Sequence[str], schema: TableSchema) -> Header:
    """Return the names of the columns, what is wrong with them, and which are unknown to the schema."""
    names, faults = _settle(cells, schema)
    faults += _missing_columns(names, schema)
    return Header(tuple(names), tuple(faults), tuple(_extra_columns(names, schema)))


def _known_names(cells: Iterable[str], schema: TableSchema) -> int:
    known = {_bare(name) for name in _names(schema)}
    return sum(_bare(cell) in known for cell in cells)


def _names(schema: TableSchema) -> list[str]:
    return [field.name for field in schema.fields + schema.additional]


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _settle(cells: Sequence[str], schema: TableSchema) -> tuple[list[str], list[Fault]]:
    """Give each column its name; one that differs in case or signs only is a fault, and understood."""
    known = _names(schema)
    by_bare = {_bare(name): name for name in known}
    names: list[str] = []
    faults: list[Fault] = []
    for index, cell in enumerate(cells):
        meant = by_bare.get(_bare(cell))
        name = meant if cell not in known and meant and meant not in cells else printable(cell)
        if not cell.strip():
            faults.append(
                _fault(
                    schema,
                    None,
                    f"no name over column {index + 1}",
                    "a name",
                    "Name the column, or delete it.",
                )
            )
            name = ""
        elif name in names:
            faults.append(_fault(schema, name, "the column twice", "each column once", "Rename or delete one of them."))
            name = ""
        elif name != printable(cell):
            faults.append(
                _fault(schema, name, shown(cell), f"the name {name}, written so", f"Rename the column to {name}.")
            )
        names.append(name)
    return names, faults


def _fault(schema: TableSchema, column: str | None, found: str, expected: str, remedy: str) -> Fault:
    return Fault(schema.file, 1, column, found, expected, remedy)


def _missing_columns(names: Sequence[str], schema: TableSchema) -> list[Fault]:
    absent = [(name,) for name in schema.required_columns if name not in names]
    absent += [group for group in schema.any_of_columns if not set(group) & set(names)]
    strangers = [name for name in names if name and name not in _names(schema)]
    faults = []
    for group in absent:
        guess = next((close for close in (nearest(name, strangers) for name in group) if close), None)
        strangers = [name for name in strangers if name != guess]
        faults.append(_missing_column(group, guess, names, schema))
    return faults


def _missing_column(group: Sequence[str], guess: str | None, names: Sequence[str], schema: TableSchema) -> Fault:
    expected = " or ".join(f"{name} ({schema.field(name).description.rstrip('.')})" for name in group)
    remedy = f"Rename {guess!r}, if that is it." if guess else "Add the column."
    column = group[0] if len(group) == 1 else None
    found = f"no such column among {listed(name for name in names if name)}"
    return _fault(schema, column, found, f"a column {expected}", remedy)


def _extra_columns(names: Sequence[str], schema: TableSchema) -> list[str]:
    known = _names(schema)
    absent = [name for name in known if name not in names]
    notes = []
    for name in names:
        if name and name not in known:
            guess = nearest(name, absent) if len(name) < 80 else None
            hint = f" (the table also knows {guess!r})" if guess else ""
            notes.append(f"{schema.file}: column {name!r} is not one of the table's{hint}; it is kept as text.")
    return notes
