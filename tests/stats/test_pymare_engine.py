"""The door to PyMARE: cluster-robust inference against its textbook formulas, combination, permutation, pooling."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.pymare_engine import (
    cluster_robust,
    combine_p_values,
    permute_with_pymare,
    pool_with_pymare,
)
from bmac_meta.stats.tau2 import estimate_tau2

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"


def clustered(seed: int = 0, clusters: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 5, clusters))
    variance = rng.uniform(0.01, 0.2, len(cluster))
    estimate = 0.3 + rng.normal(0, 0.3, clusters)[cluster] + rng.normal(0, np.sqrt(variance))
    return {"estimate": estimate, "variance": variance, "cluster": cluster}


def inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def textbook_cr2(effect, weight, cluster, design, metric="symmetric"):
    """CR2 and Satterthwaite's df, written out in full matrices, with the inverse of the weights as working covariance.

    Every adjustment A of the residuals with A B Aᵀ = Φ, B their working covariance, is unbiased. "symmetric" is the
    one of Pustejovsky & Tipton 2018 (doi:10.1080/07350015.2016.1247004, section 2.1), "whitened" the one that is
    symmetric for whitened residuals, as in Bell & McCaffrey 2002. One weight per cluster makes them one.
    """
    working, weights = np.diag(1 / weight), np.diag(weight)
    bread = np.linalg.inv(design.T @ weights @ design)
    beta = bread @ design.T @ weights @ effect
    left = np.eye(len(effect)) - design @ bread @ design.T @ weights
    forms = []
    for label in np.unique(cluster):
        rows = np.flatnonzero(cluster == label)
        own = left[rows] @ working @ left[rows].T
        root, whiten = np.sqrt(working[np.ix_(rows, rows)]), np.sqrt(weights[np.ix_(rows, rows)])
        if metric == "symmetric":
            adjust = root @ inverse_root(root @ own @ root) @ root
        else:
            adjust = root @ inverse_root(whiten @ own @ whiten) @ whiten
        np.testing.assert_allclose(adjust @ own @ adjust.T, root**2, atol=1e-12)
        forms.append(left[rows].T @ adjust.T @ weights[np.ix_(rows, rows)] @ design[rows] @ bread)
    covariance = sum(form.T @ np.outer(effect, effect) @ form for form in forms)
    df = []
    for column in range(design.shape[1]):
        vectors = np.array([form[:, column] for form in forms])
        gram = vectors @ working @ vectors.T
        df.append(np.trace(gram) ** 2 / np.sum(gram**2))
    return beta, np.sqrt(np.diag(covariance)), np.array(df)


@pytest.mark.parametrize("metric", ["symmetric", "whitened"])
@pytest.mark.parametrize("with_design", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_independent_weights_give_the_textbook_cr2(seed, with_design, metric):
    data = clustered(seed)
    if metric == "symmetric":
        data["variance"] = np.random.default_rng(seed).uniform(0.01, 0.2, 8)[data["cluster"]]
    ones = np.ones((len(data["estimate"]), 1))
    design = np.column_stack([ones, np.random.default_rng(9).normal(size=len(ones))]) if with_design else ones
    result = cluster_robust(**data, design=design if with_design else None, working="independent")
    tau2 = estimate_tau2(data["estimate"], variance=data["variance"], design=design).tau2
    weight = 1 / (data["variance"] + tau2)
    beta, se, df = textbook_cr2(data["estimate"], weight, data["cluster"], design, metric)
    np.testing.assert_allclose(np.ravel(result.estimate), beta, rtol=1e-10)
    np.testing.assert_allclose(np.ravel(result.se), se, rtol=1e-10)
    np.testing.assert_allclose(np.ravel(result.df), df, rtol=1e-10)
    assert result.tau2 == pytest.approx(tau2, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_correlated_weights_are_one_per_cluster_with_the_textbook_cr2(seed):
    data = clustered(seed)
    result = cluster_robust(**data)
    size = np.bincount(data["cluster"])[data["cluster"]]
    mean = (np.bincount(data["cluster"], data["variance"]) / np.bincount(data["cluster"]))[data["cluster"]]
    weight = 1 / (size * (mean + result.tau2))
    beta, se, df = textbook_cr2(data["estimate"], weight, data["cluster"], np.ones((len(size), 1)))
    np.testing.assert_allclose([result.estimate, result.se, result.df], [beta[0], se[0], df[0]], rtol=1e-10)


def test_the_p_and_the_interval_are_those_of_t_with_satterthwaites_df():
    result = cluster_robust(**clustered())
    assert result.reliable
    assert result.p_value == pytest.approx(2 * stdtr(result.df, -abs(result.estimate / result.se)), rel=1e-12)
    half = stdtrit(result.df, 0.975) * result.se
    assert (result.ci_low, result.ci_high) == pytest.approx((result.estimate - half, result.estimate + half))


def test_below_four_degrees_of_freedom_there_is_no_p():
    result = cluster_robust(**clustered(clusters=3))
    assert result.df < 4
    assert np.isnan(result.p_value)
    assert not result.reliable


def test_one_cluster_with_all_the_information_is_not_reliable():
    data = clustered()
    design = np.column_stack([np.ones(len(data["estimate"])), data["cluster"] == 0]).astype(float)
    result = cluster_robust(**data, design=design)
    assert not result.reliable
    assert np.isnan(result.p_value[1])


def test_names_of_clusters_do_not_matter():
    data = clustered()
    named = {**data, "cluster": [f"trial {label}" for label in data["cluster"]]}
    assert cluster_robust(**named) == cluster_robust(**data)


def test_labels_of_mixed_kinds_are_taken_by_name():
    data = {"estimate": [0.1, 0.2, 0.4], "variance": [0.1, 0.1, 0.2]}
    labels = np.array(["a", 1, 1], dtype=object)
    assert cluster_robust(**data, cluster=labels).clusters == 2


def test_more_coefficients_than_clusters_are_refused():
    with pytest.raises(NotEnoughTrials, match="more clusters than coefficients"):
        cluster_robust([0.1, 0.2], variance=[0.1, 0.1], cluster=["a", "a"])


def test_unusable_cluster_input_is_refused():
    with pytest.raises(InputError, match="one label for each of the 2 effects"):
        cluster_robust([0.1, 0.2], variance=[0.1, 0.1], cluster=["a"])
    with pytest.raises(InputError, match="correlation"):
        cluster_robust([0.1, 0.2], variance=[0.1, 0.1], cluster=["a", "b"], correlation=1.0)
    with pytest.raises(UnknownWordError, match="correlated, independent"):
        cluster_robust([0.1, 0.2], variance=[0.1, 0.1], cluster=["a", "b"], working="exchangeable")
    with pytest.raises(DesignError, match="collinear"):
        cluster_robust([0.1, 0.2, 0.3, 0.4], variance=[0.1] * 4, cluster=list("abcd"), design=np.ones((4, 2)))


P = np.array([0.145, 0.263, 0.087, 0.6])


def test_fisher_sums_logarithms():
    result = combine_p_values(P, method="fisher")
    assert result.p_value == pytest.approx(chdtrc(8, -2 * np.log(P).sum()), rel=1e-12)
    assert result.p_value == pytest.approx(ndtr(-result.statistic), rel=1e-12)


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0, 4.0]])
def test_stouffer_sums_normal_deviates(weight):
    w = np.ones(4) if weight is None else np.array(weight)
    result = combine_p_values(P, weight=weight)
    assert result.statistic == pytest.approx((w * -ndtri(P)).sum() / np.sqrt((w**2).sum()), rel=1e-12)


@pytest.mark.parametrize("method", ["stouffer", "fisher"])
def test_both_directions_double_the_smaller_p(method):
    up, down = combine_p_values(P, method=method), combine_p_values(1 - P, method=method)
    both = combine_p_values(P, method=method, two_sided=True)
    assert both.p_value == pytest.approx(2 * min(up.p_value, down.p_value), rel=1e-12)


def test_very_small_p_values_keep_their_logarithm():
    result = combine_p_values([1e-200, 1e-250])
    assert result.p_value == 0.0
    assert -1100 < result.log_p_value < -1000


@pytest.mark.parametrize("p_value", [[0.0, 0.5], [1.0], [], [np.nan], [[[0.1]]]])
def test_numbers_that_are_no_open_probabilities_are_refused(p_value):
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        combine_p_values(p_value)


def test_weights_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="one positive number"):
        combine_p_values(P, weight=[1, 1, 1, 0])
    with pytest.raises(InputError, match="belong to method='stouffer'"):
        combine_p_values(P, weight=[1, 1, 1, 1], method="fisher")


def case(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    used = np.array(data["included"], dtype=bool)
    return np.array(data["yi"], float)[used], np.array(data["vi"], float)[used]


def test_an_exact_permutation_p_is_the_share_of_all_sign_changes():
    estimate, variance = (values[:7] for values in case("bcg_OR"))
    result = permute_with_pymare(estimate, variance=variance, tau2="DL")
    signs = np.array(list(itertools.product([-1, 1], repeat=7)))
    batch = random_effects(estimate * signs, variance=variance, tau2="DL", interval="knapp-hartung")
    observed = random_effects(estimate, variance=variance, tau2="DL", interval="knapp-hartung")
    expected = np.mean(np.abs(batch.statistic) >= abs(observed.statistic) * (1 - 1e-8))
    assert (result.exact, result.draws) == (True, 128)
    assert result.p_value[0] == pytest.approx(expected, rel=1e-12)


def test_random_permutations_depend_on_the_seed_alone():
    estimate, variance = case("bcg_OR")
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    first, again, other = (
        permute_with_pymare(estimate, variance=variance, tau2="DL", draws=200, seed=seed) for seed in (1, 1, 2)
    )
    assert not first.exact
    assert first.p_value.tolist() == again.p_value.tolist()
    assert first.p_value.tolist() != other.p_value.tolist() or first.p_value[0] == 1 / 200
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_regression_is_permuted_by_rows():
    estimate, variance = case("bcg_OR")
    ablat = json.loads((REFERENCE / "bcg_OR.json").read_text())["mods"]["ablat"]
    result = permute_with_pymare(
        estimate, variance=variance, design=np.column_stack([np.ones(13), ablat]), tau2="DL", draws=500
    )
    assert result.p_value.shape == (2,)
    assert result.p_value[1] < 0.05


def test_too_little_to_permute_is_refused():
    with pytest.raises(NotEnoughTrials, match="needs 2 trials"):
        permute_with_pymare([0.1], variance=[0.1])
    with pytest.raises(InputError, match="draws"):
        permute_with_pymare([0.1, 0.2], variance=[0.1, 0.1], draws=0)


@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "knapp-hartung", "wald"])
@pytest.mark.parametrize("tau2", ["DL", "HE"])
def test_pymare_fills_the_whole_record_as_the_kernel_does(tau2, interval):
    estimate, variance = case("bcg_OR")
    ours = random_effects(estimate, variance=variance, tau2=tau2, interval=interval)
    theirs = pool_with_pymare(estimate, variance=variance, tau2=tau2, interval=interval)
    for name in (field.name for field in fields(ours)):
        expected = getattr(ours, name)
        if isinstance(expected, str):
            assert getattr(theirs, name) == expected, name
        else:
            np.testing.assert_allclose(getattr(theirs, name), expected, rtol=1e-10, err_msg=name)


def test_a_common_effect_comes_from_pymare_too():
    estimate, variance = case("bcg_OR")
    ours = random_effects(estimate, variance=variance, model="common", interval="wald")
    theirs = pool_with_pymare(estimate, variance=variance, model="common", interval="wald")
    for name in ("estimate", "se", "ci_low", "ci_high", "p_value", "q"):
        assert getattr(theirs, name) == pytest.approx(getattr(ours, name), rel=1e-9), name
    assert (theirs.tau2, theirs.method) == (0.0, "common effect")


def test_a_batch_is_pooled_row_by_row():
    estimate, variance = case("bcg_OR")
    batch = pool_with_pymare(np.stack([estimate, estimate[::-1]]), variance=variance, tau2="DL")
    alone = pool_with_pymare(estimate[::-1], variance=variance, tau2="DL")
    assert batch.estimate.shape == batch.pi_low.shape == (2,)
    assert batch.ci_low[1] == pytest.approx(alone.ci_low, rel=1e-12)


def test_what_pymare_does_not_have_is_refused():
    with pytest.raises(NotEnoughTrials, match="needs 2 trials"):
        pool_with_pymare([0.1], variance=[0.1])
    with pytest.raises(UnknownWordError, match="DL, HE, ML, REML"):
        pool_with_pymare([0.1, 0.2], variance=[0.1, 0.1], tau2="PM")
    with pytest.raises(UnknownWordError, match="wald"):
        pool_with_pymare([0.1, 0.2], variance=[0.1, 0.1], interval="t")


def ragged(seed: int = 0, count: int = 6, width: int = 14) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Effects, variances and mask (count, width), NaN where masked, two with the same mask; and clusters (width,)."""
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.01, 0.2, (count, width))
    estimate = 0.3 + rng.normal(0, 0.3, (count, width)) + rng.normal(0, np.sqrt(variance))
    mask = rng.random((count, width)) < 0.8
    mask[-1] = mask[1]
    estimate[~mask] = variance[~mask] = np.nan
    return {"estimate": estimate, "variance": variance, "mask": mask}, np.repeat(np.arange(width // 2), 2)


def alone(batch: dict[str, np.ndarray], row: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    here = batch["mask"][row]
    return {name: batch[name][row, here] for name in ("estimate", "variance")}, here


def assert_is_row(whole, row: int, single, tolerance: float = 1e-11, but: tuple[str, ...] = ()) -> None:
    """Check the fields of one analysis against those of the batch; sums in another order differ in the last digits."""
    for name in (field.name for field in fields(single)):
        value, expected = getattr(whole, name), getattr(single, name)
        if isinstance(value, np.ndarray) and name not in but:
            np.testing.assert_allclose(value[row], expected, rtol=tolerance, atol=1e-300, err_msg=name)
        elif name not in but:
            assert value == expected, name


@pytest.mark.parametrize("with_design", [None, "shared", "own"])
@pytest.mark.parametrize("working", ["correlated", "independent"])
def test_a_ragged_batch_of_clustered_effects_is_each_by_itself(working, with_design):
    batch, cluster = ragged()
    shape = {"shared": (14,), "own": batch["mask"].shape, None: ()}[with_design]
    column = np.random.default_rng(1).normal(size=shape)
    design = None if with_design is None else np.stack([np.ones(shape), column], axis=-1)
    whole = cluster_robust(**batch, cluster=cluster, design=design, working=working)
    assert whole.estimate.shape == ((6,) if with_design is None else (6, 2))
    assert whole.reliable.shape == whole.k.shape == (6,)
    for row in range(6):
        data, here = alone(batch, row)
        own = None if design is None else (design if with_design == "shared" else design[row])[here]
        single = cluster_robust(**data, cluster=cluster[here], design=own, working=working)
        assert_is_row(whole, row, single)


def test_full_leverage_in_one_analysis_is_not_held_against_another():
    # In the first analysis all that is known about the second coefficient comes from one of its three clusters.
    cluster = np.repeat(np.arange(8), 2)
    variance = np.full((2, 16), 0.1)
    variance[0, 2:6] = 1e12
    shared = {"cluster": cluster, "design": np.column_stack([np.ones(16), cluster < 3]), "working": "independent"}
    estimate = np.random.default_rng(0).normal(size=(2, 16))
    whole = cluster_robust(estimate, variance=variance, **shared)
    assert whole.reliable.tolist() == [False, True]
    assert np.isnan(whole.p_value).tolist() == [[True, True], [False, False]]
    for row in range(2):
        assert_is_row(whole, row, cluster_robust(estimate[row], variance=variance[row], **shared), tolerance=1e-9)


def test_too_few_clusters_in_a_batch_are_refused_by_number():
    mask = np.array([[True, True, True, True], [True, True, False, False]])
    with pytest.raises(NotEnoughTrials, match="meta-analysis 1: cluster-robust inference needs more clusters"):
        cluster_robust([0.1, 0.2, 0.3, 0.4], variance=[0.1] * 4, cluster=list("aabb"), mask=mask)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize(
    ("method", "weighted"), [("stouffer", None), ("stouffer", "shared"), ("stouffer", "own"), ("fisher", None)]
)
def test_a_ragged_batch_of_p_values_is_each_by_itself(method, weighted, two_sided):
    rng = np.random.default_rng(2)
    p, mask = rng.random((5, 6)), rng.random((5, 6)) < 0.7
    mask[:, 0], mask[4] = True, mask[0]
    p[~mask] = np.nan
    weight = {"shared": rng.uniform(1, 3, 6), "own": np.where(mask, rng.uniform(1, 3, (5, 6)), -1.0), None: None}[
        weighted
    ]
    whole = combine_p_values(p, mask=mask, method=method, weight=weight, two_sided=two_sided)
    for row, here in enumerate(mask):
        own = None if weight is None else np.broadcast_to(weight, p.shape)[row, here]
        assert_is_row(whole, row, combine_p_values(p[row, here], method=method, weight=own, two_sided=two_sided))


def test_unusable_batches_of_p_values_are_refused():
    with pytest.raises(InputError, match="meta-analysis 1: p_value must be"):
        combine_p_values([[0.1, 0.2], [0.3, 1.0]])
    with pytest.raises(InputError, match="meta-analysis 1 has no trial"):
        combine_p_values([[0.1, 0.2], [0.3, 0.4]], mask=[[True, True], [False, False]])
    with pytest.raises(InputError, match="mask has the shape"):
        combine_p_values([0.1, 0.2], mask=[True, True, False])
    with pytest.raises(InputError, match="one positive number"):
        combine_p_values([[0.1, 0.2], [0.3, 0.4]], weight=np.ones((3, 2)))


def test_a_mask_of_one_analysis_leaves_trials_out():
    whole = combine_p_values([0.1, 0.2, np.nan], mask=[True, True, False])
    assert whole == combine_p_values([0.1, 0.2])
    estimate, variance, keep = [0.1, np.inf, 0.4, 0.5], [0.1, -1.0, 0.2, 0.1], np.array([True, False, True, True])
    masked = pool_with_pymare(estimate, variance=variance, mask=keep)
    clean = pool_with_pymare([0.1, 0.4, 0.5], variance=[0.1, 0.2, 0.1])
    assert (masked.estimate, masked.ci_low, masked.k) == (clean.estimate, clean.ci_low, 3)
    assert masked.weights[1] == 0.0


@pytest.mark.parametrize("with_design", [False, True])
def test_a_ragged_batch_is_permuted_as_each_by_itself(with_design):
    batch, _ = ragged(width=8)
    design = np.column_stack([np.ones(8), np.random.default_rng(3).normal(size=8)]) if with_design else None
    whole = permute_with_pymare(**batch, design=design, tau2="DL", draws=100, seed=4)
    assert whole.p_value.shape == (6, 2 if with_design else 1)
    assert len(set(whole.draws.tolist())) > 1 or with_design
    for row in range(6):
        data, here = alone(batch, row)
        own = None if design is None else design[here]
        assert_is_row(whole, row, permute_with_pymare(**data, design=own, tau2="DL", draws=100, seed=4), tolerance=0)


@pytest.mark.parametrize("interval", ["knapp-hartung-floored", "wald"])
@pytest.mark.parametrize("tau2", ["DL", "HE", "REML", "ML"])
def test_a_ragged_batch_is_pooled_as_each_by_itself(tau2, interval):
    batch, _ = ragged(5)
    whole = pool_with_pymare(**batch, tau2=tau2, interval=interval)
    # The search for ML and REML ends with the slowest of a batch; alone it leaves tau2 at 1e-6 of itself at most.
    tolerance = 1e-11 if tau2 in ("DL", "HE") else 1e-5
    for row in range(6):
        data, here = alone(batch, row)
        single = pool_with_pymare(**data, tau2=tau2, interval=interval)
        assert_is_row(whole, row, single, tolerance, but=("weights",))
        np.testing.assert_allclose(whole.weights[row, here], single.weights, rtol=tolerance)
        assert (whole.weights[row, ~here] == 0).all()


def test_equal_effects_are_pooled_without_a_warning():
    result = pool_with_pymare([0.3] * 5, variance=[0.1, 0.2, 0.1, 0.3, 0.2], tau2="DL")
    assert (result.tau2, result.i2_q, result.q_p) == (0.0, 0.0, 1.0)


def test_one_trial_of_a_batch_is_refused_by_number():
    mask = np.array([[True, True], [True, False]])
    for function in (pool_with_pymare, permute_with_pymare):
        with pytest.raises(NotEnoughTrials, match="meta-analysis 1: PyMARE needs 2 trials"):
            function([0.1, 0.2], variance=[0.1, 0.1], mask=mask)


def test_importing_the_door_does_not_import_pymare():
    program = "import sys, bmac_meta.stats.pymare_engine; sys.exit('pymare' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_only_the_door_imports_pymare():
    package = Path(__file__).parents[2] / "bmac_meta"
    statement = re.compile(r"^\s*(import|from) pymare\b", re.MULTILINE)
    doors = [path.name for path in package.rglob("*.py") if statement.search(path.read_text("utf-8"))]
    assert doors == ["pymare_engine.py"]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"draws": "many"}, "draws is 'many'; it must be a whole number of 1 or more"),
        ({"draws": 0}, "draws is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "PyMARE takes none above 4294967295"),
    ],
)
def test_draws_and_seeds_that_are_none_are_refused(keywords, message):
    with pytest.raises(InputError, match=message):
        permute_with_pymare([0.1, 0.2, 0.4], variance=[0.1, 0.1, 0.1], **keywords)
