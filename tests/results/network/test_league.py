"""The league table."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.card import text_width


def test_below_the_diagonal_stands_the_network_and_above_the_direct_evidence(pooled):
    league = pooled.league()
    fit, direct, order = pooled.fit, pooled.direct, pooled.order
    for i in range(len(order)):
        for j in range(i):
            assert league.numbers(i, j)[0] == fit.estimate[order[j], order[i]]
            above = league.numbers(j, i)[0]
            np.testing.assert_equal(above, direct.estimate[order[j], order[i]])


def test_both_cells_of_a_pair_compare_in_the_same_direction(pooled):
    league = pooled.league()
    # Star-shaped parts have no indirect evidence: direct and network estimates are one.
    place = league.treatments.index("benf")
    last = league.treatments.index("plac")
    assert league.numbers(place, last)[0] == pytest.approx(league.numbers(last, place)[0], abs=1e-12)


def test_the_tidy_table_has_every_pair(pooled):
    table = pooled.league().tidy()
    assert len(table) == 45
    assert table["direct"].notna().sum() == 15
    assert (table["trials"] > 0).sum() == 15


def test_a_terminal_shows_it_in_runs_of_columns_that_fit(pooled):
    lines = repr(pooled.league()).splitlines()
    assert max(map(text_width, lines)) <= 94
    assert sum(line.startswith("continued") for line in lines) >= 1


def test_html_shows_it_in_one_table(pooled):
    html = pooled.league()._repr_html_()
    assert html.count("<th ") == 11
    assert "continued" not in html


def test_the_frame_holds_the_printed_texts(pooled):
    frame = pooled.league().frame
    assert frame.shape == (10, 10)
    assert frame.loc["plac", "plac"] == "placebo"
    assert frame.loc["plac", "rosi"] == pooled.terms.estimate(*pooled.league().numbers(9, 0))


def test_the_picture_is_written_with_its_table(pooled, undirected, tmp_path):
    pooled.league().draw(save=tmp_path / "league.svg")
    assert (tmp_path / "league.csv").exists()
    grounds = undirected.league().draw().layout.of_kind("ground")
    assert {mark.role for mark in grounds} == {"wash"}
