"""All contrasts of a multi-arm trial against one of its arms, with their full covariance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.columns import (
    COUNT,
    NUMBER,
    POSITIVE,
    SIZE,
    SMALLEST,
    SPREAD,
    FloatArray,
    Rule,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.hedges import hedges_correction
from bmac_meta.stats.measures_binary import checked_addition, refuse_more_events_than_patients
from bmac_meta.stats.ratios import log_ratio


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """The contrasts of trials of A arms against one arm, on the pooled scale of `measure`.

    `estimate` is (..., A − 1), in the order of the arms without the control, and `covariance` (..., A − 1,
    A − 1).
    """

    estimate: FloatArray
    covariance: FloatArray
    measure: str


def contrasts_with_control(measure: str, *, control: int = 0, add: float = 0.5, **columns: ArrayLike) -> Contrasts:
    """Return every other arm against the control arm, with the covariance that the shared arm brings.

    The last axis of the columns runs over the A arms of a trial, at least two, and `control` is the
    position of the control arm; other axes are trials of as many arms. Columns are mean, sd, n for MD, ROM
    and SMD; events, total for OR, RR, RD and AS. The covariance of two contrasts is the variance of the
    control arm. For SMD the unit is the standard deviation pooled over all arms, with the exact J of N − A
    degrees of freedom, variances 1/n_i + 1/n_0 + g_i²/(2N) and covariances 1/n_0 + g_i·g_j/(2N). `add` goes
    to all cells of a trial that has an empty one (OR, RR, RD). A trial in which nobody or everybody has an
    event gives NaN for OR and RR. With two arms the answers are those of the two-arm functions. Raises
    `InputError` as those do, for missing or unknown columns, and for means whose ratio does not exist.
    Gleser & Olkin 2009, Handbook of Research Synthesis and Meta-Analysis, 2nd ed., ch. 19.

    >>> trial = contrasts_with_control("RD", events=[40, 100, 150], total=[1000, 4000, 4000])
    >>> trial.estimate.round(4).tolist()  # Gleser & Olkin 2009, Table 19.2, p. 360, the signs turned
    [-0.015, -0.0025]
    """
    check_word("measure of contrasts with a control arm", measure, [*_MEANS, "SMD", *_COUNTS])
    if measure in _COUNTS:
        value, variance = _COUNTS[measure](*_read_counts(columns), checked_addition(add))
        return Contrasts(*_against(value, variance, control), measure)
    rules = {"mean": NUMBER, "sd": POSITIVE if measure == "SMD" else SPREAD, "n": SIZE}
    mean, sd, n = _read_arms(rules, columns)
    if measure == "SMD":
        return Contrasts(*_standardized(mean, sd, n, control), measure)
    return Contrasts(*_against(*_MEANS[measure](mean, sd, n), control), measure)


def _read_arms(rules: Mapping[str, Rule], columns: Mapping[str, ArrayLike]) -> tuple[FloatArray, ...]:
    if set(columns) != set(rules):
        given = ", ".join(columns) or "none"
        raise InputError(f"Contrasts of this measure are made from {', '.join(rules)}; here are {given}.")
    *arrays, _ = read_columns({name: (columns[name], rule) for name, rule in rules.items()})
    if arrays[0].ndim == 0 or arrays[0].shape[-1] < 2:
        raise InputError(f"A contrast needs two arms along the last axis; the shape is {arrays[0].shape}.")
    return tuple(arrays)


def _read_counts(columns: Mapping[str, ArrayLike]) -> tuple[FloatArray, FloatArray]:
    events, total = _read_arms({"events": COUNT, "total": SIZE}, columns)
    refuse_more_events_than_patients(events, total)
    return events, total - events


def _against(value: FloatArray, variance: FloatArray, control: int) -> tuple[FloatArray, FloatArray]:
    others, reference = _split(value, control)
    own, shared = _split(variance, control)
    return others - reference, shared[..., None] + _diagonal(own)


def _split(arms: FloatArray, control: int) -> tuple[FloatArray, FloatArray]:
    """Return the arms without the control, and the control with an axis of one."""
    number = arms.shape[-1]
    if not 0 <= control < number:
        raise InputError(f"control is the position of an arm, from 0 to {number - 1}, but it is {control!r}.")
    return np.delete(arms, control, axis=-1), arms[..., [control]]


def _diagonal(values: FloatArray) -> FloatArray:
    return values[..., None] * np.eye(values.shape[-1])


def _standardized(mean: FloatArray, sd: FloatArray, n: FloatArray, control: int) -> tuple[FloatArray, FloatArray]:
    total = n.sum(axis=-1, keepdims=True)
    df = total - n.shape[-1]
    refuse_where(df <= 1, "there are too few patients to standardize", {"n": total}, "Leave the trial out.")
    unit = np.sqrt(((n - 1) * sd**2).sum(axis=-1, keepdims=True) / df)
    others, reference = _split(mean, control)
    own, shared = _split(1 / n, control)
    g = hedges_correction(df) * (others - reference) / unit
    products = g[..., :, None] * g[..., None, :] / (2 * total[..., None])
    return g, shared[..., None] + _diagonal(own) + products


def _mean(mean: FloatArray, sd: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    return mean, sd**2 / n


def _log_mean(mean: FloatArray, sd: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    has_ratio = (np.sign(mean) == np.sign(mean[..., [0]])) & (np.abs(mean) >= SMALLEST)
    refuse_where(
        ~has_ratio,
        "a mean is 0 or differs in sign",
        {"mean": mean},
        "Use MD: there is no ratio of these.",
    )
    variance = (sd / mean) ** 2 / n
    return np.log(np.abs(mean)) + variance / 2, variance


def _log_odds(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    x, y = _corrected_for_ratio(events, others, add)
    return log_ratio(x, y), 1 / x + 1 / y


def _log_risk(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    x, y = _corrected_for_ratio(events, others, add)
    return np.log(x / (x + y)), y / (x * (x + y))


def _risk(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    x, y = _corrected(events, others, add)
    return x / (x + y), x * y / (x + y) ** 3


def _angle(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    return np.arctan2(np.sqrt(events), np.sqrt(others)), 1 / (4 * (events + others))


def _corrected(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    empty = ((events == 0) | (others == 0)).any(axis=-1, keepdims=True)
    return events + np.where(empty, add, 0.0), others + np.where(empty, add, 0.0)


def _corrected_for_ratio(events: FloatArray, others: FloatArray, add: float) -> tuple[FloatArray, FloatArray]:
    uninformative = (events == 0).all(axis=-1, keepdims=True) | (others == 0).all(axis=-1, keepdims=True)
    x, y = _corrected(events, others, add)
    exists = ((x > 0) & (y > 0)).all(axis=-1, keepdims=True) & ~uninformative
    return np.where(exists, x, np.nan), np.where(exists, y, np.nan)


_MEANS: dict[str, Callable] = {"MD": _mean, "ROM": _log_mean}
_COUNTS: dict[str, Callable] = {"OR": _log_odds, "RR": _log_risk, "RD": _risk, "AS": _angle}
