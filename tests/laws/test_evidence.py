"""Laws of the way from printed rows to effects, on random trials."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.evidence import Evidence, load

COLUMNS = {"outcome": "vas_pain", "timepoint_months": 6.0, "value_kind": "final", "dispersion_kind": "sd"}
ARMS = {"t": "BMAC", "u": "BMAC", "c": "HA"}


@cache
def project():
    return load().tables


def table(name: str, rows: list[dict]) -> pd.DataFrame:
    """Return rows as a frame of a table, with its columns and types."""
    like = getattr(project(), name)
    frame = pd.DataFrame(rows).reindex(columns=like.columns).astype(like.dtypes)
    return frame.set_axis(pd.RangeIndex(2, len(frame) + 2, name="row"))


def evidence(outcomes: list[dict], studies: int = 1, arms: dict[str, str] = ARMS) -> Evidence:
    """Return evidence of some trials with given rows of outcomes."""
    names = [f"trial{place}" for place in range(studies)]
    tables = dataclasses.replace(
        project(),
        studies=table("studies", [{"study_id": s, "label": s, "cohort_id": s, "design": "rct"} for s in names]),
        arms=table(
            "arms", [{"study_id": s, "arm_id": arm, "intervention": node} for s in names for arm, node in arms.items()]
        ),
        outcomes=table("outcomes", outcomes),
        contrasts=table("contrasts", []),
    )
    return Evidence(tables)


def score(arm: str, mean: float, sd: float, n: int, top: float = 10.0, study: str = "trial0", **more) -> dict:
    own = {"study_id": study, "arm_id": arm, "mean": mean, "dispersion": sd, "n": n, "scale_min": 0.0, "scale_max": top}
    return COLUMNS | own | more


means, sds, sizes = st.floats(0.0, 10.0), st.floats(0.1, 4.0), st.integers(5, 200)
an_arm = st.tuples(means, sds, sizes)
MEASURES = ("MD", "SMD", "POMP", "SMDH")


def effects(
    rows: list[dict], measures: tuple[str, ...] = MEASURES, pair: tuple[str, str] = ("BMAC", "HA")
) -> np.ndarray:
    """Return estimate and standard error, a row per measure."""
    asked = evidence(rows)
    frames = [asked.compare(*pair, on="vas_pain", months=6, measure=measure).frame for measure in measures]
    return np.array([frame.loc[0, ["estimate", "se"]] for frame in frames], float)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, c=an_arm)
def test_turning_the_question_round_turns_the_effect_round(t, c):
    rows = [score("t", *t), score("c", *c)]
    np.testing.assert_allclose(effects(rows), [-1, 1] * effects(rows, pair=("HA", "BMAC")), rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, c=an_arm, factor=st.sampled_from([0.1, 10.0, 100.0]))
def test_another_unit_changes_points_and_nothing_else(t, c, factor):
    rows = [score("t", *t), score("c", *c)]
    scaled = [
        row | {name: row[name] * factor for name in ("mean", "dispersion", "scale_min", "scale_max")} for row in rows
    ]
    times = np.array([[factor], [1.0], [1.0], [1.0]])
    np.testing.assert_allclose(effects(scaled), times * effects(rows), rtol=1e-9, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, c=an_arm)
def test_counting_a_scale_from_its_other_end_changes_no_oriented_effect(t, c):
    rows = [score("t", *t), score("c", *c)]
    mirrored = [row | {"mean": 10.0 - row["mean"], "higher_is_better": True} for row in rows]
    np.testing.assert_allclose(effects(mirrored, MEASURES[1:]), effects(rows, MEASURES[1:]), rtol=1e-9, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, u=an_arm, c=an_arm)
def test_two_arms_of_one_treatment_are_the_arm_of_all_their_patients(t, u, c):
    n = t[2] + u[2]
    mean = (t[2] * t[0] + u[2] * u[0]) / n
    squares = sum((k - 1) * s**2 + k * (m - mean) ** 2 for m, s, k in (t, u))
    together = (mean, math.sqrt(squares / (n - 1)), n)
    apart = [score("t", *t), score("u", *u), score("c", *c)]
    whole = [score("t", *together), score("c", *c)]
    np.testing.assert_allclose(effects(apart), effects(whole), rtol=1e-9, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, u=an_arm, c=an_arm, order=st.permutations(range(3)))
def test_the_order_of_the_rows_changes_nothing(t, u, c, order):
    rows = [score("t", *t), score("u", *u), score("c", *c)]
    np.testing.assert_allclose(effects([rows[place] for place in order]), effects(rows), rtol=1e-12, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(trials=st.lists(st.tuples(an_arm, an_arm, an_arm), min_size=1, max_size=5))
def test_every_patient_is_counted_once(trials):
    rows = [
        score(arm, *numbers, study=f"trial{place}")
        for place, arms in enumerate(trials)
        for arm, numbers in zip("tuc", arms, strict=True)
    ]
    pooled = evidence(rows, len(trials)).compare("BMAC", "HA", on="vas_pain", months=6, measure="SMD").pool()
    assert pooled.k == len(trials)
    assert pooled.patients == sum(numbers[2] for arms in trials for numbers in arms)


@settings(max_examples=10, deadline=None)
@given(
    t=an_arm,
    c=an_arm,
    months=st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True),
    asked=st.integers(1, 36),
)
def test_the_visit_that_is_taken_is_the_nearest_of_those_in_the_window(t, c, months, asked):
    rows = [score(arm, *own, timepoint_months=float(m)) for m in months for arm, own in (("t", t), ("c", c))]
    frame = evidence(rows).compare("BMAC", "HA", on="vas_pain", months=asked).frame
    low, high = next((low, high) for low, high in ((0, 3), (3, 6), (6, 12), (12, math.inf)) if low < asked <= high)
    inside = [m for m in months if low < m <= high]
    assert len(frame) == bool(inside)
    if inside:
        assert abs(frame.months[0] - asked) == min(abs(m - asked) for m in inside)


@settings(max_examples=10, deadline=None)
@given(t=an_arm, c=an_arm, r=st.floats(-0.9, 0.9))
def test_a_positive_correlation_of_pairs_narrows_and_a_negative_one_widens(t, c, r):
    rows = [score("t", *t[:2], c[2], flag="paired_design"), score("c", *c, flag="paired_design")]

    def se(correlation):
        asked = evidence(rows).compare("BMAC", "HA", on="vas_pain", months=6, paired_correlation=correlation)
        return float(asked.frame.se[0])

    assert (se(r) - se(0.0)) * r <= 1e-12


@settings(max_examples=10, deadline=None)
@given(events=st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_a_ratio_of_counts_turned_round_is_its_reciprocal(events):
    own = {"outcome": "adverse_events", "timepoint_months": 6.0, "value_kind": "final", "total": 30}
    rows = [own | {"study_id": "trial0", "arm_id": arm, "events": n} for arm, n in zip("tc", events, strict=True)]
    ev = evidence(rows)
    forth, back = (ev.compare(*pair, on="adverse_events", months=6).frame for pair in (("BMAC", "HA"), ("HA", "BMAC")))
    assert len(forth) == len(back)
    if len(forth):
        assert forth.estimate[0] == pytest.approx(-back.estimate[0], rel=1e-12, abs=1e-12)
        assert forth.se[0] == pytest.approx(back.se[0], rel=1e-12)
    else:
        assert set(events) <= {0} or set(events) <= {30}


@pytest.fixture(scope="module")
def knee() -> Evidence:
    return Evidence(project()).where(condition="knee_oa")


@pytest.mark.parametrize("pair", [("PRP", "HA"), ("HA", "PLACEBO"), ("CORTICOSTEROID", "PLACEBO"), ("BMAC", "HA")])
@pytest.mark.parametrize("on", ["pain", "function"])
@pytest.mark.parametrize("months", [3, 6, 12, None])
def test_the_real_questions_turned_round_give_the_real_answers_turned_round(knee, pair, on, months):
    forth, back = (knee.compare(*nodes, on=on, months=months, measured_as="most") for nodes in (pair, pair[::-1]))
    assert list(forth.frame.study) == list(back.frame.study)
    if len(forth):
        assert list(forth.frame.estimate) == pytest.approx([-x for x in back.frame.estimate], rel=1e-12, abs=1e-12)
        assert list(forth.frame.se) == pytest.approx(list(back.frame.se), rel=1e-12)
    assert set(forth.left_out.row) == set(back.left_out.row)
