from __future__ import annotations

import pytest

from bmac_meta.errors import Fault
from bmac_meta.tables import read_tables
from bmac_meta.tables.rules import RULES
from bmac_meta.tables.schema import read_package

REVERSED = "Exchange them if they are reversed; look for a lost minus sign."
LIMITS = "Give both limits, or the standard error alone; a single limit goes to notes."
OWN_LIMITS = "Check the source; if it prints them so, leave the limits empty and say so in notes."
EXTREMES = "Check the source: no value lies beyond the extremes."
SCALE = "Check the number and the version of the scale; a change has value_kind change."
WIDTH = "Check the number and the version of the scale; a change in per cent has value_kind percent_change."
COUNTS = "Check the counts and their denominator."
RATIO = "Write the ratio itself, not its logarithm; a limit rounded to 0 stays empty."
QUOTED = "Check the source; if it prints them so, add the flag impossible_ci."

BROKEN = [
    (
        "a spread without its kind",
        "outcomes",
        [(2, "dispersion_kind", "")],
        "dispersion_kind",
        "dispersion_kind an empty cell, dispersion 20",
        "dispersion_kind beside dispersion",
        "Say whether it is sd, se, or plus_minus_unlabelled when the source does not name it.",
    ),
    (
        "reversed limits of a mean",
        "outcomes",
        [(3, "ci_low", "46"), (3, "ci_high", "34")],
        "ci_low",
        "ci_low 46, ci_high 34",
        "ci_low at most ci_high",
        REVERSED,
    ),
    (
        "a single limit",
        "outcomes",
        [(3, "ci_high", "")],
        "ci_high",
        "ci_high an empty cell, ci_low 34",
        "ci_high beside ci_low",
        LIMITS,
    ),
    (
        "a mean outside its own interval",
        "outcomes",
        [(3, "ci_high", "39")],
        "mean",
        "mean 40, ci_low 34, ci_high 39",
        "mean between ci_low and ci_high",
        OWN_LIMITS,
    ),
    (
        "reversed quartiles",
        "outcomes",
        [(3, "q1", "55"), (3, "q3", "25")],
        "q1",
        "q1 55, q3 25",
        "q1 at most q3",
        REVERSED,
    ),
    (
        "a single quartile",
        "outcomes",
        [(3, "q1", "")],
        "q1",
        "q1 an empty cell, q3 55",
        "q1 beside q3",
        "Give both quartiles, or none.",
    ),
    (
        "a median outside the quartiles",
        "outcomes",
        [(3, "median", "60")],
        "median",
        "median 60, q1 25, q3 55",
        "median between q1 and q3",
        OWN_LIMITS,
    ),
    (
        "reversed extremes",
        "outcomes",
        [(3, "min", "95"), (3, "max", "5")],
        "min",
        "min 95, max 5",
        "min at most max",
        REVERSED,
    ),
    (
        "a quartile beyond the extremes",
        "outcomes",
        [(3, "max", "50")],
        "q3",
        "q3 55, min 5, max 50",
        "q3 between min and max",
        EXTREMES,
    ),
    (
        "a reversed scale",
        "outcomes",
        [(5, "scale_min", "100"), (5, "scale_max", "0"), (5, "mean", ""), (5, "dispersion", "")],
        "scale_min",
        "scale_min 100, scale_max 0",
        "scale_min below scale_max",
        "Write the lowest and the highest possible score.",
    ),
    (
        "a mean outside its scale",
        "outcomes",
        [(2, "mean", "100.5")],
        "mean",
        "mean 100.5, scale_min 0, scale_max 100",
        "mean within its scale",
        SCALE,
    ),
    (
        "a negative final value on a scale from 0",
        "outcomes",
        [(2, "mean", "-1")],
        "mean",
        "mean -1, scale_min 0, scale_max 100",
        "mean within its scale",
        SCALE,
    ),
    (
        "an extreme outside the scale",
        "outcomes",
        [(3, "max", "101")],
        "max",
        "max 101, scale_min 0, scale_max 100",
        "max within its scale",
        SCALE,
    ),
    (
        "a change larger than the scale",
        "outcomes",
        [(5, "mean", "-101")],
        "mean",
        "mean -101, scale_min 0, scale_max 100",
        "a change no larger than the width of the scale",
        WIDTH,
    ),
    (
        "more events than patients",
        "outcomes",
        [(4, "events", "41")],
        "events",
        "events 41, total 40",
        "events at most total",
        COUNTS,
    ),
    (
        "a subgroup without a level",
        "outcomes",
        [(2, "subgroup_variable", "kl_grade")],
        "subgroup_level",
        "subgroup_level an empty cell, subgroup_variable 'kl_grade'",
        "subgroup_level beside subgroup_variable",
        "Say which part of the arm it is.",
    ),
    (
        "a level without a subgroup",
        "contrasts",
        [(2, "subgroup_level", "3")],
        "subgroup_variable",
        "subgroup_variable an empty cell, subgroup_level '3'",
        "subgroup_variable beside subgroup_level",
        "Say what defines the part of the arm.",
    ),
    (
        "a row that duplicates itself",
        "outcomes",
        [(6, "duplicate_of", "e")],
        "duplicate_of",
        "duplicate_of 'e', row_id 'e'",
        "the row_id of another row",
        "Leave duplicate_of empty on the preferred row.",
    ),
    (
        "reversed limits of a contrast",
        "contrasts",
        [(2, "ci_low", "0"), (2, "ci_high", "-19")],
        "ci_low",
        "ci_low 0, ci_high -19",
        "ci_low at most ci_high",
        REVERSED,
    ),
    (
        "an estimate outside its own interval",
        "contrasts",
        [(2, "estimate", "0.5")],
        "estimate",
        "estimate 0.5, ci_low -19, ci_high 0",
        "estimate between ci_low and ci_high",
        QUOTED,
    ),
    (
        "a negative ratio",
        "contrasts",
        [(3, "estimate", "-0.22"), (3, "ci_low", ""), (3, "ci_high", "")],
        "estimate",
        "estimate -0.22, measure 'RR'",
        "a ratio above 0 as estimate",
        RATIO,
    ),
    (
        "a limit of a ratio at zero",
        "contrasts",
        [(3, "ci_low", "0")],
        "ci_low",
        "ci_low 0, measure 'RR'",
        "a ratio above 0 as ci_low",
        RATIO,
    ),
    (
        "an arm against itself",
        "contrasts",
        [(2, "arm_b", "bmac")],
        "arm_b",
        "arm_b 'bmac', arm_a 'bmac'",
        "two different arms",
        "Correct one of them; a change within one arm has arm_b baseline.",
    ),
    (
        "more women than patients",
        "arms",
        [(2, "female_n", "41")],
        "female_n",
        "female_n 41, n_randomised 40",
        "female_n at most n_randomised",
        COUNTS,
    ),
    (
        "more joints of a grade than patients",
        "arms",
        [(2, "kl3_n", "41")],
        "kl3_n",
        "kl3_n 41, n_randomised 40",
        "kl3_n at most n_randomised",
        COUNTS,
    ),
]


@pytest.mark.parametrize(
    ("table", "cells", "column", "found", "expected", "remedy"),
    [case[1:] for case in BROKEN],
    ids=[case[0] for case in BROKEN],
)
def test_what_cannot_be_true_is_placed(faults_with, table, cells, column, found, expected, remedy):
    row = cells[0][0]
    assert faults_with(table, *cells) == [Fault(f"{table}.csv", row, column, found, expected, remedy)]


ALLOWED = [
    ("a negative change", "outcomes", (5, "mean", "-99")),
    ("an interval that reaches beyond the scale", "outcomes", (3, "ci_low", "-4")),
    ("a mean at the end of its scale", "outcomes", (2, "mean", "100")),
    ("a change of per cent beyond the scale", "outcomes", (5, "value_kind", "percent_change")),
    ("no event at all", "outcomes", (4, "events", "0")),
    ("events in everybody", "outcomes", (4, "events", "40")),
    ("an estimate at the limit of its interval", "contrasts", (2, "estimate", "-19")),
    ("a contrast without an estimate", "contrasts", (2, "estimate", "")),
    ("a negative difference", "contrasts", (4, "estimate", "-25.9")),
]


@pytest.mark.parametrize(("table", "cell"), [case[1:] for case in ALLOWED], ids=[case[0] for case in ALLOWED])
def test_what_is_unusual_but_possible_is_read(folder, files, table, cell):
    row, column, text = cell
    lines = [line.split(",") for line in files[table].splitlines()]
    lines[row - 1][lines[0].index(column)] = text
    tables = read_tables(folder(**{table: "\n".join(map(",".join, lines)) + "\n"}))
    assert len(getattr(tables, table)) == len(lines) - 1


def test_an_estimate_that_its_source_prints_outside_its_interval_is_read_when_flagged(folder, files):
    text = files["contrasts"].replace("-9.5,-19,0,95,,0.049,false,,,", "0.5,-19,0,95,,0.049,false,,,impossible_ci")
    assert read_tables(folder(contrasts=text)).contrasts.loc[2, "estimate"] == 0.5


def test_what_is_missing_has_exactly_one_subject(faults_of):
    text = "study_id,review_id,other,what_sought,what_came_back\nsmith2019,,x,SD,nothing\n,,,SD,nothing\n"
    faults = faults_of(missing=text)
    assert [(fault.row, fault.column, fault.expected) for fault in faults] == [
        (2, "study_id", "exactly one subject"),
        (3, "study_id", "exactly one subject"),
    ]


def test_rules_speak_of_columns_that_their_tables_have():
    for table, rules in RULES.items():
        known = {field.name for field in read_package().table(table).fields}
        assert all(known.issuperset(rule.columns) for rule in rules)
