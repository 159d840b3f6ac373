"""Rows that are not independent show how they were put together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.question import Question


@pytest.fixture
def visits():
    """Return three visits of eight trials."""
    draw = np.random.default_rng(4)
    own = np.repeat(draw.normal(-0.4, 0.3, 8), 3)
    table = pd.DataFrame({"trial": np.repeat([f"Trial {place}" for place in range(8)], 3), "se": 0.2})
    table["d"] = own + draw.normal(0, 0.15, 24)
    question = Question("PRP", "HA", "pain", lower_is_better=True)
    return Effects.from_frame(table, estimate="d", se="se", study="trial", measure="SMD", question=question)


def test_the_robust_card_tells_clusters_and_degrees_of_freedom(visits):
    result = visits.robust()
    text = repr(result)
    assert "cluster-robust · 24 rows in 8 clusters" in text
    assert f"Satterthwaite's degrees of freedom {result.fit.df:.1f}" in text
    assert "p = " in text or "p < " in text


def test_below_four_degrees_of_freedom_there_is_no_p_but_a_reason(visits):
    few = visits.where(study=["Trial 0", "Trial 1", "Trial 2"])
    result = few.robust()
    text = " ".join(repr(result).split())
    assert "no p: 2.0 degrees of freedom are fewer than 4, so the interval only describes" in text
    assert np.isnan(result.tidy()["p_value"][0])
    assert "p = " not in text


def test_the_three_levels_have_a_tau_each_with_its_interval(visits):
    lines = repr(visits.multilevel()).splitlines()
    starts = [line.split("  ")[0] for line in lines]
    assert {"between", "within", "together"} <= set(starts)
    assert "clusters by study" in next(line for line in lines if line.startswith("between"))


def test_without_any_variance_there_is_none_to_share_out(visits):
    same = Effects(visits.frame.assign(estimate=-0.3), visits.question)
    assert "no variance to share out" in repr(same.multilevel())


def test_a_given_covariance_says_how_many_pairs_it_ties(visits):
    matrix = 0.04 * (0.5 * np.kron(np.eye(8), np.ones((3, 3))) + 0.5 * np.eye(24))
    assert "covariance as given; 24 pairs of rows go together" in repr(visits.gls(matrix))


def test_a_common_effect_has_no_prediction_interval_and_says_why(visits):
    text = repr(visits.gls(np.diag(visits.variances), tau2=0))
    assert "no prediction interval: the model has one true effect" in text
    assert "τ is taken to be 0" in text


def test_two_rows_have_no_prediction_interval_and_say_why(visits):
    two = Effects(visits.frame.head(2), visits.question)
    assert "it needs 3 rows; here are 2" in repr(two.gls(np.diag(two.variances)))


@pytest.mark.parametrize("verb", ["robust", "multilevel"])
def test_the_table_has_one_row_with_the_answer(visits, verb):
    table = getattr(visits, verb)().tidy()
    names = ["estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high", "clusters", "tau2", "level"]
    assert set(names) <= set(table.columns)
    assert len(table) == 1


def test_several_outcomes_stand_below_each_other_with_their_correlation(visits):
    frame = visits.frame.assign(outcome=["pain", "function", "stiffness"] * 8)
    result = Effects(frame, visits.question).multivariate(correlation=0.6)
    text = repr(result)
    assert "together · 3 outcomes of 8 trials" in text
    assert "rows of one study correlated by 0.6, as stated" in text
    assert text.count(" r = ") + text.count("no correlation") == 3
    assert result.tidy()["k"].tolist() == [8, 8, 8]


def test_the_correlation_of_visits_says_how_it_falls(visits):
    timed = Effects(visits.frame.assign(months=[3, 6, 12] * 8), visits.question)
    text = " ".join(repr(timed.gls(correlation=0.9, time="months")).split())
    assert "correlated by 0.9 to the power of the difference in months, as stated" in text
