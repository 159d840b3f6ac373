from __future__ import annotations

import pytest

PAIN = {"on": "pain", "measure": "POMP"}


def both(rows, study, t, c, **more):
    return [rows.score(study, "t", t, **more), rows.score(study, "c", c, **more)]


def test_within_a_domain_the_instrument_first_in_the_hierarchy_is_taken(evidence, rows):
    womac = {"outcome": "womac_pain", "scale_max": 20}
    ev = evidence(outcomes=[*both(rows, "trial", 3, 5), *both(rows, "trial", 8, 9, **womac)])
    effects = ev.compare("BMAC", "HA", months=6, **PAIN)
    assert list(effects.frame.outcome) == ["womac_pain"]
    assert set(effects.left_out.reason) == {"womac_pain stands before vas_pain in the hierarchy"}
    assert list(effects.left_out.row) == ["outcomes.csv row 2", "outcomes.csv row 3"]


def test_prefer_puts_an_outcome_before_the_hierarchy(evidence, rows):
    womac = {"outcome": "womac_pain", "scale_max": 20}
    ev = evidence(outcomes=[*both(rows, "trial", 3, 5), *both(rows, "trial", 8, 9, **womac)])
    effects = ev.compare("BMAC", "HA", months=6, prefer="vas_pain", **PAIN)
    assert list(effects.frame.outcome) == ["vas_pain"]
    assert (
        "one instrument per trial and domain: first vas_pain, then the order of instruments.csv"
        in effects.question.rules
    )


@pytest.mark.parametrize(
    ("months", "taken"), [(6, 5.0), (12, 12.0), ((3, 6), 5.0), ((0, 5), 3.0), (None, 24.0), (5, 5.0), (24, 24.0)]
)
def test_one_visit_per_trial_is_taken_the_nearest_inside_the_window(evidence, rows, months, taken):
    visits = (0, 1, 3, 5, 7, 12, 24)
    outcomes = [row for visit in visits for row in both(rows, "trial", 3, 5, timepoint_months=visit)]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", months=months, **PAIN)
    assert list(effects.frame.months) == [taken]


def test_a_visit_that_is_not_taken_says_which_one_is(evidence, rows):
    outcomes = [row for visit in (4, 6) for row in both(rows, "trial", 3, 5, timepoint_months=visit)]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", months=6, **PAIN)
    assert set(effects.left_out.reason) == {"the visit at 6 months is taken, not the one at 4 months"}


def test_a_visit_without_a_time_counts_as_the_last_only_where_no_time_is_printed(evidence, rows):
    timeless = both(rows, "trial", 2, 5, timepoint_months=None)
    assert len(evidence(outcomes=timeless).compare("BMAC", "HA", months=6, **PAIN)) == 0
    assert len(evidence(outcomes=timeless).compare("BMAC", "HA", **PAIN)) == 1
    ev = evidence(outcomes=[*timeless, *both(rows, "trial", 3, 5)])
    assert list(ev.compare("BMAC", "HA", **PAIN).frame.months) == [6.0]


def test_the_final_score_comes_before_the_change(evidence, rows):
    outcomes = [*both(rows, "trial", 3, 5), *both(rows, "trial", -4, -1, value_kind="change")]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", months=6, **PAIN)
    assert list(effects.frame.measured_as) == ["final"]
    assert set(effects.left_out.reason) == {"the final score is taken, not the change score"}


def test_the_kind_of_score_that_most_trials_have_is_taken_and_named(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("one", "two", "three")}
    outcomes = [
        *(row for study in ("one", "two") for row in both(rows, study, -4, -1, value_kind="change")),
        *both(rows, "three", 3, 5),
    ]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", on="pain", months=6, measured_as="most")
    assert sorted(effects.frame.study_id) == ["one", "two"]
    assert "here: change scores, which most trials have" in effects.question.choices
    assert set(effects.left_out.reason) == {"a final score, and change scores are taken"}


def test_the_same_patients_count_once_in_the_larger_report(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("early", "late")}
    studies = [{"study_id": study, "cohort_id": "both"} for study in arms]
    outcomes = [*both(rows, "early", 3, 5), *both(rows, "late", 2, 5, n=30)]
    effects = evidence(arms, studies, outcomes=outcomes).compare("BMAC", "HA", months=6, **PAIN)
    assert list(effects.frame.study_id) == ["late"]
    assert effects.left_out.to_dict("records") == [{"study": "Early", "row": "", "reason": "the same patients as late"}]


def test_the_report_nearest_in_time_comes_before_the_larger_one(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("early", "late")}
    studies = [{"study_id": study, "cohort_id": "both"} for study in arms]
    outcomes = [*both(rows, "early", 3, 5, timepoint_months=6), *both(rows, "late", 2, 5, n=30, timepoint_months=4)]
    effects = evidence(arms, studies, outcomes=outcomes).compare("BMAC", "HA", months=6, **PAIN)
    assert list(effects.frame.study_id) == ["early"]


def test_a_further_contrast_of_a_trial_is_not_counted_beside_the_first(evidence, rows):
    arms = {"trial": {"t": "BMAC", "u": "BMAC", "c": "HA"}}
    contrasts = [rows.contrast("trial", arm, "c", -1, se=0.5, n_a=20, n_b=20) for arm in "tu"]
    effects = evidence(arms, contrasts=contrasts).compare("BMAC", "HA", on="vas_pain", months=6)
    assert len(effects) == 1
    assert list(effects.left_out.reason) == ["a further contrast of the trial shares an arm with the one that is taken"]


def test_arms_come_before_a_printed_contrast_and_a_paired_contrast_before_arms(evidence, rows):
    printed = {"se": 0.5, "n_a": 20, "n_b": 20}
    for paired, estimate, reason in (
        ("false", -2.0, "the arms are taken"),
        ("true", -1.0, "the paired contrast that the source prints is taken"),
    ):
        flag = {"flag": "paired_design"} if paired == "true" else {}
        ev = evidence(
            outcomes=both(rows, "trial", 3, 5, **flag),
            contrasts=[rows.contrast("trial", "t", "c", -1, paired=paired, **printed)],
        )
        effects = ev.compare("BMAC", "HA", on="vas_pain", months=6)
        assert list(effects.frame.estimate) == [estimate]
        assert set(effects.left_out.reason) == {reason}
