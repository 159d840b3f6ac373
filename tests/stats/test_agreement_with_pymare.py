"""The standing cross-check: whatever PyMARE and the package's own kernel both compute agrees on every reference case.

How far PyMARE's search for ML and REML can stop from the maximum (version 0.0.13, `bounded_scalar_min`): it refines a
bracket of u = τ²/(τ² + s), s the DL estimate plus the mean variance, until
- the negative log-likelihood f is flat over the bracket to 1e-12 (1 + |f|); as f rises by δ²/(2 se²) at a
  distance δ, with se the standard error of τ², that leaves δ ≤ se √(2·10⁻¹² (1 + |f|)); or until
- the bracket is 1e-6 of the scan's, at most 0.1 wide in u, which is 1e-7 (τ² + s)²/s in τ².
The sum of both is the tolerance below. The worst case of the first alone is 0.56 of it (hannum2020_PR, REML).
Everything else PyMARE computes is a closed form and held to 1e-10.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.permutation import permutation_test
from bmac_meta.stats.pymare_engine import TAU2_METHODS, load_pymare, permute_with_pymare, pool_with_pymare
from bmac_meta.stats.tau2 import estimate_tau2

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"
CASES = sorted(path.stem for path in REFERENCE.glob("*.json"))
INTERVALS = ("knapp-hartung-floored", "knapp-hartung", "wald")
CLOSED_FORM = 1e-10


def read(case: str) -> dict:
    return json.loads((REFERENCE / f"{case}.json").read_text())


def effects(case: str) -> tuple[np.ndarray, np.ndarray]:
    data = read(case)
    used = np.array(data["included"], dtype=bool)
    return np.array(data["yi"], float)[used], np.array(data["vi"], float)[used]


def search_tolerance(variance: np.ndarray, tau2: float, moment: float, height: float, restricted: bool) -> float:
    w = 1 / (variance + tau2)
    information = 0.5 * (w**2).sum()
    if restricted:
        information += 0.5 * (((w**2).sum() / w.sum()) ** 2 - 2 * (w**3).sum() / w.sum())
    scale = moment + variance.mean()
    flat = np.sqrt(2e-12 * (1 + abs(height)) / information)
    return flat + 1e-7 * (tau2 + scale) ** 2 / scale


def test_every_case_is_here():
    assert len(CASES) >= 68


@pytest.mark.parametrize("method", TAU2_METHODS)
@pytest.mark.parametrize("case", CASES)
def test_tau2_agrees_within_pymares_search(case, method):
    estimate, variance = effects(case)
    ours = random_effects(estimate, variance=variance, tau2=method)
    theirs = pool_with_pymare(estimate, variance=variance, tau2=method)
    if method in ("DL", "HE"):
        # Relative to τ² plus the median variance: a difference of two sums has no relative accuracy of its own.
        tolerance = CLOSED_FORM * (ours.tau2 + np.median(variance))
    else:
        moment = estimate_tau2(estimate, variance=variance, method="DL").tau2
        tolerance = search_tolerance(variance, ours.tau2, moment, ours.log_likelihood, method == "REML")
    assert abs(ours.tau2 - theirs.tau2) <= tolerance


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("case", CASES)
def test_everything_else_agrees_given_the_same_tau2(case, interval):
    estimate, variance = effects(case)
    for method in TAU2_METHODS:
        theirs = pool_with_pymare(estimate, variance=variance, tau2=method, interval=interval)
        ours = random_effects(estimate, variance=variance, tau2=theirs.tau2, interval=interval)
        for name in ("estimate", "se", "statistic", "df", "ci_low", "ci_high", "q"):
            expected = getattr(ours, name)
            # Limits near 0 are differences: measured against the standard error.
            assert getattr(theirs, name) == pytest.approx(expected, rel=CLOSED_FORM, abs=CLOSED_FORM * ours.se), name
        # A p of 1e-200 multiplies the error of the statistic by the statistic.
        assert theirs.p_value == pytest.approx(ours.p_value, rel=1e-7, abs=1e-300)
        assert theirs.q_p == pytest.approx(ours.q_p, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize("method", TAU2_METHODS)
@pytest.mark.parametrize("case", [case for case in CASES if read(case).get("mods")])
def test_residual_tau2_of_a_meta_regression_agrees(case, method):
    data, (estimate, variance) = read(case), effects(case)
    used = np.array(data["included"], dtype=bool)
    covariates = [np.array(x, float)[used] for x in data["mods"].values() if None not in x]
    design = np.column_stack([np.ones(used.sum()), *(x - x.mean() for x in covariates)])
    ours = estimate_tau2(estimate, variance=variance, method=method, design=design).tau2
    engine = load_pymare()
    kind = {"DL": engine.estimators.DerSimonianLaird, "HE": engine.estimators.Hedges}.get(method)
    estimator = kind() if kind else engine.estimators.VarianceBasedLikelihoodEstimator(method=method)
    estimator.fit_dataset(engine.Dataset(y=estimate, v=variance, X=design, add_intercept=False))
    theirs = float(np.ravel(estimator.params_["tau2"])[0])
    if kind:
        assert abs(ours - theirs) <= CLOSED_FORM * (ours + np.median(variance))
    else:
        # The flat part of the search, with |f| at most 10 per trial and half the information left by the covariates.
        assert abs(ours - theirs) <= 2 * search_tolerance(variance, ours, ours, 10 * used.sum(), restricted=False)


@pytest.mark.parametrize("tau2", ["DL", "REML"])
@pytest.mark.parametrize("with_design", [False, True])
def test_exact_permutation_p_values_agree(with_design, tau2):
    estimate, variance = (values[:6] for values in effects("bcg_OR"))
    design = np.column_stack([np.ones(6), [44, 55, 42, 52, 13, 44]]) if with_design else None
    shared = {"variance": variance, "design": design, "tau2": tau2}
    ours = permutation_test(estimate, **shared, interval="knapp-hartung")
    theirs = permute_with_pymare(estimate, **shared, draws=9_999)
    assert (ours.exact, theirs.exact) == (True, True)
    assert theirs.draws == ours.count
    # Shares of one number of rearrangements: equal, or apart by a whole one. The intercept of a regression is not
    # tested here, and a tie broken by PyMARE's search for REML can move one rearrangement and its mirror image.
    tied = 2 / ours.count if tau2 == "REML" else 1e-12
    assert abs(ours.p_values[-1] - theirs.p_value[-1]) <= tied
