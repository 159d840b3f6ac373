from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.evidence.rules import Rules, changed, window


@pytest.mark.parametrize(
    ("months", "inside", "outside"),
    [
        (3, [0.1, 1, 3], [0, 3.01, None]),
        (1, [0.1, 3], [0, 3.5]),
        (6, [3.01, 6], [3, 6.01, 0]),
        (12, [6.5, 12], [6, 12.1]),
        (24, [12.1, 24, 120], [12, 0]),
        ((5, 7), [5, 6, 7], [4.9, 7.1, 0, None]),
        ((0, 3), [0.5, 3], [0, 3.1]),
        ((0, 0), [0], [1]),
        (None, [0.1, 6, 240, None], [0]),
        ((12, float("inf")), [12, 300], [11.9, 0, None]),
    ],
)
def test_a_window_holds_the_visits_between_its_limits_and_never_the_baseline(months, inside, outside):
    found = window(months)
    assert all(found.holds(month) for month in inside)
    assert not any(found.holds(month) for month in outside)


@pytest.mark.parametrize(
    ("months", "words", "rule"),
    [
        (12, "12 months", "visits over 6 to 12 months, the nearest to 12"),
        (1, "1 month", "visits over 0 to 3 months, the nearest to 1"),
        (24, "24 months", "visits over 12 months, the nearest to 24"),
        ((5, 7), "5 to 7 months", "visits from 5 to 7 months, the nearest to 6"),
        (None, "last visit", "the last visit of each trial"),
        ((12, float("inf")), "last visit from 12 months on", "the last visit of each trial, from 12 months on"),
    ],
)
def test_a_window_is_told_in_words(months, words, rule):
    assert (window(months).words, window(months).rule) == (words, rule)


def test_a_window_takes_numbers_of_any_kind():
    assert window(np.int64(6)) == window(6.0) == window(6)
    assert window((np.float64(5), 7)) == window([5, 7])


@pytest.mark.parametrize(
    "months",
    [0, -1, True, "6", float("nan"), float("inf"), (7, 5), (1, 2, 3), (5,), (None, 6), (-1, 3), (5, float("nan"))],
)
def test_what_is_no_time_is_refused_with_the_ways_to_say_one(months):
    with pytest.raises(InputError, match=r"give a number above 0 \(12\), two limits in order"):
        window(months)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("measured_as", "finale"),
        ("unlabelled", "plausibl"),
        ("medians", "convrt"),
        ("flags", "keepall"),
        ("flags", {"suspect_se_not_sd": "kep"}),
        ("flags", {"suspect_se_not_s": "keep"}),
    ],
)
def test_an_unknown_word_is_answered_with_the_nearest_one(rule, value):
    with pytest.raises(UnknownWordError, match="did you mean"):
        Rules(**{rule: value})


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("correlation", 1),
        ("correlation", float("nan")),
        ("paired_correlation", -1.0),
        ("paired_correlation", "0.5"),
        ("correlation", True),
        ("flags", 3),
        ("flags", None),
        ("part", "kl_grade"),
        ("part", "ab"),
        ("part", ("kl_grade", 2)),
        ("part", 5),
        ("nodes", "PRP"),
        ("nodes", {"LR_PRP": 3}),
        ("designs", 3),
        ("prefer", None),
        ("prefer", [3]),
    ],
)
def test_a_value_that_a_rule_cannot_have_is_refused_with_what_was_given(rule, value):
    with pytest.raises(InputError, match=f"^{rule}=.* was given"):
        Rules(**{rule: value})


def test_an_unknown_rule_is_answered_with_the_nearest_one():
    with pytest.raises(UnknownWordError, match="There is no rule 'flag'; did you mean 'flags'"):
        changed(Rules(), {"flag": "keep_all"})


def test_rules_are_not_changed_by_what_happens_to_the_mappings_that_they_came_from():
    flags, nodes = {"confounded": "keep"}, {"LR_PRP": "LR_PRP"}
    rules = Rules(flags=flags, nodes=nodes)
    flags["confounded"], nodes["LR_PRP"] = "leave_out", "PRP"
    assert rules.action("confounded") == "keep"
    assert rules.nodes == {"LR_PRP": "LR_PRP"}


def test_each_policy_says_what_happens_to_a_flag():
    assert Rules().action("implausible_effect") == "leave_out"
    assert Rules().action("suspect_sd_large") == "keep"
    assert Rules(flags="keep_all").action("implausible_effect") == "keep"
    assert Rules(flags="leave_out_all").action("suspect_sd_large") == "leave_out"
    own = Rules(flags={"implausible_effect": "keep"})
    assert (own.action("implausible_effect"), own.action("impossible_ci")) == ("keep", "leave_out")


def test_every_rule_stands_in_the_words():
    told = " | ".join(
        Rules(
            designs=None,
            flags={"confounded": "keep"},
            measured_as="change",
            prefer="vas_pain",
            nodes={"LR_PRP": "LR_PRP"},
            correlation=0.7,
            paired_correlation=0.3,
            unlabelled="keep",
            medians="leave_out",
            part=["kl_grade", "2"],
        ).lines()
    )
    for words in (
        "all designs",
        "default, confounded kept",
        "change scores only",
        "first vas_pain, then the order",
        "LR_PRP joins LR_PRP",
        "baseline and follow-up 0.7, of two joints 0.3",
        "unlabelled spreads: keep; medians: leave_out",
        "a part of the arms only: kl_grade 2",
    ):
        assert words in told
