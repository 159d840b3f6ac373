"""The verbs on effects: pool, by, leave one out, add one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta.arguments import at_most, yes_or_no
from bmac_meta.copies import held
from bmac_meta.errors import NotEnoughTrials, PoolingRefused, check_word
from bmac_meta.results import Pooled, Series, Subgroups
from bmac_meta.stats import pymare_engine
from bmac_meta.stats import subgroups as compare_subgroups
from bmac_meta.stats.inference import MODELS, RandomEffects, random_effects
from bmac_meta.stats.resampling import cumulative as cumulative_fits
from bmac_meta.stats.resampling import leave_one_out as leave_one_out_fits
from bmac_meta.synthesis.columns import groups_of, order_of, saying

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bmac_meta.effects import Effects

MOST_TRIALS, MOST_GROUPS = 10_000, 200
ENGINES = ("bmac_meta", "pymare")
FIT_COLUMNS = ("estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "i2", "q")


def pool(
    effects: Effects,
    tau2: str = "REML",
    interval: str | None = None,
    *,
    model: str = "random",
    level: float = 0.95,
    prediction: str = "same",
    engine: str = "bmac_meta",
) -> Pooled:
    """Pool the effects of the trials.

    `tau2` names an estimator (`bm.stats.TAU2_METHODS`), `interval` one of `bm.stats.INTERVALS`: floored Knapp–Hartung
    for random effects and Wald for a common effect unless one is named. `model="common"` assumes one true effect.
    `engine="pymare"` runs the same question through PyMARE. Raises `PoolingRefused` where these effects must not be
    pooled, with the trials and the way out, and `NotEnoughTrials` where there is none.
    """
    check_word("engine", engine, ENGINES)
    named = default_interval(model) if interval is None else interval
    check_poolable(effects)
    choices = {"tau2": tau2, "interval": named, "model": model, "level": level}
    if engine == "pymare":
        fit = pymare_engine.pool_with_pymare(effects.estimates, variance=effects.variances, **choices)
    else:
        fit = random_effects(effects.estimates, variance=effects.variances, prediction=prediction, **choices)
    return _pooled(effects, fit, engine)


def default_interval(model: str) -> str:
    """Return the interval of a model where none is named."""
    return "wald" if check_word("model", model, MODELS) == "common" else "knapp-hartung-floored"


def _pooled(effects: Effects, fit: RandomEffects, engine: str = "bmac_meta") -> Pooled:
    tables = held(effects, "frame"), held(effects, "left_out")
    return Pooled(effects.question, fit, *tables, effects.notes, engine)


def check_comparable(effects: Effects) -> None:
    """Raise where there is no effect, or where these effects must not be put together."""
    if len(effects) == 0:
        raise NotEnoughTrials(_nothing(effects))
    if effects.refusals:
        raise PoolingRefused(f"{effects.question.title} was not pooled: " + " ".join(effects.refusals))


def check_poolable(effects: Effects) -> None:
    """Raise as `check_comparable`, and where a study stands more than once, so that rows are not independent."""
    check_comparable(effects)
    if len(set(effects.studies)) < len(effects):
        twice = sorted(study for study, rows in Counter(effects.studies).items() if rows > 1)
        raise PoolingRefused(
            f"Studies stand more than once: {', '.join(twice)}. Their rows are not independent; keep one row each, "
            "give distinct trials distinct labels, or use robust(cluster='study'); gls('shared arm') where they were "
            "measured against one and the same arm."
        )


def _nothing(effects: Effects) -> str:
    reasons = effects.left_out.groupby("reason")["study"].agg(lambda names: _some(dict.fromkeys(map(str, names))))
    listed = "; ".join(f"{reason}: {studies}" for reason, studies in reasons.head(12).items())
    told = f"Left out: {listed}." if listed else "No trial has these arms and this outcome."
    return f"{effects.question.title}: no trial gives an effect. {told}"


def _some(names: Iterable[str], most: int = 6) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def leave_one_out(
    effects: Effects, tau2: str = "REML", interval: str = "knapp-hartung-floored", *, level: float = 0.95
) -> Series:
    """Pool the trials without each of them in turn."""
    pooled = pool(effects, tau2, interval, level=level)
    if pooled.k < 2:
        raise NotEnoughTrials(f"To leave one trial out takes 2 trials; here is {pooled.k}.")
    at_most(MOST_TRIALS, pooled.k, "trials", "leaving out each in turn")
    fits = leave_one_out_fits(effects.estimates, variance=effects.variances, tau2=tau2, interval=interval, level=level)
    return Series("without", _series_frame(effects.studies, fits), pooled)


def cumulative(
    effects: Effects,
    by: str = "year",
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    *,
    level: float = 0.95,
) -> Series:
    """Pool the trials one after the other, in the order of a column (year unless another is named).

    Categories come in their own order, words in that of the alphabet.
    """
    effects = saying(effects, by, "order the trials by another column")
    pooled = pool(effects, tau2, interval, level=level)
    at_most(MOST_TRIALS, pooled.k, "trials", "adding one after the other")
    ranks = order_of(effects.frame[by])
    result = cumulative_fits(
        effects.estimates, variance=effects.variances, by=ranks, tau2=tau2, interval=interval, level=level
    )
    place = np.argsort(ranks, kind="stable")
    labels = tuple(f"+ {effects.studies[i]}" for i in place)
    return Series(f"cumulative by {by}", _series_frame(labels, result.pooled), pooled)


def _series_frame(labels: tuple[str, ...], fits: RandomEffects) -> pd.DataFrame:
    numbers = {name: np.atleast_1d(getattr(fits, name)) for name in FIT_COLUMNS}
    return pd.DataFrame({"label": labels, "k": np.atleast_1d(fits.k), **numbers})


@dataclass(frozen=True, slots=True)
class Grouped:
    """Effects in groups by a column, to be pooled group by group."""

    effects: Effects
    column: str

    def pool(
        self,
        tau2: str = "REML",
        interval: str = "knapp-hartung-floored",
        *,
        common_tau2: bool = False,
        level: float = 0.95,
    ) -> Subgroups:
        """Pool each group and all trials, and test the difference between groups.

        `common_tau2` estimates one tau2 for all groups; the test under the other choice is shown as well. Raises as
        `Effects.pool` does.
        """
        yes_or_no("common_tau2", common_tau2)
        check_poolable(self.effects)
        labels, places = groups_of(self.effects.frame[self.column])
        at_most(MOST_GROUPS, len(labels), f"groups by {self.column}", "pooling each group")
        choices = {"tau2": tau2, "interval": interval, "level": level}
        arrays = {"variance": self.effects.variances, "labels": places}
        singles = not common_tau2 and len(labels) == len(places)
        test, other = (
            None
            if common and singles
            else replace(
                compare_subgroups(self.effects.estimates, **arrays, **choices, common_tau2=common), labels=labels
            )
            for common in (common_tau2, not common_tau2)
        )
        parts = tuple(
            _pooled(self.effects._keep(places == place, f"{self.column} is not {label}"), fit)
            for place, (label, fit) in enumerate(zip(labels, test.groups, strict=True))
        )
        return Subgroups(self.column, labels, parts, pool(self.effects, **choices), test, other)

    def forest(self, *, save: str | Path | None = None, **options: Any) -> Figure:
        """Draw the pooled groups."""
        return self.pool().forest(save=save, **options)


def grouped(effects: Effects, column: str) -> Grouped:
    """Group effects by a column; rows without a value in it are left out by name."""
    return Grouped(saying(effects, column, "group by another column"), column)
