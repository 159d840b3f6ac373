"""The verb that asks what a pooled effect would be if significant trials had been likelier to be published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bmac_meta import stats
from bmac_meta.arguments import several_numbers
from bmac_meta.errors import PoolingRefused
from bmac_meta.results.selection import Selection
from bmac_meta.synthesis.doubts import favored_side
from bmac_meta.synthesis.verbs import pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0, math.inf)


def selection(
    effects: Effects,
    ratios: Sequence[float] = RATIOS,
    tau2: str = "REML",
    *,
    favored: str | None = None,
    alpha: float = 0.05,
    level: float = 0.95,
    minimum_trials: int = 10,
) -> Selection:
    """Pool as if significant trials on the favored side were so many times likelier to be published than all others.

    `ratios` are these numbers, 1 for no selection and infinity for the worst case. `favored` is "negative" or
    "positive"; by default the better side for the patients, or else that of the pooled effect. Standard errors are
    robust, as `doubts()` has them for its S-value. Raises as `pool` does, `PoolingRefused` for a measure without a
    value of no effect, and `NotEnoughTrials` below `minimum_trials`. Source: Mathur & VanderWeele 2020,
    10.1111/rssc.12440.
    """
    wanted = "a number of 1 or more, infinite for the worst case"
    ratios = several_numbers("ratios", ratios, wanted, lambda ratio: ratio >= 1)
    pooled = pool(effects, tau2, level=level)
    if pooled.measure.null is None:
        raise PoolingRefused(f"A {pooled.measure.label} has no value of no effect, so no trial is significant.")
    side, source = favored_side(pooled) if favored is None else (favored, "as given")
    choices = {"favored": side, "tau2": tau2, "alpha": alpha, "level": level, "minimum_trials": minimum_trials}
    data = {"variance": effects.variances} | choices
    fits = tuple(stats.selection_ratio_estimate(effects.estimates, ratio=ratio, **data) for ratio in ratios)
    return Selection(pooled, fits, side, source, alpha, level)
