from __future__ import annotations

import math

import pytest

from bmac_meta.errors import PoolingRefused

PAIN = {"on": "vas_pain", "months": 6}


def both(rows, t, c, **more):
    return [rows.score("trial", "t", *t, **more), rows.score("trial", "c", *c, **more)]


def test_an_smd_is_hedges_g_of_the_printed_arms(evidence, rows):
    frame = evidence(outcomes=both(rows, (3, 2, 20), (5, 2.5, 22))).compare("BMAC", "HA", on="pain", months=6).frame
    g, se = rows.hedges_g((3, 2, 20), (5, 2.5, 22))
    assert frame.estimate[0] == pytest.approx(g, rel=1e-12)
    assert frame.se[0] == pytest.approx(se, rel=1e-12)


def test_an_md_is_the_difference_in_the_instruments_own_sign(evidence, rows):
    koos = {"outcome": "koos_pain", "scale_max": 100}
    ev = evidence(outcomes=both(rows, (70, 20, 25), (60, 15, 25), **koos))
    effects = ev.compare("BMAC", "HA", on="koos_pain", months=6)
    assert (effects.measure.code, effects.frame.estimate[0]) == ("MD", 10.0)
    assert effects.frame.se[0] == pytest.approx(math.sqrt(20**2 / 25 + 15**2 / 25))
    assert effects.question.sides == ("HA", "BMAC")
    assert effects.question.unit == "KOOS pain, points, 0 to 100"


@pytest.mark.parametrize(("measure", "size"), [("SMD", None), ("POMP", 10.0)])
def test_a_standardized_effect_is_turned_where_high_scores_are_good(evidence, rows, measure, size):
    koos = {"outcome": "koos_pain", "scale_max": 100}
    effects = evidence(outcomes=both(rows, (70, 20, 25), (60, 15, 25), **koos)).compare(
        "BMAC", "HA", on="koos_pain", months=6, measure=measure
    )
    expected = rows.hedges_g((70, 20, 25), (60, 15, 25))[0] if size is None else size
    assert effects.frame.estimate[0] == pytest.approx(-expected)
    assert effects.question.sides == ("BMAC", "HA")
    assert "sign turned: high scores of this instrument are good" in list(effects.history().what)


def test_the_direction_of_the_row_comes_before_that_of_the_instrument(evidence, rows):
    frame = (
        evidence(outcomes=both(rows, (3, 2, 20), (5, 2, 20), higher_is_better="true"))
        .compare("BMAC", "HA", on="pain", months=6)
        .frame
    )
    assert frame.estimate[0] > 0


def test_arms_of_one_treatment_are_combined_and_the_control_counts_once(evidence, rows):
    arms = {"trial": {"low": "BMAC", "high": "BMAC", "c": "HA"}}
    outcomes = [
        rows.score("trial", "low", 5, 2, 10),
        rows.score("trial", "high", 7, 3, 15),
        rows.score("trial", "c", 8),
    ]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    row = effects.frame.iloc[0]
    # Cochrane Handbook 6.5.2.10 for 10 of mean 5 (SD 2) and 15 of mean 7 (SD 3): 25, 6.2, √7.75.
    assert (row.n_a, row.n_b, row.arm_a, row.arm_b) == (25, 20, "low, high", "c")
    assert row.mean_a == pytest.approx(6.2)
    assert row.sd_a == pytest.approx(math.sqrt(7.75))
    assert effects.pool().patients == 45
    assert len(effects) == 1


def test_events_of_arms_of_one_treatment_are_summed(evidence, rows):
    arms = {"trial": {"low": "BMAC", "high": "BMAC", "c": "HA"}}
    outcomes = [rows.count("trial", "low", 2, 10), rows.count("trial", "high", 4, 20), rows.count("trial", "c", 8, 20)]
    frame = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", on="adverse_events", months=6).frame
    assert (frame.events_a[0], frame.total_a[0]) == (6, 30)
    assert frame.estimate[0] == pytest.approx(math.log(6 / 30 / (8 / 20)))


def test_a_double_zero_trial_gives_no_ratio_and_says_so(evidence, rows):
    outcomes = [rows.count("trial", arm, 0, 20) for arm in "tc"]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", on="adverse_events", months=6)
    assert list(effects.left_out.reason) == ["risk ratio does not exist: no event in either arm"]


def test_a_paired_trial_gets_the_variance_of_pairs_with_the_stated_correlation(evidence, rows):
    ev = evidence(outcomes=both(rows, (3, 2, 20), (5, 2.5, 20), flag="paired_design"))
    for r in (0.5, 0.8, 0.0):
        effects = ev.compare("BMAC", "HA", paired_correlation=r, **PAIN)
        # The variance of a patient's difference is 4 + 6.25 − 2 · r · 2 · 2.5.
        assert effects.frame.se[0] == pytest.approx(math.sqrt((10.25 - 10 * r) / 20), rel=1e-12)
        assert f"with r = {r:g} within patients" in effects.history().what[2]
    assert effects.notes == ("the same patients in both arms, correlation assumed: Trial",)


def test_a_paired_trial_counts_its_patients_once(evidence, rows):
    ev = evidence(outcomes=both(rows, (3, 2, 20), (5, 2.5, 20), flag="paired_design"))
    assert ev.compare("BMAC", "HA", **PAIN).pool().patients == 20


def test_a_paired_difference_in_percent_of_the_scale_is_the_paired_difference_rescaled(evidence, rows):
    ev = evidence(outcomes=both(rows, (3, 2, 20), (5, 2.5, 20), flag="paired_design"))
    frame = ev.compare("BMAC", "HA", measure="POMP", **PAIN).frame
    assert frame.estimate[0] == pytest.approx(-20.0)
    assert frame.se[0] == pytest.approx(10 * math.sqrt((10.25 - 5) / 20))


def test_paired_counts_are_taken_as_independent_and_said_to_be(evidence, rows):
    outcomes = [rows.count("trial", arm, n, 20, flag="paired_design") for arm, n in (("t", 4), ("c", 8))]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", on="adverse_events", months=6)
    assert effects.notes == ("the same patients in both arms, taken as independent, so too wide: Trial",)


def test_percent_of_the_scale_needs_a_printed_scale_and_takes_the_instrument_that_has_one(evidence, rows):
    bare = both(rows, (3, 2, 20), (5, 2, 20), outcome="womac_pain", scale_min=None, scale_max=None)
    effects = evidence(outcomes=bare).compare("BMAC", "HA", on="pain", months=6, measure="POMP")
    assert set(effects.left_out.reason) == {"the ends of the scale are not printed"}
    scaled = evidence(outcomes=[*bare, *both(rows, (3, 2, 20), (5, 2, 20))])
    assert list(scaled.compare("BMAC", "HA", on="pain", months=6, measure="POMP").frame.outcome) == ["vas_pain"]


def test_changes_further_apart_than_the_scale_are_left_out_not_a_crash(evidence, rows):
    outcomes = both(rows, (-8, 2, 20), (9, 2, 20), value_kind="change")
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", measure="POMP", **PAIN)
    assert list(effects.left_out.reason) == ["the means lie further apart than the scale is wide"]


def test_every_effect_ends_its_history_with_its_numbers_and_begins_with_addresses(knee):
    effects = knee.compare("HA", "PLACEBO", on="pain", months=3, measured_as="most")
    for study, row in effects.frame.set_index("study").iterrows():
        steps = effects.history(study)
        assert steps.what.iloc[-1] == f"effect {row.estimate:.4f}, standard error {row.se:.4f}"
        printed = steps[steps.what.str.startswith("printed")]
        assert len(printed) >= 1
        assert printed.address.str.contains(r"^(?:outcomes|contrasts)\.csv row \d+: ").all()
        assert list(steps.step) == list(range(1, len(steps) + 1))


def test_final_and_change_scores_are_not_mixed_in_an_smd(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("final", "change")}
    outcomes = [
        *(rows.score("final", arm, mean) for arm, mean in (("t", 3), ("c", 5))),
        *(rows.score("change", arm, mean, value_kind="change") for arm, mean in (("t", -3), ("c", -1))),
    ]
    ev = evidence(arms, outcomes=outcomes)
    with pytest.raises(PoolingRefused, match=r'Change: Change\. Final: Final\. Ask with measured_as="final"'):
        ev.compare("BMAC", "HA", on="pain", months=6).pool()
    assert ev.compare("BMAC", "HA", on="pain", months=6, measured_as="final").pool().k == 1
    mixed = ev.compare("BMAC", "HA", **PAIN).pool()
    assert (mixed.k, mixed.fit.estimate) == (2, -2.0)
    assert "final and change scores together" in mixed.notes


def test_means_on_two_scales_are_not_pooled_as_points(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("short", "long")}
    outcomes = [
        *(rows.score("short", arm, mean) for arm, mean in (("t", 3), ("c", 5))),
        *(rows.score("long", arm, mean, 20, scale_max=100) for arm, mean in (("t", 30), ("c", 50))),
    ]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    with pytest.raises(PoolingRefused, match=r"vas_pain \(0 to 10\): Short; vas_pain \(0 to 100\): Long"):
        effects.pool()
    assert effects.without("Long").pool().k == 1
    percent = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", measure="POMP", **PAIN).pool()
    assert percent.fit.estimate == pytest.approx(-20.0)
