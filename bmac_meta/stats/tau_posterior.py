"""The posterior distribution of the heterogeneity tau, integrated by Gauss–Legendre panels on log tau."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.errors import BmacMetaError
from bmac_meta.stats.priors import HeterogeneityPrior
from bmac_meta.stats.roots import bracketed_roots

Array = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
# Panels are halved until the integrals move less than this; with 20 nodes each the error left is its square.
AGREEMENT = 1e-9
MOST_PANELS = 1 << 12
SCAN_STEP = 0.25
# Parts of the posterior lower than exp(-NEGLIGIBLE) times its top are left out.
NEGLIGIBLE = 45.0


@dataclass(frozen=True, slots=True)
class Trials:
    """Effects (B, k) measured from `origin` (B,), variances (infinite where masked), and the prior of mu.

    `mu_mean` (B,) is measured from the origin too; `mu_precision` is 0 for a flat prior.
    """

    estimate: Array
    variance: Array
    count: Array
    origin: Array
    mu_mean: Array
    mu_precision: float

    def given_tau(self, tau: Array) -> tuple[Array, Array, Array]:
        """Return the log-likelihood, the mean of mu and its variance at tau (B, m), each (B, m)."""
        spread = self.variance[:, None, :] + tau[:, :, None] ** 2
        weight = 1 / spread
        precision = weight.sum(-1) + self.mu_precision
        prior = (self.mu_precision * self.mu_mean)[:, None]
        mean = (np.einsum("bmk,bk->bm", weight, self.estimate) + prior) / precision
        misfit = np.einsum("bmk,bmk->bm", weight, (self.estimate[:, None, :] - mean[:, :, None]) ** 2)
        misfit += self.mu_precision * (mean - self.mu_mean[:, None]) ** 2
        volume = np.log(spread, out=np.zeros_like(spread), where=np.isfinite(spread)).sum(-1)
        return -0.5 * (volume + np.log(precision) + misfit), mean, 1 / precision


@dataclass(frozen=True, slots=True)
class TauPosterior:
    """Nodes and weights of the posterior of tau, and its distribution function at the edges of the panels.

    `tau`, `weight`, `mean` and `variance` (those of mu given tau) are (B, J). The first node, tau = 0, stands
    for everything below the first edge, where the likelihood is constant to rounding error. `edges` (B, n +
    1) are logarithms of tau and `cumulative` (B, n + 1) the probability below them; `log_total` is (B,).
    """

    trials: Trials
    prior: HeterogeneityPrior
    tau: Array
    weight: Array
    mean: Array
    variance: Array
    edges: Array
    cumulative: Array
    log_total: Array

    def moments(self) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of tau, as if both were finite."""
        mean = (self.weight * self.tau).sum(-1)
        return mean, np.sqrt((self.weight * (self.tau - mean[:, None]) ** 2).sum(-1))

    def density(self, tau: Array) -> Array:
        """Return the posterior density at tau (B, m)."""
        with np.errstate(over="ignore"):
            return np.exp(self._log_density(tau))

    def _log_density(self, tau: Array) -> Array:
        return self.trials.given_tau(tau)[0] + self.prior.log_density(tau) - self.log_total[:, None]

    def quantile(self, probability: Array) -> Array:
        """Return the tau below which lies a probability (B, m)."""
        panel = (self.cumulative[:, None, 1:-1] < probability[:, :, None]).sum(-1)
        low, high = (np.take_along_axis(self.edges, panel + side, 1) for side in (0, 1))
        below = np.take_along_axis(self.cumulative, panel, 1)

        def excess(end: Array) -> Array:
            return below + self._between(low, end) - probability

        inside = np.exp(bracketed_roots(excess, low, high))
        first = self.prior.cdf(np.exp(self.edges[:, :1]))
        share = np.minimum(probability / np.maximum(self.cumulative[:, :1], np.finfo(float).tiny), 1)
        return np.where(probability <= self.cumulative[:, :1], self.prior.quantile(share * first), inside)

    def _between(self, low: Array, high: Array) -> Array:
        half = 0.5 * (high - low)
        places = (0.5 * (high + low))[:, :, None] + half[:, :, None] * NODES
        tau = np.exp(places.reshape(len(low), -1))
        mass = np.exp(self._log_density(tau)) * tau
        return half * (mass.reshape(*low.shape, -1) @ WEIGHTS)


def integrate(trials: Trials, prior: HeterogeneityPrior, moments: Array) -> TauPosterior:
    """Return the posterior of tau; `moments` (B,) are the largest powers of tau that will be averaged."""
    low, high = _range(trials, prior, moments)
    panels = max(1, int(np.ceil((high - low).max())))
    coarse = _panels(trials, prior, low, high, panels)
    while panels < MOST_PANELS:
        panels *= 2
        fine = _panels(trials, prior, low, high, panels)
        if _agree(coarse, fine):
            return fine
        coarse = fine
    raise BmacMetaError(
        f"the posterior of tau could not be integrated to {AGREEMENT:g} with {MOST_PANELS} panels; "
        "the effects and variances are too far apart in size. Check their units."
    )


def _range(trials: Trials, prior: HeterogeneityPrior, moments: Array) -> tuple[Array, Array]:
    """Return where on log tau the posterior is not negligible, (B,) each."""
    bottom, top = _widest_range(trials, prior)
    steps = int(np.ceil((top - bottom).max() / SCAN_STEP)) + 1
    scan = np.linspace(bottom, top, steps, axis=1)
    height = trials.given_tau(np.exp(scan))[0] + prior.log_density(np.exp(scan)) + scan
    lifted = height + moments[:, None] * scan
    left = (height > height.max(-1, keepdims=True) - NEGLIGIBLE).argmax(-1)
    right = steps - 1 - (lifted > lifted.max(-1, keepdims=True) - NEGLIGIBLE)[:, ::-1].argmax(-1)
    rows = np.arange(len(scan))
    return scan[rows, np.maximum(left - 1, 0)], scan[rows, np.minimum(np.maximum(right, left) + 1, steps - 1)]


def _widest_range(trials: Trials, prior: HeterogeneityPrior) -> tuple[Array, Array]:
    smallest = trials.variance.min(-1)
    zero = np.zeros((len(smallest), 1))
    mean = trials.given_tau(zero)[1]
    with np.errstate(over="ignore"):
        misfit = np.minimum(((trials.estimate - mean) ** 2 / trials.variance).sum(-1), 1e300)
    # Below this tau the log-likelihood differs from that at 0 by less than a rounding error.
    constant = 0.5 * np.log(1e-17 * smallest / (trials.count + misfit))
    middle = np.log(prior.quantile(0.5))
    bottom = np.minimum(constant, middle + np.log(1e-9))
    distance = np.where(np.isfinite(trials.variance), np.abs(trials.estimate), 0).max(-1)
    largest = np.where(np.isfinite(trials.variance), trials.variance, 0).max(-1)
    data = np.maximum(np.log(np.maximum(distance, np.finfo(float).tiny)), 0.5 * np.log(largest))
    return bottom, np.maximum(middle, data) + NEGLIGIBLE


def _panels(trials: Trials, prior: HeterogeneityPrior, low: Array, high: Array, count: int) -> TauPosterior:
    edges = np.linspace(low, high, count + 1, axis=1)
    half = 0.5 * (high - low)[:, None, None] / count
    places = (0.5 * (edges[:, 1:] + edges[:, :-1]))[:, :, None] + half * NODES
    scale = np.broadcast_to(np.log(half * WEIGHTS), places.shape).reshape(len(low), -1)
    tau = np.concatenate([np.zeros((len(low), 1)), np.exp(places.reshape(len(low), -1))], axis=1)
    likelihood, mean, variance = trials.given_tau(tau)
    log_mass = likelihood.copy()
    log_mass[:, 1:] += prior.log_density(tau[:, 1:]) + np.log(tau[:, 1:]) + scale
    with np.errstate(divide="ignore"):
        log_mass[:, 0] += np.log(prior.cdf(np.exp(low)))
    top = log_mass.max(-1, keepdims=True)
    mass = np.exp(log_mass - top)
    total = mass.sum(-1, keepdims=True)
    weight = mass / total
    per_panel = weight[:, 1:].reshape(len(low), count, -1).sum(-1)
    cumulative = np.cumsum(np.concatenate([weight[:, :1], per_panel], axis=1), axis=1)
    log_total = (top + np.log(total))[:, 0]
    return TauPosterior(trials, prior, tau, weight, mean, variance, edges, cumulative, log_total)


def _agree(coarse: TauPosterior, fine: TauPosterior) -> bool:
    size = 1 + np.abs(fine.log_total) * 1e-3
    same_total = np.abs(coarse.log_total - fine.log_total) <= AGREEMENT * size
    tau, before = fine.moments()[0], coarse.moments()[0]
    same_tau = np.abs(tau - before) <= AGREEMENT * size * np.maximum(tau, before)
    return bool((same_total & same_tau).all())
