"""Networks and an independent dense calculation that the tests of the network compare with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmac_meta.stats.network import NetworkData, network_from_arms, network_from_contrasts

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "network"


@dataclass(frozen=True)
class Dense:
    """The textbook model with full matrices: y ~ N(X d, V + tau2 S), a column per treatment but the first."""

    y: np.ndarray
    x: np.ndarray
    v: np.ndarray
    s: np.ndarray

    def normal(self, tau2: float) -> tuple[np.ndarray, np.ndarray]:
        weight = np.linalg.inv(self.v + tau2 * self.s)
        return weight, np.linalg.inv(self.x.T @ weight @ self.x)

    def league(self, tau2: float) -> tuple[np.ndarray, np.ndarray]:
        weight, cov = self.normal(tau2)
        effects = np.concatenate([[0.0], cov @ self.x.T @ weight @ self.y])
        full = np.zeros((effects.size, effects.size))
        full[1:, 1:] = cov
        variance = np.diag(full)[:, None] + np.diag(full) - 2.0 * full
        return effects[:, None] - effects, np.sqrt(np.maximum(variance, 0.0))

    def q(self, tau2: float) -> float:
        weight, cov = self.normal(tau2)
        rest = self.y - self.x @ cov @ self.x.T @ weight @ self.y
        return float(rest @ weight @ rest)

    def log_likelihood(self, tau2: float, restricted: bool) -> float:
        total = self.v + tau2 * self.s
        cov = self.normal(tau2)[1]
        value = -0.5 * (np.linalg.slogdet(total)[1] + self.q(tau2))
        return value + 0.5 * np.linalg.slogdet(cov)[1] if restricted else value


def dense(data: NetworkData) -> Dense:
    """Write a network out in full, trial by trial."""
    n, size, at = len(data.treatments), data.rows_count, 0
    y, x, v, s = np.zeros(size), np.zeros((size, n)), np.zeros((size, size)), np.zeros((size, size))
    for block in data.blocks:
        for row in range(block.trial.size):
            m = block.size - 1
            span = slice(at, at + m)
            y[span], v[span, span] = block.effect[row], block.covariance[row]
            s[span, span] = 0.5 + 0.5 * np.eye(m)
            for contrast in range(m):
                x[at + contrast, block.arms[row, contrast + 1]] += 1.0
                x[at + contrast, block.arms[row, 0]] -= 1.0
            at += m
    return Dense(y, x[:, 1:], v, s)


def simulate(seed: int, trials: int = 12, treatments: int = 5, largest: int = 4, tau: float = 0.3) -> dict[str, Any]:
    """Draw arm-level data of a connected network with multi-arm trials; the rows come in random order."""
    generator = np.random.default_rng(seed)
    names = [f"T{i}" for i in range(treatments)]
    true = generator.normal(size=treatments)
    rows = []
    for trial in range(trials):
        m = int(generator.integers(2, min(largest, treatments) + 1))
        arms = generator.choice(treatments, m, replace=False)
        if trial < treatments - 1:
            arms = np.array([trial, trial + 1])
        moved = true[arms] + generator.normal(size=arms.size) * tau / np.sqrt(2.0)
        for arm, centre in zip(arms, moved, strict=True):
            variance = float(generator.uniform(0.02, 0.3))
            rows.append((centre + generator.normal() * np.sqrt(variance), variance, f"trial {trial}", names[arm]))
    order = generator.permutation(len(rows))
    mean, variance, trial, treatment = zip(*[rows[i] for i in order], strict=True)
    return {"mean": mean, "variance": variance, "trial": trial, "treatment": treatment}


def contrasts_of(arms: dict[str, Any]) -> dict[str, Any]:
    """Write arm-level data as all pairwise contrasts."""
    columns: dict[str, list[Any]] = {k: [] for k in ("estimate", "variance", "trial", "treatment_a", "treatment_b")}
    for name in dict.fromkeys(arms["trial"]):
        own = [i for i, trial in enumerate(arms["trial"]) if trial == name]
        for place, i in enumerate(own):
            for j in own[place + 1 :]:
                columns["estimate"].append(arms["mean"][i] - arms["mean"][j])
                columns["variance"].append(arms["variance"][i] + arms["variance"][j])
                columns["trial"].append(name)
                columns["treatment_a"].append(arms["treatment"][i])
                columns["treatment_b"].append(arms["treatment"][j])
    return columns


def read_case(name: str) -> dict[str, Any]:
    """Read one reference case."""
    return json.loads((REFERENCE / f"{name}.json").read_text())


def network_of(case: dict[str, Any]) -> NetworkData:
    """Build the network of a reference case from its pairwise inputs."""
    pairs = case["pairwise"]
    return network_from_contrasts(
        pairs["TE"],
        variance=np.square(pairs["seTE"]),
        trial=pairs["studlab"],
        treatment_a=pairs["treat1"],
        treatment_b=pairs["treat2"],
        treatments=case["treatments"],
    )


@pytest.fixture(scope="session")
def write_out() -> Callable[[NetworkData], Dense]:
    return dense


@pytest.fixture(scope="session")
def draw_arms() -> Callable[..., dict[str, Any]]:
    return simulate


@pytest.fixture(scope="session")
def as_contrasts() -> Callable[[dict[str, Any]], dict[str, Any]]:
    return contrasts_of


@pytest.fixture(scope="session")
def draw() -> Callable[..., NetworkData]:
    return lambda *args, **words: network_from_arms(**simulate(*args, **words))


@pytest.fixture(scope="session")
def senn() -> NetworkData:
    return network_of(read_case("senn2013_REML"))


@pytest.fixture(scope="session")
def load_case() -> Callable[[str], tuple[dict[str, Any], NetworkData]]:
    def load(name: str) -> tuple[dict[str, Any], NetworkData]:
        case = read_case(name)
        return case, network_of(case)

    return load
