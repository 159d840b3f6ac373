"""Effect sizes and variances against the reference files, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.measures import MEASURES, risk_difference

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"
COLUMNS = {
    "MD": {"m1i": "mean_a", "sd1i": "sd_a", "n1i": "n_a", "m2i": "mean_b", "sd2i": "sd_b", "n2i": "n_b"},
    "RR": {"ai": "events_a", "n1i": "total_a", "ci": "events_b", "n2i": "total_b"},
    "PR": {"xi": "events", "ni": "total"},
    "COR": {"ri": "r", "ni": "n"},
    "GEN": {"yi": "estimate", "vi": "variance"},
}
FAMILY = {
    "MD": "MD",
    "SMD": "MD",
    "ROM": "MD",
    "RR": "RR",
    "OR": "RR",
    "RD": "RR",
    "PR": "PR",
    "PLO": "PR",
    "PFT": "PR",
    "PAS": "PR",
    "COR": "COR",
    "ZCOR": "COR",
    "GEN": "GEN",
}
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(REFERENCE.glob("*.json"))}


def numbers(values):
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def computed(case):
    measure = case["measure"]
    columns = {ours: numbers(case["inputs"][theirs]) for theirs, ours in COLUMNS[FAMILY[measure]].items()}
    mask = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    # The references keep trials without any event; the default here is to leave them out of ratios.
    keep = {"double_zero": "keep"} if measure in ("RR", "OR") else {}
    return MEASURES[measure].compute(**columns, mask=mask, **keep)


@pytest.mark.parametrize("name", CASES)
def test_estimates_and_variances_equal_the_reference(name):
    case = CASES[name]
    effect = computed(case)
    # The references have 15 digits, but their J is a difference of log-gamma functions and keeps 12 or 13.
    np.testing.assert_allclose(effect.estimate, numbers(case["yi"]), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(effect.variance, numbers(case["vi"]), rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_rows_that_enter_the_fits_are_those_of_the_reference(name):
    case = CASES[name]
    included = np.zeros(len(case["yi"]), dtype=bool)
    included[np.flatnonzero([value is not None for value in case["yi"]])] = True
    np.testing.assert_array_equal(computed(case).included, included)


def test_every_measure_of_the_references_is_checked():
    assert {case["measure"] for case in CASES.values()} == set(FAMILY)


def test_risk_differences_of_the_references_have_the_half_in_trials_with_an_empty_cell():
    inputs = CASES["axfors2021_RD"]["inputs"]
    columns = {ours: numbers(inputs[theirs]) for theirs, ours in COLUMNS["RR"].items()}
    plain = risk_difference(**columns, add=0.0)
    reference = numbers(CASES["axfors2021_RD"]["yi"])
    assert np.nanmax(np.abs(plain.estimate - reference)) > 0.1
    np.testing.assert_allclose(risk_difference(**columns).estimate, reference, rtol=1e-13, atol=1e-15)
