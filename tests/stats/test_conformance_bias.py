"""Asymmetry, cumulative and leave-one-out results against R's metafor, on every reference case."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.stats.asymmetry import begg_test, egger_mixed_effects, egger_test, trim_and_fill
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.influence import influence
from bmac_meta.stats.resampling import cumulative, leave_one_out

PAIRWISE = Path(__file__).resolve().parents[1] / "reference" / "pairwise"
NAMES = sorted(path.stem for path in PAIRWISE.glob("*.json"))
# Closed forms: 15 printed digits; the largest deviations seen are 2e-13, and 5e-12 for R's tail sum in Begg.
CLOSED = 1e-10
# metafor stopped just above τ² = 0, where the maximum is; a test below settles that in 50 digits.
STOPPED_ABOVE_ZERO = {"graves2010_RD"}
# Given the τ²s at which metafor stopped, its numbers follow to this: the τ² of the whole fit is read off
# printed leverages, and dffits and cook are differences of estimates that agree in many digits.
GIVEN_TAU2 = 1e-7


@cache
def case(name):
    return json.loads((PAIRWISE / f"{name}.json").read_text(encoding="utf-8"))


def effects(name):
    used = np.array(case(name)["included"])
    return np.array(case(name)["yi"], dtype=float)[used], np.array(case(name)["vi"], dtype=float)[used]


def close(ours, theirs, tolerance):
    np.testing.assert_allclose(ours, np.array(theirs, dtype=float), rtol=tolerance, atol=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_classical_egger_agrees(name):
    y, v = effects(name)
    result, theirs = egger_test(y, variance=v, minimum_trials=3), case(name)["egger_lm"]
    assert result.df == theirs["df"]
    pairs = {"statistic": "stat", "p_value": "p", "limit": "limit"}
    pairs |= {"limit_ci_low": "limit_lb", "limit_ci_high": "limit_ub"}
    for ours, key in pairs.items():
        close(getattr(result, ours), theirs[key], CLOSED)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STOPPED_ABOVE_ZERO])
def test_mixed_effects_egger_agrees(name):
    y, v = effects(name)
    result = egger_mixed_effects(y, variance=v, interval="wald", minimum_trials=3)
    theirs = case(name)["egger_rma"]
    close(result.statistic, theirs["stat"], 1e-7)
    close(result.p_value, theirs["p"], 1e-7)


@pytest.mark.parametrize("name", sorted(STOPPED_ABOVE_ZERO))
def test_where_metafor_disagrees_on_mixed_effects_egger_the_likelihood_falls_from_zero(name):
    with mp.workdps(50):
        slope_at_zero, statistic = line_in_50_digits(name)
    y, v = effects(name)
    result = egger_mixed_effects(y, variance=v, interval="wald", minimum_trials=3)
    assert slope_at_zero < 0
    close(result.statistic, statistic, 1e-12)
    # The difference that is left to metafor is smaller than its own stopping rule allows.
    close(result.statistic, case(name)["egger_rma"]["stat"], 2e-7)


def line_in_50_digits(name):
    """Return the derivative of the restricted likelihood at τ² = 0 and the z of the slope there."""
    y, v = ([mpf(float(x)) for x in part] for part in effects(name))
    design = mp.matrix([[1, mp.sqrt(variance)] for variance in v])
    weight = mp.diag([1 / variance for variance in v])
    information = design.T * weight * design
    projection = weight - weight * design * information**-1 * design.T * weight
    pulled = projection * mp.matrix(y)
    trace = sum(projection[i, i] for i in range(len(y)))
    coefficients = information**-1 * (design.T * weight * mp.matrix(y))
    return (pulled.T * pulled)[0] - trace, float(coefficients[1] / mp.sqrt((information**-1)[1, 1]))


@pytest.mark.parametrize("name", NAMES)
def test_begg_agrees(name):
    y, v = effects(name)
    result, theirs = begg_test(y, variance=v, minimum_trials=3), case(name)["begg"]
    # τ is a ratio of integers and may be 0: absolute here.
    np.testing.assert_allclose(result.tau, theirs["tau"], rtol=0, atol=1e-14)
    close(result.p_value, theirs["p"], CLOSED)


@pytest.mark.parametrize("name", NAMES)
def test_trim_and_fill_agrees(name):
    y, v = effects(name)
    result = trim_and_fill(y, variance=v, tau2="DL", interval="wald", minimum_trials=3)
    theirs = case(name)["trimfill_dl"]
    assert (result.filled, result.side) == (theirs["k0"], theirs["side"])
    close(result.estimate, theirs["beta"], CLOSED)
    close(result.se, theirs["se"], CLOSED)
    np.testing.assert_allclose(result.tau2, theirs["tau2"], rtol=CLOSED, atol=CLOSED * np.median(v))


@pytest.mark.parametrize("name", NAMES)
def test_cumulative_pools_agree(name):
    y, v = effects(name)
    result, theirs = cumulative(y, variance=v, tau2="DL", interval="wald").pooled, case(name)["cumulative_dl"]
    close(result.estimate, theirs["estimate"], CLOSED)
    close(result.se, theirs["se"], CLOSED)
    assert np.isnan(result.tau2[0])
    assert theirs["tau2"][0] == 0
    np.testing.assert_allclose(result.tau2[1:], theirs["tau2"][1:], rtol=CLOSED, atol=CLOSED * np.median(v))


@pytest.mark.parametrize("name", NAMES)
def test_leave_one_out_agrees_given_the_tau2_at_which_metafor_stopped(name):
    y, v = effects(name)
    theirs = case(name)["leave1out_reml"]
    result = leave_one_out(y, variance=v, tau2=np.array(theirs["tau2"], dtype=float), interval="wald")
    for ours, key in {"estimate": "estimate", "se": "se", "q": "Q", "i2": "I2"}.items():
        close(getattr(result, ours), theirs[key], CLOSED)


@pytest.mark.parametrize("name", NAMES)
def test_our_leave_one_out_likelihood_is_never_below_that_where_metafor_stopped(name):
    y, v = effects(name)
    theirs = np.array(case(name)["leave1out_reml"]["tau2"], dtype=float)
    k, best = y.size, leave_one_out(y, variance=v)
    for i in range(k):
        kept = np.arange(k) != i
        reached = restricted_likelihood(y[kept], v[kept], theirs[i])
        # The likelihood is a sum of k logarithms: 1e-12 of rounding for each.
        assert restricted_likelihood(y[kept], v[kept], best.tau2[i]) >= reached - 1e-12 * k
        # Its default stopping rule is a change of τ² below 1e-5, and convergence is linear.
        assert abs(best.tau2[i] - theirs[i]) < 1e-4


def restricted_likelihood(y, v, tau2):
    weight = 1 / (v + tau2)
    mean = (weight * (y - y[0])).sum() / weight.sum()
    return -0.5 * (np.log(v + tau2).sum() + np.log(weight.sum()) + (weight * (y - y[0] - mean) ** 2).sum())


@pytest.mark.parametrize("name", NAMES)
def test_the_influence_formulas_reproduce_metafor_given_the_tau2s_at_which_it_stopped(name):
    y, v = effects(name)
    theirs = case(name)["influence_reml"]
    hat = np.array(theirs["hat"])
    deleted = np.array(case(name)["leave1out_reml"]["tau2"], dtype=float)
    formulas = diagnostics(y, v, tau2_from_leverages(hat, v), deleted)
    close(formulas["hat"], hat, GIVEN_TAU2)
    for key in ("rstudent", "dffits", "cook"):
        # Differences of estimates printed by R with 15 digits: absolute where they are near 0.
        scale = np.abs(theirs[key]).max()
        np.testing.assert_allclose(formulas[key], theirs[key], rtol=GIVEN_TAU2, atol=GIVEN_TAU2 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_influence_follows_these_formulas_at_the_maximum_of_the_likelihood(name):
    y, v = effects(name)
    result = influence(y, variance=v)
    whole, deleted = random_effects(y, variance=v).tau2, leave_one_out(y, variance=v).tau2
    formulas = diagnostics(y, v, whole, deleted)
    for key, expected in formulas.items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(getattr(result, key), expected, rtol=1e-9, atol=1e-9 * scale)


def diagnostics(y, v, tau2, tau2_deleted):
    """Compute the deletion diagnostics of Viechtbauer & Cheung 2010 trial by trial, for given τ²s."""
    weight = 1 / (v + tau2)
    mean, hat = (weight * y).sum() / weight.sum(), weight / weight.sum()
    rows = []
    for i in range(y.size):
        kept = np.arange(y.size) != i
        others = 1 / (v[kept] + tau2_deleted[i])
        rest, variance = (others * y[kept]).sum() / others.sum(), 1 / others.sum()
        own = v[i] + tau2_deleted[i]
        rows.append(
            {
                "rstudent": (y[i] - rest) / np.sqrt(own + variance),
                "dffits": (mean - rest) / np.sqrt(hat[i] * own),
                "cook": (mean - rest) ** 2 * weight.sum(),
                "covariance_ratio": variance * weight.sum(),
                "hat": hat[i],
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def tau2_from_leverages(hat, v):
    """Return the τ² of the whole fit, which the reference doesn't state, from leverages: h ∝ 1/(v + τ²)."""
    small, large = v.argmin(), v.argmax()
    if v[small] == v[large]:
        return 0.0
    return (hat[large] * v[large] - hat[small] * v[small]) / (hat[small] - hat[large])
