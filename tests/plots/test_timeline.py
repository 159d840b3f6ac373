"""The timeline draws one disc per group and year with a study, and nothing where there is none."""

from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.errors import InputError
from bmac_meta.plots.save import figure_bytes
from bmac_meta.plots.timeline import Timeline, table, timeline

COUNTS = pd.DataFrame({2019: [2, 0], 2021: [9, 1]}, index=["BMAC", "<script>$x$"])


def discs(figure):
    (points,) = figure.axes[0].collections
    return points


def test_every_group_and_year_with_a_study_has_one_disc():
    points = discs(timeline(Timeline("Studies", COUNTS)))
    assert points.get_offsets().data.tolist() == [[2019.0, 0.0], [2021.0, 0.0], [2021.0, 1.0]]


def test_more_studies_make_a_larger_disc():
    few, many, one = discs(timeline(Timeline("Studies", COUNTS))).get_sizes()
    assert one < few < many


def test_the_table_lists_the_discs():
    assert table(Timeline("Studies", COUNTS))["studies"].tolist() == [2, 9, 1]


def test_groups_stand_from_top_to_bottom_in_their_order():
    axes = timeline(Timeline("Studies", COUNTS)).axes[0]
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_labels_are_text_and_the_bytes_are_the_same_again():
    first, second = (figure_bytes(timeline(Timeline("<b>&", COUNTS)), "svg", "<b>&", "told") for _ in range(2))
    assert first == second
    assert b"<script>" not in first


def test_nothing_to_show_is_refused():
    with pytest.raises(InputError, match="at least one study"):
        Timeline("Studies", COUNTS * 0)
