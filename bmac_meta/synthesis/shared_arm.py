"""The covariance of effects that were measured against one and the same arm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bmac_meta import stats
from bmac_meta.errors import InputError, PoolingRefused
from bmac_meta.narrowing import floats_in

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

SHARED = "shared arm"
OWN = {"SMD": ("n_a",), **dict.fromkeys(("OR", "RR", "RD"), ("events_a", "total_a"))}
"""What the covariance takes from the arm that is a row's own."""
CORRECTION = 0.5
"""What `Effects.from_raw` adds to the cells of a table of which one is empty."""


def shared_arm_covariance(effects: Effects, labels: np.ndarray) -> np.ndarray:
    """Return the covariance (k, k) of effects of which those with one label share arm b, from its printed numbers.

    What arm b adds to the variance of an effect is what two effects have in common; for standardized mean differences
    1/n_b + d₁d₂/(2N). Source: Gleser & Olkin 2009, ch. 19 in the Handbook of Research Synthesis (2nd ed.). Raises
    `PoolingRefused` for a measure without two arms and `InputError` where arm b is not printed, or is not the same.
    """
    code = effects.measure.code
    if code not in _COMMON:
        raise PoolingRefused(f"Effects as {code} share no arm; {SHARED!r} is for {', '.join(_COMMON)}.")
    columns = [name for name in effects.measure.columns if name.endswith("_b") or name.startswith("scale")]
    own = OWN.get(code, ())
    numbers = {name: floats_in(effects.frame[name]) for name in (*columns, *own) if name in effects.frame}
    frame = pd.DataFrame(numbers, index=effects.frame.index)
    _check_arm(frame, labels, columns, own)
    if code in ("OR", "RR", "RD"):
        _check_correction(effects, numbers)
    common = _COMMON[code](frame, effects.estimates, labels)
    matrix = np.where(labels[:, None] == labels, common, 0.0)
    np.fill_diagonal(matrix, effects.variances)
    return matrix


def _check_correction(effects: Effects, numbers: dict[str, np.ndarray]) -> None:
    """Raise `InputError` where tables with an empty cell did not give their effects by the usual correction."""
    keep = {} if effects.measure.code == "RD" else {"double_zero": "keep"}
    usual = effects.measure.compute(**{name: numbers[name] for name in effects.measure.columns}, **keep).estimate
    a, n_a, c, n_b = (numbers[name] for name in ("events_a", "total_a", "events_b", "total_b"))
    empty = (a == 0) | (a == n_a) | (c == 0) | (c == n_b)
    other = empty & ~np.isclose(np.atleast_1d(usual), effects.estimates, rtol=1e-6, atol=1e-9)
    if other.any():
        raise InputError(
            f"The covariance of effects that share an arm takes {CORRECTION} as added to the cells of a trial with an "
            f"empty one; those of {effects.studies[int(other.argmax())]} were made in another way. Leave add= out, or "
            "give a covariance."
        )


def _check_arm(frame: pd.DataFrame, labels: np.ndarray, columns: list[str], own: tuple[str, ...]) -> None:
    needed = [*columns, *own]
    missing = [name for name in needed if name not in frame or not np.isfinite(frame[name]).all()]
    if missing:
        raise InputError(
            f"The covariance of effects that share an arm needs {', '.join(needed)} of every row; not there, or with "
            f"gaps: {', '.join(missing)}. Make the effects with Effects.from_raw, or give a covariance."
        )
    apart = frame[columns].groupby(labels).nunique().max(axis=1) > 1
    if apart.any():
        raise InputError(
            f"The rows of {', '.join(map(str, apart.index[apart]))} have different numbers in arm b, so they do not "
            "share it. Name the column that says which rows do, or leave rows out."
        )


def _product(own: np.ndarray) -> np.ndarray:
    """Return √(c₁c₂): c itself, unless one table got a correction and the other none."""
    return np.sqrt(np.outer(own, own))


def _mean_difference(frame: pd.DataFrame, *_: object) -> np.ndarray:
    return _product(stats.shared_control_covariance_md(sd_control=frame["sd_b"], n_control=frame["n_b"]))


def _percent_of_scale(frame: pd.DataFrame, *_: object) -> np.ndarray:
    ends = {"scale_min": frame["scale_min"], "scale_max": frame["scale_max"]}
    sd = stats.rescale_spread(spread=frame["sd_b"], **ends)
    return _product(stats.shared_control_covariance_md(sd_control=sd, n_control=frame["n_b"]))


def _standardized(frame: pd.DataFrame, estimates: np.ndarray, labels: np.ndarray) -> np.ndarray:
    n = frame["n_b"].to_numpy(float)
    total = n + frame["n_a"].groupby(labels).transform("sum").to_numpy(float)
    sizes = {"n_control": n[:, None], "n_total": total[:, None]}
    return stats.shared_control_covariance_smd(estimate_a=estimates[:, None], estimate_b=estimates, **sizes)


def _ratio_of_means(frame: pd.DataFrame, *_: object) -> np.ndarray:
    columns = {"mean_control": frame["mean_b"], "sd_control": frame["sd_b"], "n_control": frame["n_b"]}
    return _product(stats.shared_control_covariance_rom(**columns))


def _corrected(covariance: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return the covariance of tables of events, with the correction where the effect itself got it."""

    def common(frame: pd.DataFrame, *_: object) -> np.ndarray:
        a, c = (frame[f"events_{arm}"].to_numpy(float) for arm in "ab")
        b, d = (frame[f"total_{arm}"].to_numpy(float) - x for arm, x in (("a", a), ("b", c)))
        empty = (a == 0) | (b == 0) | (c == 0) | (d == 0)
        own = [
            covariance(events_control=c[chosen], total_control=(c + d)[chosen], add=add)
            for chosen, add in ((~empty, 0.0), (empty, CORRECTION))
        ]
        joined = np.empty(a.shape)
        joined[~empty], joined[empty] = own
        return _product(joined)

    return common


def _arcsine(frame: pd.DataFrame, *_: object) -> np.ndarray:
    return _product(stats.shared_control_covariance_as(total_control=frame["total_b"]))


_COMMON: dict[str, Callable[..., np.ndarray]] = {
    "MD": _mean_difference,
    "POMP": _percent_of_scale,
    "SMD": _standardized,
    "ROM": _ratio_of_means,
    "RR": _corrected(stats.shared_control_covariance_rr),
    "OR": _corrected(stats.shared_control_covariance_or),
    "RD": _corrected(stats.shared_control_covariance_rd),
    "AS": _arcsine,
}
