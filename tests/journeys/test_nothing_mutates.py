"""Whoever writes into a table or an array that went in or came out changes no effects and no result."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmac_meta as bm
from bmac_meta.copies import CachedTable, Table


def user_table(k: int = 12) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    n = draw.integers(15, 90, k)
    columns = {"trial": [f"Trial {place}" for place in range(k)], "d": draw.normal(-0.4, 0.3, k)}
    columns |= {"s": np.sqrt(2 / n), "n_a": n, "n_b": n, "dose": draw.uniform(0, 5, k), "year": 2000 + np.arange(k)}
    columns |= {"kind": ["a", "b", "c"] * (k // 3), "pair": np.arange(k) // 2, "outcome": ["p", "q"] * (k // 2)}
    return pd.DataFrame(columns)


def counts_table(k: int = 12) -> pd.DataFrame:
    draw = np.random.default_rng(2)
    events = {"events_a": draw.integers(0, 8, k), "events_b": draw.integers(1, 9, k)}
    return pd.DataFrame({"trial": [f"Trial {place}" for place in range(k)], "total_a": 40, "total_b": 42, **events})


def effects() -> bm.Effects:
    return bm.Effects.from_frame(user_table(), estimate="d", se="s", study="trial", measure="SMD")


def counts() -> bm.Effects:
    return bm.Effects.from_raw(counts_table(), measure="OR", study="trial")


RESULTS = {
    "effects": effects,
    "narrowed effects": lambda: effects().without("Trial 1"),
    "pool": lambda: effects().pool(),
    "subgroups": lambda: effects().by("kind").pool(),
    "leave one out": lambda: effects().leave_one_out(),
    "cumulative": lambda: effects().cumulative(),
    "heterogeneity": lambda: effects().heterogeneity(),
    "doubts": lambda: effects().doubts(),
    "selection": lambda: effects().selection(),
    "influence": lambda: effects().influence(),
    "gosh": lambda: effects().gosh(subsets=100),
    "regression": lambda: effects().regress("~ dose + kind", exploratory=True, permutations=19),
    "influence on a regression": lambda: effects().regress("~ dose", exploratory=True).influence(),
    "prediction": lambda: effects().regress("~ dose", exploratory=True).predict(pd.DataFrame({"dose": [1.0, 2.0]})),
    "shrunken": lambda: effects().shrunken(),
    "robust": lambda: effects().robust("pair"),
    "multilevel": lambda: effects().multilevel("pair"),
    "gls": lambda: effects().gls(correlation=0.5, cluster="pair"),
    "multivariate": lambda: effects().multivariate(cluster="pair", correlation=0.5),
    "bayes": lambda: effects().bayes(),
    "combined p": lambda: effects().combine_p(),
    "albatross": lambda: effects().albatross(),
    "points": lambda: effects().pool().in_points("vas_pain", sd=20),
    "mantel haenszel": lambda: counts().mantel_haenszel(),
    "peto": lambda: counts().peto(),
    "table": lambda: bm.tabulate({"REML": effects().pool(), "DL": effects().pool("DL")}),
}
OF_EVIDENCE = {
    "evidence": lambda knee: knee,
    "map": lambda knee: knee.map(),
    "course": lambda knee: knee.course("HA", "PLACEBO", on="pain"),
    "summary": lambda knee: knee.summary(pairs=[("HA", "PLACEBO")], months=(6,)),
    "network": lambda knee: linked(knee),
    "pooled network": lambda knee: linked(knee).pool(),
    "league": lambda knee: linked(knee).pool().league(),
    "ranks": lambda knee: linked(knee).pool().ranks(),
    "consistency": lambda knee: linked(knee).pool().consistency(),
    "contribution": lambda knee: linked(knee).pool().contribution(),
    "net heat": lambda knee: linked(knee).pool().net_heat(),
    "without each": lambda knee: linked(knee).pool().leave_one_out("PRP", "HA"),
    "trend": lambda knee: linked(knee).regress("year"),
    "components": lambda knee: linked(knee).additive(),
    "network funnel": lambda knee: linked(knee).funnel(linked(knee).treatments),
}
TABLES = ("tidy", "history", "contours", "comparisons", "by_trial", "tests")


def linked(knee: bm.Evidence) -> bm.Network:
    return knee.network(on="pain", months=6).part_with("PLACEBO")


@pytest.fixture(scope="module")
def knee() -> bm.Evidence:
    return bm.load().where(condition="knee_oa")


def handed_out(thing: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Give every table and array that can be reached from a result, with its name."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, tuple | list):
        for part in thing[:50]:
            yield from handed_out(part, seen)
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from handed_out(part, seen)
    elif type(thing).__module__.startswith("bmac_meta"):
        for name in names_of(thing):
            value = getattr(thing, name)
            if isinstance(value, pd.DataFrame | np.ndarray):
                yield name, value
            else:
                yield from handed_out(value, seen)


def names_of(thing: Any) -> list[str]:
    kind = type(thing)
    fields = [field.name for field in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
    made = (property, cached_property, CachedTable, Table)
    found = [name for name in dir(kind) if isinstance(inspect.getattr_static(kind, name), made)]
    return [name for name in dict.fromkeys([*fields, *found]) if not name.startswith("_") and readable(thing, name)]


def readable(thing: Any, name: str) -> bool:
    try:
        getattr(thing, name)
    except (bm.errors.BmacMetaError, TypeError, AttributeError):
        return False
    return True


def spoil(table: pd.DataFrame) -> None:
    """Write into a table in every way that users do."""
    for column in list(table.columns):
        table[column] = None
    table["more"] = 1
    for column in list(table.columns):
        del table[column]
    table.index = range(len(table))


def spoil_all(result: Any) -> None:
    for name, value in handed_out(result, set()):
        if isinstance(value, pd.DataFrame):
            spoil(value)
        elif value.ndim:
            assert not value.flags.writeable, name
    for method in TABLES:
        if hasattr(result, method):
            spoil(getattr(result, method)())


def told(result: Any) -> tuple[str, ...]:
    tables = (result.tidy().to_csv(),) if hasattr(result, "tidy") else ()
    return repr(result), result._repr_html_(), *tables


@pytest.mark.parametrize("name", RESULTS)
def test_what_comes_out_can_be_written_into_and_the_result_stays(name):
    result = RESULTS[name]()
    before = told(result)
    spoil_all(result)
    assert told(result) == before


@pytest.mark.parametrize("name", OF_EVIDENCE)
def test_what_comes_out_of_the_evidence_can_be_written_into_and_it_stays(knee, name):
    result = OF_EVIDENCE[name](knee)
    before = told(result)
    spoil_all(result)
    assert told(result) == before
    assert told(OF_EVIDENCE[name](knee)) == before


@pytest.mark.parametrize("verb", ["pool", "leave_one_out", "heterogeneity", "influence", "bayes"])
def test_a_result_keeps_the_trials_that_it_was_made_of(verb):
    whole = effects()
    result = getattr(whole, verb)()
    before = told(result)
    spoil(whole.frame)
    with pytest.warns(pd.errors.ChainedAssignmentError, match="never works to update the original"):
        whole.frame.loc[0, "study"] = "somebody else"
    assert told(result) == before
    assert whole.studies[0] == "Trial 0"


@pytest.mark.parametrize("dtype", [object, "str", "category", "Int64", "Float64", "float64"])
def test_the_table_that_went_in_can_be_written_into_afterwards(dtype):
    mine = user_table().assign(own=pd.Series([1, 2, 3] * 4).astype("str" if dtype == "str" else dtype))
    made = bm.Effects.from_frame(mine, estimate="d", se="s", study="trial", measure="SMD")
    before, frame = told(made), made.frame
    mine.loc[:, "d"] = 99.0
    mine.loc[0, "trial"] = "somebody else"
    mine["own"].array[0] = mine["own"].array[1]
    spoil(mine)
    assert told(made) == before
    pd.testing.assert_frame_equal(made.frame, frame)
    assert made.frame["own"].tolist()[0] != made.frame["own"].tolist()[1]


def test_the_raw_numbers_that_went_in_can_be_written_into_afterwards():
    mine = counts_table()
    made = bm.Effects.from_raw(mine, measure="OR", study="trial")
    before = told(made), told(made.mantel_haenszel())
    mine.loc[:, "events_a"] = 1
    spoil(mine)
    assert (told(made), told(made.mantel_haenszel())) == before


def test_matrices_and_places_that_went_in_can_be_written_into_afterwards():
    whole = effects()
    matrix, places = np.diag(whole.variances).copy(), pd.DataFrame({"dose": [1.0, 2.0]})
    answers = whole.gls(matrix), whole.regress("~ dose", exploratory=True).predict(places)
    before = [told(answer) for answer in answers]
    matrix[:], places.loc[:, "dose"] = 9.0, 9.0
    assert [told(answer) for answer in answers] == before


def test_arrays_of_effects_cannot_be_written_into():
    whole = effects()
    for array in (whole.estimates, whole.variances):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
