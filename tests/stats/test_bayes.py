"""The Bayesian answer against high-precision integration of the same posterior."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf
from mpmath.calculus.quadrature import GaussLegendre
from scipy.special import ndtri

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.bayes import bayesian_pool
from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.priors import HalfCauchy, HalfNormal, LogNormalVariance, LogTVariance, turner_2015

REFERENCE = Path(__file__).parents[1] / "reference" / "pairwise"

# 24 nodes a panel.
DEGREE = 4

# Rubin 1981: coaching in eight schools.
SCHOOLS = (
    (28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
    (14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6),
)


def case(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "schools":
        return np.array(SCHOOLS[0]), np.array(SCHOOLS[1]) ** 2
    if name == "two":
        return np.array([-0.4, 0.3]), np.array([0.05, 0.02])
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    used = np.array(data["included"], dtype=bool)
    return np.array(data["yi"], float)[used], np.array(data["vi"], float)[used]


class Oracle:
    """The posterior by Gauss–Legendre quadrature on octaves of tau at 25 digits, from the textbook formulas."""

    def __init__(self, estimate, variance, log_prior, mu_prior=None):
        self.y, self.v = [mpf(float(x)) for x in estimate], [mpf(float(x)) for x in variance]
        self.log_prior = log_prior
        self.mu = None if mu_prior is None else (mpf(mu_prior[0]), mpf(mu_prior[1]) ** 2)
        middle = mp.sqrt(max(self.v)) + (max(self.y) - min(self.y))
        self.cuts = [mpf(0), *(middle * mpf(2) ** e for e in range(-26, 40))]
        self.shift = max(self.log_joint(place) for place in self.cuts[1:])
        self.nodes = [node for low, high in pairwise(self.cuts) for node in self.panel(low, high)]
        self.total = mp.fsum(mass for mass, *_ in self.nodes)

    def parts(self, tau):
        weights = [1 / (v + tau**2) for v in self.v]
        pairs = list(zip(weights, self.y, strict=True))
        if self.mu:
            pairs.append((1 / self.mu[1], self.mu[0]))
        precision = mp.fsum(w for w, _ in pairs)
        mean = mp.fsum(w * y for w, y in pairs) / precision
        return weights, mean, precision, mp.fsum(w * (y - mean) ** 2 for w, y in pairs)

    def log_joint(self, tau):
        weights, _, precision, misfit = self.parts(tau)
        return self.log_prior(tau) + (mp.fsum(mp.log(w) for w in weights) - mp.log(precision) - misfit) / 2

    def panel(self, low, high):
        for tau, weight in GaussLegendre(mp).get_nodes(low, high, DEGREE, mp.prec):
            _, mean, precision, _ = self.parts(tau)
            yield weight * mp.exp(self.log_joint(tau) - self.shift), tau, mean, precision

    def average(self, function):
        return mp.fsum(mass * function(*rest) for mass, *rest in self.nodes) / self.total

    def mu_cdf(self, place, new=False):
        def share(tau, mean, precision):
            return mp.ncdf((place - mean) / mp.sqrt(1 / precision + (tau**2 if new else 0)))

        return self.average(share)

    def tau_cdf(self, place):
        cuts = [cut for cut in self.cuts if cut < place]
        below = [mass for low, high in pairwise([*cuts, mpf(place)]) for mass, *_ in self.panel(low, high)]
        return mp.fsum(below) / self.total


def half_normal(scale):
    return lambda tau: mp.log(mp.sqrt(2 / mp.pi) / mpf(scale)) - (tau / mpf(scale)) ** 2 / 2


def half_cauchy(scale):
    return lambda tau: mp.log(2 / (mp.pi * mpf(scale) * (1 + (tau / mpf(scale)) ** 2)))


def log_normal(location, scale):
    def density(tau):
        z = (2 * mp.log(tau) - mpf(location)) / mpf(scale)
        return mp.log(2 / (mpf(scale) * tau * mp.sqrt(2 * mp.pi))) - z**2 / 2

    return density


SETTINGS = {
    "schools, half-Cauchy": ("schools", HalfCauchy(25.0), half_cauchy(25.0), None),
    "schools, normal mu": ("schools", HalfCauchy(25.0), half_cauchy(25.0), (0.0, 50.0)),
    "two trials": ("two", HalfNormal(0.5), half_normal(0.5), None),
    "bcg": ("bcg_OR", HalfNormal(0.5), half_normal(0.5), None),
    "normand": ("normand1999_SMD", HalfNormal(0.5), half_normal(0.5), None),
    "berkey": ("berkey1998_PD", LogNormalVariance(-2.56, 1.74), log_normal(-2.56, 1.74), None),
}


@lru_cache
def solved(setting: str):
    name, prior, log_prior, mu_prior = SETTINGS[setting]
    estimate, variance = case(name)
    with mp.workdps(25):
        oracle = Oracle(estimate, variance, log_prior, mu_prior)
    return bayesian_pool(estimate, variance=variance, prior=prior, mu_prior=mu_prior, threshold=0.1), oracle


# The distribution function at our quantile differs from its probability by less than this, which for a density
# of the order 0.1/sd puts the quantile within 1e-12 standard deviations of the exact one.
PROBABILITY = 1e-13


@pytest.mark.parametrize("setting", SETTINGS)
def test_quantiles_of_the_mean_effect_have_the_probability_they_should(setting):
    result, oracle = solved(setting)
    with mp.workdps(25):
        for place, probability in ((result.ci_low, 0.025), (result.median, 0.5), (result.ci_high, 0.975)):
            assert abs(oracle.mu_cdf(mpf(place)) - probability) < PROBABILITY


@pytest.mark.parametrize("setting", SETTINGS)
def test_quantiles_of_tau_have_the_probability_they_should(setting):
    result, oracle = solved(setting)
    with mp.workdps(25):
        for place, probability in (
            (result.tau_low, 0.025),
            (result.tau_median, 0.5),
            (result.tau_high, 0.975),
        ):
            assert abs(oracle.tau_cdf(mpf(place)) - probability) < PROBABILITY


@pytest.mark.parametrize("setting", SETTINGS)
def test_prediction_limits_have_the_probability_they_should(setting):
    result, oracle = solved(setting)
    with mp.workdps(25):
        for place, probability in ((result.pi_low, 0.025), (result.pi_high, 0.975)):
            assert abs(oracle.mu_cdf(mpf(place), new=True) - probability) < PROBABILITY


@pytest.mark.parametrize("setting", SETTINGS)
def test_moments_and_probabilities_agree_with_high_precision_integration(setting):
    result, oracle = solved(setting)
    with mp.workdps(25):
        mean = oracle.average(lambda tau, m, w: m)
        second = oracle.average(lambda tau, m, w: m * m + 1 / w)
        tau_mean = oracle.average(lambda tau, m, w: tau)
        tau_second = oracle.average(lambda tau, m, w: tau * tau)
        sd = mp.sqrt(second - mean**2)
        expected = {
            "mean": mean,
            "sd": sd,
            "tau_mean": tau_mean,
            "tau_sd": mp.sqrt(tau_second - tau_mean**2),
            "probability_above": 1 - oracle.mu_cdf(mpf("0.1")),
            "new_probability_above": 1 - oracle.mu_cdf(mpf("0.1"), new=True),
        }
    for name, value in expected.items():
        # The half-Cauchy tail beyond the last octave of the oracle leaves 1e-11 in the moments of tau.
        assert getattr(result, name) == pytest.approx(float(value), rel=1e-9, abs=1e-10 * float(sd)), name


def test_the_shortest_interval_has_equal_heights_at_its_ends():
    estimate, variance = case("bcg_OR")
    result = bayesian_pool(estimate, variance=variance, interval="shortest")
    with mp.workdps(25):
        oracle = Oracle(estimate, variance, half_normal(0.5))

        def height(place):
            return oracle.average(lambda tau, m, w: mp.sqrt(w) * mp.npdf((place - m) * mp.sqrt(w)))

        assert abs(oracle.mu_cdf(mpf(result.ci_high)) - oracle.mu_cdf(mpf(result.ci_low)) - mpf("0.95")) < PROBABILITY
        assert height(mpf(result.ci_low)) == pytest.approx(float(height(mpf(result.ci_high))), rel=1e-9)
        ends = [mp.exp(oracle.log_joint(mpf(x)) - oracle.shift) for x in (result.tau_low, result.tau_high)]
        assert (
            abs(oracle.tau_cdf(mpf(result.tau_high)) - oracle.tau_cdf(mpf(result.tau_low)) - mpf("0.95")) < PROBABILITY
        )
    assert float(ends[0]) == pytest.approx(float(ends[1]), rel=1e-9)


@pytest.mark.parametrize("name", ["schools", "bcg_OR", "two"])
def test_the_shortest_interval_is_never_longer_than_the_equal_tailed_one(name):
    estimate, variance = case(name)
    central, short = (
        bayesian_pool(estimate, variance=variance, interval=kind) for kind in ("equal-tailed", "shortest")
    )
    for low, high in (("ci_low", "ci_high"), ("pi_low", "pi_high"), ("tau_low", "tau_high")):
        length = getattr(short, high) - getattr(short, low)
        assert length <= (getattr(central, high) - getattr(central, low)) * (1 + 1e-12)


def test_the_shortest_interval_of_tau_starts_at_zero_where_the_density_only_falls():
    result = bayesian_pool([0.1, 0.1, 0.1], variance=[0.1, 0.1, 0.1], interval="shortest")
    assert result.tau_low == 0.0


def test_a_prior_at_zero_gives_the_common_effect():
    estimate, variance = case("normand1999_SMD")
    result = bayesian_pool(estimate, variance=variance, prior=HalfNormal(1e-9))
    expected = common_effect(estimate, variance=variance)
    for name in ("estimate", "se", "ci_low", "ci_high"):
        ours = {"estimate": "median", "se": "sd"}.get(name, name)
        assert getattr(result, ours) == pytest.approx(getattr(expected, name), rel=1e-10), name


def test_many_equal_trials_give_the_random_effects_answer():
    rng = np.random.default_rng(5)
    estimate = rng.normal(0.3, np.sqrt(0.04 + 0.01), 2000)
    result = bayesian_pool(estimate, variance=np.full(2000, 0.01))
    expected = random_effects(estimate, variance=np.full(2000, 0.01), interval="wald")
    # With one weight for all, mu given tau has the same mean for every tau; tau differs by its prior, 1/k.
    assert result.mean == pytest.approx(expected.estimate, rel=1e-9)
    assert result.tau_median == pytest.approx(np.sqrt(expected.tau2), rel=2e-3)


def test_one_trial_is_a_normal_mixture_over_the_prior():
    result = bayesian_pool([0.3], variance=[0.04])
    assert result.median == pytest.approx(0.3, rel=1e-14)
    assert result.sd == pytest.approx(np.sqrt(0.04 + 0.25), rel=1e-12)
    assert result.tau_median == pytest.approx(0.5 * ndtri(0.75), rel=1e-12)


def test_moments_that_do_not_exist_are_said_so():
    one = bayesian_pool([0.3], variance=[0.04], prior=HalfCauchy(0.5))
    two = bayesian_pool([0.3, 0.4], variance=[0.04, 0.02], prior=HalfCauchy(0.5))
    assert np.isnan([one.mean, one.tau_mean]).all()
    assert np.isinf([one.sd, one.tau_sd, two.sd, two.tau_sd]).all()
    assert np.isfinite([two.mean, two.tau_mean, one.ci_low, one.tau_high, one.pi_high]).all()


def test_a_normal_prior_keeps_the_moments_of_mu_finite():
    result = bayesian_pool([0.3], variance=[0.04], prior=HalfCauchy(0.5), mu_prior=(0.0, 1.0))
    assert np.isfinite([result.mean, result.sd]).all()
    assert np.isinf(result.tau_sd)


def test_one_trial_under_a_log_t_prior_is_refused():
    with pytest.raises(NotEnoughTrials, match="needs 2 trials, here is 1"):
        bayesian_pool([0.3], variance=[0.04], prior=LogTVariance(-3.44, 2.59))


def test_a_masked_batch_gives_what_each_row_gives_alone():
    estimate, variance = case("bcg_OR")
    mask = np.ones((3, len(estimate)), dtype=bool)
    mask[1, 4:], mask[2, ::2] = False, False
    stack = np.where(mask, estimate, np.nan)
    batch = bayesian_pool(stack, variance=np.where(mask, variance, -1), mask=mask, prior=turner_2015())
    for row, present in enumerate(mask):
        alone = bayesian_pool(estimate[present], variance=variance[present], prior=turner_2015())
        for name in (field.name for field in fields(alone)):
            value = getattr(alone, name)
            if isinstance(value, float) and name not in ("level", "threshold"):
                assert getattr(batch, name)[row] == pytest.approx(value, rel=1e-10), name


def test_the_answer_moves_with_an_offset_of_a_million():
    estimate, variance = case("two")
    near, far = (bayesian_pool(estimate + offset, variance=variance) for offset in (0.0, 1e6))
    # The offset itself costs 1e6 · 2⁻⁵³ = 1e-10 of the effects.
    assert far.ci_low - 1e6 == pytest.approx(near.ci_low, abs=1e-9)
    assert far.tau_high == pytest.approx(near.tau_high, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_change_of_unit_changes_only_the_unit(scale):
    estimate, variance = case("bcg_OR")
    ours = bayesian_pool(estimate * scale, variance=variance * scale**2, prior=HalfNormal(0.5 * scale))
    expected = bayesian_pool(estimate, variance=variance, prior=HalfNormal(0.5))
    for name in ("mean", "median", "sd", "ci_low", "pi_high", "tau_low", "tau_mean", "tau_high"):
        assert getattr(ours, name) / scale == pytest.approx(getattr(expected, name), rel=1e-10), name


def test_variances_that_span_twenty_four_decades_are_integrated():
    result = bayesian_pool([0.2, 0.4, -3.0], variance=[1e-12, 1.0, 1e12])
    # The third trial says nothing, the first fixes its own effect: the two-trial answer without it.
    expected = bayesian_pool([0.2, 0.4], variance=[1e-12, 1.0])
    assert result.median == pytest.approx(expected.median, abs=1e-9)
    assert result.tau_high == pytest.approx(expected.tau_high, rel=1e-9)


def test_unusable_words_and_numbers_are_refused():
    with pytest.raises(UnknownWordError, match="shortest"):
        bayesian_pool([0.1], variance=[0.1], interval="hdi")
    with pytest.raises(InputError, match="mu_prior"):
        bayesian_pool([0.1], variance=[0.1], mu_prior=(0.0, 0.0))
    with pytest.raises(InputError, match="variance must be above"):
        bayesian_pool([0.1], variance=[0.0])
