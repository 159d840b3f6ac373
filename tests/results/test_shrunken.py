"""Shrunken effects as a card, a table and a forest plot."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bmac_meta.results.shrunken import NOTE


def test_the_card_has_both_effects_of_each_trial(vaccine):
    lines = repr(vaccine.shrunken()).splitlines()
    assert lines[2].startswith("towards         the pooled effect; τ = 0.56, by REML")
    assert [line for line in lines if line.startswith("Trial 2 ")] == [
        "Trial 2          0.20  0.09 to 0.49      0.29  0.13 to 0.62        62%"
    ]
    assert " ".join(NOTE.split()[:5]) in " ".join(repr(vaccine.shrunken()).split())


def test_a_given_tau2_is_not_said_to_be_estimated(vaccine):
    assert "τ = 0.50, as given" in repr(vaccine.shrunken(tau2=0.25))


def test_the_table_has_what_was_reported_beside_what_it_is_drawn_to(vaccine):
    table = vaccine.shrunken().tidy()
    expected = table["share"] * table["reported"] + (1 - table["share"]) * table["fitted"]
    np.testing.assert_allclose(table["estimate"], expected)
    assert table["study"].tolist() == list(vaccine.studies)


def test_a_regression_draws_trials_towards_what_it_expects_of_them(vaccine):
    regression = vaccine.regress("~ ablat")
    table, places = regression.shrunken().tidy(), vaccine.frame[["ablat"]]
    np.testing.assert_allclose(table["fitted"], regression.predict(places).tidy()["estimate"], rtol=1e-9)
    assert "what ~ ablat expects" in repr(regression.shrunken())


@pytest.mark.parametrize("of", ["pool", "regression"])
def test_the_forest_plot_has_a_row_per_trial(vaccine, tmp_path, of):
    result = vaccine.shrunken() if of == "pool" else vaccine.regress("~ ablat").shrunken()
    figure = result.forest(save=tmp_path / "shrunken.svg")
    words = [text.get_text() for text in figure.findobj(match=plt.Text)]
    assert {"Trial 1", "Trial 13", "as reported"} <= set(words)
    assert ("Random effects (REML)" in words) == (of == "pool")
    assert len((tmp_path / "shrunken.csv").read_text(encoding="utf-8").splitlines()) == 14


def test_nothing_in_a_label_is_obeyed(hostile):
    assert "<script" not in hostile.shrunken()._repr_html_()
