"""Tables and arrays of records, handed out such that nobody changes a record through what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Record = TypeVar("Record")


class Table:
    """A table of a record: handed out as a copy each time, and taken in as a copy unless it is the record's alone.

    The copies are shallow: pandas copies a column when somebody writes into it.
    """

    def __init__(self, name: str, alone: bool = False) -> None:
        self.name, self.alone = name, alone

    def __get__(self, record: Any, owner: type | None = None) -> Any:
        if record is None:
            return self
        try:
            return record.__dict__[self.name].copy(deep=False)
        except KeyError:
            raise AttributeError(f"{type(record).__name__} has no {self.name} yet.") from None

    def __set__(self, record: Any, table: pd.DataFrame) -> None:
        record.__dict__[self.name] = table if self.alone else table.copy(deep=False)


class CachedTable(Table):
    """A property that is a table: made once, when it is first asked for."""

    def __init__(self, make: Callable[[Any], pd.DataFrame]) -> None:
        super().__init__(make.__name__)
        self.make, self.__doc__ = make, make.__doc__

    def __get__(self, record: Any, owner: type | None = None) -> Any:
        if record is not None and self.name not in record.__dict__:
            record.__dict__[self.name] = self.make(record)
        return super().__get__(record, owner)

    def __set__(self, record: Any, table: pd.DataFrame) -> None:
        raise AttributeError(f"{self.name} of {type(record).__name__} is made from the record and cannot be set.")


def tables_as_copies(kind: type[Record], alone: bool = False) -> type[Record]:
    """Let the tables of a frozen record, which are its fields called pd.DataFrame, come out as copies.

    With `alone` nobody else has the tables that go in.
    """
    for field in fields(kind):
        if field.type == "pd.DataFrame":
            setattr(kind, field.name, Table(field.name, alone))
    return kind


def held(record: Any, name: str) -> pd.DataFrame:
    """Return a table as a record holds it, to be handed to another record that lets nobody write into it."""
    return record.__dict__[name]


def read_only(array: np.ndarray) -> np.ndarray:
    """Return an array as one that nobody can write into; the array itself stays as it is."""
    kept = array.view()
    kept.flags.writeable = False
    return kept


class Sealed:
    """Makes the arrays of a frozen record read-only."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, read_only(value))
