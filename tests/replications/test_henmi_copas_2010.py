"""Henmi & Copas 2010: the interval that resists publication bias, on trials of acupuncture against nausea.

Confidence intervals for random effects meta-analysis and robustness to publication bias,
Statistics in Medicine 29:2969-2983, doi:10.1002/sim.4029. The example is Lee & Done 2004 (Cochrane CD003281):
stimulation of the wrist acupuncture point P6 against sham for nausea after operations, 16 trials.
"""

from __future__ import annotations

import numpy as np

from bmac_meta.stats.henmi_copas import henmi_copas
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.measures_binary import odds_ratio

EVENTS = [18, 5, 9, 32, 9, 11, 69, 3, 1, 11, 7, 4, 1, 24, 16, 28]
TOTAL = [100, 50, 20, 135, 23, 18, 122, 25, 30, 30, 44, 47, 30, 40, 50, 110]
SHAM_EVENTS = [20, 18, 7, 31, 10, 12, 80, 12, 1, 19, 16, 6, 13, 71, 53, 25]
SHAM_TOTAL = [100, 50, 20, 139, 23, 18, 122, 25, 30, 30, 39, 47, 30, 80, 88, 111]
EFFECT = odds_ratio(events_a=EVENTS, total_a=TOTAL, events_b=SHAM_EVENTS, total_b=SHAM_TOTAL)
PRINTED = 0.5e-4


def test_the_random_effects_interval_of_dersimonian_and_laird():
    # P. 2978: τ² 0.3325, log odds ratio −0.6787 (−1.0664 to −0.2911).
    result = random_effects(EFFECT.estimate, variance=EFFECT.variance, tau2="DL", interval="wald")
    printed = [0.3325, -0.6787, -1.0664, -0.2911]
    ours = [result.tau2, result.estimate, result.ci_low, result.ci_high]
    np.testing.assert_allclose(ours, printed, rtol=0, atol=PRINTED)


def test_the_interval_of_henmi_and_copas():
    # P. 2978: −0.5145 (−0.9994 to −0.0295).
    result = henmi_copas(EFFECT.estimate, variance=EFFECT.variance)
    ours = [result.estimate, result.ci_low, result.ci_high]
    np.testing.assert_allclose(ours, [-0.5145, -0.9994, -0.0295], rtol=0, atol=PRINTED)
