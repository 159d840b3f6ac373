"""The verb that asks how far the trials differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmac_meta import stats
from bmac_meta.errors import NotEnoughTrials
from bmac_meta.results.heterogeneity import Heterogeneity
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects


def heterogeneity(effects: Effects, tau2: str = "REML", *, level: float = 0.95) -> Heterogeneity:
    """Say how far the trials differ: Q, τ, I² and H² with their intervals, and τ and the answer by every estimator.

    `tau2` names the estimator of the first lines. The intervals are Q-profile, and for τ by profile likelihood beside
    it (of the full likelihood for "ML", else of the restricted one). Raises as `pool` does, and `NotEnoughTrials` for
    one trial. Sources: Viechtbauer 2007, 10.1002/sim.2514; Hardy & Thompson 1996,
    10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A; Veroniki et al. 2016, 10.1002/jrsm.1164.
    """
    pooled = pool(effects, tau2, level=level)
    if pooled.k < 2:
        raise NotEnoughTrials("How far trials differ takes 2 trials; here is 1. pool() shows it as it is.")
    data = {"variance": effects.variances, "level": level}
    return Heterogeneity(
        pooled,
        stats.heterogeneity(effects.estimates, tau2=tau2, **data),
        stats.profile_likelihood_interval(effects.estimates, method="ML" if tau2 == "ML" else "REML", **data),
        {name: stats.random_effects(effects.estimates, tau2=name, **data) for name in stats.TAU2_METHODS},
    )
