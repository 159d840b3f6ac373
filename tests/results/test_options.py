"""Options of pictures: known ones of the right kind, all others refused before anything is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy
from bmac_meta.results.options import record_with

DATA = {"groups": (ForestGroup(None, (ForestStudy("A", 0.1, 0.0, 0.2),)),)}
PICTURES = {
    "forest": lambda e: e.pool().forest,
    "groups": lambda e: e.by("kind").forest,
    "subgroups": lambda e: e.by("kind").pool().forest,
    "series": lambda e: e.leave_one_out().forest,
    "funnel": lambda e: e.doubts().funnel,
    "albatross": lambda e: e.albatross().draw,
    "baujat": lambda e: e.influence().baujat,
    "radial": lambda e: e.influence().radial,
    "gosh": lambda e: e.gosh(subsets=100).draw,
    "bubble": lambda e: e.regress("~ dose", exploratory=True).bubble,
    "shrunken": lambda e: e.shrunken().forest,
}


def test_options_stand_in_place_of_the_words_of_a_picture_and_lists_become_tuples():
    words = {"title": "one", "footnotes": ("a",)}
    record = record_with(Forest, DATA, words, {"footnotes": ["b", "c"], "null": 0, "references": [[0.3, None]]})
    assert (record.title, record.footnotes, record.null) == ("one", ("b", "c"), 0)
    assert record.references == ((0.3, None),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"title": 1}, "title is 1; it must be a text"),
        ({"footnotes": "abc"}, "footnotes is 'abc'; it must be a list, each of it a text"),
        ({"footnotes": [1]}, r"footnotes is \[1\]; it must be a list, each of it a text"),
        ({"log": 1}, "log is 1; it must be True or False"),
        ({"null": "0"}, "null is '0'; it must be a finite number or None"),
        ({"null": np.nan}, "null is nan; it must be a finite number or None"),
        ({"null": 10**400}, "it must be a finite number or None"),
        ({"decimals": 2.0}, "decimals is 2.0; it must be a whole number"),
        ({"decimals": -1}, "decimals is -1; it must be a whole number from 0"),
        ({"favours_low": pd.NA}, "favours_low is <NA>; it must be a text or None"),
        ({"references": [0.3]}, r"it must be a list, each of it \(a finite number, a text or None\)"),
        ({"overall": "x"}, "overall is 'x'; it must be a ForestSummary or None"),
    ],
)
def test_an_option_of_the_wrong_kind_is_told_with_what_it_must_be(options, message):
    with pytest.raises(InputError, match=message):
        record_with(Forest, DATA, {"title": "one"}, options)


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_refuses_what_it_does_not_know(hostile, picture):
    draw = PICTURES[picture](hostile)
    with pytest.raises(UnknownWordError, match="There is no option of this picture 'colour'"):
        draw(colour="red")
    with pytest.raises(UnknownWordError, match="There is no option of this picture"):
        draw(groups=(), estimate=())
    with pytest.raises(InputError, match="subtitle is 5; it must be a text"):
        draw(subtitle=5)
    with pytest.raises(InputError, match="save is 5; it must be the name of a file"):
        draw(save=5)


def test_columns_are_asked_for_by_yes_or_no(hostile):
    with pytest.raises(InputError, match="columns is 'none'; it must be True or False"):
        hostile.pool().forest(columns="none")


def test_a_file_is_written_where_its_format_is_known(hostile, tmp_path):
    hostile.pool().forest(save=Path(tmp_path) / "a.svg")
    for name in ("a", "a.jpeg", ""):
        with pytest.raises(UnknownWordError, match="There is no picture format"):
            hostile.pool().forest(save=name)
    with pytest.raises(InputError, match="it must be the name of a file"):
        hostile.pool().forest(save="a\0.svg")


def test_the_trial_that_a_cloud_is_split_by_has_to_be_there(hostile):
    with pytest.raises(UnknownWordError, match="There is no study among these effects None"):
        hostile.gosh(subsets=100).holds(None)
