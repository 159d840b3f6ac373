"""Laws of the GOSH plot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.gosh import Gosh, layout, table


def subsets(seed: int, count: int = 400, **fields: object) -> Gosh:
    """Return a GOSH plot of made-up subsets."""
    random = np.random.default_rng(seed)
    return Gosh("Subsets", random.normal(size=count), random.random(count), **fields)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 500))
def test_no_subset_is_left_out_of_the_density(seed, count):
    assert table(subsets(seed, count))["subsets"].sum() == count


def test_there_is_one_cell_for_each_row_of_the_table():
    record = subsets(1)
    assert len(layout(record).of_kind("cell")) == len(table(record))


def test_the_fullest_cell_is_the_darkest():
    record = subsets(2)
    cells = layout(record).of_kind("cell")
    counts = table(record).sort_values(["estimate_low", "i2_low"])["subsets"].to_numpy()
    tints = [mark.tint for mark in sorted(cells, key=lambda mark: (min(mark.x), -max(mark.y)))]
    assert np.argmax(counts) == np.argmin(tints)


def test_subsets_with_the_trial_in_question_have_a_color_of_their_own():
    estimate = np.concatenate([np.full(50, -1.0), np.full(50, 1.0)])
    held = np.arange(100) < 50
    plan = layout(Gosh("S", estimate, np.full(100, 0.5), highlighted=held, highlighted_label="Dulic 2021"))
    left, right = sorted(plan.of_kind("cell"), key=lambda mark: min(mark.x))
    assert (left.role, right.role) == ("accent", "ink")
    assert [mark.text for mark in plan.of_kind("key") if mark.text] == [
        "subsets with Dulic 2021",
        "without Dulic 2021",
    ]


def test_texts_keep_apart_and_nothing_leaves_the_figure(drawn_boxes, collisions):
    held = np.arange(400) % 2 == 0
    plan = layout(subsets(3, highlighted=held, highlighted_label="A trial", center=0.1, x_label="SMD"))
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


@pytest.mark.parametrize(
    ("estimate", "i2"), [([], []), ([0.1], [0.2, 0.3]), ([np.nan], [0.1]), ([0.1], [1.2]), ([0.1], [np.nan])]
)
def test_impossible_subsets_are_refused(estimate, i2):
    with pytest.raises(InputError):
        Gosh("S", np.array(estimate, dtype=float), np.array(i2, dtype=float))
