"""Laws of contribution bars."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.plots.contribution_bars import Bar, ContributionBars, Part, layout, table


def bars(count: int, seed: int = 1, **fields: object) -> ContributionBars:
    """Return bars with random shares."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        shares = np.sort(random.dirichlet(np.full(6, 0.6)))[::-1]
        parts = tuple(
            Part(f"treatment {k} vs hyaluronic acid", float(s), k == 0 and i % 2 == 0) for k, s in enumerate(shares)
        )
        made.append(Bar(f"treatment {i} vs placebo after arthroscopy", parts))
    return ContributionBars("Contributions", tuple(made), **fields)


def test_widths_of_parts_are_shares():
    record = bars(5)
    parts = layout(record).of_kind("part")
    width = sum(max(mark.x) - min(mark.x) for mark in parts) / 5
    shares = [part.share for bar in record.bars for part in bar.parts]
    assert [(max(mark.x) - min(mark.x)) / width for mark in parts] == pytest.approx(shares)


def test_only_an_estimates_own_trials_are_colored():
    record = bars(4)
    colored = [mark.role == "accent" for mark in layout(record).of_kind("part")]
    assert colored == [part.own for bar in record.bars for part in bar.parts]


def test_names_stay_inside_their_parts():
    plan = layout(bars(6))
    parts = [mark.box for mark in plan.of_kind("part")]
    for mark in plan.of_kind("part_label"):
        assert any(box[0] <= mark.box[0] and mark.box[2] <= box[2] and box[1] <= mark.y[0] <= box[3] for box in parts)


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(count, width, drawn_boxes, collisions):
    plan = layout(bars(count, footnotes=("Random walk.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_the_table_holds_the_shares():
    assert table(bars(3)).groupby("estimate")["share"].sum().tolist() == pytest.approx([1.0] * 3)


def test_shares_that_do_not_sum_to_one_are_refused():
    with pytest.raises(InputError, match="sum to 1"):
        ContributionBars("x", (Bar("a", (Part("b", 0.5),)),))
