"""Pooled networks that the tests of results share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bmac_meta.question import Question
from bmac_meta.results.network import NetworkPooled, Terms
from bmac_meta.stats.network import fit_network, network_from_contrasts

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "network" / "senn2013_REML.json"
NAMES = {"plac": "placebo", "metf": "metformin"}


def pooled_of(case: dict[str, Any], measure: str, lower_is_better: bool | None, **options: Any) -> NetworkPooled:
    """Fit the pairwise contrasts of a reference case, with arms of 50 patients."""
    pairs = case["pairwise"]
    data = network_from_contrasts(
        pairs["TE"],
        variance=np.square(pairs["seTE"]),
        trial=pairs["studlab"],
        treatment_a=pairs["treat1"],
        treatment_b=pairs["treat2"],
    )
    ends = {(s, t) for side in ("treat1", "treat2") for s, t in zip(pairs["studlab"], pairs[side], strict=True)}
    arms = pd.DataFrame(sorted(ends), columns=["study", "treatment"]).assign(n=50.0)
    question = Question("Network", "", "HbA1c", "", measure, "", lower_is_better)
    empty = pd.DataFrame({"study": [], "row": [], "reason": []})
    return NetworkPooled(Terms(question, NAMES), fit_network(data, **options), "plac", arms, empty)


@pytest.fixture(scope="session")
def case() -> dict[str, Any]:
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def pooled(case: dict[str, Any]) -> NetworkPooled:
    return pooled_of(case, "GEN", True, tau2=case["tau2"])


@pytest.fixture(scope="session")
def ratio(case: dict[str, Any]) -> NetworkPooled:
    return pooled_of(case, "OR", False)


@pytest.fixture(scope="session")
def undirected(case: dict[str, Any]) -> NetworkPooled:
    return pooled_of(case, "GEN", None, model="common")


@pytest.fixture(scope="session")
def pooled_by_t(case: dict[str, Any]) -> NetworkPooled:
    return pooled_of(case, "GEN", True, distribution="t")
