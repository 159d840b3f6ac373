"""How far the trials differ: Cochran's Q, I², H², and intervals for tau2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from bmac_meta.errors import check_word
from bmac_meta.stats.batch import as_batch, as_level, map_chunks, unbatch
from bmac_meta.stats.inference import homogeneity
from bmac_meta.stats.likelihood import log_likelihood, maximize
from bmac_meta.stats.projection import Projection
from bmac_meta.stats.regressors import as_design
from bmac_meta.stats.roots import bracketed_roots
from bmac_meta.stats.tau2 import TAU2_METHODS, generalized_q_root, project, solve

PROFILE_NODES = 256


@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """Holds an interval for tau2, floats or (B,): NaN without residual degrees of freedom (one trial)."""

    tau2_low: float | NDArray
    tau2_high: float | NDArray
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Holds how far the trials differ, floats or (B,).

    `i2` (percent) and `h2` are based on tau2 and the typical variance, with limits from the Q-profile
    limits of tau2; `i2_q` (percent) and `h2_q` are based on Q. All but Q and its test are NaN for one
    trial.
    """

    q: float | NDArray
    q_df: int | NDArray
    q_p: float | NDArray
    tau2: float | NDArray
    tau2_low: float | NDArray
    tau2_high: float | NDArray
    i2: float | NDArray
    i2_low: float | NDArray
    i2_high: float | NDArray
    h2: float | NDArray
    h2_low: float | NDArray
    h2_high: float | NDArray
    i2_q: float | NDArray
    h2_q: float | NDArray
    level: float
    method: str


def q_profile(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    level: float = 0.95,
    design: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tau2Interval:
    """Return the Q-profile interval for tau2: all values at which the generalized Q is not extreme.

    Shapes and errors as for `estimate_tau2`. Where even tau2 = 0 leaves Q below its lower quantile, both
    limits are 0. Source: Viechtbauer 2007, 10.1002/sim.2514.

    The 13 trials of BCG vaccine in Viechtbauer 2010 (10.18637/jss.v036.i03), log risk ratios to four digits
    (there 0.1197 to 1.1115):

    >>> y = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209,
    ...      0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
    >>> v = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230,
    ...      0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]
    >>> limits = q_profile(y, variance=v)
    >>> round(limits.tau2_low, 4), round(limits.tau2_high, 4)
    (0.1197, 1.1115)
    """
    share = as_level(level)

    def part(model: Projection) -> dict[str, NDArray]:
        low, high = q_limits(model, share)
        return {"tau2_low": low * model.unit**2, "tau2_high": high * model.unit**2}

    return Tau2Interval(**_each(part, estimate, variance, design, mask), level=share, method="Q-profile")


def q_limits(model: Projection, level: float) -> tuple[NDArray, NDArray]:
    """Return the Q-profile limits of tau2 in scaled units, (n,); NaN without residual degrees of freedom."""
    low, high = np.full(model.trials.shape, np.nan), np.full(model.trials.shape, np.nan)
    enough = np.flatnonzero(model.degrees > 0)
    if enough.size:
        both = model.take(np.concatenate([enough, enough]))
        tails = np.repeat([0.5 * (1.0 - level), 0.5 * (1.0 + level)], enough.size)
        low[enough], high[enough] = generalized_q_root(both, chdtri(both.degrees, tails)).reshape(2, -1)
    return low, high


def profile_likelihood_interval(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    method: str = "REML",
    level: float = 0.95,
    design: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Tau2Interval:
    """Return the profile-likelihood interval for tau2, from ML or REML.

    The limits are the smallest and the largest tau2 whose log-likelihood lies within half the chi-squared
    quantile (one degree of freedom) of the maximum. Shapes and errors as for `estimate_tau2`. Source: Hardy
    and Thompson 1996, 10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A.
    """
    check_word("likelihood", method, ("ML", "REML"))
    share = as_level(level)

    def part(model: Projection) -> dict[str, NDArray]:
        low, high = profile_limits(model, share, method == "REML")
        return {"tau2_low": low * model.unit**2, "tau2_high": high * model.unit**2}

    fields = _each(part, estimate, variance, design, mask, PROFILE_NODES)
    return Tau2Interval(**fields, level=share, method=f"profile likelihood ({method})")


def heterogeneity(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str = "REML",
    level: float = 0.95,
    design: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Heterogeneity:
    """Return Q with its test, tau2 with its Q-profile interval, and I² and H² with theirs.

    Shapes and errors as for `estimate_tau2`. I² and H² rise with tau2, so that their limits follow from
    those of tau2. Sources: Higgins and Thompson 2002, 10.1002/sim.1186; Viechtbauer 2007, 10.1002/sim.2514.
    """
    check_word("tau2 method", tau2, TAU2_METHODS)
    share = as_level(level)

    def part(model: Projection) -> dict[str, NDArray]:
        between = solve(model, tau2)[0]
        low, high = q_limits(model, share)
        ends = {"": between, "_low": low, "_high": high}
        fields = {f"tau2{end}": value * model.unit**2 for end, value in ends.items()}
        moments = model.moments(np.zeros(between.shape))
        scaled = moments.y_p_y, moments.trace_p, model.degrees
        for end, value in reversed(ends.items()):
            measures = homogeneity(*scaled, value)
            fields |= {f"i2{end}": measures.pop("i2"), f"h2{end}": measures.pop("h2")} | measures
        return fields

    return Heterogeneity(**_each(part, estimate, variance, design, mask), level=share, method=tau2)


def _each(
    part: Callable[[Projection], dict[str, NDArray]],
    estimate: ArrayLike,
    variance: ArrayLike,
    design: ArrayLike | None,
    mask: ArrayLike | None,
    weight: int = 1,
) -> dict[str, object]:
    batch = as_batch(estimate, variance, mask)
    regressors = None if design is None else as_design(design, batch)
    width = batch.width * weight * (1 if regressors is None else regressors.size + 4)
    fields = map_chunks(lambda rows: part(project(batch, regressors, rows)), batch.count, width)
    return unbatch(fields, batch.single)


def profile_limits(model: Projection, level: float, restricted: bool) -> tuple[NDArray, NDArray]:
    """Return the profile-likelihood limits of tau2 in scaled units, both (n,)."""
    low, high = np.full(model.trials.shape, np.nan), np.full(model.trials.shape, np.nan)
    enough = np.flatnonzero(model.degrees > 0)
    if enough.size:
        some = model.take(enough)
        best, _ = maximize(some, restricted)
        floor = log_likelihood(some, best, restricted) - 0.5 * chdtri(1.0, 1.0 - level)
        nodes, above = _profile_nodes(some, best, floor, restricted)
        low[enough] = _outermost(some, nodes, above, floor, restricted)
        high[enough] = _outermost(some, nodes[::-1], above[::-1], floor, restricted)
    return low, high


def _profile_nodes(model: Projection, best: NDArray, floor: NDArray, restricted: bool) -> tuple[NDArray, NDArray]:
    """Return tau2 from 0 to where the likelihood is below the floor for good, (g, n), and if it is above."""
    squares, _ = model.spread()
    smallest, largest = model.smallest_variance, model.largest_variance
    beyond = np.maximum(squares, best)
    volume = -2.0 * log_likelihood(model, beyond, restricted) - model.quadratic(beyond)[0]
    stretch = np.maximum(-2.0 * floor - volume, 0.0) / model.degrees
    end = (largest + beyond) * np.exp(stretch + 0.01) - largest
    steps = np.linspace(0.0, 1.0, PROFILE_NODES)[:, None]
    nodes = smallest * np.expm1(steps * np.log1p(end / smallest))
    nodes = np.sort(np.concatenate([nodes, best[None]]), axis=0)
    repeated = model.take(np.tile(np.arange(best.size), len(nodes)))
    heights = log_likelihood(repeated, nodes.ravel(), restricted).reshape(nodes.shape)
    return nodes, (heights >= floor) | (nodes == best)


def _outermost(model: Projection, nodes: NDArray, above: NDArray, floor: NDArray, restricted: bool) -> NDArray:
    """Return where the likelihood first reaches the floor along the nodes; the first if it is above there."""
    columns = np.arange(nodes.shape[1])
    first = above.argmax(axis=0)
    before = np.maximum(first - 1, 0)

    def surplus(tau2: NDArray) -> NDArray:
        return log_likelihood(model, tau2, restricted) - floor

    return bracketed_roots(surplus, nodes[before, columns], nodes[first, columns])
