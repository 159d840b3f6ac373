"""The digits of an effect follow its standard error where the usual ones would not show it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.results.precision import Precision
from bmac_meta.stats import MEASURES


def effects_of(scale=1.0, offset=0.0, measure="GEN"):
    table = pd.DataFrame({"d": [0.41, 0.23, 0.35, 0.2], "s": [0.1, 0.12, 0.08, 0.15], "kind": list("abab")})
    table["d"], table["s"] = table["d"] * scale + offset, table["s"] * scale
    return Effects.from_frame(table, estimate="d", se="s", measure=measure)


@pytest.mark.parametrize(
    ("measure", "estimate", "se", "decimals"),
    [
        ("GEN", 0.4, 0.1, 2),
        ("GEN", 0.4, 0.01, 2),
        ("GEN", 0.0004, 0.0001, 5),
        ("MD", 5.2, 0.9, 1),
        ("MD", 0.03, 0.012, 3),
        ("RD", 0.02, 0.004, 3),
        ("RD", 0.0002, 0.00004, 6),
        ("SMD", 0.005, 0.001, 4),
        ("OR", 0.0, 0.2, 2),
        ("OR", 0.0, 0.0002, 5),
        ("MD", 2e6, 3e5, 0),
        ("MD", 2e6, 0.3, 2),
    ],
)
def test_decimals_are_the_usual_ones_unless_the_standard_error_is_below_them(measure, estimate, se, decimals):
    found = Precision.of(MEASURES[measure], np.array([estimate]), np.array([se]))
    assert found.decimals(MEASURES[measure].decimals) == decimals


def test_powers_of_ten_show_two_digits_of_the_standard_error():
    assert Precision.of(MEASURES["GEN"], np.array([2e10]), np.array([1e8])).power_decimals == 3
    assert Precision.of(MEASURES["GEN"], np.array([0.0]), np.array([1e-20])).power_decimals == 1


def test_a_small_pooled_effect_is_not_written_as_zero():
    words = " ".join(repr(effects_of(1e-3).pool()).split())
    # Σwd/Σw = 120.549/370.14 and ±3.182/√370.14, in thousandths.
    assert "effect 0.000326 95% CI 0.000160 to 0.000491" in words
    assert "τ = 0.000000" in words


@pytest.mark.parametrize("verb", ["pool", "leave_one_out", "heterogeneity", "doubts"])
def test_every_answer_of_small_effects_has_digits_to_see(verb):
    words = repr(getattr(effects_of(1e-3), verb)())
    assert "0.00 " not in words.replace("τ = 0.00 ", "")


def test_the_rows_of_subgroups_have_the_digits_of_all_trials():
    rows = effects_of(1e-3).by("kind").pool().card().grids[0].rows
    assert {len(row[2]) for row in rows} == {len("0.000326")}


def test_large_effects_have_no_decimals_and_huge_ones_powers_of_ten_that_differ():
    words = " ".join(repr(effects_of(1e5, 1e6, "MD").pool()).split())
    assert "MD 1,032,568 95% CI 1,016,027 to 1,049,110" in words
    huge = " ".join(repr(effects_of(1e9, 2e10).pool()).split())
    assert "effect 2.0326×10¹⁰ 95% CI 2.0160×10¹⁰ to 2.0491×10¹⁰" in huge


def test_a_plain_knapp_hartung_error_of_nothing_does_not_ask_for_endless_digits():
    table = pd.DataFrame({"d": [0.4] * 4, "s": [0.1] * 4})
    pooled = Effects.from_frame(table, estimate="d", se="s").pool(interval="knapp-hartung")
    assert pooled.decimals == 2


def test_the_forest_plot_and_its_table_tell_the_same_effects():
    pooled = effects_of(1e-3).pool()
    texts = [text.get_text() for text in pooled.forest().findobj(match=lambda artist: hasattr(artist, "get_text"))]
    assert {"0.000326", "0.000410"} <= set(texts)
    assert pooled.tidy()["estimate"].iloc[0] == pooled.fit.estimate


def test_shares_are_percentages_with_one_decimal():
    raw = pd.DataFrame({"events": [10, 2000], "total": [100, 20000]})
    assert Effects.from_raw(raw, measure="PLO").pool().decimals == 1
