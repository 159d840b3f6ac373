"""A standardized effect in the points of an instrument that patients and doctors know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.arguments import one_number, one_of
from bmac_meta.card import Card, Line, Shown
from bmac_meta.errors import InputError, PoolingRefused
from bmac_meta.narrowing import floats_in, said_yes
from bmac_meta.numbers import count_noun, format_interval, format_level, format_number

if TYPE_CHECKING:
    from bmac_meta.results.pooled import Pooled

STANDARDIZED = ("SMD", "SMDH", "SMCR")
ENDS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
ARMS = (("sd_a", "n_a"), ("sd_b", "n_b"))


@dataclass(frozen=True, repr=False, eq=False)
class Points(Shown):
    """A pooled standardized effect in points of an instrument: `pooled`, times `sd`.

    `sign` is −1 where high scores of the instrument are good and effects were turned so that low ones are; `source`
    says where the SD is from. All limits are those of the pooled effect: the SD is taken as known.
    """

    pooled: Pooled
    instrument: str
    sd: float
    sign: float
    source: str

    def points(self, *names: str) -> list[float]:
        """Return some numbers of the pooled effect in points."""
        numbers = [getattr(self.pooled.fit, name) for name in names]
        return (self.sign * stats.points_from_smd(smd=numbers, sd=self.sd)).tolist()

    def tidy(self) -> pd.DataFrame:
        """Return the effect in points as a table of one row, limits in ascending order."""
        numbers = dict(zip(ENDS, self.points(*ENDS), strict=True))
        if self.sign < 0:
            for kind in ("ci", "pi"):
                low, high = f"{kind}_low", f"{kind}_high"
                numbers[low], numbers[high] = numbers[high], numbers[low]
        asked = {"question": self.pooled.question.title, "instrument": self.instrument}
        return pd.DataFrame([asked | numbers | {"sd": self.sd, "source": self.source}])

    def card(self) -> Card:
        """Return the effect in points as a card."""
        pooled, row = self.pooled, self.tidy().iloc[0]
        fit = pooled.fit
        interval = f"{format_level(fit.level)} CI {pooled.interval(fit.ci_low, fit.ci_high)}"
        lines = [
            Line(pooled.measure.code, pooled.number(fit.estimate), interval, pooled.favours),
            Line("points", format_number(row["estimate"], 1), f"{format_level(fit.level)} CI {_interval(row, 'ci')}"),
        ]
        if not np.isnan(row["pi_low"]):
            lines.append(Line("a new trial", "", f"{format_level(fit.level)} PI {_interval(row, 'pi')}"))
        lines.append(Line("one SD", format_number(self.sd, 1), "", self.source))
        notes = ("the SD is taken as known: another one gives other points",)
        return Card(pooled.question.title, f"points of {self.instrument}", tuple(lines), (), notes)


def _interval(row: pd.Series, kind: str) -> str:
    return format_interval(row[f"{kind}_low"], row[f"{kind}_high"], 1)


def in_points(pooled: Pooled, instrument: str, *, sd: float | None = None) -> Points:
    """Give a standardized effect in points of an instrument: times `sd`, its spread between patients.

    Without `sd` it is pooled over the arms of the trials here that used the instrument, on the scale that most of them
    used (of several the widest). Raises `PoolingRefused` for a measure that is not standardized, `UnknownWordError` for
    an instrument that no trial here used, and `InputError` for an SD that is none. Source: Cochrane Handbook 15.5.3.2.
    """
    if pooled.measure.code not in STANDARDIZED:
        raise PoolingRefused(
            f"{pooled.measure.code} is not in standard deviations; give one of {', '.join(STANDARDIZED)}."
        )
    if sd is not None:
        return Points(pooled, instrument, _checked(sd), 1.0, "as given")
    rows = _rows_of(pooled.rows, instrument)
    low, high = _scale(rows)
    spread = _pooled_sd(rows, low, high)
    source = f"pooled over the arms of {count_noun(len(rows), 'trial')} that used it"
    source += "" if np.isnan(low) else f", on {low:g} to {high:g}"
    turned = (said_yes(rows["higher_is_better"]) | (floats_in(rows["higher_is_better"]) == 1)).all()
    return Points(pooled, instrument, spread, -1.0 if turned else 1.0, source)


def _checked(sd: float) -> float:
    return one_number("sd", sd, "the standard deviation between patients in points, above 0", lambda x: 0 < x < np.inf)


def _rows_of(rows: pd.DataFrame, instrument: str) -> pd.DataFrame:
    needed = ("outcome", "scale_min", "scale_max", "higher_is_better", *(name for arm in ARMS for name in arm))
    missing = [name for name in needed if name not in rows]
    if missing:
        raise InputError(f"These trials do not say {', '.join(missing)}; give sd=, and where it is from in your text.")
    one_of(instrument, sorted(set(rows["outcome"].dropna().astype(str))), "instrument of these trials")
    numbers = ("scale_min", "scale_max", *(name for arm in ARMS for name in arm))
    used = rows[rows["outcome"].astype(str) == instrument]
    used = used.assign(**{name: floats_in(used[name]) for name in numbers})
    printed = used[(used[[name for arm in ARMS for name in arm]] > 0).all(axis=1)]
    if printed.empty:
        raise InputError(f"No trial here prints SDs of {instrument}; give sd=, and where it is from in your text.")
    return printed


def _scale(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the scale that most of the trials used, of several the widest; NaN where none says its scale."""
    known = rows[["scale_min", "scale_max"]].dropna().astype(float)
    if known.empty:
        return np.nan, np.nan
    counts = known.value_counts()
    return max(counts[counts == counts.max()].index, key=lambda ends: ends[1] - ends[0])


def _pooled_sd(rows: pd.DataFrame, low: float, high: float) -> float:
    """Return the SD pooled over all arms, each on the scale from `low` to `high` if it says its own."""
    sd = {arm: rows[f"sd_{arm}"].to_numpy(float, copy=True) for arm in "ab"}
    own = rows[["scale_min", "scale_max"]].notna().all(axis=1).to_numpy()
    if own.any():
        ends = {"scale_min": rows["scale_min"][own], "scale_max": rows["scale_max"][own]}
        for values in sd.values():
            values[own] = stats.rescale_spread(spread=values[own], **ends, new_min=low, new_max=high)
    sizes = {arm: rows[f"n_{arm}"].to_numpy(float) for arm in "ab"}
    within = stats.pooled_sd(sd_a=sd["a"], n_a=sizes["a"], sd_b=sd["b"], n_b=sizes["b"])
    degrees = sizes["a"] + sizes["b"] - 2
    return float(np.sqrt((degrees * within**2).sum() / degrees.sum()))
