"""The kernel against 50-digit answers, and those answers against the program that made them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bmac_meta.stats.heterogeneity import heterogeneity, profile_likelihood_interval
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.tau2 import TAU2_METHODS

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "reference"
ANSWERS = json.loads((REFERENCE / "oracle.json").read_text(encoding="utf-8"))
POOLED = ("se", "statistic", "p_value", "ci_low", "ci_high", "pi_low", "pi_high")
# Largest deviation seen: 2e-13 relative. A double holds 1e-16 and the sums run over up to 42 trials.
EXACT = 1e-11
# Coefficients of uncentred years have condition numbers near 1e5: 2e-12 seen, of the standard error.
REGRESSED = 1e-10


def load_oracle() -> ModuleType:
    """Return the oracle as a module, whatever the import mode."""
    spec = importlib.util.spec_from_file_location("bmac_meta_oracle", HERE / "oracle.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def effects_of(case: str, key: str | None = None) -> tuple[np.ndarray, np.ndarray, dict]:
    """Return effects, variances and the raw case, for its fits or for its meta-regression."""
    raw = json.loads((REFERENCE / "pairwise" / f"{case}.json").read_text(encoding="utf-8"))
    used = np.array(raw["included"] if key is None else raw[key]["included"])
    return np.array(raw["yi"], dtype=float)[used], np.array(raw["vi"], dtype=float)[used], raw


def far(found: object, expected: object, scale: object = 0.0) -> float:
    """Return the largest deviation relative to |expected| + scale."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    size = np.maximum(np.abs(expected) + np.asarray(scale), 1e-300)
    return float(np.max(np.abs(found - expected) / size))


@pytest.mark.parametrize("case", ["hine1989_RD", "berkey1998_PD"])
def test_the_stored_answers_are_what_the_oracle_computes(case: str) -> None:
    oracle = load_oracle()
    with oracle.mp.workdps(ANSWERS["digits"]):
        answer = oracle.answer(oracle.effects_of(case))
    assert json.loads(json.dumps(answer)) == ANSWERS["cases"][case]


def test_there_are_at_least_ten_published_data_sets_with_every_estimator_and_interval() -> None:
    assert len(ANSWERS["cases"]) >= 10
    for answer in ANSWERS["cases"].values():
        assert set(answer["fits"]) == set(TAU2_METHODS)
        assert all(len(fit["intervals"]) == 4 for fit in answer["fits"].values())


@pytest.mark.parametrize("method", [*TAU2_METHODS, "common"])
@pytest.mark.parametrize("case", ANSWERS["cases"])
def test_every_estimator_and_interval_agrees_with_the_oracle(case: str, method: str) -> None:
    y, v, _ = effects_of(case)
    answer = ANSWERS["cases"][case]
    common = method == "common"
    fit = answer["common"] if common else answer["fits"][method]
    for interval, expected in fit["intervals"].items():
        choices = {"model": "common"} if common else {"tau2": method}
        found = random_effects(y, variance=v, interval=interval, **choices)
        assert far(found.tau2, fit["tau2"], np.median(v)) < EXACT
        assert far(found.i2, fit["i2"], 1.0) < EXACT
        for name in ("estimate", "log_likelihood", "h2"):
            assert far(getattr(found, name), fit[name]) < EXACT, name
        for name in POOLED[:5] if common else POOLED:
            scale = expected["se"] if name[:2] in ("ci", "pi") else 0.0
            assert far(getattr(found, name), expected[name], scale) < EXACT, name


@pytest.mark.parametrize("case", ANSWERS["cases"])
def test_heterogeneity_and_its_intervals_agree_with_the_oracle(case: str) -> None:
    y, v, _ = effects_of(case)
    answer = ANSWERS["cases"][case]
    found = heterogeneity(y, variance=v)
    profile = profile_likelihood_interval(y, variance=v)
    assert far(found.q, answer["q"]) < EXACT
    assert far(found.q_p, answer["q_p"]) < EXACT
    assert far([found.tau2_low, found.tau2_high], answer["q_profile"], np.median(v)) < EXACT
    assert far([profile.tau2_low, profile.tau2_high], answer["profile_likelihood"], np.median(v)) < EXACT


@pytest.mark.parametrize("method", ["DL", "HE", "ML", "REML", "PM"])
@pytest.mark.parametrize("case", ANSWERS["regressions"])
def test_meta_regression_agrees_with_the_oracle(case: str, method: str) -> None:
    y, v, raw = effects_of(case, "metareg")
    used = np.array(raw["metareg"]["included"])
    terms = [np.array(raw["mods"][name], dtype=float)[used] for name in raw["metareg"]["terms"][1:]]
    design = np.column_stack([np.ones(y.size), *terms])
    expected = ANSWERS["regressions"][case][method]
    found = meta_regression(y, variance=v, design=design, tau2=method, interval="wald")
    plain = meta_regression(y, variance=v, design=design, tau2=method, interval="knapp-hartung")
    assert far(found.tau2, expected["tau2"], np.median(v)) < REGRESSED
    assert far(found.coefficients, expected["coefficients"], expected["se"]) < REGRESSED
    assert far(found.r2, expected["r2"], 1.0) < REGRESSED
    for name in ("se", "q_residual", "q_p", "omnibus", "log_likelihood"):
        assert far(getattr(found, name), expected[name]) < REGRESSED, name
    assert far(plain.covariance, found.covariance * expected["factor"]) < REGRESSED
