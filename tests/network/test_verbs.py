"""Verbs on a network: laws, and agreement with the kernel and with the references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.network import Network
from bmac_meta.stats.network import fit_network

ARMS = {"treatment": "arm", "mean": "mean", "sd": "sd", "n": "n"}
PAIRS = {"treatment_a": "a", "treatment_b": "b", "estimate": "d", "se": "s"}


def test_given_the_tau2_of_the_reference_the_whole_table_agrees_with_netmeta(senn, case):
    pooled = senn.pool("plac", tau2=case["tau2"])
    order = [pooled.fit.treatments.index(name) for name in case["treatments"]]
    grid = np.ix_(order, order)
    # Closed forms given tau2: rounding in both programs.
    np.testing.assert_allclose(pooled.fit.estimate[grid], case["TE_random"], atol=1e-8)
    np.testing.assert_allclose(pooled.fit.se[grid], case["seTE_random"], atol=1e-8)
    scores = pooled.ranks().tidy().set_index("treatment").loc[case["treatments"], "p_score"]
    np.testing.assert_allclose(scores, case["Pscore_random"], atol=1e-8)


def test_a_network_of_two_treatments_is_the_pairwise_pool():
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "study": [f"t{i}" for i in range(8)],
            "a": "A",
            "b": "B",
            "d": random.normal(size=8),
            "s": random.uniform(0.1, 0.4, 8),
        }
    )
    pooled = Network.from_frame(frame, **PAIRS).pool("B")
    pair = Effects.from_frame(frame, estimate="d", se="s", study="study").pool(interval="wald")
    row = pooled.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(float(pair.fit.estimate), abs=1e-9)
    assert row["se"] == pytest.approx(float(pair.fit.se), rel=1e-8)
    assert pooled.fit.tau2 == pytest.approx(float(pair.fit.tau2), abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_effects_add_up_whatever_the_reference(draw_arms, seed):
    net = Network.from_frame(draw_arms(seed), measure="SMD", **ARMS)
    by = {name: net.pool(name).tidy().set_index("treatment")["estimate"] for name in ("T0", "T1")}
    for other in ("T2", "T3", "T4"):
        assert by["T0"][other] == pytest.approx(by["T1"][other] - by["T1"]["T0"], abs=1e-9)


def test_another_reference_changes_only_what_is_shown(senn):
    pooled = senn.pool("plac")
    other = pooled.against("metf")
    assert other.fit is pooled.fit
    assert other.tidy()["comparator"].unique().tolist() == ["metf"]


def test_names_as_they_are_spoken_mean_their_treatments(senn):

    named = replace(senn, names={"plac": "Placebo pill"})
    assert named.pool("placebo pill").reference == "plac"


def test_common_effect_has_no_heterogeneity_and_says_so(senn):
    pooled = senn.pool("plac", model="common")
    assert pooled.fit.tau2 == 0.0
    assert "common-effect model" in repr(pooled)


def test_additive_models_read_components_from_names():
    rows = [("one", "A", "P"), ("two", "B", "P"), ("three", "A+B", "P"), ("four", "A+B", "A"), ("five", "A", "P")]
    frame = pd.DataFrame(rows, columns=["study", "a", "b"]).assign(d=[0.5, 0.3, 0.9, 0.35, 0.4], s=0.1)
    net = Network.from_frame(frame, **PAIRS)
    found = net.additive("P")
    assert found.fit.components == ("A", "B")
    assert found.tidy().set_index("component").loc["A", "treatments"] == "A, A+B"
    assert found.fit.q_difference.df == 1
    assert "Q(1)" in found.verdict()


def test_additive_models_reach_across_parts_that_share_components():
    frame = pd.DataFrame(
        {"study": ["one", "two"], "a": ["A", "A+B"], "b": ["P", "B"], "d": [0.4, 0.6], "s": [0.1, 0.1]}
    )
    net = Network.from_frame(frame, **PAIRS)
    assert len(net.parts) == 2
    assert net.additive("P").fit.estimate[0] == pytest.approx(0.5, abs=1e-9)


def test_a_covariate_that_shifts_all_effects_is_found(draw_arms):
    arms = draw_arms(11, trials=40, treatments=3)
    arms["mean"] = np.where(arms["arm"] == "T0", 0.0, 0.1 * (arms["year"] - 2020))
    arms["sd"] = 0.5
    trend = Network.from_frame(arms, measure="MD", **ARMS).regress("year", "T0")
    assert trend.fit.coefficient == pytest.approx(0.1, abs=1e-6)
    assert "year" in repr(trend)


def test_words_become_a_subgroup_contrast_and_missing_ones_are_left_out(draw_arms):
    arms = draw_arms(12, trials=30, treatments=3)
    group = {study: ("late" if i % 2 else "early") for i, study in enumerate(sorted(arms["study"].unique()))}
    group["trial 5"] = None
    net = Network.from_frame(arms.assign(phase=arms["study"].map(group)), measure="MD", **ARMS)
    trend = net.regress("phase", "T0")
    assert trend.levels == ("early", "late")
    assert trend.left_out["study"].tolist() == ["trial 5"]
    values = np.array([float(group[study] == "late") for study in net.without("trial 5").studies])
    assert 0 < values.mean() < 1


def test_few_trials_need_the_word_exploratory(draw_arms):
    net = Network.from_frame(draw_arms(13, trials=8, treatments=3), measure="MD", **ARMS)
    with pytest.raises(NotEnoughTrials, match="exploratory=True"):
        net.regress("year", "T0")
    assert "exploratory" in repr(net.regress("year", "T0", exploratory=True))


def test_unknown_or_many_worded_covariates_are_refused(draw_arms):
    arms = draw_arms(14, trials=12, treatments=3)
    net = Network.from_frame(arms.assign(label=arms["study"]), measure="MD", **ARMS)
    with pytest.raises(UnknownWordError, match="yaer"):
        net.regress("yaer")
    with pytest.raises(InputError, match="12 words"):
        net.regress("label")


def test_the_funnel_needs_a_whole_order_and_says_why_there_is_no_test(draw_arms):
    net = Network.from_frame(draw_arms(15, trials=9, treatments=3), measure="MD", **ARMS)
    with pytest.raises(InputError, match="every treatment once"):
        net.funnel(["T0", "T1"])
    funnel = net.funnel(["T0", "T1", "T2"])
    assert funnel.regression is None
    assert "10" in funnel.reason


def test_the_verb_gives_the_numbers_of_the_kernel(senn):
    direct = fit_network(senn.data, "DL", distribution="t", level=0.9)
    pooled = senn.pool("plac", tau2="DL", distribution="t", level=0.9)
    np.testing.assert_array_equal(pooled.fit.ci_low, direct.ci_low)
    assert "90% CI" in repr(pooled)
