"""Several outcomes of the same trials at once: random effects with an unstructured covariance between outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import BmacMetaError, InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import as_batch, as_floats, as_level
from bmac_meta.stats.dependence import cluster_codes
from bmac_meta.stats.gls import coefficient_columns, positive_definite
from bmac_meta.stats.nested_likelihood import log_determinant
from bmac_meta.stats.reference import upper_chi2
from bmac_meta.stats.regressors import as_design

Array = NDArray[np.float64]

METHODS = ("REML", "ML")
MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class MultivariateEffects:
    """Coefficients (p,) of several outcomes, and the covariance of the true effects of one trial.

    `between` (q, q) is that covariance, in the order of `outcomes`; `tau2` (q,) is its diagonal and `correlation`
    (q, q) what it implies, NaN where a tau2 is 0. Intervals and tests refer to the normal distribution.
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
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    k: int
    clusters: int
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
) -> MultivariateEffects:
    """Pool or regress several outcomes that trials report together.

    `estimate` and the labels `outcome` and `cluster` (the trial) are (k,), `covariance` (k, k) is that of the errors,
    `design` (k, p), by default one mean for each outcome. The true effects of a trial have a covariance (q, q) that is
    estimated as it comes, positive semi-definite, by the maximum of the (restricted) likelihood found from several
    starts. Not every trial needs every outcome.

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
    matrix, level = positive_definite(covariance), as_level(level)
    batch = as_batch(estimate, np.diag(matrix))
    names, place = _outcomes(outcome, batch.width)
    codes = cluster_codes(cluster, batch.width)
    _check_overlap(names, place, codes)
    member = np.eye(len(names))[place]
    columns = member if design is None else as_design(design, batch).raw[0]
    same = codes[:, None] == codes
    model = _Model(batch.estimate[0], matrix, columns, member, same, method == "REML")
    factor = _maximize(model)
    state = model.state(factor)
    between = factor @ factor.T
    tau2, degrees = np.diag(between).copy(), batch.width - columns.shape[1]
    q = float(model.state(np.zeros_like(between)).misfit)
    with np.errstate(invalid="ignore"):
        correlation = between / np.sqrt(np.outer(tau2, tau2))
    return MultivariateEffects(
        **coefficient_columns(state.beta, np.sqrt(np.diag(state.inverse)), np.inf, level),
        coefficient_covariance=state.inverse,
        outcomes=names,
        between=between,
        tau2=tau2,
        correlation=correlation,
        q=q,
        q_df=degrees,
        q_p=upper_chi2(np.array(q), np.array(float(degrees))).item(),
        log_likelihood=float(state.log_likelihood),
        k=batch.width,
        clusters=int(codes.max()) + 1,
        method=method,
        level=level,
    )


def _outcomes(outcome: ArrayLike, count: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    labels = np.asarray(outcome)
    if labels.shape != (count,):
        raise InputError(f"outcome has the shape {labels.shape}; give one label for each of the {count} effects.")
    names, place = np.unique(labels.astype(str), return_inverse=True)
    return tuple(names.tolist()), place


def _check_overlap(names: tuple[str, ...], place: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
    reported = np.zeros((codes.max() + 1, len(names)), dtype=int)
    np.add.at(reported, (codes, place), 1)
    if (reported > 1).any():
        raise InputError("a trial reports one outcome twice; keep one effect for each outcome and trial.")
    together = reported.T @ reported
    for one, other in sorted(np.argwhere(together < 2).tolist(), key=lambda pair: pair[0] != pair[1]):
        what = f"outcome {names[one]!r} is"
        if one != other:
            what = f"outcomes {names[one]!r} and {names[other]!r} are together"
        count = int(together[one, other])
        raise NotEnoughTrials(
            f"{what} reported by {count} trial{'s' * (count != 1)}; a covariance between outcomes needs at least "
            "2. Leave the outcome out, or pool it alone."
        )


@dataclass(frozen=True, slots=True)
class _State:
    """Coefficients, their covariance, misfit, log-likelihood, and its gradient in the factor (q, q)."""

    beta: Array
    inverse: Array
    misfit: float
    log_likelihood: float
    gradient: Array


@dataclass(frozen=True, slots=True)
class _Model:
    """Effects (k,), their covariance (k, k), design (k, p), outcomes as indicators (k, q), and who shares a trial."""

    effect: Array
    covariance: Array
    design: Array
    member: Array
    same: NDArray[np.bool_]
    restricted: bool

    def state(self, factor: Array) -> _State:
        """Return the state at a lower triangular factor of the covariance between outcomes, real or complex."""
        total = self.covariance + self.same * (self.member @ (factor @ factor.T) @ self.member.T)
        weight = np.linalg.inv(total)
        solved = weight @ self.design
        precision = self.design.T @ solved
        inverse = np.linalg.inv(precision)
        beta = inverse @ (solved.T @ self.effect)
        rest = self.effect - self.design @ beta
        pull = weight @ rest
        volume = log_determinant(total)
        if self.restricted:
            weight = weight - solved @ inverse @ solved.T
            volume = volume + log_determinant(precision) - log_determinant(self.design.T @ self.design)
        slope = 0.5 * self.member.T @ (self.same * (np.outer(pull, pull) - weight)) @ self.member
        degrees = len(rest) - self.restricted * self.design.shape[1]
        value = -0.5 * (degrees * np.log(2 * np.pi) + volume + rest @ pull)
        return _State(beta, inverse, rest @ pull, value, np.tril(2 * slope @ factor))

    @property
    def typical(self) -> float:
        """A typical variance of the errors."""
        return float(np.exp(np.log(np.diag(self.covariance)).mean()))

    def curvature(self, factor: Array) -> tuple[Array, Array]:
        """Return the gradient in the free entries of the factor and its derivatives, by complex steps."""
        rows, columns = np.tril_indices(len(factor))
        step, matrix = 1e-30 * np.sqrt(self.typical), []
        for row, column in zip(rows, columns, strict=True):
            moved = factor.astype(complex)
            moved[row, column] += 1j * step
            matrix.append(self.state(moved).gradient[rows, columns].imag / step)
        return self.state(factor).gradient[rows, columns], 0.5 * (np.array(matrix) + np.array(matrix).T)


def _starts(model: _Model) -> Iterator[Array]:
    size = model.member.shape[1]
    spread = np.linalg.lstsq(model.design, model.effect, rcond=None)[0]
    rest = (model.effect - model.design @ spread) ** 2
    largest = np.maximum(model.member.T @ rest / model.member.sum(0), 1e-3 * model.typical)
    for share in (1.0, 0.1, 0.001):
        for correlation in (0.0, 0.9, -0.9 / max(size - 1, 1)):
            pattern = (1 - correlation) * np.eye(size) + correlation
            deviation = np.sqrt(share * largest)
            yield np.linalg.cholesky(pattern * np.outer(deviation, deviation))


def _maximize(model: _Model) -> Array:
    """Return the lower triangular factor with the highest likelihood of those reached from all starts."""
    peaks = [_climb(model, start) for start in _starts(model)]
    return max(peaks, key=lambda peak: model.state(peak).log_likelihood)


def _climb(model: _Model, factor: Array) -> Array:
    lower = np.tril_indices(len(factor))
    for _ in range(MOST_STEPS):
        gradient, matrix = model.curvature(factor)
        values, vectors = np.linalg.eigh(matrix)
        size = np.maximum(np.abs(values), 1e-10 * np.abs(values).max())
        step = np.zeros_like(factor)
        step[lower] = vectors @ ((vectors.T @ gradient) / size)
        relative = np.abs(step).max() / (np.abs(factor).max() + np.sqrt(model.typical))
        # So near the top rounding hides which place is higher, and Newton's error is squared by each step.
        if relative <= 1e-9:
            return factor + step
        if relative > 1e-4:
            step = _uphill(model, factor, step)
        factor = factor + step
    raise BmacMetaError(
        "the likelihood of the multivariate model could not be maximized; check the units of the effects."
    )


def _uphill(model: _Model, factor: Array, step: Array) -> Array:
    height = model.state(factor).log_likelihood
    for _ in range(60):
        if model.state(factor + step).log_likelihood > height:
            return step
        step = step / 2
    return step


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
