"""Influence and subsets show who stands out and draw it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bmac_meta import stats


def test_the_card_names_nobody_where_nobody_stands_out(vaccine):
    text = repr(vaccine.influence())
    assert "stands out      no trial" in text
    assert "DFFITS beyond" in text
    assert "Cook above 0.45" in text
    assert "of 13 trials 0.7 lie there by chance" in text


def test_the_card_names_who_stands_out_and_by_what(vaccine):
    frame = vaccine.frame.assign(estimate=vaccine.frame["estimate"].where(vaccine.frame["study"] != "Trial 5", 6.0))
    text = repr(type(vaccine)(frame, vaccine.question).influence())
    assert "stands out      Trial 5 (rstudent, dffits, cook)" in text


def test_the_table_has_every_diagnostic(vaccine):
    names = ["rstudent", "dffits", "cook", "covariance_ratio", "hat", "tau2_deleted", "q_deleted", "weight"]
    table = vaccine.influence().tidy()
    assert table.columns.tolist() == ["study", "residual", "residual_se", *names, "stands_out"]
    assert table["residual"].to_numpy() / table["residual_se"].to_numpy() == pytest.approx(table["rstudent"].to_numpy())


def test_the_baujat_plot_adds_up_to_q(vaccine, tmp_path):
    result = vaccine.influence()
    result.baujat(save=tmp_path / "baujat.png")
    table = pd.read_csv(tmp_path / "baujat.csv")
    assert table["heterogeneity"].sum() == pytest.approx(vaccine.pool(model="common").fit.q)


def test_the_slope_of_the_radial_plot_is_the_pooled_effect(vaccine, tmp_path):
    figure = vaccine.influence().radial(save=tmp_path / "radial.svg")
    table = pd.read_csv(tmp_path / "radial.csv")
    slope = (table["precision"] * table["standardized"]).sum() / (table["precision"] ** 2).sum()
    assert slope == pytest.approx(vaccine.pool().fit.estimate)
    assert len(figure.layout.of_kind("point")) == 13


def test_the_radial_plot_of_equal_effects_needs_no_tau(vaccine):
    equal = type(vaccine)(vaccine.frame.assign(estimate=-0.5), vaccine.question)
    words = [mark.text for mark in equal.influence().radial().layout.of_kind("axis_label")]
    assert "Precision, 1/√v" in words


def test_the_subsets_are_counted_and_the_widest_split_is_shown_first(vaccine):
    result = vaccine.gosh()
    text = repr(result)
    assert "all 8,178 of two trials or more" in text
    first = next(line for line in text.splitlines() if line.startswith("Trial"))
    assert first.startswith(result.splits["study"][0])


def test_a_sample_says_its_seed(vaccine):
    assert "(seed 7)" in repr(vaccine.gosh(subsets=100, seed=7))


def test_the_picture_of_the_subsets_sets_one_trial_apart(vaccine, tmp_path):
    result = vaccine.gosh()
    figure = result.draw(highlight="Trial 8", save=tmp_path / "gosh.svg")
    assert "subsets with Trial 8" in [mark.text for mark in figure.layout.of_kind("key")]
    assert pd.read_csv(tmp_path / "gosh.csv")["subsets"].sum() == 2**13 - 1 - 13


def test_without_a_name_the_widest_split_is_set_apart(vaccine):
    result = vaccine.gosh(subsets=500)
    words = [mark.text for mark in result.draw().layout.of_kind("key")]
    assert f"subsets with {result.splits['study'][0]}" in words


def test_the_pictures_of_hostile_labels_are_harmless(hostile, tmp_path):
    hostile.influence().baujat(save=tmp_path / "baujat.svg")
    hostile.influence().radial(save=tmp_path / "radial.svg")
    hostile.gosh(subsets=50).draw(save=tmp_path / "gosh.svg")
    for name in ("baujat", "radial", "gosh"):
        assert "<script>" not in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    assert "'=cmd()" in (tmp_path / "baujat.csv").read_text(encoding="utf-8")


def test_the_tau_of_the_radial_plot_is_that_of_the_pool(vaccine):
    result = vaccine.influence()
    assert result.line.tau2 == pytest.approx(vaccine.pool().fit.tau2)
    (subtitle,) = result.radial().layout.of_kind("subtitle")
    assert " ".join(subtitle.text.split()) == "slope of the line: RR 0.49; τ = 0.56"


def test_a_regression_has_diagnostics_of_its_own(vaccine):
    result = vaccine.regress("~ ablat").influence()
    assert result.cutoffs["hat"] == pytest.approx(6 / 13)
    # The median of χ² with 2 degrees of freedom is 2 ln 2.
    assert result.cutoffs["cook"] == pytest.approx(2 * math.log(2))
    assert "Trial 7 (rstudent); Trial 13 (rstudent)" in repr(result)


def test_the_diagnostics_of_a_regression_are_those_of_its_arrays(vaccine):
    fit = vaccine.regress("~ ablat", tau2="DL")
    design = np.column_stack([np.ones(13), vaccine.frame["ablat"]])
    expected = stats.influence(vaccine.estimates, variance=vaccine.variances, design=design, tau2="DL")
    table = fit.influence().tidy()
    assert table["cook"].tolist() == pytest.approx(expected.cook.tolist())
    shifts = table[["dfbetas Intercept", "dfbetas ablat"]].to_numpy()
    np.testing.assert_allclose(shifts, expected.dfbetas)


def test_a_trial_that_a_regression_needs_is_shown_without_residual(vaccine):
    frame = vaccine.frame.assign(only=[1.0, *[0.0] * 12])
    result = type(vaccine)(frame, vaccine.question).regress("~ only").influence()
    first = result.tidy().iloc[0]
    assert np.isnan(first["rstudent"])
    assert first["hat"] == pytest.approx(1)
    assert "Trial 1 (hat)" in repr(result)


def test_a_given_tau2_stays_as_given_without_each_trial(vaccine):
    table = vaccine.regress("~ ablat", tau2=0.25).influence().tidy()
    assert table["tau2_deleted"].tolist() == pytest.approx([0.25] * 13)
