from __future__ import annotations

import numpy as np


def test_each_row_is_shown_on_the_scale_of_the_measure(vaccine):
    series = vaccine.leave_one_out()
    grid = series.card().grids[0]
    assert grid.headings == ("without", "trials", "RR", "95% CI", "τ", "I²")
    first = series.frame.iloc[0]
    assert grid.rows[0][:3] == ("Trial 1", "12", f"{np.exp(first.estimate):.2f}")


def test_a_first_trial_of_a_course_has_no_tau_and_no_nan(vaccine):
    grid = vaccine.cumulative(by="ablat").card().grids[0]
    assert grid.headings[0] == "cumulative by ablat"
    assert grid.rows[0][-2:] == ("", "")
    assert "nan" not in str(vaccine.cumulative(by="ablat")).casefold()


def test_the_table_is_a_copy(vaccine):
    series = vaccine.leave_one_out()
    table = series.tidy()
    table["estimate"] = 0.0
    assert (series.frame.estimate != 0).all()
    assert len(series) == len(vaccine)


def test_the_picture_has_a_row_per_pool_and_the_whole_below(vaccine, tmp_path):
    vaccine.leave_one_out().forest(save=tmp_path / "without.svg")
    picture = (tmp_path / "without.svg").read_text(encoding="utf-8")
    for text in ("Trial 1", "Trial 13", "All trials", "without"):
        assert text in picture
    table = (tmp_path / "without.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 14
    assert table[0].startswith("label,k,estimate,se,ci_low,ci_high")


def test_hostile_labels_stay_text(hostile):
    page = hostile.leave_one_out()._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
