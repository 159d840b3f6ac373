"""Generalized least squares against dense linear algebra at high precision and against the kernel."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import DesignError, InputError, UnknownWordError
from bmac_meta.stats.dependence import autoregressive, compound_symmetry, correlated_covariance
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"
CASES = ("bcg_OR", "curtis1998_ROM", "li2007_RD", "nissen2007_OR", "normand1999_SMD", "molloy2014_ZCOR")
INTERVALS = ("wald", "t", "knapp-hartung", "knapp-hartung-floored")


def case(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    used = np.array(data["included"], dtype=bool)
    return np.array(data["yi"], float)[used], np.array(data["vi"], float)[used]


def dependent(seed: int = 3, trials: int = 4) -> dict[str, np.ndarray]:
    """Make three visits in each of some trials, correlated over time, with a covariate of the trial."""
    rng = np.random.default_rng(seed)
    cluster, time = np.repeat(np.arange(trials), 3), np.tile([3.0, 6.0, 12.0], trials)
    variance = np.repeat(rng.uniform(0.01, 0.1, trials), 3) * rng.uniform(0.8, 1.2, 3 * trials)
    covariance = correlated_covariance(autoregressive(cluster, time, 0.9), variance=variance)
    between = compound_symmetry(cluster, 0.7)
    estimate = rng.multivariate_normal(np.full(3 * trials, 0.3), covariance + 0.1 * between)
    design = np.column_stack([np.ones(3 * trials), time])
    return {"estimate": estimate, "covariance": covariance, "between": between, "design": design}


def oracle(data: dict[str, np.ndarray], tau2: mpf, restricted: bool) -> tuple[mpf, mp.matrix, mp.matrix, mpf]:
    """Return log-likelihood, coefficients, their covariance and the misfit from dense matrices."""
    y, x = mp.matrix(data["estimate"].tolist()), mp.matrix(data["design"].tolist())
    total = mp.matrix(data["covariance"].tolist()) + tau2 * mp.matrix(data["between"].tolist())
    inverse = total**-1
    precision = x.T * inverse * x
    spread = precision**-1
    beta = spread * (x.T * inverse * y)
    rest = y - x * beta
    misfit = (rest.T * inverse * rest)[0]
    value = mp.log(mp.det(total)) + misfit
    degrees = len(y) - restricted * x.cols
    if restricted:
        value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
    return -(degrees * mp.log(2 * mp.pi) + value) / 2, beta, spread, misfit


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_tau2_is_where_the_exact_likelihood_is_flat_and_highest(method, seed):
    data = dependent(seed)
    result = generalized_least_squares(**data, tau2=method, interval="wald")
    with mp.workdps(25):
        likelihood = lambda tau2: oracle(data, mpf(tau2), method == "REML")[0]  # noqa: E731
        best = likelihood(result.tau2)
        slope, curve = mp.diff(likelihood, mpf(result.tau2)), mp.diff(likelihood, mpf(result.tau2), 2)
        newton = float(abs(slope / curve))
        others = [likelihood(x) for x in np.geomspace(1e-6, 10, 30)] + [likelihood(0)]
    if result.tau2 > 0:
        assert newton < 1e-11 * (result.tau2 + 0.01)
    assert max(others) <= best
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML", 0.05, 0])
def test_coefficients_and_q_are_those_of_dense_algebra(method):
    data = dependent()
    result = generalized_least_squares(**data, tau2=method, interval="wald")
    with mp.workdps(25):
        _, beta, spread, _ = oracle(data, mpf(result.tau2), True)
        q = oracle(data, mpf(0), True)[3]
        expected = [[float(spread[i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(result.estimate, [float(b) for b in beta], rtol=1e-11)
    np.testing.assert_allclose(result.coefficient_covariance, expected, rtol=1e-11)
    assert result.q == pytest.approx(float(q), rel=1e-11)
    assert result.q_df == 10


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("name", CASES)
def test_independent_effects_give_the_kernels_answer(name, method, interval):
    estimate, variance = case(name)
    result = generalized_least_squares(estimate, covariance=np.diag(variance), tau2=method, interval=interval)
    expected = random_effects(estimate, variance=variance, tau2=method, interval=interval)
    for field in ("estimate", "se", "statistic", "df", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "q"):
        # curtis1998 spreads its variances over five decades, which the rotation feels.
        assert getattr(result, field) == pytest.approx(getattr(expected, field), rel=1e-11, abs=1e-13), field
    assert result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-11)
    # A p below 1e-16 rests on the last digits of the statistic.
    assert result.p_value == pytest.approx(expected.p_value, rel=1e-9)


def test_a_common_effect_takes_tau2_as_zero_and_predicts_nothing():
    data = dependent()
    result = generalized_least_squares(data["estimate"], covariance=data["covariance"], tau2=0)
    assert (result.tau2, result.method) == (0.0, "common effect")
    assert np.isnan([result.pi_low, result.pi_high]).all()


def test_a_given_tau2_is_kept():
    data = dependent()
    result = generalized_least_squares(data["estimate"], covariance=data["covariance"], tau2=0.2)
    assert (result.tau2, result.method) == (0.2, "given")


def test_two_copies_of_one_effect_count_as_one():
    cluster, nearly = ["a", "a", "b", "c"], 1 - 1e-10
    covariance = correlated_covariance(compound_symmetry(cluster, nearly), variance=[0.04, 0.04, 0.02, 0.03])
    shared = {"tau2": 0.05, "interval": "wald"}
    twice = generalized_least_squares(
        [0.2, 0.2, 0.5, -0.1], covariance=covariance, between=compound_symmetry(cluster, nearly), **shared
    )
    once = random_effects([0.2, 0.5, -0.1], variance=[0.04, 0.02, 0.03], **shared)
    assert twice.estimate == pytest.approx(once.estimate, rel=1e-6)
    assert twice.se == pytest.approx(once.se, rel=1e-6)


def test_without_residual_freedom_one_effect_is_itself():
    with pytest.raises(DesignError, match="tau2 cannot be told"):
        generalized_least_squares([0.3], covariance=[[0.04]])
    alone = generalized_least_squares([0.3], covariance=[[0.04]], tau2=0, interval="wald")
    assert (alone.estimate, alone.se) == (0.3, pytest.approx(0.2, rel=1e-15))


def test_effects_that_all_move_together_leave_no_tau2():
    with pytest.raises(DesignError, match="ties all effects together"):
        generalized_least_squares([0.1, 0.4], covariance=np.diag([0.1, 0.2]), between=np.ones((2, 2)))


def test_one_huge_variance_changes_nothing():
    estimate, variance = case("normand1999_SMD")
    alone = generalized_least_squares(estimate, covariance=np.diag(variance), interval="wald")
    more = generalized_least_squares([*estimate, 5.0], covariance=np.diag([*variance, 1e12]), interval="wald")
    assert more.estimate == pytest.approx(alone.estimate, rel=1e-9)
    assert more.tau2 == pytest.approx(alone.tau2, rel=1e-9)


def test_variances_over_twenty_four_decades_keep_their_digits():
    estimate, variance = np.random.default_rng(0).normal(size=12), 10.0 ** np.arange(-12, 12, 2)
    result = generalized_least_squares(estimate, covariance=np.diag(variance))
    expected = random_effects(estimate, variance=variance)
    for field in ("estimate", "se", "tau2", "ci_low", "q", "log_likelihood"):
        assert getattr(result, field) == pytest.approx(getattr(expected, field), rel=1e-11), field


@pytest.mark.parametrize("tau2", [-0.1, np.nan, np.inf])
def test_an_impossible_tau2_is_refused(tau2):
    with pytest.raises(InputError, match="tau2"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), tau2=tau2)


def test_an_estimator_it_does_not_have_is_refused():
    with pytest.raises(UnknownWordError, match="REML, ML"):
        generalized_least_squares([0.1, 0.2], covariance=np.eye(2), tau2="DL")


def test_a_collinear_design_is_refused():
    with pytest.raises(DesignError, match="collinear"):
        generalized_least_squares([0.1, 0.2, 0.3, 0.4], covariance=np.eye(4), design=np.ones((4, 2)))


def many(count: int, seed: int = 0, k: int = 7) -> dict[str, np.ndarray]:
    """Make meta-analyses of correlated effects with gaps: in each at least five of seven, what is missing is NaN."""
    rng = np.random.default_rng(seed)
    cluster = np.arange(k) // 2
    variance = 10.0 ** rng.uniform(-2, 0, (count, k))
    estimate = rng.normal(0, 0.6, (count, k))
    mask = np.ones((count, k), dtype=bool)
    for row in mask[1:]:
        row[rng.choice(k, rng.integers(0, k - 4), replace=False)] = False
    covariance = correlated_covariance(compound_symmetry(cluster, 0.6), variance=variance)
    design = np.stack([np.ones((count, k)), rng.normal(size=(count, k))], axis=2)
    both = mask[:, :, None] & mask[:, None, :]
    return {
        "estimate": np.where(mask, estimate, np.nan),
        "covariance": np.where(both, covariance, np.nan),
        "design": np.where(mask[:, :, None], design, np.nan),
        "between": np.where(both, compound_symmetry(cluster, 0.7), np.nan),
        "mask": mask,
    }


def one_of(data: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    """Return one meta-analysis without its gaps."""
    here = data["mask"][row]
    rows = {"estimate": data["estimate"][row][here], "covariance": data["covariance"][row][np.ix_(here, here)]}
    if "design" in data:
        rows["design"] = data["design"][row][here]
    if "between" in data:
        rows["between"] = data["between"][row][np.ix_(here, here)]
    return rows


def assert_same(found, row: int, expected, rel: float = 1e-11) -> None:
    for field in fields(expected):
        value, wanted = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("interval", "level"):
            assert value == wanted
        elif field.name != "method":
            np.testing.assert_allclose(value[row], wanted, rtol=rel, atol=1e-12, err_msg=field.name)


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("tau2", ["REML", "ML", 0, 0.05])
@pytest.mark.parametrize("left_out", [(), ("design",), ("between",), ("design", "between")])
def test_a_batch_with_gaps_is_its_meta_analyses_one_by_one(tau2, interval, left_out):
    data = {name: values for name, values in many(12).items() if name not in left_out}
    choices = {"tau2": tau2, "interval": interval, "level": 0.9}
    together = generalized_least_squares(**data, **choices)
    for row in range(12):
        assert_same(together, row, generalized_least_squares(**one_of(data, row), **choices))


@pytest.mark.parametrize("own", ["covariance", "design", "between"])
def test_only_one_of_covariance_design_and_between_may_differ_between_meta_analyses(own):
    rng = np.random.default_rng(11)
    estimate, cluster = rng.normal(size=(5, 7)), np.arange(7) // 3
    shared = {"covariance": compound_symmetry(cluster, 0.4), "between": compound_symmetry(cluster, 0.5)}
    shared["design"] = np.column_stack([np.ones(7), np.arange(7)])
    parts = {name: np.array([part] * 5) for name, part in shared.items()}
    parts[own] = {
        "covariance": 0.1 * (1 + np.arange(5))[:, None, None] * parts["covariance"],
        "between": compound_symmetry(cluster, [0.0, 0.1, 0.2, 0.5, 0.9]),
        "design": np.stack([np.ones((5, 7)), rng.normal(size=(5, 7))], axis=2),
    }[own]
    together = generalized_least_squares(estimate, **shared | {own: parts[own]})
    for row in range(5):
        alone = {name: part[row] for name, part in parts.items()}
        assert_same(together, row, generalized_least_squares(estimate[row], **alone))


def test_a_covariance_a_design_and_a_between_may_be_shared_by_all():
    data = many(9, seed=1)
    full = {name: np.array(data[name][0]) for name in ("covariance", "design", "between")}
    estimate = np.random.default_rng(1).normal(size=(9, 7))
    for mask in (np.ones((9, 7), dtype=bool), data["mask"], data["mask"][3]):
        together = generalized_least_squares(estimate, **full, mask=mask)
        spread_out = {name: np.broadcast_to(part, (9, *part.shape)) for name, part in full.items()}
        alone = spread_out | {"estimate": estimate, "mask": np.broadcast_to(mask, (9, 7))}
        for row in range(9):
            assert_same(together, row, generalized_least_squares(**one_of(alone, row)))


def test_a_batch_has_an_axis_more_than_a_single_meta_analysis():
    data = many(3)
    pooled = generalized_least_squares(data["estimate"], covariance=data["covariance"], mask=data["mask"])
    assert (pooled.estimate.shape, pooled.df.shape, pooled.coefficient_covariance.shape) == ((3,), (3,), (3, 1, 1))
    assert pooled.k.tolist() == data["mask"].sum(axis=1).tolist()
    regressed = generalized_least_squares(**data)
    assert (regressed.estimate.shape, regressed.coefficient_covariance.shape) == ((3, 2), (3, 2, 2))
    single = generalized_least_squares(**one_of(data, 0))
    assert single.estimate.shape == (2,)
    assert isinstance(single.tau2, float)
    assert isinstance(single.k, int)


def test_a_single_meta_analysis_may_have_gaps():
    data = many(2, seed=3)
    row = {name: values[1] for name, values in data.items()}
    gaps, without = generalized_least_squares(**row), generalized_least_squares(**one_of(data, 1))
    assert isinstance(gaps.tau2, float)
    for name in ("estimate", "tau2", "log_likelihood", "k", "q_df", "df"):
        np.testing.assert_allclose(getattr(gaps, name), getattr(without, name), rtol=1e-11)


def test_what_stands_in_masked_cells_changes_nothing_at_all():
    data = many(6, seed=2)
    noise = {name: np.where(np.isnan(data[name]), -1e30, data[name]) for name in data if name != "mask"}
    noisy, clean = generalized_least_squares(**noise, mask=data["mask"]), generalized_least_squares(**data)
    for field in fields(clean):
        np.testing.assert_array_equal(getattr(noisy, field.name), getattr(clean, field.name))


@pytest.mark.parametrize("tau2", ["REML", "ML", 0.3])
@pytest.mark.parametrize("interval", INTERVALS)
def test_many_independent_effects_give_the_answers_of_the_kernel(tau2, interval):
    data = many(40, seed=4)
    variance = np.einsum("bkk->bk", data["covariance"])
    apart = np.where(np.eye(7, dtype=bool), data["covariance"], 0.0)
    choices = {"tau2": tau2, "interval": interval, "mask": data["mask"]}
    pooled = generalized_least_squares(data["estimate"], covariance=apart, **choices)
    expected = random_effects(data["estimate"], variance=variance, **choices)
    for name in (
        "estimate",
        "se",
        "statistic",
        "df",
        "p_value",
        "pi_low",
        "pi_high",
        "tau2",
        "k",
        "q",
        "log_likelihood",
    ):
        np.testing.assert_allclose(getattr(pooled, name), getattr(expected, name), rtol=1e-11, atol=1e-14, err_msg=name)
    design = data["design"]
    regressed = generalized_least_squares(data["estimate"], covariance=apart, design=design, **choices)
    expected = meta_regression(data["estimate"], variance=variance, design=design, **choices)
    pairs = {
        "estimate": "coefficients",
        "coefficient_covariance": "covariance",
        "q": "q_residual",
        "p_value": "p_values",
    }
    for name in (*pairs, "tau2", "df", "q_df", "log_likelihood"):
        theirs = getattr(expected, pairs.get(name, name))
        np.testing.assert_allclose(getattr(regressed, name), theirs, rtol=1e-10, atol=1e-13, err_msg=name)


def dense_likelihood(data: dict[str, np.ndarray], tau2: float, restricted: bool) -> float:
    """Return the log-likelihood from full matrices."""
    total = data["covariance"] + tau2 * data["between"]
    weight, x = np.linalg.inv(total), data["design"]
    precision = x.T @ weight @ x
    rest = data["estimate"] - x @ np.linalg.solve(precision, x.T @ weight @ data["estimate"])
    value = np.linalg.slogdet(total)[1] + rest @ weight @ rest
    degrees = len(rest) - restricted * x.shape[1]
    if restricted:
        value += np.linalg.slogdet(precision)[1] - np.linalg.slogdet(x.T @ x)[1]
    return -0.5 * (degrees * np.log(2 * np.pi) + value)


@pytest.mark.parametrize("restricted", [True, False])
def test_no_place_of_a_dense_grid_is_likelier(restricted):
    data = many(25, seed=5)
    result = generalized_least_squares(**data, tau2="REML" if restricted else "ML")
    for row in range(25):
        alone = one_of(data, row)
        best = dense_likelihood(alone, result.tau2[row], restricted)
        # The formula of the oracle loses digits where tau2 outweighs the variances.
        assert result.log_likelihood[row] == pytest.approx(best, abs=1e-9)
        grid = [0.0, *np.geomspace(1e-8, 1e5, 400)]
        assert max(dense_likelihood(alone, tau2, restricted) for tau2 in grid) <= best + 1e-10


def test_the_higher_of_two_maxima_is_found():
    # Precise effects that agree want tau2 near 0, imprecise ones that do not want a large one.
    covariance = np.diag([1e-6, 1e-6, 1e-6, 1.0, 1.0, 1.0])
    places = []
    for apart in (6.0, 3.0):
        estimate = [0.0, 2e-3, -2e-3, apart, -apart, 0.5 * apart]
        result = generalized_least_squares(estimate, covariance=covariance)
        data = {"estimate": np.array(estimate), "covariance": covariance}
        data |= {"design": np.ones((6, 1)), "between": np.eye(6)}
        grid = np.geomspace(1e-9, 1e5, 3000)
        heights = np.array([dense_likelihood(data, tau2, True) for tau2 in grid])
        peaks = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
        assert len(peaks) == 2
        assert result.tau2 == pytest.approx(grid[heights.argmax()], rel=0.02)
        places.append(result.tau2)
    assert places == [pytest.approx(14.5, rel=0.01), pytest.approx(3e-6, rel=0.01)]


@pytest.mark.parametrize("apart", [1e-3, 1e-5, 1e-9])
def test_true_effects_nearly_tied_within_clusters_bring_a_tau2_however_large(apart):
    # Differences within a cluster of 1 or more are worth tau2 × apart, so that tau2 is their square over `apart`.
    cluster = ["a", "a", "b", "b", "c", "c"]
    estimate = np.array([0.0, 3.0, 1.0, 5.0, 0.0, 2.5])
    between = compound_symmetry(cluster, 1 - apart)
    result = generalized_least_squares(estimate, covariance=1e-3 * np.eye(6), between=between)
    within = (np.diff(estimate)[::2] ** 2).sum() / 2
    assert result.tau2 * apart == pytest.approx(within / 5, rel=0.2)


def test_a_precise_effect_does_not_hide_that_tau2_can_be_told():
    variance = [1e-12, 10.0, 10.0]
    result = generalized_least_squares([0.0, 1.0, 2.0], covariance=np.diag(variance))
    expected = random_effects([0.0, 1.0, 2.0], variance=variance)
    for name in ("estimate", "se", "tau2", "log_likelihood"):
        assert getattr(result, name) == pytest.approx(getattr(expected, name), rel=1e-12), name


@pytest.mark.parametrize("decades", [8, 16, 24])
def test_correlated_effects_of_very_different_precision_keep_their_digits(decades):
    variance = 10.0 ** np.array([-0.5 * decades, 0.0, 0.5 * decades, -2.0, 0.1 * decades])
    covariance = correlated_covariance(compound_symmetry(list("aaaab"), 0.5), variance=variance)
    data = {"estimate": np.array([0.1, 1.0, 2.0, 3.0, -1.0]), "covariance": covariance}
    data |= {"between": compound_symmetry(list("aaabb"), 0.3), "design": np.ones((5, 1))}
    result = generalized_least_squares(
        data["estimate"], covariance=covariance, between=data["between"], interval="wald"
    )
    with mp.workdps(60):
        likelihood, beta, spread, _ = oracle(data, mpf(result.tau2), True)
        q = oracle(data, mpf(0), True)[3]
        slope = mp.diff(lambda tau2: oracle(data, tau2, True)[0], mpf(result.tau2))
    assert result.tau2 > 0.1
    assert abs(float(slope)) < 1e-9 / result.tau2
    assert result.estimate == pytest.approx(float(beta[0]), abs=1e-10 * float(spread[0]) ** 0.5)
    assert result.se == pytest.approx(float(spread[0]) ** 0.5, rel=1e-10)
    assert result.q == pytest.approx(float(q), rel=1e-10)
    assert result.log_likelihood == pytest.approx(float(likelihood), rel=1e-11)


def test_the_precision_of_one_meta_analysis_does_not_reach_another():
    # Links of one of them join effects that in the other are apart, and differ there by 24 decades.
    apart = np.diag(10.0 ** np.arange(-12, 12, 4))
    joined = correlated_covariance(compound_symmetry(["a"] * 6, 0.5), variance=np.full(6, 0.1))
    estimate = np.array([0.3, 1.0, -0.4, 2.0, 0.7, 5.0])
    together = generalized_least_squares(np.array([estimate] * 2), covariance=np.array([apart, joined]))
    for row, covariance in enumerate((apart, joined)):
        assert_same(together, row, generalized_least_squares(estimate, covariance=covariance), rel=1e-12)


def test_an_offset_of_a_million_takes_no_digits():
    data = dependent()
    # Whole numbers, so that adding the offset rounds nothing.
    estimate = np.round(data["estimate"] * 1024) / 1024
    choices = {"covariance": data["covariance"], "between": data["between"]}
    for design in (None, data["design"]):
        near = generalized_least_squares(estimate, design=design, **choices)
        far = generalized_least_squares(estimate + 2.0**20, design=design, **choices)
        assert far.tau2 == pytest.approx(near.tau2, rel=1e-13)
        np.testing.assert_allclose(far.se, near.se, rtol=1e-13)
        moved = near.estimate + (2.0**20 if design is None else np.array([2.0**20, 0.0]))
        # The slope, which the offset leaves alone, has all its digits; the mean those of the offset.
        np.testing.assert_allclose(far.estimate, moved, rtol=1e-13)


def test_an_offset_changes_no_slope():
    rng = np.random.default_rng(0)
    estimate = np.round(rng.normal(size=12) * 1024) / 1024
    design = np.column_stack([np.ones(12), np.arange(2000.0, 2012.0)])
    covariance = np.diag(rng.uniform(0.1, 0.2, 12))
    near = generalized_least_squares(estimate, covariance=covariance, design=design)
    far = generalized_least_squares(estimate + 2.0**20, covariance=covariance, design=design)
    assert far.estimate[1] == pytest.approx(near.estimate[1], rel=1e-13)


def test_the_order_of_rows_changes_nothing():
    data = many(8, seed=6)
    order = np.random.default_rng(0).permutation(7)
    turned = {name: values[:, order] for name, values in data.items()}
    turned |= {name: turned[name][:, :, order] for name in ("covariance", "between")}
    one, other = generalized_least_squares(**data), generalized_least_squares(**turned)
    for name in ("estimate", "se", "tau2", "q", "log_likelihood", "pi_low"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("unit", [1e-6, 1000.0, 1e6])
def test_a_change_of_unit_changes_only_the_unit(unit):
    data = many(8, seed=7)
    changed = data | {"estimate": unit * data["estimate"], "covariance": unit**2 * data["covariance"]}
    one, other = generalized_least_squares(**data), generalized_least_squares(**changed)
    for name, power in {"estimate": 1, "ci_low": 1, "tau2": 2, "statistic": 0, "q": 0}.items():
        wanted = unit**power * getattr(one, name)
        np.testing.assert_allclose(getattr(other, name), wanted, rtol=1e-11, atol=1e-13 * unit**power, err_msg=name)


def test_known_tau2_may_differ_between_meta_analyses():
    data = many(3, seed=8)
    data.pop("design")
    known = [0.0, 0.1, 2.0]
    result = generalized_least_squares(**data, tau2=known)
    assert result.method == "given"
    for row, tau2 in enumerate(known):
        assert_same(result, row, generalized_least_squares(**one_of(data, row), tau2=tau2))
    assert np.isnan(result.pi_low).tolist() == [True, False, False]


def test_one_effect_says_nothing_of_tau2_and_is_itself_with_a_known_one():
    with pytest.raises(DesignError, match="tau2 cannot be told from the coefficients: it is about one effect"):
        generalized_least_squares([0.3], covariance=[[0.04]])
    mask = np.array([[True, True], [True, False]])
    with pytest.raises(DesignError, match=r"in meta-analysis 1 .*: it is about one effect"):
        generalized_least_squares(np.ones((2, 2)), covariance=np.eye(2), mask=mask)
    alone = generalized_least_squares([[0.3, 0.1], [0.3, np.nan]], covariance=0.04 * np.eye(2), mask=mask, tau2=0.05)
    assert (alone.estimate[1], alone.df[1], alone.q_df[1], alone.q_p[1]) == (0.3, np.inf, 0, 1.0)
    assert alone.se[1] == pytest.approx(0.3, rel=1e-15)
    assert np.isnan(alone.pi_low).all()


def test_a_batch_without_any_between_variance_has_tau2_at_zero():
    estimate = np.array([[0.1, 0.1, 0.1, 0.1], [0.1, 0.2, 0.1, 0.15]])
    result = generalized_least_squares(estimate, covariance=np.eye(4) + 0.3)
    assert result.tau2.tolist() == [0.0, 0.0]
    assert result.q[0] == pytest.approx(0.0, abs=1e-25)


def test_two_thousand_correlated_effects_are_those_of_dense_algebra():
    rng = np.random.default_rng(9)
    cluster, variance = np.arange(2000) // 5, 10.0 ** rng.uniform(-2, 1, 2000)
    covariance = correlated_covariance(compound_symmetry(cluster, 0.7), variance=variance)
    estimate, between = rng.normal(0.2, 1, 2000), compound_symmetry(cluster, 0.4)
    result = generalized_least_squares(estimate, covariance=covariance, between=between, interval="wald")
    weight = np.linalg.inv(covariance + result.tau2 * between)
    assert result.estimate == pytest.approx((weight @ estimate).sum() / weight.sum(), rel=1e-10)
    assert result.se == pytest.approx(weight.sum() ** -0.5, rel=1e-10)
    rest = weight @ (estimate - result.estimate)
    drag = (weight * between).sum() - (weight.sum(0) @ between @ weight.sum(0)) / weight.sum()
    assert rest @ between @ rest == pytest.approx(drag, rel=1e-9)


def test_wide_meta_analyses_are_worked_on_a_few_at_a_time():
    rng = np.random.default_rng(12)
    variance, cluster = rng.uniform(0.1, 1, (5, 300)), np.arange(300) // 4
    covariance = correlated_covariance(compound_symmetry(cluster, 0.5), variance=variance)
    estimate = rng.normal(size=(5, 300))
    together = generalized_least_squares(estimate, covariance=covariance)
    for row in (0, 4):
        assert_same(together, row, generalized_least_squares(estimate[row], covariance=covariance[row]))


def test_the_memory_of_a_batch_is_that_of_its_chunks():
    data = many(4000, seed=10, k=12)
    tracemalloc.start()
    generalized_least_squares(**data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All at once the scan alone would take 4000 × 12 × 2 × 40 numbers, ten times over.
    assert most < 150e6


def test_the_first_meta_analysis_whose_design_absorbs_the_true_effects_is_named():
    between = np.array([np.eye(3), np.ones((3, 3))])
    with pytest.raises(DesignError, match=r"in meta-analysis 1.*, tau2 cannot be told"):
        generalized_least_squares(np.array([[0.1, 0.2, 0.3]] * 2), covariance=np.eye(3), between=between)


@pytest.mark.parametrize("tau2", [[0.1, -0.1], [0.1, 0.2, 0.3], [[0.1, 0.2]]])
def test_known_tau2_that_do_not_fit_a_batch_are_refused(tau2):
    with pytest.raises(InputError, match="one for each of the 2 meta-analyses"):
        generalized_least_squares(np.zeros((2, 3)), covariance=np.eye(3), tau2=tau2)
