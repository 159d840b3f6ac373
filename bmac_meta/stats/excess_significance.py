"""The test of excess significance: are there more significant trials than their power can explain?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from bmac_meta.arguments import one_share
from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_floats, unbatch
from bmac_meta.stats.funnel import read_funnel
from bmac_meta.stats.inference import common_effect, ratio

MOST_TRIALS = 10_000


@dataclass(frozen=True, slots=True)
class ExcessSignificance:
    """Holds the comparison of significant trials with the number expected; fields are floats, or (B,).

    `observed` and `expected` count trials with two-sided p of `alpha` or less; `power`, (k,) or (B, k), is
    the chance of that for each trial if the true effect is `effect`, 0 where masked. `statistic` is χ² with 1
    degree of freedom, `p_value` the one-sided p from it for an excess, `exact_p_value` the chance of as many
    or more significant trials.
    """

    observed: int | NDArray
    expected: float | NDArray
    effect: float | NDArray
    power: NDArray
    statistic: float | NDArray
    p_value: float | NDArray
    exact_p_value: float | NDArray
    k: int | NDArray
    alpha: float


def excess_significance(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    effect: ArrayLike | None = None,
    alpha: float = 0.05,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> ExcessSignificance:
    """Compare the number of significant trials with that expected from their power at one true effect.

    `effect`, a number or (B,), defaults to the common-effect pool; with variance between trials the
    expectation is too low or too high. Shapes (k,) or (B, k) with `mask`. Raises `NotEnoughTrials` below
    `minimum_trials`. Source: Ioannidis & Trikalinos 2007, 10.1177/1740774507079441.
    """
    bound = -float(ndtri(0.5 * one_share("alpha", alpha, 0.05)))
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "excess significance")
    if funnel.y.shape[1] > MOST_TRIALS:
        raise InputError(
            f"the exact distribution of the number of significant trials is for {MOST_TRIALS:,} at most; here are "
            f"{funnel.y.shape[1]:,}."
        )
    se, k = np.sqrt(funnel.v), funnel.trials
    if effect is None:
        effect = common_effect(funnel.y, variance=funnel.v, mask=funnel.present).estimate
    true = as_floats("effect", effect)
    if true.shape not in ((), k.shape) or not np.isfinite(true).all():
        raise InputError(f"effect is {effect!r}; give one finite number, or one for each meta-analysis.")
    true = np.broadcast_to(true, k.shape)
    shift = true[:, None] / se
    power = np.where(funnel.present, ndtr(shift - bound) + ndtr(-shift - bound), 0.0)
    observed = (funnel.present & (np.abs(funnel.y) >= bound * se)).sum(axis=1)
    expected = power.sum(axis=1)
    excess = observed - expected
    root = ratio(excess, np.sqrt(expected * (k - expected) / k))
    fields = {
        "observed": observed,
        "expected": expected,
        "effect": true,
        "power": power,
        "statistic": root**2,
        "p_value": ndtr(-root),
        "exact_p_value": np.array([_at_least(*row) for row in zip(observed, power, strict=True)]),
        "k": k,
    }
    return ExcessSignificance(**unbatch(fields, funnel.single), alpha=float(alpha))


def _at_least(observed: int, power: NDArray) -> float:
    """Return the chance that at least so many of independent events with these chances happen."""
    chance = np.zeros(power.size + 1)
    chance[0] = 1.0
    for hit in power:
        chance[1:] = chance[1:] * (1.0 - hit) + chance[:-1] * hit
        chance[0] *= 1.0 - hit
    return min(1.0, float(chance[observed:].sum()))
