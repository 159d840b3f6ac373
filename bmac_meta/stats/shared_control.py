"""The covariance of two contrasts that share their control arm, by effect measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.stats.columns import (
    COUNT,
    NUMBER,
    POSITIVE,
    SIZE,
    SPREAD,
    BoolArray,
    FloatArray,
    as_numbers,
    blank,
    read_columns,
    refuse_where,
)
from bmac_meta.stats.measures_binary import checked_addition, refuse_more_events_than_patients


def shared_control_covariance_md(
    *, sd_control: ArrayLike, n_control: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance of two mean differences that share their control arm: sd²/n of that arm.

    Raises `InputError` for missing values, a negative SD, or a size below 1. Gleser & Olkin 2009, in
    Handbook of Research Synthesis and Meta-Analysis, 2nd ed., ch. 19.

    >>> float(shared_control_covariance_md(sd_control=4, n_control=32))
    0.5
    """
    sd, n, present = read_columns({"sd_control": (sd_control, SPREAD), "n_control": (n_control, SIZE)}, mask)
    return blank(sd**2 / n, present)


def shared_control_covariance_smd(
    *,
    estimate_a: ArrayLike,
    estimate_b: ArrayLike,
    n_control: ArrayLike,
    n_total: ArrayLike,
    mask: ArrayLike | None = None,
) -> FloatArray:
    """Return the covariance of two standardized mean differences that share their control arm.

    1/n_control + estimate_a·estimate_b/(2·n_total), with the patients of all arms of the trial in
    `n_total`: both estimates should use the standard deviation pooled over all arms (see
    `contrasts_with_control`). Raises `InputError` for missing values, sizes below 1, and a total that is
    not above the control arm. Gleser & Olkin 2009, ch. 19.

    >>> covariance = shared_control_covariance_smd(
    ...     estimate_a=2.1670, estimate_b=1.3406, n_control=25, n_total=72
    ... )
    >>> round(float(covariance), 4)
    0.0602
    """
    a, b, n, total, present = read_columns(
        {
            "estimate_a": (estimate_a, NUMBER),
            "estimate_b": (estimate_b, NUMBER),
            "n_control": (n_control, SIZE),
            "n_total": (n_total, SIZE),
        },
        mask,
    )
    refuse_where(
        present & (total <= n),
        "the control arm is not smaller than the trial",
        {"n_control": n, "n_total": total},
        "n_total counts the patients of all arms.",
    )
    return blank(1 / n + a * b / (2 * total), present)


def shared_control_covariance_rom(
    *, mean_control: ArrayLike, sd_control: ArrayLike, n_control: ArrayLike, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance of two log ratios of means that share their control arm.

    It is sd²/(n·mean²) of that arm. Raises `InputError` for missing values, a mean of 0, a negative SD, or
    a size below 1. Lajeunesse 2011, doi:10.1890/11-0423.1.

    >>> float(shared_control_covariance_rom(mean_control=10, sd_control=5, n_control=25))
    0.01
    """
    columns = {
        "mean_control": (np.abs(as_numbers("mean_control", mean_control)), POSITIVE),
        "sd_control": (sd_control, SPREAD),
        "n_control": (n_control, SIZE),
    }
    mean, sd, n, present = read_columns(columns, mask)
    return blank((sd / mean) ** 2 / n, present)


def shared_control_covariance_or(
    *, events_control: ArrayLike, total_control: ArrayLike, add: float = 0.0, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance of two log odds ratios that share their control arm: 1/events + 1/non-events.

    `add` goes to both cells; it must be the correction that the odds ratios themselves got. Raises
    `InputError` for a cell that is empty after that, and as `risk_ratio` does. Gleser & Olkin 2009, ch. 19.

    >>> round(float(shared_control_covariance_or(events_control=40, total_control=1000)), 5)
    0.02604
    """
    events, others, present = _read_control(
        events_control, total_control, add, mask, needs_events=True, needs_others=True
    )
    return blank(1 / events + 1 / others, present)


def shared_control_covariance_rr(
    *, events_control: ArrayLike, total_control: ArrayLike, add: float = 0.0, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance of two log risk ratios that share their control arm: 1/events − 1/total.

    `add` and errors as in `shared_control_covariance_or`. Gleser & Olkin 2009, ch. 19.

    >>> round(float(shared_control_covariance_rr(events_control=40, total_control=1000)), 5)
    0.024
    """
    events, others, present = _read_control(events_control, total_control, add, mask, needs_events=True)
    return blank(others / (events * (events + others)), present)


def shared_control_covariance_rd(
    *, events_control: ArrayLike, total_control: ArrayLike, add: float = 0.0, mask: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance of two risk differences that share their control arm: p(1 − p)/n of that arm.

    `add` and errors as in `shared_control_covariance_or`. Gleser & Olkin 2009, ch. 19.

    >>> float(shared_control_covariance_rd(events_control=40, total_control=1000))
    3.84e-05
    """
    events, others, present = _read_control(events_control, total_control, add, mask)
    return blank(events * others / (events + others) ** 3, present)


def shared_control_covariance_as(*, total_control: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """Return the covariance of two arcsine differences that share their control arm: 1/(4n) of that arm.

    Raises `InputError` for a total below 1. Gleser & Olkin 2009, ch. 19.

    >>> float(shared_control_covariance_as(total_control=1000))
    0.00025
    """
    n, present = read_columns({"total_control": (total_control, SIZE)}, mask)
    return blank(1 / (4 * n), present)


def _read_control(
    events: ArrayLike,
    total: ArrayLike,
    add: float,
    mask: ArrayLike | None,
    *,
    needs_events: bool = False,
    needs_others: bool = False,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    columns = {"events_control": (events, COUNT), "total_control": (total, SIZE)}
    events, total, present = read_columns(columns, mask)
    refuse_more_events_than_patients(events, total, "control")
    add = checked_addition(add)
    others = total - events + add
    events = events + add
    refuse_where(
        present & ((needs_events & (events == 0)) | (needs_others & (others == 0))),
        "a cell of the control arm is empty",
        {"events_control": events, "total_control": total},
        "Give the correction that the effects themselves got, such as add=0.5.",
    )
    return events, others, present
