"""Fits, Q-profile limits, meta-regressions and subgroups against R's metafor, on every reference case.

`tests/reference/DIVERGENCES.md` explains each entry of the tables of exceptions below; `test_oracle.py` shows
with 50 digits who is right there.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.heterogeneity import q_profile
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.subgroups import subgroups

PAIRWISE = Path(__file__).resolve().parents[1] / "reference" / "pairwise"
NAMES = sorted(path.stem for path in PAIRWISE.glob("*.json"))
INTERVAL_OF = {"z": "wald", "knha": "knapp-hartung", "adhoc": "knapp-hartung-floored"}
CLOSED = {"EE", "DL", "HE", "HS", "SJ"}
# Closed forms: 15 printed digits, sums over up to 172 trials; the largest deviation seen is 1e-12.
CLOSED_TOLERANCE = 1e-10
# Root-found: metafor stopped at 1e-13 of its own criterion; the largest deviation seen is 4e-9.
FITTED_TOLERANCE = 1e-7
# Calendar years enter uncentred: metafor loses up to 7 digits to its normal equations, this kernel none.
UNCENTRED_YEARS = {
    "bcg_OR": 1e-8,
    "bcg_RD": 1e-6,
    "bcg_RR": 1e-8,
    "berkey1998_AL": 1e-8,
    "berkey1998_PD": 1e-8,
    "damico2009_OR": 1e-8,
    "damico2009_RD": 1e-8,
    "damico2009_RR": 1e-8,
    "egger2001_OR": 1e-6,
    "egger2001_RD": 1e-6,
    "egger2001_RR": 1e-6,
    "hackshaw1998": 1e-8,
    "li2007_OR": 1e-7,
    "li2007_RD": 1e-7,
    "li2007_RR": 1e-7,
}
# R's uniroot() stops within .Machine$double.eps^0.25 of a Q-profile limit, in absolute terms.
UNIROOT_TOLERANCE = np.finfo(float).eps ** 0.25
# metafor's search ended before the root.
SEARCH_TOO_SHORT = {"curtis1998_MD"}


@cache
def read(name: str) -> dict:
    """Return one reference case."""
    return json.loads((PAIRWISE / f"{name}.json").read_text(encoding="utf-8"))


def effects_of(raw: dict, used: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Return the effects and variances of the rows in use."""
    rows = np.array(used)
    return np.array(raw["yi"], dtype=float)[rows], np.array(raw["vi"], dtype=float)[rows]


def deviation(found: object, expected: object, scale: object = 0.0) -> float:
    """Return the largest deviation relative to |expected| + scale."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected) + scale, 1e-300)))


def tolerance_of(fit: dict) -> float:
    """Return how near a fit must be, by its estimator."""
    return CLOSED_TOLERANCE if fit["method"] in CLOSED else FITTED_TOLERANCE


def check_pooled(found: RandomEffects, fit: dict, v: np.ndarray, tolerance: float) -> None:
    """Compare every number of a pooled fit; limits and estimates relative to their size plus the standard
    error.
    """
    se, common = fit["se"], fit["method"] == "EE"
    assert deviation(found.tau2, fit["tau2"], np.median(v)) < tolerance
    assert deviation(found.estimate, fit["beta"], se) < tolerance
    for ours, theirs in (
        ("se", "se"),
        ("q", "QE"),
        ("q_p", "QEp"),
        ("p_value", "pval"),
        ("log_likelihood", "ll"),
    ):
        assert deviation(getattr(found, ours), fit[theirs], 1e-12) < tolerance, ours
    assert deviation(found.statistic, fit["stat"], 1.0) < tolerance
    assert deviation(found.i2_q if common else found.i2, fit["I2"], 1.0) < tolerance
    assert deviation(found.h2_q if common else found.h2, fit["H2"]) < tolerance
    for ours, theirs in (("ci_low", "ci_lb"), ("ci_high", "ci_ub")):
        assert deviation(getattr(found, ours), fit[theirs], se) < tolerance, ours
    for ours, theirs in (("pi_low", "pi_lb"), ("pi_high", "pi_ub")):
        if common or fit["k"] < 3:
            assert np.isnan(getattr(found, ours))
        else:
            assert deviation(getattr(found, ours), fit[theirs], se) < tolerance, ours


@pytest.mark.parametrize("name", NAMES)
def test_every_fit_agrees(name: str) -> None:
    raw = read(name)
    y, v = effects_of(raw, raw["included"])
    for fit in raw["fits"]:
        common = fit["method"] == "EE"
        choices = {"model": "common"} if common else {"tau2": fit["method"]}
        found = random_effects(y, variance=v, interval=INTERVAL_OF[fit["test"]], **choices)
        assert found.k == fit["k"]
        check_pooled(found, fit, v, tolerance_of(fit))


@pytest.mark.parametrize("name", NAMES)
def test_q_profile_limits_agree_within_what_uniroot_leaves(name: str) -> None:
    raw = read(name)
    y, v = effects_of(raw, raw["included"])
    found = q_profile(y, variance=v)
    low, high = raw["tau2_qp_ci"]
    assert abs(found.tau2_low - low) <= UNIROOT_TOLERANCE
    if name in SEARCH_TOO_SHORT:
        assert high < found.tau2_high
    else:
        assert abs(found.tau2_high - high) <= UNIROOT_TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_q_profile_limits_solve_their_equation_in_30_digits(name: str) -> None:
    raw = read(name)
    y, v = effects_of(raw, raw["included"])
    found = q_profile(y, variance=v)
    with mp.workdps(30):
        for tau2, tail in ((found.tau2_low, "0.025"), (found.tau2_high, "0.975")):
            above = upper_tail(generalized_q(y, v, tau2), y.size - 1) - mpf(tail)
            # At a root the tail is right; at 0 it may be larger, Q being too small already.
            assert abs(above) < mpf("1e-10") or (tau2 == 0 and above > 0)


def generalized_q(y: np.ndarray, v: np.ndarray, tau2: float) -> mpf:
    """Return Q with weights 1/(v + tau2), in mpmath."""
    w = [1 / (mpf(float(vi)) + mpf(tau2)) for vi in v]
    mean = mp.fsum(wi * mpf(float(yi)) for wi, yi in zip(w, y, strict=True)) / mp.fsum(w)
    return mp.fsum(wi * (mpf(float(yi)) - mean) ** 2 for wi, yi in zip(w, y, strict=True))


def upper_tail(q: mpf, df: int) -> mpf:
    """Return the upper tail of chi-squared, in mpmath."""
    return mp.gammainc(mpf(df) / 2, q / 2, mp.inf, regularized=True)


@pytest.mark.parametrize("name", [name for name in NAMES if read(name).get("metareg")])
def test_every_meta_regression_agrees(name: str) -> None:
    raw = read(name)
    part = raw["metareg"]
    y, v = effects_of(raw, part["included"])
    used = np.array(part["included"])
    terms = [np.array(raw["mods"][term], dtype=float)[used] for term in part["terms"][1:]]
    design = np.column_stack([np.ones(y.size), *terms])
    for fit in part["fits"]:
        found = meta_regression(y, variance=v, design=design, tau2=fit["method"], interval=INTERVAL_OF[fit["test"]])
        limit = max(tolerance_of(fit), UNCENTRED_YEARS.get(name, 0.0))
        se = np.array(fit["se"])
        assert deviation(found.tau2, fit["tau2"], np.median(v)) < limit
        for ours, theirs in (("coefficients", "beta"), ("ci_low", "ci_lb"), ("ci_high", "ci_ub")):
            assert deviation(getattr(found, ours), fit[theirs], se) < limit, ours
        for ours, theirs in (("se", "se"), ("p_values", "pval"), ("q_residual", "QE"), ("q_p", "QEp")):
            assert deviation(getattr(found, ours), fit[theirs]) < limit, ours
        for ours, theirs in (("h2", "H2"), ("log_likelihood", "ll"), ("omnibus_p", "QMp")):
            assert deviation(getattr(found, ours), fit[theirs]) < limit, ours
        assert deviation(found.statistic, fit["stat"], 1.0) < limit
        assert deviation(found.i2, fit["I2"], 1.0) < limit
        assert deviation(found.r2, fit["R2"], 1.0) < limit
        omnibus = found.omnibus * (found.omnibus_df if fit["test"] == "z" else 1)
        assert deviation(omnibus, fit["QM"]) < limit


@pytest.mark.parametrize("name", [name for name in NAMES if read(name).get("subgroups_separate_tau2_reml_z")])
def test_subgroups_with_separate_and_with_common_tau2_agree(name: str) -> None:
    raw = read(name)
    y, v = effects_of(raw, raw["included"])
    labels = np.array(raw["group"], dtype=object)[np.array(raw["included"])].astype(str)
    apart = subgroups(y, variance=v, labels=labels, interval="wald")
    groups = dict(zip(apart.labels, apart.groups, strict=True))
    for part in raw["subgroups_separate_tau2_reml_z"]:
        found = groups[part["level"]]
        assert found.k == part["k"]
        if part["k"] == 1:
            assert part["fit"] is None
            assert found.estimate == y[labels == part["level"]][0]
        else:
            check_pooled(found, part["fit"], v[labels == part["level"]], FITTED_TOLERANCE)
    expected = raw["subgroups_common_tau2_reml_z"]
    together = subgroups(y, variance=v, labels=labels, interval="wald", common_tau2=True)
    assert list(together.labels) == sorted(expected["levels"])
    pooled = dict(zip(together.labels, together.groups, strict=True))
    se = np.array(expected["se"])
    assert deviation(together.tau2, expected["tau2"], np.median(v)) < FITTED_TOLERANCE
    assert deviation(together.q_between, expected["QM"]) < FITTED_TOLERANCE
    assert deviation(together.p_value, expected["QMp"]) < FITTED_TOLERANCE
    assert deviation([pooled[x].estimate for x in expected["levels"]], expected["beta"], se) < FITTED_TOLERANCE
    assert deviation([pooled[x].se for x in expected["levels"]], se) < FITTED_TOLERANCE
