"""Combined p values say what they do not say; the albatross plot is the picture of a table."""

from __future__ import annotations

import pandas as pd
import pytest


def test_a_combined_p_says_what_it_is_not(vaccine):
    text = " ".join(repr(vaccine.combine_p()).split())
    assert "together p < .001 z = −11.27 toward BCG" in text
    assert "not how large it is nor that it is common to all" in text


def test_the_weights_are_named(hostile):
    method = hostile.combine_p(weight="size").card().lines[1]
    assert method.aside == "Stouffer's sum of normal deviates, weighted by the root of the size; two-sided"


def test_the_albatross_card_tells_its_contours_and_what_they_assume(vaccine):
    assert "RR 1.1, 1.25, 1.5, with baseline risk 0.00908" in repr(vaccine.albatross())


def test_the_contours_are_a_table_of_their_own(vaccine):
    result = vaccine.albatross(contours=[2.0])
    assert result.contours().columns.tolist() == ["effect", "log10_p", "size"]
    assert result.contours()["size"].is_monotonic_increasing


def test_a_saved_albatross_plot_has_its_table_beside_it(hostile, tmp_path):
    figure = hostile.albatross().draw(save=tmp_path / "albatross.svg")
    table = pd.read_csv(tmp_path / "albatross.csv")
    assert table["size"].tolist() == [80 + 2 * place for place in range(12)]
    assert table["signed_log10_p"].tolist() == pytest.approx(hostile.albatross().tidy()["signed_log10_p"].tolist())
    assert [mark.text for mark in figure.layout.of_kind("key") if mark.text] == ["SMD 0.2", "SMD 0.5", "SMD 0.8"]
    assert "<script>" not in (tmp_path / "albatross.svg").read_text(encoding="utf-8")
