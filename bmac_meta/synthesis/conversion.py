"""The verb that gives effects as another measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.errors import PoolingRefused
from bmac_meta.stats.convert import Distribution
from bmac_meta.stats.measures import measure_named

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

ODDS, DIFFERENCES = ("OR", "PETO"), ("SMD", "SMDH")
FACTORS = {"logistic": "π/√3", "cox": "1.65"}


def as_measure(effects: Effects, measure: str, *, distribution: Distribution = "logistic") -> Effects:
    """Give odds ratios as standardized mean differences (`measure="SMD"`), or the other way round ("OR").

    A log odds ratio is taken for a cut through an outcome that is continuous beneath: π/√3 times the standardized
    difference for a `distribution` that is "logistic", 1.65 times for "cox". The sign stays, so that what favors whom
    stays as well. Each step is written into the history, and the result says that its effects were converted. Raises
    `PoolingRefused` for measures that have no such bridge. Source: Chinn 2000,
    10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M; Cochrane Handbook 10.6.
    """
    code = effects.measure.code
    if measure_named(measure).code == code:
        return effects
    bridges = {("SMD", kind): stats.smd_from_log_odds_ratio for kind in ODDS}
    bridges |= {("OR", kind): stats.log_odds_ratio_from_smd for kind in DIFFERENCES}
    if (measure, code) not in bridges:
        raise PoolingRefused(
            f"{code} cannot be given as {measure}: there is a bridge between odds ratios ({', '.join(ODDS)}) and "
            f"standardized mean differences ({', '.join(DIFFERENCES)}). Pool {code} apart, or combine p values."
        )
    made = bridges[measure, code](estimate=effects.estimates, variance=effects.variances, distribution=distribution)
    words = f"{code} given as {measure} ({distribution} distribution, factor {FACTORS[distribution]})"
    return replace(
        effects,
        frame=effects.frame.assign(estimate=np.atleast_1d(made.estimate), se=np.atleast_1d(made.se)),
        question=replace(effects.question, measure=measure, unit=""),
        steps=_with_step(effects, words),
        notes=(*effects.notes, words),
    )


def _with_step(effects: Effects, words: str) -> pd.DataFrame:
    """Return the history with one more step for each study, behind those that it has."""
    steps, studies = effects.steps, list(dict.fromkeys(effects.studies))
    taken = steps["study"].value_counts().reindex(studies, fill_value=0)
    added = pd.DataFrame({"study": studies, "step": taken.to_numpy() + 1, "arm": "", "what": words, "address": ""})
    both = pd.concat([steps, added], ignore_index=True) if len(steps) else added
    places = {study: place for place, study in enumerate(studies)}
    return both.sort_values("study", kind="stable", key=lambda names: names.map(places), ignore_index=True)
