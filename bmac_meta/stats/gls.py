"""Generalized least squares: dependent effects with a known covariance, and tau2 by exact likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import DesignError, InputError, check_word
from bmac_meta.stats.batch import as_batch, as_floats, as_level
from bmac_meta.stats.inference import INTERVALS, interval_scale, ratio
from bmac_meta.stats.reference import critical, two_sided, upper_chi2
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.roots import bracketed_roots

Array = NDArray[np.float64]

TAU2_METHODS = ("REML", "ML")
SCAN = 400


@dataclass(frozen=True, slots=True)
class DependentEffects:
    """Effects pooled or regressed with the covariance of their errors taken as known.

    `estimate`, `se`, `statistic`, `p_value`, `ci_low`, `ci_high` are numbers without a design, (p,) with one;
    `coefficient_covariance` is (p, p). `df` is infinite for a normal reference. `pi_low` and `pi_high`, the
    limits for the effect in a new trial, are NaN with a design, with fewer than 3 effects, and under a common
    effect. `q` tests homogeneity (with a design: of what the design leaves) at tau2 = 0.
    """

    estimate: float | Array
    se: float | Array
    statistic: float | Array
    df: float
    p_value: float | Array
    ci_low: float | Array
    ci_high: float | Array
    pi_low: float
    pi_high: float
    coefficient_covariance: Array
    tau2: float
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    k: int
    method: str
    interval: str
    level: float


def generalized_least_squares(
    estimate: ArrayLike,
    *,
    covariance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str | float = "REML",
    between: ArrayLike | None = None,
    interval: str = "knapp-hartung-floored",
    level: float = 0.95,
) -> DependentEffects:
    """Pool or regress effects whose errors have a known covariance.

    `estimate` is (k,), `covariance` (k, k) symmetric and positive definite, `design` (k, p) with its column
    of ones, or None for the mean. The covariance of the effects is `covariance` + tau2 × `between`; `between`
    (k, k), a correlation matrix, says how the true effects go together (by default independently). `tau2` is
    "REML", "ML" (both the global maximum) or a number, with 0 for a common effect. `interval` as in
    `random_effects`; the Knapp–Hartung factor is the generalized Q over its degrees of freedom.

    Raises `InputError` for a covariance that is none, `DesignError` where tau2 cannot be told from the mean.

    >>> independent = generalized_least_squares([0.1, 0.3, 0.6], covariance=np.diag([0.01, 0.02, 0.03]))
    >>> independent.q_df
    2
    """
    check_word("interval", interval, INTERVALS)
    covariance, level = positive_definite(covariance), as_level(level)
    batch = as_batch(estimate, np.diag(covariance))
    regressors = np.ones((batch.width, 1)) if design is None else as_design(design, batch).raw[0]
    model = _Rotated.of(batch.estimate[0], covariance, regressors, _between(between, batch.width))
    method, value = _tau2(model, tau2)
    beta, inverse, misfit = model.fit(np.array([value]))
    scale, df = interval_scale(interval, misfit, np.array([model.degrees]))
    spread = inverse[0] * scale
    q = model.fit(np.zeros(1))[2].item()
    columns = coefficient_columns(beta[0], np.sqrt(np.diag(spread)), df, level)
    if design is None:
        columns = {name: values.item() for name, values in columns.items()}
    predicted = design is None and batch.width >= 3 and method != "common effect"
    half = critical(level, df).item() * np.sqrt(value + spread[0, 0]) if predicted else np.nan
    return DependentEffects(
        **columns,
        df=df.item(),
        pi_low=float(beta[0, 0] - half),
        pi_high=float(beta[0, 0] + half),
        coefficient_covariance=spread,
        tau2=value,
        q=q,
        q_df=model.degrees,
        q_p=upper_chi2(np.array(q), np.array(float(model.degrees))).item(),
        log_likelihood=model.log_likelihood(np.array([value]), method == "REML").item(),
        k=batch.width,
        method=method,
        interval=interval,
        level=level,
    )


def coefficient_columns(beta: Array, se: Array, df: Array | float, level: float) -> dict[str, Array]:
    """Return estimate, se, statistic, p_value and the limits of coefficients (p,) under t with df."""
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


@dataclass(frozen=True, slots=True)
class _Rotated:
    """The model in coordinates where the errors are independent with variances 1 + tau2 × `spread`.

    `effect` and `spread` are (k,), `design` is (k, p); `volume` is log|V| and `constant` log|XᵀX| of the
    original ones, `largest` a tau2 beyond which the likelihood should only fall.
    """

    effect: Array
    design: Array
    spread: Array
    volume: float
    constant: float
    largest: float

    @classmethod
    def of(cls, effect: Array, covariance: Array, design: Array, between: Array) -> _Rotated:
        columns = np.column_stack([design, effect])
        rotated, spread, volume = np.empty_like(columns), np.empty(len(effect)), 0.0
        for rows in _blocks((covariance != 0) | (between != 0)):
            square = np.ix_(rows, rows)
            root = np.linalg.cholesky(covariance[square])
            half = np.linalg.solve(root, between[square])
            spread[rows], axes = np.linalg.eigh(np.linalg.solve(root, half.T))
            rotated[rows] = axes.T @ np.linalg.solve(root, columns[rows])
            volume += 2 * np.log(np.diag(root)).sum()
            # Eigenvalues of a semi-definite matrix come out a rounding error off zero.
            floor = np.finfo(float).eps * len(rows) * spread[rows].max()
            spread[rows] = np.where(spread[rows] > floor, spread[rows], 0.0)
        plain = effect - design @ np.linalg.lstsq(design, effect, rcond=None)[0]
        largest = len(effect) * (plain @ plain + np.trace(covariance))
        return cls(
            effect=rotated[:, -1],
            design=rotated[:, :-1],
            spread=spread,
            volume=volume,
            constant=np.linalg.slogdet(design.T @ design)[1],
            largest=largest,
        )

    @property
    def degrees(self) -> int:
        return len(self.effect) - self.design.shape[1]

    def fit(self, tau2: Array) -> tuple[Array, Array, Array]:
        """Return coefficients (g, p), their covariance (g, p, p) and the misfit (g,) at tau2 (g,)."""
        weight = 1 / (1 + tau2[:, None] * self.spread)
        inverse = np.linalg.inv(np.einsum("gk,kp,kq->gpq", weight, self.design, self.design))
        beta = np.einsum("gpq,gk,kq,k->gp", inverse, weight, self.design, self.effect, optimize=True)
        rest = self.effect - beta @ self.design.T
        return beta, inverse, (weight * rest**2).sum(-1)

    def log_likelihood(self, tau2: Array, restricted: bool) -> Array:
        _, inverse, misfit = self.fit(tau2)
        volume = self.volume + np.log1p(tau2[:, None] * self.spread).sum(-1)
        if not restricted:
            return -0.5 * (len(self.effect) * np.log(2 * np.pi) + volume + misfit)
        precision = -np.linalg.slogdet(inverse)[1] - self.constant
        return -0.5 * (self.degrees * np.log(2 * np.pi) + volume + precision + misfit)

    def score(self, tau2: Array, restricted: bool) -> tuple[Array, Array]:
        """Return the two sides of the score: the likelihood rises where the first exceeds the second."""
        beta, inverse, _ = self.fit(tau2)
        weight = 1 / (1 + tau2[:, None] * self.spread)
        pull = (self.spread * (weight * (self.effect - beta @ self.design.T)) ** 2).sum(-1)
        drag = weight * self.spread
        if restricted:
            leverage = np.einsum("gpq,kp,kq->gk", inverse, self.design, self.design, optimize=True) * weight
            drag = drag * (1 - leverage)
        return pull, drag.sum(-1)


def _blocks(linked: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the rows of each set of effects that are linked with one another but with no others.

    Taken block by block, effects of very different precision do not spoil each other's digits.
    """
    left, blocks = np.ones(len(linked), dtype=bool), []
    while left.any():
        block = np.zeros(len(linked), dtype=bool)
        block[left.argmax()] = True
        while (grown := linked[block].any(axis=0)).sum() > block.sum():
            block = grown
        left &= ~block
        blocks.append(np.flatnonzero(block))
    return blocks


def _tau2(model: _Rotated, tau2: str | float) -> tuple[str, float]:
    if not isinstance(tau2, str):
        value = as_floats("tau2", tau2)
        if value.ndim or not (np.isfinite(value) and value >= 0):
            raise InputError(f"tau2 is {tau2!r}; give one finite number of at least 0, or one of REML, ML.")
        return ("given" if value > 0 else "common effect"), float(value)
    restricted = check_word("tau2 method", tau2, TAU2_METHODS) == "REML"
    return tau2, _maximize(model, restricted)


def _maximize(model: _Rotated, restricted: bool) -> float:
    """Return the tau2 ≥ 0 of the highest likelihood among all its local maxima on a fine logarithmic scan."""
    pull, drag = model.score(np.zeros(1), True)
    if drag[0] <= 1e-12 * model.spread.sum():
        raise DesignError(
            "tau2 cannot be told from the coefficients: `between` ties all effects together and the design "
            "absorbs it. Use independent true effects within a cluster, more clusters, or tau2=0."
        )
    smallest = 1e-6 / model.spread.max()
    scan = np.geomspace(smallest, max(model.largest, 10 * smallest), SCAN)
    scan = np.concatenate([[0.0], scan])
    pull, drag = model.score(scan, restricted)
    rising = pull > drag
    turns = np.flatnonzero(rising[:-1] & ~rising[1:])

    def slope(place: Array) -> Array:
        above, below = model.score(place, restricted)
        return above - below

    peaks = bracketed_roots(slope, scan[turns], scan[turns + 1]) if turns.size else np.empty(0)
    candidates = np.concatenate([peaks, np.zeros(0 if rising[0] else 1)])
    if candidates.size == 0:
        raise DesignError("the likelihood of tau2 has no maximum for these effects; check their units and covariance.")
    return float(candidates[model.log_likelihood(candidates, restricted).argmax()])


def _between(between: ArrayLike | None, k: int) -> Array:
    if between is None:
        return np.eye(k)
    matrix = as_floats("between", between)
    fits = matrix.shape == (k, k) and np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
    if not fits or np.linalg.eigvalsh(matrix)[0] < -1e-10 * k:
        raise InputError(f"between must be a correlation matrix of shape ({k}, {k}); build it with compound_symmetry.")
    return matrix


def positive_definite(covariance: ArrayLike) -> Array:
    """Return a covariance matrix (k, k) as it is, or raise `InputError` that says why it is none."""
    matrix = as_floats("covariance", covariance)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InputError(f"covariance has the shape {matrix.shape}; it must be (k, k), one row per effect.")
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0):
        raise InputError("covariance must be finite and symmetric.")
    spread = np.sqrt(np.maximum(np.diag(matrix), 0))
    if not (spread > 0).all() or np.linalg.eigvalsh(matrix / np.outer(spread, spread))[0] <= 1e-13:
        raise InputError(
            "covariance is not positive definite: some effects would be known exactly from others. Check "
            "variances (above 0) and correlations (a shared control adds less than the whole variance)."
        )
    return 0.5 * (matrix + matrix.T)
