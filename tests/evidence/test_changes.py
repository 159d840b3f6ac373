from __future__ import annotations

import math

import pytest

PAIN = {"on": "vas_pain", "months": 6}


@pytest.fixture
def scored(rows):
    """Return the rows of a trial with scores at baseline and at 6 months."""
    return [
        rows.score("trial", "t", 7, 3, 22, timepoint_months=0),
        rows.score("trial", "t", 4, 4, 20),
        rows.score("trial", "c", 6, 2, 25, timepoint_months=0),
        rows.score("trial", "c", 5, 2, 25),
    ]


@pytest.mark.parametrize("r", [0.5, 0.8])
def test_the_sd_of_a_change_follows_from_both_scores_and_the_stated_correlation(evidence, scored, r):
    effects = evidence(outcomes=scored).compare("BMAC", "HA", measured_as="change", correlation=r, **PAIN)
    row = effects.frame.iloc[0]
    # Cochrane Handbook 6.5.2.8: √(9 + 16 − 2 · r · 3 · 4) and √(4 + 4 − 2 · r · 2 · 2).
    assert (row.mean_a, row.mean_b, row.n_a, row.n_b) == (-3.0, -1.0, 20, 25)
    assert row.sd_a == pytest.approx(math.sqrt(25 - 24 * r))
    assert row.sd_b == pytest.approx(math.sqrt(8 - 8 * r))
    assert row.spread_a == f"change from r = {r:g}"
    assert f"change = 4 − 7 = -3; its SD with r = {r:g} is {math.sqrt(25 - 24 * r):.4g}" in list(effects.history().what)


def test_a_printed_change_comes_before_one_that_is_made(evidence, rows, scored):
    printed = [rows.score("trial", arm, -2, 1.5, value_kind="change") for arm in "tc"]
    frame = evidence(outcomes=[*scored, *printed]).compare("BMAC", "HA", measured_as="change", **PAIN).frame
    assert (frame.mean_a[0], frame.spread_a[0]) == (-2.0, "SD as printed")


def test_changes_are_made_for_the_majority_but_not_where_final_scores_are_asked_for(evidence, scored):
    ev = evidence(outcomes=scored)
    assert list(ev.compare("BMAC", "HA", measured_as="final", **PAIN).frame.measured_as) == ["final"]
    assert list(ev.compare("BMAC", "HA", **PAIN).frame.measured_as) == ["final"]


def test_both_scores_of_a_made_change_are_used_rows(evidence, scored):
    effects = evidence(outcomes=scored).compare("BMAC", "HA", measured_as="change", **PAIN)
    assert len(effects.left_out) == 0
    assert set(effects.history().address) - {""} == {f"outcomes.csv row {row}" for row in (2, 3, 4, 5)}


def test_the_baseline_is_an_answer_only_where_it_is_asked_for(evidence, scored):
    ev = evidence(outcomes=scored)
    for measured in (None, "most"):
        frame = ev.compare("BMAC", "HA", on="vas_pain", months=(0, 0), measured_as=measured).frame
        assert (frame.months[0], frame.estimate[0]) == (0.0, 1.0)


def test_a_baseline_alone_is_no_visit_and_explains_nothing(evidence, scored):
    scored[0] |= {"flag": "suspect_se_not_sd"}
    effects = evidence(outcomes=scored).compare("BMAC", "HA", on="vas_pain", months=12, measured_as="change")
    assert list(effects.left_out.reason) == ["no usable visit in the window; printed at 0, 6 months"]


def test_a_faulty_score_at_baseline_is_named_as_such(evidence, rows, scored):
    scored[0] |= {"flag": "suspect_se_not_sd"}
    effects = evidence(outcomes=scored).compare("BMAC", "HA", measured_as="change", **PAIN)
    assert len(effects) == 0
    assert effects.left_out.reason.str.startswith("at baseline: suspect_se_not_sd").any()
