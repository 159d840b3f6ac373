"""Contributions, net heat, and each trial left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from bmac_meta.errors import UnknownWordError
from bmac_meta.stats.network import fit_network, without_trials


@pytest.mark.parametrize("method", ["random-walk", "hat-matrix"])
def test_contributions_to_each_estimate_sum_to_one(pooled, method):
    result = pooled.contribution(method)
    for table in (result.tidy(), result.by_trial()):
        sums = table.groupby(["treatment", "comparator"])["share"].sum()
        np.testing.assert_allclose(sums, 1.0, atol=1e-9)


def test_a_comparison_that_nothing_else_informs_contributes_all_to_itself(pooled):
    table = pooled.contribution().tidy()
    own = table[(table["treatment"] == "benf") & (table["comparator"] == "plac")]
    assert own["share"].tolist() == pytest.approx([1.0])


def test_bars_are_of_one_length(pooled, tmp_path):
    figure = pooled.contribution().draw(save=tmp_path / "bars.svg")
    parts = figure.layout.of_kind("part")
    for row in range(9):
        own = [mark for mark in parts if mark.row == row]
        assert max(max(mark.x) for mark in own) - min(min(mark.x) for mark in own) == pytest.approx(
            max(max(mark.x) for mark in parts) - min(min(mark.x) for mark in parts)
        )
    pooled.contribution().draw(by="trial", save=tmp_path / "trials.svg")
    assert "trial" in (tmp_path / "trials.csv").read_text(encoding="utf-8").splitlines()[0]


def test_net_heat_adds_up_to_the_inconsistency_between_designs(pooled, case, tmp_path):
    heat = pooled.net_heat()
    assert heat.heat.q.sum() == pytest.approx(case["Q_inconsistency"], rel=1e-8)
    heat.draw(save=tmp_path / "heat.svg")
    assert len(heat.tidy()) == 15 * 15
    assert "rosi : sulf" in repr(heat)


def test_leaving_a_trial_out_is_the_network_without_it(ratio):
    result = ratio.leave_one_out("metf", "plac")
    row = result.tidy().set_index("label").loc["DeFronzo1995"]
    again = fit_network(without_trials(ratio.fit.data, ["DeFronzo1995"]))
    a, b = again.data.index("metf"), again.data.index("plac")
    assert row["estimate"] == pytest.approx(float(again.estimate[a, b]), abs=1e-9)
    assert row["ci_low"] == pytest.approx(float(again.ci_low[a, b]), abs=1e-9)
    assert row["tau2"] == pytest.approx(again.tau2, abs=1e-9)


def test_a_lost_link_is_said_in_words(pooled):
    result = pooled.leave_one_out("sita", "plac")
    assert result.tidy()["label"].iloc[0] == "Hermansen2007"
    assert "no longer linked" in repr(result)
    figure = result.forest()
    assert "no longer linked" in [mark.text for mark in figure.layout.marks if mark.shape == "text"]


def test_the_row_that_moves_the_estimate_most_stands_first(pooled):
    for by, count in (("trial", 26), ("comparison", 15)):
        table = pooled.leave_one_out("rosi", "plac", by=by).tidy()
        assert len(table) == count
        assert table["shift"].abs().is_monotonic_decreasing
    with pytest.raises(UnknownWordError, match="arm"):
        pooled.leave_one_out("rosi", "plac", by="arm")


def test_a_student_quantile_follows_the_degrees_of_freedom_that_are_left(pooled_by_t):
    result = pooled_by_t.leave_one_out("rosi", "plac")
    row = result.tidy().set_index("label").loc["Willms1999"]
    width = (row["ci_high"] - row["ci_low"]) / 2 / row["se"]
    assert width == pytest.approx(float(stdtrit(16, 0.975)), rel=1e-9)
