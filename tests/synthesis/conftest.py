"""What the tests of verbs share: reference cases as effects, and Colditz's trials with their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.question import Question

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "pairwise"
RAW = {"ai": "events_a", "n1i": "total_a", "ci": "events_b", "n2i": "total_b"}
QUESTION = Question("BCG", "no vaccine", "tuberculosis", lower_is_better=True)


@cache
def reference_case(name: str) -> dict[str, Any]:
    """Return a reference case."""
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


def effects_of_case(name: str) -> Effects:
    """Return the effects of a reference case, with its covariates; rows that R could not use are left out."""
    case = reference_case(name)
    table = pd.DataFrame({"y": case["yi"], "v": case["vi"]} | (case["mods"] or {}), dtype=float)
    table["trial"] = [f"trial {place + 1}" for place in range(len(table))]
    kept = table[np.isfinite(table["y"]) & np.isfinite(table["v"])]
    return Effects.from_frame(kept, estimate="y", variance="v", study="trial", measure=case["measure"])


@pytest.fixture
def case() -> Callable[[str], dict[str, Any]]:
    """Return the reader of reference cases."""
    return reference_case


@pytest.fixture
def effects_of() -> Callable[[str], Effects]:
    """Return the maker of effects of reference cases."""
    return effects_of_case


@pytest.fixture(scope="session")
def bcg() -> Effects:
    """Return the log risk ratios of Colditz 1994 with latitude, year and way of allocation."""
    case = reference_case("bcg_RR")
    counts = {RAW[name]: column for name, column in case["inputs"].items()}
    table = pd.DataFrame(counts | case["mods"] | {"allocation": case["group"]})
    table["author"] = [f"Trial {place + 1}" for place in range(len(table))]
    return Effects.from_raw(table, measure="RR", study="author", question=QUESTION)


@pytest.fixture
def smd() -> Callable[..., Effects]:
    """Return a maker of standardized mean differences of made-up trials with sizes, spreads and flags."""

    def make(k: int = 12, seed: int = 1, **columns: Any) -> Effects:
        draw = np.random.default_rng(seed)
        n = draw.integers(15, 90, k)
        se = np.sqrt(2 / n) * draw.uniform(1.0, 1.1, k)
        table = pd.DataFrame({"d": draw.normal(-0.4, np.hypot(se, 0.2)), "se": se, "n_a": n, "n_b": n})
        table["trial"] = [f"Trial {place + 1}" for place in range(k)]
        question = Question("BMAC", "HA", "pain", lower_is_better=True)
        made = table.assign(**columns)
        return Effects.from_frame(made, estimate="d", se="se", study="trial", measure="SMD", question=question)

    return make
