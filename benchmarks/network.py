"""Times of the treatment network: `python -m benchmarks.network`.

Prints, for the 26-trial diabetes network (Senn 2013) and for a random network of 500 trials and 60
treatments, the best of several runs of each calculation, and how many of the shortest one fit into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clock import seconds
from bmac_meta.stats.network import (
    NetworkData,
    contributions,
    decompose_q,
    fit_network,
    leave_one_comparison_out,
    leave_one_trial_out,
    net_heat,
    network_from_arms,
    network_from_contrasts,
    node_split,
    p_scores,
    rank_probabilities,
)

SENN = Path(__file__).resolve().parents[1] / "tests" / "reference" / "network" / "senn2013_REML.json"


def senn() -> NetworkData:
    """Build the diabetes network from its pairwise contrasts."""
    pairs = json.loads(SENN.read_text())["pairwise"]
    return network_from_contrasts(
        pairs["TE"],
        variance=np.square(pairs["seTE"]),
        trial=pairs["studlab"],
        treatment_a=pairs["treat1"],
        treatment_b=pairs["treat2"],
    )


def senn_contrasts() -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the diabetes network as a table of contrasts, and the names of its columns."""
    pairs = pd.DataFrame(json.loads(SENN.read_text())["pairwise"])
    roles = {"treatment_a": "treat1", "treatment_b": "treat2", "estimate": "TE", "se": "seTE"}
    return pairs, {"study": "studlab", **roles}


def random_arms(trials: int, treatments: int, seed: int = 1) -> dict[str, list]:
    """Draw arms of a connected network in which one trial in five has three to six arms."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=treatments)
    rows: dict[str, list] = {"mean": [], "variance": [], "trial": [], "treatment": []}
    for trial in range(trials):
        size = int(generator.integers(3, 7)) if generator.random() < 0.2 else 2
        arms = generator.choice(treatments, size, replace=False)
        if trial < treatments - 1:
            arms = np.array([trial, trial + 1])
        for arm in arms:
            variance = generator.uniform(0.005, 0.05)
            rows["mean"].append(truth[arm] + generator.normal() * np.sqrt(variance + 0.02))
            rows["variance"].append(variance)
            rows["trial"].append(trial)
            rows["treatment"].append(f"T{arm:02d}")
    return rows


def all_tables(build: Callable[[], NetworkData]) -> None:
    """Pool a network with league, Q decomposition, node split, P-scores and contributions."""
    data = build()
    fit = fit_network(data)
    decompose_q(data)
    node_split(fit)
    p_scores(fit)
    contributions(fit)


def report(tasks: dict[str, tuple[Callable[[], object], int]]) -> None:
    """Print the time of each task and its ratio to the shortest."""
    times = {name: seconds(task, runs) for name, (task, runs) in tasks.items()}
    shortest = min(times.values())
    for name, spent in times.items():
        print(f"{name:48s} {1000 * spent:10.2f} ms   {spent / shortest:8.0f}")


def main() -> None:
    """Time the two networks."""
    small, arms = senn(), random_arms(500, 60)
    large = network_from_arms(**arms)
    fit, wide = fit_network(small), fit_network(large)
    report(
        {
            "26 trials, 10 treatments: fit": (lambda: fit_network(small), 20),
            "  with all its tables, from contrasts": (lambda: all_tables(senn), 10),
            "  net heat": (lambda: net_heat(small), 10),
            "  side-split, tau2 kept": (lambda: node_split(fit, "side-split"), 10),
            "  side-split, tau2 estimated anew": (lambda: node_split(fit, "side-split", refit=True), 5),
            "  leave one trial out": (lambda: leave_one_trial_out(fit), 5),
            "  leave one comparison out": (lambda: leave_one_comparison_out(fit), 5),
            "  100,000 rank draws": (lambda: rank_probabilities(fit), 3),
            "500 trials, 60 treatments: build from arms": (lambda: network_from_arms(**arms), 3),
            "  fit": (lambda: fit_network(large), 3),
            "  with all its tables": (lambda: all_tables(lambda: network_from_arms(**arms)), 2),
            "  leave one of 500 trials out": (lambda: leave_one_trial_out(wide), 1),
        }
    )


if __name__ == "__main__":
    main()
