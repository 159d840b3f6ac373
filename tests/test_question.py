from __future__ import annotations

import pytest

from bmac_meta.errors import InputError
from bmac_meta.question import Question, spoken


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        (("BMAC", "HA", "pain", "12 months"), "BMAC vs HA · pain · 12 months"),
        (("BMAC", "", "pain", ""), "BMAC · pain"),
        ((), "Effects"),
    ],
)
def test_a_question_in_a_line_leaves_out_what_nobody_said(parts, title):
    assert Question(*parts).title == title


@pytest.mark.parametrize(("lower", "sides"), [(True, ("BMAC", "HA")), (False, ("HA", "BMAC")), (None, (None, None))])
def test_the_sides_follow_from_which_way_is_better(lower, sides):
    assert Question("BMAC", "HA", lower_is_better=lower).sides == sides


def test_without_a_comparator_nobody_is_favoured():
    assert Question("BMAC", lower_is_better=True).sides == (None, None)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("HA", "HA"),
        ("CORTICOSTEROID", "corticosteroid"),
        ("CORTICOSTEROID+PHYSICAL_THERAPY", "corticosteroid + physical therapy"),
        ("BM_MSC+HA", "BM-MSC + HA"),
        ("USUAL_CARE", "usual care"),
        ("HA+NSAID", "HA + NSAID"),
        ("MFAT", "MFAT"),
    ],
)
def test_a_code_is_written_as_it_is_spoken(node, words):
    assert spoken(node) == words


@pytest.mark.parametrize("parts", [{"treatment": 1}, {"outcome": None}, {"lower_is_better": "yes"}])
def test_a_question_is_made_of_texts(parts):
    with pytest.raises(InputError, match=rf"{next(iter(parts))} is .*; it must be"):
        Question(**parts)
