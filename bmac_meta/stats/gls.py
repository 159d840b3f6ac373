"""Generalized least squares: dependent effects with a known covariance, and tau2 by exact likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import DesignError, InputError, check_word
from bmac_meta.stats.batch import CHUNK_CELLS, Batch, as_floats, as_level, map_chunks, unbatch
from bmac_meta.stats.gls_covariance import checked_links
from bmac_meta.stats.gls_likelihood import DependentModel, Regressors
from bmac_meta.stats.inference import INTERVALS, interval_scale, prediction_scale, ratio
from bmac_meta.stats.likelihood import gaussian, maximize
from bmac_meta.stats.reference import critical, two_sided, upper_chi2

Array = NDArray[np.float64]

TAU2_METHODS = ("REML", "ML")
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
