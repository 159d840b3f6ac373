from __future__ import annotations

import math

import pytest

from bmac_meta.errors import InputError, UnknownWordError

SINGLE = {"series": {"t": "BMAC"}}


def test_the_change_of_one_instrument_is_a_mean_change(evidence, rows):
    outcomes = [rows.score("series", "t", 7, 2, 25, timepoint_months=0), rows.score("series", "t", 4, 3, 25)]
    studies = [{"study_id": "series", "design": "single_arm"}]
    effects = evidence(SINGLE, studies, outcomes=outcomes).change("BMAC", on="vas_pain", months=6)
    assert (effects.measure.code, effects.frame.estimate[0]) == ("MC", -3.0)
    # √(4 + 9 − 2 · 0.5 · 2 · 3)/√25
    assert effects.frame.se[0] == pytest.approx(math.sqrt(7) / 5)
    assert effects.question.title == "BMAC · Pain (overall), VAS · 6 months"


def test_the_change_over_a_domain_is_in_sds_at_baseline_with_the_exact_correction(evidence, rows):
    outcomes = [rows.score("series", "t", 7, 2, 25, timepoint_months=0), rows.score("series", "t", 4, 2, 25)]
    effects = evidence(SINGLE, outcomes=outcomes).change("BMAC", on="pain", months=6, correlation=0.7)
    g = rows.hedges(24) * -3 / 2
    # Becker 1988 (10.1111/j.2044-8317.1988.tb00901.x): 2(1 − r)/n + g²/2n; equal SDs keep r as it is.
    assert effects.frame.estimate[0] == pytest.approx(g, rel=1e-12)
    assert effects.frame.se[0] == pytest.approx(math.sqrt(2 * 0.3 / 25 + g**2 / 50), rel=1e-12)
    printed = [step for step in effects.history().what if step.startswith("printed")]
    assert printed == ["printed: mean 7, sd 2, n 25", "printed: mean 4, sd 2, n 25"]


def test_a_printed_sd_of_change_tells_its_own_correlation(evidence, rows):
    outcomes = [
        rows.score("series", "t", 7, 2, 25, timepoint_months=0),
        rows.score("series", "t", -3, 1.5, 25, value_kind="change"),
    ]
    effects = evidence(SINGLE, outcomes=outcomes).change("BMAC", on="pain", months=6)
    g = rows.hedges(24) * -3 / 2
    assert effects.frame.se[0] == pytest.approx(math.sqrt((1.5 / 2) ** 2 / 25 + g**2 / 50), rel=1e-12)


def test_a_change_where_high_scores_are_good_is_turned(evidence, rows):
    koos = {"outcome": "koos_pain", "scale_max": 100}
    outcomes = [rows.score("series", "t", mean, 10, 25, timepoint_months=m, **koos) for mean, m in ((50, 0), (70, 6))]
    ev = evidence(SINGLE, outcomes=outcomes)
    assert ev.change("BMAC", on="pain", months=6).frame.estimate[0] < 0
    assert ev.change("BMAC", on="koos_pain", months=6).frame.estimate[0] == 20.0


def test_the_change_can_be_measured_in_its_own_sds(evidence, rows):
    outcomes = [rows.score("series", "t", -3, 1.5, 25, value_kind="change")]
    effects = evidence(SINGLE, outcomes=outcomes).change("BMAC", on="pain", months=6, measure="SMCC")
    assert effects.frame.estimate[0] == pytest.approx(rows.hedges(24) * -2, rel=1e-12)


@pytest.mark.parametrize(
    ("sd", "reason"),
    [(None, "no SD at baseline is printed"), (1, "the SD of the change, 3, is twice the SD at baseline, 1, or more")],
)
def test_a_change_without_an_sd_at_baseline_to_measure_it_by_says_so(evidence, rows, sd, reason):
    outcomes = [rows.score("series", "t", -3, 3, 25, value_kind="change")]
    if sd is not None:
        outcomes.append(rows.score("series", "t", 7, sd, 25, timepoint_months=0))
    effects = evidence(SINGLE, outcomes=outcomes).change("BMAC", on="pain", months=6)
    assert list(effects.left_out.reason) == [reason]


def test_all_designs_count_within_an_arm_unless_some_are_named(evidence, rows):
    outcomes = [rows.score("series", "t", -3, 1.5, 25, value_kind="change")]
    ev = evidence(SINGLE, [{"study_id": "series", "design": "single_arm"}], outcomes=outcomes)
    assert len(ev.change("BMAC", on="vas_pain")) == 1
    randomized = ev.change("BMAC", on="vas_pain", designs="rct")
    assert list(randomized.left_out.reason) == ["design: single_arm"]


def test_a_keyword_that_would_do_nothing_is_refused(evidence, rows):
    ev = evidence(SINGLE, outcomes=[rows.score("series", "t", -3, value_kind="change")])
    with pytest.raises(InputError, match="which takes changes only"):
        ev.change("BMAC", on="pain", measured_as="final")
    with pytest.raises(UnknownWordError, match="did you mean 'SMCR'"):
        ev.change("BMAC", on="pain", measure="SMCRR")
    with pytest.raises(UnknownWordError, match="There is no measure of a proportion 'RR'"):
        ev.proportion("BMAC", of="adverse_events", measure="RR")


def test_a_proportion_is_the_share_of_patients_with_the_event(evidence, rows):
    arms = {"one": {"t": "BMAC", "u": "BMAC"}, "two": {"t": "BMAC"}}
    outcomes = [rows.count("one", "t", 2, 10), rows.count("one", "u", 4, 20), rows.count("two", "t", 0, 12)]
    effects = evidence(arms, outcomes=outcomes).proportion("BMAC", of="adverse_events", months=6)
    assert list(effects.frame.estimate) == pytest.approx([math.asin(math.sqrt(6 / 30)), 0.0])
    assert list(effects.frame.se) == pytest.approx([1 / math.sqrt(120), 1 / math.sqrt(48)])
    assert effects.pool().patients == 42


def test_the_freeman_tukey_share_is_shown_with_its_harmonic_mean(evidence, rows):
    arms = {"one": {"t": "BMAC"}, "two": {"t": "BMAC"}}
    outcomes = [rows.count("one", "t", 6, 10), rows.count("two", "t", 20, 30)]
    pooled = evidence(arms, outcomes=outcomes).proportion("BMAC", of="adverse_events", measure="PFT", months=6).pool()
    assert "back-transformed with the harmonic mean of the sizes, n = 15.0" in pooled.card().notes
    assert 0.5 < pooled.shown(pooled.fit.estimate) < 0.75
