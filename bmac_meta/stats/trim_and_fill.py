"""Trim and fill: how many trials a symmetric funnel would need, and the pooled effect with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import check_word
from bmac_meta.stats.batch import unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.funnel import Funnel, read_funnel, require_variation, weighted_line, without_rounding
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression

MOST_ROUNDS = 200
POOLED = ("estimate", "se", "p_value", "ci_low", "ci_high", "tau2", "k")


@dataclass(frozen=True, slots=True)
class TrimAndFill:
    """Holds a meta-analysis to which mirror images of its most extreme trials were added; floats, or (B,).

    `filled` is the number of trials added on `side` ("left" or "right"); `filled_estimate` and
    `filled_variance`, (k,) or (B, k), are those trials, NaN elsewhere. The pooled numbers and `k` are those
    of observed and added trials together. `stable` is False where the count still changed after 200 rounds,
    so that it has no settled value.
    """

    side: str | NDArray
    filled: int | NDArray
    estimate: float | NDArray
    se: float | NDArray
    p_value: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray
    tau2: float | NDArray
    k: int | NDArray
    filled_estimate: NDArray
    filled_variance: NDArray
    stable: bool | BoolArray


def trim_and_fill(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    side: str | None = None,
    estimator: str = "L0",
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> TrimAndFill:
    """Estimate how many extreme trials lack a mirror image, add them, and pool again.

    `side` is where trials are missing, "left" or "right"; by default the side that the regression of effect
    on standard error (with the same `tau2` method) points to: left when small trials have the larger effects.
    `estimator` is "L0" or "R0"; `tau2`, `interval`, `model` and `level` are those of `random_effects`.
    Trials with equal effects are trimmed in their order, the last first: only where such a tie straddles the
    edge can the order of rows matter.

    It assumes that the most extreme effects on one side were suppressed, whatever their precision; other
    causes of asymmetry are corrected all the same. Raises `NotEnoughTrials` below `minimum_trials`. Sources:
    Duval & Tweedie 2000, 10.1111/j.0006-341X.2000.00455.x and 10.1080/01621459.2000.10473905.
    """
    check_word("trim-and-fill estimator", estimator, COUNT_MISSING)
    funnel = read_funnel(estimate, variance, mask, minimum_trials)
    sign = _orientation(funnel, side, tau2, model)
    turned = _turned(funnel, sign)
    options = {"tau2": tau2, "interval": interval, "model": model, "level": level}
    filled, centre, stable = _trim(turned, COUNT_MISSING[estimator], options)
    return _fill(turned, filled, centre, stable, sign, options)


def _orientation(funnel: Funnel, side: str | None, tau2: str, model: str) -> NDArray:
    """Return +1 where trials are missing on the left and −1 where on the right, shaped (B, 1)."""
    if side is not None:
        left = check_word("side", side, ("left", "right")) == "left"
        return np.full((len(funnel.y), 1), 1.0 if left else -1.0)
    x = np.sqrt(funnel.v)
    require_variation(x, funnel.present)
    if model == "common":
        slope = weighted_line(funnel.y, x, 1.0 / funnel.v, funnel.present, 0.95)["slope"]
    else:
        design = np.stack([np.ones_like(x), x], axis=2)
        fit = meta_regression(funnel.y, variance=funnel.v, design=design, tau2=tau2, mask=funnel.present)
        slope = fit.coefficients[:, 1]
    return np.where(slope < 0.0, -1.0, 1.0)[:, None]


def _turned(funnel: Funnel, sign: NDArray) -> Funnel:
    """Turn each funnel so that trials are missing on the left, and sort it by effect, absent trials last."""
    y = np.where(funnel.present, sign * funnel.y, np.inf)
    order = y.argsort(axis=1, kind="stable")
    y, v, present = (np.take_along_axis(part, order, 1) for part in (y, funnel.v, funnel.present))
    return Funnel(np.where(present, y, 0.0), v, present, funnel.single)


def _trim(
    funnel: Funnel, count: Callable[[NDArray, NDArray], NDArray], options: dict[str, Any]
) -> tuple[NDArray, NDArray, BoolArray]:
    """Return how many trials are missing, the centre once as many are trimmed, and if that settled."""
    place, trials = np.arange(funnel.y.shape[1]), funnel.trials
    following = np.zeros(len(trials), dtype=int)
    for _ in range(MOST_ROUNDS):
        filled = following
        keep = place < (trials - filled)[:, None]
        centre = random_effects(funnel.y, variance=funnel.v, mask=keep, **options).estimate
        following = count(_signed_ranks(funnel, centre), trials)
        if (following == filled).all():
            break
    return filled, centre, following == filled


def _signed_ranks(funnel: Funnel, centre: NDArray) -> NDArray:
    """Return ranks of the distances from the centre, negative for trials not above it, 0 for absent ones."""
    distance = without_rounding(funnel.y - centre[:, None], funnel.y, funnel.present)
    size = np.where(funnel.present, np.abs(distance), np.inf)
    ranks = size.argsort(axis=1, kind="stable").argsort(axis=1) + 1.0
    return np.where(funnel.present, np.where(distance > 0.0, ranks, -ranks), 0.0)


def linear_count(ranks: NDArray, trials: NDArray) -> NDArray:
    """Return the estimator L0: from the sum of the ranks above the centre."""
    above = np.maximum(ranks, 0.0).sum(axis=1)
    excess = (4.0 * above - trials * (trials + 1.0)) / (2.0 * trials - 1.0)
    return np.maximum(np.rint(excess), 0.0).astype(int)


def run_count(ranks: NDArray, trials: NDArray) -> NDArray:
    """Return the estimator R0: from the run of largest distances that all lie above the centre."""
    run = trials - np.maximum(-ranks, 0.0).max(axis=1)
    return np.clip(run - 1.0, 0.0, trials - 2.0).astype(int)


COUNT_MISSING = {"L0": linear_count, "R0": run_count}


def _fill(
    funnel: Funnel,
    filled: NDArray,
    centre: NDArray,
    stable: BoolArray,
    sign: NDArray,
    options: dict[str, Any],
) -> TrimAndFill:
    place, last = np.arange(funnel.y.shape[1]), funnel.trials[:, None]
    added = (place >= last - filled[:, None]) & (place < last)
    mirrored = 2.0 * centre[:, None] - funnel.y
    y, v = sign * np.hstack([funnel.y, mirrored]), np.hstack([funnel.v, funnel.v])
    pooled = random_effects(y, variance=v, mask=np.hstack([funnel.present, added]), **options)
    fields = {
        "side": np.where(sign[:, 0] > 0.0, "left", "right"),
        "filled": filled,
        "filled_estimate": np.where(added, sign * mirrored, np.nan),
        "filled_variance": np.where(added, funnel.v, np.nan),
        "stable": stable,
    }
    fields |= {name: getattr(pooled, name) for name in POOLED}
    return TrimAndFill(**unbatch(fields, funnel.single))
