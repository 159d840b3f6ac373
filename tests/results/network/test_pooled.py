"""The pooled network: what it shows is what the kernel and the reference give."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.numbers import format_interval, format_number


def test_effects_against_the_reference_agree_with_netmeta(pooled, case):
    table = pooled.tidy().set_index("treatment")
    column = case["treatments"].index("plac")
    for name in table.index:
        row = case["treatments"].index(name)
        # Given tau2 these are closed forms: rounding in both programs.
        assert table.loc[name, "estimate"] == pytest.approx(case["TE_random"][row][column], abs=1e-8)
        assert table.loc[name, "pi_low"] == pytest.approx(case["pi_lower"][row][column], abs=1e-8)


def test_every_pair_stands_once(pooled):
    table = pooled.comparisons()
    assert len(table) == 45
    assert len({frozenset(pair) for pair in zip(table["treatment"], table["comparator"], strict=True)}) == 45


def test_shares_of_direct_evidence_agree_with_netmeta(pooled, case):
    split = case["netsplit_random"]
    for comparison, share in zip(split["comparison"], split["prop_direct"], strict=True):
        a, b = (pooled.position(name) for name in comparison.split(":"))
        assert pooled.share_direct[a, b] == pytest.approx(share, abs=1e-8)


def test_the_card_prints_the_numbers_of_the_table(pooled):
    text = repr(pooled)
    for row in pooled.tidy().itertuples():
        assert format_number(row.estimate, 2) in text
        assert format_interval(row.ci_low, row.ci_high) in text


def test_the_card_names_heterogeneity_inconsistency_and_method(pooled):
    text = " ".join(repr(pooled).split())
    for words in ("τ = 0.32", "Q(18) = 97.0, p < .001", "design-by-treatment test", "Q(7) = 2.2", "τ² given"):
        assert words in text


def test_the_best_stands_first_where_a_direction_is_known(pooled, ratio, undirected):
    assert pooled.treatments[0] == "rosi"
    assert ratio.treatments[0] == "plac"
    assert undirected.treatments == undirected.fit.treatments


def test_ratios_are_shown_as_ratios(ratio):
    table = ratio.tidy()
    np.testing.assert_allclose(table["estimate_shown"], np.exp(table["estimate"]), rtol=1e-12)
    assert "above 1 favours the treatment named first" in " ".join(repr(ratio).split())


def test_treatments_are_found_by_their_spoken_names(pooled):
    assert pooled.position("Metformin") == pooled.position("metf")
    with pytest.raises(UnknownWordError, match="metfornin"):
        pooled.position("metfornin")


def test_a_sentence_says_what_an_effect_rests_on(pooled):
    assert pooled.sentence("sulf", "plac").endswith("by indirect evidence alone.")
    assert "from 4 trials of the two" in pooled.sentence("metf", "plac")


def test_a_treatment_against_itself_is_refused(pooled):
    with pytest.raises(InputError, match="itself"):
        pooled.sentence("metf", "metformin")
    with pytest.raises(InputError, match="itself"):
        pooled.leave_one_out("plac", "plac")


def test_patients_of_a_treatment_are_those_of_its_arms(pooled):
    assert pooled.patients["sita"] == 50
    assert "26 trials · 10 treatments · 2,650 patients" in repr(pooled)


def test_the_forest_is_written_with_its_table(pooled, tmp_path):
    figure = pooled.forest(save=tmp_path / "forest.svg")
    diamonds = figure.layout.of_kind("diamond")
    assert len(diamonds) == 9
    assert (tmp_path / "forest.csv").read_text(encoding="utf-8").count("\n") == 10
