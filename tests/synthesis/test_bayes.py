"""`bayes` gives the posterior under a stated prior."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from bmac_meta import stats
from bmac_meta.effects import Effects
from bmac_meta.errors import InputError


def test_the_posterior_is_that_of_the_kernel(bcg):
    prior = stats.turner_2015()
    result = bcg.bayes(prior, threshold=-0.2, mean_prior=(0.0, 2.0), interval="shortest")
    choices = {"prior": prior, "threshold": -0.2, "mu_prior": (0.0, 2.0), "interval": "shortest"}
    assert result.fit == stats.bayesian_pool(bcg.estimates, variance=bcg.variances, **choices)


def test_one_trial_under_a_flat_prior_of_the_mean_is_normal_around_it_when_tau_is_next_to_nothing(smd):
    effects = smd(k=1)
    fit = effects.bayes(stats.HalfNormal(1e-6), threshold=0.0).fit
    center, se = effects.estimates[0], effects.frame["se"][0]
    assert fit.median == pytest.approx(center)
    assert fit.probability_above == pytest.approx(ndtr(center / se), rel=1e-6)


def test_beyond_means_the_better_side(smd):
    effects = smd()
    result = effects.bayes(threshold=-0.37)
    assert result.below
    assert result.beyond[0] == pytest.approx(1 - result.fit.probability_above)
    question = dataclasses.replace(effects.question, lower_is_better=False)
    other = dataclasses.replace(effects, question=question).bayes(threshold=-0.37)
    assert other.beyond[0] == result.fit.probability_above


def test_where_nobody_said_which_side_is_better_it_is_that_of_the_median(smd):
    effects = smd()
    unsaid = dataclasses.replace(effects, question=dataclasses.replace(effects.question, lower_is_better=None))
    assert unsaid.bayes().below


def test_the_default_prior_is_in_standard_deviations_for_differences_in_points(smd):
    table = smd().frame.drop(columns=["estimate", "se"]).assign(y=[*range(12)])
    table["se"] = 20.0 * np.sqrt(1 / table["n_a"] + 1 / table["n_b"])
    points = Effects.from_frame(table, estimate="y", se="se", study="study", measure="MD")
    assert points.bayes().fit.prior == "half-normal(10)"
    assert smd().bayes().fit.prior == "half-normal(0.5)"


def test_differences_in_points_of_trials_that_do_not_tell_their_sizes_need_a_prior_of_their_own(smd):
    table = smd().frame[["study", "se"]].assign(y=[*range(12)], se=5.0)
    points = Effects.from_frame(table, estimate="y", se="se", study="study", measure="MD")
    with pytest.raises(InputError, match=r"mean difference.*not known.*n_a and n_b"):
        points.bayes()
    assert points.bayes(stats.HalfNormal(10)).fit.prior == "half-normal(10)"
    few = points.where(study=[*points.studies[:4]]).pool()
    assert [row.method for row in few.panel.rows if "Bayes" in row.method] == []
    assert "no Bayesian answer: its prior is in SDs" in repr(few)


def test_of_generic_effects_it_is_said_what_the_default_prior_suits():
    table = pd.DataFrame({"y": [0.1, 0.4, 0.3], "se": [0.1, 0.1, 0.2]})
    card = repr(Effects.from_frame(table, estimate="y", se="se").pool())
    assert "the prior on τ suits log ratios and standardized differences" in card


def test_a_prior_that_is_none_is_refused(bcg):
    with pytest.raises(InputError, match=r"bm.stats.HalfNormal\(0.5\)"):
        bcg.bayes("half-normal")
