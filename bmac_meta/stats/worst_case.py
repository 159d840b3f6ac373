"""How strong selection by significance would have to be to explain a pooled effect away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmac_meta.arguments import one_share
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_floats, as_level, map_chunks, unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.funnel import read_funnel
from bmac_meta.stats.inference import MODELS
from bmac_meta.stats.inference import ratio as divided
from bmac_meta.stats.reference import critical, two_sided
from bmac_meta.stats.step_selection import FAVORED
from bmac_meta.stats.tau2 import estimate_tau2
from bmac_meta.stats.two_groups import TwoGroups

# A search looks at some forty places of a row at once; smaller chunks than these would be overhead mostly.
SEARCH_WIDTH = 8


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
    publication chances that moves the estimate to `threshold`, `s_value_interval` the smallest one that moves
    the near confidence limit there: 1 where it lies there already, infinite where no ratio does it, however
    large.
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
    assumed = as_floats("ratio", ratio)
    if assumed.ndim or not assumed >= 1.0:
        raise InputError(f"ratio is {ratio!r}; it must be one number of 1 or more, or infinite for the worst case.")
    trials, share = _read(estimate, variance, favored, model, tau2, alpha, mask, minimum_trials), as_level(level)
    return trials.report(1.0 / float(assumed), share)


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
    be, which is that of the nonaffirmative trials alone. Arguments as in `selection_ratio_estimate`.

    Under a common effect the limit comes to the threshold once at most. Under random effects it may turn back
    on its way: it is looked at for ratios a factor of 1.35 or less apart, from 1 to where affirmative trials
    have lost their weight, and then ever closer about each turn that comes near the threshold. What could be
    missed is a passage there and back between two such ratios that its surroundings don't announce. Source:
    Mathur & VanderWeele 2020, 10.1111/rssc.12440.
    """
    target = as_floats("threshold", threshold)
    if target.ndim or not np.isfinite(target):
        raise InputError(f"threshold is {threshold!r}; give one finite number on the scale of the effects, such as 0.")
    trials, share = _read(estimate, variance, favored, model, tau2, alpha, mask, minimum_trials), as_level(level)
    return WorstCase(
        uncorrected=trials.report(1.0, share),
        worst_case=trials.report(0.0, share),
        **trials.s_values(float(target) * trials.sign, share),
        threshold=float(target),
        favored=favored,
        model=model,
    )


def _read(
    estimate: ArrayLike,
    variance: ArrayLike,
    favored: str,
    model: str,
    tau2: str,
    alpha: float,
    mask: ArrayLike | None,
    minimum_trials: int,
) -> _Trials:
    sign = 1.0 if check_word("favored direction", favored, FAVORED) == "positive" else -1.0
    robust = check_word("model", model, MODELS) == "random"
    bound = -float(ndtri(0.5 * one_share("alpha", alpha, 0.05)))
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "selection by significance")
    between = np.zeros(len(funnel.y))
    if robust:
        between = estimate_tau2(funnel.y, variance=funnel.v, mask=funnel.present, method=tau2).tau2
    y, affirmative = sign * funnel.y, sign * funnel.y > bound * np.sqrt(funnel.v)
    return _Trials(y, funnel.v, between, funnel.present, affirmative, sign, robust, funnel.single)


@dataclass(frozen=True, slots=True)
class _Trials:
    """Holds meta-analyses (B, k) turned so that selection favours high effects, harmless where not `present`."""

    y: NDArray
    v: NDArray
    tau2: NDArray
    present: BoolArray
    affirmative: BoolArray
    sign: float
    robust: bool
    single: bool

    def groups(self, rows: slice) -> TwoGroups:
        """Return some of the meta-analyses with the affirmative trials as the first group."""
        spread = self.v[rows] + self.tau2[rows, None]
        return TwoGroups.of(self.y[rows], spread, self.present[rows], self.affirmative[rows], self.robust)

    def report(self, chance: float, level: float) -> SelectionRatioEstimate:
        """Return the pools at a relative chance of publication of all others."""

        def part(rows: slice) -> dict[str, NDArray]:
            groups = self.groups(rows)
            mean, se, df = groups.at_chance(chance)
            centre, half = self.sign * mean, critical(level, df) * se
            return {
                "ratio": np.full(mean.shape, 1.0 / chance if chance else np.inf),
                "estimate": centre,
                "se": se,
                "df": df,
                "p_value": two_sided(divided(centre, se), df),
                "ci_low": centre - half,
                "ci_high": centre + half,
                "tau2": self.tau2[rows],
                "affirmative": groups.trials[:, 0],
                "nonaffirmative": groups.trials[:, 1],
            }

        return SelectionRatioEstimate(**unbatch(self._map(part), self.single))

    def s_values(self, target: float, level: float) -> dict[str, object]:
        """Return the ratios at which the estimate and its lower limit come to a target."""

        def part(rows: slice) -> dict[str, NDArray]:
            groups = self.groups(rows)
            ratio = groups.smallest_ratio(target, level)
            return {"s_value": _mean_ratio(groups, target), "s_value_interval": ratio}

        return unbatch(self._map(part), self.single)

    def _map(self, part: Callable[[slice], dict[str, NDArray]]) -> dict[str, NDArray]:
        return map_chunks(part, len(self.y), self.y.shape[1] * SEARCH_WIDTH)


def _mean_ratio(groups: TwoGroups, target: float) -> NDArray:
    """Return the ratio (m,) at which the pooled effect comes to a target."""
    above, below = (groups.total * (groups.mean - target) * [1.0, -1.0]).T
    ratio = np.divide(above, below, out=np.full(above.shape, np.inf), where=(below > 0.0) & (above > below))
    return np.where(above <= below, 1.0, ratio)
