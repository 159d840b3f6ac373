"""Three-level models: effects within clusters within a population, by exact (restricted) likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from bmac_meta.errors import BmacMetaError, DesignError, InputError, NotEnoughTrials, check_word
from bmac_meta.stats.batch import as_batch, as_level
from bmac_meta.stats.gls import coefficient_columns
from bmac_meta.stats.reference import critical, upper_chi2
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.roots import bracketed_roots

Array = NDArray[np.float64]

METHODS = ("REML", "ML")
INTERVALS = ("wald", "t")
SCAN = 13
MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class ThreeLevel:
    """A three-level model: variance between clusters, variance between the effects within a cluster.

    `estimate`, `se`, `statistic`, `p_value`, `ci_low`, `ci_high` are numbers without a design, (p,) with one;
    `coefficient_covariance` is (p, p). `between` and `within` are the two variances, `tau2` their sum and
    `intraclass` the share of `between` in it (NaN when both are 0). `pi_low` and `pi_high`, the limits for
    one effect in a new cluster, are NaN with a design and below three effects. `df` is infinite for "wald".
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
    between: float
    within: float
    tau2: float
    intraclass: float
    q: float
    q_df: int
    q_p: float
    log_likelihood: float
    k: int
    clusters: int
    method: str
    interval: str
    level: float


@dataclass(frozen=True, slots=True)
class VarianceIntervals:
    """Profile-likelihood intervals of the two variances of a three-level model.

    An upper limit is infinite where the likelihood never falls far enough, which few clusters can do.
    """

    between_low: float
    between_high: float
    within_low: float
    within_high: float
    level: float


def three_level(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    interval: str = "wald",
    level: float = 0.95,
) -> ThreeLevel:
    """Pool or regress effects that lie within clusters by a three-level model.

    `estimate`, `variance` and the labels `cluster` are (k,), `design` is (k, p) with its column of ones, or
    None for the mean. Effects of one cluster share a random deviation with variance `between`; each has one
    of its own with variance `within`; their errors are independent. Both variances are the global maximum of
    the likelihood, computed cluster by cluster with the Woodbury identity. `interval="t"` refers to t with k
    − p degrees of freedom.

    Raises `NotEnoughTrials` below two clusters or when no cluster has two effects, `DesignError` for an
    unusable design, `InputError` for unusable numbers. Model: Konstantopoulos 2011 (doi:10.1002/jrsm.35).

    >>> result = three_level([0.1, 0.2, 0.8, 0.9], variance=[0.01] * 4, cluster=["a", "a", "b", "b"])
    >>> result.within, round(result.between, 3)
    (0.0, 0.24)
    """
    check_word("method of a three-level model", method, METHODS)
    check_word("interval of a three-level model", interval, INTERVALS)
    level = as_level(level)
    model = _model(estimate, variance, cluster, design, method)
    peak = _maximize(model)
    between, within = (float(value) for value in peak)
    state = model.state(peak)
    degrees = len(model.effect) - model.design.shape[1]
    df = float(degrees) if interval == "t" else np.inf
    columns = coefficient_columns(state.beta, np.sqrt(np.diag(state.inverse)), df, level)
    if design is None:
        columns = {name: values.item() for name, values in columns.items()}
    predicted = design is None and len(model.effect) >= 3
    half = critical(level, np.array([df])).item() * np.sqrt(between + within + state.inverse[0, 0])
    q = model.state(np.zeros(2)).misfit
    return ThreeLevel(
        **columns,
        df=df,
        pi_low=float(state.beta[0] - half) if predicted else np.nan,
        pi_high=float(state.beta[0] + half) if predicted else np.nan,
        coefficient_covariance=state.inverse,
        between=between,
        within=within,
        tau2=between + within,
        intraclass=between / (between + within) if between + within > 0 else np.nan,
        q=float(q),
        q_df=degrees,
        q_p=upper_chi2(np.array(q), np.array(float(degrees))).item(),
        log_likelihood=float(state.log_likelihood),
        k=len(model.effect),
        clusters=len(model.size),
        method=method,
        interval=interval,
        level=level,
    )


def variance_intervals(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    cluster: ArrayLike,
    design: ArrayLike | None = None,
    method: str = "REML",
    level: float = 0.95,
) -> VarianceIntervals:
    """Return profile-likelihood intervals of the two variances of a three-level model.

    Arguments and errors as in `three_level`. A limit is where twice the log-likelihood, maximized over the
    other variance, lies below its maximum by the quantile of χ² with 1 degree of freedom.
    """
    check_word("method of a three-level model", method, METHODS)
    level = as_level(level)
    model = _model(estimate, variance, cluster, design, method)
    peak = _maximize(model)
    limits = [_profile_limits(model, peak, which, level) for which in (0, 1)]
    return VarianceIntervals(*limits[0], *limits[1], level=level)


@dataclass(frozen=True, slots=True)
class _State:
    """The model at some variances: coefficients, covariance, misfit, log-likelihood and its gradient (2,)."""

    beta: Array
    inverse: Array
    misfit: float
    log_likelihood: float
    gradient: Array


@dataclass(frozen=True, slots=True)
class _Model:
    """Effects (k,), variances (k,) and design (k, p), sorted by cluster, with the first row and size of
    each (m,).

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

    def state(self, theta: Array) -> _State:
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
            volume = (
                volume + np.log(np.linalg.det(precision)) - np.linalg.slogdet(self.design.T @ self.design)[1]
            )
        degrees = len(rest) - self.restricted * self.design.shape[1]
        value = -0.5 * (degrees * np.log(2 * np.pi) + volume + misfit)
        return _State(beta, inverse, misfit, value, 0.5 * (force - trace))

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
        columns = [
            self.state(theta + 1j * step * unit).gradient.imag / step[i] for i, unit in enumerate(np.eye(2))
        ]
        matrix = np.column_stack(columns)
        return 0.5 * (matrix + matrix.T)


def _model(
    estimate: ArrayLike, variance: ArrayLike, cluster: ArrayLike, design: ArrayLike | None, method: str
) -> _Model:
    batch = as_batch(estimate, variance)
    if not batch.single:
        raise InputError(f"estimate has the shape {batch.estimate.shape}; give one data set, (k,).")
    labels = np.asarray(cluster)
    if labels.shape != (batch.width,):
        raise InputError(
            f"cluster has the shape {labels.shape}; give one label for each of the {batch.width} effects."
        )
    _, place = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)
    size = np.bincount(place)
    if len(size) < 2 or len(size) == batch.width:
        raise NotEnoughTrials(
            "a three-level model needs at least 2 clusters, one of them with 2 effects; here are "
            f"{len(size)} clusters of {batch.width} effects. Pool without clusters instead."
        )
    columns = np.ones((batch.width, 1)) if design is None else as_design(design, batch).raw[0]
    # The most precise effect of each cluster comes first in it.
    order = np.lexsort((batch.variance[0], place))
    first = np.cumsum(size) - size
    effect, variance = batch.estimate[0][order], batch.variance[0][order]
    model = _Model(effect, variance, columns[order], first, size, method == "REML")
    if _confounded(model):
        raise DesignError(
            "the design tells every cluster apart, so nothing is left to estimate the variance between "
            "clusters from. Use fewer covariates that differ between clusters."
        )
    return model


def _confounded(model: _Model) -> bool:
    member = np.repeat(np.eye(len(model.size)), model.size, axis=0)
    basis, _ = np.linalg.qr(model.design)
    return bool(np.abs(member - basis @ (basis.T @ member)).max() < 1e-10)


def _maximize(model: _Model, fixed: int | None = None, value: float = 0.0) -> Array:
    """Return the variances (2,) of the highest likelihood; one of them can be fixed at a value."""
    starts = _scan(model, fixed, value)
    peaks = [_climb(model, start, fixed) for start in starts]
    return max(peaks, key=lambda peak: model.state(peak).log_likelihood)


def _scan(model: _Model, fixed: int | None, value: float) -> list[Array]:
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


def _climb(model: _Model, theta: Array, fixed: int | None) -> Array:
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


def _step(model: _Model, theta: Array, gradient: Array, free: NDArray[np.bool_]) -> Array:
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


def _advance(model: _Model, theta: Array, step: Array, height: float) -> Array | None:
    """Return the first place on the way of a halved step that is higher, or None."""
    for _ in range(40):
        place = np.maximum(theta + step, 0)
        if model.state(place).log_likelihood > height:
            return place
        step = step / 2
    return None


def _profile_limits(model: _Model, peak: Array, which: int, level: float) -> tuple[float, float]:
    top = model.state(peak).log_likelihood
    drop = 0.5 * chdtri(1, 1 - level)

    def below(value: Array) -> Array:
        best = _maximize(model, fixed=which, value=value.item())
        return np.array([model.state(best).log_likelihood - top + drop])

    best = peak[which]
    low = 0.0
    if best > 0 and below(np.zeros(1))[0] < 0:
        low = bracketed_roots(below, np.zeros(1), np.array([best])).item()
    high = 2 * (best + model.variance.max())
    for _ in range(60):
        if below(np.array([high]))[0] < 0:
            return low, bracketed_roots(below, np.array([best]), np.array([high])).item()
        high *= 4
    return low, np.inf
