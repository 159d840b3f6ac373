"""The test of excess significance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats.excess_significance import excess_significance
from bmac_meta.stats.inference import common_effect

# Responders and totals under placebo and under complementary treatment of irritable bowel syndrome: the 19
# trials of Dorn et al. 2007, Neurogastroenterology & Motility 19:630-637.
PLACEBO = [11, 21, 30, 5, 6, 5, 9, 13, 5, 26, 8, 20, 17, 3, 30, 5, 8, 17, 37]
PLACEBO_TOTAL = [32, 30, 46, 13, 23, 29, 22, 18, 13, 59, 17, 52, 33, 20, 46, 16, 26, 50, 90]
ACTIVE = [29, 20, 14, 17, 11, 24, 26, 17, 4, 21, 15, 37, 13, 19, 29, 13, 25, 37, 55]
ACTIVE_TOTAL = [38, 31, 23, 30, 27, 29, 32, 18, 12, 60, 17, 51, 33, 20, 50, 16, 33, 57, 90]


def log_risk_ratios():
    a, n_a, b, n_b = (np.array(column, dtype=float) for column in (ACTIVE, ACTIVE_TOTAL, PLACEBO, PLACEBO_TOTAL))
    return np.log(a / n_a) - np.log(b / n_b), 1 / a - 1 / n_a + 1 / b - 1 / n_b


def test_it_agrees_with_metafor():
    # metafor's own tests of tes(): O = 10, E = 4.923333, X² = 7.065648, p = 0.003928794; exact p 0.007778529.
    y, v = log_risk_ratios()
    result = excess_significance(y, variance=v)
    assert result.observed == 10
    assert result.expected == pytest.approx(4.923333, abs=5e-7)
    assert result.statistic == pytest.approx(7.065648, abs=5e-7)
    assert result.p_value == pytest.approx(0.003928794, abs=5e-10)
    assert result.exact_p_value == pytest.approx(0.007778529, abs=5e-10)
    assert result.effect == common_effect(y, variance=v).estimate


def test_the_one_sided_p_is_half_of_the_chi_squared_one():
    y, v = log_risk_ratios()
    result = excess_significance(y, variance=v)
    assert result.p_value == pytest.approx(0.5 * chi2.sf(result.statistic, 1), rel=1e-12)


def test_power_is_the_chance_of_significance_in_either_direction():
    y, v = np.linspace(-1, 1, 10), np.linspace(0.1, 1, 10)
    result = excess_significance(y, variance=v, effect=0.4, alpha=0.1)
    bound, shift = norm.isf(0.05), 0.4 / np.sqrt(v)
    np.testing.assert_allclose(result.power, norm.sf(bound - shift) + norm.cdf(-bound - shift), rtol=1e-12)
    assert result.expected == pytest.approx(result.power.sum())


def test_the_exact_p_counts_all_outcomes():
    y, v = np.array([3.0, 2.0, 0.1, 0.2]), np.array([1.0, 0.5, 0.3, 2.0])
    result = excess_significance(y, variance=v, effect=0.6, minimum_trials=4)
    share = sum(
        np.prod([p if hit else 1 - p for p, hit in zip(result.power, hits, strict=True)])
        for hits in product([0, 1], repeat=4)
        if sum(hits) >= result.observed
    )
    assert result.observed == 2
    assert result.exact_p_value == pytest.approx(share, rel=1e-12)


def test_equal_trials_are_binomial():
    result = excess_significance(np.linspace(0, 3, 12), variance=np.ones(12), effect=1.0)
    expected = binom.sf(result.observed - 1, 12, result.power[0])
    assert result.exact_p_value == pytest.approx(expected, rel=1e-12)


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    y, v = log_risk_ratios()
    mask = np.ones((2, 19), dtype=bool)
    mask[1, 12:] = False
    batch = excess_significance(np.where(mask, y, np.nan), variance=v, mask=mask)
    alone = excess_significance(y[:12], variance=v[:12])
    assert batch.exact_p_value[1] == pytest.approx(alone.exact_p_value, rel=1e-12)
    assert batch.k.tolist() == [19, 12]
    assert (batch.power[1, 12:] == 0).all()


def test_bad_requests_are_refused():
    y, v = log_risk_ratios()
    with pytest.raises(NotEnoughTrials, match="excess significance can't be assessed with 9 trials; needs 10"):
        excess_significance(y[:9], variance=v[:9])
    with pytest.raises(InputError, match="effect"):
        excess_significance(y, variance=v, effect=np.nan)
    with pytest.raises(InputError, match="alpha is 0"):
        excess_significance(y, variance=v, alpha=0.0)
