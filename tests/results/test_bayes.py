"""The Bayesian card names its priors and gives probabilities, never certainties."""

from __future__ import annotations

import dataclasses

from bmac_meta import stats

CARD = """
BCG vs no vaccine · tuberculosis                                           Bayes · 13 trials
────────────────────────────────────────────────────────────────────────────────────────────
RR              0.49      95% CrI 0.34 to 0.71         favours BCG
a new trial               95% PI 0.14 to 1.68          includes no effect
between trials  τ = 0.55  95% CrI 0.35 to 0.90
probability     over 99.9% that the mean effect lies below 1.00 (favours BCG); 88.6% for a
                new trial
prior           τ: half-normal(0.5); mean effect: flat
method          posterior medians, equal-tailed intervals, by quadrature
"""


def test_the_card_reads_as_it_should(vaccine):
    assert repr(vaccine.bayes()) == CARD.strip()


def test_priors_are_named_with_true_minus_signs(vaccine):
    text = repr(vaccine.bayes(stats.turner_2015(), mean_prior=(-0.5, 1.0)))
    assert "log-normal(−2.56, 1.74)" in text
    assert "normal(−0.50, 1.00)" in text


def test_where_high_is_good_beyond_is_above(vaccine):
    question = dataclasses.replace(vaccine.question, lower_is_better=False)
    text = repr(dataclasses.replace(vaccine, question=question).bayes(threshold=-0.2))
    assert "lies above 0.82" in text


def test_the_table_has_the_posterior_in_numbers(vaccine):
    row = vaccine.bayes(threshold=-0.1).tidy().iloc[0]
    assert row["threshold"] == -0.1
    assert 0 < row["new_probability_beyond"] < row["probability_beyond"] < 1
    assert row["prior"] == "half-normal(0.5)"
