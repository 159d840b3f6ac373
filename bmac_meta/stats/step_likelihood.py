"""The likelihood of effects that were selected by a step function of their p-values, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bmac_meta.stats.columns import BoolArray

LOG_TWO_PI = np.log(2.0 * np.pi)
MOST_STEPS = 500
MEANS, WEIGHT_STEPS = 32, 20
CHUNK_CELLS = 1 << 19
SMALLEST_CURVATURE = 1e-8
LADDER = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])


@dataclass(frozen=True, slots=True)
class StepLikelihood:
    """Holds one meta-analysis cut into intervals of its one-sided p-values; selection favours high effects.

    `effect` and `variance` are (k,); `limits` (k, J − 1) the effects at which each trial crosses a step;
    `interval` (k,) the interval of each trial and `counts` (J,) the trials in each, most significant first.
    Parameters come as one vector: the mean, τ², and the logarithms of the J weights.
    """

    effect: NDArray
    variance: NDArray
    limits: NDArray
    interval: NDArray
    counts: NDArray

    @classmethod
    def of(cls, effect: NDArray, variance: NDArray, steps: NDArray) -> StepLikelihood:
        """Take effects, variances and the inner steps of the one-sided p-value, ascending."""
        limits = -ndtri(steps) * np.sqrt(variance)[:, None]
        interval = (effect[:, None] < limits).sum(axis=1)
        return cls(effect, variance, limits, interval, np.bincount(interval, minlength=steps.size + 1))

    def value(self, parameters: NDArray) -> NDArray:
        """Return the log-likelihood of parameters (..., 2 + J)."""
        mean, tau2, logs = parameters[..., :1], parameters[..., 1:2], parameters[..., 2:]
        total = self.variance + tau2
        scaled = (self.effect - mean) ** 2 / total
        chance = interval_chances((self.limits - mean[..., None]) / np.sqrt(total)[..., None])
        observable = np.log((chance * np.exp(logs)[..., None, :]).sum(axis=-1))
        own = -0.5 * (LOG_TWO_PI + np.log(total) + scaled) - observable
        return own.sum(axis=-1) + (self.counts * logs).sum(axis=-1)

    def derivatives(self, parameters: NDArray) -> tuple[NDArray, NDArray]:
        """Return the gradient (2 + J,) and the Hessian (2 + J, 2 + J) of the log-likelihood."""
        mean, tau2, weights = parameters[0], parameters[1], np.exp(parameters[2:])
        total = self.variance + tau2
        spread, scaled = np.sqrt(total), (self.effect - mean) / np.sqrt(total)
        place = (self.limits - mean) / spread[:, None]
        chance = interval_chances(place)
        observable = chance @ weights
        share = chance * weights / observable[:, None]
        first, second = _chance_derivatives(place, spread)
        pull = weights * first / observable[:, None]
        tilt = pull.sum(axis=2)
        gradient = np.concatenate([-tilt.sum(axis=1), self.counts - share.sum(axis=0)])
        gradient[0] += (scaled / spread).sum()
        gradient[1] += (0.5 * (scaled**2 - 1.0) / total).sum()
        hessian = np.empty((gradient.size, gradient.size))
        bend = np.einsum("xykj,j,k->xy", second, weights, 1.0 / observable)
        hessian[:2, :2] = np.einsum("xk,yk->xy", tilt, tilt) - bend
        hessian[:2, 2:] = np.einsum("xk,kj->xj", tilt, share) - pull.sum(axis=1)
        hessian[2:, :2] = hessian[:2, 2:].T
        hessian[2:, 2:] = share.T @ share - np.diag(share.sum(axis=0))
        cross = -(scaled / spread**3).sum()
        hessian[:2, :2] += [[-(1.0 / total).sum(), cross], [cross, (0.5 - scaled**2) @ total**-2.0]]
        return gradient, hessian


def interval_chances(place: NDArray) -> NDArray:
    """Return the chances (..., J) of falling between descending standard normal places (..., J − 1)."""
    edge = np.full((*place.shape[:-1], 1), np.inf)
    above, below = np.concatenate([edge, place], axis=-1), np.concatenate([place, -edge], axis=-1)
    flip = below > 0.0
    upper, lower = np.where(flip, -below, above), np.where(flip, -above, below)
    return ndtr(upper) - ndtr(lower)


def _chance_derivatives(place: NDArray, spread: NDArray) -> tuple[NDArray, NDArray]:
    """Return first (2, k, J) and second (2, 2, k, J) derivatives of the chances by the mean and by τ²."""
    density, spread = np.exp(-0.5 * place**2 - 0.5 * LOG_TWO_PI), spread[:, None]
    by_mean, by_tau2 = -density / spread, -0.5 * place * density / spread**2
    mean_mean = -place * density / spread**2
    mean_tau2 = 0.5 * (1.0 - place**2) * density / spread**3
    tau2_tau2 = 0.25 * place * (3.0 - place**2) * density / spread**4
    first = _between(np.stack([by_mean, by_tau2]))
    return first, _between(np.stack([[mean_mean, mean_tau2], [mean_tau2, tau2_tau2]]))


def _between(at_places: NDArray) -> NDArray:
    nothing = np.zeros((*at_places.shape[:-1], 1))
    return -np.diff(np.concatenate([nothing, at_places, nothing], axis=-1), axis=-1)


def maximize_steps(model: StepLikelihood, start_tau2: float, logs: NDArray, free: BoolArray) -> NDArray:
    """Return the parameters of the highest maximum found from a lattice of means and τ²s.

    `logs` are the starting log weights and `free` (2 + J,) says which parameters move. At each τ² of the
    lattice the best places climb with τ² held, for the likelihood can be narrow there, and then freely, by
    Newton steps with the exact Hessian.
    """
    held = free & (np.arange(free.size) != 1)
    starts = [_climb(model, place, held) for place in _starts(model, start_tau2, logs, free)]
    return max((_climb(model, place, free) for place in starts), key=model.value)


def _starts(model: StepLikelihood, start_tau2: float, logs: NDArray, free: BoolArray) -> NDArray:
    """Return the two best places, of a lattice of means with good weights, at each of a ladder of τ²s."""
    low, high = model.effect.min(), model.effect.max()
    reach = high - low + np.sqrt(np.median(model.variance))
    means = np.linspace(low - reach, high, MEANS)
    tau2 = LADDER * max(start_tau2, 0.1 * float(np.median(model.variance)))
    between, mean = np.repeat(tau2, MEANS), np.tile(means, LADDER.size)
    places, height = np.column_stack([mean, between, np.tile(logs, (mean.size, 1))]), np.empty(mean.size)
    step = max(1, CHUNK_CELLS // (model.effect.size * logs.size))
    for start in range(0, mean.size, step):
        some = slice(start, start + step)
        if free[2:].any():
            places[some, 2:] = np.where(free[2:], _good_weights(model, places[some]), logs)
        height[some] = model.value(places[some])
    best = np.argsort(-height.reshape(LADDER.size, MEANS), axis=1)[:, :2]
    return places.reshape(LADDER.size, MEANS, -1)[np.arange(LADDER.size)[:, None], best].reshape(best.size, -1)


def _good_weights(model: StepLikelihood, places: NDArray) -> NDArray:
    """Return log weights (n, J) at places (n, 2 + J) that make expected counts near the observed ones.

    It takes steps that never descend, from the weights of the places.
    """
    spread, logs = np.sqrt(model.variance + places[:, 1:2]), places[:, 2:]
    chance = interval_chances((model.limits - places[:, :1, None]) / spread[..., None])
    observed = np.log(np.maximum(model.counts, 1e-300))
    for _ in range(WEIGHT_STEPS):
        observable = chance @ np.exp(logs)[:, :, None]
        expected = np.maximum((1.0 / observable).transpose(0, 2, 1) @ chance, 1e-300)[:, 0]
        logs = observed - np.log(expected)
        logs = np.clip(logs - logs[:, :1], -30.0, 30.0)
    return logs


def _climb(model: StepLikelihood, start: NDArray, free: BoolArray) -> NDArray:
    """Return the maximum uphill of a place: by rising likelihood, at last by falling Newton gain."""
    place, value = start, float(model.value(start))
    step, gain = _newton(model, place, free)
    for _ in range(MOST_STEPS):
        following, new_value = _along(model, place, step, value, gain)
        if new_value <= value:
            break
        place, value = following, new_value
        step, gain = _newton(model, place, free)
    for _ in range(5):
        following = _bounded(place + step)
        new_step, new_gain = _newton(model, following, free)
        if new_gain >= gain:
            break
        place, step, gain = following, new_step, new_gain
    return place


def _newton(model: StepLikelihood, place: NDArray, free: BoolArray) -> tuple[NDArray, float]:
    """Return the uphill step from a place, with τ² kept on a bound that it would leave, and its gain."""
    gradient, hessian = model.derivatives(place)
    moving = free & ~((place == 0.0) & (np.arange(place.size) == 1) & (gradient <= 0.0))
    step = np.zeros_like(place)
    step[moving] = uphill_step(gradient[moving], hessian[np.ix_(moving, moving)])
    return step, float(gradient @ step)


def _bounded(place: NDArray) -> NDArray:
    return np.concatenate([place[:1], np.maximum(place[1:2], 0.0), np.clip(place[2:], -40.0, 40.0)])


def uphill_step(gradient: NDArray, hessian: NDArray) -> NDArray:
    """Return the Newton step with every curvature turned downward, so that it always leads uphill."""
    unit = 1.0 / np.sqrt(np.abs(np.diag(hessian)) + gradient**2 + 1e-60)
    curvature, axes = np.linalg.eigh(-hessian * unit[:, None] * unit)
    return unit * (axes @ ((axes.T @ (unit * gradient)) / np.maximum(np.abs(curvature), SMALLEST_CURVATURE)))


def _along(model: StepLikelihood, place: NDArray, step: NDArray, value: float, gain: float) -> tuple[NDArray, float]:
    """Return the first point on the way along a step, halved as often as needed, that is high enough."""
    share = 1.0
    for _ in range(60):
        following = _bounded(place + share * step)
        new_value = float(model.value(following))
        if new_value >= value + 1e-4 * share * gain:
            break
        share *= 0.5
    return following, new_value
