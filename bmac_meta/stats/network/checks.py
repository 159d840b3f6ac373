"""What can be wrong with the trials of a network, in sentences that name the trial and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.network.data import FloatArray, IntArray, NetworkData, TrialContrasts
from bmac_meta.stats.network.multiarm import (
    arm_variance,
    is_positive_definite,
    shared_covariance,
    worst_triangle,
)

LARGEST = 1e100
MOST_FAULTS_SHOWN = 12
ROUNDING = 1e-12

By = dict[str, list[int]]


def refuse(faults: Sequence[str]) -> None:
    """Raise `InputError` that lists the faults, when there are any."""
    if not faults:
        return
    shown = [f"  {fault}" for fault in faults[:MOST_FAULTS_SHOWN]]
    hidden = len(faults) - len(shown)
    more = [f"  and {hidden} more"] if hidden > 0 else []
    heading = f"{len(faults)} faults in the trials of the network:"
    raise InputError("\n".join([heading, *shown, *more]) if len(faults) > 1 else faults[0])


def read_numbers(name: str, values: ArrayLike) -> FloatArray:
    """Return a column of numbers (R,); raise `InputError` when it isn't one."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as cause:
        raise InputError(f"{name} must be numbers, one per row: {cause}.") from cause
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} has shape {array.shape}; it must be one number per row, and at least one row.")
    return array


def read_names(name: str, values: Sequence[object]) -> list[str]:
    """Return a column of names as text; raise `InputError` when one is empty or missing."""
    listed = [str(value).strip() if value is not None and value == value else "" for value in values]
    empty = [i for i, value in enumerate(listed) if not value]
    if empty:
        raise InputError(f"{name} is empty in row {empty[0]} (counted from 0). Give every row a {name}.")
    return listed


def check_lengths(**columns: Sequence[object]) -> None:
    """Raise `InputError` when columns have different lengths."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"the columns have different lengths: {told}. Give one entry per row in each.")


def number_faults(effect: FloatArray, variance: FloatArray, labels: list[str], name: str) -> Iterator[str]:
    """Tell which rows have an effect or a variance that can't be used."""
    bad_effect = ~(np.abs(effect) <= LARGEST)
    bad_variance = ~((variance >= 1 / LARGEST) & (variance <= LARGEST))
    for i in np.flatnonzero(bad_effect | bad_variance):
        if bad_effect[i]:
            yield (
                f"{labels[i]}: {name} is {float(effect[i])!r}; it must be a finite number. Complete it, or "
                "leave the row out."
            )
        else:
            yield (
                f"{labels[i]}: variance is {float(variance[i])!r}; it must be a finite number above zero. "
                "Give the squared standard error, or leave the trial out."
            )


def arm_faults(by_trial: By, treatment: list[str]) -> Iterator[str]:
    """Tell which trials have one arm, or one treatment in several arms."""
    for name, rows in by_trial.items():
        for arm, count in Counter(treatment[i] for i in rows).items():
            if count > 1:
                yield (
                    f"trial {name!r} has {count} arms of {arm!r}, which would compare a treatment against "
                    "itself: combine these arms, or, if these are several trials, give each its own name."
                )
        if len(rows) == 1:
            yield one_arm(name, treatment[rows[0]])


def one_arm(trial: str, arm: str) -> str:
    """Return the sentence on a trial with one arm."""
    return f"trial {trial!r} has one arm only ({arm!r}): a network needs two. Complete it or leave it out."


def pair_faults(by_trial: By, pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Tell which trials bring a pair twice, or not all pairs of their arms."""
    for name, rows in by_trial.items():
        counts = Counter(tuple(sorted(pairs[i])) for i in rows)
        for (a, b), count in counts.items():
            if count > 1:
                yield (
                    f"trial {name!r} brings {a} vs {b} {count} times: keep one of them, or, if these are "
                    "different trials, give each its own name."
                )
        yield from _missing_pairs(name, counts)


def _missing_pairs(name: str, counts: Counter) -> Iterator[str]:
    arms = sorted({arm for pair in counts for arm in pair})
    missing = [f"{a} vs {b}" for i, a in enumerate(arms) for b in arms[i + 1 :] if (a, b) not in counts]
    if missing:
        yield (
            f"trial {name!r} has {len(arms)} arms ({', '.join(arms)}) but lacks {', '.join(missing)}: give "
            f"all {len(arms) * (len(arms) - 1) // 2} contrasts, or give its arms, or, if these are several "
            "trials, give each its own name."
        )


def trial_faults(trial: TrialContrasts) -> Iterator[str]:
    """Tell what is wrong with a trial that came with its covariance; the first fault is enough."""
    others = len(trial.treatments) - 1
    head = f"trial {trial.trial!r}"
    if others < 1:
        yield one_arm(trial.trial, ", ".join(trial.treatments))
    elif len(set(trial.treatments)) <= others:
        yield f"{head} has a treatment twice ({', '.join(trial.treatments)}): combine these arms."
    elif trial.effect.shape != (others,) or trial.covariance.shape != (others, others):
        yield (
            f"{head} with {others + 1} treatments needs {others} effects and a covariance of {others} × "
            f"{others}; there are {trial.effect.shape} and {trial.covariance.shape}."
        )
    elif not (np.abs(trial.effect) <= LARGEST).all() or not (np.abs(trial.covariance) <= LARGEST).all():
        yield f"{head} has effects or covariances that are not finite. Complete them, or leave the trial out."
    elif not _is_covariance(trial.covariance):
        yield (
            f"{head}: its matrix is no covariance (symmetric and positive definite): "
            f"{trial.covariance.tolist()}. Check the variances (above zero) and the covariances."
        )


def _is_covariance(matrix: FloatArray) -> bool:
    symmetric = np.allclose(matrix, matrix.T, rtol=1e-9, atol=0.0)
    return bool(symmetric and (np.diag(matrix) > 0.0).all() and is_positive_definite(matrix[None])[0])


def contradictions(
    data: NetworkData,
    trial: IntArray,
    arms: IntArray,
    effect: FloatArray,
    variance: FloatArray,
    tolerances: tuple[float, float],
) -> Iterator[str]:
    """Tell which multi-arm trials have contrasts (k, m, m; column minus row) that can't come from one trial.

    `tolerances` are the share of a standard error that an effect, and the share of itself that a variance
    may be away from what the other contrasts imply.
    """
    definite = is_positive_definite(shared_covariance(variance))
    own = arm_variance(variance)
    for row in range(trial.size):
        names = [data.treatments[arm] for arm in arms[row]]
        fault = variance_fault(variance[row], own[row], bool(definite[row]), names, tolerances[1])
        fault = fault or effect_fault(effect[row], variance[row], names, tolerances[0])
        if fault:
            yield f"trial {data.trials[trial[row]]!r}: {fault}"


def variance_fault(
    variance: FloatArray, own: FloatArray, definite: bool, names: list[str], tolerance: float
) -> str | None:
    """Return what is wrong with the pair variances (m, m) of a trial, given those of its arms (m,)."""
    remedy = "Check the standard errors, give the arms, or, if the arms are correlated, give the covariance."
    if not own.min() > 0.0:
        worst = int(own.argmin())
        return (
            f"its variances can't come from one trial: arm {names[worst]!r} would have the variance "
            f"{float(own[worst]):.6g}. {remedy}"
        )
    gap = np.abs(variance - own[:, None] - own[None, :])
    np.fill_diagonal(gap, 0.0)
    share = np.divide(gap, variance, out=np.zeros_like(gap), where=variance > 0.0)
    if definite and share.max() <= tolerance:
        return None
    a, b = np.unravel_index(gap.argmax(), gap.shape)
    return (
        f"its variances contradict each other: {names[a]} vs {names[b]} has {variance[a, b]:.6g}, where all "
        f"contrasts together imply {own[a] + own[b]:.6g}. {remedy}"
    )


def effect_fault(effect: FloatArray, variance: FloatArray, names: list[str], tolerance: float) -> str | None:
    """Return what is wrong with the effects (m, m; column minus row) of the pairs of a trial."""
    centre = effect.mean(axis=0)
    gap = np.abs(effect - (centre[None, :] - centre[:, None]))
    if (gap <= tolerance * np.sqrt(variance) + ROUNDING * np.abs(effect).max()).all():
        return None
    a, b, c, loop = worst_triangle(effect)
    return (
        f"its effects contradict each other: {names[c]} − {names[a]} is {effect[a, c]:.6g}, but by way of "
        f"{names[b]} it is {effect[a, b] + effect[b, c]:.6g} (a difference of {abs(loop):.3g}). Check the "
        f"signs and the numbers, or give the arms; what is within effect_tolerance={tolerance:g} of a "
        "standard error passes as rounding."
    )
