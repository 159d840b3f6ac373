"""What the door to PyMARE hands out, and how a batch with gaps is cut into the full tables that PyMARE takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats.batch import Batch, as_batch, as_floats
from bmac_meta.stats.reference import critical, two_sided
from bmac_meta.stats.regressors import as_design

Array = NDArray[np.float64]

CHUNK_CELLS = 1 << 18
OPEN = "(k,) or (B, k) with every p strictly between 0 and 1; give exact one-sided p-values."


@dataclass(frozen=True, slots=True)
class ClusterRobust:
    """Coefficients with cluster-robust (CR2) standard errors and Satterthwaite degrees of freedom.

    The fields up to `ci_high` are numbers without a design, (p,) with one; a batch has (B,) before these shapes, and
    (B,) for `reliable`, `tau2`, `k` and `clusters`. `p_value` is NaN where `df` is below 4, since the approximation
    does not hold its error rate there; intervals are then given as a description only and `reliable` is False, as it
    is where one cluster supplies all the information about a coefficient.
    """

    estimate: float | Array
    se: float | Array
    df: float | Array
    statistic: float | Array
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    reliable: bool | NDArray[np.bool_]
    tau2: float | Array
    k: int | NDArray[np.int64]
    clusters: int | NDArray[np.int64]
    working: str
    level: float


@dataclass(frozen=True, slots=True)
class CombinedP:
    """The p of several p-values together; `statistic` is a standard normal deviate, positive for small p.

    The fields up to `k` are numbers, or (B,) for a batch.
    """

    statistic: float | Array
    p_value: float | Array
    log_p_value: float | Array
    k: int | NDArray[np.int64]
    method: str
    two_sided: bool


@dataclass(frozen=True, slots=True)
class PymarePermutation:
    """Permutation p of each coefficient, (p,): the share of `draws` rearrangements that are as extreme.

    Never below 1/`draws`; `exact` says that every rearrangement was made. A batch has (B, p), (B,) and (B,).
    """

    p_value: Array
    draws: int | NDArray[np.int64]
    exact: bool | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Holds n meta-analyses of a batch with the same k trials and one design (k, p), without gaps.

    `analyses` (n,) and `trials` (k,) say which of the batch they are; `estimate` and `variance` are (n, k).
    """

    analyses: NDArray[np.int64]
    trials: NDArray[np.int64]
    estimate: Array
    variance: Array
    design: Array

    def one_by_one(self) -> Iterator[Table]:
        """Give each meta-analysis as a table of its own."""
        for row in range(self.analyses.size):
            own = slice(row, row + 1)
            yield Table(self.analyses[own], self.trials, self.estimate[own], self.variance[own], self.design)


def designs_of(design: ArrayLike | None, batch: Batch) -> Array:
    """Return the regressors (1 or B, k, p), ones without a design."""
    return np.ones((1, batch.width, 1)) if design is None else as_design(design, batch).raw


def tables(batch: Batch, designs: Array) -> Iterator[Table]:
    """Cut a batch with designs (1 or B, k, p) into tables without gaps, one or more for each pattern of the mask."""
    for analyses, trials in full_parts(batch.mask, batch.count, batch.width):
        several = analyses[:, None] if len(designs) > 1 else (analyses,)
        for part in several:
            place = np.ix_(part, trials)
            design = designs[part[0] if len(designs) > 1 else 0][trials]
            yield Table(part, trials, batch.estimate[place], batch.variance[place], design)


def full_parts(
    mask: NDArray[np.bool_] | None, count: int, width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give the rows of a batch that have the same columns, with these columns; not more at once than memory holds."""
    if mask is None:
        patterns, number = np.ones((1, width), dtype=bool), np.zeros(count, dtype=int)
    else:
        patterns, number = np.unique(mask, axis=0, return_inverse=True)
        number = number.ravel()
    order = np.argsort(number, kind="stable")
    for pattern, rows in zip(patterns, np.split(order, np.flatnonzero(np.diff(number[order])) + 1), strict=True):
        step = max(1, CHUNK_CELLS // max(int(pattern.sum()), 1))
        for start in range(0, rows.size, step):
            yield rows[start : start + step], np.flatnonzero(pattern)


def gather(
    parts: Iterator[Table], function: Callable[[Table], Mapping[str, NDArray]], count: int
) -> dict[str, NDArray]:
    """Return the fields (n, ...) that a function makes of tables, put together in the order of the batch, (count, ...).

    One after the other: PyMARE speaks through warnings and draws from a generator that all share.
    """
    whole: dict[str, NDArray] = {}
    for table in parts:
        for name, values in function(table).items():
            whole.setdefault(name, np.empty((count, *values.shape[1:]), values.dtype))[table.analyses] = values
    return whole


def presence(batch: Batch) -> NDArray[np.bool_]:
    """Return which trials are present (B, k)."""
    return np.ones((batch.count, batch.width), dtype=bool) if batch.mask is None else batch.mask


def count_trials(batch: Batch) -> NDArray[np.int64]:
    """Return the number of trials of each meta-analysis (B,)."""
    return np.count_nonzero(presence(batch), axis=1)


def need_two_trials(batch: Batch) -> None:
    """Raise `NotEnoughTrials` for a meta-analysis of one trial."""
    few = count_trials(batch) < 2
    if few.any():
        raise NotEnoughTrials(
            f"{_named(batch, few)}PyMARE needs 2 trials, here is 1. Report the trial as it is, or use the package's "
            "own pool."
        )


def count_clusters(batch: Batch, groups: NDArray[np.int64], coefficients: int) -> NDArray[np.int64]:
    """Return the number of clusters of each analysis (B,), or raise `NotEnoughTrials`."""
    member = np.eye(groups.max() + 1)[groups]
    counts = np.count_nonzero(presence(batch).astype(float) @ member, axis=1)
    few = counts <= coefficients
    if few.any():
        raise NotEnoughTrials(
            f"{_named(batch, few)}cluster-robust inference needs more clusters than coefficients; there are "
            f"{counts[few.argmax()]} clusters and {coefficients} coefficients. Use fewer covariates, or a model "
            "with a stated covariance."
        )
    return counts


def robust_inference(fields: Mapping[str, NDArray], usable: NDArray[np.bool_], level: float) -> dict[str, NDArray]:
    """Return statistic, p where it is usable, and limits, from coefficients, standard errors and df, each (n, p)."""
    beta, se, df = (fields[name] for name in ("estimate", "se", "df"))
    half = critical(level, df.ravel()).reshape(df.shape) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = beta / se
    return {
        "statistic": statistic,
        "p_value": np.where(usable, two_sided(statistic, df), np.nan),
        "ci_low": beta - half,
        "ci_high": beta + half,
        "reliable": usable.all(axis=1),
    }


def as_p_values(p_value: ArrayLike, mask: ArrayLike | None) -> tuple[Array, Batch]:
    """Return p-values (B, k) and a batch in their shape, or raise `InputError`."""
    p = as_floats("p_value", p_value)
    if p.ndim not in (1, 2) or p.size == 0:
        raise InputError(f"p_value has the shape {p.shape}; it must be {OPEN}")
    if mask is not None and np.shape(mask)[-1:] != p.shape[-1:]:
        raise InputError(f"mask has the shape {np.shape(mask)}; give one True or False for each p-value, {p.shape}.")
    batch = as_batch(np.zeros(p.shape), np.ones(p.shape[-1]), mask)
    p = np.broadcast_to(p, (batch.count, batch.width))
    wrong = ~((p > 0) & (p < 1)) & presence(batch)
    if wrong.any():
        raise InputError(f"{_named(batch, wrong.any(axis=1))}p_value must be {OPEN}")
    return p, batch


def p_value_weights(weight: ArrayLike, method: str, batch: Batch) -> Array:
    """Return weights of p-values (B, k), or raise `InputError`."""
    values, present = as_floats("weight", weight), presence(batch)
    shapes = (present.shape[1:],) if batch.single else (present.shape[1:], present.shape)
    if values.shape not in shapes or not ((np.isfinite(values) & (values > 0)) | ~present).all():
        raise InputError(f"weight must hold one positive number for each of the {batch.width} p-values.")
    if method == "fisher":
        raise InputError("weights belong to method='stouffer'; Fisher's sum of logarithms takes none here.")
    return np.broadcast_to(values, present.shape)


def _named(batch: Batch, wrong: NDArray[np.bool_]) -> str:
    return "" if batch.single else f"meta-analysis {int(wrong.argmax())}: "
