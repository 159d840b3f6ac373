"""Network meta-regression with one common coefficient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import DesignError, DisconnectedNetwork, InputError, UnknownWordError
from bmac_meta.stats.network import NetworkData, fit_network, fit_network_regression, network_from_contrasts
from bmac_meta.stats.tau2 import estimate_tau2


def covariate_of(data: NetworkData) -> np.ndarray:
    return np.linspace(-1.0, 2.0, len(data.trials)) ** 2


def test_the_coefficient_is_one_more_column_in_the_full_model(draw: Any, write_out: Any) -> None:
    data = draw(1, trials=14, treatments=4)
    values = covariate_of(data)
    fit = fit_network_regression(data, values, "T1", 0.1, at=0.5)
    model, extra, at = write_out(data), [], 0
    for block in data.blocks:
        for trial, arms in zip(block.trial, block.arms.tolist(), strict=True):
            active = np.array([float(arm != 1) for arm in arms])
            extra.extend((active[1:] - active[0]) * (values[trial] - 0.5))
            at += len(arms) - 1
    x = np.column_stack([model.x, extra])
    weight = np.linalg.inv(model.v + 0.1 * model.s)
    cov = np.linalg.inv(x.T @ weight @ x)
    coefficients = cov @ x.T @ weight @ model.y
    assert fit.coefficient == pytest.approx(coefficients[-1], rel=1e-9)
    assert fit.se == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-9)
    np.testing.assert_allclose(fit.estimate[1:, 0], coefficients[:-1], rtol=1e-9)
    np.testing.assert_allclose(fit.effects_se[1:, 0], np.sqrt(np.diag(cov)[:-1]), rtol=1e-9)


def test_two_treatments_make_the_pairwise_meta_regression() -> None:
    effect, variance = np.array([0.1, 0.9, 1.4, 0.2, 2.2]), np.array([0.1, 0.2, 0.1, 0.3, 0.2])
    values = np.array([1.0, 2.0, 3.0, 1.5, 4.0])
    data = network_from_contrasts(effect, variance=variance, trial=range(5), treatment_a="A" * 5, treatment_b="B" * 5)
    fit = fit_network_regression(data, values, "B")
    design = np.column_stack([np.ones(5), values])
    assert fit.tau2 == pytest.approx(estimate_tau2(effect, variance=variance, design=design).tau2, rel=1e-8, abs=1e-12)
    weight = np.diag(1.0 / (variance + fit.tau2))
    slope = np.linalg.solve(design.T @ weight @ design, design.T @ weight @ effect)[1]
    assert fit.coefficient == pytest.approx(slope, rel=1e-8)


def test_the_point_of_report_moves_effects_against_the_reference_only(draw: Any) -> None:
    data = draw(2, trials=14, treatments=4)
    here, there = (fit_network_regression(data, covariate_of(data), "T0", at=at) for at in (0.0, 2.0))
    moved = there.estimate - here.estimate
    np.testing.assert_allclose(moved[1:, 0], 2.0 * here.coefficient, rtol=1e-8)
    np.testing.assert_allclose(moved[1:, 1:], 0.0, atol=1e-9)
    assert here.tau2 == pytest.approx(there.tau2, rel=1e-9)


def test_a_covariate_can_be_given_by_name_and_is_reported_at_its_mean(draw: Any) -> None:
    data = draw(2, trials=14, treatments=4)
    values = covariate_of(data)
    by_name = dict(zip(data.trials, values, strict=True))
    fit = fit_network_regression(data, by_name, "T0")
    assert fit.at == pytest.approx(values.mean())
    assert fit.coefficient == fit_network_regression(data, values, "T0").coefficient


def test_explained_heterogeneity_is_a_share_of_the_network_without_the_covariate(draw: Any) -> None:
    data = draw(4, trials=16, treatments=3, tau=0.8)
    fit = fit_network_regression(data, covariate_of(data), "T0")
    assert fit.tau2_without == pytest.approx(fit_network(data).tau2, rel=1e-10)
    assert fit.r2 == pytest.approx(max(0.0, 1.0 - fit.tau2 / fit.tau2_without))


def test_t_intervals_use_the_residual_degrees_of_freedom(draw: Any) -> None:
    data = draw(4, trials=16, treatments=3, largest=2)
    wide, narrow = (fit_network_regression(data, covariate_of(data), "T0", 0.1, distribution=d) for d in "tz")
    assert wide.q.df == 16 - 3
    # t with 13 degrees of freedom at 97.5%, from a printed table.
    assert (wide.ci_high - wide.coefficient) / wide.se == pytest.approx(2.16037, abs=1e-5)
    assert (narrow.ci_high - narrow.coefficient) / narrow.se == pytest.approx(1.959964, abs=1e-6)


def test_a_covariate_without_information_is_refused(senn: NetworkData) -> None:
    with pytest.raises(DesignError, match="can't be told from the treatments"):
        fit_network_regression(senn, np.ones(26), "plac")
    only_one = np.zeros(26)
    only_one[senn.trials.index("Garber2008")] = 1.0
    with pytest.raises(DesignError, match="'plac'"):
        fit_network_regression(senn, only_one, "plac", at=0.0)


def test_wrong_covariates_are_refused(senn: NetworkData) -> None:
    with pytest.raises(InputError, match="shape"):
        fit_network_regression(senn, [1.0, 2.0], "plac")
    with pytest.raises(InputError, match="covariate of 25 trials is not given: DeFronzo1995"):
        fit_network_regression(senn, {"Lewin2007": 1.0}, "plac")
    with pytest.raises(InputError, match="covariate of trial 'DeFronzo1995' is nan"):
        fit_network_regression(senn, np.full(26, np.nan), "plac")
    with pytest.raises(InputError, match="'x'"):
        fit_network_regression(senn, np.array(["x"] * 26), "plac")
    with pytest.raises(UnknownWordError, match="'nobody'"):
        fit_network_regression(senn, np.arange(26.0), "nobody")


def test_a_disconnected_network_is_refused() -> None:
    pairs = {"trial": "12", "treatment_a": "AX", "treatment_b": "BY"}
    data = network_from_contrasts([1, 2], variance=[1, 1], **pairs)
    with pytest.raises(DisconnectedNetwork):
        fit_network_regression(data, [0.0, 1.0], "A")
