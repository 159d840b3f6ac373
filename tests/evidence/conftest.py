"""Small folders of evidence, written from dictionaries and loaded."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bmac_meta.evidence import Evidence, load
from bmac_meta.paths import DATA_VARIABLE

Rows = Iterable[Mapping[str, Any]]
PAIR = {"trial": {"t": "BMAC", "c": "HA"}}


def score(study: str, arm: str, mean: float | None, sd: float | None = 2.0, n: int | None = 20, **more: Any) -> dict:
    """Return a row of outcomes.csv: a mean with its SD on a scale of pain from 0 to 10, at 6 months."""
    row = {"study_id": study, "arm_id": arm, "outcome": "vas_pain", "timepoint_months": 6, "value_kind": "final"}
    spread = {} if sd is None else {"dispersion": sd, "dispersion_kind": "sd"}
    return row | {"scale_min": 0, "scale_max": 10, "n": n, "mean": mean} | spread | more


def count(study: str, arm: str, events: int, total: int, **more: Any) -> dict:
    """Return a row of outcomes.csv: patients with an adverse event by 6 months."""
    row = {"study_id": study, "arm_id": arm, "outcome": "adverse_events", "timepoint_months": 6}
    return row | {"value_kind": "final", "events": events, "total": total} | more


def contrast(study: str, a: str, b: str, estimate: float | None, **more: Any) -> dict:
    """Return a row of contrasts.csv: a difference in pain at 6 months."""
    row = {"study_id": study, "arm_a": a, "arm_b": b, "outcome": "vas_pain", "timepoint_months": 6}
    return row | {"measure": "MD", "estimate": estimate, "paired": "false"} | more


def hedges(df: float) -> float:
    """Return Hedges' exact correction."""
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def hedges_g(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float]:
    """Return g and its standard error (variance 1/n + 1/n + g²/2N) from (mean, SD, n) of two arms."""
    (mean_a, sd_a, n_a), (mean_b, sd_b, n_b) = a, b
    df = n_a + n_b - 2
    g = hedges(df) * (mean_a - mean_b) / math.sqrt(((n_a - 1) * sd_a**2 + (n_b - 1) * sd_b**2) / df)
    return g, math.sqrt(1 / n_a + 1 / n_b + g**2 / (2 * (n_a + n_b)))


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    """Return the functions that write rows, and an independent Hedges' g."""
    return SimpleNamespace(score=score, count=count, contrast=contrast, hedges_g=hedges_g, hedges=hedges)


@pytest.fixture(autouse=True)
def _no_other_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's own data be what is read without a folder."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


@pytest.fixture
def evidence(tmp_path: Path) -> Callable[..., Evidence]:
    """Return a function that writes a folder and loads it.

    `arms` gives for each study its arms: an intervention, or columns of arms.csv. Studies are randomized trials on
    the knee unless `studies` says otherwise.
    """

    def make(arms: Mapping[str, Mapping[str, Any]] = PAIR, studies: Rows = (), **tables: Rows) -> Evidence:
        said = {row["study_id"]: row for row in studies}
        usual = {"design": "rct", "condition": "knee_oa", "year": 2020}
        tables["studies"] = [
            {"study_id": study, "label": study.title()} | usual | said.get(study, {}) for study in arms
        ]
        tables["arms"] = [_arm(study, arm, told) for study, own in arms.items() for arm, told in own.items()]
        for name, rows in tables.items():
            write(tmp_path / f"{name}.csv", [*rows])
        return load(tmp_path)

    return make


def _arm(study: str, arm: str, told: str | Mapping[str, Any]) -> dict:
    return {"study_id": study, "arm_id": arm} | ({"intervention": told} if isinstance(told, str) else dict(told))


def write(path: Path, rows: list[Mapping[str, Any]]) -> None:
    """Write rows with whatever columns they have."""
    if rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="session")
def knee() -> Evidence:
    """Return the project's own evidence on the knee."""
    return load().where(condition="knee_oa")
