"""Prior distributions of the heterogeneity tau, weakly informative and published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv, gammaln, ndtr, ndtri, stdtr, stdtrit

from bmac_meta.arguments import one_number
from bmac_meta.errors import check_word

Array = NDArray[np.float64]

SCALES, LOG_SCALES = (1e-30, 1e30), (1e-3, 100.0)


@dataclass(frozen=True, slots=True)
class HalfNormal:
    """The absolute value of a normal variable with mean 0 and standard deviation `scale`.

    `HalfNormal(0.5)` suits log odds ratios, log risk ratios and standardized mean differences: its median is
    0.34 and 95% of it lies below 0.98 (Röver et al. 2021, doi:10.1002/jrsm.1475).

    >>> prior = HalfNormal(0.5)
    >>> print(f"{prior.quantile(0.5):.2f} {prior.quantile(0.95):.2f}")
    0.34 0.98
    """

    scale: float
    tail: ClassVar[float] = np.inf

    def __post_init__(self) -> None:
        _check_scale(self.scale, *SCALES)

    @property
    def label(self) -> str:
        """The name of the distribution with its parameters."""
        return f"half-normal({self.scale:.3g})"

    def log_density(self, tau: ArrayLike) -> Array:
        """Return the logarithm of the density at tau ≥ 0, of any shape."""
        return 0.5 * np.log(2 / np.pi) - np.log(self.scale) - 0.5 * (np.asarray(tau) / self.scale) ** 2

    def cdf(self, tau: ArrayLike) -> Array:
        """Return the probability of a smaller heterogeneity."""
        return erf(np.asarray(tau) / (self.scale * np.sqrt(2)))

    def quantile(self, probability: ArrayLike) -> Array:
        """Return the heterogeneity below which lies the given probability."""
        return self.scale * np.sqrt(2) * erfinv(probability)


@dataclass(frozen=True, slots=True)
class HalfCauchy:
    """The absolute value of a Cauchy variable with centre 0 and the given `scale`, its median.

    Heavy-tailed: with k trials and a flat prior on the mean, tau has a posterior mean from k = 2 and a
    posterior standard deviation from k = 3.
    """

    scale: float
    tail: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        _check_scale(self.scale, *SCALES)

    @property
    def label(self) -> str:
        """The name of the distribution with its parameters."""
        return f"half-Cauchy({self.scale:g})"

    def log_density(self, tau: ArrayLike) -> Array:
        """Return the logarithm of the density at tau ≥ 0, of any shape."""
        return np.log(2 / np.pi) - np.log(self.scale) - np.logaddexp(0, 2 * _log(np.asarray(tau) / self.scale))

    def cdf(self, tau: ArrayLike) -> Array:
        """Return the probability of a smaller heterogeneity."""
        return 2 / np.pi * np.arctan(np.asarray(tau) / self.scale)

    def quantile(self, probability: ArrayLike) -> Array:
        """Return the heterogeneity below which lies the given probability."""
        return self.scale * np.tan(np.pi / 2 * np.asarray(probability))


@dataclass(frozen=True, slots=True)
class LogNormalVariance:
    """The square root of a log-normal variable: log tau² is normal with mean `location` and sd `scale`."""

    location: float
    scale: float
    tail: ClassVar[float] = np.inf

    def __post_init__(self) -> None:
        _check_scale(self.scale, *LOG_SCALES)
        _check_location(self.location)

    @property
    def label(self) -> str:
        """The name of the distribution with its parameters."""
        return f"log-normal({self.location:g}, {self.scale:g}) on tau²"

    def _standard(self, tau: ArrayLike) -> Array:
        return (2 * _log(tau) - self.location) / self.scale

    def log_density(self, tau: ArrayLike) -> Array:
        """Return the logarithm of the density at tau ≥ 0 (−inf at 0), of any shape."""
        with np.errstate(invalid="ignore"):
            density = np.log(2 / self.scale) - _log(tau) - 0.5 * (self._standard(tau) ** 2 + np.log(2 * np.pi))
        return np.where(np.asarray(tau) > 0, density, -np.inf)

    def cdf(self, tau: ArrayLike) -> Array:
        """Return the probability of a smaller heterogeneity."""
        return ndtr(self._standard(tau))

    def quantile(self, probability: ArrayLike) -> Array:
        """Return the heterogeneity below which lies the given probability."""
        return np.exp(0.5 * (self.location + self.scale * ndtri(probability)))


@dataclass(frozen=True, slots=True)
class LogTVariance:
    """The square root of a log-t variable: log tau² is `location` + `scale` × Student's t with 5 df.

    Its tails are so heavy that a posterior needs two trials.
    """

    location: float
    scale: float
    df: ClassVar[float] = 5.0
    # The density falls like 1/tau times a power of log tau, a little faster than 1/tau.
    tail: ClassVar[float] = 1.5

    def __post_init__(self) -> None:
        _check_scale(self.scale, *LOG_SCALES)
        _check_location(self.location)

    @property
    def label(self) -> str:
        """The name of the distribution with its parameters."""
        return f"log-t5({self.location:g}, {self.scale:g}) on tau²"

    def _standard(self, tau: ArrayLike) -> Array:
        return (2 * _log(tau) - self.location) / self.scale

    def log_density(self, tau: ArrayLike) -> Array:
        """Return the logarithm of the density at tau > 0 (+inf at 0), of any shape."""
        half = (self.df + 1) / 2
        constant = gammaln(half) - gammaln(self.df / 2) - 0.5 * np.log(self.df * np.pi) + np.log(2 / self.scale)
        with np.errstate(invalid="ignore"):
            density = constant - half * np.log1p(self._standard(tau) ** 2 / self.df) - _log(tau)
        return np.where(np.asarray(tau) > 0, density, np.inf)

    def cdf(self, tau: ArrayLike) -> Array:
        """Return the probability of a smaller heterogeneity."""
        return stdtr(self.df, self._standard(tau))

    def quantile(self, probability: ArrayLike) -> Array:
        """Return the heterogeneity below which lies the given probability."""
        return np.exp(0.5 * (self.location + self.scale * stdtrit(self.df, probability)))


HeterogeneityPrior = HalfNormal | HalfCauchy | LogNormalVariance | LogTVariance


def turner_2015(outcome: str = "any", comparison: str = "any") -> LogNormalVariance:
    """Return the prior of Turner et al. for a log odds ratio of a binary outcome.

    `outcome` is one of `TURNER_OUTCOMES`, `comparison` one of `TURNER_COMPARISONS`; without both it is the
    general distribution. Raises `UnknownWordError` for another word. Source: Turner et al. 2015, table IV and
    p. 993 (doi:10.1002/sim.6381).

    >>> turner_2015().label
    'log-normal(-2.56, 1.74) on tau²'
    >>> turner_2015("all-cause mortality", "drug vs placebo or control").label
    'log-normal(-3.95, 1.34) on tau²'
    """
    if outcome == comparison == "any":
        return LogNormalVariance(-2.56, 1.74)
    check_word("outcome type of Turner 2015", outcome, TURNER_OUTCOMES)
    check_word("comparison type of Turner 2015", comparison, TURNER_COMPARISONS)
    place = TURNER_COMPARISONS.index(comparison)
    return LogNormalVariance(-_TURNER[outcome][0][place], _TURNER[outcome][1][place])


def rhodes_2015(outcome: str = "any", comparison: str = "any") -> LogTVariance:
    """Return the prior of Rhodes et al. for a standardized mean difference outside cancer and lung disease.

    `outcome` is one of `RHODES_OUTCOMES`, `comparison` one of `RHODES_COMPARISONS`; without both it is the
    general distribution. Obstetric and mental health outcomes are not offered: a printed parameter of each
    contradicts the rest of its table. Raises `UnknownWordError` for another word. Source: Rhodes et al. 2015,
    table 3 and section 3.3 (doi:10.1016/j.jclinepi.2014.08.012).

    >>> rhodes_2015().label
    'log-t5(-3.44, 2.59) on tau²'
    """
    if outcome == comparison == "any":
        return LogTVariance(-3.44, 2.59)
    check_word("outcome type of Rhodes 2015", outcome, RHODES_OUTCOMES)
    check_word("comparison type of Rhodes 2015", comparison, RHODES_COMPARISONS)
    place = RHODES_COMPARISONS.index(comparison)
    return LogTVariance(-_RHODES[outcome][0][place], _RHODES[outcome][1][place])


def _check_location(location: float) -> None:
    one_number(
        "location", location, "a number from −60 to 60, such as -2: the median of log tau²", lambda m: abs(m) <= 60
    )


def _check_scale(scale: float, low: float, high: float) -> None:
    wanted = f"a number from {low:g} to {high:g}, such as 0.5"
    one_number("scale", scale, wanted, lambda size: low <= size <= high)


def _log(tau: ArrayLike) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(tau)


TURNER_COMPARISONS = (
    "drug vs placebo or control",
    "drug vs drug",
    "non-drug vs placebo or control",
    "non-drug vs drug",
    "non-drug vs non-drug",
)

# Minus the mean of log tau², then its standard deviation, by comparison in the order above.
_TURNER = {
    "all-cause mortality": ((3.95, 4.18, 4.17, 2.92, 3.50), (1.34, 1.41, 1.55, 1.02, 1.26)),
    "obstetric outcomes": ((3.52, 3.75, 3.74, 2.49, 3.08), (1.74, 1.79, 1.91, 1.50, 1.68)),
    "cause-specific mortality, major morbidity": (
        (3.71, 3.95, 3.93, 2.68, 3.27),
        (1.74, 1.79, 1.91, 1.51, 1.68),
    ),
    "resource use, hospital stay, process": ((2.34, 2.58, 2.56, 1.31, 1.90), (1.74, 1.79, 1.91, 1.50, 1.68)),
    "surgical or device success or failure": ((2.14, 2.37, 2.36, 1.11, 1.69), (1.74, 1.79, 1.91, 1.50, 1.68)),
    "withdrawals, drop-outs": ((2.99, 3.23, 3.21, 1.96, 2.55), (1.74, 1.79, 1.91, 1.51, 1.68)),
    "internal or structure-related outcomes": (
        (2.71, 2.94, 2.93, 1.67, 2.26),
        (1.74, 1.79, 1.92, 1.51, 1.68),
    ),
    "general physical health": ((2.29, 2.53, 2.51, 1.26, 1.85), (1.53, 1.58, 1.72, 1.25, 1.46)),
    "adverse events": ((1.87, 2.10, 2.10, 0.84, 1.43), (1.52, 1.58, 1.71, 1.24, 1.45)),
    "infection, onset of new disease": ((2.49, 2.73, 2.71, 1.46, 2.05), (1.52, 1.58, 1.71, 1.24, 1.45)),
    "signs or symptoms of the condition": ((2.06, 2.29, 2.28, 1.03, 1.61), (1.51, 1.58, 1.71, 1.24, 1.45)),
    "pain": ((1.83, 2.06, 2.05, 0.80, 1.38), (1.52, 1.58, 1.71, 1.25, 1.45)),
    "quality of life, functioning": ((2.54, 2.78, 2.77, 1.51, 2.10), (1.54, 1.60, 1.73, 1.27, 1.47)),
    "mental health": ((2.12, 2.35, 2.34, 1.09, 1.67), (1.53, 1.60, 1.72, 1.27, 1.47)),
    "biological markers": ((1.77, 2.00, 1.99, 0.74, 1.33), (1.52, 1.58, 1.71, 1.24, 1.45)),
    "subjective outcomes": ((2.70, 2.93, 2.92, 1.67, 2.26), (1.52, 1.58, 1.71, 1.25, 1.45)),
}
TURNER_OUTCOMES = tuple(_TURNER)

RHODES_COMPARISONS = ("drug vs placebo or control", "drug vs drug", "non-drug vs anything")

# Minus the location of log tau², then its scale, by comparison in the order above.
_RHODES = {
    "resource use, hospital stay, process": ((2.55, 2.83, 2.41), (2.73, 2.70, 2.57)),
    "internal or external structure": ((2.43, 2.70, 2.29), (2.50, 2.46, 2.32)),
    "physical health, adverse events, pain, functioning": ((3.16, 3.44, 3.02), (2.50, 2.44, 2.27)),
    "signs or symptoms, infection, new disease": ((3.00, 3.27, 2.86), (2.50, 2.47, 2.33)),
    "biological markers": ((3.41, 3.68, 3.27), (2.83, 2.78, 2.66)),
    "subjective outcomes": ((2.76, 3.03, 2.62), (2.58, 2.59, 2.41)),
}
RHODES_OUTCOMES = tuple(_RHODES)
