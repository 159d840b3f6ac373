from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from bmac_meta import Effects, stats
from bmac_meta.errors import DataError, InputError, UnknownWordError
from bmac_meta.stats import MEASURES

TWO_MEANS = {
    "mean_a": [1.0, 2.0],
    "sd_a": [1.0, 1.2],
    "n_a": [10, 20],
    "mean_b": [2.0, 2.5],
    "sd_b": [1.0, 1.1],
    "n_b": [11, 22],
}


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": ["A", "B"],
            "e": [0.1, 0.3],
            "s": [0.1, 0.2],
            "v": [0.01, 0.04],
            "low": [-0.09599640, -0.0919928],
            "high": [0.29599640, 0.6919928],
        }
    )


def test_an_se_a_variance_and_an_interval_say_the_same(table):
    by_se, by_variance, by_interval = (
        Effects.from_frame(table, estimate="e", study="trial", **spread).frame.se
        for spread in ({"se": "s"}, {"variance": "v"}, {"ci_low": "low", "ci_high": "high"})
    )
    np.testing.assert_allclose(by_variance, by_se)
    np.testing.assert_allclose(by_interval, by_se, rtol=1e-7)


def test_an_interval_is_read_at_its_level(table):
    found = Effects.from_frame(table, estimate="e", ci_low="low", ci_high="high", level=0.9).frame.se
    np.testing.assert_allclose(found, table.s * 1.959964 / 1.644854, rtol=1e-6)


def test_a_two_sided_p_gives_the_standard_error_of_a_normal_test():
    # 2.6520698 is the quantile of the normal distribution at 0.996.
    printed = pd.DataFrame({"trial": ["A", "B"], "d": [3.8, -3.8], "p": [0.008, 0.008]})
    effects = Effects.from_frame(printed, estimate="d", p_value="p", study="trial")
    np.testing.assert_allclose(effects.frame.se, 3.8 / 2.6520698, rtol=1e-7)


def test_every_p_that_tells_no_spread_is_named():
    printed = pd.DataFrame({"d": [0.2, 0.0, 0.3, 0.1], "p": [0.04, 0.5, 0.0, 1.2]})
    with pytest.raises(DataError) as caught:
        Effects.from_frame(printed, estimate="d", p_value="p")
    told = str(caught.value)
    assert "row 2, column d: found 0; expected an effect other than 0" in told
    assert "row 3, column p: found 0; expected a two-sided p" in told
    assert "row 4, column p: found 1.2" in told
    assert "row 1" not in told


def test_ratios_enter_as_logarithms_or_as_such_with_their_limits():
    ratios = pd.DataFrame({"rr": [0.5, 2.0], "low": [0.25, 1.0], "high": [1.0, 4.0]})
    plain = Effects.from_frame(ratios, estimate="rr", ci_low="low", ci_high="high", measure="RR", logged=False)
    logged = Effects.from_frame(np.log(ratios), estimate="rr", ci_low="low", ci_high="high", measure="RR")
    np.testing.assert_allclose(plain.frame.estimate, [-math.log(2), math.log(2)])
    np.testing.assert_allclose(plain.frame.se, logged.frame.se)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, "The spread was given as nothing; name exactly one of"),
        ({"se": "s", "variance": "v"}, "given as se, variance"),
        ({"ci_low": "low"}, "given as ci_low"),
        ({"se": "s", "ci_low": "low", "ci_high": "high"}, "given as se, ci_low, ci_high"),
        ({"se": "s", "level": 95}, "level=95 was given; a share between 0 and 1"),
        ({"se": "s", "logged": False}, "GEN is no ratio"),
        ({"se": "s", "logged": False, "measure": "RR"}, "comes with its limits"),
        ({"se": "s", "measure": "PFT"}, "a column named 'total' is needed"),
        ({"se": "e"}, "Column 'e' was named as estimate and as se"),
        ({"se": "s", "study": "e"}, "Column 'e' was named as estimate and as study"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(table, keywords, message):
    with pytest.raises(InputError, match=message):
        Effects.from_frame(table, estimate="e", **keywords)


def test_a_variance_cannot_be_passed_by_position(table):
    with pytest.raises(TypeError):
        Effects.from_frame(table, "e", "v")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"estimate": "x", "se": "s"}, r"There is no column \(asked for as estimate\) 'x'"),
        ({"estimate": "e", "se": "ss"}, "did you mean 's'"),
        ({"estimate": "x", "se": "y"}, "There are no columns 'x', 'y'. Known: trial, e, s"),
        ({"estimate": "e", "se": "s", "measure": "SMDD"}, "did you mean 'SMD'"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_those_that_are(table, keywords, message):
    with pytest.raises(UnknownWordError, match=message):
        Effects.from_frame(table, **keywords)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([1, 2], "A pandas DataFrame is needed, not list"),
        (pd.DataFrame({"e": [], "s": []}), "The table is empty"),
        (pd.DataFrame([[1, 2, 3]], columns=["e", "s", "s"]), "Columns stand twice in the table: s"),
    ],
)
def test_what_is_no_table_of_trials_is_refused(frame, message):
    with pytest.raises(InputError, match=message):
        Effects.from_frame(frame, estimate="e", se="s")


def faults(**columns):
    """Return (row, column, found, expected) of each fault."""
    spread = {"ci_low": "low", "ci_high": "high"} if "low" in columns else {"se": "s"}
    with pytest.raises(DataError) as caught:
        Effects.from_frame(pd.DataFrame(columns), estimate="e", study="trial", **spread)
    return [(fault.row, fault.column, fault.found, fault.expected) for fault in caught.value.faults]


def test_all_faulty_cells_come_at_once_with_row_column_and_what_stands_there():
    found = faults(trial=["A", None, " ", "D"], e=["0,1", "NR", 0.2, True], s=[0.1, -0.1, 0.0, None])
    assert found == [
        (1, "e", "'0,1'", "a finite number"),
        (2, "e", "'NR'", "a finite number"),
        (4, "e", "true", "a finite number"),
        (4, "s", "an empty cell", "a finite number"),
        (2, "trial", "an empty cell", "the name of a trial"),
        (3, "trial", "an empty cell", "the name of a trial"),
        (2, "s", "-0.1", "a number above 0, neither tiny nor huge"),
        (3, "s", "0", "a number above 0, neither tiny nor huge"),
    ]


def test_a_spread_whose_square_no_computer_can_hold_is_a_fault():
    assert [row for row, *_ in faults(trial=list("AB"), e=[0.1, 0.2], s=[1e-200, 1e200])] == [1, 2]


def test_limits_have_to_stand_around_the_estimate():
    found = faults(trial=list("ABC"), e=[0.1, 0.5, 0.2], low=[0.3, 0.0, 0.1], high=[-0.1, 0.4, 0.3])
    assert [(row, text) for row, _, text, _ in found] == [(1, "0.3 to -0.1 around 0.1"), (2, "0 to 0.4 around 0.5")]


def test_a_ratio_below_zero_is_a_fault():
    ratios = pd.DataFrame({"rr": [0.5, -2.0], "low": [0.25, -3.0], "high": [1.0, 4.0]})
    with pytest.raises(DataError, match="a ratio above 0") as caught:
        Effects.from_frame(ratios, estimate="rr", ci_low="low", ci_high="high", measure="RR", logged=False)
    assert {(fault.row, fault.column) for fault in caught.value.faults} == {(2, "rr"), (2, "low")}


def test_rows_without_a_label_are_numbered_and_the_index_does_not_matter(table):
    effects = Effects.from_frame(table.set_index(pd.Index([7, 7])), estimate="e", se="s")
    assert effects.studies == ("row 1", "row 2")
    assert list(effects.frame.index) == [0, 1]
    assert list(effects.frame.trial) == ["A", "B"]


def test_nullable_numbers_and_texts_that_are_numbers_are_numbers():
    frame = pd.DataFrame({"e": pd.array([1, 2], dtype="Int64"), "s": ["0.1", "2e-1"]})
    np.testing.assert_allclose(Effects.from_frame(frame, estimate="e", se="s").frame.se, [0.1, 0.2])


def test_raw_columns_are_taken_by_their_own_or_by_other_names():
    raw = {"sd_a": [2.0], "n_a": [20], "mean_b": [5.0], "sd_b": [2.5], "n_b": [22]}
    named = Effects.from_raw(pd.DataFrame({"PRP mean": [3.0], **raw}), measure="MD", mean_a="PRP mean")
    plain = Effects.from_raw(pd.DataFrame({"mean_a": [3.0], **raw}), measure="MD")
    assert named.frame.estimate[0] == plain.frame.estimate[0] == -2.0
    assert plain.frame.se[0] == pytest.approx(math.sqrt(4 / 20 + 6.25 / 22))
    assert named.pool().patients == 42


@pytest.mark.parametrize(
    ("measure", "columns", "estimate"),
    [
        ("OR", {"events_a": [4], "total_a": [123], "events_b": [11], "total_b": [139]}, math.log(4 * 128 / (119 * 11))),
        ("PLO", {"events": [4], "total": [20]}, math.log(4 / 16)),
        ("ZCOR", {"r": [0.5], "n": [30]}, math.atanh(0.5)),
        ("COR", {"r": [0.5], "n": [30]}, 0.5),
        ("MN", {"mean": [3.0], "sd": [1.0], "n": [25]}, 3.0),
    ],
)
def test_effects_are_computed_from_counts_shares_and_correlations(measure, columns, estimate):
    effects = Effects.from_raw(pd.DataFrame(columns), measure=measure)
    assert effects.frame.estimate[0] == pytest.approx(estimate)


def test_the_raw_cells_that_cannot_be_come_at_once():
    raw = pd.DataFrame({"events_a": [-1, 11], "total_a": [0, 10], "events_b": [1, 1], "total_b": [10, "ten"]})
    with pytest.raises(DataError) as caught:
        Effects.from_raw(raw, measure="RR")
    assert {(fault.row, fault.column) for fault in caught.value.faults} == {
        *((1, "events_a"), (1, "total_a")),
        *((2, "events_a"), (2, "total_b")),
    }


def test_a_trial_for_which_the_measure_does_not_exist_is_left_out_by_name():
    raw = pd.DataFrame(
        {"name": ["A", "B"], "events_a": [0, 1], "total_a": [10, 10], "events_b": [0, 2], "total_b": [10, 10]}
    )
    effects = Effects.from_raw(raw, measure="RR", study="name")
    assert effects.studies == ("B",)
    assert effects.left_out.to_dict("records") == [
        {"study": "A", "row": "row 1", "reason": "risk ratio does not exist for these numbers: no event in either arm"}
    ]


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"measure": "GEN"}, InputError, "use Effects.from_frame"),
        ({"measure": "RR"}, UnknownWordError, "There are no columns 'events_a', 'total_a', 'events_b', 'total_b'"),
        ({"measure": "PLO", "event": "x"}, UnknownWordError, "did you mean 'events'"),
    ],
)
def test_raw_columns_that_do_not_fit_are_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        Effects.from_raw(pd.DataFrame({"x": [1]}), **keywords)


def test_a_study_column_that_was_not_named_is_not_dropped_in_silence(table):
    both = table.assign(study=[1, 1])
    with pytest.raises(InputError, match="has a column 'study', but 'trial' was named for the labels"):
        Effects.from_frame(both, estimate="e", se="s", study="trial")
    assert Effects.from_frame(both.drop(columns="trial"), estimate="e", se="s", study="study").studies == ("1", "1")


def test_columns_that_bear_the_names_of_the_effects_own_stay_as_given(table):
    both = table.assign(estimate=[7.0, 8.0], se=[1.0, 2.0])
    made = Effects.from_frame(both, estimate="e", variance="v", study="trial").frame
    assert made["estimate (given)"].tolist() == [7, 8]
    assert made["se"].tolist() == pytest.approx([0.1, 0.2])


def test_labels_that_differ_in_blanks_are_one(table):
    effects = Effects.from_frame(table.assign(trial=["A", " A\u00a0"]), estimate="e", se="s", study="trial")
    assert effects.studies == ("A", "A")


@pytest.mark.parametrize(("measure", "value"), [("COR", 1.2), ("PR", 1.5), ("RD", -2.0), ("OR", 250.0)])
def test_effects_that_no_trial_can_have_are_named(measure, value):
    frame = pd.DataFrame({"e": [0.2, value], "s": [0.1, 0.1]})
    with pytest.raises(DataError, match=f"row 2, column e: found {value:g}"):
        Effects.from_frame(frame, estimate="e", se="s", measure=measure)


def test_dates_are_no_effects(table):
    with pytest.raises(DataError, match="expected a finite number"):
        Effects.from_frame(table.assign(e=pd.to_datetime(["2020", "2021"])), estimate="e", se="s", study="trial")


def test_ratios_said_to_be_logarithms_are_refused_where_their_limits_tell():
    ratios = pd.DataFrame({"rr": [0.5, 0.8, 1.2], "low": [0.3, 0.5, 0.6], "high": [0.83, 1.28, 2.4]})
    columns = {"estimate": "rr", "ci_low": "low", "ci_high": "high", "measure": "RR"}
    with pytest.raises(InputError, match=r"0.5 \(0.3 to 0.83\). Take them with logged=False"):
        Effects.from_frame(ratios, **columns)
    assert len(Effects.from_frame(ratios, **columns, logged=False)) == 3
    logarithms = pd.DataFrame({"rr": [1.5, 2.0], "low": [1.0, 1.2], "high": [2.0, 2.8]})
    assert len(Effects.from_frame(logarithms, **columns)) == 2


def test_shares_are_of_the_columns_that_were_named_whatever_else_stands_there():
    table = pd.DataFrame({"events_a": [9, 18], "total_a": [10, 20], "events_b": [1, 2], "total_b": [100, 200]})
    for measure in ("PLO", "PFT"):
        pooled = Effects.from_raw(table, measure=measure, events="events_b", total="total_b").pool()
        assert pooled.patients == 300
        assert pooled.shown(pooled.fit.estimate) == pytest.approx(0.01, abs=0.004)


def test_text_in_a_column_of_sizes_is_no_size(table):
    made = Effects.from_frame(table.assign(n_a=["?", "30"], n_b=[30, 30]), estimate="e", se="s", study="trial")
    assert made.pool().patients is None
    assert "patients" not in repr(made.pool()).splitlines()[0]


@pytest.mark.parametrize("name", [["e"], {"e": 1}, None, pd.NA, 1, np.array([1, 2])], ids=repr)
def test_a_name_that_cannot_be_one_is_answered_with_those_that_are(table, name):
    with pytest.raises(UnknownWordError, match=r"There is no column \(asked for as estimate\)"):
        Effects.from_frame(table, estimate=name, se="s")
    with pytest.raises(UnknownWordError, match=r"There is no column \(asked for as mean_a\)"):
        Effects.from_raw(pd.DataFrame(TWO_MEANS), measure="SMD", mean_a=name)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"level": "95"}, "level='95' was given; a share between 0 and 1"),
        ({"level": True}, "level=True was given"),
        ({"level": 0.9}, "level=0.9 was given with se=, which has no level"),
        ({"logged": "no", "measure": "RR"}, "logged is 'no'; it must be True or False"),
        ({"measure": None}, "There is no effect measure None"),
        ({"question": "PRP vs HA"}, "question is 'PRP vs HA'; it must be a bm.Question"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused(table, keywords, message):
    with pytest.raises(InputError, match=message):
        Effects.from_frame(table, estimate="e", se="s", study="trial", **keywords)


def test_columns_with_two_levels_are_refused(table):
    with pytest.raises(InputError, match="The columns of the table have 2 levels"):
        Effects.from_frame(pd.concat({"given": table}, axis=1), estimate=("given", "e"), se=("given", "s"))


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ([10**400, 1], "100000"),
        ([1 + 2j, 1], r"\(1\+2j\)"),
        ([[1], 1], r"\[1\]"),
        ([np.array([1, 2]), 1], r"array\(\[1, 2\]\)"),
        ([pd.NA, 1], "an empty cell"),
    ],
)
def test_what_is_no_number_is_a_fault_that_shows_what_stands_there(cells, shown):
    frame = pd.DataFrame({"e": pd.Series(cells, dtype=object), "s": [0.1, 0.1]})
    with pytest.raises(DataError, match=f"row 1, column e: found {shown}.*; expected a finite number"):
        Effects.from_frame(frame, estimate="e", se="s")


def test_complex_numbers_are_not_read_as_their_real_part():
    frame = pd.DataFrame({"e": np.array([1 + 2j, 1]), "s": [0.1, 0.1]})
    with pytest.raises(DataError, match="2 faults"):
        Effects.from_frame(frame, estimate="e", se="s")


def test_decimals_and_fractions_are_numbers():
    frame = pd.DataFrame({"e": [Decimal("0.1"), Fraction(1, 4)], "s": [Decimal("0.1"), 0.5]})
    np.testing.assert_allclose(Effects.from_frame(frame, estimate="e", se="s").estimates, [0.1, 0.25])


@pytest.mark.parametrize("total", [[0, 20], ["x", 20], [None, 20]])
def test_the_sizes_that_shares_are_shown_with_are_sizes(total):
    frame = pd.DataFrame({"e": [0.5, 0.6], "s": [0.1, 0.1], "total": total})
    with pytest.raises(DataError, match=r"row 1, column total: found .*; expected 1 patient or more"):
        Effects.from_frame(frame, estimate="e", se="s", measure="PFT")


def test_no_column_of_the_table_is_lost_to_a_raw_number_of_its_name():
    frame = pd.DataFrame(TWO_MEANS).assign(**{"PRP mean": [3.0, 4.0], "mean_a (given)": [7, 8]})
    made = Effects.from_raw(frame, measure="MD", mean_a="PRP mean").frame
    assert made["mean_a"].tolist() == [3.0, 4.0]
    assert made["mean_a (given) (given)"].tolist() == TWO_MEANS["mean_a"]
    assert made["mean_a (given)"].tolist() == [7, 8]


def test_a_trial_without_events_is_kept_where_that_is_asked_for():
    raw = pd.DataFrame({"events_a": [0, 1], "total_a": [20, 20], "events_b": [0, 3], "total_b": [20, 20]})
    kept = Effects.from_raw(raw, measure="OR", double_zero="keep", add=0.1)
    expected = stats.odds_ratio(**raw, double_zero="keep", add=0.1)
    np.testing.assert_array_equal(kept.estimates, expected.estimate)
    assert kept.notes == (
        "single effects with 0.1 added to the cells of trials that have an empty one",
        "single effects also of trials without an event in either arm, or with nothing but events",
    )
    assert len(Effects.from_raw(raw, measure="OR")) == 1
    assert kept.without("row 2").notes == kept.notes


def test_the_formula_of_a_standardized_difference_can_be_chosen():
    frame = pd.DataFrame(TWO_MEANS)
    made = Effects.from_raw(frame, measure="SMD", variance="revman", correction="approximate")
    expected = stats.standardized_mean_difference(**frame, variance="revman", correction="approximate")
    np.testing.assert_allclose(made.variances, expected.variance, rtol=1e-15)  # squared roots
    assert "'revman' as the formula of their variance" in repr(made)


def test_the_usual_choice_needs_no_words():
    usual = Effects.from_raw(pd.DataFrame(TWO_MEANS), measure="SMD", variance="ls", correction="exact")
    assert usual.notes == ()


@pytest.mark.parametrize(
    ("measure", "choice", "message"),
    [
        ("SMD", {"add": 0.5}, r"add=0.5 says nothing to .*\(SMD\): its choices are variance, correction"),
        ("MD", {"variance": "ls"}, r"variance='ls' says nothing to .*\(MD\): it has no choices"),
        ("OR", {"correction": "exact"}, "its choices are add, double_zero"),
        ("RD", {"double_zero": "keep"}, "its choices are add"),
        ("PAS", {"add": 0.5}, "it has no choices"),
        ("OR", {"double_zero": "keep", "add": 0}, "without an addition to its cells"),
        ("OR", {"double_zero": "kept"}, "did you mean 'keep'"),
        ("OR", {"add": "a half"}, "add is 'a half'; it must be"),
        ("SMD", {"variance": "rev"}, "There is no variance of an SMD 'rev'; did you mean 'revman'"),
    ],
)
def test_a_choice_that_the_measure_has_not_is_refused(measure, choice, message):
    counts = {"events_a": [1], "total_a": [10], "events_b": [2], "total_b": [10], "events": [1], "total": [10]}
    frame = pd.DataFrame(counts if "events" in MEASURES[measure].columns[0] else TWO_MEANS)
    with pytest.raises(InputError, match=message):
        Effects.from_raw(frame, measure=measure, **choice)
