from __future__ import annotations

import numpy as np

from bmac_meta.tables.check import empty_frame, typed_frame
from bmac_meta.tables.read import Sheet
from bmac_meta.tables.schema import read_package

ARMS = read_package().table("arms")
COLUMNS = {
    "study_id": ("s", "s"),
    "arm_id": ("a", "b"),
    "intervention": ("HA", "PRP"),
    "n_injections": ("3", "x"),
    "age_mean": ("61.5", ""),
    "further": ("", "kept"),
}


def test_a_sheet_becomes_a_frame_in_the_order_of_the_schema_with_further_columns_last():
    frame, _ = typed_frame(Sheet("arms.csv", columns=COLUMNS, rows=(2, 5), whole=True), ARMS, {})
    assert list(frame.columns) == [*(field.name for field in ARMS.fields), "further"]
    assert list(frame.index) == [2, 5]
    assert frame["age_mean"].dtype == np.float64
    assert frame["further"].fillna("").tolist() == ["", "kept"]


def test_a_faulty_cell_is_missing_in_the_frame_and_placed_in_the_faults():
    frame, faults = typed_frame(Sheet("arms.csv", columns=COLUMNS, rows=(2, 5), whole=True), ARMS, {})
    assert frame["n_injections"].fillna(-1).tolist() == [3, -1]
    assert [(fault.row, fault.column, fault.found) for fault in faults] == [(5, "n_injections", "'x'")]


def test_a_table_without_rows_has_the_types_of_one_with_rows():
    frame, _ = typed_frame(Sheet("arms.csv", columns=COLUMNS, rows=(2, 5), whole=True), ARMS, {})
    assert dict(empty_frame(ARMS).dtypes) == {name: dtype for name, dtype in frame.dtypes.items() if name != "further"}


def test_counts_are_exact_up_to_the_largest_whole_float():
    columns = {**COLUMNS, "n_injections": ("9007199254740991", "1")}
    frame, faults = typed_frame(Sheet("arms.csv", columns=columns, rows=(2, 3), whole=True), ARMS, {})
    assert faults == []
    assert frame["n_injections"].tolist() == [9007199254740991, 1]


def test_a_column_of_many_thousand_wrong_cells_is_listed_up_to_a_limit_and_counted():
    rows = range(2, 12_002)
    columns = {"study_id": ("s",) * 12_000, "n_injections": tuple(f"x{row}" for row in rows)}
    _, faults = typed_frame(Sheet("arms.csv", columns=columns, rows=rows, whole=True), ARMS, {})
    assert len(faults) == 10_001
    assert faults[-1].found == "2000 more rows with the same fault"
