"""Laws of the evidence map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.evidence_map import EvidenceMap, layout, table

ROWS = ["BMAC", "PRP", "Expanded mesenchymal stem cells of the bone marrow", "Exosomes"]
COLUMNS = ["Knee pain", "Osteonecrosis of the hip", "Spine"]


def counted(seed: int, **fields: object) -> EvidenceMap:
    """Return a map with empty cells."""
    random = np.random.default_rng(seed)
    trials = random.poisson(1.0, (4, 3))
    patients = trials * random.integers(5, 90, (4, 3))
    return EvidenceMap("Map", pd.DataFrame(trials, ROWS, COLUMNS), pd.DataFrame(patients, ROWS, COLUMNS), **fields)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_every_cell_says_its_count_and_only_filled_cells_have_a_disc(seed):
    record = counted(seed)
    plan = layout(record)
    assert [int(mark.text) for mark in plan.of_kind("count")] == record.trials.to_numpy().ravel().tolist()
    assert len(plan.of_kind("bubble")) == int((record.trials > 0).to_numpy().sum())


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_areas_of_discs_are_proportional_to_patients(seed):
    record = counted(seed)
    discs = layout(record).of_kind("bubble")
    patients = [value for value in record.patients.to_numpy().ravel() if value]
    ratios = [mark.size**2 / value for mark, value in zip(discs, patients, strict=True)]
    assert ratios == pytest.approx(ratios[:1] * len(ratios))


def test_an_empty_cell_shows_a_pale_zero():
    empty = [mark for mark in layout(counted(1)).of_kind("count") if mark.text == "0"]
    assert empty
    assert {(mark.role, mark.bold) for mark in empty} == {("rule", False)}


def test_totals_are_sums():
    record = counted(2, totals=True)
    said = [mark.text for mark in layout(record).of_kind("total")]
    assert said[:4] == [str(total) for total in record.trials.sum(axis=1)]
    assert said[-1] == str(record.trials.to_numpy().sum())


@pytest.mark.parametrize("fields", [{}, {"totals": True, "row_heading": "Therapy", "column_heading": "Condition"}])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(fields, width, drawn_boxes, collisions):
    plan = layout(counted(3, footnotes=("A trial may stand in several rows.",), **fields), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_missing_counts_are_empty_cells():
    record = EvidenceMap("Map", pd.DataFrame({"Knee": [1.0, np.nan]}, index=["BMAC", "PRP"]))
    assert table(record)["trials"].tolist() == [1, 0]
    assert "1 of 2 cells are empty" in layout(record).description


@pytest.mark.parametrize(
    ("trials", "patients"),
    [
        (pd.DataFrame(), None),
        (pd.DataFrame({"a": [-1]}), None),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]})),
    ],
)
def test_impossible_counts_are_refused(trials, patients):
    with pytest.raises(InputError):
        EvidenceMap("Map", trials, patients)
