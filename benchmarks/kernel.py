"""How long the random-effects kernel takes, beside PyMARE and beside plain numpy, in one run.

Run it from the project's folder: `python -m benchmarks.kernel`. Seconds depend on the machine and on what
else runs there; the ratios say more.
"""

from __future__ import annotations

import itertools

import numpy as np
from pymare import Dataset
from pymare.estimators import VarianceBasedLikelihoodEstimator

from benchmarks.clock import YARDSTICK, seconds, working_mebibytes, yardstick
from bmac_meta.stats.heterogeneity import q_profile
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.tau2 import estimate_tau2

RNG = np.random.default_rng(2024)


def trials(count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects and variances of `count` meta-analyses of `width` trials."""
    variance = np.exp(RNG.normal(-2.0, 0.8, (count, width)))
    return RNG.normal(size=variance.shape) * np.sqrt(variance + 0.1), variance


def peer(estimate: np.ndarray, variance: np.ndarray, design: np.ndarray | None = None) -> None:
    """Fit one meta-analysis, or meta-regression, by REML with PyMARE."""
    columns = np.ones((estimate.size, 1)) if design is None else design
    data = Dataset(estimate, variance, X=columns, add_intercept=False)
    VarianceBasedLikelihoodEstimator(method="REML").fit_dataset(data).summary()


def main() -> None:
    """Print the table."""
    y, v = trials(100_000, 20)
    one = y[0], v[0]
    subsets = np.array(list(itertools.product([False, True], repeat=13)))[1:]
    ragged = np.arange(40) < RNG.integers(2, 41, 10_000)[:, None]
    wide = trials(10_000, 40)
    design = np.column_stack([np.ones(20), RNG.normal(size=(20, 2))])
    shuffled = np.stack([design[RNG.permutation(20)] for _ in range(1000)])
    tasks = {
        "one random_effects of 20 trials, REML": (lambda: random_effects(one[0], variance=one[1]), 5, 200),
        "the same by PyMARE": (lambda: peer(*one), 5, 20),
        "one meta-regression of 20 trials": (
            lambda: meta_regression(one[0], variance=one[1], design=design), 5, 20),
        "one Q-profile interval": (lambda: q_profile(one[0], variance=one[1]), 5, 100),
        "100,000 REML fits of 20 trials": (lambda: estimate_tau2(y, variance=v), 5, 1),
        "100,000 random_effects of 20 trials": (lambda: random_effects(y, variance=v), 5, 1),
        "10,000 ragged random_effects of 2 to 40": (
            lambda: random_effects(wide[0], variance=wide[1], mask=ragged), 5, 1),
        "8,191 subsets of 13 trials": (
            lambda: random_effects(one[0][:13], variance=one[1][:13], mask=subsets), 5, 1),
        "1,000 permuted meta-regressions": (
            lambda: meta_regression(np.tile(one[0], (1000, 1)), variance=one[1], design=shuffled), 3, 1),
    }  # fmt: skip
    unit = yardstick()
    print(f"{YARDSTICK:45s} {unit * 1e3:10.2f} ms      1.000")
    for name, (task, repeats, calls) in tasks.items():
        spent = seconds(task, repeats, calls)
        print(f"{name:45s} {spent * 1e3:10.2f} ms {spent / unit:10.3f}")
    million = trials(1_000_000, 20)
    peak, output = working_mebibytes(lambda: random_effects(million[0], variance=million[1]))
    print(f"{'memory of 1,000,000 fits of 20 trials':45s} {peak:10.0f} MiB beside {output:.0f} MiB of output")


if __name__ == "__main__":
    main()
