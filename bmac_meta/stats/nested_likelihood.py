"""The (restricted) likelihood of effects nested in clusters: exact, cluster by cluster, at many places at once.

Arrays have effects, or clusters, on the last axis but one and problems on the last: data sets, each at some variances.
All operations also hold for complex variances, so that derivatives can be taken by complex steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmac_meta.stats.anchored_regression import AnchoredRegression, Array, Index, condense
from bmac_meta.stats.anchored_regression import log_determinant as log_determinant

LOG_TWO_PI = np.log(2 * np.pi)
COMPLEX_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class Clusters:
    """Holds what clusters say by their means, at some variance within, and what is left in them.

    `weight` (k, n) are inverse variances, `sums` (m, n) their sums and `share` (k, n) their shares of these; `effect`
    (m, n) and `design` (p, m, n) are means, `effect_rest` (k, n) and `design_rest` (p, k, n) deviations from them, the
    latter (p, 0, n) for a design that doesn't vary within clusters. `volume` and `misfit` (n,) are what −2
    log-likelihood has of variances and constants, and of deviations that don't enter the regression.
    """

    weight: Array
    sums: Array
    share: Array
    effect: Array
    effect_rest: Array
    design: Array
    design_rest: Array
    volume: Array
    misfit: Array

    def repeat(self, times: int) -> Clusters:
        """Return the same clusters so many times, one after another on the last axis."""
        if times == 1:
            return self
        parts = (getattr(self, name) for name in Clusters.__slots__)
        return Clusters(*(part if part.shape[-1] == 1 else np.tile(part, times) for part in parts))

    def take(self, index: Index) -> Clusters:
        """Return the clusters of some of the problems, repeated where the index repeats."""
        return Clusters(*(_take(getattr(self, name), index) for name in Clusters.__slots__))


@dataclass(frozen=True, slots=True)
class State:
    """Holds the regression of the means of clusters, and of the deviations from them, at some variance between.

    `grown` (m, n) is 1 + between × sums, `misfit` (n,) the generalized Q and `height` (n,) the log-likelihood.
    """

    clusters: Clusters
    grown: Array
    regression: AnchoredRegression
    misfit: Array
    height: Array


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Holds `height` (n,) of the log-likelihood, `slope` (2, n) and `bend` (2, 2, n), its first and second derivatives.

    `unit` (2, n) is what counts as much: a variance, and the smallest that it is added to, of a mean or of an effect.
    """

    height: Array
    slope: Array
    bend: Array
    unit: Array


@dataclass(frozen=True, slots=True)
class NestedModel:
    """Holds effects of n data sets, sorted by cluster, the most precise of each cluster, its anchor, first.

    `effect`, `variance` and `present` (1, or 0 for a masked effect, which must be finite all the same) are (k, n or
    1), `design` is (p, k, n or 1). `first` (m,) is where the clusters begin, `cluster` (k,) says which an effect is in.
    Effects and design are measured from the anchors, so that no mean is a difference of large numbers.

    `varies` says that the design varies within clusters. `degrees` (n,) counts what the likelihood is of, `squares`
    is the residual sum of squares of ordinary least squares and `constant` what −2 log-likelihood has of constants.
    """

    effect: Array
    variance: Array
    present: Array
    design: Array
    first: Index
    cluster: Index
    restricted: bool
    varies: bool
    degrees: Array
    squares: Array
    constant: Array

    @classmethod
    def of(
        cls, effect: Array, variance: Array, present: Array, design: Array, size: Index, restricted: bool
    ) -> NestedModel:
        """Take the arrays of the class, and the sizes (m,) of the clusters, masked effects included."""
        first, cluster = np.cumsum(size) - size, np.repeat(np.arange(len(size)), size)
        varies = bool(((design - design[:, first[cluster]]) * present).any())
        plain = AnchoredRegression.of(design, effect, np.broadcast_to(present, effect.shape))
        degrees = present.sum(axis=0) - restricted * len(design)
        constant = degrees * LOG_TWO_PI - restricted * plain.log_precision()
        ready = (first, cluster, restricted, varies, degrees, plain.misfit, constant)
        return cls(effect, variance, present, design, *ready)

    @property
    def smallest(self) -> Array:
        """Return the smallest variance of an effect of each data set (n or 1,)."""
        return np.where(self.present > 0, self.variance, np.inf).min(axis=0)

    def take(self, index: Index) -> NestedModel:
        """Return the same for some of the data sets, repeated where the index repeats."""
        names = ("effect", "variance", "present", "design", "degrees", "squares", "constant")
        return replace(self, **{name: _take(getattr(self, name), index) for name in names})

    def clusters(self, within: Array) -> Clusters:
        """Return the clusters at variances within (n,)."""
        spread = self.variance + within
        weight = self.present / spread
        sums = self._total(weight)
        share = weight / np.where(sums == 0, 1, sums)[self.cluster]
        effect, effect_rest = self._split(self.effect, share)
        design, design_rest = self.design[:, self.first], self.design[:, :0]
        if self.varies:
            design, design_rest = self._split(self.design, share)
        volume = self.constant + (self.present * np.log(spread)).sum(axis=0)
        misfit = np.zeros(1) if self.varies else (weight * effect_rest**2).sum(axis=0)
        return Clusters(weight, sums, share, effect, effect_rest, design, design_rest, volume, misfit)

    def condensed(self, clusters: Clusters) -> Clusters:
        """Return clusters with a few rows instead of all the deviations: of the same heights, but without gradient."""
        nothing = {"share": clusters.share[:0], "weight": clusters.weight[:0], "effect_rest": clusters.effect_rest[:0]}
        if not self.varies:
            return replace(clusters, **nothing)
        design, effect, misfit = condense(clusters.design_rest, clusters.effect_rest, clusters.weight)
        few = {"weight": np.ones((len(design), 1)), "effect_rest": effect, "design_rest": design}
        return replace(clusters, **nothing | few, misfit=clusters.misfit + misfit)

    def state(self, clusters: Clusters, between: Array) -> State:
        """Return the state of clusters at variances between (n,).

        By Woodbury the inverse covariance of a cluster is U − u uᵀ/s + (u uᵀ/s)/(1 + between s), with u the weights, U
        their diagonal matrix and s their sum: means count by s/(1 + between s), deviations by their own weights.
        """
        grown = 1 + between * clusters.sums
        columns, effect, weight = clusters.design, clusters.effect, clusters.sums / grown
        if self.varies:
            columns = np.concatenate([columns, clusters.design_rest], axis=1)
            effect = np.concatenate([effect, clusters.effect_rest])
            size = clusters.weight.shape[:1] + between.shape
            weight = np.concatenate([weight, np.broadcast_to(clusters.weight, size)])
        regression = AnchoredRegression.of(columns, effect, weight)
        misfit = regression.misfit + clusters.misfit
        volume = clusters.volume + np.log(grown).sum(axis=0)
        if self.restricted:
            volume = volume + regression.log_precision()
        return State(clusters, grown, regression, misfit, -0.5 * (volume + misfit))

    def at(self, theta: Array) -> State:
        """Return the state at theta (2, n): between, within."""
        return self.state(self.clusters(theta[1]), theta[0])

    def gradient(self, state: State) -> Array:
        """Return the derivatives (2, n) of the log-likelihood in between and within."""
        many, regression, clusters = len(self.first), state.regression, state.clusters
        mean, rest = regression.rest[:many], regression.rest[many:] if self.varies else clusters.effect_rest
        pull = clusters.weight * (rest + (mean / state.grown)[self.cluster])
        force = np.stack([((regression.weight[:many] * mean) ** 2).sum(axis=0), (pull**2).sum(axis=0)])
        return 0.5 * (force - self._drag(state))

    def derivatives(self, theta: Array, small: Array) -> Derivatives:
        """Return the likelihood at theta (2, n) with its derivatives; `small` (n,) are the smallest variances.

        The second derivatives are the gradient differentiated by complex steps.
        """
        count = theta.shape[1]
        step = COMPLEX_STEP * (theta + small)
        moved = np.stack([theta, theta], axis=1).astype(complex)
        moved[[0, 1], [0, 1]] += 1j * step
        both = self.take(np.tile(np.arange(count), 2))
        state = both.at(moved.reshape(2, -1))
        gradient = both.gradient(state).reshape(2, 2, count)
        bend = gradient.imag / step
        unit = theta + np.stack([1 / state.clusters.sums.real[:, :count].max(axis=0), small])
        return Derivatives(state.height.real[:count], gradient.real[:, 0], 0.5 * (bend + bend.transpose(1, 0, 2)), unit)

    def _total(self, values: Array) -> Array:
        return np.add.reduceat(values, self.first, axis=-2)

    def _split(self, values: Array, share: Array) -> tuple[Array, Array]:
        """Return the means (..., m, n) of values (..., k, n) by their share in the cluster, and the deviations."""
        distance = values - values[..., self.first[self.cluster], :]
        mean = self._total(share * distance)
        return values[..., self.first, :] + mean, distance - mean[..., self.cluster, :]

    def _drag(self, state: State) -> Array:
        """Return the traces (2, n) of PZZᵀ and P, of the likelihood without restriction V⁻¹ZZᵀ and V⁻¹."""
        many, regression, clusters = len(self.first), state.regression, state.clusters
        weight, alone = regression.weight[:many], self._alone(clusters.share)
        if self.restricted:
            product, leverage, rest = regression.leverage()
            if self.varies:
                across = (regression.columns[:, many:] * product[:, :many][:, self.cluster]).sum(axis=0)
                alone = alone - leverage[many:] - 2 * weight[self.cluster] * clusters.share * across
            weight = weight * rest[:many]
        within = (clusters.weight * alone).sum(axis=0) + (weight * self._total(clusters.share**2)).sum(axis=0)
        return np.stack([weight.sum(axis=0), within])

    def _alone(self, share: Array) -> Array:
        """Return 1 − share (k, n), exact also for an anchor that has nearly all of its cluster."""
        others, alone = share.copy(), 1 - share
        others[self.first] = 0
        alone[self.first] = self._total(others)
        return alone


def _take(values: Array, index: Index) -> Array:
    return values if values.shape[-1] == 1 else values[..., index]
