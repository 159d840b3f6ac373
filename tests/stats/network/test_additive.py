"""Additive component models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import DesignError, DisconnectedNetwork, InputError
from bmac_meta.stats.network import (
    NetworkData,
    fit_additive,
    fit_network,
    network_from_arms,
    network_from_contrasts,
    parse_components,
)

NAMES = ["P", "A", "B", "A+B", "B+C", "C"]


@pytest.fixture
def combined(draw_arms: Any) -> NetworkData:
    arms = draw_arms(2, trials=20, treatments=6, largest=4, tau=0.2)
    arms["treatment"] = [NAMES[int(name[1:])] for name in arms["treatment"]]
    return network_from_arms(**arms)


def test_components_are_least_squares_on_their_sums(combined: NetworkData, write_out: Any) -> None:
    parts = parse_components(combined.treatments, inactive="P")
    fit = fit_additive(combined, parts, 0.1)
    model = write_out(combined)
    # The columns of the full model are all treatments against the first.
    sums = fit.composition[1:] - fit.composition[0]
    x = model.x @ sums
    weight = np.linalg.inv(model.v + 0.1 * model.s)
    cov = np.linalg.inv(x.T @ weight @ x)
    np.testing.assert_allclose(fit.estimate, cov @ x.T @ weight @ model.y, rtol=1e-10)
    np.testing.assert_allclose(fit.se, np.sqrt(np.diag(cov)), rtol=1e-10)
    assert fit.components == ("A", "B", "C")
    assert fit.identified.all()


def test_the_effect_of_a_combination_is_the_sum_of_its_components(combined: NetworkData) -> None:
    fit = fit_additive(combined, parse_components(combined.treatments, inactive="P"))
    row, column = combined.index("A+B"), combined.index("P")
    assert fit.effects[row, column] == pytest.approx(fit.estimate[0] + fit.estimate[1], rel=1e-12)


def test_a_component_for_each_treatment_is_the_network_itself(combined: NetworkData) -> None:
    own = {name: () if name == "P" else (name,) for name in combined.treatments}
    additive, network = fit_additive(combined, own), fit_network(combined)
    np.testing.assert_allclose(additive.effects, network.estimate, atol=1e-10)
    np.testing.assert_allclose(additive.effects_se, network.se, rtol=1e-9)
    assert additive.tau2 == pytest.approx(network.tau2, rel=1e-9)
    assert additive.q_difference.df == 0
    assert additive.q_difference.statistic == pytest.approx(0.0, abs=1e-9)


def test_the_test_of_additivity_is_the_rise_of_q(combined: NetworkData, write_out: Any) -> None:
    fit = fit_additive(combined, parse_components(combined.treatments, inactive="P"))
    model = write_out(combined)
    x = model.x @ (fit.composition[1:] - fit.composition[0])
    for difference, tau2 in ((fit.q_difference, 0.0), (fit.q_difference_random, fit.tau2_network)):
        smaller = type(model)(model.y, x, model.v, model.s)
        assert difference.statistic == pytest.approx(smaller.q(tau2) - model.q(tau2), rel=1e-9)
        assert difference.df == 2
    assert fit.q.statistic - fit.q_network.statistic == pytest.approx(fit.q_difference.statistic)
    assert fit.tau2_network == pytest.approx(fit_network(combined).tau2, rel=1e-10)


def test_effects_that_are_truly_additive_are_found_exactly() -> None:
    truth = {"P": 0.0, "A": 1.0, "B": -0.5, "A+B": 0.5}
    pairs = [("A", "P"), ("B", "P"), ("A+B", "A"), ("A+B", "P")]
    data = network_from_contrasts(
        [truth[a] - truth[b] for a, b in pairs],
        variance=[0.1, 0.2, 0.3, 0.1],
        trial=range(4),
        treatment_a=[a for a, _ in pairs],
        treatment_b=[b for _, b in pairs],
    )
    fit = fit_additive(data, parse_components(data.treatments, inactive="P"))
    np.testing.assert_allclose(fit.estimate, [1.0, -0.5], rtol=1e-12)
    assert fit.tau2 == 0.0
    assert fit.q_difference.statistic == pytest.approx(0.0, abs=1e-20)


def test_components_join_a_disconnected_network() -> None:
    pairs = {"trial": "12", "treatment_a": ["A", "A+B"], "treatment_b": ["P", "B"]}
    data = network_from_contrasts([1.0, 2.0], variance=[1.0, 1.0], **pairs)
    with pytest.raises(DisconnectedNetwork):
        fit_network(data)
    fit = fit_additive(data, parse_components(data.treatments, inactive="P"))
    assert fit.estimate[0] == pytest.approx(1.5)
    assert fit.effects[data.index("A+B"), data.index("B")] == pytest.approx(1.5)
    assert fit.identified.tolist() == [True, False]
    assert np.isnan(fit.estimate[1])
    assert np.isnan(fit.effects[data.index("B"), data.index("P")])


def test_components_that_always_come_together_are_not_told_apart() -> None:
    pairs = {"trial": "12", "treatment_a": ["A+B", "C"], "treatment_b": ["P", "P"]}
    data = network_from_contrasts([1.0, 2.0], variance=[1.0, 1.0], **pairs)
    fit = fit_additive(data, parse_components(data.treatments, inactive="P"))
    assert fit.identified.tolist() == [False, False, True]
    assert np.isnan(fit.p_value[:2]).all()
    assert fit.effects[data.index("A+B"), data.index("P")] == pytest.approx(1.0)
    assert np.isnan(fit.tau2)


def test_missing_components_are_refused_by_name(combined: NetworkData) -> None:
    with pytest.raises(InputError, match=r"the components of A\+B, B\+C are not given"):
        fit_additive(combined, {"P": (), "A": ["A"], "B": ["B"], "C": ["C"]})


def test_components_that_no_trial_compares_are_refused() -> None:
    data = network_from_contrasts([1.0], variance=[1.0], trial="1", treatment_a="A", treatment_b="B")
    with pytest.raises(DesignError, match="no trial compares different sets of components"):
        fit_additive(data, {"A": ["x"], "B": ["x"]})
