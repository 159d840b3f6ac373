from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.synthesis.columns import groups_of, order_of, saying

LEVELS = ["low", "middle", "high", "never"]


@pytest.mark.parametrize(
    ("cells", "groups"),
    [
        ([10, 2, 10], (2, 10)),
        ([1.0, 2.5, 1.0], (1.0, 2.5)),
        ([3.0, np.inf, -np.inf], (-np.inf, 3.0, np.inf)),
        ([2**63, 2**63 + 1, 5], (5, 2**63, 2**63 + 1)),
        ([10**400, 1, 10**400], (1, 10**400)),
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], ("False", "True")),
        ([[1], [2], [1]], ("[1]", "[2]")),
        ([{"a": 1}, {"b": 1}, {"a": 1}], ("{'a': 1}", "{'b': 1}")),
        ([1, "x", True], ("1", "True", "x")),
        (np.array([1 + 2j, 2, 2]), ("(1+2j)", "(2+0j)")),
    ],
    ids=str,
)
def test_cells_of_any_kind_give_groups(cells, groups):
    labels, places = groups_of(pd.Series(cells))
    assert labels == groups
    assert [str(labels[place]) for place in places] == [
        str(labels[groups.index(label)]) for label in _as(cells, groups)
    ]


def _as(cells, groups):
    """Return the group of each cell."""
    return [next(group for group in groups if group == cell or str(group) == str(cell)) for cell in list(cells)]


@pytest.mark.parametrize("ordered", [True, False])
def test_categories_come_in_their_own_order_and_only_those_that_are_there(ordered):
    cells = pd.Series(pd.Categorical(["high", "low", "middle", "low"], categories=LEVELS, ordered=ordered))
    assert groups_of(cells)[0] == ("low", "middle", "high")
    assert order_of(cells).tolist() == [4, 1, 3, 2]


def test_the_order_is_that_of_numbers_dates_and_words_and_ties_stay_as_they_stand():
    assert order_of(pd.Series([np.inf, 2.0, 2.0])).tolist() == [3, 1, 2]
    assert order_of(pd.Series([998, 2001], dtype=object)).tolist() == [1, 2]
    assert order_of(pd.Series(pd.to_datetime(["2021-05-01", "2020-06-01"]))).tolist() == [2, 1]
    assert order_of(pd.Series(["b", "a"])).tolist() == [2, 1]
    assert order_of(pd.Series([2**63 + 1, 2**63])).tolist() == [2, 1]


def test_rows_that_do_not_say_a_column_are_left_out_by_name(smd):
    effects = smd(k=4, arm=["a", None, "b", "a"], empty=[None] * 4)
    said = saying(effects, "arm", "name another column")
    assert said.left_out.reason.tolist() == ["arm is not reported"]
    with pytest.raises(InputError, match="No trial says its empty; name another column"):
        saying(effects, "empty", "name another column")
    with pytest.raises(UnknownWordError, match="did you mean 'arm'"):
        saying(effects, "arms", "name another column")
