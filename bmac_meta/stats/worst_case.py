"""How strong selection by significance would have to be to explain a pooled effect away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_floats, as_level, unbatch
from bmac_meta.stats.funnel import read_funnel, sum_of_others
from bmac_meta.stats.inference import MODELS
from bmac_meta.stats.inference import ratio as divided
from bmac_meta.stats.reference import critical, two_sided
from bmac_meta.stats.roots import bracketed_roots
from bmac_meta.stats.step_selection import FAVORED
from bmac_meta.stats.tau2 import estimate_tau2

LARGEST_RATIO = 1e6


@dataclass(frozen=True, slots=True)
class SelectionRatioEstimate:
    """Holds an effect pooled under an assumed ratio of publication chances; fields are floats, or (B,).

    `ratio` is how many times likelier affirmative trials were to be published; it is infinite in the worst
    case, where only the `nonaffirmative` trials count. Everything is NaN where no trial is left, and all but
    `estimate` where one is left under random effects.
    """

    ratio: float | NDArray
    estimate: float | NDArray
    se: float | NDArray
    df: float | NDArray
    p_value: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray
    tau2: float | NDArray
    affirmative: int | NDArray
    nonaffirmative: int | NDArray


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Holds the sensitivity of a pooled effect to selection by significance; fields are floats, or (B,).

    `uncorrected` and `worst_case` pool with ratio 1 and with an infinite ratio. `s_value` is the ratio of
    publication chances that moves the estimate to `threshold`, `s_value_interval` the one that moves the near
    confidence limit there: 1 where it lies there already, infinite where no ratio does it.
    """

    uncorrected: SelectionRatioEstimate
    worst_case: SelectionRatioEstimate
    s_value: float | NDArray
    s_value_interval: float | NDArray
    threshold: float
    favored: str
    model: str


def selection_ratio_estimate(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    favored: str,
    ratio: float,
    model: str = "random",
    tau2: str = "REML",
    alpha: float = 0.05,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> SelectionRatioEstimate:
    """Pool effects as if affirmative trials were `ratio` times likelier to be published than all others.

    Affirmative is an effect in the `favored` direction ("positive" or "negative") with two-sided p below
    `alpha`. Trials are weighted by the inverse of their chance of publication; `ratio=np.inf` is the worst
    case. With `model="random"` weights contain the τ² of all trials, and the standard error is the sandwich
    one with the CR2 correction and Satterthwaite's degrees of freedom; with "common" it follows from the
    variances, with t(k − 1). Shapes (k,) or (B, k) with `mask`. Source: Mathur & VanderWeele 2020,
    10.1111/rssc.12440.
    """
    if not as_floats("ratio", ratio) >= 1.0:
        raise InputError(f"ratio is {ratio!r}; it must be 1 or more, or infinite for the worst case.")
    pools = _read(estimate, variance, favored, model, tau2, alpha, mask, minimum_trials)
    share, single = as_level(level), pools[0].single
    return SelectionRatioEstimate(**_together([pool.report(1.0 / ratio, share) for pool in pools], single))


def worst_case(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    favored: str,
    threshold: float = 0.0,
    model: str = "random",
    tau2: str = "REML",
    alpha: float = 0.05,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> WorstCase:
    """Say how much likelier publication of affirmative trials would explain the pooled effect away.

    The S-value is that ratio of publication chances, for the estimate and for its confidence limit to come to
    `threshold` (on the scale of the effects). Beside it stands the pool under the worst selection there can
    be, which is that of the nonaffirmative trials alone. Arguments as in `selection_ratio_estimate`. Source:
    Mathur & VanderWeele 2020, 10.1111/rssc.12440.
    """
    pools = _read(estimate, variance, favored, model, tau2, alpha, mask, minimum_trials)
    share, single = as_level(level), pools[0].single
    target = float(as_floats("threshold", threshold)) * pools[0].sign
    values = [
        {"s_value": pool.s_value(target), "s_value_interval": pool.s_value_interval(target, share)} for pool in pools
    ]
    return WorstCase(
        uncorrected=SelectionRatioEstimate(**_together([pool.report(1.0, share) for pool in pools], single)),
        worst_case=SelectionRatioEstimate(**_together([pool.report(0.0, share) for pool in pools], single)),
        **_together(values, single),
        threshold=float(threshold),
        favored=favored,
        model=model,
    )


@dataclass(frozen=True, slots=True)
class _Pool:
    """Holds one meta-analysis turned so that selection favours high effects; `spread` is v + τ²."""

    y: NDArray
    spread: NDArray
    affirmative: NDArray
    tau2: float
    sign: float
    robust: bool
    single: bool

    def at(self, chance: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Return estimate, standard error and degrees of freedom at relative chances (G,) of publication."""
        weight = np.where(self.affirmative, np.asarray(chance)[:, None], 1.0) / self.spread
        share = weight / weight.sum(axis=1, keepdims=True)
        mean = self.y[0] + share @ (self.y - self.y[0])
        if self.robust:
            return mean, *self._sandwich(share, mean)
        left = (share > 0.0).sum(axis=1)
        return mean, np.sqrt((share**2 * self.spread).sum(axis=1)), np.where(left > 1, left - 1.0, np.inf)

    def _sandwich(self, share: NDArray, mean: NDArray) -> tuple[NDArray, NDArray]:
        """Return the CR2 standard error of weighted means, and Satterthwaite's df, both under v + τ²."""
        pull, own = share * self.spread, self.spread * sum_of_others(share) ** 2
        own += sum_of_others(share**2 * self.spread)
        meat = share**2 * self.spread / own
        whole, total = (share * pull).sum(axis=1), meat.sum(axis=1)
        first, second = (meat * pull).sum(axis=1), (meat * pull**2).sum(axis=1)
        trace = (meat**2 * self.spread * (self.spread + 2.0 * whole[:, None] - 4.0 * pull)).sum(axis=1)
        trace += (whole * total) ** 2 + 2.0 * total * second + 2.0 * first**2 - 4.0 * whole * total * first
        variance = (meat * (self.y - mean[:, None]) ** 2).sum(axis=1)
        return np.sqrt(variance), whole**2 / np.maximum(trace, whole**2 / (self.y.size - 1.0))

    def lower(self, chance: NDArray, level: float) -> NDArray:
        """Return the lower confidence limit at relative chances (G,)."""
        mean, se, df = self.at(chance)
        return mean - critical(level, df) * se

    def report(self, chance: float, level: float) -> dict[str, float]:
        """Return the fields of `SelectionRatioEstimate`, turned back."""
        affirmative = int(self.affirmative.sum())
        left = self.y.size - (affirmative if chance == 0.0 else 0)
        mean, se, df = self._alone(left) if left < 2 else (float(part[0]) for part in self.at(np.array([chance])))
        half = float(critical(level, np.array([df]))[0]) * se
        centre = self.sign * mean
        return {
            "ratio": 1.0 / chance if chance else np.inf,
            "estimate": centre,
            "se": se,
            "df": df,
            "p_value": float(two_sided(divided(np.array([centre]), np.array([se])), np.array([df]))[0]),
            "ci_low": centre - half,
            "ci_high": centre + half,
            "tau2": self.tau2,
            "affirmative": affirmative,
            "nonaffirmative": self.y.size - affirmative,
        }

    def _alone(self, left: int) -> tuple[float, float, float]:
        """Return what the worst case says when fewer than two trials are left for it."""
        if not left:
            return np.nan, np.nan, np.nan
        mean, se = float(self.y[~self.affirmative][0]), float(np.sqrt(self.spread[~self.affirmative][0]))
        return (mean, np.nan, np.nan) if self.robust else (mean, se, np.inf)

    def s_value(self, target: float) -> float:
        """Return the ratio at which the estimate comes to a target."""
        weighted = (self.y - target) / self.spread
        above, below = weighted[self.affirmative].sum(), -weighted[~self.affirmative].sum()
        if above <= below:
            return 1.0
        return float(above / below) if below > 0.0 else np.inf

    def s_value_interval(self, target: float, level: float) -> float:
        """Return the smallest ratio at which the lower confidence limit comes to a target."""
        ratios = np.geomspace(1.0, LARGEST_RATIO, 400)
        reached = np.flatnonzero(self.lower(1.0 / ratios, level) <= target)
        if not reached.size:
            return np.inf
        if reached[0] == 0:
            return 1.0
        ends = ratios[reached[0] - 1 : reached[0]], ratios[reached[0] : reached[0] + 1]
        return float(bracketed_roots(lambda ratio: self.lower(1.0 / ratio, level) - target, *ends)[0])


def _read(
    estimate: ArrayLike,
    variance: ArrayLike,
    favored: str,
    model: str,
    tau2: str,
    alpha: float,
    mask: ArrayLike | None,
    minimum_trials: int,
) -> list[_Pool]:
    sign = 1.0 if check_word("favored direction", favored, FAVORED) == "positive" else -1.0
    robust = check_word("model", model, MODELS) == "random"
    bound = -float(ndtri(0.5 * (1.0 - as_level(1.0 - alpha))))
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "selection by significance")
    pools = []
    for y, v in funnel.rows():
        between = float(estimate_tau2(y, variance=v, method=tau2).tau2) if robust else 0.0
        pools.append(_Pool(sign * y, v + between, sign * y > bound * np.sqrt(v), between, sign, robust, funnel.single))
    return pools


def _together(rows: list[dict[str, float]], single: bool) -> dict[str, object]:
    return unbatch({name: np.array([row[name] for row in rows]) for name in rows[0]}, single)
