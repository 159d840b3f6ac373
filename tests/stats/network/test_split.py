"""Node splitting by three methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import UnknownWordError
from bmac_meta.stats.network import (
    NetworkData,
    fit_network,
    network_from_contrasts,
    node_split,
    without_trials,
)

METHODS = ["back-calculation", "side-split", "design-split"]


def row_of(data: NetworkData, a: str, b: str, split: Any) -> int:
    ends = (data.index(a), data.index(b))
    return int(np.flatnonzero((split.first == ends[0]) & (split.second == ends[1]))[0])


@pytest.fixture
def triangle() -> NetworkData:
    pairs = {"trial": "123", "treatment_a": "AAB", "treatment_b": "BCC"}
    return network_from_contrasts([1.0, 3.0, 1.5], variance=[0.1, 0.2, 0.3], **pairs)


@pytest.mark.parametrize("method", METHODS)
def test_a_loop_is_split_as_by_bucher(method: str, triangle: NetworkData) -> None:
    split = node_split(fit_network(triangle, 0.0), method)
    i = row_of(triangle, "A", "C", split)
    assert split.direct[i] == pytest.approx(3.0, rel=1e-12)
    assert split.indirect[i] == pytest.approx(2.5, rel=1e-12)
    assert split.indirect_se[i] == pytest.approx(np.sqrt(0.4), rel=1e-12)
    assert split.difference_se[i] == pytest.approx(np.sqrt(0.6), rel=1e-12)
    assert split.share_direct[i] == pytest.approx(0.4 / 0.6, rel=1e-12)
    # 2 (1 − Φ(0.5 / sqrt(0.6))), from a table of the normal distribution.
    assert split.p_value[i] == pytest.approx(0.518605, abs=1e-6)


@pytest.mark.parametrize("tau2", [0.0, 0.2])
def test_side_split_equals_back_calculation_where_the_trials_have_two_arms(tau2: float, draw: Any) -> None:
    fit = fit_network(draw(3, trials=18, treatments=5, largest=2), tau2)
    back, side = node_split(fit), node_split(fit, "side-split")
    for name in ("direct", "direct_se", "indirect", "indirect_se", "difference", "difference_se", "p_value"):
        np.testing.assert_allclose(getattr(side, name), getattr(back, name), rtol=1e-8, atol=1e-9, err_msg=name)


def test_side_split_is_one_more_column_in_the_full_model(draw: Any, write_out: Any) -> None:
    data = draw(5, trials=10, treatments=4, largest=4)
    model, split = write_out(data), node_split(fit_network(data, 0.1), "side-split")
    i = row_of(data, "T0", "T2", split)
    extra, at = np.zeros(model.y.size), 0
    for block in data.blocks:
        for arms in block.arms.tolist():
            side = [0.5 * (arm == 0) - 0.5 * (arm == 2) if {0, 2} <= set(arms) else 0.0 for arm in arms]
            extra[at : at + len(arms) - 1] = np.array(side[1:]) - side[0]
            at += len(arms) - 1
    x = np.column_stack([model.x, extra])
    weight = np.linalg.inv(model.v + 0.1 * model.s)
    cov = np.linalg.inv(x.T @ weight @ x)
    coefficients = cov @ x.T @ weight @ model.y
    # Columns are T1, T2, T3 against T0, then the inconsistency of T0 − T2.
    assert split.difference[i] == pytest.approx(coefficients[-1], rel=1e-9)
    assert split.difference_se[i] == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-9)
    assert split.indirect[i] == pytest.approx(-coefficients[1], rel=1e-9)
    assert split.direct[i] == pytest.approx(coefficients[-1] - coefficients[1], rel=1e-9)


def test_refitting_estimates_tau2_with_the_inconsistency_in_the_model(draw: Any, write_out: Any) -> None:
    data = draw(5, trials=14, treatments=3, largest=2, tau=0.5)
    fit = fit_network(data)
    split = node_split(fit, "side-split", refit=True)
    i = row_of(data, "T0", "T1", split)
    kept = node_split(fit, "side-split")
    assert (kept.tau2 == fit.tau2).all()
    assert split.tau2[i] != fit.tau2
    direct = {
        t for b in data.blocks for t, arms in zip(b.trial.tolist(), b.arms.tolist(), strict=True) if arms == [0, 1]
    }
    model = write_out(data)
    rows = np.concatenate([block.trial for block in data.blocks])
    x = np.column_stack([model.x, np.isin(rows, list(direct)) * 1.0])
    wide = type(model)(model.y, x, model.v, model.s)
    best = wide.log_likelihood(split.tau2[i], True)
    others = [wide.log_likelihood(value, True) for value in np.geomspace(1e-4, 10.0, 300)]
    assert best >= max(others) - 1e-10
    assert best <= max(others) + 1e-2


def test_design_split_leaves_out_every_trial_with_both_treatments(senn: NetworkData) -> None:
    fit = fit_network(senn)
    split = node_split(fit, "design-split")
    i = row_of(senn, "acar", "plac", split)
    rest = fit_network(without_trials(senn, ["Costa1997", "Willms1999"]), fit.tau2)
    expected = rest.estimate[rest.treatments.index("acar"), rest.treatments.index("plac")]
    assert split.indirect[i] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_evidence_that_does_not_exist_is_not_a_number(method: str, senn: NetworkData) -> None:
    split = node_split(fit_network(senn), method)
    only_direct, only_indirect = row_of(senn, "plac", "vild", split), row_of(senn, "sita", "vild", split)
    assert np.isnan(split.indirect[only_direct])
    assert np.isnan(split.p_value[only_direct])
    assert split.share_direct[only_direct] == pytest.approx(1.0)
    assert split.direct[only_direct] == pytest.approx(split.network[only_direct])
    assert np.isnan(split.direct[only_indirect])
    assert np.isnan(split.difference[only_indirect])
    assert split.indirect[only_indirect] == split.network[only_indirect]
    assert split.share_direct[only_indirect] == 0.0
    assert split.trials[only_indirect] == 0


def test_one_comparison_alone_has_no_indirect_evidence() -> None:
    pairs = {"trial": "123", "treatment_a": "AAA", "treatment_b": "BBB"}
    fit = fit_network(network_from_contrasts([1.0, 3.0, 2.0], variance=[1, 1, 1], **pairs))
    for method in METHODS:
        split = node_split(fit, method, refit=True)
        assert split.direct[0] == pytest.approx(split.network[0])
        assert np.isnan(split.indirect[0])


def test_an_unknown_way_of_splitting_is_refused(senn: NetworkData) -> None:
    with pytest.raises(UnknownWordError, match="SIDDE"):
        node_split(fit_network(senn), "SIDDE")
