from __future__ import annotations

import math

import pytest

from bmac_meta.errors import NotEnoughTrials

PAIN = {"on": "pain", "months": 6}


def reasons(effects) -> dict[str, str]:
    """Return what was left out by row of the data."""
    return dict(zip(effects.left_out["row"], effects.left_out["reason"], strict=True))


def test_a_duplicate_is_left_out_and_names_the_row_that_stands(evidence, rows):
    outcomes = [
        rows.score("trial", "t", 3, row_id="a", source_type="primary"),
        rows.score("trial", "c", 5, row_id="b", source_type="registry"),
        rows.score("trial", "t", 9, row_id="z", source_type="review", duplicate_of="a", flag="conflict_sources"),
    ]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", measure="MD", **PAIN)
    assert effects.frame.estimate[0] == -2.0
    assert reasons(effects) == {"outcomes.csv row 4": "the same quantity stands in a"}


@pytest.mark.parametrize("flag", ["implausible_effect", "suspect_se_not_sd", "confounded"])
def test_what_cannot_be_right_is_left_out_by_default_and_kept_on_demand(evidence, rows, flag):
    ev = evidence(outcomes=[rows.score("trial", "t", 3, flag=flag), rows.score("trial", "c", 5)])
    left = ev.compare("BMAC", "HA", **PAIN)
    assert len(left) == 0
    assert reasons(left)["outcomes.csv row 2"].startswith(f"{flag}: ")
    for flags in ("keep_all", {flag: "keep"}):
        kept = ev.compare("BMAC", "HA", flags=flags, **PAIN)
        assert len(kept) == 1
        assert kept.notes == (f"flagged and kept: {flag.replace('_', ' ')} 1",)


def test_what_is_suspect_is_kept_by_default_and_left_out_on_demand(evidence, rows):
    ev = evidence(outcomes=[rows.score("trial", "t", 3, flag="suspect_sd_large"), rows.score("trial", "c", 5)])
    assert len(ev.compare("BMAC", "HA", **PAIN)) == 1
    assert len(ev.compare("BMAC", "HA", flags="leave_out_all", **PAIN)) == 0
    assert len(ev.compare("BMAC", "HA", flags={"suspect_sd_large": "leave_out"}, **PAIN)) == 0


def test_a_percentage_change_is_no_score(evidence, rows):
    outcomes = [rows.score("trial", arm, mean, value_kind="percent_change") for arm, mean in (("t", -40), ("c", -20))]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    assert set(effects.left_out.reason) == {"a percentage change is neither a score nor a difference of scores"}


def test_parts_of_arms_are_left_out_unless_one_is_asked_for(evidence, rows):
    part = {"subgroup_variable": "kl_grade"}
    outcomes = [
        *(rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5))),
        *(rows.score("trial", arm, mean, n=8, subgroup_level="2", **part) for arm, mean in (("t", 1), ("c", 5))),
        *(rows.score("trial", arm, mean, n=12, subgroup_level="3", **part) for arm, mean in (("t", 4), ("c", 5))),
    ]
    ev = evidence(outcomes=outcomes)
    whole = ev.compare("BMAC", "HA", measure="MD", **PAIN)
    assert list(whole.frame.estimate) == [-2.0]
    assert sorted(set(whole.left_out.reason)) == ["a part of an arm (kl_grade: 2)", "a part of an arm (kl_grade: 3)"]
    second = ev.compare("BMAC", "HA", measure="MD", part=("kl_grade", "2"), **PAIN)
    assert (second.frame.estimate[0], second.frame.n_a[0]) == (-4.0, 8)
    assert "a part of the arms only: kl_grade 2" in second.question.choices


def test_strata_of_one_trial_are_combined(evidence, rows):
    strata = [("anterolateral", 5, 2, 10), ("anteromedial", 7, 3, 15)]
    outcomes = [
        rows.score("trial", arm, mean, sd, n, subgroup_variable="injection_technique", subgroup_level=level)
        for arm in "tc"
        for level, mean, sd, n in strata
    ]
    frame = evidence(outcomes=outcomes).compare("BMAC", "HA", measure="MD", **PAIN).frame
    # Cochrane Handbook 6.5.2.10: (10 · 5 + 15 · 7)/25 and √((9 · 4 + 14 · 9 + 10 · 15/25 · 4)/24).
    assert frame.mean_a[0] == pytest.approx(6.2)
    assert frame.sd_a[0] == pytest.approx(math.sqrt((36 + 126 + 24) / 24))
    assert frame.n_a[0] == 25


def test_strata_beside_their_whole_arm_do_not_count_again(evidence, rows):
    stratum = {"subgroup_variable": "injection_technique", "subgroup_level": "lateral"}
    outcomes = [*(rows.score("trial", arm, 4) for arm in "tc"), rows.score("trial", "t", 2, n=10, **stratum)]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    assert effects.frame.n_a[0] == 20
    assert reasons(effects) == {"outcomes.csv row 4": "a stratum of an arm that stands as a whole"}


@pytest.mark.parametrize(
    ("part_sizes", "size", "gone"), [((10, 10), 20, "outcomes.csv row 2"), ((4, 4), 20, "outcomes.csv row 3")]
)
def test_an_arm_that_a_review_combined_does_not_count_beside_its_parts(evidence, rows, part_sizes, size, gone):
    arms = {"trial": {"all": "BMAC", "low": "BMAC", "high": "BMAC", "c": "HA"}}
    outcomes = [
        rows.score("trial", "all", 3, n=20, flag="combined_arms"),
        *(rows.score("trial", arm, 3, n=n) for arm, n in zip(("low", "high"), part_sizes, strict=True)),
        rows.score("trial", "c", 5),
    ]
    effects = evidence(arms, outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    assert effects.frame.n_a[0] == size
    assert reasons(effects)[gone] == "the same patients stand in other arms of the trial"


def test_analysis_sets_stand_for_the_arm_but_come_after_it(evidence, rows):
    per_protocol = {"subgroup_variable": "analysis_population", "subgroup_level": "per protocol"}
    both = [rows.score("trial", arm, mean, **per_protocol) for arm, mean in (("t", 1), ("c", 5))]
    ev = evidence(outcomes=both)
    assert ev.compare("BMAC", "HA", measure="MD", **PAIN).frame.estimate[0] == -4.0
    ev = evidence(outcomes=[*both, *(rows.score("trial", arm, mean) for arm, mean in (("t", 3), ("c", 5)))])
    assert ev.compare("BMAC", "HA", measure="MD", **PAIN).frame.estimate[0] == -2.0


def test_arms_on_two_scales_are_not_held_against_each_other(evidence, rows):
    outcomes = [rows.score("trial", "t", 3), rows.score("trial", "c", 50, 20, scale_max=100)]
    effects = evidence(outcomes=outcomes).compare("BMAC", "HA", **PAIN)
    assert len(effects) == 0
    assert set(effects.left_out.reason) == {"at 6 months only BMAC can be used", "at 6 months only HA can be used"}


def test_a_used_row_is_never_listed_as_left_out_and_no_row_stands_twice(knee):
    for pair in (("PRP", "HA"), ("HA", "PLACEBO"), ("CORTICOSTEROID", "PLACEBO")):
        for measured in (None, "most", "change"):
            effects = knee.compare(*pair, on="pain", months=6, measured_as=measured)
            used = {address.split(":")[0] for address in effects.steps.address if address}
            listed = effects.left_out[effects.left_out.row != ""]
            assert not used & set(listed.row)
            assert not effects.left_out.duplicated(["study", "row"]).any()
            assert not effects.left_out.duplicated().any()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"estimate": None, "p_value": 0.03}, "a contrast without an estimate"),
        ({"p_value": 0.03}, "a contrast without a standard error or an interval"),
        (
            {"se": 0.5, "adjusted": "yes", "n_a": 20, "n_b": 20},
            "an adjusted MD: its standard error does not tell the SD",
        ),
        ({"se": 0.5}, "an MD without the sizes of the arms tells no SD"),
        ({"measure": "ROM", "estimate": 0.8, "ci_low": 0.7, "ci_high": 0.9}, "a printed ROM, not SMD"),
    ],
)
def test_a_contrast_that_cannot_be_used_says_why(evidence, rows, more, reason):
    estimate = more.pop("estimate", -1)
    effects = evidence(contrasts=[rows.contrast("trial", "t", "c", estimate, **more)]).compare("BMAC", "HA", **PAIN)
    assert reasons(effects)["contrasts.csv row 2"].startswith(reason)
    with pytest.raises(NotEnoughTrials, match=r"Left out: .*(contrast|MD|ROM)"):
        effects.pool()
