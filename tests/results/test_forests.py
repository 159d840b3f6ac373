from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.question import Question
from bmac_meta.results import forests

PAIN = Question("BMAC", "HA", "pain", "12 months", lower_is_better=True)


@pytest.fixture
def pooled():
    table = pd.DataFrame(
        {
            "trial": ["A", "B", "C"],
            "d": [-0.5, -0.2, 0.1],
            "s": [0.2, 0.1, 0.3],
            "mean_a": [3.0, 4.0, None],
            "sd_a": [1.0, 2.0, None],
            "n_a": [20, 30, 25],
            "mean_b": [4.0, 4.4, None],
            "sd_b": [1.0, 2.0, None],
            "n_b": [20, 31, 25],
        }
    )
    return Effects.from_frame(table, estimate="d", se="s", study="trial", measure="SMD", question=PAIN).pool()


def test_the_columns_say_what_each_arm_gave_and_stay_empty_where_it_did_not(pooled):
    assert forests.column_headings(pooled) == (("BMAC", "mean (SD)"), ("BMAC", "n"), ("HA", "mean (SD)"), ("HA", "n"))
    rows = pooled.rows.to_dict("records")
    assert forests.cells(pooled, rows[0]) == ("3.0 (1.0)", "20", "4.0 (1.0)", "20")
    assert forests.cells(pooled, rows[2]) == ("", "25", "", "25")


def test_counts_stand_as_events_of_total(vaccine):
    answer = vaccine.pool()
    assert forests.column_headings(answer) == (("BCG", "events/n"), ("no vaccine", "events/n"))
    assert forests.cells(answer, answer.rows.iloc[0].to_dict()) == ("4/123", "11/139")


def test_the_weights_of_the_trials_add_up(pooled):
    shown = forests.studies(pooled, pooled.rows, pooled.fit.weights)
    assert sum(study.weight for study in shown) == pytest.approx(100)


def test_the_limits_of_a_trial_are_normal(pooled):
    assert forests.study_limits(pooled, pooled.rows)[0] == pytest.approx(
        (-0.5, -0.5 - 1.959964 * 0.2, -0.5 + 1.959964 * 0.2)
    )


def test_the_table_beside_the_picture_holds_its_numbers(pooled):
    table = forests.table(pooled)
    assert list(table.study) == ["A", "B", "C", "Random effects (REML)"]
    assert table.weight.iloc[:3].sum() == pytest.approx(1)
    last = table.iloc[-1]
    fit = pooled.fit
    assert (last.estimate, last.shown_low, last.prediction_high) == (fit.estimate, fit.ci_low, fit.pi_high)


def test_the_table_of_ratios_shows_ratios(vaccine):
    table = forests.table(vaccine.pool())
    np.testing.assert_allclose(table.shown, np.exp(table.estimate))


def test_the_picture_says_who_is_favoured_on_either_side(pooled, tmp_path):
    pooled.forest(save=tmp_path / "pain.svg")
    picture = (tmp_path / "pain.svg").read_text(encoding="utf-8")
    assert "favours BMAC" in picture
    assert "favours HA" in picture
    assert picture.index("<title") < picture.index("<desc")
    assert "Forest plot of 3 trials. BMAC vs HA · pain · 12 months" in picture


def test_a_picture_is_the_same_on_a_second_run(pooled, tmp_path):
    for name in ("one", "two"):
        pooled.forest(save=tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_shares_are_drawn_as_percentages(tmp_path):
    raw = pd.DataFrame({"events": [0, 3, 5], "total": [20, 20, 25]})
    pooled = Effects.from_raw(raw, measure="PFT", question=Question("BMAC", outcome="infection")).pool()
    pooled.forest(save=tmp_path / "share.svg")
    assert "Share of patients" in (tmp_path / "share.svg").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "share.csv")
    # 3 of 20, shown with its own size.
    assert table.shown[1] == pytest.approx(0.15, abs=1e-9)


def test_a_single_trial_and_two_trials_say_what_they_lack(pooled):
    assert forests.heterogeneity_words(_first(pooled, 1)) == "one trial"
    assert forests.summary(_first(pooled, 1), "One trial").text == ""
    two = forests.summary(_first(pooled, 2), "x")
    assert two.reason == "a prediction interval needs 3 trials; here are 2"
    assert (two.pi_low, two.pi_high) == (None, None)


def _first(pooled, k):
    return Effects(pooled.rows.head(k), pooled.question).pool()


def test_a_common_effect_has_no_tau_on_the_picture(pooled):
    common = Effects(pooled.rows, pooled.question).pool(model="common")
    assert forests.heterogeneity_words(common).startswith("Q(2) = ")
    assert forests.table(common).study.iloc[-1] == "Common effect"


def test_options_change_the_words_of_the_picture(pooled, tmp_path):
    pooled.forest(save=tmp_path / "own.svg", title="My own title")
    assert "My own title" in (tmp_path / "own.svg").read_text(encoding="utf-8")
