"""A network from anybody's table, and every fault of a table at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.errors import DataError, InputError, UnknownWordError
from bmac_meta.network import Network

PAIRS = {"treatment_a": "a", "treatment_b": "b", "estimate": "d", "se": "s"}
ARMS = {"treatment": "arm", "mean": "mean", "sd": "sd", "n": "n"}


def pairs(*rows: tuple[str, str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["study", "a", "b", "d", "s"])


def faults_of(frame: pd.DataFrame, **columns: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        Network.from_frame(frame, **columns)
    return [str(fault) for fault in caught.value.faults]


def test_rows_may_come_in_any_order_and_direction(draw_arms):
    frame = pairs(("one", "A", "B", 0.5, 0.2), ("two", "B", "C", 0.1, 0.3), ("three", "A", "C", 0.4, 0.25))
    turned = pairs(("three", "C", "A", -0.4, 0.25), ("two", "B", "C", 0.1, 0.3), ("one", "B", "A", -0.5, 0.2))
    first, second = (Network.from_frame(rows, **PAIRS).pool("C") for rows in (frame, turned))
    np.testing.assert_allclose(first.fit.estimate, second.fit.estimate, rtol=0, atol=1e-13)
    np.testing.assert_allclose(first.fit.se, second.fit.se, rtol=1e-13)


@pytest.mark.parametrize(("spread", "columns"), [("variance", ("v",)), ("ci", ("low", "high"))])
def test_a_spread_may_be_a_variance_or_an_interval(spread, columns):
    frame = pairs(("one", "A", "B", 0.5, 0.2), ("two", "B", "C", 0.1, 0.3))
    frame["v"] = frame["s"] ** 2
    z = 1.959963984540054
    frame["low"], frame["high"] = frame["d"] - z * frame["s"], frame["d"] + z * frame["s"]
    roles = {"variance": "v"} if spread == "variance" else {"ci_low": "low", "ci_high": "high"}
    given = Network.from_frame(frame, treatment_a="a", treatment_b="b", estimate="d", **roles).pool("C")
    np.testing.assert_allclose(given.fit.se, Network.from_frame(frame, **PAIRS).pool("C").fit.se, rtol=1e-12)


def test_ratios_enter_as_such_when_they_are_not_logarithms():
    frame = pd.DataFrame(
        {
            "study": ["one", "two"],
            "a": ["A", "B"],
            "b": ["B", "C"],
            "rr": [2.0, 0.5],
            "low": [1.0, 0.25],
            "high": [4.0, 1.0],
        }
    )
    roles = {"treatment_a": "a", "treatment_b": "b", "estimate": "rr", "ci_low": "low", "ci_high": "high"}
    net = Network.from_frame(frame, measure="RR", logged=False, **roles)
    effects = net.pool("C").tidy().set_index("treatment")
    assert effects.loc["B", "estimate"] == pytest.approx(np.log(0.5), rel=1e-12)
    assert effects.loc["B", "estimate_shown"] == pytest.approx(0.5, rel=1e-12)


def test_arms_and_all_their_contrasts_give_the_same_network(draw_arms):
    arms = draw_arms(4)
    rows = []
    for study, group in arms.groupby("study"):
        group = group.reset_index(drop=True)
        for i in range(len(group)):
            for j in range(i + 1, len(group)):
                one, two = group.loc[i], group.loc[j]
                variance = one["sd"] ** 2 / one["n"] + two["sd"] ** 2 / two["n"]
                rows.append((study, one["arm"], two["arm"], one["mean"] - two["mean"], variance**0.5))
    by_arms = Network.from_frame(arms, measure="MD", **ARMS).pool("T0")
    by_pairs = Network.from_frame(pairs(*rows), measure="MD", **PAIRS).pool("T0")
    np.testing.assert_allclose(by_arms.fit.estimate, by_pairs.fit.estimate, atol=1e-9)
    np.testing.assert_allclose(by_arms.fit.se, by_pairs.fit.se, rtol=1e-9)


def test_means_with_standard_errors_are_arms_as_well(draw_arms):
    arms = draw_arms(5)
    arms["s"] = arms["sd"] / np.sqrt(arms["n"])
    ready = Network.from_frame(arms, measure="MD", treatment="arm", mean="mean", se="s").pool("T0")
    np.testing.assert_allclose(
        ready.fit.estimate, Network.from_frame(arms, measure="MD", **ARMS).pool("T0").fit.estimate
    )


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "AS"])
def test_counts_give_ratios_and_differences(draw_arms, measure):
    net = Network.from_frame(draw_arms(6), measure=measure, treatment="arm", events="events", total="n")
    assert net.measure.code == measure
    assert np.isfinite(net.pool("T0").fit.estimate).all()


def test_a_trial_without_any_event_is_left_out_of_ratios_by_name():
    frame = pd.DataFrame(
        {"study": ["a", "a", "b", "b"], "arm": ["X", "Y"] * 2, "events": [0, 0, 3, 5], "n": [20, 20, 30, 30]}
    )
    net = Network.from_frame(frame, measure="RR", treatment="arm", events="events", total="n")
    assert net.studies == ("b",)
    assert net.left_out["study"].tolist() == ["a"]


def test_columns_that_say_one_thing_of_a_trial_stay_for_regression(draw_arms):
    net = Network.from_frame(draw_arms(7), measure="MD", **ARMS)
    assert "year" in net.trials
    assert "mean" not in net.trials


def test_a_treatment_against_itself_is_named_with_its_trial():
    (fault,) = faults_of(pairs(("one", "A", "A", 0.5, 0.2)), **PAIRS)
    assert "'A' against itself in trial 'one'" in fault
    assert "row 1" in fault


def test_a_trial_with_one_arm_is_named():
    frame = pd.DataFrame({"study": ["x", "y", "y"], "arm": ["A", "A", "B"], "mean": [1.0, 2, 3], "sd": 1.0, "n": 9})
    (fault,) = faults_of(frame, measure="MD", **ARMS)
    assert "trial 'x' with one arm (A)" in fault


def test_two_trials_with_one_name_are_told_from_their_double_contrast():
    (fault,) = faults_of(pairs(("one", "A", "B", 0.5, 0.2), ("one", "B", "A", 0.1, 0.2)), **PAIRS)
    assert "A vs B 2 times in trial 'one'" in fault
    assert "give each its own name" in fault


def test_two_trials_with_one_name_are_told_from_their_double_arms():
    frame = pd.DataFrame({"study": ["x"] * 4, "arm": ["A", "B", "A", "B"], "mean": 1.0, "sd": 1.0, "n": 9})
    found = faults_of(frame, measure="MD", **ARMS)
    assert [fault.count("2 arms of") for fault in found] == [1, 1]


def test_missing_contrasts_of_a_three_arm_trial_are_named():
    (fault,) = faults_of(pairs(("one", "A", "B", 0.5, 0.2), ("one", "A", "C", 0.3, 0.2)), **PAIRS)
    assert "missing: B vs C" in fault
    assert "all 3 contrasts" in fault


@pytest.mark.parametrize("se", [0.0, -0.1, np.nan])
def test_a_zero_negative_or_missing_spread_is_named(se):
    (fault,) = faults_of(pairs(("one", "A", "B", 0.5, se), ("two", "B", "C", 0.5, 0.1)), **PAIRS)
    assert "row 1" in fault
    assert "column s" in fault


def test_all_faults_come_at_once():
    frame = pairs(
        ("one", "A", "A", 0.5, 0.2),
        ("two", "A", "B", np.nan, 0.0),
        ("", "A", "B", 1.0, 0.1),
        ("four", "A", None, 1.0, 0.1),
    )
    found = faults_of(frame, **PAIRS)
    assert len(found) == 5
    assert {fault.split("row ")[1][0] for fault in found} == {"1", "2", "3", "4"}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"sd": 0.0}, "a number above 0"),
        ({"n": 7.5}, "a whole number"),
        ({"n": 0}, "a number above 0"),
        ({"mean": np.inf}, "a finite number"),
    ],
)
def test_impossible_arms_are_named(changed, word):
    frame = pd.DataFrame({"study": ["x", "x"], "arm": ["A", "B"], "mean": [1.0, 2.0], "sd": 1.0, "n": 9.0})
    for column, value in changed.items():
        frame.loc[1, column] = value
    (fault,) = faults_of(frame, measure="MD", **ARMS)
    assert word in fault
    assert "row 2" in fault


def test_more_events_than_patients_are_named():
    frame = pd.DataFrame({"study": ["x", "x"], "arm": ["A", "B"], "events": [3, 12], "n": [9, 9]})
    (fault,) = faults_of(frame, measure="OR", treatment="arm", events="events", total="n")
    assert "12 of 9" in fault


def test_contradictory_contrasts_of_one_trial_are_refused_with_its_name():
    frame = pairs(("one", "A", "B", 0.5, 0.2), ("one", "A", "C", 0.5, 0.2), ("one", "B", "C", 2.0, 0.2))
    with pytest.raises(InputError, match="'one'"):
        Network.from_frame(frame, **PAIRS)


def test_unknown_columns_and_roles_are_named():
    frame = pairs(("one", "A", "B", 0.5, 0.2))
    with pytest.raises(UnknownWordError, match="studlab"):
        Network.from_frame(frame, study="studlab", **PAIRS)
    with pytest.raises(UnknownWordError, match="treatment_c"):
        Network.from_frame(frame, treatment_c="a", **PAIRS)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"treatment_a": "a", "treatment": "b"},
        {"treatment_a": "a", "treatment_b": "b"},
        {"treatment_a": "a", "treatment_b": "b", "estimate": "d"},
        {"treatment": "a", "mean": "d"},
        {"treatment": "a", "mean": "d", "se": "s", "measure": "SMD"},
    ],
)
def test_half_a_choice_of_columns_is_refused_with_what_is_needed(columns):
    with pytest.raises(InputError, match=r"=|Known: MD"):
        Network.from_frame(pairs(("one", "A", "B", 0.5, 0.2)), **columns)


@pytest.mark.parametrize("table", [None, [], pd.DataFrame()])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(InputError, match="DataFrame"):
        Network.from_frame(table, **PAIRS)


@pytest.mark.parametrize("measure", ["PFT", "MC", "SDM"])
def test_a_measure_that_compares_nothing_is_refused_with_those_that_do(measure):
    with pytest.raises(UnknownWordError, match="measure of a network"):
        Network.from_frame(pairs(("one", "A", "B", 0.5, 0.2)), measure=measure, **PAIRS)
