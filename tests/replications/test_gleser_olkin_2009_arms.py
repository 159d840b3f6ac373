"""Gleser & Olkin 2009, Stochastically dependent effect sizes: contrasts and covariances from the arms.

In Cooper, Hedges & Valentine, Handbook of Research Synthesis and Meta-Analysis, 2nd ed., chapter 19. The pages are
those that metafor's published analysis of this chapter names; the two out of order, p. 363 for the coefficients of the
log risk ratios and p. 364 for the standardized mean differences, may be slips there.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.multi_arm import contrasts_with_control

# Table 19.2, p. 360: control first, then the treatments of each trial by number. The chapter takes control
# minus treatment, so all signs are turned here.
TRIALS = (
    {0: (40, 1000), 1: (100, 4000), 2: (150, 4000)},
    {0: (10, 200), 1: (15, 400)},
    {0: (150, 2000), 1: (40, 1000), 2: (80, 1000), 3: (50, 1000)},
)


def contrasts(measure):
    effects, blocks, treatments = [], [], []
    for arms in TRIALS:
        events, total = zip(*arms.values(), strict=True)
        trial = contrasts_with_control(measure, events=events, total=total)
        effects.append(-trial.estimate)
        blocks.append(trial.covariance)
        treatments += [number for number in arms if number > 0]
    return np.concatenate(effects), blocks, np.array(treatments)


def pooled(effects, blocks, treatments):
    """Return coefficients, their covariance and Q of generalized least squares, from the definition."""
    weight = np.zeros((effects.size, effects.size))
    start = 0
    for block in blocks:
        end = start + len(block)
        weight[start:end, start:end] = np.linalg.inv(block)
        start = end
    design = (treatments[:, None] == np.unique(treatments)).astype(float)
    covariance = np.linalg.inv(design.T @ weight @ design)
    beta = covariance @ design.T @ weight @ effects
    residual = effects - design @ beta
    return beta, covariance, residual @ weight @ residual


def test_risk_differences():
    effects, blocks, treatments = contrasts("RD")
    printed = [0.0150, 0.0025, 0.0125, 0.0350, -0.0050, 0.0250]  # p. 360, Table 19.2
    np.testing.assert_allclose(effects, printed, atol=5e-5)
    beta, covariance, q = pooled(effects, blocks, treatments)
    np.testing.assert_allclose(beta, [0.0200, 0.0043, 0.0211], atol=5e-5)  # p. 361, eq. 19.6
    printed = [[24.612, 19.954, 13.323], [19.954, 28.538, 13.255], [13.323, 13.255, 69.806]]
    np.testing.assert_allclose(covariance * 1e6, printed, atol=5e-4)  # p. 361, eq. 19.7
    assert q == pytest.approx(7.1907, abs=5e-5)  # p. 362, eq. 19.8


def test_log_odds_ratios():
    effects, blocks, treatments = contrasts("OR")
    printed = [0.4855, 0.0671, 0.3008, 0.6657, -0.0700, 0.4321]  # p. 362
    np.testing.assert_allclose(effects, printed, atol=5e-5)
    beta, covariance, q = pooled(effects, blocks, treatments)
    np.testing.assert_allclose(beta, [0.5099, 0.0044, 0.4301], atol=5e-5)  # p. 363
    printed = [[0.01412, 0.00712, 0.00425], [0.00712, 0.01178, 0.00455], [0.00425, 0.00455, 0.02703]]
    np.testing.assert_allclose(covariance, printed, atol=5e-6)  # p. 363
    # P. 363: 2.057; test_gleser_olkin_2009.py says how far rounding of the effects reaches.
    assert q == pytest.approx(2.0563, abs=5e-5)


def test_log_risk_ratios():
    effects, blocks, treatments = contrasts("RR")
    printed = [0.4700, 0.0645, 0.2877, 0.6286, -0.0645, 0.4055]  # p. 364
    np.testing.assert_allclose(effects, printed, atol=5e-5)
    beta, _, _ = pooled(effects, blocks, treatments)
    np.testing.assert_allclose(beta, [0.4875, 0.0006, 0.4047], atol=5e-5)  # p. 363


def test_arcsine_differences():
    # The chapter defines them twice as large.
    effects, blocks, treatments = contrasts("AS")
    printed = [0.0852, 0.0130, 0.0613, 0.1521, -0.0187, 0.1038]  # p. 364
    np.testing.assert_allclose(2 * effects, printed, atol=5e-5)
    beta, covariance, q = pooled(effects, blocks, treatments)
    np.testing.assert_allclose(2 * beta, [0.1010, 0.0102, 0.0982], atol=5e-5)  # p. 365
    printed = [[0.00058, 0.00040, 0.00024], [0.00040, 0.00061, 0.00025], [0.00024, 0.00025, 0.00137]]
    np.testing.assert_allclose(4 * covariance, printed, atol=5e-6)  # p. 365
    # P. 365: 4.264; test_gleser_olkin_2009.py says how far rounding of the effects reaches.
    assert q == pytest.approx(4.2634, abs=5e-5)


def test_standardized_mean_differences():
    # Means of the treatments and of the control arm, the pooled SD, sizes of treatments and control.
    trials = [
        ((7.87, 4.35), -1.36, 4.2593, (25, 22), 25),
        ((9.32,), 0.98, 2.8831, (38,), 40),
        ((8.08,), 1.17, 3.1764, (50,), 50),
        ((7.44, 5.34), 0.45, 2.9344, (30, 30), 30),
    ]
    effects, blocks = [], []
    for means, control, sd, sizes, n_control in trials:
        trial = contrasts_with_control("SMD", mean=[control, *means], sd=sd, n=[n_control, *sizes])
        # The chapter pools uncorrected differences: the correction is taken out of estimates and covariances.
        d = (np.array(means) - control) / sd
        np.testing.assert_allclose(trial.estimate / d, (trial.estimate / d)[0], rtol=1e-13)
        total = n_control + sum(sizes)
        change = (np.outer(d, d) - np.outer(trial.estimate, trial.estimate)) / (2 * total)
        effects.append(d)
        blocks.append(trial.covariance + change)
    effects = np.concatenate(effects)
    printed = [2.1670, 1.3406, 2.8927, 2.1754, 2.3821, 1.6664]  # p. 364
    np.testing.assert_allclose(effects, printed, atol=5e-5)
    beta, covariance, q = pooled(effects, blocks, np.array([1, 2, 1, 1, 1, 2]))
    np.testing.assert_allclose(beta, [2.3743, 1.5702], atol=5e-5)  # p. 367
    np.testing.assert_allclose(covariance, [[0.02257, 0.01244], [0.01244, 0.03554]], atol=5e-6)  # p. 367
    assert q == pytest.approx(3.9447, abs=5e-5)  # p. 367
