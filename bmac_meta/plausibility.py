"""Spreads that cannot be what they are said to be, judged by the sizes of the trials."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bmac_meta.errors import InputError

MIDDLE = 0.05
NEAR, FAR = np.log(1.2), np.log(1.5)
POWERS = {"se": (2.0, "variances", "variance"), "variance": (0.5, "standard errors", "se")}


def refuse_mistaken_spread(frame: pd.DataFrame, role: str, column: object, measure: str) -> None:
    """Raise `InputError` where standard errors were named as variances, or variances as standard errors.

    `frame` has `estimate` and `se`, and can have the sizes `n_a` and `n_b` (or `n`), from which the standard error of a
    standardized mean difference (or of Fisher's z) follows nearly. Refused is what lies near the other power of it
    (within 20%, half of the trials) and far from it itself (more than 50%, every trial).
    """
    expected = _expected(frame, measure)
    if role not in POWERS or expected is None or not np.isfinite(expected).all() or len(frame) == 0:
        return
    power, looks_like, remedy = POWERS[role]
    given, mistaken = np.log(frame["se"].to_numpy(float)), power * np.log(expected)
    if np.median(np.abs(given - mistaken)) > NEAR or (np.abs(given - np.log(expected)) < FAR).any():
        return
    first = frame.iloc[0]
    told = first["se"] ** (1 if role == "se" else 2)
    wanted = expected[0] ** (1 if role == "se" else 2)
    raise InputError(
        f"{role}={column!r} was given, but its numbers look like {looks_like}: {first['study']} has {told:.3g}, where "
        f"the size of the trial gives about {wanted:.3g}. Name the column {remedy}={column!r}."
    )


def refuse_ratios_as_logarithms(estimate: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Raise `InputError` where effects that were said to be logarithms lie, all of them, as ratios do.

    That is: all numbers are above 0, each effect in the middle of its limits once logarithms are taken (within 5% of
    the interval), and none in the middle as it stands (but by 5% of the interval or more off).
    """
    if low.size == 0 or not (low > 0).all():
        return
    off = np.abs(estimate - (low + high) / 2) / (high - low)
    logs = np.log(np.stack([estimate, low, high]))
    off_as_ratio = np.abs(logs[0] - (logs[1] + logs[2]) / 2) / (logs[2] - logs[1])
    if (off_as_ratio < MIDDLE).all() and (off > MIDDLE).all():
        raise InputError(
            f"Effects were said to be logarithms of ratios, but lie between their limits as ratios do: {estimate[0]:g} "
            f"({low[0]:g} to {high[0]:g}). Take them with logged=False, or give their logarithms."
        )


def _expected(frame: pd.DataFrame, measure: str) -> np.ndarray | None:
    """Return about what the standard errors must be, (k,), None where that is not known."""
    if measure in ("SMD", "SMDH") and {"n_a", "n_b"} <= set(frame):
        a, b = (pd.to_numeric(frame[name], errors="coerce").to_numpy(float, na_value=np.nan) for name in ("n_a", "n_b"))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(1 / a + 1 / b + frame["estimate"].to_numpy(float) ** 2 / (2 * (a + b)))
    if measure == "ZCOR" and "n" in frame:
        n = pd.to_numeric(frame["n"], errors="coerce").to_numpy(float, na_value=np.nan)
        return 1 / np.sqrt(np.where(n > 3, n - 3, np.nan))
    return None
