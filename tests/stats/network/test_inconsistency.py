"""Q within and between designs, detaching, and the net heat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from bmac_meta.stats.network import NetworkData, decompose_q, fit_network, net_heat, network_from_contrasts
from bmac_meta.stats.network.data import select_trials
from bmac_meta.stats.network.fit import generalized_q
from bmac_meta.stats.network.inconsistency import pool_designs


@pytest.mark.parametrize("seed", range(5))
def test_within_and_between_add_up_to_the_total(seed: int, draw: Any, write_out: Any) -> None:
    data = draw(seed, trials=20, treatments=4, largest=4)
    q = decompose_q(data)
    assert q.within.statistic + q.between.statistic == pytest.approx(q.total.statistic, rel=1e-11)
    assert q.within.df + q.between.df == q.total.df
    assert q.total.statistic == pytest.approx(write_out(data).q(0.0), rel=1e-11)
    assert sum(part.statistic for part in q.by_design) == pytest.approx(q.within.statistic, rel=1e-12)
    assert q.trials.sum() == 20
    assert q.total.p_value == pytest.approx(chi2.sf(q.total.statistic, q.total.df), rel=1e-10)


@pytest.mark.parametrize("tau2", [0.0, 0.2])
def test_pooled_designs_make_the_same_network_estimates(tau2: float, draw: Any) -> None:
    data = draw(1, trials=25, treatments=4)
    two_stage = fit_network(pool_designs(data, tau2).network, 0.0)
    one_stage = fit_network(data, tau2)
    np.testing.assert_allclose(two_stage.estimate, one_stage.estimate, atol=1e-12)
    np.testing.assert_allclose(two_stage.se, one_stage.se, rtol=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_detaching_a_design_is_leaving_its_pooled_effect_out(seed: int, draw: Any) -> None:
    data = draw(seed, trials=9, treatments=5)
    pooled = pool_designs(data).network
    for design, detached in enumerate(decompose_q(data).detached):
        rest = generalized_q(select_trials(pooled, np.arange(len(pooled.trials)) != design))
        assert detached.df == rest.df
        assert detached.statistic == pytest.approx(rest.statistic, rel=1e-9, abs=1e-10)


def test_the_slope_of_q_within_is_the_trace_of_the_model_with_free_designs(draw: Any, write_out: Any) -> None:
    data = draw(3, trials=18, treatments=3, largest=3)
    model = write_out(data)
    columns, at = [], 0
    for block in data.blocks:
        for arms in np.unique(block.arms, axis=0):
            for contrast in range(block.size - 1):
                column = np.zeros(model.y.size)
                same = np.flatnonzero((block.arms == arms).all(axis=1))
                column[at + same * (block.size - 1) + contrast] = 1.0
                columns.append(column)
        at += block.effect.size
    x, weight = np.array(columns).T, np.linalg.inv(model.v)
    p = weight - weight @ x @ np.linalg.inv(x.T @ weight @ x) @ x.T @ weight
    pooled = pool_designs(data)
    assert pooled.moment == pytest.approx(np.trace(p @ model.s), rel=1e-10)
    assert sum(part.statistic for part in pooled.within) == pytest.approx(model.y @ p @ model.y, rel=1e-10)


def test_designs_with_one_trial_each_have_no_heterogeneity() -> None:
    pairs = {"trial": "123", "treatment_a": "AAB", "treatment_b": "BCC"}
    q = decompose_q(network_from_contrasts([1.0, 3.0, 1.0], variance=[1, 1, 1], **pairs))
    assert q.within.df == 0
    assert np.isnan(q.within.p_value)
    assert np.isnan(q.tau2_within)
    assert q.between == q.between_random
    assert q.between.statistic == pytest.approx(1.0 / 3.0)
    assert [part.df for part in q.detached] == [0, 0, 0]


def test_one_design_alone_is_all_within() -> None:
    pairs = {"trial": "123", "treatment_a": "AAA", "treatment_b": "BBB"}
    q = decompose_q(network_from_contrasts([1.0, 3.0, 2.0], variance=[1, 1, 1], **pairs))
    assert q.between.df == 0
    assert q.within.statistic == pytest.approx(2.0)
    assert q.designs == (("A", "B"),)


@pytest.mark.parametrize("tau2", [0.0, 0.1])
def test_the_net_heat_sums_to_what_detaching_takes_from_q(tau2: float, senn: NetworkData) -> None:
    heat = net_heat(senn, tau2)
    between = generalized_q(pool_designs(senn, tau2).network).statistic
    assert heat.q.sum() == pytest.approx(between, rel=1e-11)
    np.testing.assert_allclose(np.diag(heat.heat), heat.q, rtol=1e-11, atol=1e-12)
    if tau2 == 0.0:
        left = [part.statistic for part in decompose_q(senn).detached]
        np.testing.assert_allclose(heat.q.sum() - heat.heat.sum(axis=0), left, atol=1e-10)


def test_the_contributions_of_designs_are_entries_of_the_hat_matrix() -> None:
    pairs = {"trial": "123", "treatment_a": "AAB", "treatment_b": "BCC"}
    heat = net_heat(network_from_contrasts([1.0, 3.0, 1.0], variance=[1, 1, 1], **pairs))
    # A triangle of equal weights: two thirds from a contrast itself, one third over the other two.
    np.testing.assert_allclose(heat.contribution, (np.ones((3, 3)) + np.eye(3)) / 3.0, rtol=1e-12)


def test_one_design_has_no_heat() -> None:
    heat = net_heat(network_from_contrasts([1.0], variance=[1], trial="1", treatment_a="A", treatment_b="B"))
    np.testing.assert_allclose(heat.heat, [[0.0]], atol=1e-15)
    np.testing.assert_allclose(heat.contribution, [[1.0]], rtol=1e-14)
