"""Several outcomes of the same trials at once: random effects with an unstructured covariance between outcomes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import BmacMetaError, DesignError, InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import Batch, as_batch, as_floats, as_level, map_chunks, unbatch
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.gls import coefficient_columns
from bmac_meta.stats.gls_covariance import positive_definite
from bmac_meta.stats.multivariate_likelihood import Array, Model
from bmac_meta.stats.multivariate_rows import Rows
from bmac_meta.stats.multivariate_search import highest
from bmac_meta.stats.reference import upper_chi2
from bmac_meta.stats.regressors import as_design

METHODS = ("REML", "ML")
# A variance between trials is 0 where it is below this share of the smallest variance of an error and the likelihood
# is no lower without it.
ZERO = 1e-10
UNSEEN = 1e-9


@dataclass(frozen=True, slots=True)
class MultivariateEffects:
    """Coefficients of several outcomes, and the covariance of the true effects of one trial.

    The shapes are those of one analysis; a batch has (B,) before them, except for `outcomes`, `method` and `level`. The
    fields up to `ci_high` are (p,), `coefficient_covariance` (p, p). `between` (q, q) is the covariance of the true
    effects, in the order of `outcomes`; `tau2` (q,) is its diagonal and `correlation` (q, q) what it implies, NaN where
    a tau2 is 0. `q`, `q_df` and `q_p` test homogeneity. Intervals and tests refer to the normal distribution.
    """

    estimate: Array
    se: Array
    statistic: Array
    p_value: Array
    ci_low: Array
    ci_high: Array
    coefficient_covariance: Array
    outcomes: tuple[str, ...]
    between: Array
    tau2: Array
    correlation: Array
    q: float | Array
    q_df: int | NDArray[np.int64]
    q_p: float | Array
    log_likelihood: float | Array
    k: int | NDArray[np.int64]
    clusters: int | NDArray[np.int64]
    method: str
    level: float


def multivariate_effects(
    estimate: ArrayLike,
    *,
    covariance: ArrayLike,
    outcome: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> MultivariateEffects:
    """Pool or regress several outcomes that trials report together, in one or many analyses.

    `estimate` is (k,) or (B, k), `covariance` of the errors (k, k) or (B, k, k), with an optional boolean `mask`
    (B, k), True for an effect that is present; the labels `outcome` and `cluster` (the trial) are (k,). `design` is
    (k, p) or (B, k, p), by default one mean for each outcome. The true effects of a trial have a covariance (q, q) that
    is estimated as it comes, positive semi-definite, by the maximum of the (restricted) likelihood found from several
    starts. Not every trial needs every outcome. Where no errors of different trials are correlated, time and memory
    grow with k, beyond that of the matrix given, and else with its cube.

    Raises `NotEnoughTrials` for an outcome with fewer than two trials or a pair that no two trials report together,
    `InputError` and `DesignError` for unusable input. Model: Berkey et al. 1998
    (doi:10.1002/(sici)1097-0258(19981130)17:22<2537::aid-sim953>3.0.co;2-c).

    >>> result = multivariate_effects(
    ...     [0.1, 0.2, 0.4, 0.5, 0.9, 0.7],
    ...     covariance=np.diag([0.01] * 6),
    ...     outcome=["pain", "function"] * 3,
    ...     cluster=["a", "a", "b", "b", "c", "c"],
    ... )
    >>> result.outcomes
    ('function', 'pain')
    """
    check_word("method of a multivariate model", method, METHODS)
    matrices, level = _matrices(covariance, mask), as_level(level)
    batch = as_batch(estimate, np.diagonal(matrices, axis1=-2, axis2=-1), mask)
    names, place = _outcomes(outcome, batch.width)
    codes = cluster_codes(cluster, batch.width)
    clusters = _check_overlap(names, place, codes, batch)
    columns = np.eye(len(names))[place][None] if design is None else as_design(design, batch).raw
    rows = Rows.of(batch, matrices, columns, place, codes)
    _check_errors(rows)

    def part(chunk: slice) -> dict[str, Array]:
        model, unit, base = rows.model(chunk, method == "REML")
        starts = rows.starts(chunk, unit, base, method)
        if design is not None and method == "REML":
            _check_identified(model, starts, chunk, batch.single)
        factor, arrived = highest(model, starts)
        if not arrived.all():
            raise BmacMetaError(
                f"{_named(batch, chunk.start + int(arrived.argmin()))}the likelihood of the multivariate model could "
                "not be maximized; check the units of the effects."
            )
        return _fields(model, _without_traces(model, factor), unit, base, level)

    fields = map_chunks(part, batch.count, rows.cells)
    fields |= {"clusters": clusters, "q_df": fields["k"] - columns.shape[2]}
    fields["q_p"] = upper_chi2(fields["q"], fields["q_df"].astype(float))
    return MultivariateEffects(**unbatch(fields, batch.single), outcomes=names, method=method, level=level)


def _named(batch: Batch, row: int) -> str:
    return "" if batch.single else f"meta-analysis {row}: "


def _matrices(covariance: ArrayLike, mask: ArrayLike | None) -> Array:
    """Return the covariance of the errors, (k, k) or (B, k, k); one that may not have gaps is looked at here."""
    matrix = as_floats("covariance", covariance)
    if matrix.ndim not in (2, 3) or matrix.shape[-1] != matrix.shape[-2] or not matrix.size:
        return positive_definite(matrix)
    if mask is None and matrix.ndim == 2 and not _sound(matrix):
        return positive_definite(matrix)
    return matrix


def _sound(matrix: Array) -> bool:
    symmetric = np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, rtol=1e-9, atol=0)
    return bool(symmetric and (np.diag(matrix) > 0).all())


def _check_errors(rows: Rows) -> None:
    """Raise `InputError` unless the covariance of the errors that are present is one, in every analysis."""
    for row in rows.suspects():
        present = np.flatnonzero(rows.present[row if len(rows.present) > 1 else 0])
        matrix = rows.matrices[row if len(rows.matrices) > 1 else 0][np.ix_(present, present)]
        try:
            positive_definite(matrix)
        except InputError as cause:
            raise InputError(f"{_named(rows.batch, row)}{cause}") from cause


def _outcomes(outcome: ArrayLike, count: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    labels = np.asarray(outcome)
    if labels.shape != (count,):
        raise InputError(f"outcome has the shape {labels.shape}; give one label for each of the {count} effects.")
    names, place = np.unique(labels.astype(str), return_inverse=True)
    return tuple(names.tolist()), place


def _check_overlap(
    names: tuple[str, ...], place: NDArray[np.int64], codes: NDArray[np.int64], batch: Batch
) -> NDArray[np.int64]:
    """Return how many trials each analysis has (B,), or raise what speaks against one of them."""
    present = np.ones((1, batch.width), dtype=bool) if batch.mask is None else batch.mask
    trials = np.empty(len(present), dtype=int)
    for row, here in enumerate(present):
        reported = np.zeros((codes.max() + 1, len(names)), dtype=int)
        np.add.at(reported, (codes[here], place[here]), 1)
        if (reported > 1).any():
            raise InputError(
                f"{_named(batch, row)}a trial reports one outcome twice; keep one effect for each outcome and trial."
            )
        _check_together(names, reported.T @ reported, _named(batch, row))
        trials[row] = np.count_nonzero(reported.any(axis=1))
    return np.broadcast_to(trials, batch.count)


def _check_together(names: tuple[str, ...], together: NDArray[np.int64], where: str) -> None:
    for one, other in sorted(np.argwhere(together < 2).tolist(), key=lambda pair: pair[0] != pair[1]):
        what = f"outcome {names[one]!r} is"
        if one != other:
            what = f"outcomes {names[one]!r} and {names[other]!r} are together"
        count = int(together[one, other])
        raise NotEnoughTrials(
            f"{where}{what} reported by {count} trial{'s' * (count != 1)}; a covariance between outcomes needs at "
            "least 2. Leave the outcome out, or pool it alone."
        )


def _check_identified(model: Model, starts: Array, chunk: slice, single: bool) -> None:
    """Raise `DesignError` where the design leaves nothing to estimate some of the covariance between outcomes from."""
    lane, factor = np.arange(len(starts)), starts[:, 0]
    seen, whole = (replace(model, restricted=each).information(lane, factor) for each in (True, False))
    root = np.linalg.cholesky(whole)
    share = np.linalg.solve(root, np.linalg.solve(root, seen).swapaxes(1, 2))
    blind = np.linalg.eigvalsh(share)[:, 0] <= UNSEEN
    if blind.any():
        where = "" if single else f"meta-analysis {chunk.start + int(blind.argmax())}: "
        raise DesignError(
            f"{where}the covariance between outcomes cannot be told from the coefficients, which absorb what the "
            "trials say about it. Use fewer covariates, or method='ML'."
        )


def _without_traces(model: Model, factor: Array) -> Array:
    """Return factors in which an outcome without heterogeneity has none to the last digit."""
    lane = np.arange(len(factor))
    plain = np.where(np.square(factor).sum(axis=2, keepdims=True) <= ZERO, 0.0, factor)
    height, without = model.fit(lane, factor).height, model.fit(lane, plain).height
    return np.where((without >= height - ZERO * (1 + np.abs(height)))[:, None, None], plain, factor)


def _fields(model: Model, factor: Array, unit: Array, base: Array, level: float) -> dict[str, Array]:
    lane = np.arange(len(factor))
    fit, deviation = model.fit(lane, factor), factor * unit[:, :, None]
    between, spread = deviation @ deviation.swapaxes(1, 2), fit.covariance
    tau2 = np.diagonal(between, axis1=1, axis2=2)
    tau = np.sqrt(np.where(tau2 > 0, tau2, np.nan))
    correlation = np.clip(between / tau[:, :, None] / tau[:, None, :], -1.0, 1.0)
    se = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
    return {
        **coefficient_columns(base + fit.beta, se, np.inf, level),
        "coefficient_covariance": spread,
        "between": between,
        "tau2": tau2,
        "correlation": np.where(np.eye(tau.shape[1]) * (tau2 > 0)[:, :, None] > 0, 1.0, correlation),
        "q": model.fit(lane, np.zeros_like(factor)).misfit,
        "log_likelihood": fit.height,
        "k": model.rows,
    }


def covariance_blocks(blocks: ArrayLike) -> Array:
    """Return the block-diagonal matrix of a sequence of square matrices, one per trial.

    >>> covariance_blocks([[[1.0]], [[2.0, 0.5], [0.5, 2.0]]]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.5, 2.0]]
    """
    squares = [as_floats("blocks", block) for block in blocks]
    if not squares or any(square.ndim != 2 or square.shape[0] != square.shape[1] for square in squares):
        raise InputError("blocks must hold square matrices, one for each trial.")
    ends = np.cumsum([len(square) for square in squares])
    matrix = np.zeros((ends[-1], ends[-1]))
    for end, square in zip(ends, squares, strict=True):
        matrix[end - len(square) : end, end - len(square) : end] = square
    return matrix
