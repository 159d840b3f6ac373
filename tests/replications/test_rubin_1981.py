"""Rubin 1981, Journal of Educational Statistics 6, 377–401 (doi:10.3102/10769986006004377): coaching in eight schools.

The answer under a half-Cauchy(25) prior on tau and a normal(0, 50) prior on mu is printed in the introduction of
the R package bayesmeta (Röver; method in Röver 2020, doi:10.18637/jss.v093.i06), to six decimals.
"""

from __future__ import annotations

import pytest

from bmac_meta.stats.bayes import bayesian_pool
from bmac_meta.stats.priors import HalfCauchy

EFFECT = (28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16)
ERROR = (14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6)


@pytest.fixture(scope="module")
def result():
    return bayesian_pool(
        EFFECT,
        variance=[se**2 for se in ERROR],
        prior=HalfCauchy(25.0),
        mu_prior=(0.0, 50.0),
        interval="shortest",
    )


@pytest.mark.parametrize(
    ("field", "printed"),
    [
        ("tau_median", 4.758539),
        ("tau_mean", 5.884511),
        ("tau_sd", 4.869904),
        ("tau_low", 0.0),
        ("tau_high", 15.165894),
    ],
)
def test_the_posterior_of_tau_is_the_printed_one(result, field, printed):
    assert getattr(result, field) == pytest.approx(printed, abs=5e-7)


@pytest.mark.parametrize(
    ("field", "printed"),
    [
        ("median", 7.962961),
        ("mean", 7.985729),
        ("sd", 4.995762),
        ("ci_low", -1.823353),
        ("ci_high", 17.824562),
    ],
)
def test_the_posterior_of_mu_is_the_printed_one(result, field, printed):
    # bayesmeta replaces the mixture over tau by a coarse grid (up to 1% of divergence) for mu: good to 0.003 here.
    assert getattr(result, field) == pytest.approx(printed, abs=3e-3)
