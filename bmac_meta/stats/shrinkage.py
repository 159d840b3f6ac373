"""The effects of single trials as the model sees them: each drawn towards what all trials say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats.batch import as_batch, unbatch
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.reference import critical
from bmac_meta.stats.regression import MetaRegression, meta_regression
from bmac_meta.stats.regressors import Design, as_design


@dataclass(frozen=True, slots=True)
class ShrunkenEffects:
    """Holds empirical Bayes estimates of the true effects of the trials, one per trial: (k,) or (B, k).

    `share` is τ²/(τ² + v), how much of an estimate is the trial's own result; the rest is `fitted`, what all trials say
    of such a trial. `se` counts the errors of both, not that of τ². Masked trials are NaN. `tau2`, `df` and `k` are
    numbers, or (B,).
    """

    estimate: NDArray
    se: NDArray
    ci_low: NDArray
    ci_high: NDArray
    share: NDArray
    fitted: NDArray
    tau2: float | NDArray
    df: float | NDArray
    k: int | NDArray
    level: float
    method: str
    interval: str


def shrunken_effects(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> ShrunkenEffects:
    """Estimate the true effect of each trial from its own result and from all trials (best linear unbiased prediction).

    `estimate`, `variance`, `tau2`, `interval`, `level` and `mask` as for `random_effects`; with a `design` (k, p) each
    trial is drawn towards what the regression expects of it. Raises as `random_effects` and `meta_regression` do, and
    `NotEnoughTrials` for a single trial. Source: Raudenbush & Bryk 1985, 10.3102/10769986010002075.

    Of the first of three trials, half is its own result where τ² equals its variance:

    >>> found = shrunken_effects([1.0, 2.0, 3.0], variance=[1.0, 1.0, 1.0], tau2=1.0)
    >>> found.share.tolist(), found.estimate.tolist()
    ([0.5, 0.5, 0.5], [1.5, 2.0, 2.5])
    """
    batch = as_batch(estimate, variance, mask)
    present = np.ones(batch.estimate.shape, dtype=bool) if batch.mask is None else batch.mask
    _require_two(present)
    y, v = np.where(present, batch.estimate, np.nan), np.where(present, batch.variance, np.nan)
    choices = {"tau2": tau2, "interval": interval, "level": level}
    data = {"estimate": estimate, "variance": variance, "mask": mask}
    model = _pooled(data, choices) if design is None else _regressed(data, as_design(design, batch), choices)
    fit, fitted, error = model
    between = np.reshape(fit.tau2, (-1, 1))
    share = between / (between + v)
    center = fitted + share * (y - fitted)
    se = np.sqrt(share * v + (1.0 - share) ** 2 * error)
    half = critical(fit.level, np.reshape(fit.df, -1))[:, None] * se
    each = {"estimate": center, "se": se, "ci_low": center - half, "ci_high": center + half, "share": share}
    each["fitted"] = np.where(present, fitted, np.nan)
    whole = {name: getattr(fit, name) for name in ("tau2", "df", "k", "level", "method", "interval")}
    return ShrunkenEffects(**unbatch(each, batch.single), **whole)


def _require_two(present: NDArray) -> None:
    alone = np.flatnonzero(present.sum(axis=1) < 2)
    if alone.size:
        where = "" if len(present) == 1 else f"meta-analysis {alone[0]} has one: "
        raise NotEnoughTrials(f"{where}to draw a trial towards the others takes 2 trials. Look at the trial itself.")


def _pooled(data: dict[str, object], choices: dict[str, object]) -> tuple[RandomEffects, NDArray, NDArray]:
    """Return the pool, what it expects of each trial, and the variance of that, (B, 1)."""
    fit = random_effects(**data, **choices)
    return fit, np.reshape(fit.estimate, (-1, 1)), np.reshape(fit.se, (-1, 1)) ** 2


def _regressed(
    data: dict[str, object], design: Design, choices: dict[str, object]
) -> tuple[MetaRegression, NDArray, NDArray]:
    """Return the regression, what it expects of each trial, and the variance of that, (B, k).

    The columns are made orthonormal first, so that no digits are lost where they are far from 0, such as years.
    """
    fit = meta_regression(**data, design=design.basis if len(design.basis) > 1 else design.basis[0], **choices)
    coefficients = fit.coefficients.reshape(-1, design.size)
    covariance = fit.covariance.reshape(-1, design.size, design.size)
    rows = np.broadcast_to(design.basis, (len(coefficients), *design.basis.shape[1:]))
    fitted = np.einsum("bkp,bp->bk", rows, coefficients)
    return fit, fitted, np.einsum("bkp,bpq,bkq->bk", rows, covariance, rows)
