"""`selection` pools as if significant trials had been likelier to be published."""

from __future__ import annotations

import math

import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused
from bmac_meta.stats import worst_case


def test_no_selection_and_the_worst_case_are_those_of_the_s_value(bcg):
    expected = worst_case(bcg.estimates, variance=bcg.variances, favored="negative")
    result = bcg.selection()
    assert result.fits[0] == expected.uncorrected
    assert result.fits[-1] == expected.worst_case


def test_the_s_value_is_the_ratio_that_brings_the_estimate_to_no_effect(smd):
    made = smd(k=14)
    # Six clear trials, and eight on the other side of no effect that are not significant.
    effects = type(made)(made.frame.assign(estimate=[*[-0.9] * 6, *[0.1] * 8]), made.question)
    s_value = effects.doubts()["worst case"].s_value
    assert 1 < s_value < math.inf
    table = effects.selection(ratios=[s_value]).tidy()
    assert table["estimate"].tolist() == pytest.approx([0], abs=1e-12)


def test_the_side_is_the_better_one_unless_it_is_named(bcg):
    assert (bcg.selection().favored, bcg.selection().source) == ("negative", "the better side for the patients")
    assert (bcg.selection(favored="positive").favored) == "positive"


def test_the_card_counts_the_significant_trials_and_names_verdicts(bcg):
    text = repr(bcg.selection())
    significant = sum(bcg.estimates / bcg.variances**0.5 < -1.959963984540054)
    assert f"{significant} of 13 trials are negative with p < .05" in text
    assert "∞ (worst case)" in text
    assert "favours BCG" in text
    assert "includes no effect" in text


def test_a_share_below_1_is_no_ratio(bcg):
    with pytest.raises(InputError, match=r"ratio is 0\.5"):
        bcg.selection(ratios=[0.5])


def test_too_few_trials_and_measures_without_a_null_are_refused(bcg):
    with pytest.raises(NotEnoughTrials, match="selection by significance"):
        bcg.where(study=["Trial 1", "Trial 2", "Trial 3"]).selection()
    proportions = bcg.frame.rename(columns={"events_a": "events", "total_a": "total"})
    with pytest.raises(PoolingRefused, match="no value of no effect"):
        type(bcg).from_raw(proportions, measure="PLO", study="study").selection()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"ratios": 2}, "ratios is 2; it must be a list"),
        ({"ratios": []}, "ratios is .*; it must be a list"),
        ({"ratios": "12"}, "ratios is '12'; it must be a list"),
        ({"ratios": [1, "2"]}, "ratio is '2'; it must be a number of 1 or more"),
        ({"alpha": "a"}, "alpha is 'a'; it must be one share between 0 and 1, such as 0.05"),
        ({"minimum_trials": "10"}, "minimum_trials is '10'; it must be a whole number"),
        ({"favored": 1}, "There is no favored direction 1"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_in_words(bcg, keywords, message):
    with pytest.raises(InputError, match=message):
        bcg.selection(**keywords)
