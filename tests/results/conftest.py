"""What the tests of results share: the BCG trials, and made-up trials whose labels are hostile."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.question import Question

CASE = Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "bcg_RR.json"
RAW = {"ai": "events_a", "n1i": "total_a", "ci": "events_b", "n2i": "total_b"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def vaccine() -> Effects:
    """Return the log risk ratios of the 13 trials of Colditz 1994."""
    case = json.loads(CASE.read_text(encoding="utf-8"))
    table = pd.DataFrame({RAW[name]: column for name, column in case["inputs"].items()} | case["mods"])
    table["author"] = [f"Trial {place + 1}" for place in range(len(table))]
    question = Question("BCG", "no vaccine", "tuberculosis", lower_is_better=True)
    return Effects.from_raw(table, measure="RR", study="author", question=question)


@pytest.fixture
def hostile() -> Effects:
    """Return twelve trials with labels, words and notes that HTML, SVG, terminals and spreadsheets must not obey."""
    labels = [SCRIPT, "=cmd()", "../../x", "膝关节", "\x1b[31mred", "</svg>", *(f"Trial {place}" for place in range(6))]
    table = pd.DataFrame({"trial": labels, "d": [0.1 * place - 0.9 for place in range(12)]})
    table["se"] = [0.2 + 0.02 * (place % 5) for place in range(12)]
    table["n_a"] = table["n_b"] = [40 + place for place in range(12)]
    table["dose"] = [float(place % 7) for place in range(12)]
    table["kind"] = [SCRIPT, "b"] * 6
    table["pair"] = [place // 2 for place in range(12)]
    table["flags"] = [SCRIPT, *[""] * 11]
    table["spread_a"] = table["spread_b"] = ["SD as printed"] * 11 + [SCRIPT]
    question = Question(SCRIPT, "HA & saline", "pain < 3", lower_is_better=True)
    return Effects.from_frame(table, estimate="d", se="se", study="trial", measure="SMD", question=question)
