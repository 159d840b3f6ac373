from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.cautions import notes_on, refusals_of
from bmac_meta.question import Question

SMD = Question("BMAC", "HA", "pain", measure="SMD")
MD = Question("BMAC", "HA", "pain", measure="MD")


def frame(**columns) -> pd.DataFrame:
    """Return the effects of two trials of the evidence, alike unless told otherwise."""
    usual = {
        "study": ["One", "Two"],
        "estimate": [0.1, 0.2],
        "se": [0.1, 0.1],
        "outcome": "vas_pain",
        "measured_as": "final",
        "scale_min": 0.0,
        "scale_max": 10.0,
        "higher_is_better": False,
        "paired": False,
        "joints": False,
        "printed_contrast": False,
        "flags": "",
        "condition": "knee_oa",
        "design": "rct",
    }
    return pd.DataFrame(usual | columns)


def test_trials_that_are_alike_need_no_words():
    assert notes_on(frame(), SMD) == ()
    assert refusals_of(frame(), SMD) == refusals_of(frame(), MD) == ()


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"condition": ["knee_oa", "hip_oa"]}, "several conditions together: hip_oa, knee_oa"),
        ({"paired": [True, False]}, "the same patients in both arms, correlation assumed: One"),
        (
            {"design": ["rct", "crossover_rct"]},
            "cross-over trials, their rows taken as those of parallel arms (first period): Two",
        ),
        ({"joints": [True, True]}, "n counts joints, not patients, so the interval is too narrow: One, Two"),
        ({"measured_as": ["final", "change"]}, "final and change scores together"),
        ({"printed_contrast": [True, True]}, "taken as the contrast that the source gives: One, Two"),
        (
            {"flags": ["suspect_sd_large;baseline_imbalance", "suspect_sd_large"]},
            "flagged and kept: baseline imbalance 1, suspect sd large 2",
        ),
    ],
)
def test_what_a_reader_has_to_know_is_said(columns, note):
    assert notes_on(frame(**columns), MD) == (note,)


def test_many_printed_contrasts_are_counted_not_named():
    many = pd.concat([frame(printed_contrast=True)] * 3, ignore_index=True)
    assert notes_on(many, MD) == ("taken as the contrast that the source gives: 6 trials",)


def test_a_paired_contrast_assumes_no_correlation():
    notes = notes_on(frame(paired=[True, False], printed_contrast=[True, False]), MD)
    assert notes[0] == "the same patients in both arms, as the source compares them: One"


def test_measures_without_a_paired_variance_say_that_they_are_too_wide():
    notes = notes_on(frame(paired=[True, False]), Question("BMAC", "HA", measure="RR"))
    assert notes == ("the same patients in both arms, taken as independent, so too wide: One",)


def test_within_an_arm_pairs_do_not_matter():
    assert notes_on(frame(paired=[True, True]), Question("BMAC", measure="MC")) == ()


def test_scores_of_two_kinds_forbid_an_smd_only():
    mixed = frame(measured_as=["final", "change"])
    assert "Change: Two. Final: One." in refusals_of(mixed, SMD)[0]
    assert refusals_of(mixed, MD) == ()
    assert refusals_of(mixed.head(1), SMD) == ()


def test_two_scales_or_two_instruments_forbid_points_only():
    for columns in ({"scale_max": [10.0, 100.0]}, {"outcome": ["vas_pain", "nrs_pain"]}, {"scale_max": [10.0, None]}):
        assert "means on different scales" in refusals_of(frame(**columns), MD)[0]
        assert refusals_of(frame(**columns), SMD) == ()


def test_a_printed_contrast_without_a_scale_is_lent_the_only_one_there_is():
    bare = {"scale_min": [0.0, None], "scale_max": [10.0, None]}
    assert refusals_of(frame(printed_contrast=[False, True], **bare), MD) == ()
    other = frame(printed_contrast=[False, True], outcome=["vas_pain", "koos_pain"], **bare)
    assert "koos_pain (scale not printed): Two; vas_pain (0 to 10): One" in refusals_of(other, MD)[0]


def test_an_unknown_direction_forbids_what_is_turned_and_only_beside_known_ones():
    assert "not known for: Two" in refusals_of(frame(higher_is_better=[False, None]), SMD)[0]
    assert refusals_of(frame(higher_is_better=[None, None]), SMD) == ()
    assert refusals_of(frame(higher_is_better=[False, None]), MD) == ()


def test_of_any_other_table_nothing_is_known():
    other = frame(paired=True, measured_as=["final", "change"]).drop(columns="printed_contrast")
    assert notes_on(other, SMD) == refusals_of(other, SMD) == ()
    assert notes_on(frame().head(0), SMD) == ()
