"""p values combined, and set against the sizes of trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtrc, ndtr

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, PoolingRefused, UnknownWordError


def test_stouffer_is_the_sum_of_deviates_over_the_root_of_their_number(bcg):
    z = bcg.estimates / np.sqrt(bcg.variances)
    fit = bcg.combine_p().fit
    assert fit.statistic == pytest.approx(z.sum() / np.sqrt(13), rel=1e-9)
    assert fit.p_value == pytest.approx(2 * ndtr(-abs(fit.statistic)), rel=1e-9)


def test_stouffer_weighted_by_size_uses_the_root_of_the_size(smd):
    effects = smd()
    z = effects.estimates / np.sqrt(effects.variances)
    weight = np.sqrt(effects.frame["n_a"] + effects.frame["n_b"])
    fit = effects.combine_p(weight="size").fit
    assert fit.statistic == pytest.approx((weight * z).sum() / np.sqrt((weight**2).sum()), rel=1e-9)


def test_fisher_is_the_better_of_both_directions_doubled(smd):
    effects = smd(k=6)
    z = effects.estimates / np.sqrt(effects.variances)
    one_sided = [chdtrc(12, -2 * np.log(ndtr(side * z)).sum()) for side in (-1, 1)]
    fit = effects.combine_p("fisher").fit
    assert fit.p_value == pytest.approx(2 * min(one_sided), rel=1e-9)
    assert fit.statistic < 0


def test_turning_every_effect_turns_the_sign_and_keeps_p(bcg):
    turned = Effects(bcg.frame.assign(estimate=-bcg.frame["estimate"]), bcg.question)
    assert turned.combine_p().fit.statistic == -bcg.combine_p().fit.statistic
    assert turned.combine_p().fit.p_value == bcg.combine_p().fit.p_value


def test_a_trial_whose_p_is_one_to_all_digits_is_refused_by_name():
    table = pd.DataFrame({"y": [3.0, 3.0, 3.0, -2.0], "se": [0.1, 0.1, 0.1, 0.1]})
    with pytest.raises(InputError, match=r"row 4: so many standard errors .* \(30.0\)"):
        Effects.from_frame(table, estimate="y", se="se").combine_p()


def test_a_share_has_no_p(effects_of):
    with pytest.raises(PoolingRefused, match="no value of no effect"):
        effects_of("pritz1997_PLO").combine_p()


def test_weights_need_sizes_and_a_known_word(bcg, effects_of):
    with pytest.raises(UnknownWordError, match="Known: size"):
        bcg.combine_p(weight="n")
    with pytest.raises(InputError, match="sizes of the trials are needed"):
        effects_of("hackshaw1998").combine_p(weight="size")


def test_an_albatross_sets_two_sided_p_against_the_number_of_patients(bcg):
    table = bcg.albatross().tidy()
    z = bcg.estimates / np.sqrt(bcg.variances)
    assert table["p_value"].to_numpy() == pytest.approx(2 * ndtr(-np.abs(z)))
    assert table["size"].tolist() == (bcg.frame["total_a"] + bcg.frame["total_b"]).tolist()
    assert np.sign(table["signed_log10_p"]).tolist() == np.sign(z).tolist()


def test_a_trial_on_a_contour_has_its_effect(smd):
    # Two arms of n patients: d has the variance 2/n + d²/(4n), so that z² = d²/variance gives n.
    result = smd().albatross(contours=[0.5])
    contour = result.contours()
    row = contour.iloc[100]
    n = row["size"] / 2
    z = 0.5 / np.sqrt(2 / n + 0.25 / (4 * n))
    assert -np.log10(2 * ndtr(-z)) == pytest.approx(row["log10_p"], rel=1e-6)


def test_the_contours_of_differences_in_points_are_in_standard_deviations(smd):
    points = smd().frame.rename(columns={"estimate": "y"})
    made = Effects.from_frame(points, estimate="y", se="se", study="study", measure="MD")
    result = made.albatross()
    assert result.fit.effects.tolist() == pytest.approx([share * result.assumed["sd"] for share in (0.2, 0.5, 0.8)])


def test_a_measure_without_contours_is_refused(effects_of):
    with pytest.raises(PoolingRefused, match=r"doubts\(\).funnel\(\)"):
        effects_of("bcg_RD").albatross()


@pytest.mark.parametrize("contours", [0.5, "0.5", [], [0.2, "a"], [0.0], {0.2: 1}], ids=repr)
def test_contours_that_are_none_are_refused(smd, contours):
    with pytest.raises(InputError, match=r"contours? is .*; it must be"):
        smd().albatross(contours)


@pytest.mark.parametrize("sizes", ["many", -5, 0, None, [1]], ids=repr)
def test_sizes_that_are_none_are_asked_for(smd, sizes):
    with pytest.raises(InputError, match="The sizes of the trials are needed"):
        smd(n_a=[sizes] * 12).combine_p(weight="size")


def test_the_baseline_risk_that_contours_take_for_granted_is_said(bcg):
    table = bcg.tidy().drop(columns=["events_a", "events_b"])
    effects = Effects.from_frame(table, estimate="estimate", se="se", study="study", measure="RR")
    known, unknown = bcg.without("Trial 8"), effects.without("Trial 8")
    assert "baseline risk 0.5" in repr(unknown.albatross())
    assert "baseline risk 0.0" in repr(known.albatross())
