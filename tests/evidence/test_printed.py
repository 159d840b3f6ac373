from __future__ import annotations

import math

import pytest

PAIN = {"on": "vas_pain", "months": 6}


def one(effects):
    assert len(effects) == 1, effects.left_out
    return effects.frame.iloc[0]


def test_a_printed_difference_is_taken_with_its_standard_error(evidence, rows):
    row = one(evidence(contrasts=[rows.contrast("trial", "t", "c", -1.5, se=0.4)]).compare("BMAC", "HA", **PAIN))
    assert (row.estimate, row.se, row.spread_a) == (-1.5, 0.4, "contrast as printed")


def test_the_standard_error_comes_from_the_interval_where_none_is_printed(evidence, rows):
    limits = {"ci_low": -2.5, "ci_high": -0.5}
    row = one(evidence(contrasts=[rows.contrast("trial", "t", "c", -1.5, **limits)]).compare("BMAC", "HA", **PAIN))
    assert row.se == pytest.approx(1 / 1.959964, rel=1e-6)
    ninety = rows.contrast("trial", "t", "c", -1.5, ci_level=90, **limits)
    row = one(evidence(contrasts=[ninety]).compare("BMAC", "HA", **PAIN))
    assert row.se == pytest.approx(1 / 1.644854, rel=1e-6)


def test_a_standard_error_that_does_not_fit_gives_way_to_the_interval(evidence, rows, knee):
    # conaghan2018: −0.98 (−1.47 to −0.49) with a printed SE of 0.2.
    printed = {"se": 0.2, "ci_low": -1.47, "ci_high": -0.49, "flag": "se_inconsistent"}
    row = one(evidence(contrasts=[rows.contrast("trial", "t", "c", -0.98, **printed)]).compare("BMAC", "HA", **PAIN))
    assert row.se == pytest.approx(0.25, abs=1e-4)


def test_a_contrast_is_turned_round_to_have_the_treatment_first(evidence, rows):
    ev = evidence(contrasts=[rows.contrast("trial", "c", "t", 1.5, se=0.4, n_a=30, n_b=20)])
    effects = ev.compare("BMAC", "HA", **PAIN)
    row = one(effects)
    assert (row.estimate, row.arm_a, row.arm_b, row.n_a, row.n_b) == (-1.5, "t", "c", 20, 30)
    assert "turned round: BMAC first" in list(effects.history().what)


def test_a_ratio_is_pooled_as_a_logarithm(evidence, rows):
    ratio = rows.contrast("trial", "t", "c", 0.8, outcome="adverse_events", measure="RR", ci_low=0.4, ci_high=1.6)
    row = one(evidence(contrasts=[ratio]).compare("BMAC", "HA", on="adverse_events", months=6, measure="RR"))
    assert row.estimate == pytest.approx(math.log(0.8))
    assert row.se == pytest.approx(math.log(4) / (2 * 1.959964), rel=1e-6)


def test_a_risk_difference_is_printed_in_percentage_points(evidence, rows):
    points = rows.contrast("trial", "t", "c", 10.1, outcome="adverse_events", measure="RD", ci_low=-4.5, ci_high=24.8)
    row = one(evidence(contrasts=[points]).compare("BMAC", "HA", on="adverse_events", months=6, measure="RD"))
    assert row.estimate == pytest.approx(0.101)
    assert row.se == pytest.approx(0.293 / (2 * 1.959964), rel=1e-6)


def test_a_difference_of_improvements_is_turned_where_low_scores_are_good(evidence, rows):
    improved = {"se": 0.4, "flag": "sign_positive_improvement"}
    effects = evidence(contrasts=[rows.contrast("trial", "t", "c", 1.5, **improved)]).compare("BMAC", "HA", **PAIN)
    assert one(effects).estimate == -1.5
    assert "difference of improvements 1.5 read as one of changes, -1.5" in list(effects.history().what)


def test_the_paired_contrast_of_boffa_2022_favours_bmac(knee):
    # Its improvements on a 0 to 10 VAS differ by 0.5 at 12 months, and more with BMAC (contrasts.csv, notes).
    effects = knee.compare("BMAC", "HA", on="vas_pain", months=12)
    boffa = effects.frame[effects.frame.study_id == "boffa2022"].iloc[0]
    assert (boffa.estimate, boffa.se, boffa.paired) == (-0.5, 0.239, True)
    assert effects.where(study_id="boffa2022").pool().patients == 56


def test_a_difference_with_sizes_becomes_an_smd_by_the_sd_that_its_error_tells(evidence, rows):
    ev = evidence(contrasts=[rows.contrast("trial", "t", "c", -1.5, se=0.5, n_a=20, n_b=30)])
    row = one(ev.compare("BMAC", "HA", on="pain", months=6))
    sd = 0.5 / math.sqrt(1 / 20 + 1 / 30)
    g, se = rows.hedges_g((-1.5, sd, 20), (0, sd, 30))
    assert row.estimate == pytest.approx(g, rel=1e-12)
    assert row.se == pytest.approx(se, rel=1e-12)
    assert row.spread_a == "from the printed MD"


def test_a_paired_difference_becomes_an_smd_in_the_units_of_parallel_trials(evidence, rows):
    printed = {"se": 0.5, "n_a": 20, "n_b": 20, "paired": "true"}
    ev = evidence(contrasts=[rows.contrast("trial", "t", "c", -1.5, **printed)])
    row = one(ev.compare("BMAC", "HA", on="pain", months=6, paired_correlation=0.6))
    # SE² = 2 SD² (1 − r)/n, so SD = 0.5 √(20/0.8) = 2.5; J has 2 (n − 1)/(1 + r²) degrees of freedom.
    assert row.estimate == pytest.approx(rows.hedges(38 / 1.36) * -1.5 / 2.5, rel=1e-12)


def test_a_difference_becomes_percent_of_the_scale_of_the_trials_own_rows(evidence, rows):
    outcomes = [rows.score("trial", arm, None, None, n=None, median=5, scale_max=50) for arm in "tc"]
    ev = evidence(outcomes=outcomes, contrasts=[rows.contrast("trial", "t", "c", -1.5, se=0.5)])
    row = one(ev.compare("BMAC", "HA", measure="POMP", **PAIN))
    assert (row.estimate, row.se) == (-3.0, 1.0)


@pytest.mark.parametrize(("source", "expected"), [("primary", -0.4), ("review", 0.4)])
def test_a_reviews_smd_is_turned_already_and_a_trials_is_not(evidence, rows, source, expected):
    koos = {"outcome": "koos_pain", "measure": "SMD", "se": 0.2, "source_type": source}
    row = one(
        evidence(contrasts=[rows.contrast("trial", "t", "c", 0.4, **koos)]).compare("BMAC", "HA", on="pain", months=6)
    )
    assert row.estimate == expected


def test_the_quality_of_life_rows_of_juni_2015_keep_their_sign(knee):
    # Cochrane CD005328: a negative standardized difference favours corticosteroid (data/README.md).
    effects = knee.compare("CORTICOSTEROID+EXERCISE", "PLACEBO+EXERCISE", on="quality_of_life")
    assert dict(zip(effects.frame.study_id, effects.frame.estimate, strict=True)) == {"henriksen2015": -0.02}


def test_an_adjusted_difference_gives_no_smd(knee):
    effects = knee.compare("CORTICOSTEROID", "PLACEBO", on="nrs_pain", months=3, measure="SMD")
    reason = "an adjusted MD: its standard error does not tell the SD between patients"
    assert reason in set(effects.left_out.reason)


def test_a_contrast_derived_from_two_printed_changes_is_not_mixed_with_final_scores(knee):
    effects = knee.compare("BMAC", "HA", on="pain", months=12)
    assert set(effects.frame["measured_as"]) == {"change", "final"}
    assert "Boffa 2022" in effects.refusals[0]
