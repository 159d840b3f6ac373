"""The (restricted) likelihood of effects nested in clusters: exact, cluster by cluster, and its global maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.errors import BmacMetaError

Array = NDArray[np.float64]

SCAN = 13
MOST_STEPS = 200


def log_determinant(matrix: Array) -> complex:
    """Return the logarithm of the determinant of a real or complex matrix."""
    sign, size = np.linalg.slogdet(matrix)
    return size + np.log(sign)


@dataclass(frozen=True, slots=True)
class State:
    """The model at some variances: coefficients, covariance, misfit, log-likelihood and its gradient (2,)."""

    beta: Array
    inverse: Array
    misfit: float
    log_likelihood: float
    gradient: Array


@dataclass(frozen=True, slots=True)
class NestedModel:
    """Effects and variances (k,) and design (k, p), sorted by cluster; first row and size of each cluster (m,).

    The first row of a cluster, its anchor, is its most precise effect. Effects and design are measured from
    there, so that no mean is a difference of large numbers, whatever the range of the variances.
    """

    effect: Array
    variance: Array
    design: Array
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    restricted: bool

    def total(self, values: Array) -> Array:
        """Return sums over the clusters of an array (k, ...)."""
        return np.add.reduceat(values, self.first, axis=0)

    def spread(self, values: Array) -> Array:
        """Return the value of its cluster for each effect."""
        return np.repeat(values, self.size, axis=0)

    def split(self, values: Array, weight: Array, sums: Array) -> tuple[Array, Array]:
        """Return columns (k, p) centred at the weighted means of their cluster, and these means (m, p)."""
        distance = values - self.spread(values[self.first])
        mean = self.total(weight[:, None] * distance) / sums[:, None]
        return distance - self.spread(mean), values[self.first] + mean

    def state(self, theta: Array) -> State:
        """Return the state at theta = (between, within); every operation also holds for complex theta.

        By Woodbury the inverse covariance of a cluster is U − u uᵀ/s + (u uᵀ/s)/(1 + between s), with u the
        inverses of variance + within, U their diagonal matrix and s their sum.
        """
        between, within = theta
        weight = 1 / (self.variance + within)
        sums = self.total(weight)
        grown = 1 + between * sums
        share = sums / grown
        design, design_means = self.split(self.design, weight, sums)
        effect, effect_means = (part[:, 0] for part in self.split(self.effect[:, None], weight, sums))
        precision = design.T @ (weight[:, None] * design) + design_means.T @ (share[:, None] * design_means)
        inverse = np.linalg.inv(precision)
        beta = inverse @ (design.T @ (weight * effect) + design_means.T @ (share * effect_means))
        rest, rest_means = effect - design @ beta, effect_means - design_means @ beta
        misfit = (weight * rest**2).sum() + (share * rest_means**2).sum()
        pull = weight * (rest + self.spread(rest_means / grown))
        force = np.array([((share * rest_means) ** 2).sum(), (pull**2).sum()])
        trace = np.array([share.sum(), self._diagonal(weight, sums, between).sum()])
        volume = np.log(self.variance + within).sum() + np.log(grown).sum()
        if self.restricted:
            solved = weight[:, None] * (design + self.spread(design_means / grown[:, None]))
            means = share[:, None] * design_means
            trace = trace - np.array([(inverse * (each.T @ each)).sum() for each in (means, solved)])
            volume = volume + log_determinant(precision) - log_determinant(self.design.T @ self.design)
        degrees = len(rest) - self.restricted * self.design.shape[1]
        value = -0.5 * (degrees * np.log(2 * np.pi) + volume + misfit)
        return State(beta, inverse, misfit, value, 0.5 * (force - trace))

    def _diagonal(self, weight: Array, sums: Array, between: complex) -> Array:
        """Return the diagonal of the inverse covariance (k,)."""
        others = self.spread(sums) - weight
        without = weight.copy()
        without[self.first] = 0
        others[self.first] = self.total(without)
        return weight * (1 + between * others) / self.spread(1 + between * sums)

    def curvature(self, theta: Array) -> Array:
        """Return the matrix of second derivatives (2, 2), the gradient differentiated by complex steps."""
        step = 1e-30 * (theta + self.variance.min())
        columns = [self.state(theta + 1j * step * unit).gradient.imag / step[i] for i, unit in enumerate(np.eye(2))]
        matrix = np.column_stack(columns)
        return 0.5 * (matrix + matrix.T)


def maximize(model: NestedModel, fixed: int | None = None, value: float = 0.0) -> Array:
    """Return the variances (2,) of the highest likelihood; one of them can be fixed at a value."""
    starts = _scan(model, fixed, value)
    peaks = [_climb(model, start, fixed) for start in starts]
    return max(peaks, key=lambda peak: model.state(peak).log_likelihood)


def _scan(model: NestedModel, fixed: int | None, value: float) -> list[Array]:
    """Return the places of a logarithmic grid (with 0) that are not lower than their neighbours."""
    rest = model.effect - model.design @ np.linalg.lstsq(model.design, model.effect, rcond=None)[0]
    largest = 10 * max(rest @ rest, model.variance.max() * 1e-3)
    values = np.concatenate([[0.0], np.geomspace(1e-3 * min(model.variance.min(), largest), largest, SCAN)])
    axes = [values, values]
    if fixed is not None:
        axes[fixed] = np.array([value])
    heights = np.array([[model.state(np.array([b, w])).log_likelihood for w in axes[1]] for b in axes[0]])
    framed = np.pad(heights, 1, constant_values=-np.inf)
    rows, columns = heights.shape
    shifts = [framed[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    tops = np.argwhere(heights >= np.max(shifts, axis=0))
    return [np.array([axes[0][b], axes[1][w]]) for b, w in tops]


def _climb(model: NestedModel, theta: Array, fixed: int | None) -> Array:
    """Climb by Newton steps within theta ≥ 0; a variance at 0 that wants to fall stays there."""
    for _ in range(MOST_STEPS):
        state = model.state(theta)
        free = (theta > 0) | (state.gradient > 0)
        if fixed is not None:
            free[fixed] = False
        step = _step(model, theta, state.gradient, free)
        size = (np.abs(step) / (theta + model.variance.min())).max()
        # So near the top rounding hides which place is higher, and Newton's error is squared by each step.
        if size <= 1e-4:
            theta = np.maximum(theta + step, 0)
            if size <= 1e-9:
                return theta
            continue
        # Together first; one variance at a time where the edge at 0 spoils the common direction.
        tries = [step, *(_step(model, theta, state.gradient, free & only) for only in np.eye(2, dtype=bool))]
        places = (_advance(model, theta, each, state.log_likelihood) for each in tries)
        place = next((found for found in places if found is not None), None)
        if place is None:
            return theta
        theta = place
    raise BmacMetaError(
        "the likelihood of the three-level model could not be maximized; check the units of the effects."
    )


def _step(model: NestedModel, theta: Array, gradient: Array, free: NDArray[np.bool_]) -> Array:
    """Return a Newton step in the free variances, turned uphill where the likelihood is not concave."""
    step = np.zeros(2)
    if free.any():
        # Scaled so that variances of very different size do not spoil the eigenvalues.
        scale = (theta + model.variance.min())[free]
        matrix = model.curvature(theta)[np.ix_(free, free)] * np.outer(scale, scale)
        values, vectors = np.linalg.eigh(matrix)
        size = np.maximum(np.abs(values), 1e-12 * max(np.abs(values).max(), np.finfo(float).tiny))
        step[free] = scale * (vectors @ ((vectors.T @ (scale * gradient[free])) / size))
    return step


def _advance(model: NestedModel, theta: Array, step: Array, height: float) -> Array | None:
    """Return the first place on the way of a halved step that is higher, or None."""
    for _ in range(40):
        place = np.maximum(theta + step, 0)
        if model.state(place).log_likelihood > height:
            return place
        step = step / 2
    return None
