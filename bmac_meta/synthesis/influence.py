"""The verbs that look at single trials: what hangs on them, what their own effects may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmac_meta import stats
from bmac_meta.errors import NotEnoughTrials
from bmac_meta.results.influence import Influence
from bmac_meta.results.shrunken import Shrunken
from bmac_meta.results.subsets import Gosh
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects


def influence(effects: Effects, tau2: str = "REML", interval: str = "knapp-hartung-floored") -> Influence:
    """Measure what leaving out each trial does: residuals, DFFITS, Cook, leverage, τ² and Q without it.

    `tau2` and `interval` as in `pool`. Raises `NotEnoughTrials` below 3 trials.
    """
    pooled = pool(effects, tau2, interval)
    data = {"variance": effects.variances}
    return Influence(
        pooled,
        stats.influence(effects.estimates, tau2=tau2, **data),
        stats.baujat(effects.estimates, **data),
        stats.radial(effects.estimates, tau2=tau2, **data),
    )


def shrunken(
    effects: Effects, tau2: str = "REML", interval: str = "knapp-hartung-floored", *, level: float = 0.95
) -> Shrunken:
    """Estimate the true effect of each trial from its own result and from all trials (empirical Bayes).

    `tau2`, `interval` and `level` as in `pool`. Raises as `pool` does, and `NotEnoughTrials` for a single trial.
    Source: Raudenbush & Bryk 1985, 10.3102/10769986010002075.
    """
    choices = {"tau2": tau2, "interval": interval, "level": level}
    pooled = pool(effects, **choices)
    return Shrunken(pooled, stats.shrunken_effects(effects.estimates, variance=effects.variances, **choices))


def gosh(effects: Effects, *, subsets: int = 100_000, seed: int = 0, tau2: str = "REML") -> Gosh:
    """Pool every subset of the trials or, where there are more than `subsets`, a random sample with this `seed`.

    Raises `NotEnoughTrials` below 3 trials.
    """
    pooled = pool(effects, tau2)
    if pooled.k < 3:
        raise NotEnoughTrials(f"Subsets that differ take 3 trials; here are {pooled.k}. Look at the trials themselves.")
    data = {"variance": effects.variances, "tau2": tau2}
    return Gosh(pooled, stats.gosh(effects.estimates, **data, subsets=subsets, seed=seed), seed)
