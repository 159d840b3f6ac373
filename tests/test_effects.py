from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bmac_meta import Effects, Question, load
from bmac_meta.errors import PoolingRefused, UnknownWordError


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": ["A", "B", "C", "D"],
            "g": [0.1, -0.3, 0.2, -0.4],
            "s": [0.1, 0.2, 0.15, 0.3],
            "design": ["rct", "rct", "cohort", None],
            "dose": [1.0, 2.0, 10.0, 2.0],
        }
    )


@pytest.fixture
def effects(table) -> Effects:
    return Effects.from_frame(table, estimate="g", se="s", study="trial")


@pytest.fixture(scope="module")
def knee():
    return load().where(condition="knee_oa")


def test_the_other_columns_stay_for_groups_and_regressions(effects):
    assert list(effects.frame.columns) == ["study", "estimate", "se", "design", "dose"]
    assert effects.studies == ("A", "B", "C", "D")
    np.testing.assert_allclose(effects.variances, [0.01, 0.04, 0.0225, 0.09])


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"design": "rct"}, ["A", "B"]),
        ({"design": ["rct", "cohort"]}, ["A", "B", "C"]),
        ({"dose": lambda dose: dose >= 2}, ["B", "C", "D"]),
        ({"design": "rct", "dose": 2.0}, ["B"]),
    ],
)
def test_rows_can_be_kept_by_their_columns(effects, asked, kept):
    narrowed = effects.where(**asked)
    assert list(narrowed.studies) == kept
    assert set(narrowed.left_out.study) == {"A", "B", "C", "D"} - set(kept)
    assert len(effects) == 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"desing": "rct"}, "There is no column of these effects 'desing'; did you mean 'design'"),
        ({"design": "rtc"}, "There is no design among these effects: 'rtc'; did you mean 'rct'"),
    ],
)
def test_a_column_or_value_that_is_not_there_is_answered_with_those_that_are(effects, asked, message):
    with pytest.raises(UnknownWordError, match=message):
        effects.where(**asked)


def test_a_study_can_be_left_out_by_name(effects):
    less = effects.without("B")
    assert list(less.studies) == ["A", "C", "D"]
    assert less.left_out.to_dict("records") == [{"study": "B", "row": "", "reason": "left out by name"}]
    with pytest.raises(UnknownWordError, match="There is no study among these effects 'E'"):
        effects.without("E")


def test_leaving_nothing_out_changes_nothing(effects):
    assert effects.without() is effects


def test_a_refusal_goes_with_the_trials_that_caused_it(knee):
    mixed = knee.compare("HA", "PLACEBO", on="pain", months=6, measured_as=None)
    with pytest.raises(PoolingRefused, match="cannot be mixed"):
        mixed.pool()
    changes = list(mixed.frame.study[mixed.frame.measured_as == "change"])
    finals = list(mixed.frame.study[mixed.frame.measured_as == "final"])
    assert changes
    assert finals
    pooled = mixed.without(*finals).pool()
    assert pooled.k == len(changes)
    assert not any("cannot be mixed" in note for note in pooled.notes)


def test_notes_follow_the_rows_and_what_came_with_them_stays(knee):
    effects = knee.compare("BMAC", "HA", on="pain", months=12)
    assert any("same patients in both arms" in note for note in effects.notes)
    assert not any("same patients" in note for note in effects.without("Boffa 2022").notes)
    published = load().published("juni2015.p_2c2b2b38")
    assert published.without(published.studies[0]).notes == published.notes


def test_the_history_follows_the_rows(knee):
    effects = knee.compare("BMAC", "HA", on="pain", months=12)
    assert set(effects.without("Boffa 2022").history().study) == {"Goncars 2017"}
    assert set(effects.history("Boffa 2022").study) == {"Boffa 2022"}
    with pytest.raises(UnknownWordError, match="did you mean 'Boffa 2022'"):
        effects.history("Boffa 2020")


def test_what_is_handed_out_can_be_changed_without_changing_the_effects(effects):
    tidy, history = effects.tidy(), effects.history()
    tidy["estimate"] = 99.0
    history.loc[0] = ["x"] * 5
    assert effects.frame.estimate.max() == 0.2
    assert len(effects.history()) == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        effects.notes = ("changed",)


def test_the_users_table_is_not_changed(table):
    before = table.copy()
    Effects.from_frame(table, estimate="g", se="s", study="trial").pool()
    pd.testing.assert_frame_equal(table, before)


def test_a_users_own_columns_are_not_taken_for_those_of_the_evidence(table):
    own = table.assign(paired=[True, False, True, False], joints=[1, 2, 3, 4], flags="x", condition=list("abcd"))
    narrowed = Effects.from_frame(own, estimate="g", se="s", study="trial").without("A")
    assert (narrowed.notes, narrowed.refusals) == ((), ())


@pytest.mark.parametrize("name", ["printed_contrast", "row", "file", "weight", "history", "paired", "total", "flags"])
@pytest.mark.parametrize("cells", [[1, 2, 3, 4], list("abcd"), [True, None, "x", 2.5], [[1], {}, None, (2,)]], ids=repr)
def test_a_column_of_any_name_stays_a_column_of_the_users_own(table, name, cells):
    own = Effects.from_frame(table.assign(**{name: cells}), estimate="g", se="s", study="trial")
    narrowed = own.without("A")
    assert narrowed.frame[name].tolist() == cells[1:]
    assert (narrowed.notes, narrowed.refusals) == ((), ())
    assert narrowed.pool().k == 3
    assert narrowed.doubts().pooled.k == 3


def test_the_columns_of_the_evidence_in_a_users_table_are_read_as_such_only_all_together(knee):
    evidence = knee.compare("BMAC", "HA", on="pain", months=12)
    again = Effects.from_frame(evidence.tidy(), estimate="estimate", se="se", study="study", measure="SMD")
    assert len(again.without(again.studies[0])) == len(evidence) - 1
    part = evidence.tidy().drop(columns=["paired"])
    alone = Effects.from_frame(part, estimate="estimate", se="se", study="study", measure="SMD")
    assert alone.without(alone.studies[0]).notes == ()


def test_rows_can_be_kept_by_values_that_come_one_by_one(effects):
    narrowed = effects.where(design=(word for word in ("rct", "cohort")))
    assert list(narrowed.studies) == ["A", "B", "C"]
    assert narrowed.left_out.reason.tolist() == ["design is not: rct, cohort"]


@pytest.mark.parametrize("name", [None, 1, ["A"], np.array([1, 2]), pd.NA], ids=repr)
def test_a_study_that_cannot_be_one_is_answered_with_those_that_are(effects, name):
    with pytest.raises(UnknownWordError, match="There is no study among these effects"):
        effects.without(name)
    if name is not None:
        with pytest.raises(UnknownWordError, match="There is no study among these effects"):
            effects.history(name)


def test_small_effects_are_shown_with_two_digits_of_their_standard_errors():
    small = pd.DataFrame({"e": [0.0004, -0.0002], "s": [0.0001, 0.00025]})
    rows = Effects.from_frame(small, estimate="e", se="s").card().grids[0].rows
    assert rows[0] == ("row 1", "0.00040 (0.00020 to 0.00060)", "0.00010")
    assert rows[1] == ("row 2", "−0.00020 (−0.00069 to 0.00029)", "0.00025")


def test_effects_in_the_millions_are_shown_without_decimals():
    large = pd.DataFrame({"e": [1234567.8, 2e10], "s": [30000.0, 1e9]})
    rows = Effects.from_frame(large.head(1), estimate="e", se="s", measure="MD").card().grids[0].rows
    assert rows[0] == ("row 1", "1,234,568 (1,175,769 to 1,293,367)", "30,000")
    huge = Effects.from_frame(large.tail(1), estimate="e", se="s", measure="MD").card().grids[0].rows
    assert huge[0] == ("row 1", "2.00×10¹⁰ (1.80×10¹⁰ to 2.20×10¹⁰)", "10⁹")


def test_a_question_gives_the_answer_its_title_and_sides(table):
    question = Question("PRP", "HA", "pain", "6 months", lower_is_better=True)
    effects = Effects.from_frame(table, estimate="g", se="s", measure="SMD", question=question)
    assert effects.question.title == "PRP vs HA · pain · 6 months"
    assert effects.question.measure == "SMD"
    assert effects.pool().favours in {"favours PRP", "favours HA", "includes no effect"}


def test_the_card_shows_each_trial_with_its_normal_interval(effects):
    rows = {row[0]: row for row in effects.card().grids[0].rows}
    # −0.3 ± 1.96 · 0.2
    assert rows["B"] == ("B", "−0.30 (−0.69 to 0.09)", "0.200")


def test_the_card_shows_ratios_as_ratios():
    raw = pd.DataFrame({"events_a": [4], "total_a": [123], "events_b": [11], "total_b": [139]})
    card = Effects.from_raw(raw, measure="RR").card()
    # Aronson 1948 in Colditz 1994: 0.41 (0.13 to 1.26)
    assert card.grids[0].rows[0][1] == "0.41 (0.13 to 1.26)"


def test_the_card_says_what_forbids_pooling_and_by_which_rules(knee):
    card = knee.compare("HA", "PLACEBO", on="pain", months=6, measured_as=None).card()
    assert any(note.startswith("not pooled: change and final scores cannot be mixed") for note in card.notes)
    assert card.notes[-1].startswith("rules: visits over 3 to 6 months, the nearest to 6 · ")


def test_a_long_table_is_cut_on_the_card_and_said_to_be():
    many = pd.DataFrame({"e": np.linspace(-1, 1, 40), "s": 0.2})
    card = Effects.from_frame(many, estimate="e", se="s").card()
    assert len(card.grids[0].rows) == 30
    assert card.notes[0] == "and 10 more trials: see .frame"


def test_no_effect_at_all_is_a_card_too(knee):
    nothing = knee.compare("EXOSOME", "PLACEBO", on="function", months=3)
    assert "0 trials" in str(nothing)
    assert nothing.tidy().empty


def test_effects_can_be_sent_to_another_process(effects):
    again = pickle.loads(pickle.dumps(effects))
    assert again.pool().fit.estimate == effects.pool().fit.estimate


def test_the_readme_names_every_verb():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    narrowing = {"from_frame", "from_raw", "history", "where", "without", "card", "tidy"}
    verbs = {name for name, value in vars(Effects).items() if callable(value) and not name.startswith("_")} - narrowing
    assert len(verbs) > 15
    assert {name for name in verbs if f"`{name}(" not in readme and f" {name}(" not in readme} == set()
