"""A meta-regression without each of its trials in turn, all of them from a few fits of the whole.

Without trial i the weighted projection P becomes P − P e eᵀP / eᵀPe, with e the i-th unit vector. So all that the
estimators of tau2 need to know follows from Py, P²y, P³y and the diagonals of P, P², P³, which one pass over the trials
gives for every i. Only where most of a number is due to one trial, what remains is not a difference, but computed from
the remaining trials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bmac_meta.stats.batch import Batch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.design import DesignProjection, Frame, frame_moments
from bmac_meta.stats.octaves import Octaves, Pieces
from bmac_meta.stats.projection import Moments
from bmac_meta.stats.regression import wald_coefficients
from bmac_meta.stats.regressors import Design, as_design

# A difference below this share of its terms has lost too many digits.
LOST = 1e-3
CHUNK_CELLS = 1 << 16
STRETCHES_KEPT = 4

Exact = Callable[[DesignProjection, NDArray], tuple[NDArray, ...]]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Computes the moments of n meta-regressions: each is `whole`, of k trials, without the trial `left` (n,).

    `constant` says whether the design spans a constant, so that effects may be measured from any one of them. The
    octaves give moments and logarithms of determinants without each of the k trials.
    """

    whole: DesignProjection
    left: NDArray
    constant: bool
    moment_octaves: Octaves
    log_octaves: Octaves

    @classmethod
    def of(cls, whole: DesignProjection, left: NDArray, constant: bool) -> LeftOut:
        """Take one meta-regression and the trials (n,) to leave out."""
        octaves = (_octaves(whole, without) for without in (_moments_without, _logs_without))
        return cls(whole, left, constant, *octaves)

    @property
    def unit(self) -> NDArray:
        """Return the unit of the whole (n,)."""
        return np.broadcast_to(self.whole.unit, self.left.shape)

    @property
    def trials(self) -> NDArray:
        """Return k − 1 (n,)."""
        return np.broadcast_to(self.whole.trials - 1.0, self.left.shape)

    @property
    def degrees(self) -> NDArray:
        """Return k − 1 − p, the residual degrees of freedom (n,)."""
        return np.broadcast_to(self.whole.degrees - 1.0, self.left.shape)

    @property
    def smallest_variance(self) -> NDArray:
        """Return the smallest variance that is left (n,)."""
        variance = self.whole.variance[:, 0]
        first, second = np.partition(variance, 1)[:2]
        return np.where(variance[self.left] == first, second, first)

    @property
    def largest_variance(self) -> NDArray:
        """Return the largest variance that is left (n,)."""
        variance = self.whole.variance[:, 0]
        second, first = np.partition(variance, -2)[-2:]
        return np.where(variance[self.left] == first, second, first)

    def take(self, index: NDArray) -> LeftOut:
        """Return the same without some of the trials, repeated where the index repeats."""
        return replace(self, left=self.left[index])

    def quadratic(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return yᵀPy and yᵀPPy at tau2 (n,)."""
        moments = self.moments(tau2)
        return moments.y_p_y, moments.y_pp_y

    def moments(self, tau2: NDArray) -> Moments:
        """Return all moments at tau2, shaped (n,) or (g, n)."""
        many, flat = replace(self, left=np.broadcast_to(self.left, tau2.shape).ravel()), tau2.ravel()
        numbers = many._completed(self.moment_octaves.numbers(flat, many.left), flat, _moments_at)
        return Moments(*numbers.reshape(-1, *tau2.shape))

    def log_determinants(self, tau2: NDArray) -> tuple[NDArray, NDArray]:
        """Return log|V| and log|XᵀWX| − log|XᵀX| at tau2 (n,), both in original units."""
        pieces = self.log_octaves.numbers(tau2, self.left)
        volume, precision = self._completed(pieces, tau2, DesignProjection.log_determinants)
        return volume, precision

    def spread(self) -> tuple[NDArray, NDArray]:
        """Return the residual sum of squares of ordinary least squares and Σ v (1 − h), both (n,)."""
        parts, variance = _Deletion.of(self.whole.plain_frame()), self.whole.variance
        squares, variances = self.whole.spread()
        terms = [squares, -(parts.rest**2) / parts.own], [variances, -parts.diagonal(variance) / parts.own]
        squares, variances = self._plain(_sums(terms, parts.other), lambda model, _: model.spread())
        return squares, variances

    def total_squares(self) -> NDArray:
        """Return the sum of squared deviations of the effects from their plain mean (n,)."""
        effect, k = self.whole.effect, self.whole.trials
        apart = (effect - effect.sum(axis=0) / k) ** 2 * (k / (k - 1.0))
        pieces = _sums(([self.whole.total_squares(), -apart],), np.ones(apart.shape, dtype=bool))
        return self._plain(pieces, lambda model, _: (model.total_squares(),))[0]

    def coefficients(self, tau2: NDArray, design: Design) -> tuple[NDArray, NDArray, NDArray, BoolArray]:
        """Return coefficients (n, p) at tau2 (n,), their covariances (n, p, p), and variances (n, p) with the trial.

        Last stands where these are sound (n,).
        """
        shared, own = (_octaves(self.whole, partial(part, design=design)) for part in (_coefficients, _ways))
        whole, _ = shared.numbers(tau2, np.zeros(tau2.size, dtype=int))
        (kept, rest, *way), sound = own.numbers(tau2, self.left)
        size, way = design.size, np.stack(way, axis=1)
        covariance = whole[size:].T.reshape(-1, size, size)
        without = covariance + way[:, :, None] * way[:, None] / kept[:, None, None]
        return whole[:size].T - way * (rest / kept)[:, None], without, np.einsum("npp->np", covariance), sound

    def _plain(self, pieces: Pieces, exact: Exact) -> NDArray:
        """Return numbers (f, n) that are given for every trial as (f, k, 1)."""
        (numbers, sound), nowhere = pieces, np.zeros(self.left.size)
        return self._completed((numbers[:, self.left, 0], sound[self.left, 0]), nowhere, exact)

    def _completed(self, pieces: Pieces, tau2: NDArray, exact: Exact) -> NDArray:
        """Return numbers (f, n), those that are not sound (n,) computed from the trials that are left."""
        numbers, sound = pieces
        missing, step = np.flatnonzero(~sound), max(1, CHUNK_CELLS // self.whole.columns.size)
        for start in range(0, missing.size, step):
            some = missing[start : start + step]
            numbers[:, some] = exact(self._rest(self.left[some]), tau2[some])
        return numbers

    def _rest(self, left: NDArray) -> DesignProjection:
        """Return the meta-regressions without each of some trials, in units of the whole."""
        every, column = self.whole.take(np.zeros(left.size, dtype=int)), np.arange(left.size)
        variance, effect = every.variance.copy(), every.effect.copy()
        variance[left, column] = np.inf
        effect -= effect[variance.argmin(axis=0), column] if self.constant else 0.0
        effect[left, column] = 0.0
        return replace(every, variance=variance, effect=effect, trials=every.trials - 1.0)


def without_each(y: NDArray, v: NDArray, columns: NDArray, left: NDArray) -> tuple[LeftOut, Design]:
    """Return a meta-regression of trials (k,) without each of some (n,), and its design, of `columns` (k, p)."""
    batch = Batch(y[None], v[None], None, True)
    design = as_design(columns, batch)
    return LeftOut.of(design.project(batch, slice(0, 1)), left, design.constant), design


def _octaves(whole: DesignProjection, without: Callable[[DesignProjection, NDArray], Pieces]) -> Octaves:
    """Return the octaves of what `without` gives for every trial at some tau2 (m,)."""
    step = max(1, CHUNK_CELLS // whole.columns.size)

    def values(places: NDArray) -> Pieces:
        chunks = (places[start : start + step] for start in range(0, places.size, step))
        numbers, sound = zip(*(without(whole, chunk) for chunk in chunks), strict=True)
        return np.concatenate(numbers, axis=2), np.concatenate(sound, axis=1)

    return Octaves.of(float(whole.smallest_variance[0]), values, STRETCHES_KEPT)


def _sums(terms: tuple[list[NDArray], ...], other: BoolArray) -> Pieces:
    """Return sums of terms, each (k, m), and where none has lost digits, of trials that are `other` than anchors."""
    numbers, sound = np.empty((len(terms), *other.shape)), other.copy()
    for number, parts in zip(numbers, terms, strict=True):
        number[:] = sum(parts)
        for part in parts:
            sound &= number >= LOST * np.abs(part)
    return numbers, sound


@dataclass(frozen=True, slots=True)
class _Deletion:
    """Holds what leaving out each of k trials takes away, in m problems.

    It holds for trials that are `other` (k, m) than the anchors of the frame. These have `leverage`, `own`, which is 1
    less that, weighted residuals `rest`, all (k, m), and `toward` (p, k, m), which is BG with `core` B (p, p, m);
    `shift` (p, m) is minus the residuals of the anchors. `weight` (k, m) is of all trials.
    """

    frame: Frame
    core: NDArray
    other: BoolArray
    weight: NDArray
    toward: NDArray
    leverage: NDArray
    own: NDArray
    rest: NDArray
    shift: NDArray

    @classmethod
    def of(cls, frame: Frame) -> _Deletion:
        toward, leverage, _ = frame.leverage()
        other, weight = np.ones(leverage.shape, dtype=bool), frame.others.copy()
        np.put_along_axis(other, frame.elimination.anchors, False, axis=0)
        np.put_along_axis(weight, frame.elimination.anchors, frame.anchored, axis=0)
        core, parts = _last(frame.inverse), frame.residual(frame.distance)
        return cls(frame, core, other, weight, toward, leverage, 1.0 - leverage, *parts)

    def again(self, rest: NDArray, shift: NDArray) -> tuple[NDArray, NDArray]:
        """Return residuals of others and anchors of these times their weights."""
        frame = self.frame
        pull = np.einsum("pkm,pm->km", frame.scaled, frame.anchored * shift) + frame.others * rest
        return frame.residual(pull)

    def information(self, factor: NDArray) -> NDArray:
        """Return the information (p, p, m) of the others, each times a factor (k, m)."""
        return np.einsum("pkm,qkm->pqm", self.frame.scaled * factor, self.frame.scaled)

    def across(self, matrix: NDArray) -> NDArray:
        """Return the quadratic forms (k, m) of `toward` with matrices (p, p, m)."""
        return np.einsum("pkm,pkm->km", _product(matrix, self.toward), self.toward)

    def diagonal(self, factor: NDArray) -> NDArray:
        """Return the diagonal of M F M (k, m), with M the residual projection and F diagonal, `factor` (k, m or 1)."""
        factor = np.broadcast_to(factor, self.weight.shape)
        anchored = np.take_along_axis(factor, self.frame.elimination.anchors, axis=0)
        inner = self.information(np.where(self.other, factor, 0.0)) + np.eye(len(anchored))[:, :, None] * anchored
        return factor * (1.0 - 2.0 * self.leverage) + self.across(inner)

    def cube(self) -> NDArray:
        """Return the diagonal of M W M W M (k, m), with W the weights.

        It is fᵀMf with f a column of W M: in f and M the anchors stand apart from the others, for what the heaviest of
        them adds may be far less than its weight.
        """
        frame, weight = self.frame, self.weight
        inner = weight * frame.scaled - _product(self.information(frame.others), self.toward)
        anchored = frame.anchored[:, None] * self.toward
        turned, kept = _product(self.core, inner), _product(_last(frame.gram @ frame.inverse), anchored)
        others = weight * weight * (1.0 - 2.0 * self.leverage) + self.across(self.information(frame.others**2))
        return others + np.einsum("pkm,pkm->km", 2.0 * anchored - inner, turned) + (anchored * kept).sum(axis=0)


def _last(matrices: NDArray) -> NDArray:
    """Return matrices (m, p, p) with the problems on the last axis, in memory too, or products take long."""
    return np.ascontiguousarray(matrices.transpose(1, 2, 0))


def _product(matrices: NDArray, vectors: NDArray) -> NDArray:
    return np.einsum("pqm,qkm->pkm", matrices, vectors)


def _repeated(whole: DesignProjection, places: NDArray) -> DesignProjection:
    return whole.take(np.zeros(places.size, dtype=int))


def _moments_at(model: DesignProjection, tau2: NDArray) -> tuple[NDArray, ...]:
    return astuple(model.moments(tau2))


def _moments_without(whole: DesignProjection, places: NDArray) -> Pieces:
    """Return the moments at some tau2 (m,) without each trial (7, k, m), and where they are sound (k, m)."""
    frame = _repeated(whole, places).frame(places)
    every, parts = frame_moments(frame), _Deletion.of(frame)
    weight, rest, own = parts.weight, parts.rest, parts.own
    rest2, shift2 = parts.again(rest, parts.shift)
    rest3, _ = parts.again(rest2, shift2)
    square, cube, pull = parts.diagonal(weight), parts.cube(), rest / own
    turn = rest2 - pull * square
    terms = (
        [every.y_p_y, -pull * rest],
        [every.y_pp_y, -2.0 * pull * rest2, pull * pull * square],
        [every.y_ppp_y, -2.0 * pull * rest3, pull * pull * cube, -turn * turn / own],
        [every.trace_w, -weight],
        [every.trace_ww, -weight * weight],
        [every.trace_p, -square / own],
        [every.trace_pp, -2.0 * cube / own, (square / own) ** 2],
    )
    return _sums(terms, parts.other)


def _logs_without(whole: DesignProjection, places: NDArray) -> Pieces:
    """Return log|V| and log|XᵀWX| − log|XᵀX| at some tau2 (m,) without each trial (2, k, m), and where they hold."""
    many = _repeated(whole, places)
    parts, plain = _Deletion.of(many.frame(places)), _Deletion.of(whole.plain_frame())
    volume, precision = many.log_determinants(places)
    own = 2.0 * np.log(whole.unit) + np.log(whole.variance + places)
    logs = np.stack([volume - own, precision + np.log(parts.own) - np.log(plain.own)])
    return logs, parts.other & plain.other


def _coefficients(whole: DesignProjection, places: NDArray, design: Design) -> Pieces:
    """Return coefficients and covariances of all trials at some tau2 (m,), (p + p², 1, m)."""
    many = _repeated(whole, places)
    frame = many.frame(places)
    _, shift = frame.residual(frame.distance)
    coefficients, covariance = wald_coefficients(many, frame, shift, design)
    numbers = np.concatenate([coefficients, covariance.reshape(places.size, -1)], axis=1).T[:, None]
    return numbers, np.ones((1, places.size), dtype=bool)


def _ways(whole: DesignProjection, places: NDArray, design: Design) -> Pieces:
    """Return 1 − leverage, residual and way of each trial at some tau2 (m,), (2 + p, k, m), and where they are sound.

    Without a trial the coefficients are less by way × residual / (1 − leverage), their covariance is greater by way ×
    way / (1 − leverage).
    """
    many = _repeated(whole, places)
    parts = _Deletion.of(many.frame(places))
    scale = (many.unit / np.sqrt(parts.frame.anchored))[:, None]
    corner = design.raw[0][parts.frame.elimination.anchors.T]
    way = np.linalg.solve(corner, (parts.toward * scale).transpose(2, 0, 1)).transpose(1, 2, 0)
    return np.concatenate([parts.own[None], parts.rest[None], way]), parts.other
