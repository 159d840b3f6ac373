from __future__ import annotations

import pandas as pd

from bmac_meta.effects import Effects


def grouped(labels, estimates, se=0.1):
    table = pd.DataFrame({"d": estimates, "s": se, "kind": labels, "trial": [f"T{i}" for i in range(len(labels))]})
    return Effects.from_frame(table, estimate="d", se="s", study="trial").by("kind").pool()


def test_every_group_has_its_k_its_tau_and_its_prediction_interval():
    grid = grouped(["x"] * 3 + ["y"] * 2 + ["z"], [0.1, 0.3, 0.5, 0.2, 0.4, 0.9]).card().grids[0]
    assert grid.headings == ("kind", "trials", "GEN", "95% CI", "95% PI", "τ")
    rows = {row[0]: row for row in grid.rows}
    assert [rows[name][1] for name in ("x", "y", "z", "all trials")] == ["3", "2", "1", "6"]
    assert rows["y"][4] == "needs 3 trials"
    assert rows["z"][5] == ""
    assert " to " in rows["x"][4]


def test_the_tidy_table_has_a_row_per_group_and_one_for_all():
    tidy = grouped(["x"] * 3 + ["y"] * 3, [0.1, 0.3, 0.5, 0.2, 0.4, 0.6]).tidy()
    assert list(tidy.subgroup) == ["x", "y", "all"]
    assert list(tidy.k) == [3, 3, 6]


def test_a_single_group_cannot_be_tested_against_itself_and_says_so():
    assert "cannot be computed for 1 subgroup" in grouped(["x"] * 3, [0.1, 0.3, 0.5]).difference


def test_the_test_of_difference_stands_on_the_picture_and_in_its_table(tmp_path):
    result = grouped(["x"] * 3 + ["y"] * 3, [0.1, 0.3, 0.5, -0.2, -0.4, -0.6])
    result.forest(save=tmp_path / "groups.svg")
    assert "test of difference" in (tmp_path / "groups.svg").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "groups.csv")
    assert list(table.subgroup.dropna().unique()) == ["x", "y"]
    # A row for each trial, a pool for each group, and one pool for all.
    assert len(table) == 6 + 2 + 1


def test_hostile_groups_stay_text(hostile, tmp_path):
    result = hostile.by("kind").pool()
    assert "<script" not in result._repr_html_()
    result.forest(save=tmp_path / "hostile.svg")
    assert "<script" not in (tmp_path / "hostile.svg").read_text(encoding="utf-8")
