"""No verb and no picture answers an argument of the wrong kind with a raw error or a raw warning."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bmac_meta as bm
from bmac_meta.errors import BmacMetaError

WRONG = (
    *("a", "", "95", b"x", None, True, -1, 0, 2.5, np.nan, np.inf, 10**400, 1 + 2j),
    *([], [1], (1, 2), {"a": 1}, np.array([1.0, 2.0]), pd.Series([1, 2]), pd.NA, pd.NaT, object(), repr),
)
# What each verb needs beside the argument that is looked at.
NEEDED: dict[str, dict[str, Any]] = {
    "as_measure": {"measure": "OR"},
    "by": {"column": "kind"},
    "gls": {"correlation": 0.5},
    "gosh": {"subsets": 30},
    "multilevel": {"cluster": "pair"},
    "multivariate": {"correlation": 0.5, "cluster": "pair"},
    "regress": {"formula": "~ dose", "exploratory": True},
    "robust": {"cluster": "pair"},
}
MAKERS = ("from_frame", "from_raw", "card", "tidy")
VERBS = [name for name in dir(bm.Effects) if not name.startswith("_") and callable(getattr(bm.Effects, name))]
VERBS = [name for name in VERBS if name not in MAKERS]
CELLS: dict[str, list[Any]] = {
    "infinite": [1.0, np.inf, -np.inf, 2.0] * 3,
    "gaps": [1.0, np.nan, None, 2.0] * 3,
    "lists": [[1], [2], [1], []] * 3,
    "dictionaries": [{"a": 1}, {}, {"b": [1]}, {"a": 1}] * 3,
    "arrays": [np.array([1, 2]), np.array([1]), np.array([]), np.array([1, 2])] * 3,
    "whole numbers that no computer holds": [10**400, 1, 2, 10**400] * 3,
    "complex": [1 + 2j, 2, 3, 4] * 3,
    "mixed": [1, "a", True, (1,)] * 3,
    "markup": ["<script>", "a\nb", "\u202eabc", "x" * 10_000] * 3,
    "missing": [pd.NA, None, np.nan, pd.NaT] * 3,
    "tiny": [1e-300, 2e-300, 3e-300, 4e-300] * 3,
    "empty words": ["", " ", "\t", "\x00"] * 3,
}


def table(**columns: Any) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    n = draw.integers(15, 90, 12)
    own = {"trial": [f"Trial {place}" for place in range(12)], "d": draw.normal(-0.4, 0.3, 12), "s": np.sqrt(2 / n)}
    own |= {"n_a": n, "n_b": n, "year": 2000 + np.arange(12), "dose": draw.uniform(0, 5, 12)}
    own |= {"kind": list("abc") * 4, "pair": np.arange(12) // 2, "outcome": ["p", "q"] * 6}
    return pd.DataFrame(own | {name: pd.Series(cells, dtype=object) for name, cells in columns.items()})


@pytest.fixture(scope="module")
def effects() -> bm.Effects:
    return bm.Effects.from_frame(table(), estimate="d", se="s", study="trial", measure="SMD")


@pytest.fixture(scope="module")
def counts() -> bm.Effects:
    draw = np.random.default_rng(2)
    raw = {"events_a": draw.integers(0, 8, 12), "total_a": 40, "events_b": draw.integers(1, 9, 12), "total_b": 42}
    return bm.Effects.from_raw(pd.DataFrame(raw), measure="OR")


def answered(ask: Callable[[], Any]) -> None:
    """Ask; an answer shows itself without NaN, and a refusal is a sentence of the project."""
    answer, refusal = None, ""
    try:
        answer = ask()
    except BmacMetaError as error:
        refusal = str(error)
    assert not refusal or len(refusal) > 20
    assert " nan" not in repr(answer)
    if hasattr(answer, "_repr_html_"):
        answer._repr_html_()


def asked_wrongly(verb: Callable[..., Any], needed: dict[str, Any]) -> Iterator[Callable[[], Any]]:
    """Give the calls of a verb with each of its arguments replaced by each wrong value."""
    for parameter in inspect.signature(verb).parameters.values():
        for value in WRONG:
            if parameter.kind is parameter.VAR_POSITIONAL:
                yield lambda value=value: verb(value)
            elif parameter.kind is parameter.VAR_KEYWORD:
                yield lambda value=value: verb(dose=value)
            else:
                others = {} if parameter.name == "covariance" else needed
                yield lambda value=value, name=parameter.name, others=others: verb(**(others | {name: value}))


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_answers_wrong_arguments_in_words(effects, counts, name):
    verb = getattr(counts if name in ("mantel_haenszel", "peto") else effects, name)
    for ask in asked_wrongly(verb, NEEDED.get(name, {})):
        answered(ask)


@pytest.mark.parametrize("maker", ["from_frame", "from_raw"])
def test_effects_are_not_made_of_wrong_arguments(maker):
    raw = {"events_a": [1, 2], "total_a": [20, 20], "events_b": [3, 1], "total_b": [20, 20]}
    usual = {"estimate": "d", "se": "s"} if maker == "from_frame" else {"measure": "OR"}
    frame = table() if maker == "from_frame" else pd.DataFrame(raw)
    make = getattr(bm.Effects, maker)
    names = [name for name in inspect.signature(make).parameters if name != "columns"]
    for name in names:
        for value in WRONG:
            answered(lambda name=name, value=value: make(**({"frame": frame} | usual | {name: value})))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("role", ["estimate", "se", "study"])
def test_cells_of_any_kind_are_effects_or_faults(name, role):
    columns = {"estimate": "d", "se": "s", "study": "trial"}
    frame = table(**{columns[role]: CELLS[name]})
    answered(lambda: bm.Effects.from_frame(frame, **columns))


@pytest.mark.parametrize("name", CELLS)
def test_columns_of_any_kind_are_grouped_ordered_and_regressed_on_or_refused(name):
    effects = bm.Effects.from_frame(table(own=CELLS[name]), estimate="d", se="s", study="trial", measure="SMD")
    for ask in (
        lambda: effects.by("own").pool(),
        lambda: effects.cumulative("own"),
        lambda: effects.regress("~ own", exploratory=True),
        lambda: effects.regress("~ C(own)", exploratory=True),
        lambda: effects.where(own=CELLS[name][0]),
        lambda: effects.where(own=lambda cell: True),
        lambda: effects.robust("own"),
        lambda: effects.multilevel("own"),
        lambda: effects.gls(correlation=0.5, cluster="own"),
        lambda: effects.gls(correlation=0.5, cluster="pair", time="own"),
        lambda: effects.multivariate("own", "pair", correlation=0.5),
    ):
        answered(ask)


@pytest.mark.parametrize("value", WRONG)
def test_new_places_of_a_regression_are_a_table(effects, value):
    line = effects.regress("~ dose", exploratory=True)
    answered(lambda: line.predict(value))
    answered(lambda: line.predict(pd.DataFrame({"dose": [value]}) if np.ndim(value) == 0 else pd.DataFrame()))


@pytest.mark.parametrize("value", WRONG)
def test_answers_refuse_wrong_arguments_in_words(effects, value):
    pooled, cloud = effects.pool(), effects.gosh(subsets=30)
    for ask in (
        lambda: pooled.in_points(value),
        lambda: pooled.in_points("vas_pain", sd=value),
        lambda: cloud.holds(value),
        lambda: bm.tabulate(value),
        lambda: bm.tabulate({"one": value}),
        lambda: bm.Question("PRP", value),
    ):
        answered(ask)
