"""Networks that the tests of the room share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bmac_meta.network import Network

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "network"
ROLES = {"study": "studlab", "treatment_a": "treat1", "treatment_b": "treat2", "estimate": "TE", "se": "seTE"}


def read_case(name: str) -> dict[str, Any]:
    """Read one reference case."""
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


def arms_of(seed: int, trials: int = 12, treatments: int = 5) -> pd.DataFrame:
    """Draw raw arms of a connected network with two to four arms per trial, in random order of rows."""
    random = np.random.default_rng(seed)
    names = [f"T{i}" for i in range(treatments)]
    rows = []
    for trial in range(trials):
        size = int(random.integers(2, min(4, treatments) + 1))
        arms = random.choice(treatments, size, replace=False)
        if trial < treatments - 1:
            arms = np.array([trial, trial + 1])
        for arm in arms:
            n = int(random.integers(15, 90))
            rows.append(
                {
                    "study": f"trial {trial}",
                    "arm": names[arm],
                    "mean": float(random.normal(0.3 * arm, 0.4)),
                    "sd": float(random.uniform(0.8, 1.6)),
                    "n": n,
                    "events": int(random.integers(1, n)),
                    "year": 2000 + trial,
                }
            )
    return pd.DataFrame(rows).sample(frac=1.0, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="session")
def case() -> dict[str, Any]:
    return read_case("senn2013_REML")


@pytest.fixture(scope="session")
def senn(case: dict[str, Any]) -> Network:
    return Network.from_frame(pd.DataFrame(case["pairwise"]), measure="MD", lower_is_better=True, **ROLES)


@pytest.fixture(scope="session")
def draw_arms() -> Callable[..., pd.DataFrame]:
    return arms_of
