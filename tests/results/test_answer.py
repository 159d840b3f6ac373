"""Every result shows itself without obeying its labels, and says in words what there is no number for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bmac_meta.card import as_html, as_text
from bmac_meta.effects import Effects
from bmac_meta.results.answer import bare_p, decimals_for, p_words

SCRIPT = "<script>"
VERBS = {
    "regress": lambda e: e.regress("~ dose", permutations=19),
    "regress by kind": lambda e: e.regress("~ kind"),
    "predict": lambda e: e.regress("~ kind").predict(e.frame[["kind"]].head(2)),
    "influence": lambda e: e.influence(),
    "gosh": lambda e: e.gosh(subsets=200),
    "doubts": lambda e: e.doubts(),
    "robust": lambda e: e.robust("kind"),
    "multilevel": lambda e: e.multilevel("kind"),
    "gls": lambda e: e.gls(np.diag(e.variances)),
    "multivariate": lambda e: e.multivariate("kind", correlation=0.3, cluster="pair"),
    "bayes": lambda e: e.bayes(threshold=-0.3),
    "combine_p": lambda e: e.combine_p(),
    "albatross": lambda e: e.albatross(),
}
TABLES = {"mantel_haenszel": lambda e: e.mantel_haenszel(), "peto": lambda e: e.peto()}


@pytest.mark.parametrize("verb", VERBS)
def test_no_label_becomes_html_or_steers_a_terminal(hostile, verb):
    result = VERBS[verb](hostile)
    html, text = result._repr_html_(), repr(result)
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html
    assert "</svg>" not in html
    assert "\x1b" not in text
    assert as_text(result.card()) == text
    assert as_html(result.card()) == html


@pytest.mark.parametrize("verb", TABLES)
def test_no_label_of_a_table_becomes_html(vaccine, verb):
    frame = vaccine.frame.assign(study=[f"{SCRIPT}{place}" for place in range(13)])
    left_out = pd.DataFrame({"study": [SCRIPT], "row": [""], "reason": ["risk ratio does not exist for these numbers"]})
    html = TABLES[verb](Effects(frame, vaccine.question, left_out))._repr_html_()
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("verb", [*VERBS, *TABLES])
def test_every_result_gives_a_table_with_rows(hostile, vaccine, verb):
    table = (VERBS | TABLES)[verb](vaccine if verb in TABLES else hostile).tidy()
    assert isinstance(table, pd.DataFrame)
    assert len(table) > 0
    assert table.columns.is_unique


@pytest.mark.parametrize("verb", [*VERBS, *TABLES])
def test_no_card_holds_a_hyphen_for_minus_a_star_or_a_number_that_is_none(hostile, vaccine, verb):
    plain = dataclasses.replace(
        hostile,
        frame=hostile.frame.assign(study=[f"Trial {place}" for place in range(12)], kind=["a", "b"] * 6, flags=""),
        question=dataclasses.replace(hostile.question, treatment="PRP", comparator="HA", outcome="pain"),
    )
    text = repr((VERBS | TABLES)[verb](vaccine if verb in TABLES else plain))
    assert "nan" not in text.lower()
    assert "*" not in text
    words = text.replace("—", " ").split()
    assert not [word for word in words if word.startswith("-") and word[1:2].isdigit()]


@pytest.mark.parametrize("verb", VERBS)
def test_showing_a_result_changes_nothing(hostile, verb):
    before = hostile.frame.copy()
    result = VERBS[verb](hostile)
    assert repr(result) == repr(result)
    assert hostile.frame.equals(before)


def test_what_was_left_out_is_told(hostile):
    assert "rows of 1 trial, each with its reason" in repr(hostile.without("Trial 1").bayes())


def test_two_digits_of_a_standard_error_are_shown():
    assert [decimals_for(se) for se in (0.5, 0.05, 0.0007, 300.0, float("inf"), 1e-30)] == [2, 3, 5, 2, 2, 9]


def test_a_p_that_does_not_exist_is_said_to_be_none():
    assert (p_words(float("nan")), bare_p(float("nan"))) == ("no p", "none")
