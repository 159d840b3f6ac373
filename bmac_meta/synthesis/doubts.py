"""The verb that stands beside `pool`: everything that a sceptic asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.arguments import whole_number
from bmac_meta.errors import BmacMetaError, PoolingRefused
from bmac_meta.narrowing import floats_in, said_yes
from bmac_meta.results.doubts import Doubts, Refused, Sensitivity
from bmac_meta.results.pooled import Pooled
from bmac_meta.synthesis.verbs import leave_one_out, pool

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

COUNTS = ("events_a", "total_a", "events_b", "total_b")
TABLES = ("OR", "RR", "RD", "PETO", "AS")
STANDARDIZED = ("SMD", "SMDH")
PRINTED = "SD as printed"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every question is asked of."""

    effects: Effects
    pooled: Pooled
    favored: str
    minimum_trials: int
    tau2: str
    interval: str

    @property
    def data(self) -> dict[str, Any]:
        return {
            "estimate": self.effects.estimates,
            "variance": self.effects.variances,
            "minimum_trials": self.minimum_trials,
        }

    def need_null(self) -> None:
        """Raise `PoolingRefused` for a measure without a value of no effect."""
        if self.effects.measure.null is None:
            raise PoolingRefused(f"a {self.effects.measure.label} has no value of no effect, so none is significant.")


def doubts(
    effects: Effects,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    *,
    minimum_trials: int = 10,
) -> Doubts:
    """Ask what a sceptic asks of the pooled effect; what cannot be answered says why.

    Small-study effects (Egger, Begg, Harbord, Peters), what is left of the effect if they or selective publication are
    taken away (trim and fill, PET-PEESE, step selection, worst case, Henmi–Copas), excess significance, single trials,
    the choice of method, derived and flagged numbers. `tau2` and `interval` as in `pool`. What looks at the shape of
    the funnel needs `minimum_trials`. Raises as `pool` does.
    """
    minimum_trials = whole_number("minimum_trials", minimum_trials)
    pooled = pool(effects, tau2, interval)
    favored, source = favored_side(pooled)
    asked = _Asked(effects, pooled, favored, minimum_trials, tau2, interval)
    return Doubts(pooled, {name: _tried(ask, asked) for name, ask in QUESTIONS.items()}, favored, source)


def favored_side(pooled: Pooled) -> tuple[str, str]:
    """Return the direction in which significant trials are taken to be published sooner, and where it is from."""
    better = pooled.question.lower_is_better
    if better is None:
        return ("negative" if pooled.fit.estimate < 0 else "positive"), "the side of the pooled effect"
    return ("negative" if better else "positive"), "the better side for the patients"


def _tried(ask: Callable[[_Asked], Any], asked: _Asked) -> Any:
    """Return the answer, or why there is none; only refusals that this package words itself are taken."""
    try:
        return ask(asked)
    except BmacMetaError as refusal:
        return Refused(str(refusal).partition(". ")[0].rstrip("."))


def _egger(asked: _Asked) -> stats.FunnelRegression:
    choices = {"tau2": asked.tau2, "interval": asked.interval}
    return stats.egger_mixed_effects(**asked.data, **choices, predictor=_size_predictor(asked.effects))


def _egger_classical(asked: _Asked) -> stats.FunnelRegression:
    return stats.egger_test(**asked.data, predictor=_size_predictor(asked.effects))


def _size_predictor(effects: Effects) -> np.ndarray | None:
    """Return √(1/n + 1/n) for standardized mean differences whose sizes are all known, else None."""
    if effects.measure.code not in STANDARDIZED or not {"n_a", "n_b"} <= set(effects.frame):
        return None
    found = (pd.to_numeric(effects.frame[name], errors="coerce") for name in ("n_a", "n_b"))
    sizes = [column.to_numpy(float, na_value=np.nan) for column in found]
    if not all((np.isfinite(size) & (size >= 1)).all() for size in sizes):
        return None
    return stats.size_standard_error(*sizes)


def _begg(asked: _Asked) -> stats.RankTest:
    return stats.begg_test(**asked.data)


def _harbord(asked: _Asked) -> stats.FunnelRegression:
    return stats.harbord_test(**_tables(asked.effects), minimum_trials=asked.minimum_trials)


def _peters(asked: _Asked) -> stats.FunnelRegression:
    return stats.peters_test(**_tables(asked.effects), minimum_trials=asked.minimum_trials)


def _tables(effects: Effects) -> Mapping[str, np.ndarray]:
    if effects.measure.code not in TABLES or not set(COUNTS) <= set(effects.frame):
        raise PoolingRefused("this test is for trials that print events and totals of both arms")
    counts = effects.frame[list(COUNTS)].apply(floats_in)
    missing = int(counts.isna().any(axis=1).sum())
    if missing:
        raise PoolingRefused(f"{missing} of {len(counts)} trials print no counts")
    return {name: counts[name].to_numpy(float) for name in COUNTS}


def _trim_and_fill(asked: _Asked) -> stats.TrimAndFill:
    return stats.trim_and_fill(**asked.data, tau2=asked.tau2, interval=asked.interval)


def _pet_peese(asked: _Asked) -> stats.PetPeese:
    return stats.pet_peese(**asked.data, predictor=_size_predictor(asked.effects))


def _step_selection(asked: _Asked) -> stats.StepSelection:
    asked.need_null()
    return stats.step_selection(**asked.data, favored=asked.favored)


def _worst_case(asked: _Asked) -> stats.WorstCase:
    asked.need_null()
    return stats.worst_case(**asked.data, favored=asked.favored, tau2=asked.tau2)


def _henmi_copas(asked: _Asked) -> stats.HenmiCopas:
    return stats.henmi_copas(asked.effects.estimates, variance=asked.effects.variances)


def _excess(asked: _Asked) -> stats.ExcessSignificance:
    asked.need_null()
    return stats.excess_significance(**asked.data)


def _fail_safe(asked: _Asked) -> stats.FailSafeNumber:
    asked.need_null()
    return stats.fail_safe_number(**asked.data)


def _leave_one_out(asked: _Asked) -> Any:
    return leave_one_out(asked.effects, asked.tau2, asked.interval)


def _panel(asked: _Asked) -> stats.SmallKPanel:
    asked.need_null()
    if asked.pooled.panel is None:
        raise PoolingRefused("methods cannot be compared on one trial")
    return asked.pooled.panel


def _derived(asked: _Asked) -> Sensitivity:
    frame = asked.effects.frame
    columns = [name for name in ("spread_a", "spread_b") if name in frame]
    if not columns or frame[columns].isna().all(axis=None):
        raise PoolingRefused("it is not known how the spreads came about, or the trials count events")
    kinds = [" and ".join(dict.fromkeys(map(str, row[row.notna()]))) for _, row in frame[columns].iterrows()]
    words = pd.Series([kind or "unknown" for kind in kinds], index=frame.index)
    return _without(asked, words, words != PRINTED)


def _flagged(asked: _Asked) -> Sensitivity:
    if "flags" not in asked.effects.frame:
        raise PoolingRefused("no flags come with these effects")
    flags = asked.effects.frame["flags"]
    words = flags.where(flags.map(lambda cell: isinstance(cell, str)), "").astype(str).str.strip()
    words = words.mask(said_yes(flags), "flagged").str.replace("_", " ").str.replace(";", " and ")
    return _without(asked, words, words != "")


def _without(asked: _Asked, words: pd.Series, doubtful: pd.Series) -> Sensitivity:
    """Pool the trials that are not doubtful, and say what weight the others have, by kind."""
    weights = pd.Series(np.atleast_1d(asked.pooled.fit.weights), index=words.index)
    shares = weights[doubtful].groupby(words[doubtful]).sum().sort_values(ascending=False, kind="stable")
    kept = asked.effects._keep(~doubtful.to_numpy(), "looked at apart")
    rest = pool(kept, asked.tau2, asked.interval) if len(kept) else None
    studies = tuple(asked.effects.frame["study"][doubtful].astype(str))
    kinds = tuple((str(word), float(share)) for word, share in shares.items())
    return Sensitivity(kinds, studies, float(weights[doubtful].sum()), rest)


QUESTIONS = {
    "Egger": _egger,
    "Egger, classical": _egger_classical,
    "Begg": _begg,
    "Harbord": _harbord,
    "Peters": _peters,
    "trim and fill": _trim_and_fill,
    "PET-PEESE": _pet_peese,
    "step selection": _step_selection,
    "worst case": _worst_case,
    "Henmi–Copas": _henmi_copas,
    "excess significance": _excess,
    "fail-safe N": _fail_safe,
    "leave one out": _leave_one_out,
    "small-k panel": _panel,
    "derived spreads": _derived,
    "flagged rows": _flagged,
}
