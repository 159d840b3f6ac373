"""The schema of the tables, read from a Frictionless `datapackage.json` into small frozen records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bmac_meta.paths import data_folder


@dataclass(frozen=True, slots=True)
class Fallback:
    """Is how a column that a folder leaves out is filled: a value, a copy of a column, or a generated key."""

    value: str | None = None
    where_given: str | None = None
    copy_of: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """Is one column of a table: its type, what a cell may hold, and what it means."""

    name: str
    type: str
    description: str
    unit: str | None
    required: bool
    unique: bool
    words: Mapping[str, str]
    minimum: float | None
    maximum: float | None
    above: float | None
    below: float | None
    pattern: str | None
    separator: str | None
    vocabulary: str | None
    true_values: tuple[str, ...]
    false_values: tuple[str, ...]
    fallback: Fallback | None
    advice: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Is a link from columns of one table to those of another; `exempt` words of the last need no partner."""

    fields: tuple[str, ...]
    table: str
    target: tuple[str, ...]
    separator: str | None = None
    exempt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableSchema:
    """Is one table: its columns, keys, and the columns that a folder cannot do without."""

    name: str
    file: str
    title: str
    description: str
    bytes: int
    sha256: str
    fields: tuple[Field, ...]
    additional: tuple[Field, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    required_columns: tuple[str, ...]
    any_of_columns: tuple[tuple[str, ...], ...]

    def field(self, name: str) -> Field | None:
        """Return the column called `name`, also one that only a person's own folder may have, or None."""
        return next((field for field in self.fields + self.additional if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Package:
    """Is a data package: its tables in order, and the meaning of every flag."""

    title: str
    version: str
    tables: tuple[TableSchema, ...]
    flags: Mapping[str, str]

    def table(self, name: str) -> TableSchema:
        """Return the table called `name`."""
        return {table.name: table for table in self.tables}[name]


@lru_cache(maxsize=4)
def read_package(path: Path | None = None) -> Package:
    """Read a data package descriptor; without a path, the project's own.

    >>> read_package().table("arms").primary_key
    ('study_id', 'arm_id')
    """
    path = data_folder() / "datapackage.json" if path is None else path
    content = json.loads(path.read_text(encoding="utf-8"))
    return Package(
        title=content["title"],
        version=content["version"],
        tables=tuple(_table(resource) for resource in content["resources"]),
        flags=MappingProxyType(content["flags"]),
    )


def _table(resource: Mapping[str, Any]) -> TableSchema:
    schema = resource["schema"]
    return TableSchema(
        name=resource["name"],
        file=resource["path"],
        title=resource["title"],
        description=resource["description"],
        bytes=resource["bytes"],
        sha256=resource["hash"].removeprefix("sha256:"),
        fields=tuple(_field(field) for field in schema["fields"]),
        additional=tuple(_field(field) for field in resource.get("additionalFields", ())),
        primary_key=tuple(schema.get("primaryKey", ())),
        foreign_keys=tuple(
            _foreign_key(key, resource["name"])
            for key in [*schema.get("foreignKeys", ()), *schema.get("conditionalKeys", ())]
        ),
        required_columns=tuple(resource["requiredColumns"]),
        any_of_columns=tuple(tuple(group) for group in resource.get("anyOfColumns", ())),
    )


def _field(field: Mapping[str, Any]) -> Field:
    constraints = field.get("constraints", {})
    categories = {word["value"]: word["label"] for word in field.get("categories", ())}
    return Field(
        name=field["name"],
        type=field["type"],
        description=field["description"],
        unit=field.get("unit"),
        required=constraints.get("required", False),
        unique=constraints.get("unique", False),
        words=MappingProxyType({word: categories.get(word, word) for word in constraints.get("enum", ())}),
        minimum=constraints.get("minimum"),
        maximum=constraints.get("maximum"),
        above=constraints.get("exclusiveMinimum"),
        below=constraints.get("exclusiveMaximum"),
        pattern=constraints.get("pattern"),
        separator=field.get("separator"),
        vocabulary=field.get("vocabulary"),
        true_values=tuple(field.get("trueValues", ())),
        false_values=tuple(field.get("falseValues", ())),
        fallback=_fallback(field["fallback"]) if "fallback" in field else None,
        advice=MappingProxyType(dict(field.get("advice", {}))),
    )


def _fallback(fallback: Mapping[str, Any]) -> Fallback:
    return Fallback(
        value=fallback.get("value"),
        where_given=fallback.get("whereGiven"),
        copy_of=fallback.get("copyOf"),
        generated=fallback.get("generated", False),
    )


def _foreign_key(key: Mapping[str, Any], own: str) -> ForeignKey:
    reference = key["reference"]
    return ForeignKey(
        fields=tuple(key["fields"]),
        table=reference.get("resource", own),
        target=tuple(reference["fields"]),
        separator=key.get("separator"),
        exempt=frozenset(key.get("except", {}).get(key["fields"][-1], ())),
    )
