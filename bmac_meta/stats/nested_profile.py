"""Intervals of the variances of nested effects by profile likelihood."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bmac_meta.stats.anchored_regression import Array, Index
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.nested_likelihood import Clusters, NestedModel
from bmac_meta.stats.nested_peaks import Peaks, Scan, heights, highest, maximize, scan, tops

VARIANCES, DOWNWARD = np.array([0, 0, 1, 1]), np.array([True, False, True, False])
STRIDE, MOST_STRIDES = 2.0, 130
SMALL_STEP, NEWTON_STEPS, MOST_STEPS = 1e-8, 20, 100


def profile_limits(model: NestedModel, drop: float) -> Array:
    """Return the lower and the upper limit of the variance between and of that within (4, n).

    A limit is where the likelihood, maximized over the other variance, is by `drop` below its maximum, and the last
    such place on its side; it is 0 or infinite where it never falls so far.
    """
    places = scan(model)
    peaks = maximize(model, places)
    count = peaks.height.size
    profile = Profile.of(model, places, peaks, drop)
    limit = np.where(profile.down, 0.0, np.inf)
    inner, outer, fallen = _bracket(profile, _certain(places, peaks, drop).ravel())
    if fallen.size:
        limit[fallen] = _cross(profile.take(fallen), inner[fallen], outer[fallen])
    return limit.reshape(4, count)


@dataclass(frozen=True, slots=True)
class Profile:
    """Holds sides of intervals: the likelihood along one variance, `which` (s,), maximized over the other.

    `down` (s,) says which sides are lower ones and `places` (2, g, s) where to look for the maximum over either
    variance. At the limit the likelihood is `floor` (s,) high, by `drop` below its maximum. `small` (s,) is what is
    little for the variance. At the places within the clusters are those of `inside` that `column` (w, s) tells.
    """

    model: NestedModel
    which: Index
    down: BoolArray
    places: Array
    floor: Array
    drop: float
    small: Array
    inside: Clusters
    column: Index

    @classmethod
    def of(cls, model: NestedModel, places: Scan, peaks: Peaks, drop: float) -> Profile:
        """Take n data sets, a scan of them and its peaks; make 4 n sides, the lower ones of each variance first."""
        count = peaks.height.size
        sides = np.tile(np.arange(count), len(VARIANCES))
        which, down = np.repeat(VARIANCES, count), np.repeat(DOWNWARD, count)
        axes = (places.between, places.within)
        size = max(len(axis) for axis in axes)
        padded = np.stack([np.pad(axis, ((0, size - len(axis)), (0, 0)), mode="edge") for axis in axes])
        small, column = places.small[which, sides], np.arange(places.within.size).reshape(places.within.shape)
        parts = (padded[:, :, sides], (peaks.height - drop)[sides], drop, small, places.inside, column[:, sides])
        return cls(model.take(sides), which, down, *parts)

    def take(self, index: Index) -> Profile:
        """Return some of the sides."""
        names = ("which", "down", "places", "floor", "small", "column")
        parts = {name: getattr(self, name)[..., index] for name in names}
        return replace(self, model=self.model.take(index), **parts)

    def above(self, value: Array) -> tuple[Array, Array]:
        """Return how far the profile is above its floor at values (s,), and its slope there, both (s,)."""
        every = np.arange(value.size)
        theta = self.places.copy()
        theta[self.which, :, every] = value[:, None]
        row, _, index = tops(self._heights(value)[:, None], len(self.model.cluster))
        movable = self.which[index] != np.array([[0], [1]])
        peaks = highest(self.model, index, theta[:, row, index], movable)
        slope = self.model.gradient(self.model.at(peaks.theta))
        return peaks.height - self.floor, slope[self.which, every]

    def _heights(self, value: Array) -> Array:
        """Return the heights (g, s) at values (s,) and the places of the other variance, −∞ where there are fewer."""
        height = np.full(self.places.shape[1:], -np.inf)
        outer, inner = (np.flatnonzero(self.which == which) for which in (0, 1))
        if outer.size:
            column = self.column[:, outer]
            between = np.broadcast_to(value[outer], column.shape)
            height[: len(column), outer] = heights(self.model, self.inside.take(column.ravel()), between[None])[0]
        if inner.size:
            some = self.model.take(inner)
            inside = some.condensed(some.clusters(value[inner]))
            height[:, inner] = heights(some, inside, self.places[0][:, None, inner])[:, 0]
        return height


def _certain(places: Scan, peaks: Peaks, drop: float) -> Array:
    """Return on each side (4, n) the farthest value that a scan or its peak shows to be above the floor."""
    sides = []
    for axis, value in enumerate((places.between, places.within)):
        above = places.height.max(axis=1 - axis) >= peaks.height - drop
        sides.append(np.minimum(peaks.theta[axis], np.where(above, value, np.inf).min(axis=0)))
        sides.append(np.maximum(peaks.theta[axis], np.where(above, value, 0.0).max(axis=0)))
    return np.stack(sides)


def _bracket(profile: Profile, inner: Array) -> tuple[Array, Array, Index]:
    """Stride outward from values (s,) until the profile is below its floor, or the value 0.

    Return the last values above the floor and the first below (s,), and on which sides (f,) there is one.
    """
    inner, outer, left = inner.copy(), inner.copy(), np.arange(inner.size)
    fallen = np.zeros(inner.shape, dtype=bool)
    for _ in range(MOST_STRIDES):
        some = profile.take(left)
        stride = np.where(some.down, 1 / STRIDE, STRIDE)
        outer[left] = np.maximum(stride * (inner[left] + some.small) - some.small, 0)
        fallen[left] = some.above(outer[left])[0] < 0
        left = left[~fallen[left] & (outer[left] > 0)]
        inner[left] = outer[left]
        if not left.size:
            break
    return inner, outer, np.flatnonzero(fallen)


def _cross(profile: Profile, inner: Array, outer: Array) -> Array:
    """Return where the profile crosses its floor, between values above it and values below it (s,).

    Steps that leave the bracket, or go on for long, are replaced by half of it.
    """
    limit, place, left = outer.copy(), outer.copy(), np.arange(outer.size)
    for count in range(MOST_STEPS):
        above, slope = profile.above(place)
        inner, outer = np.where(above >= 0, place, inner), np.where(above >= 0, outer, place)
        ahead = _newton(profile, place, above, slope)
        inside = (ahead >= np.minimum(inner, outer)) & (ahead <= np.maximum(inner, outer)) & (count < NEWTON_STEPS)
        limit[left] = ahead = np.where(inside, ahead, 0.5 * (inner + outer))
        going = np.flatnonzero(np.abs(ahead - place) > SMALL_STEP * (place + profile.small))
        if not going.size:
            break
        profile, left, place = profile.take(going), left[going], ahead[going]
        inner, outer = inner[going], outer[going]
    return limit


def _newton(profile: Profile, place: Array, above: Array, slope: Array) -> Array:
    """Return where Newton steps lead (s,) in √depth below the maximum, nearly a line in the logarithm of a variance."""
    depth, unit = np.sqrt(2 * np.maximum(profile.drop - above, 0)), place + profile.small
    change, rate = (depth - np.sqrt(2 * profile.drop)) * depth, slope * unit
    step = np.divide(change, rate, out=np.full(rate.shape, np.inf), where=rate != 0)
    return unit * np.exp(np.clip(step, -1, 1)) - profile.small
