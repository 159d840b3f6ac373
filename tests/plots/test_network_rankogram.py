"""Laws of the rankogram."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.plots.rankogram import BAR, Rankogram, RankRow, layout, table


def ranking(count: int, seed: int = 1, **fields: object) -> Rankogram:
    """Return a ranking with random probabilities."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        probabilities = random.dirichlet(np.ones(count))
        name = "mesenchymal cells of the umbilical cord" if i % 4 == 1 else f"treatment {i}"
        rows.append(
            RankRow(name, tuple(probabilities.tolist()), float(random.random()), "−0.41 (−0.78 to −0.04)", "34%")
        )
    return Rankogram("Ranks", tuple(rows), **fields)


def test_heights_of_bars_are_probabilities():
    record = ranking(6)
    bars = layout(record).of_kind("bar")
    heights = [(max(mark.y) - min(mark.y)) / BAR for mark in bars]
    assert heights == pytest.approx([p for row in record.rows for p in row.probabilities])


def test_every_row_has_its_effect_and_its_share_of_direct_evidence():
    plan = layout(ranking(5))
    assert len(plan.of_kind("effect")) == len(plan.of_kind("direct")) == 5


@pytest.mark.parametrize("count", [2, 10, 30])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(count, width, drawn_boxes, collisions):
    plan = layout(ranking(count, effect_heading="SMD against hyaluronic acid (95% CI)", footnotes=("Draws.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_the_table_has_a_column_per_rank():
    assert [name for name in table(ranking(4)).columns if name.startswith("rank_")] == [
        "rank_1",
        "rank_2",
        "rank_3",
        "rank_4",
    ]


def test_a_row_without_all_its_ranks_is_refused():
    with pytest.raises(InputError):
        Rankogram("x", (RankRow("a", (1.0,), 0.5, "", ""), RankRow("b", (0.5, 0.5), 0.5, "", "")))
