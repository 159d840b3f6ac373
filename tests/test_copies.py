from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pandas as pd
import pytest

from bmac_meta.copies import CachedTable, Sealed, read_only, tables_as_copies


@tables_as_copies
@dataclass(frozen=True, eq=False)
class Record:
    """Is a record with a table of its own, and one that is made from it."""

    frame: pd.DataFrame
    name: str = ""

    @CachedTable
    def doubled(self) -> pd.DataFrame:
        """The table twice over."""
        return self.frame * 2


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(Sealed):
    """Is a record with an array."""

    values: np.ndarray
    count: int


@pytest.fixture
def record() -> Record:
    return Record(pd.DataFrame({"x": [1, 2]}))


def test_who_changes_the_table_that_went_in_changes_no_record():
    mine = pd.DataFrame({"x": [1, 2]})
    record = Record(mine)
    mine.loc[0, "x"] = 99
    mine["y"] = 0
    assert record.frame.equals(pd.DataFrame({"x": [1, 2]}))


def test_who_changes_a_table_that_came_out_changes_no_record(record):
    for name in ("frame", "doubled"):
        before = getattr(record, name)
        taken = getattr(record, name)
        taken.loc[0, "x"] = 99
        taken["y"] = 0
        assert getattr(record, name).equals(before)


def test_a_table_that_is_made_is_made_once():
    calls = []

    class Counting:
        @CachedTable
        def table(self) -> pd.DataFrame:
            """The table."""
            calls.append(1)
            return pd.DataFrame({"x": [1]})

    one = Counting()
    assert one.table.equals(one.table)
    assert len(calls) == 1
    assert Counting.table.__doc__ == "The table."


def test_a_record_stays_frozen_and_can_be_replaced_and_sent(record):
    with pytest.raises(FrozenInstanceError):
        record.frame = pd.DataFrame()
    with pytest.raises((AttributeError, FrozenInstanceError)):
        record.doubled = pd.DataFrame()
    assert replace(record, name="b").frame.equals(record.frame)
    assert pickle.loads(pickle.dumps(record)).doubled.equals(record.doubled)


def test_arrays_come_out_read_only_and_that_which_went_in_stays_as_it_was():
    mine = np.array([1.0, 2.0])
    for kept in (read_only(mine), Numbers(mine, 2).values):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 9.0
    mine[0] = 5.0
    assert mine[0] == 5.0
