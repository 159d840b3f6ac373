"""Pools of trials in two groups, of which the first is weighted down, and how far down takes a limit to a target.

Everything is written in the shares u and 1 − u that the groups have in the total weight. With the groups' own
pools apart by `gap`, a trial of the first group lies (1 − u)·gap further from the common pool than from its
group's, and the variance of that distance is its variance from its group's pool plus (1 − u)² of the variance of
the gap. So no difference of large numbers is taken, whichever trial or group dominates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.reference import critical
from bmac_meta.stats.roots import bracketed_roots

# The search goes over x = log(u / (1 − u)). As a function of x the limit is made of ratios of polynomials of exp(x)
# with positive coefficients, which are smooth over steps of this size. STRAIGHT below the last of its bends it is a
# straight line in u, and LIMIT below it u is lost in rounding.
STEP, STRAIGHT, LIMIT = 0.3, 9.0, 46.0
ROUNDS, FINER = 4, 33
SMALLEST_SHARE = 1e-100


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """Holds m meta-analyses of trials in two groups; the last axis of pairs is the group.

    Of the groups (m, 2) are `total`, the sums of inverse variances, `inverse`, their reciprocals (0 of an
    empty group), `trials`, the numbers of trials, `mean`, their own pools, `heaviest`, the places of their
    heaviest trials, and `squares`, the sums of `pull`²; `gap` (m,) is the first mean less the second. Of the
    trials (m, k) are `second`, whether they are in the second group, `rest`, the distance from their group's
    pool, `own`, its variance, `pull`, the part in the variance of that pool (0 where absent), and `lesser`, 1
    for all but the heaviest; `members` is (m, k, 2). With `robust` standard errors are sandwich ones.
    """

    total: NDArray
    inverse: NDArray
    trials: NDArray
    mean: NDArray
    heaviest: NDArray
    squares: NDArray
    gap: NDArray
    second: BoolArray
    rest: NDArray
    own: NDArray
    pull: NDArray
    lesser: NDArray
    members: NDArray
    robust: bool

    @classmethod
    def of(cls, y: NDArray, spread: NDArray, present: BoolArray, first: BoolArray, robust: bool) -> TwoGroups:
        """Take effects and their total variances (m, k), harmless where absent, and which are in the first group."""
        inside = np.stack([present & first, present & ~first], axis=2)
        members, second = inside.astype(float), ~first
        weight = np.where(present, 1.0 / spread, 0.0)
        heaviest = (weight[:, :, None] * members).argmax(axis=1)
        lesser = 1.0 - (np.arange(y.shape[1]) == np.take_along_axis(heaviest, second.astype(int), axis=1))
        remaining = _sums(weight * lesser, members)
        total = remaining + np.take_along_axis(weight, heaviest, axis=1) * inside.any(axis=1)
        inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0.0)
        start = np.take_along_axis(y, heaviest, axis=1)
        distance = y - _spread_out(start, second)
        shift = inverse * _sums(weight * distance, members)
        others = np.where(lesser > 0.0, _spread_out(total, second) - weight, _spread_out(remaining, second))
        pull = weight * _spread_out(inverse, second) ** 2
        gap = (start[:, 0] - start[:, 1]) + (shift[:, 0] - shift[:, 1])
        return cls(
            total=total,
            inverse=inverse,
            trials=inside.sum(axis=1),
            mean=start + shift,
            heaviest=heaviest,
            squares=_sums(pull * pull, members),
            gap=np.where(inside.any(axis=1).all(axis=1), gap, 0.0),
            second=second,
            rest=distance - _spread_out(shift, second),
            own=np.where(present, spread * others * _spread_out(inverse, second), 1.0),
            pull=pull,
            lesser=lesser,
            members=members,
            robust=robust,
        )

    def take(self, index: NDArray) -> TwoGroups:
        """Return the same for some of the meta-analyses, repeated where the index repeats."""
        return TwoGroups(*(getattr(self, field.name)[index] for field in fields(self)[:-1]), self.robust)

    def at_chance(self, chance: float) -> tuple[NDArray, NDArray, NDArray]:
        """Return estimate, standard error and degrees of freedom (m,) with the first group's weights times a chance.

        At a chance of 0 the second group counts alone: NaN where it is empty and, of robust standard errors,
        where it is one trial.
        """
        factor = np.where(self.trials[:, 1] > 0, chance, 1.0)
        weights = self.total * np.stack([factor, np.ones_like(factor)], axis=1)
        shares = (weights / weights.sum(axis=1, keepdims=True))[:, None]
        left = self.trials[:, 1] + (chance > 0.0) * self.trials[:, 0]
        mean, se, df = (part[:, 0] for part in self._at(shares, left))
        enough = left > (1 if self.robust else 0)
        return np.where(left > 0, mean, np.nan), np.where(enough, se, np.nan), np.where(enough, df, np.nan)

    def lower(self, x: NDArray, level: float) -> NDArray:
        """Return the lower confidence limits (m, G) at log odds (m, G) of the first group's share of the weight."""
        mean, se, df = self._at(np.stack([expit(x), expit(-x)], axis=2), self.trials.sum(axis=1))
        return mean - critical(level, df.ravel()).reshape(df.shape) * se

    def _at(self, shares: NDArray, left: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Return estimate, standard error and degrees of freedom at shares (m, G, 2) of both groups."""
        (first, second), (low, high) = np.moveaxis(shares, 2, 0), self.mean.T[::-1, :, None]
        gap = self.gap[:, None]
        mean = np.where(first > 0.5, high - second * gap, low + first * gap)
        if self.robust:
            return mean, *self._sandwich(np.maximum(shares, SMALLEST_SHARE))
        variance = (shares**2 * self.inverse[:, None]).sum(axis=2)
        df = np.where(left > 1, left - 1.0, np.inf)[:, None]
        return mean, np.sqrt(variance), np.broadcast_to(df, mean.shape)

    def _sandwich(self, shares: NDArray) -> tuple[NDArray, NDArray]:
        """Return the CR2 standard error of weighted means, and Satterthwaite's df, both under the variances."""
        second, pair = self.second[:, None], self.inverse[:, None]
        apart, across = pair.sum(axis=2, keepdims=True), shares[..., ::-1]
        parts = _spread_out(shares**2, second) * self.pull[:, None]
        meat = parts / (self.own[:, None] + _spread_out(across**2 * apart, second))
        toward = _spread_out(across * self.gap[:, None, None] * [1.0, -1.0], second)
        variance = (meat * (self.rest[:, None] + toward) ** 2).sum(axis=2)
        whole = (shares**2 * pair).sum(axis=2)
        trace = self._trace(shares, meat, whole, apart[..., 0])
        bound = whole**2 / (self.trials.sum(axis=1)[:, None] - 1.0)
        return np.sqrt(variance), whole**2 / np.maximum(trace, bound)

    def _trace(self, shares: NDArray, meat: NDArray, whole: NDArray, apart: NDArray) -> NDArray:
        """Return the sum over all pairs of trials of meat × meat × the squared covariance of their distances."""
        lesser = meat * self.lesser[:, None]
        top = np.take_along_axis(meat, self.heaviest[:, None], axis=2) * (self.trials > 0)[:, None]
        sums = lesser @ self.members
        pairs = np.maximum(sums**2 - lesser**2 @ self.members, 0.0) + 2.0 * top * sums
        within = (whole[..., None] - 2.0 * shares * self.inverse[:, None]) ** 2
        same = shares**4 * self.squares[:, None] + within * pairs
        both = shares.prod(axis=2) * apart
        return same.sum(axis=2) + 2.0 * both**2 * (sums + top).prod(axis=2)

    def smallest_ratio(self, target: float, level: float) -> NDArray:
        """Return the smallest ratio ≥ 1 (m,) that takes the lower limit to a target, infinite where none does.

        The weights of the first group are divided by it.
        """
        mean, se, df = self.at_chance(1.0)
        ratio = np.where(mean - critical(level, df) * se <= target, 1.0, np.inf)
        search = np.isinf(ratio) & (self.trials > 0).all(axis=1)
        if search.any():
            ratio[search] = self.take(search)._search(target, level)
        return ratio

    def _search(self, target: float, level: float) -> NDArray:
        start = np.log(self.total[:, 0] / self.total[:, 1])
        low, high = self._bracket(_nodes(start, np.minimum(start, self._last_bend())), target, level)
        crossed, ratio = np.isfinite(low), np.full(start.shape, np.inf)
        inner = self.take(crossed)
        ends = low[crossed], high[crossed]
        root = bracketed_roots(lambda x: inner.lower(x[:, None], level)[:, 0] - target, *ends)
        ratio[crossed] = np.exp(start[crossed] - root)
        return ratio

    def _last_bend(self) -> NDArray:
        """Return the x (m,) below which the first group hardly moves the second group's heaviest trial."""
        own = np.take_along_axis(self.own, self.heaviest, axis=1)[:, 1]
        share = np.where(self.trials[:, 1] > 1, own / self.inverse.sum(axis=1), 1.0)
        return 0.5 * np.log(np.minimum(share, 1.0))

    def _bracket(self, nodes: NDArray, target: float, level: float) -> tuple[NDArray, NDArray]:
        """Return the first places (m,) between which the lower limit passes a target, NaN where it never does."""
        above = self.lower(nodes, level) - target
        low, high, first = _first_passage(nodes, above)
        row, place = np.nonzero(_turns(above) & (np.arange(nodes.shape[1]) < first[:, None]))
        if row.size:
            about = nodes[row, np.maximum(place - 1, 0)], nodes[row, place + 1]
            before, after = self.take(row)._bracket_turn(*about, target, level)
            found = np.flatnonzero(np.isfinite(before))
            rows, earliest = np.unique(row[found], return_index=True)
            low[rows], high[rows] = before[found[earliest]], after[found[earliest]]
        return low, high

    def _bracket_turn(self, start: NDArray, end: NDArray, target: float, level: float) -> tuple[NDArray, NDArray]:
        """Return the same within ends (m,) between which the limit turns, by looking closer about the turn."""
        low, high = np.full((2, start.size), np.nan)
        every = np.arange(start.size)
        for _ in range(ROUNDS):
            places = np.linspace(start, end, FINER, axis=1)
            above = self.lower(places, level) - target
            before, after, _ = _first_passage(places, above)
            low, high = np.where(np.isnan(low), before, low), np.where(np.isnan(low), after, high)
            turn = above.argmin(axis=1).clip(1, FINER - 2)
            start, end = places[every, turn - 1], places[every, turn + 1]
        return low, high


def _sums(values: NDArray, members: NDArray) -> NDArray:
    """Return the sums (m, 2) of values (m, k) over the members of each group."""
    return (values[:, None] @ members)[:, 0]


def _spread_out(pair: NDArray, second: BoolArray) -> NDArray:
    """Return for each trial the number of its group."""
    return np.where(second, pair[..., 1:], pair[..., :1])


def _nodes(start: NDArray, bend: NDArray) -> NDArray:
    """Return where to look for a passage (m, G), from the weights as they are to where those of the group are gone."""
    way = start - bend + STRAIGHT
    steps = int(np.ceil(way.max() / STEP))
    near = start[:, None] - way[:, None] * (np.arange(steps + 1) / steps)
    return np.hstack([near, (bend - LIMIT)[:, None]])


def _first_passage(places: NDArray, above: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return the ends (m,) of the first step to a number that isn't above 0, NaN without one, and its index."""
    row, below = np.arange(len(places)), above <= 0.0
    index = np.where(below.any(axis=1), below.argmax(axis=1), places.shape[1])
    inside = np.minimum(index, places.shape[1] - 1)
    unknown = np.where(index > inside, np.nan, 0.0)
    return places[row, np.maximum(inside - 1, 0)] + unknown, places[row, inside] + unknown, index


def _turns(above: NDArray) -> BoolArray:
    """Return where numbers (m, G) turn back so near to 0 that they may pass it between their places.

    The last one lies where nothing turns any more; before the first one stands the third, for a turn next to it.
    """
    padded = np.hstack([above[:, 2:3], above, above[:, -2:-1]])
    before, after = padded[:, :-2], padded[:, 2:]
    turns = (above <= np.minimum(before, after)) & (2.0 * above <= np.maximum(before, after))
    turns[:, -1] = False
    return turns
