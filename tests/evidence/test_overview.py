from __future__ import annotations

import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused, UnknownWordError


@pytest.fixture
def counted(evidence, rows):
    """Return a folder of two reports on one cohort, a trial of another, and their visits."""
    arms = {
        "early": {"t": "BMAC", "c": "SALINE"},
        "late": {"t": "BMAC", "c": "SALINE"},
        "other": {"t": "PRP", "c": "HA"},
    }
    studies = [
        {"study_id": "early", "cohort_id": "both", "n_randomised": 40},
        {"study_id": "late", "cohort_id": "both", "n_randomised": 44},
        {"study_id": "other", "cohort_id": "other", "n_randomised": 30, "condition": "hip_oa"},
    ]
    visits = {"early": (0, 3), "late": (12, 24), "other": (6,)}
    outcomes = [
        rows.score(study, arm, 4, timepoint_months=visit) for study in arms for visit in visits[study] for arm in "tc"
    ]
    return evidence(arms, studies, outcomes=outcomes)


def test_a_study_counts_once_in_a_cell_and_a_cohorts_patients_too(counted):
    counts = counted.map()
    assert counts.studies.loc["BMAC", "knee oa"] == 2
    assert counts.patients.loc["BMAC", "knee oa"] == 44
    assert counts.studies.loc["BMAC", "hip oa"] == 0


def test_rows_come_by_frequency_and_the_rest_is_cut_off(counted):
    assert list(counted.map(most=2).studies.index) == ["BMAC", "placebo"]


def test_windows_are_counted_by_visits_after_the_baseline_and_stand_in_order(counted):
    counts = counted.map("node", "window")
    assert list(counts.studies.columns) == ["0 to 3", "over 3 to 6", "over 6 to 12", "over 12"]
    assert list(counts.studies.loc["BMAC"]) == [1, 0, 1, 1]
    assert list(counts.studies.loc["PRP"]) == [0, 1, 0, 0]


def test_every_cell_is_in_the_table_the_empty_ones_too(counted):
    tidy = counted.map().tidy()
    assert len(tidy) == 4 * 2
    assert (tidy.studies == 0).sum() == 4


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        (("nod", "condition"), UnknownWordError, "There is no column to count by 'nod'; did you mean 'node'"),
        (("node", "node"), InputError, "name two different columns"),
        (("node", "prp_class"), NotEnoughTrials, "No study at hand says both"),
    ],
)
def test_a_map_that_cannot_be_drawn_says_why(counted, asked, error, message):
    with pytest.raises(error, match=message):
        counted.map(*asked)


def test_a_course_is_one_pool_for_each_window(knee):
    course = knee.course("HA", "PLACEBO", on="pain", months=(3, 6, 12))
    assert course.windows == ((0, 3), (3, 6), (6, 12))
    three = knee.compare("HA", "PLACEBO", on="pain", months=3, measured_as="most").pool()
    assert course.answers[0].fit.estimate == three.fit.estimate
    tidy = course.tidy()
    assert list(tidy.months_to) == [3, 6, 12]
    assert "trials recur from window to window" in str(course)


def test_a_window_without_a_trial_stays_empty(counted):
    course = counted.course("BMAC", "PLACEBO", on="pain", months=(3, 6, 12))
    assert [answer is None for answer in course.answers] == [False, True, False]
    assert "over 3 to 6" in str(course)


@pytest.mark.parametrize("months", [(5, 6), (), (3, None)])
def test_a_course_needs_one_month_for_each_window(knee, months):
    with pytest.raises(InputError, match="a course needs one month"):
        knee.course("HA", "PLACEBO", on="pain", months=months)


def test_a_course_without_any_trial_is_no_course(counted):
    with pytest.raises(NotEnoughTrials, match="no trial has a usable visit in any of the windows"):
        counted.course("BMAC", "PRP", on="pain")


def test_a_course_that_mixes_scores_is_refused(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("final", "change")}
    outcomes = [rows.score(study, arm, 2, value_kind=study) for study in arms for arm in "tc"]
    ev = evidence(arms, outcomes=outcomes)
    with pytest.raises(PoolingRefused, match="cannot be mixed"):
        ev.course("BMAC", "HA", on="pain", months=(6,), measured_as=None)
    assert ev.course("BMAC", "HA", on="pain", months=(6,)).answers[0].k == 1
