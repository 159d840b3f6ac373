"""Priors of the heterogeneity: densities, distribution functions and the published parameters."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.priors import (
    RHODES_COMPARISONS,
    RHODES_OUTCOMES,
    TURNER_COMPARISONS,
    TURNER_OUTCOMES,
    HalfCauchy,
    HalfNormal,
    LogNormalVariance,
    LogTVariance,
    rhodes_2015,
    turner_2015,
)

PRIORS = [HalfNormal(0.5), HalfCauchy(0.3), LogNormalVariance(-2.56, 1.74), LogTVariance(-3.44, 2.59)]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_the_density_integrates_to_the_distribution_function(prior):
    def density(tau):
        return mpmath.mpf(float(np.exp(prior.log_density(float(tau)))))

    for low, high in ((0.01, 0.1), (0.1, 0.7), (0.7, 6.0)):
        expected = mpmath.quad(density, np.geomspace(low, high, 9).tolist())
        found = prior.cdf(high) - prior.cdf(low)
        # The density enters with the rounding of a double.
        assert float(found) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_the_quantile_inverts_the_distribution_function(prior):
    probability = np.array([1e-9, 0.025, 0.5, 0.975, 1 - 1e-9])
    np.testing.assert_allclose(prior.cdf(prior.quantile(probability)), probability, rtol=1e-11)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_nothing_lies_below_zero(prior):
    assert prior.cdf(0.0) == 0.0


def test_the_log_normal_prior_is_that_of_tau_squared():
    prior = LogNormalVariance(-2.0, 1.0)
    # log tau² = −2 at the median, so tau = e⁻¹.
    assert prior.quantile(0.5) == pytest.approx(np.exp(-1), rel=1e-15)


@pytest.mark.parametrize("kind", [HalfNormal, HalfCauchy])
@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 1e-300, 1e300, "0.5", None])
def test_a_scale_that_is_none_or_beyond_all_units_is_refused(kind, scale):
    with pytest.raises(InputError, match=r"scale is .* it must be a number from 1e-30 to 1e\+30"):
        kind(scale)


def test_turner_offers_eighty_settings_and_a_general_one():
    settings = [turner_2015(outcome, comparison) for outcome in TURNER_OUTCOMES for comparison in TURNER_COMPARISONS]
    assert len(settings) == 80
    assert turner_2015() == LogNormalVariance(-2.56, 1.74)


@pytest.mark.parametrize("comparison", [1, 2, 3, 4])
def test_turners_locations_are_sums_of_an_outcome_and_a_comparison(comparison):
    # The model behind table IV has no interaction, so columns differ by a constant, up to rounding to two digits.
    shifts = [
        turner_2015(outcome, TURNER_COMPARISONS[comparison]).location
        - turner_2015(outcome, TURNER_COMPARISONS[0]).location
        for outcome in TURNER_OUTCOMES
    ]
    assert np.ptp(shifts) <= 0.02 + 1e-12


@pytest.mark.parametrize("comparison", [1, 2])
def test_rhodes_locations_are_sums_of_an_outcome_and_a_comparison(comparison):
    shifts = [
        rhodes_2015(outcome, RHODES_COMPARISONS[comparison]).location
        - rhodes_2015(outcome, RHODES_COMPARISONS[0]).location
        for outcome in RHODES_OUTCOMES
    ]
    assert np.ptp(shifts) <= 0.02 + 1e-12


def test_the_general_prior_of_rhodes_is_that_of_section_3_3():
    assert rhodes_2015() == LogTVariance(-3.44, 2.59)


@pytest.mark.parametrize("published", [turner_2015, rhodes_2015])
def test_an_unknown_setting_lists_the_known_ones(published):
    with pytest.raises(UnknownWordError, match="subjective outcomes"):
        published("pian", "drug vs drug")
    with pytest.raises(UnknownWordError, match="drug vs drug"):
        published("subjective outcomes", "drug vs surgery")
