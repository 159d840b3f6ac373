"""The likelihood of tau2: its global maximum, certified by bounds on the score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.projection import Projection

LOG_TWO_PI = np.log(2.0 * np.pi)
FINEST_CELL = 1e-5
MOST_STEPS = 100
SMALL_STEP = 1e-7
EXTRA_CELLS = 32


def log_likelihood(model: Projection, tau2: NDArray, restricted: bool) -> NDArray:
    """Return the (restricted) log-likelihood at tau2 (n,), with all constants, in original units."""
    parts = model.quadratic(tau2)[0], *model.log_determinants(tau2)
    return gaussian(model.trials, model.degrees, *parts, restricted)


def gaussian(
    trials: NDArray, degrees: NDArray, y_p_y: NDArray, volume: NDArray, precision: NDArray, restricted: bool
) -> NDArray:
    """Return the (restricted) log-likelihood from its parts.

    The restricted one is that of k − p orthonormal contrasts: it contains +½ log|XᵀX|.
    """
    if restricted:
        return -0.5 * (degrees * LOG_TWO_PI + volume + precision + y_p_y)
    return -0.5 * (trials * LOG_TWO_PI + volume + y_p_y)


@dataclass(frozen=True, slots=True)
class Score:
    """Holds the two sides of the score and their relative rates of fall, at some tau2.

    The likelihood rises where `pull` (yᵀPPy) exceeds `drag` (tr P, or tr W without restriction). With λ the
    eigenvalues of V on the residual space, pull = Σ z²/(λ + tau2)² and tr P = Σ 1/(λ + tau2): both fall
    with tau2, and so do the rates −(log pull)′ and −(log drag)′. That makes the bounds of `Cells.settled`
    rigorous.
    """

    pull: NDArray
    drag: NDArray
    pull_rate: NDArray
    drag_rate: NDArray

    def at(self, key: NDArray | slice) -> Score:
        """Return the same for some of the places."""
        return Score(self.pull[key], self.drag[key], self.pull_rate[key], self.drag_rate[key])

    def flat(self) -> Score:
        """Return the same with one axis."""
        return Score(self.pull.ravel(), self.drag.ravel(), self.pull_rate.ravel(), self.drag_rate.ravel())


def score(model: Projection, tau2: NDArray, restricted: bool) -> Score:
    """Return the sides of the score at tau2, shaped (n,) or (g, n)."""
    moments = model.moments(tau2)
    pull, bend = moments.y_pp_y, 2.0 * moments.y_ppp_y
    some = pull > 0.0
    rate = bend / pull if some.all() else np.divide(bend, pull, out=np.zeros_like(pull), where=some)
    if restricted:
        return Score(pull, moments.trace_p, rate, moments.trace_pp / moments.trace_p)
    return Score(pull, moments.trace_w, rate, moments.trace_ww / moments.trace_w)


@dataclass(frozen=True, slots=True)
class Cells:
    """Holds c intervals of tau2: which meta-analysis each belongs to, its ends, the score at both; all (c,)."""

    index: NDArray
    low: NDArray
    high: NDArray
    left: Score
    right: Score

    def at(self, chosen: NDArray) -> Cells:
        """Return the cells for which `chosen` is True."""
        key = chosen.nonzero()[0]
        return Cells(self.index[key], self.low[key], self.high[key], self.left.at(key), self.right.at(key))

    def crossing(self) -> NDArray:
        """Say in which cells the score goes from positive to not positive."""
        return (self.left.pull > self.left.drag) & (self.right.pull <= self.right.drag)

    def settled(self) -> NDArray:
        """Say in which cells the score provably changes sign at most once.

        Either the ratio of pull to drag is monotone, because its rate has one sign throughout; or the score
        has one sign throughout, because a falling convex curve lies above its tangents and below its chord.
        """
        left, right = self.left, self.right
        steady = (left.drag_rate < right.pull_rate) | (right.drag_rate > left.pull_rate)
        if steady.all():
            return steady
        return steady | self._stays("pull", "drag") | self._stays("drag", "pull")

    def _stays(self, upper: str, lower: str) -> NDArray:
        """Say where one side of the score stays above the other: a tangent of it clears the other's chord."""
        start, stop = getattr(self.left, upper), getattr(self.right, upper)
        low_start, low_stop = getattr(self.left, lower), getattr(self.right, lower)
        width = self.high - self.low
        by_left = start * (1.0 - getattr(self.left, f"{upper}_rate") * width) > low_stop
        by_right = stop * (1.0 + getattr(self.right, f"{upper}_rate") * width) > low_start
        return (start > low_start) & (stop > low_stop) & (by_left | by_right)


def maximize(model: Projection, restricted: bool) -> tuple[NDArray, NDArray]:
    """Return the global maximizer tau2 ≥ 0 of the (restricted) likelihood, and the number of local maxima.

    Both are (n,); tau2 is in scaled units. Every model must have residual degrees of freedom. The half-line
    is cut into cells; a cell where bounds on the score do not prove that it changes sign at most once is
    halved again. Beyond max(v) − 2 min(v) one change of sign at most is possible, and beyond the residual
    sum of squares none. Each change from rising to falling is polished by Newton steps, and the likelihoods
    are compared.
    """
    nodes = _nodes(model)
    scores = score(model, nodes, restricted).flat()
    at_zero = (scores.pull[: nodes.shape[1]] <= scores.drag[: nodes.shape[1]]).nonzero()[0]
    peaks = _peaks(model, nodes, scores, restricted)
    if not at_zero.size and peaks.index.size == model.trials.size:
        tau2 = _polish(model.take(peaks.index), peaks, restricted)
        return tau2[peaks.index.argsort()], np.ones(tau2.shape, dtype=int)
    tau2 = _polish(model.take(peaks.index), peaks, restricted) if peaks.index.size else np.empty(0)
    index = np.concatenate([at_zero, peaks.index])
    return _best(model, index, np.concatenate([np.zeros(at_zero.size), tau2]), restricted)


def _nodes(model: Projection) -> NDArray:
    """Return tau2 from 0 to where one maximum at most can follow, and then to where none can, (g, n)."""
    squares, _ = model.spread()
    smallest = model.smallest_variance
    beyond = np.maximum(squares * (1.0 + 1e-9) - smallest, 0.0)
    end = np.maximum(np.minimum(model.largest_variance - 2.0 * smallest, beyond), 0.0)
    log_ratio = np.log2(1.0 + end / smallest)
    count = max(1 + EXTRA_CELLS // model.trials.size, int(np.ceil(log_ratio.max())))
    nodes = smallest * (np.exp2(_steps(count) * log_ratio) - 1.0)
    nodes[count], nodes[count + 1] = end, beyond
    return nodes


@lru_cache(maxsize=256)
def _steps(count: int) -> NDArray:
    return np.arange(count + 2.0)[:, None] / count


def _peaks(model: Projection, nodes: NDArray, scores: Score, restricted: bool) -> Cells:
    """Return the cells that hold a local maximum each.

    In an open cell of relative width ε the likelihood varies by ε³ at most (the score is within ε² of 0), so
    that finer ones than the finest cannot matter. The last node lies beyond every maximum: what rises before
    it has one.
    """
    count, flat = nodes.shape[1], nodes.ravel()
    columns = np.arange(count)[None].repeat(len(nodes) - 1, axis=0).ravel()

    def cells(stop: int) -> Cells:
        here, there = slice(0, stop), slice(count, stop + count)
        return Cells(columns[here], flat[here], flat[there], scores.at(here), scores.at(there))

    every, last = cells(columns.size), columns.size - count
    settled, crossing = np.ones(columns.size, dtype=bool), every.crossing()
    settled[:last] = cells(last).settled()
    crossing[last:] = every.left.pull[last:] > every.left.drag[last:]
    if settled.all():
        return every.at(crossing)
    found, open_cells = [every.at(settled & crossing)], every.at(~settled)
    while open_cells.index.size:
        halves = _halve(model, open_cells, restricted)
        settled = halves.settled() | (halves.high - halves.low <= FINEST_CELL * (1.0 + halves.high))
        found.append(halves.at(settled & halves.crossing()))
        open_cells = halves.at(~settled)
    return _join(found)


def _halve(model: Projection, cells: Cells, restricted: bool) -> Cells:
    middle = 0.5 * (cells.low + cells.high)
    centre = score(model.take(cells.index), middle, restricted)
    lower = Cells(cells.index, cells.low, middle, cells.left, centre)
    upper = Cells(cells.index, middle, cells.high, centre, cells.right)
    return _join([lower, upper])


def _join(parts: list[Cells]) -> Cells:
    def joined(*path: str) -> NDArray:
        return np.concatenate([_follow(part, path) for part in parts])

    sides = (Score(*(joined(side, name) for name in Score.__slots__)) for side in ("left", "right"))
    return Cells(joined("index"), joined("low"), joined("high"), *sides)


def _follow(record: object, path: tuple[str, ...]) -> NDArray:
    for name in path:
        record = getattr(record, name)
    return record


def _polish(model: Projection, cells: Cells, restricted: bool) -> NDArray:
    """Return the maximum within each cell (c,), by Newton's method on drag / pull in shrinking brackets."""
    low, high = cells.low, cells.high
    tau2, found = _inside(_interpolate(cells), low, high), np.empty(low.shape)
    place = np.arange(low.size)
    for _ in range(MOST_STEPS):
        here = score(model, tau2, restricted)
        following = tau2 + _newton_step(here)
        near = np.abs(following - tau2) <= SMALL_STEP * (model.smallest_variance + tau2)
        found[place] = np.where(near, following, tau2)
        if near.all():
            break
        rising = here.pull > here.drag
        low, high = np.where(rising, tau2, low), np.where(rising, high, tau2)
        tau2 = np.where(near, following, _inside(following, low, high))
        if 2 * np.count_nonzero(near) > near.size:
            left = (~near).nonzero()[0]
            model, place = model.take(left), place[left]
            tau2, low, high = tau2[left], low[left], high[left]
    return np.maximum(found, 0.0)


def _interpolate(cells: Cells) -> NDArray:
    """Return a first guess: tau2 as the cubic in drag / pull with the values and slopes of both ends."""
    left, right, width = cells.left, cells.right, cells.high - cells.low
    start, stop = left.drag / left.pull, right.drag / right.pull
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = stop - start
        share = (1.0 - start) / rise
        bend_left = rise / (start * (left.pull_rate - left.drag_rate)) - width
        bend_right = rise / (stop * (right.pull_rate - right.drag_rate)) - width
        bend = (1.0 - share) * (bend_left * (1.0 - share) - bend_right * share)
        return cells.low + share * (width + bend)


def _newton_step(here: Score) -> NDArray:
    surplus, rate = here.pull / here.drag - 1.0, here.pull_rate - here.drag_rate
    return surplus / np.where(rate > 0.0, rate, np.nan)


def _inside(guess: NDArray, low: NDArray, high: NDArray) -> NDArray:
    return np.where((guess >= low) & (guess <= high), guess, 0.5 * (low + high))


def _best(model: Projection, index: NDArray, tau2: NDArray, restricted: bool) -> tuple[NDArray, NDArray]:
    """Return the best of the maxima of each meta-analysis, and how many there are."""
    count = np.bincount(index, minlength=model.trials.size)
    best = np.empty(model.trials.size)
    best[index] = tau2
    rivals = (count[index] > 1).nonzero()[0]
    if rivals.size:
        owner, place = index[rivals], tau2[rivals]
        value = log_likelihood(model.take(owner), place, restricted)
        order = np.lexsort((-place, value))
        best[owner[order]] = place[order]
    return best, count
