from __future__ import annotations

import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.evidence import load


@pytest.fixture(scope="module")
def everything():
    return load()


def test_narrowing_returns_a_new_object_and_changes_nothing(everything):
    before = len(everything.studies)
    narrowed = everything.where(condition="knee_oa", design="rct").without("anz2020")
    assert len(narrowed.studies) < before == len(everything.studies)
    assert narrowed.said == ("condition: knee_oa", "design: rct", "without anz2020")
    assert everything.said == ()


def test_a_column_can_be_narrowed_to_a_value_to_several_or_by_a_function(everything):
    one = set(everything.where(design="rct").studies.study_id)
    two = set(everything.where(design=["rct", "quasi_rct"]).studies.study_id)
    late = everything.where(year=lambda year: year >= 2020).studies
    assert one < two
    assert late.year.min() == 2020


def test_narrowing_by_a_column_of_arms_keeps_the_arms_that_say_nothing(everything):
    rich = everything.where(prp_class="LR")
    assert set(rich.arms.prp_class.dropna()) == {"LR"}
    assert "HA" in set(rich.arms.node)
    assert set(rich.outcomes.arm_id + rich.outcomes.study_id) <= set(rich.arms.arm_id + rich.arms.study_id)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"desing": "rct"}, "There is no column of studies.csv or arms.csv 'desing'; did you mean 'design'"),
        ({"design": "rtc"}, "There is no design among these studies: 'rtc'; did you mean 'rct'"),
        ({"condition": ["knee_oa", "kne_oa"]}, "did you mean 'knee_oa'"),
    ],
)
def test_a_narrowing_by_what_is_not_there_is_answered_with_what_is(everything, asked, message):
    with pytest.raises(UnknownWordError, match=message):
        everything.where(**asked)


def test_an_empty_list_narrows_nothing_and_is_refused(everything):
    with pytest.raises(InputError, match="got an empty list"):
        everything.where(design=[])


def test_a_study_can_be_left_out_by_id_or_label(everything):
    label = dict(zip(everything.studies.study_id, everything.studies.label, strict=True))["anz2020"]
    assert "anz2020" not in set(everything.without(label).studies.study_id)
    with pytest.raises(UnknownWordError, match="did you mean 'anz2020'"):
        everything.without("anz2200")


def test_an_answer_from_narrowed_evidence_knows_only_what_is_left(everything):
    knee = everything.where(condition="knee_oa")
    with_it = knee.compare("BMAC", "HA", on="pain", months=12)
    without = knee.without("goncars2017").compare("BMAC", "HA", on="pain", months=12)
    assert set(with_it.frame.study_id) - set(without.frame.study_id) == {"goncars2017"}
    assert "Goncars 2017" not in set(without.left_out.study)


def test_an_intervention_without_a_node_is_its_own(everything):
    assert everything.nodes["SALINE"] == "PLACEBO"
    assert everything.nodes["PRP+HA"] == "PRP+HA"
    assert set(everything.arms.intervention.dropna()) <= set(everything.nodes)


def test_the_card_counts_the_patients_of_a_cohort_once(evidence, rows):
    arms = {study: {"t": "BMAC", "c": "HA"} for study in ("early", "late", "rats")}
    studies = [
        {"study_id": "early", "cohort_id": "both", "n_randomised": 40},
        {"study_id": "late", "cohort_id": "both", "n_randomised": 44},
        {"study_id": "rats", "species": "rat", "n_randomised": 12},
    ]
    ev = evidence(arms, studies, outcomes=[rows.score("early", "t", 3)])
    lines = {line.label: line for line in ev.card().lines}
    assert lines["studies"].value == "3"
    assert lines["randomised"].value == "44"
    assert ev.card().aside == "3 studies"


def test_the_printed_rows_keep_their_own_scale_and_an_empty_one_stays_empty(everything):
    # data/README.md: an empty scale is unknown, and such a row must not be rescaled.
    printed = everything.tables.outcomes
    assert everything.outcomes.scale_min.isna().sum() == printed.scale_min.isna().sum()
    assert everything.outcomes.scale_max.isna().sum() == printed.scale_max.isna().sum()


def test_every_row_knows_the_patients_of_its_arm_and_the_scales_of_its_instrument(everything):
    rows = everything.outcomes
    tavassoli = rows[(rows.study_id == "tavassoli2019") & (rows.arm_id == "ha")].iloc[0]
    assert tavassoli.arm_patients == 27
    assert (0.0, 100.0) in rows[rows.outcome == "koos_pain"].known_scales.iloc[0]


HOSTILE = ["<script>alert(1)</script>", "=cmd()", "../../x", "two\nlines", "膝关节 ‮evil"]


@pytest.fixture
def hostile(evidence, rows):
    """Return a folder whose labels are written to do harm."""
    arms = {f"study{place}": {"t": "BMAC", "c": "HA"} for place in range(len(HOSTILE))}
    studies = [{"study_id": study, "label": label} for study, label in zip(arms, HOSTILE, strict=True)]
    outcomes = [
        rows.score(study, arm, mean + place / 3, source_locator="<img src=x onerror=alert(1)>")
        for place, study in enumerate(arms)
        for arm, mean in (("t", 3), ("c", 5))
    ]
    return evidence(arms, studies, outcomes=outcomes)


def test_hostile_labels_do_no_harm_in_html_svg_and_csv(hostile, tmp_path):
    effects = hostile.compare("BMAC", "HA", on="pain", months=6)
    pooled = effects.pool()
    pages = [
        shown._repr_html_()
        for shown in (hostile, effects, pooled, effects.leave_one_out(), effects.by("design").pool())
    ]
    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
    assert any("&lt;script&gt;" in page for page in pages)
    pooled.forest(save=tmp_path / "hostile.svg")
    picture = (tmp_path / "hostile.svg").read_text(encoding="utf-8")
    assert "<script" not in picture
    table = (tmp_path / "hostile.csv").read_text(encoding="utf-8")
    assert "'=cmd()" in table
    assert "\n=cmd()" not in table
    assert {path.name for path in tmp_path.iterdir()} == {
        *("studies.csv", "arms.csv", "outcomes.csv"),
        *("hostile.svg", "hostile.csv"),
    }


def test_a_hostile_label_stays_on_its_line_of_the_card(hostile):
    text = str(hostile.compare("BMAC", "HA", on="pain", months=6))
    assert len([line for line in text.splitlines() if "cmd()" in line]) == 1
    assert "\x1b" not in text
