"""Evidence that comes as a p-value: to z and back, and the albatross plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from bmac_meta.copies import Sealed
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.columns import NUMBER, POSITIVE, SIZE, FloatArray, Rule, common_shape, read_columns, refuse_where

SIDES = ("two", "one")
SMALLEST_EXPONENT = 300.0
P_VALUE = Rule(
    "a p-value above 0 and at most 1 (for a printed 0 or <.001 give the bound)",
    lambda p: (p > 0) & (p <= 1),
    0.5,
)
DIRECTION = Rule("a direction of 1 or -1", lambda sign: np.abs(sign) == 1, 1.0)
RISK = Rule("a risk strictly between 0 and 1", lambda risk: (risk > 0) & (risk < 1), 0.5)


@dataclass(frozen=True, slots=True)
class Albatross(Sealed):
    """Holds an albatross plot: trial size against p-value, with contours of effects that would give that p.

    `log10_p`, (k,) or (B, k), is the direction times −log₁₀ of the two-sided p, so that clear effects lie far
    out on either side; `size`, of that shape, is the number of participants; both are NaN where masked.
    `contour_log10_p` (m,) and `contour_size` (effects, m) are the contours of `effects`, the absolute values
    of a `measure`: the number of participants for which a trial with that observed effect has that p. A
    contour for a negative effect is its mirror image.
    """

    log10_p: NDArray
    size: NDArray
    effects: NDArray
    contour_log10_p: NDArray
    contour_size: NDArray
    measure: str


def z_from_p(
    p_value: ArrayLike, *, direction: ArrayLike, sides: str = "two", mask: ArrayLike | None = None
) -> float | FloatArray:
    """Return the z statistic of a p-value, with the sign of its effect.

    Two-sided, `direction` (1 or −1) is that of the observed effect; with `sides="one"` it is that of the
    alternative, and a p above .5 speaks for the other one. Inputs broadcast, with `mask` too, where which is
    False the answer is NaN. Raises `InputError` for p of 0 or above 1 and for a one-sided p of 1.

    >>> round(float(z_from_p(0.05, direction=-1)), 4)
    -1.96
    """
    check_word("number of sides", sides, SIDES)
    p, sign, present = read_columns({"p_value": (p_value, P_VALUE), "direction": (direction, DIRECTION)}, mask)
    if sides == "one":
        refuse_where(p == 1.0, "a one-sided p of 1 has no finite z", {"p_value": p}, "Leave it out.")
    return np.where(present, sign * -ndtri(0.5 * p if sides == "two" else p), np.nan)[()]


def p_from_z(
    z: ArrayLike, *, direction: ArrayLike = 1, sides: str = "two", mask: ArrayLike | None = None
) -> float | FloatArray:
    """Return the p-value of a z statistic; with `sides="one"` for the alternative in `direction` (1 or −1).

    Inputs broadcast, with `mask` too, where which is False the answer is NaN.

    >>> round(float(p_from_z(1.959963984540054)), 6), round(float(p_from_z(1.0, sides="one")), 4)
    (0.05, 0.1587)
    """
    check_word("number of sides", sides, SIDES)
    statistic, sign, present = read_columns({"z": (z, NUMBER), "direction": (direction, DIRECTION)}, mask)
    p_value = 2.0 * ndtr(-np.abs(statistic)) if sides == "two" else ndtr(-sign * statistic)
    return np.where(present, p_value, np.nan)[()]


def contour_size(
    p_value: ArrayLike,
    *,
    effect: ArrayLike,
    measure: str = "SMD",
    allocation: float = 1.0,
    sd: float = 1.0,
    baseline_risk: float = 0.5,
) -> float | FloatArray:
    """Return the number of participants for which an observed effect has a given two-sided p.

    A trial of N participants has a standard error of sqrt(u/N), so that N = u·(z/effect)²; u follows from the
    large sample variance of the `measure` ("SMD", "MD" with its `sd`, "OR" and "RR" as ratios with the risk
    in the second arm, "COR" by Fisher's z, where N is 3 more). `allocation` is the ratio of arm sizes. p and
    effect broadcast. Source: Harrison et al. 2017, 10.1002/jrsm.1239.

    >>> round(float(contour_size(0.05, effect=0.5)), 1)
    63.4
    """
    check_word("measure of an albatross plot", measure, _UNIT_VARIANCE)
    columns = {"p_value": (p_value, P_VALUE), "effect": (effect, POSITIVE), "allocation": (allocation, POSITIVE)}
    p, size, share, spread, risk, _ = read_columns(
        columns | {"sd": (sd, POSITIVE), "baseline_risk": (baseline_risk, RISK)}
    )
    effect_size, unit = _UNIT_VARIANCE[measure](size, share, spread, risk)
    return ((ndtri(0.5 * p) / effect_size) ** 2 * unit + 3.0 * (measure == "COR"))[()]


def albatross(
    p_value: ArrayLike,
    *,
    size: ArrayLike,
    direction: ArrayLike,
    effects: ArrayLike,
    measure: str = "SMD",
    sides: str = "two",
    allocation: float = 1.0,
    sd: float = 1.0,
    baseline_risk: float = 0.5,
    mask: ArrayLike | None = None,
) -> Albatross:
    """Return the points and contours of an albatross plot of trials that report p-values and their sizes.

    `p_value`, `size` and `direction` are (k,), or (B, k) with `mask`; `effects` (c,) are the effects to draw
    contours for, which a batch shares. One-sided p are turned into two-sided ones, with the direction that
    they speak for. Contours run over the p-values of the trials, down to 1e-300. Arguments as in `z_from_p`
    and `contour_size`. Source: Harrison et al. 2017, 10.1002/jrsm.1239.
    """
    z = np.atleast_1d(z_from_p(p_value, direction=direction, sides=sides, mask=mask))
    participants, present = (np.atleast_1d(part) for part in read_columns({"size": (size, SIZE)}, mask))
    given = np.shape(np.atleast_1d(np.asarray(size, dtype=float)))
    if not {z.ndim, len(given)} <= {1, 2} or given[-1] != z.shape[-1]:
        raise InputError(f"p_value has shape {z.shape} and size {given}; give one of each per trial.")
    common_shape({"p_value": z, "size": participants})
    contours = np.atleast_1d(read_columns({"effects": (effects, POSITIVE)})[0])
    evidence = -np.log10(2.0 * ndtr(-np.abs(z)))
    farthest = float(np.max(evidence, initial=0.0, where=np.isfinite(evidence)))
    grid = np.linspace(0.0, min(max(3.0, 1.05 * farthest), SMALLEST_EXPONENT), 200)[1:]
    sizes = contour_size(
        10.0**-grid,
        effect=contours[:, None],
        measure=measure,
        allocation=allocation,
        sd=sd,
        baseline_risk=baseline_risk,
    )
    both = np.broadcast_arrays(np.sign(z) * evidence, np.where(present, participants, np.nan))
    return Albatross(*both, contours, grid, sizes, measure)


Unit = tuple[FloatArray, FloatArray]


def _standardized(effect: FloatArray, allocation: FloatArray, sd: FloatArray, risk: FloatArray) -> Unit:
    return effect, (allocation + 1.0) ** 2 / allocation + 0.5 * effect**2


def _raw(effect: FloatArray, allocation: FloatArray, sd: FloatArray, risk: FloatArray) -> Unit:
    return effect, sd**2 * (allocation + 1.0) ** 2 / allocation


def _odds_ratio(effect: FloatArray, allocation: FloatArray, sd: FloatArray, risk: FloatArray) -> Unit:
    _refuse_one(effect)
    odds = effect * risk / (1.0 - risk)
    other = odds / (1.0 + odds)
    arms = 1.0 / (allocation * other * (1.0 - other)) + 1.0 / (risk * (1.0 - risk))
    return np.log(effect), (allocation + 1.0) * arms


def _risk_ratio(effect: FloatArray, allocation: FloatArray, sd: FloatArray, risk: FloatArray) -> Unit:
    _refuse_one(effect)
    other = effect * risk
    impossible = "the risk in the first arm comes to 1 or more"
    refuse_where(other >= 1.0, impossible, {"effect": effect, "baseline_risk": risk}, "Lower one of them.")
    return np.log(effect), (allocation + 1.0) * ((1.0 - other) / (allocation * other) + (1.0 - risk) / risk)


def _correlation(effect: FloatArray, allocation: FloatArray, sd: FloatArray, risk: FloatArray) -> Unit:
    refuse_where(effect >= 1.0, "a correlation is 1 or more", {"effect": effect}, "Give it below 1.")
    return np.arctanh(effect), np.ones_like(effect)


def _refuse_one(effect: FloatArray) -> None:
    refuse_where(effect == 1.0, "a ratio of 1 is no effect and has no contour", {"effect": effect}, "Leave it out.")


_UNIT_VARIANCE: dict[str, Callable[[FloatArray, FloatArray, FloatArray, FloatArray], Unit]] = {
    "SMD": _standardized,
    "MD": _raw,
    "OR": _odds_ratio,
    "RR": _risk_ratio,
    "COR": _correlation,
}
