"""The network without a trial, or without a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats.network import (
    NetworkData,
    decompose_q,
    fit_network,
    leave_one_comparison_out,
    leave_one_trial_out,
    network_from_contrasts,
    without_trials,
)


def assert_refitted(left: Any, row: int, data: NetworkData, rest: NetworkData, method: str | float) -> None:
    fit = fit_network(rest, method)
    place = [data.treatments.index(name) for name in rest.treatments]
    np.testing.assert_allclose(left.estimate[row][np.ix_(place, place)], fit.estimate, atol=1e-9)
    np.testing.assert_allclose(left.se[row][np.ix_(place, place)], fit.se, rtol=1e-8)
    assert left.tau2[row] == pytest.approx(fit.tau2, rel=1e-8, abs=1e-12)
    assert left.q[row] == pytest.approx(fit.q.statistic, rel=1e-10)
    assert left.df[row] == fit.q.df
    assert left.trials[row] == len(rest.trials)


@pytest.mark.parametrize("method", ["REML", "DL", 0.05])
def test_each_trial_left_out_is_the_network_without_it(method: str | float, senn: NetworkData) -> None:
    left = leave_one_trial_out(fit_network(senn, method))
    assert left.names == senn.trials
    for row, trial in enumerate(senn.trials):
        assert_refitted(left, row, senn, without_trials(senn, [trial]), method)
    assert left.connected.sum() == len(senn.trials) - 2


def test_a_treatment_that_only_one_trial_has_is_gone_with_it(senn: NetworkData) -> None:
    left = leave_one_trial_out(fit_network(senn))
    row, vild = senn.trials.index("Garber2008"), senn.treatments.index("vild")
    assert not left.connected[row]
    others = np.arange(10) != vild
    assert np.isnan(left.estimate[row][vild, others]).all()
    assert np.isfinite(left.estimate[row][np.ix_(others, others)]).all()


def test_a_broken_network_keeps_its_parts_with_a_common_tau2(write_out: Any) -> None:
    pairs = {
        "trial": ["a", "b", "bridge", "c", "d"],
        "treatment_a": ["A", "A", "B", "C", "C"],
        "treatment_b": ["B", "B", "C", "D", "D"],
    }
    data = network_from_contrasts([0.0, 2.0, 1.0, 0.5, 3.5], variance=[0.1, 0.2, 0.3, 0.1, 0.4], **pairs)
    left = leave_one_trial_out(fit_network(data))
    assert left.connected.tolist() == [True, True, False, True, True]
    assert left.df.tolist() == [1, 1, 2, 1, 1]
    known = np.isfinite(left.estimate[2])
    assert known.tolist() == [[True, True, False, False]] * 2 + [[False, False, True, True]] * 2
    model = write_out(data)
    keep = np.array([0, 1, 3, 4])
    x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    part = type(model)(model.y[keep], x, model.v[np.ix_(keep, keep)], model.s[np.ix_(keep, keep)])
    best = part.log_likelihood(left.tau2[2], True)
    assert best >= max(part.log_likelihood(value, True) for value in np.geomspace(1e-3, 30.0, 400)) - 1e-10


def test_each_comparison_left_out_is_the_network_without_its_trials(senn: NetworkData) -> None:
    left = leave_one_comparison_out(fit_network(senn))
    row = left.names.index(("acar", "plac"))
    assert_refitted(left, row, senn, without_trials(senn, ["Costa1997", "Willms1999"]), "REML")
    assert left.trials[row] == 24


def test_leaving_one_of_two_trials_leaves_no_tau2() -> None:
    pairs = {"trial": "12", "treatment_a": "AA", "treatment_b": "BB"}
    left = leave_one_trial_out(fit_network(network_from_contrasts([1.0, 3.0], variance=[1, 2], **pairs)))
    assert np.isnan(left.tau2).all()
    np.testing.assert_allclose(left.estimate[:, 0, 1], [3.0, 1.0])
    assert left.df.tolist() == [0, 0]


def test_variances_of_a_very_wide_range_are_left_out_one_by_one() -> None:
    pairs = {"trial": "123456", "treatment_a": "AABAAB", "treatment_b": "BBCCCC"}
    data = network_from_contrasts([1, 2, 1, 2, 3, 0.4], variance=[1e-9, 1, 0.2, 0.1, 3, 50], **pairs)
    left = leave_one_trial_out(fit_network(data))
    for row, trial in enumerate(data.trials):
        assert_refitted(left, row, data, without_trials(data, [trial]), "REML")


def test_nothing_to_leave_out_is_refused() -> None:
    one = network_from_contrasts([1.0], variance=[1], trial="1", treatment_a="A", treatment_b="B")
    with pytest.raises(NotEnoughTrials, match="here is 1"):
        leave_one_trial_out(fit_network(one))
    with pytest.raises(NotEnoughTrials, match="A vs B"):
        leave_one_comparison_out(fit_network(one))


def test_the_within_part_of_q_is_not_touched_by_leaving_another_design_out(senn: NetworkData) -> None:
    whole, rest = decompose_q(senn), decompose_q(without_trials(senn, ["Alex1998"]))
    assert whole.within.statistic == pytest.approx(rest.within.statistic, rel=1e-12)
