"""The quadrature behind the Bayesian answer."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.priors import HalfCauchy, HalfNormal, LogNormalVariance, LogTVariance
from bmac_meta.stats.tau_posterior import Trials, integrate

PRIORS = [HalfNormal(0.5), HalfCauchy(0.5), LogNormalVariance(-2.56, 1.74), LogTVariance(-3.44, 2.59)]
QUANTILES = np.array([[1e-6, 0.025, 0.5, 0.975, 1 - 1e-6]])


def posterior(prior, estimate=(-0.4, 0.3, 0.1), variance=(0.05, 0.02, 0.1)):
    y, v = np.atleast_2d(estimate).astype(float), np.atleast_2d(variance).astype(float)
    one = np.zeros(len(y))
    return integrate(Trials(y, v, np.full(len(y), y.shape[1]), one, one, 0.0), prior, np.full(len(y), 2.0))


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_the_weights_sum_to_one(prior):
    found = posterior(prior)
    assert found.weight.sum() == pytest.approx(1.0, rel=1e-14)
    assert found.cumulative[0, -1] == pytest.approx(1.0, rel=1e-13)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_the_density_integrates_to_the_probabilities(prior):
    found = posterior(prior)
    low, high = found.quantile(np.array([[0.1, 0.8]]))[0]
    nodes, weights = np.polynomial.legendre.leggauss(60)
    places = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    share = 0.5 * (high - low) * weights @ found.density(places[None])[0]
    assert share == pytest.approx(0.7, rel=1e-11)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.label)
def test_when_the_data_say_nothing_the_posterior_is_the_prior(prior):
    # With variances of 1e24 the likelihood is flat below 1e12; only the log-t prior has mass (2e-6) beyond.
    found = posterior(prior, variance=(1e24, 1e24, 1e24))
    tolerance = 2e-4 if isinstance(prior, LogTVariance) else 1e-9
    np.testing.assert_allclose(found.quantile(QUANTILES[:, 1:4]), prior.quantile(QUANTILES[:, 1:4]), rtol=tolerance)


def test_quantiles_rise_with_their_probability():
    found = posterior(LogTVariance(-3.44, 2.59)).quantile(np.linspace(1e-4, 1 - 1e-4, 101)[None])
    assert (np.diff(found[0]) > 0).all()


def test_a_narrow_posterior_of_many_trials_is_not_missed():
    rng = np.random.default_rng(2)
    y = rng.normal(0, np.sqrt(0.5), 2000)
    found = posterior(HalfNormal(5.0), y, np.full(2000, 1e-6))
    median = found.quantile(np.array([[0.5]]))[0, 0]
    # With v ≈ 0, tau² is (k − 1) s² / χ²(k − 1), whose median is s² to a part in k.
    assert median == pytest.approx(y.std(ddof=1), rel=2e-3)


def test_rows_of_a_batch_are_integrated_each_for_itself():
    estimate = np.array([[-0.4, 0.3, 0.1], [-40.0, 30.0, 10.0]])
    both = posterior(HalfNormal(0.5), estimate, np.array([[0.05, 0.02, 0.1]] * 2))
    alone = posterior(HalfNormal(0.5), estimate[1], (0.05, 0.02, 0.1))
    np.testing.assert_allclose(both.quantile(QUANTILES.repeat(2, 0))[1], alone.quantile(QUANTILES)[0], rtol=1e-9)
