from __future__ import annotations

import math
from statistics import NormalDist

import pytest


@pytest.fixture
def arm(evidence, rows):
    """Return a function that gives the one row of effects (or what was left out) when the arm t has this row."""

    def read(rules=None, **columns):
        t = rows.score("trial", "t", columns.pop("mean", 4), columns.pop("sd", None), **columns)
        c = rows.score("trial", "c", 5, 2, scale_min=t["scale_min"], scale_max=t["scale_max"], **_same(columns))
        effects = evidence(outcomes=[t, c]).compare(
            "BMAC", "HA", on="vas_pain", months=6, measure="MD", **(rules or {})
        )
        return effects.frame.iloc[0] if len(effects) else effects.left_out.loc[0, "reason"]

    def _same(columns):
        names = ("outcome", "value_kind", "higher_is_better")
        same = {name: columns[name] for name in names if name in columns}
        return same | ({"flag": columns["flag"]} if columns.get("flag") == "sign_positive_improvement" else {})

    return read


def test_a_printed_sd_is_taken_as_it_is(arm):
    row = arm(sd=1.75)
    assert (row.mean_a, row.sd_a, row.n_a, row.spread_a) == (4.0, 1.75, 20, "SD as printed")


def test_an_se_becomes_an_sd_by_the_root_of_n(arm):
    row = arm(dispersion=0.5, dispersion_kind="se", n=25)
    assert (row.sd_a, row.spread_a) == (2.5, "from SE")


def test_an_interval_becomes_an_sd_by_the_quantile_of_t(arm):
    # Cochrane Handbook 6.5.2.2: 30.0 to 34.2 with 25 patients is √25 × (34.2 − 30.0)/4.128 = 5.09.
    row = arm(mean=32.1, ci_low=30.0, ci_high=34.2, n=25, scale_max=100)
    assert row.sd_a == pytest.approx(5.09, abs=0.005)
    assert row.spread_a == "from CI"


def test_the_level_of_an_interval_counts(arm):
    wide = arm(mean=32.1, ci_low=30.0, ci_high=34.2, ci_level=90, n=25, scale_max=100)
    # The 95% point of t with 24 degrees of freedom is 1.7109.
    assert wide.sd_a == pytest.approx(5 * 4.2 / (2 * 1.7109), rel=1e-4)


def test_an_unlabelled_spread_is_read_as_sd_where_it_is_plausible_and_marked(arm):
    row = arm(dispersion=2.2, dispersion_kind="plus_minus_unlabelled")
    assert (row.sd_a, row.spread_a) == (2.2, "± read as SD")


@pytest.mark.parametrize(("spread", "share"), [(0.4, "4%"), (4.5, "45%")])
def test_an_unlabelled_spread_that_no_sd_would_have_is_left_out(arm, spread, share):
    assert arm(dispersion=spread, dispersion_kind="plus_minus_unlabelled") == (
        f"± {spread:g} of unknown kind ({share} of the scale) cannot be taken for an SD"
    )


def test_an_unlabelled_spread_can_always_or_never_be_read_as_sd(arm):
    bare = {"dispersion": 0.4, "dispersion_kind": "plus_minus_unlabelled"}
    assert arm(rules={"unlabelled": "keep"}, **bare).sd_a == 0.4
    fine = bare | {"dispersion": 2}
    assert arm(rules={"unlabelled": "leave_out"}, **fine) == "± 2 is of unknown kind"


def test_without_a_scale_an_unlabelled_spread_is_held_against_the_scales_of_the_instrument(evidence, rows):
    def reason_for(spread, mean=40):
        unlabelled = {"dispersion": spread, "dispersion_kind": "plus_minus_unlabelled", "scale_min": None}
        own = {"scale_max": None, "outcome": "koos_adl"}
        outcomes = [rows.score("trial", arm, mean, None, **unlabelled, **own) for arm in "tc"]
        effects = evidence(outcomes=outcomes).compare("BMAC", "HA", on="koos_adl", months=6)
        return "" if len(effects) else effects.left_out.loc[0, "reason"]

    assert reason_for(18) == ""  # KOOS is on 0 to 100 in instruments.csv
    assert reason_for(2) == "± 2 of unknown kind (2% of the scale) cannot be taken for an SD"
    assert "the scale is not known" in reason_for(18, mean=140)  # no scale of KOOS holds 140


def test_an_interval_comes_before_a_spread_of_unknown_kind(arm):
    row = arm(dispersion=2.2, dispersion_kind="plus_minus_unlabelled", ci_low=3, ci_high=5)
    assert row.spread_a == "from CI"


def test_symmetric_quartiles_become_a_mean_and_an_sd(arm):
    row = arm(mean=None, median=5, q1=3, q3=7, n=100)
    assert row.mean_a == pytest.approx(5.0)
    # Wan 2014 (10.1186/1471-2288-14-135), formula 16: (q3 − q1)/(2 Φ⁻¹((0.75 n − 0.125)/(n + 0.25))).
    assert row.sd_a == pytest.approx(4 / (2 * NormalDist().inv_cdf((75 - 0.125) / 100.25)), rel=1e-12)
    assert row.spread_a == "from quartiles"


def test_a_symmetric_range_becomes_a_mean_and_an_sd(arm):
    row = arm(mean=None, median=5, min=1, max=9, n=100)
    # Luo 2018 (10.1177/0962280216669183): w = 4/(4 + n^0.75) on the middle of the range, which is the median here.
    assert row.mean_a == pytest.approx(5.0)
    # Wan 2014, formula 9: (maximum − minimum)/(2 Φ⁻¹((n − 0.375)/(n + 0.25))).
    assert row.sd_a == pytest.approx(8 / (2 * NormalDist().inv_cdf((100 - 0.375) / 100.25)), rel=1e-12)
    assert row.spread_a == "from extremes"


def test_all_five_numbers_are_used_where_they_are_printed(arm):
    row = arm(mean=None, median=5, q1=3.5, q3=6.5, min=1, max=9, n=100)
    inner, outer = (NormalDist().inv_cdf(place) for place in ((75 - 0.125) / 100.25, (100 - 0.375) / 100.25))
    # Shi 2020 (10.1002/jrsm.1429), formula 10: the range with weight 1/(1 + 0.07 n^0.6).
    weight = 1 / (1 + 0.07 * 100**0.6)
    assert row.sd_a == pytest.approx(weight * 8 / (2 * outer) + (1 - weight) * 3 / (2 * inner), rel=1e-12)
    assert (row.mean_a, row.spread_a) == (pytest.approx(5.0), "from quartiles and extremes")


def test_a_skewed_range_is_refused(arm):
    assert "the extremes are skewed" in arm(mean=None, median=1.5, min=1, max=9, n=100)


def test_skewed_quartiles_are_refused(arm):
    assert "skewed" in arm(mean=None, median=1.2, q1=1, q3=7, n=100)


def test_quartiles_can_be_left_out_altogether(arm):
    assert arm(rules={"medians": "leave_out"}, mean=None, median=5, q1=3, q3=7) == "a median with quartiles"


def test_a_printed_mean_stays_when_only_its_spread_comes_from_quartiles(arm):
    row = arm(mean=5.2, median=5, q1=3, q3=7, n=100)
    assert (row.mean_a, row.spread_a) == (5.2, "from quartiles")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"mean": None, "median": 5, "q1": 5, "q3": 5}, "the quartiles are equal: they tell no spread"),
        ({"mean": None, "median": 5, "q1": 3, "q3": 7, "n": 4}, "a median of 4 patients cannot be tested for skewness"),
        ({"mean": None, "median": 5, "min": 5, "max": 5}, "the extremes are equal: they tell no spread"),
        ({"mean": None, "median": 5}, "a median without its quartiles or extremes"),
        ({"q1": 3, "q3": 7}, "without a median the quartiles cannot be tested for skewness"),
        ({"min": 1, "max": 9}, "without a median the extremes cannot be tested for skewness"),
        ({}, "a mean without a spread"),
        ({"sd": 2, "n": None}, "no number of patients is printed"),
        ({"sd": 2, "n": 1}, "n is 1: a spread needs two patients"),
    ],
)
def test_a_row_that_gives_nothing_says_why(arm, columns, reason):
    assert arm(**columns) == reason


def test_an_improvement_is_turned_where_low_scores_are_good(arm):
    # Improvements of 4 and 5 points of pain are changes of −4 and −5: BMAC improved less.
    row = arm(sd=2, value_kind="change", flag="sign_positive_improvement")
    assert (row.mean_a, row.mean_b, row.estimate) == (-4.0, -5.0, 1.0)


def test_an_improvement_stands_where_high_scores_are_good(evidence, rows):
    own = {"outcome": "koos_adl", "value_kind": "change", "flag": "sign_positive_improvement", "scale_max": 100}
    outcomes = [rows.score("trial", arm, mean, **own) for arm, mean in (("t", 4), ("c", 5))]
    frame = evidence(outcomes=outcomes).compare("BMAC", "HA", on="koos_adl", months=6).frame
    assert (frame.mean_a[0], frame.mean_b[0], frame.estimate[0]) == (4.0, 5.0, -1.0)


def test_counts_keep_their_origin_in_the_history(evidence, rows):
    outcomes = [rows.count("trial", "t", 3, 20, events_basis="from_percent"), rows.count("trial", "c", 6, 20)]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", on="adverse_events", months=6)
    assert effects.frame.estimate[0] == pytest.approx(math.log(0.5))
    told = list(effects.history().what)
    assert told[:2] == ["printed: 3 of 20 (count computed from a printed percentage)", "printed: 6 of 20"]


@pytest.mark.parametrize(
    ("patients", "n", "joints"), [({"n_randomised": 12}, 12, False), ({}, 20, True), ({"n_analysed": 30}, 20, True)]
)
def test_patients_are_counted_where_n_counts_joints_and_they_are_known(evidence, rows, patients, n, joints):
    arms = {"trial": {arm: {"intervention": node} | patients for arm, node in (("t", "BMAC"), ("c", "HA"))}}
    outcomes = [rows.score("trial", arm, mean, flag="unit_not_patient") for arm, mean in (("t", 4), ("c", 5))]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", on="vas_pain", months=6)
    assert list(effects.frame.n_a) == [n]
    assert any("n counts joints, not patients" in note for note in effects.notes) == joints
    assert effects.frame.se[0] == pytest.approx(2 * math.sqrt(2 / n))
