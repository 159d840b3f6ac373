"""The covariance of contrasts that share their control arm."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.shared_control import (
    shared_control_covariance_as,
    shared_control_covariance_md,
    shared_control_covariance_or,
    shared_control_covariance_rd,
    shared_control_covariance_rom,
    shared_control_covariance_rr,
    shared_control_covariance_smd,
)

DRAWS = 200_000


def covariance(first, second):
    return np.cov(first, second)[0, 1]


def test_the_covariance_of_mean_differences_is_that_of_simulated_trials():
    rng = np.random.default_rng(11)
    control = rng.normal(5, 4 / 32**0.5, DRAWS)
    a, b = rng.normal(6, 1, DRAWS) - control, rng.normal(7, 1, DRAWS) - control
    expected = float(shared_control_covariance_md(sd_control=4, n_control=32))
    # Monte Carlo error of a covariance of 0.5 with variances of 1.5: about 0.004.
    assert covariance(a, b) == pytest.approx(expected, abs=0.02)


def test_the_covariance_of_standardized_differences_is_that_of_simulated_trials():
    rng = np.random.default_rng(12)
    sizes, shifts = (40, 60, 80), (0.0, 0.9, -0.7)
    means = [rng.normal(shift, n**-0.5, DRAWS) for shift, n in zip(shifts, sizes, strict=True)]
    pooled = np.sqrt(rng.chisquare(sum(sizes) - 3, DRAWS) / (sum(sizes) - 3))
    first, second = ((mean - means[0]) / pooled for mean in means[1:])
    expected = shared_control_covariance_smd(estimate_a=0.9, estimate_b=-0.7, n_control=40, n_total=180)
    assert covariance(first, second) == pytest.approx(float(expected), abs=0.0006)


@pytest.mark.parametrize(
    ("function", "transform"),
    [
        (shared_control_covariance_rd, lambda p: p),
        (shared_control_covariance_rr, np.log),
        (shared_control_covariance_or, lambda p: np.log(p / (1 - p))),
        (shared_control_covariance_as, lambda p: np.arcsin(np.sqrt(p))),
    ],
)
def test_the_covariance_of_counts_is_the_variance_of_the_control_arm(function, transform):
    rng = np.random.default_rng(13)
    value = transform(rng.binomial(4000, 0.3, DRAWS) / 4000)
    columns = {"total_control": 4000}
    if function is not shared_control_covariance_as:
        columns["events_control"] = 1200
    assert float(function(**columns)) == pytest.approx(value.var(), rel=0.015)


def test_the_covariance_of_log_ratios_of_means_is_the_variance_of_the_control_arm():
    rng = np.random.default_rng(14)
    value = np.log(rng.normal(10, 5 / 400**0.5, DRAWS))
    expected = shared_control_covariance_rom(mean_control=-10, sd_control=5, n_control=400)
    assert float(expected) == pytest.approx(value.var(), rel=0.015)


def test_a_correction_enters_both_cells():
    with_half = shared_control_covariance_or(events_control=0, total_control=10, add=0.5)
    assert float(with_half) == pytest.approx(1 / 0.5 + 1 / 10.5)
    assert float(shared_control_covariance_rr(events_control=10, total_control=10)) == 0
    assert float(shared_control_covariance_rd(events_control=0, total_control=10)) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: shared_control_covariance_or(events_control=0, total_control=9),
            "a cell of the control arm is empty",
        ),
        (
            lambda: shared_control_covariance_or(events_control=9, total_control=9),
            "a cell of the control arm is empty",
        ),
        (
            lambda: shared_control_covariance_rr(events_control=0, total_control=9),
            "a cell of the control arm is empty",
        ),
        (
            lambda: shared_control_covariance_rr(events_control=12, total_control=9),
            "more events than patients",
        ),
        (lambda: shared_control_covariance_md(sd_control=-1, n_control=9), "sd_control"),
        (lambda: shared_control_covariance_rom(mean_control=0, sd_control=1, n_control=9), "mean_control"),
        (lambda: shared_control_covariance_rom(mean_control="x", sd_control=1, n_control=9), "numbers only"),
        (lambda: shared_control_covariance_as(total_control=0), "total_control"),
        (
            lambda: shared_control_covariance_smd(estimate_a=1, estimate_b=1, n_control=9, n_total=9),
            "not smaller than the trial",
        ),
    ],
)
def test_impossible_control_arms_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
