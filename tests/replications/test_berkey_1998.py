"""Berkey, Hoaglin, Antczak-Bouckoms, Mosteller & Colditz 1998, Statistics in Medicine 17, 2537–2550: five trials of
surgical against non-surgical treatment of periodontal disease, with two outcomes each.

Improvement of probing depth (PD) and of attachment level (AL), their variances and covariances from table I. The
multivariate regression on the year by maximum likelihood is that of table II, p. 2545, to the four decimals of
metafor's published analysis of this paper. The paper has no model without the year: by maximum likelihood its numbers
are those of that analysis, by restricted likelihood what R's metafor 3.8-1 prints (rma.mv, struct="UN").
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.multivariate import covariance_blocks, multivariate_effects

YEAR = np.repeat([1983.0, 1982.0, 1979.0, 1987.0, 1988.0], 2) - 1983
AL = [-0.32, -0.60, -0.12, -0.31, -0.39]
PD = [0.47, 0.20, 0.40, 0.26, 0.56]
# Variance of AL, of PD, and their covariance.
ERRORS = [
    (0.0077, 0.0075, 0.0030),
    (0.0008, 0.0057, 0.0009),
    (0.0014, 0.0021, 0.0007),
    (0.0015, 0.0029, 0.0009),
    (0.0304, 0.0148, 0.0072),
]
OUTCOMES = np.tile(np.eye(2), (5, 1))
TRIALS = {
    "estimate": np.column_stack([AL, PD]).ravel(),
    "covariance": covariance_blocks([[[al, both], [both, pd]] for al, pd, both in ERRORS]),
    "outcome": ["AL", "PD"] * 5,
    "cluster": np.repeat(np.arange(5), 2),
}
FOURTH = 5e-5


def test_the_regression_on_the_year_is_table_2():
    design = np.column_stack([OUTCOMES, OUTCOMES * YEAR[:, None]])
    result = multivariate_effects(**TRIALS, design=design, method="ML")
    np.testing.assert_allclose(result.estimate, [-0.3351, 0.3479, -0.0108, 0.0010], atol=FOURTH)
    np.testing.assert_allclose(result.se, [0.0787, 0.0520, 0.0243, 0.0154], atol=FOURTH)
    np.testing.assert_allclose(result.tau2, [0.0250, 0.0080], atol=FOURTH)
    assert result.between[0, 1] == pytest.approx(0.0093, abs=FOURTH)
    # Not in the paper, which prints the covariance.
    assert result.correlation[0, 1] == pytest.approx(0.6587, abs=FOURTH)


def test_the_difference_of_the_slopes_is_that_of_metafor():
    difference = OUTCOMES[:, 1] * YEAR
    design = np.column_stack([OUTCOMES, YEAR, difference])
    result = multivariate_effects(**TRIALS, design=design, method="ML")
    np.testing.assert_allclose(result.estimate, [-0.3351, 0.3479, -0.0108, 0.0118], atol=FOURTH)
    np.testing.assert_allclose(result.se, [0.0787, 0.0520, 0.0243, 0.0199], atol=FOURTH)
    np.testing.assert_allclose(result.p_value, [0.0000, 0.0000, 0.6563, 0.5534], atol=FOURTH)


def test_the_means_are_those_of_metafor():
    result = multivariate_effects(**TRIALS, method="ML")
    np.testing.assert_allclose(result.estimate, [-0.3379, 0.3448], atol=FOURTH)
    np.testing.assert_allclose(result.se, [0.0798, 0.0495], atol=FOURTH)
    np.testing.assert_allclose(result.tau2, [0.0261, 0.0070], atol=FOURTH)
    assert result.correlation[0, 1] == pytest.approx(0.6992, abs=FOURTH)


def test_the_means_by_restricted_likelihood_are_those_of_mvmeta_and_metafor():
    result = multivariate_effects(**TRIALS)
    # R's mvmeta, to seven decimals, as the tests of R's metamisc carry it.
    np.testing.assert_allclose(result.estimate, [-0.3392152, 0.3534282], rtol=0, atol=5e-8)
    np.testing.assert_allclose(result.se, [0.0879, 0.0588], atol=FOURTH)
    np.testing.assert_allclose(result.tau2, [0.0327, 0.0117], atol=FOURTH)
    assert result.correlation[0, 1] == pytest.approx(0.6088, abs=FOURTH)
    assert result.q == pytest.approx(128.2267, abs=FOURTH)
