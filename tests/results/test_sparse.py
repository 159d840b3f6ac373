"""Sparse tables say what was kept, what was dropped and what cannot be computed."""

from __future__ import annotations

import pandas as pd

from bmac_meta.effects import Effects
from bmac_meta.question import Question


def tables(rows, measure="RD"):
    """Return effects of trials given as (events, total, events, total)."""
    table = pd.DataFrame(rows, columns=["events_a", "total_a", "events_b", "total_b"])
    return Effects.from_raw(table, measure=measure, question=Question("A", "B", "death", lower_is_better=True))


CARD = """
BCG vs no vaccine · tuberculosis                13 trials · 2,575 events in 357,347 patients
────────────────────────────────────────────────────────────────────────────────────────────
Peto OR         0.62      95% CI 0.57 to 0.67          favours BCG
test            z = −11.67, p < .001
between trials  one true effect is assumed; Q(12) = 167.7, p < .001
method          Peto, one step from no effect; nothing is added to empty cells
"""


def test_the_card_reads_as_it_should(vaccine):
    assert repr(vaccine.peto()) == CARD.strip()


def test_trials_without_events_are_told_by_what_they_do():
    rows = [(0, 50, 0, 50), (1, 60, 4, 55), (2, 40, 2, 45)]
    assert "1 trial without an event in either arm, kept: they count" in repr(tables(rows).mantel_haenszel("RD"))
    assert "add nothing to a ratio" in repr(tables(rows).mantel_haenszel("OR"))
    dropped = " ".join(repr(tables(rows, "OR").mantel_haenszel("RD")).split())
    assert "1 trial left out when the effects were made (row 1), most likely for having no event" in dropped
    assert "those would count here" in dropped


def test_an_arm_without_any_event_has_no_ratio_and_says_so():
    text = repr(tables([(0, 50, 3, 50), (0, 60, 4, 55)]).mantel_haenszel())
    assert "there is no estimate with an interval: an arm has no event in any trial" in text
    assert "nan" not in text


def test_nobody_with_an_event_is_said_to_be_so():
    text = " ".join(repr(tables([(0, 50, 0, 50), (0, 60, 0, 55)]).mantel_haenszel("RD")).split())
    assert "0.000, and nobody or everybody in each arm has the event" in text


def test_an_arm_with_nothing_but_events_is_not_said_to_have_none():
    text = " ".join(repr(tables([(10, 10, 5, 10), (8, 8, 3, 9)]).mantel_haenszel()).split())
    assert "an arm has nothing but events in every trial" in text
    crossed = " ".join(repr(tables([(0, 3, 1, 2), (1, 2, 1, 1)]).mantel_haenszel()).split())
    assert "no trial has events in the one arm and patients without in the other" in crossed


def test_a_difference_without_variance_is_still_told():
    text = repr(tables([(0, 5, 5, 5), (0, 6, 6, 6)]).mantel_haenszel("RD"))
    assert "−1.000, and nobody or everybody" in " ".join(text.split())


def test_one_table_cannot_be_compared_with_others():
    assert "too few trials with events to compare" in repr(tables([(3, 50, 6, 50)]).mantel_haenszel("RR"))
