"""Laws of the league table as a heat map."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.plots.league_map import LeagueCell, LeagueMap, ground, layout, table

NAMES = ("BMAC", "PRP", "placebo", "HA + corticosteroid", "expanded mesenchymal cells of the placenta", "APS")


def league(count: int, seed: int = 1, **fields: object) -> LeagueMap:
    """Return a league table with some empty cells above the diagonal."""
    random = np.random.default_rng(seed)
    cells = []
    for i in range(count):
        row = []
        for j in range(count):
            z = float(random.normal() * 2)
            empty = i == j or (i < j and random.random() < 0.5)
            row.append(LeagueCell() if empty else LeagueCell("−0.41", "−12.34 to −10.02", z, abs(z) > 1.96))
        cells.append(tuple(row))
    return LeagueMap("League table", tuple(NAMES[i % 6] for i in range(count)), tuple(cells), **fields)


def test_cells_stand_in_rows_and_columns_and_empty_ones_stay_white():
    record = league(6)
    plan = layout(record)
    filled = sum(bool(cell.estimate) for row in record.cells for cell in row)
    assert len(plan.of_kind("ground")) == filled == len(plan.of_kind("estimate"))
    assert len(plan.of_kind("diagonal")) == 6


def test_what_excludes_no_effect_is_bold():
    record = league(5)
    bold = [mark.bold for mark in layout(record).of_kind("estimate")]
    assert bold == [cell.excludes_null for row in record.cells for cell in row if cell.estimate]


def test_grounds_tell_who_is_favoured_and_how_clearly():
    assert ground(-3.0, True)[0] == ground(3.0, False)[0] == "low"
    assert ground(3.0, True)[0] == "high"
    assert ground(-1.0, True)[1] > ground(-3.0, True)[1]
    assert ground(-9.0, None) == ground(math.nan, True) == ("wash", 0.5)


@pytest.mark.parametrize("count", [1, 2, 6, 18])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(count, width, drawn_boxes, collisions):
    plan = layout(league(count, favours_earlier=True, footnotes=("REML.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_texts_stay_in_their_cells(drawn_boxes):
    plan = layout(league(12, favours_earlier=True))
    grounds = [mark.box for mark in plan.of_kind("ground")]
    for mark, box in zip(plan.of_kind("interval"), grounds, strict=True):
        assert box[0] <= mark.box[0]
        assert mark.box[2] <= box[2]


def test_the_table_names_the_kind_of_evidence():
    rows = table(league(3))
    assert rows["evidence"].value_counts().to_dict() == {"direct evidence": 3, "network": 3}


def test_a_table_that_is_not_square_is_refused():
    with pytest.raises(InputError):
        LeagueMap("x", ("a", "b"), ((LeagueCell(),),))
