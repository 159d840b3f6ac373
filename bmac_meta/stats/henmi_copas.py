"""The interval of Henmi and Copas, which leans on the large trials and so resists publication bias."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc

from bmac_meta.stats.batch import as_level, map_chunks, unbatch
from bmac_meta.stats.funnel import read_funnel, sum_of_others
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.roots import bracketed_roots
from bmac_meta.stats.tau2 import estimate_tau2

FARTHEST, NEAREST = 14.0, 1e-9
NODES = 200
# The distribution of Q given the estimate narrows with the root of the number of trials.
TRIALS_PER_PANEL = 36.0


@dataclass(frozen=True, slots=True)
class HenmiCopas:
    """Holds the common-effect estimate with an interval that allows for heterogeneity; floats, or (B,).

    `se` contains the DerSimonian–Laird `tau2`; the interval is the estimate ± `critical` standard errors.
    """

    estimate: float | NDArray
    se: float | NDArray
    critical: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray
    tau2: float | NDArray
    k: int | NDArray


def henmi_copas(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 3,
) -> HenmiCopas:
    """Pool with the weights of a common effect and an interval that holds under random effects.

    Small trials get no more weight when trials differ, so that their bias is not taken over. The critical
    value comes from the joint distribution of the estimate and Cochran's Q, taken as normal and, given the
    estimate, gamma. Shapes (k,) or (B, k) with `mask`. Source: Henmi & Copas 2010, 10.1002/sim.4029.
    """
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "the interval of Henmi and Copas")
    share = as_level(level)
    trials = funnel.trials
    rule = _rule(int(np.ceil(np.sqrt(trials.max() / TRIALS_PER_PANEL))))

    def part(rows: slice) -> dict[str, NDArray]:
        y, v, present = funnel.y[rows], funnel.v[rows], funnel.present[rows]
        estimate = random_effects(y, variance=v, mask=present, model="common", interval="wald").estimate
        between = estimate_tau2(y, variance=v, mask=present, method="DL").tau2
        weight = present / v
        statistic = _PivotDistribution.of(weight, between, trials[rows], rule)
        se, critical = statistic.spread / np.sqrt(weight.sum(axis=1)), statistic.critical(share)
        half = critical * se
        limits = {"ci_low": estimate - half, "ci_high": estimate + half}
        return {"estimate": estimate, "se": se, "critical": critical, **limits, "tau2": between}

    fields = map_chunks(part, len(funnel.y), rule.shape[1] + funnel.y.shape[1])
    return HenmiCopas(**unbatch(fields | {"k": trials}, funnel.single))


@dataclass(frozen=True, slots=True)
class _PivotDistribution:
    """Computes the distribution of (estimate − truth)/se, in which se contains the estimated τ².

    With weights w, p = w/Σw and M = diag(w) − wwᵀ/Σw: `heavy` is Σpw, `trace` tr M, `square` tr M², `second`
    is Σp(w − heavy)² and `third` Σpw(w − heavy)². Fields are (B, 1), in units where the largest weight is 1; `rule`
    holds nodes from 0 to 1 and their weights, for integrals over the logarithm of the error.
    """

    heavy: NDArray
    trace: NDArray
    square: NDArray
    second: NDArray
    third: NDArray
    tau2: NDArray
    k: NDArray
    rule: NDArray

    @classmethod
    def of(cls, weight: NDArray, tau2: NDArray, k: NDArray, rule: NDArray) -> _PivotDistribution:
        """Take weights (B, k; 0 where masked), τ² (B,), numbers of trials (B,), and nodes with their weights (2, n)."""
        largest = weight.max(axis=1, keepdims=True)
        w = weight / largest
        p = w / w.sum(axis=1, keepdims=True)
        others, other_squares = sum_of_others(p), sum_of_others(p**2)
        heavy = (p * w).sum(axis=1, keepdims=True)
        parts = (
            w * others,
            w**2 * (others**2 + other_squares),
            p * (w - heavy) ** 2,
            p * w * (w - heavy) ** 2,
        )
        sums = [part.sum(axis=1, keepdims=True) for part in parts]
        return cls(heavy, *sums, tau2[:, None] * largest, k[:, None].astype(float), rule)

    @property
    def spread(self) -> NDArray:
        """Return the standard deviation of the standardized error of the estimate (B,)."""
        return np.sqrt(1.0 + self.tau2 * self.heavy)[:, 0]

    def moments(self, error: NDArray) -> tuple[NDArray, NDArray]:
        """Return mean and variance of Q given the standardized error of the estimate, both (B, n)."""
        tau2, scale = self.tau2, 1.0 + self.tau2 * self.heavy
        surplus = tau2**2 * ((error / scale) ** 2 - 1.0 / scale)
        mean = self.k - 1.0 + tau2 * self.trace + surplus * self.second
        plain = self.k - 1.0 + 2.0 * tau2 * self.trace + tau2**2 * self.square
        bend = tau2**4 * (1.0 / scale**2 - 2.0 * error**2 / scale**3) * self.second**2
        return mean, 2.0 * plain + 4.0 * surplus * (self.second + tau2 * self.third) + 2.0 * bend

    def upper_tail(self, place: NDArray) -> NDArray:
        """Return P(pivot > place · spread) for places (B,)."""
        nodes, node_weights = self.rule
        span = np.log(FARTHEST / place)[:, None]
        error = place[:, None] * np.exp(span * nodes)
        mean, variance = self.moments(error * self.spread[:, None])
        reach = self.k - 1.0 + self.trace / self.heavy * ((error / place[:, None]) ** 2 - 1.0)
        density = np.exp(-0.5 * error**2) / np.sqrt(2.0 * np.pi)
        return (gammainc(mean**2 / variance, reach * mean / variance) * density * error * span) @ node_weights

    def critical(self, level: float) -> NDArray:
        """Return the two-sided critical value of the pivot (B,)."""
        low, high = np.full(self.k.shape[0], NEAREST), np.full(self.k.shape[0], 0.9 * FARTHEST)
        return bracketed_roots(lambda place: self.upper_tail(place) - 0.5 * (1.0 - level), low, high) * self.spread


@lru_cache(maxsize=8)
def _rule(panels: int) -> NDArray:
    """Return nodes from 0 to 1 and their weights, (2, n), of Gauss and Legendre in so many panels."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    places = (np.arange(panels)[:, None] + 0.5 * (1.0 + nodes)) / panels
    return np.stack([places.ravel(), np.tile(0.5 * weights / panels, panels)])
