"""Generalized least squares: dependent effects with a known covariance, and tau2 by exact likelihood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import DesignError, InputError, check_word
from bmac_meta.stats.batch import (
    CHUNK_CELLS,
    LARGEST_VARIANCE,
    SMALLEST_VARIANCE,
    Batch,
    as_batch,
    as_floats,
    as_level,
    map_chunks,
    unbatch,
)
from bmac_meta.stats.gls_likelihood import DependentModel, Regressors
from bmac_meta.stats.gls_rotation import Links
from bmac_meta.stats.inference import INTERVALS, interval_scale, prediction_scale, ratio
from bmac_meta.stats.likelihood import gaussian, maximize
from bmac_meta.stats.reference import critical, two_sided, upper_chi2

Array = NDArray[np.float64]

TAU2_METHODS = ("REML", "ML")
UNUSABLE = "covariance must be finite and symmetric."
SINGULAR = (
    "covariance is not positive definite: some effects would be known exactly from others. Check variances (above 0) "
    "and correlations (a shared control adds less than the whole variance)."
)
COLUMNS = ("estimate", "se", "statistic", "p_value", "ci_low", "ci_high")
# Wider matrices that differ between meta-analyses are worked on one after the other, to bound the memory.
WIDE = 256


@dataclass(frozen=True, slots=True)
class DependentEffects:
    """Effects pooled or regressed with the covariance of their errors taken as known.

    `estimate`, `se`, `statistic`, `p_value`, `ci_low`, `ci_high` are numbers without a design, (p,) with one;
    `coefficient_covariance` is (p, p). `df` is infinite for a normal reference. `pi_low` and `pi_high`, the
    limits for the effect in a new trial, are NaN with a design, with fewer than 3 effects, and under a common
    effect (a tau2 given as 0). `q` tests homogeneity (with a design: of what the design leaves) at tau2 = 0. For a
    batch every field but the last three has a leading axis B.
    """

    estimate: float | Array
    se: float | Array
    statistic: float | Array
    df: float | Array
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    pi_low: float | Array
    pi_high: float | Array
    coefficient_covariance: Array
    tau2: float | Array
    q: float | Array
    q_df: int | NDArray[np.int64]
    q_p: float | Array
    log_likelihood: float | Array
    k: int | NDArray[np.int64]
    method: str
    interval: str
    level: float


def generalized_least_squares(
    estimate: ArrayLike,
    *,
    covariance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str | ArrayLike = "REML",
    between: ArrayLike | None = None,
    interval: str = "knapp-hartung-floored",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> DependentEffects:
    """Pool or regress the effects of one or many meta-analyses, whose errors have a known covariance.

    `estimate` is (k,) or (B, k), `covariance` (k, k) or (B, k, k), symmetric and positive definite, `design` (k, p)
    or (B, k, p) with its column of ones, or None for the mean. The covariance of the effects is `covariance` +
    tau2 × `between`; `between`, a correlation matrix (k, k) or (B, k, k), says how the true effects go together (by
    default independently). `tau2` is "REML", "ML" (both the global maximum) or known: a number or (B,), with 0 for a
    common effect. `interval` as in `random_effects`; the Knapp–Hartung factor is the generalized Q over its degrees
    of freedom. `mask`, (k,) or (B, k), is False for effects that are not there: their rows and columns may hold
    anything.

    Raises `InputError` for a covariance that is none, `DesignError` where tau2 cannot be told from the mean, as with
    one effect.

    >>> independent = generalized_least_squares([0.1, 0.3, 0.6], covariance=np.diag([0.01, 0.02, 0.03]))
    >>> independent.q_df
    2
    """
    check_word("interval", interval, INTERVALS)
    share = as_level(level)
    batch, links = checked_links(estimate, covariance, between, mask)
    model = DependentModel.of(batch, links, Regressors.of(design, batch))
    method, known = _tau2(tau2, batch)
    words = {"method": method, "interval": interval, "level": share}

    def part(rows: slice) -> dict[str, NDArray]:
        fields = _pool(model, rows, None if known is None else known[rows], words)
        return fields if design is not None else fields | _predict(fields, share, known is not None)

    fields = _map(part, model)
    if design is None:
        fields |= {name: fields[name][:, 0] for name in COLUMNS}
    return DependentEffects(**unbatch(fields, batch.single), **words)


def _pool(model: DependentModel, rows: slice, known: Array | None, words: Mapping[str, object]) -> dict[str, NDArray]:
    projection, origin = model.project(rows)
    restricted = words["method"] == "REML"
    if known is None:
        _refuse_absorbed(model, rows)
        tau2 = maximize(projection, restricted)[0]
    else:
        tau2 = known / projection.unit**2
    values, wald, misfit = projection.coefficients(tau2)
    scale, df = interval_scale(words["interval"], misfit, projection.degrees)
    beta, wald = model.coefficients(rows, values, wald, origin)
    spread = wald * scale[:, None, None]
    q = projection.quadratic(np.zeros_like(tau2))[0]
    parts = misfit, *projection.log_determinants(tau2)
    return {
        **coefficient_columns(beta, np.sqrt(np.einsum("npp->np", spread)), df[:, None], words["level"]),
        "df": df,
        "pi_low": np.full_like(df, np.nan),
        "pi_high": np.full_like(df, np.nan),
        "coefficient_covariance": spread,
        "tau2": tau2 * projection.unit**2,
        "q": q,
        "q_df": projection.degrees.astype(int),
        "q_p": upper_chi2(q, projection.degrees),
        "log_likelihood": gaussian(projection.trials, projection.degrees, *parts, restricted),
        "k": projection.trials.astype(int),
    }


def _predict(fields: Mapping[str, NDArray], level: float, known: bool) -> dict[str, NDArray]:
    """Return the limits for the effect in a new trial, where there is a distribution of effects."""
    scattered = (fields["k"] >= 3) & ((fields["tau2"] > 0) | (not known))
    half = critical(level, fields["df"]) * prediction_scale(fields["tau2"], fields["se"][:, 0])
    half = np.where(scattered, half, np.nan)
    return {"pi_low": fields["estimate"][:, 0] - half, "pi_high": fields["estimate"][:, 0] + half}


def coefficient_columns(beta: Array, se: Array, df: Array | float, level: float) -> dict[str, Array]:
    """Return estimate, se, statistic, p_value and the limits of coefficients, each of the shape of `beta`, under t."""
    degrees = np.broadcast_to(df, beta.shape)
    statistic, half = ratio(beta, se), critical(level, degrees) * se
    return {
        "estimate": beta,
        "se": se,
        "statistic": statistic,
        "p_value": two_sided(statistic, degrees),
        "ci_low": beta - half,
        "ci_high": beta + half,
    }


def _map(part: Callable[[slice], dict[str, NDArray]], model: DependentModel) -> dict[str, NDArray]:
    """Run a function over slices of the batch: on all cores, or one by one where each needs much memory."""
    count, width = model.batch.estimate.shape
    cells = 4 * width * (model.regressors.basis.shape[2] + 4)
    if model.rotation is None:
        cells = max(cells, width * width // 32)
    if model.rotation is not None or width <= WIDE:
        return map_chunks(part, count, cells)
    step = max(1, CHUNK_CELLS // cells)
    parts = [part(slice(start, min(start + step, count))) for start in range(0, count, step)]
    return {name: np.concatenate([fields[name] for fields in parts]) for name in parts[0]}


def _tau2(tau2: str | ArrayLike, batch: Batch) -> tuple[str, Array | None]:
    """Return the word for tau2, and its values (B,) where they are known."""
    if isinstance(tau2, str):
        return check_word("tau2 method", tau2, TAU2_METHODS), None
    values = as_floats("tau2", tau2)
    shapes = ((),) if batch.single else ((), (1,), (batch.count,))
    if values.shape not in shapes or not (np.isfinite(values) & (values >= 0)).all():
        many = "" if batch.single else f", or one for each of the {batch.count} meta-analyses"
        raise InputError(f"tau2 is {tau2!r}; give one finite number of at least 0{many}, or one of REML, ML.")
    return ("given" if (values > 0).any() else "common effect"), np.broadcast_to(values, batch.count)


def _refuse_absorbed(model: DependentModel, rows: slice) -> None:
    absorbed, present = model.absorbed(rows), model.links.rows(rows).present
    if absorbed.any():
        row = int(absorbed.argmax())
        alone = model.batch.width == 1 or (present is not None and present[row % len(present)].sum() == 1)
        why = "it is about one effect" if alone else "`between` ties all effects together and the design absorbs it"
        place = "" if model.batch.single else f"in meta-analysis {rows.start + row} (counted from 0), "
        raise DesignError(
            f"{place}tau2 cannot be told from the coefficients: {why}. Use more effects, independent true effects "
            "within a cluster, more clusters, or tau2=0."
        )


def checked_links(
    estimate: ArrayLike, covariance: ArrayLike, between: ArrayLike | None, mask: ArrayLike | None
) -> tuple[Batch, Links]:
    """Return the effects as a batch and their checked covariance, or raise `InputError`."""
    matrix = _square(as_floats("covariance", covariance))
    diagonal = np.einsum("...kk->...k", matrix)
    usable = (diagonal >= SMALLEST_VARIANCE) & (diagonal <= LARGEST_VARIANCE)
    batch = as_batch(estimate, np.where(usable, diagonal, 1.0), mask)
    links = Links(matrix.reshape(-1, *matrix.shape[-2:]), None, _present(batch))
    _check_covariance(links, batch)
    if not usable.all():
        batch = as_batch(estimate, diagonal, mask)
    if between is None:
        return batch, links
    return batch, replace(links, between=_between(between, batch, links.present))


def _present(batch: Batch) -> NDArray[np.bool_] | None:
    """Return which effects are there, (1, k) where it is the same in all meta-analyses, or None where all are."""
    if batch.mask is None or batch.mask.all():
        return None
    return batch.mask[:1] if (batch.mask == batch.mask[0]).all() else batch.mask


def _square(matrix: Array, many: bool = True) -> Array:
    dimensions = (2, 3) if many else (2,)
    if matrix.ndim not in dimensions or matrix.shape[-1] != matrix.shape[-2] or not matrix.size:
        more = ", or (B, k, k) for many meta-analyses" if many else ""
        raise InputError(f"covariance has the shape {matrix.shape}; it must be (k, k), one row per effect{more}.")
    return matrix


def _check_covariance(links: Links, batch: Batch) -> None:
    """Raise `InputError` that names the first covariance which is none among the rows present."""
    if links.present is not None and len(links.covariance) == 1:
        # What all meta-analyses share is checked at once; each one for itself only if that fails.
        everywhere = Links(links.covariance, None, links.present.any(axis=0, keepdims=True))
        if not np.any(_faults(everywhere)):
            return
    for rows in _steps(links):
        unusable, singular = _faults(links.rows(rows))
        if (unusable | singular).any():
            row = int((unusable | singular).argmax())
            place = "" if batch.single or links.shared else f"in meta-analysis {rows.start + row} (counted from 0), "
            raise InputError(place + (UNUSABLE if unusable[row] else SINGULAR))


def _steps(links: Links) -> Iterator[slice]:
    """Yield slices of the meta-analyses whose matrices together take little memory."""
    count = max(len(links.covariance), 1 if links.present is None else len(links.present))
    step = max(1, (1 << 20) // links.covariance[0].size)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _faults(links: Links) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which covariances (1 or n) are not finite and symmetric, and which are not positive definite."""
    unusable, singular = (np.zeros(1, dtype=bool) for _ in range(2))
    for rows in links.blocks():
        matrix = links.within(rows)[0]
        turned = matrix.swapaxes(2, 3)
        with np.errstate(invalid="ignore"):
            fine = np.isfinite(matrix) & (np.abs(matrix - turned) <= 1e-9 * np.abs(turned))
        unusable = unusable | ~fine.all(axis=(1, 2, 3))
        usable = np.where(fine.all(axis=(2, 3), keepdims=True), matrix, np.eye(rows.shape[1]))
        spread = np.sqrt(np.maximum(np.einsum("nmbb->nmb", usable), 0.0))
        positive = (spread > 0).all(axis=2)
        spread = np.where(spread > 0, spread, 1.0)
        lowest = np.linalg.eigvalsh(usable / (spread[..., None] * spread[..., None, :]))[..., 0]
        singular = singular | ~(positive & (lowest > 1e-13)).all(axis=1)
    return unusable, singular


def positive_definite(covariance: ArrayLike) -> Array:
    """Return a covariance matrix (k, k) as it is, or raise `InputError` that says why it is none."""
    matrix = _square(as_floats("covariance", covariance), many=False)
    unusable, singular = _faults(Links(matrix[None]))
    if unusable[0] or singular[0]:
        raise InputError(UNUSABLE if unusable[0] else SINGULAR)
    return 0.5 * (matrix + matrix.T)


def _between(between: ArrayLike, batch: Batch, present: NDArray[np.bool_] | None) -> Array:
    """Return the correlation of the true effects, (1 or B, k, k)."""
    matrix, k = as_floats("between", between), batch.width
    many = "" if batch.single else f", or ({batch.count}, {k}, {k})"
    fault = f"between must be a correlation matrix of shape ({k}, {k}){many}; build it with compound_symmetry."
    if matrix.shape != (k, k) and (batch.single or matrix.shape != (batch.count, k, k)):
        raise InputError(fault)
    links = Links(matrix.reshape(-1, k, k), None, present)
    for rows in _steps(links):
        wrong = _no_correlation(links.rows(rows), k)
        if wrong.any():
            place = "" if links.shared else f"in meta-analysis {rows.start + int(wrong.argmax())} (counted from 0), "
            raise InputError(place + fault)
    return links.covariance


def _no_correlation(links: Links, k: int) -> NDArray[np.bool_]:
    """Say which matrices (1 or n) are no correlation matrix among the rows present."""
    wrong = np.zeros(1, dtype=bool)
    for rows in links.blocks():
        matrix = links.within(rows)[0]
        with np.errstate(invalid="ignore"):
            close = np.isclose(matrix, matrix.swapaxes(2, 3)) & np.isclose(np.einsum("nmbb->nmb", matrix), 1)[..., None]
        fine = close.all(axis=(2, 3), keepdims=True)
        lowest = np.linalg.eigvalsh(np.where(fine, matrix, np.eye(rows.shape[1])))[..., 0]
        wrong = wrong | ~(fine[..., 0, 0] & (lowest >= -1e-10 * k)).all(axis=1)
    return wrong
