"""The global maximum of the likelihood of nested effects: a scan of its whole range, and climbs from every top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.errors import BmacMetaError
from bmac_meta.stats.anchored_regression import Array, Index
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.nested_likelihood import Clusters, Derivatives, NestedModel

# Of a scan: how much farther each place is than the one before, a variance that outweighs all others, how exactly
# heights are compared, and how many numbers are held at once.
RATIO, FAR, SIGNIFICANT_BITS, BLOCK_CELLS = 1.5, 1e8, 32, 1 << 16

# Of steps, in natural units: what is near a top, what is there, and the longest.
NEAR, THERE, LONGEST = 1e-4, 1e-9, 100.0

# A gain that can't be seen in the log-likelihood, and the least curvature to divide by, relative and absolute.
UNSEEN, FLATTEST, STRAIGHT = 1e-11, 1e-12, 1e-60

MOST_STEPS, PATIENCE, MOST_HALVINGS = 200, 60, 40


@dataclass(frozen=True, slots=True)
class Peaks:
    """Holds the highest places `theta` (2, n), between and within, and their log-likelihoods `height` (n,)."""

    theta: Array
    height: Array


@dataclass(frozen=True, slots=True)
class Scan:
    """Holds places `between` (b, n) and `within` (w, n) and their log-likelihoods `height` (b, w, n).

    Places that another data set needs are −∞ high. `small` (2, n) is what is little for the two variances, and `inside`
    are the condensed clusters at the places within (w × n).
    """

    between: Array
    within: Array
    height: Array
    small: Array
    inside: Clusters


def maximize(model: NestedModel, places: Scan | None = None) -> Peaks:
    """Return the variances of the highest likelihood of n data sets.

    Raises `BmacMetaError` where a climb does not end.
    """
    places = scan(model) if places is None else places
    row, column, index = tops(places.height, len(model.cluster))
    starts = np.stack([places.between[row, index], places.within[column, index]])
    return highest(model, index, starts, np.ones((2, 1), dtype=bool))


def scan(model: NestedModel) -> Scan:
    """Look at the likelihood of n data sets wherever it can have a maximum.

    Places go up from 0 in steps that grow by `RATIO`, the first of them as long as half the smallest variance of an
    effect or of the mean of a cluster: the likelihood is no rougher than that. No maximum has a variance within above
    the residual sum of squares of ordinary least squares, nor one between above that of the means of clusters where a
    variance between is all there is: with S the covariance of the contrasts z, the score is negative where zᵀS⁻¹z < 1.
    """
    count = model.squares.size
    within, needed = _places(model.smallest, model.squares - model.smallest)
    many = model.take(np.tile(np.arange(count), len(within)))
    inside = many.clusters(within.ravel())
    far = many.state(inside, FAR * (model.variance.max() + within.ravel())).regression.rest[: len(model.first)]
    ends = (needed * ((inside.sums > 0) * far**2).sum(axis=0).reshape(within.shape)).max(axis=0)
    small = np.broadcast_arrays(1 / inside.sums[:, :count].max(axis=0), model.smallest)
    between, asked = _places(small[0], ends)
    inside = many.condensed(inside)
    height = heights(many, inside, np.repeat(between[:, None], len(within), axis=1))
    return Scan(between, within, np.where(asked[:, None] & needed, height, -np.inf), np.stack(small), inside)


def _places(scale: Array, end: Array) -> tuple[Array, BoolArray]:
    needed = np.ceil(np.log1p(np.maximum(end, 0) / scale) / np.log(RATIO))
    steps = np.arange(needed.max() + 1)[:, None]
    return scale * (RATIO**steps - 1), steps <= needed


def heights(model: NestedModel, inside: Clusters, between: Array) -> Array:
    """Return the heights (b, w, n) of clusters (w × n) at places between (b, w, n), in blocks of bounded memory."""
    width, height = between[0].size, np.empty(between.shape)
    rows = len(model.first) + len(inside.effect_rest)
    step = max(1, BLOCK_CELLS // (rows * width))
    for start in range(0, len(between), step):
        block = between[start : start + step]
        state = model.state(inside.repeat(len(block)), block.ravel())
        height[start : start + step] = state.height.reshape(block.shape)
    return height


def tops(height: Array, effects: int) -> tuple[Index, Index, Index]:
    """Return where heights (b, w, n) are not lower than their neighbours: places of b, of w and of n.

    Heights are rounded, so that a plateau has few tops; of equal neighbours the first counts. Left out are tops that
    lie too low: half a step changes no variance by more than a factor of √`RATIO`, and so the log-likelihood of so
    many `effects` from that of a highest peak, where the misfit is no more than what a larger variance would cost, by
    less than `effects` × (1 + a quarter of the logarithm of the range of the places).
    """
    part, power = np.frexp(height)
    rounded = np.ldexp(np.rint(part * 2.0**SIGNIFICANT_BITS), power - SIGNIFICANT_BITS)
    framed = np.pad(rounded, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows, columns, _ = height.shape
    top = height >= height.max(axis=(0, 1)) - effects * (1 + (rows + columns) * np.log(RATIO) / 4)
    for i, j in np.ndindex(3, 3):
        neighbour = framed[i : i + rows, j : j + columns]
        top &= rounded > neighbour if (i, j) < (1, 1) else rounded >= neighbour
    return np.nonzero(top)


def highest(model: NestedModel, index: Index, starts: Array, movable: BoolArray) -> Peaks:
    """Climb from places (2, t) of the data sets `index` (t,) and return the highest peak of each data set.

    `movable` (2, t or 1) says which of the two variances may change.
    """
    some = model.take(index)
    theta = _climb(some, starts, movable)
    height = some.at(theta).height
    order = np.lexsort((height, index))
    last = order[np.flatnonzero(np.append(np.diff(index[order]), 1))]
    return Peaks(theta[:, last], height[last])


def _climb(model: NestedModel, theta: Array, movable: BoolArray) -> Array:
    """Climb from places (2, t) within theta ≥ 0 by Newton steps. A variance at 0 that wants to fall stays there."""
    found, place, before = theta.copy(), np.arange(theta.shape[1]), np.full(theta.shape[1], np.inf)
    small, movable = np.broadcast_to(model.smallest, place.shape), np.broadcast_to(movable, theta.shape)
    for count in range(MOST_STEPS):
        ahead, size, idle = _advance(model, theta, small, movable, count < PATIENCE)
        done = idle | (size <= THERE) | ((size <= NEAR) & (size >= before))
        found[:, place] = ahead
        left = np.flatnonzero(~done)
        if not left.size:
            return found
        model, small, movable = model.take(left), small[left], movable[:, left]
        theta, place, before = ahead[:, left], place[left], size[left]
    raise BmacMetaError(
        "the likelihood of the three-level model could not be maximized; check the units of the effects."
    )


def _advance(
    model: NestedModel, theta: Array, small: Array, movable: BoolArray, patient: bool
) -> tuple[Array, Array, BoolArray]:
    """Return where a Newton step leads (2, n), how large it is (n,), and where there is no point in going on (n,)."""
    here = model.derivatives(theta, small)
    ahead = _ahead(theta, here, movable & ((theta > 0) | (here.slope > 0)))
    size = (np.abs(ahead - theta) / here.unit).max(axis=0)
    # Near the top, or where all is level, rounding hides which place is higher. Newton's steps are right all the same,
    # and near the top each squares the error of the one before.
    hidden = (here.slope * (ahead - theta)).sum(axis=0) <= UNSEEN * np.maximum(np.abs(here.height), 1)
    idle, far = hidden & (not patient), np.flatnonzero((size > NEAR) & ~hidden)
    if far.size:
        ahead[:, far], idle[far] = _uphill(model.take(far), theta[:, far], ahead[:, far], here.height[far])
    return ahead, size, idle


def _ahead(theta: Array, here: Derivatives, free: BoolArray) -> Array:
    """Return where the best of three Newton steps leads (2, n), those that change both variances, or one of them.

    A step ends at the edge at 0, and where it is the longest; best is the one that should then gain most.
    """
    alone = here.slope / np.maximum(np.abs(here.bend[[0, 1], [0, 1]]), STRAIGHT / here.unit**2) * free
    steps = np.stack([_newton(here, free), alone * [[1], [0]], alone * [[0], [1]]], axis=1)
    room = np.divide(theta[:, None], -steps, out=np.full(steps.shape, np.inf), where=steps < 0).min(axis=0)
    share = np.minimum(room, LONGEST / np.maximum(np.abs(steps / here.unit[:, None]).max(axis=0), LONGEST))
    gain = share * (1 - share / 2) * (here.slope[:, None] * steps).sum(axis=0)
    way = gain.argmax(axis=0), np.arange(gain.shape[1])
    ahead = theta + share[way] * steps[:, *way]
    # What comes to the edge comes to it exactly.
    ahead[(steps[:, *way] < 0) & (theta <= -share[way] * steps[:, *way])] = 0
    return np.maximum(ahead, 0)


def _newton(here: Derivatives, free: BoolArray) -> Array:
    """Return Newton steps (2, n) in the free variances, turned uphill where the likelihood is not concave.

    They are found in units of 1/√|second derivative|, so that variances of very different size don't spoil eigenvalues.
    """
    unit = 1 / np.sqrt(np.maximum(np.abs(here.bend[[0, 1], [0, 1]]), STRAIGHT / here.unit**2))
    matrix = here.bend * unit * unit[:, None] * (free & free[:, None])
    matrix[[0, 1], [0, 1]] -= ~free
    values, vectors = np.linalg.eigh(matrix.T)
    along = np.einsum("nij,in->nj", vectors, here.slope * unit * free) / np.maximum(np.abs(values), FLATTEST)
    return np.einsum("nij,nj->in", vectors, along) * unit * free


def _uphill(model: NestedModel, theta: Array, ahead: Array, height: Array) -> tuple[Array, BoolArray]:
    """Return the first higher place (2, n) of the way ahead, halved and halved again, and where there is none (n,)."""
    found, left = theta.copy(), np.arange(height.size)
    for _ in range(MOST_HALVINGS):
        higher = model.take(left).at(ahead).height > height[left]
        found[:, left[higher]] = ahead[:, higher]
        left, ahead = left[~higher], ahead[:, ~higher]
        if not left.size:
            break
        ahead = 0.5 * (ahead + theta[:, left])
    return found, np.isin(np.arange(height.size), left)
