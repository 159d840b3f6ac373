"""What each trial does to a pooled effect: residuals, leverage, deletion diagnostics, and points to plot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import NotEnoughTrials, check_word
from bmac_meta.stats.batch import Batch, as_batch, unbatch
from bmac_meta.stats.columns import BoolArray
from bmac_meta.stats.inference import MODELS, random_effects
from bmac_meta.stats.left_out import without_each
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.regressors import Design, as_design
from bmac_meta.stats.tau2 import solve

CHUNK_CELLS = 1 << 21
# From so many trials on, in a regression and for a mean, fits without one of them come from those of all.
MANY, MANY_FOR_A_MEAN = 80, 300


@dataclass(frozen=True, slots=True)
class Influence:
    """Holds deletion diagnostics, one number per trial: (k,) or (B, k), but for `dfbetas`.

    `residual` is the effect less what the other trials predict, `residual_se` its standard error and
    `rstudent` their ratio, the externally studentized residual. `dffits` and `cook` are the shift of the
    fitted effect and of all coefficients, `dfbetas` (k, p) or (B, k, p) those of each coefficient (p = 1 for a mean) in
    its standard errors with τ² without the trial, `covariance_ratio` compares the determinants of their covariance
    without and with the trial, `hat` is the leverage. `tau2_deleted` and `q_deleted` are τ² and Cochran's Q
    without the trial. Masked trials are NaN; so is all but `hat` for a trial without which the regression
    can't be fitted.
    """

    residual: NDArray
    residual_se: NDArray
    rstudent: NDArray
    dffits: NDArray
    cook: NDArray
    dfbetas: NDArray
    covariance_ratio: NDArray
    hat: NDArray
    tau2_deleted: NDArray
    q_deleted: NDArray


@dataclass(frozen=True, slots=True)
class Baujat:
    """Holds the two coordinates of a Baujat plot, (k,) or (B, k), NaN for masked trials.

    `heterogeneity` is the trial's part of Q; `influence` the squared shift of the pooled effect when it is
    left out, over the variance of the pool without it.
    """

    heterogeneity: NDArray
    influence: NDArray


@dataclass(frozen=True, slots=True)
class Radial:
    """Holds a radial (Galbraith) plot: the line through 0 with slope `estimate` is the pooled effect.

    `precision` is 1/se and `standardized` effect/se, (k,) or (B, k), with se² = variance + `tau2`; `distance`
    is how far a point lies above the line, in standard errors. NaN for masked trials.
    """

    precision: NDArray
    standardized: NDArray
    distance: NDArray
    estimate: float | NDArray
    tau2: float | NDArray


def influence(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike | None = None,
    tau2: str | float = "REML",
    mask: ArrayLike | None = None,
) -> Influence:
    """Measure what leaving out each trial does to a pooled effect or, with `design`, to a meta-regression.

    Shapes (k,) or (B, k) with `mask`; `design` is (k, p) with its column of ones. τ² is estimated anew
    without each trial by the method `tau2` (0 for a common effect); variances are Wald's. Raises
    `NotEnoughTrials` with fewer than p + 2 trials. Source: Viechtbauer & Cheung 2010, 10.1002/jrsm.11.

    >>> influence([1.0, 2.0, 6.0], variance=[1.0, 1.0, 1.0], tau2=0.0).residual.tolist()
    [-3.0, -1.5, 4.5]
    """
    batch = as_batch(estimate, variance, mask)
    trials = _Trials.of(batch, None if design is None else as_design(design, batch))
    hat, whole, deleted = trials.fits(tau2)
    fields = trials.spread_out(_diagnostics(trials, hat, whole, deleted)) | {"hat": hat}
    return Influence(**unbatch(fields, batch.single))


def baujat(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    model: str = "common",
    tau2: str = "REML",
    mask: ArrayLike | None = None,
) -> Baujat:
    """Return for each trial its part of the heterogeneity and its influence on the pool.

    With `model="common"`, as published, weights are inverse variances; with "random" they contain τ² (by the
    method `tau2`, of all trials for the heterogeneity and without the trial for its influence). Raises
    `NotEnoughTrials` with fewer than 3 trials. Source: Baujat et al. 2002, 10.1002/sim.1221.
    """
    batch = as_batch(estimate, variance, mask)
    trials = _Trials.of(batch, None)
    _, whole, deleted = trials.fits(tau2 if check_word("model", model, MODELS) == "random" else 0.0)
    rest = trials.y[trials.row, trials.trial] - whole.coefficients[:, 0]
    shift = whole.coefficients[:, 0] - deleted.coefficients[:, 0]
    fields = {
        "heterogeneity": rest**2 / (trials.v[trials.row, trials.trial] + whole.tau2),
        "influence": shift**2 / deleted.covariance[:, 0, 0],
    }
    return Baujat(**unbatch(trials.spread_out(fields), batch.single))


def radial(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    model: str = "random",
    tau2: str = "REML",
    mask: ArrayLike | None = None,
) -> Radial:
    """Return the points of a radial (Galbraith) plot and the slope of the line that pools them.

    Shapes (k,) or (B, k) with `mask`. Source: Galbraith 1988, 10.1002/sim.4780070807.
    """
    batch = as_batch(estimate, variance, mask)
    pool = random_effects(estimate, variance=variance, model=model, tau2=tau2, interval="wald", mask=mask)
    between = np.nan_to_num(np.reshape(pool.tau2, (-1, 1)), nan=0.0)
    present = np.ones(batch.estimate.shape, dtype=bool) if batch.mask is None else batch.mask
    precision = 1.0 / np.sqrt(np.where(present, batch.variance, np.nan) + between)
    fields = {
        "precision": precision,
        "standardized": np.where(present, batch.estimate, np.nan) * precision,
        "distance": (np.where(present, batch.estimate, np.nan) - np.reshape(pool.estimate, (-1, 1))) * precision,
    }
    return Radial(**unbatch(fields, batch.single), estimate=pool.estimate, tau2=pool.tau2)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Holds what the diagnostics need of m fits.

    `variances` (m, p) are those of the coefficients of all trials, with the τ² of the fit.
    """

    coefficients: NDArray
    covariance: NDArray
    tau2: NDArray
    q: NDArray
    variances: NDArray

    def take(self, index: NDArray) -> _Fit:
        return _Fit(*(getattr(self, name)[index] for name in _Fit.__slots__))

    def with_those(self, chosen: BoolArray, others: _Fit) -> _Fit:
        """Put other fits in the place of those chosen (m,)."""
        whole = self.take(np.arange(chosen.size))
        for name in _Fit.__slots__:
            getattr(whole, name)[chosen] = getattr(others, name)
        return whole

    @classmethod
    def join(cls, parts: list[_Fit]) -> _Fit:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class _Trials:
    """Holds centred effects and variances (B, k), harmless where not `present`, and their designs.

    `columns` is (1 or B, k, p), or None for a mean; `row` and `trial` (m,) are the places of the trials that
    can be left out.
    """

    y: NDArray
    v: NDArray
    present: BoolArray
    columns: NDArray | None
    row: NDArray
    trial: NDArray

    @classmethod
    def of(cls, batch: Batch, design: Design | None) -> _Trials:
        """Centre the effects on the most precise trial where that changes only the intercept."""
        present = np.ones(batch.estimate.shape, dtype=bool) if batch.mask is None else batch.mask
        _require_rest(present, 1 if design is None else design.size)
        v = np.where(present, batch.variance, np.inf)
        centre = np.take_along_axis(batch.estimate, v.argmin(axis=1)[:, None], axis=1)
        y = batch.estimate - (centre if design is None or design.constant else 0.0)
        removable = present if design is None else present & (_leverage(design.raw, present) < 1.0 - 1e-9)
        columns = None if design is None else design.raw
        return cls(np.where(present, y, 0.0), np.where(present, v, 1.0), present, columns, *np.nonzero(removable))

    def fits(self, tau2: str | float) -> tuple[NDArray, _Fit, _Fit]:
        """Return leverages (B, k), and for each trial that can be left out the fits with and without it."""
        whole, hat = self._fit(np.arange(len(self.y)), self.present, tau2)
        many = self.present.sum(axis=1) >= (MANY_FOR_A_MEAN if self.columns is None else MANY)
        groups = [np.flatnonzero(self.row == row) for row in np.flatnonzero(many)]
        parts = [self._update(places, tau2) for places in groups if places.size]
        few = np.flatnonzero(~many[self.row])
        step = max(1, CHUNK_CELLS // self.y.shape[1])
        chunks = [few[start : start + step] for start in range(0, few.size, step)]
        parts += [self._refit(places, tau2) for places in chunks]
        order = np.concatenate([*(places for places in groups if places.size), *chunks]).argsort()
        return np.where(self.present, hat, np.nan), whole.take(self.row), _Fit.join(parts).take(order)

    def _refit(self, places: NDArray, tau2: str | float | NDArray) -> _Fit:
        """Return the fits without trials, the places (m,) of `row` and `trial`, each from the trials that are left."""
        row, mask = self.row[places], self.present[self.row[places]]
        mask[np.arange(row.size), self.trial[places]] = False
        rest, _ = self._fit(row, mask, tau2)
        return replace(rest, variances=self._fit(row, self.present[row], rest.tau2)[0].variances)

    def _update(self, places: NDArray, tau2: str | float) -> _Fit:
        """Return the same for trials of one meta-analysis, from the fits of all its trials."""
        row, here = self.row[places[0]], np.flatnonzero(self.present[self.row[places[0]]])
        columns = np.ones((here.size, 1)) if self.columns is None else self.columns[row % len(self.columns), here]
        left = np.searchsorted(here, self.trial[places])
        model, design = without_each(self.y[row, here], self.v[row, here], columns, left)
        between = solve(model, tau2)[0] if isinstance(tau2, str) else tau2 / model.unit**2
        coefficients, covariance, variances, sound = model.coefficients(between, design)
        q = model.quadratic(np.zeros(places.size))[0]
        fit = _Fit(coefficients, covariance, between * model.unit**2, q, variances)
        return fit if sound.all() else fit.with_those(~sound, self._refit(places[~sound], fit.tau2[~sound]))

    def _fit(self, row: NDArray, mask: BoolArray, tau2: str | float | NDArray) -> tuple[_Fit, NDArray]:
        """Return fits of meta-analyses, and their leverages."""
        y, v = self.y[row], self.v[row]
        if self.columns is None:
            pool = random_effects(y, variance=v, tau2=tau2, interval="wald", mask=mask)
            variances = pool.se[:, None] ** 2
            return _Fit(pool.estimate[:, None], variances[:, :, None], pool.tau2, pool.q, variances), pool.weights
        columns = self.columns if len(self.columns) == 1 else self.columns[row]
        fit = meta_regression(y, variance=v, design=columns, tau2=tau2, interval="wald", mask=mask)
        parts = fit.coefficients, fit.covariance, fit.tau2, fit.q_residual, np.einsum("mpp->mp", fit.covariance)
        return _Fit(*parts), fit.hat

    def covariates(self) -> NDArray:
        """Return the row of the design of each trial that can be left out, (m, p)."""
        if self.columns is None:
            return np.ones((self.row.size, 1))
        return self.columns[self.row if len(self.columns) > 1 else 0, self.trial]

    def spread_out(self, fields: dict[str, NDArray]) -> dict[str, NDArray]:
        """Return fields (m, …) as (B, k, …), NaN for trials that can't be left out."""
        whole = {name: np.full((*self.present.shape, *values.shape[1:]), np.nan) for name, values in fields.items()}
        for name, values in fields.items():
            whole[name][self.row, self.trial] = values
        return whole


def _require_rest(present: BoolArray, size: int) -> None:
    fewest = int(present.sum(axis=1).min())
    if fewest < size + 2:
        raise NotEnoughTrials(
            f"the influence of trials can't be assessed with {fewest} trial{'s' * (fewest != 1)}; needs "
            f"{size + 2}, so that τ² can be estimated without one. Look at the trials themselves."
        )


def _leverage(raw: NDArray, present: BoolArray) -> NDArray:
    """Return leverages in ordinary least squares (B, k); 1 marks a trial that the design can't do without."""
    here = np.where(present[:, :, None], raw, 0.0)
    basis, _ = np.linalg.qr(here / np.sqrt((here**2).sum(axis=1, keepdims=True)))
    return (basis**2).sum(axis=2)


def _diagnostics(trials: _Trials, hat: NDArray, whole: _Fit, deleted: _Fit) -> dict[str, NDArray]:
    x, v, leverage = trials.covariates(), *(part[trials.row, trials.trial] for part in (trials.v, hat))
    shift = whole.coefficients - deleted.coefficients
    residual = trials.y[trials.row, trials.trial] - (x * deleted.coefficients).sum(axis=1)
    spread = v + deleted.tau2
    residual_se = np.sqrt(spread + np.einsum("mp,mpq,mq->m", x, deleted.covariance, x))
    solved = np.linalg.solve(whole.covariance, shift[:, :, None])[:, :, 0]
    return {
        "residual": residual,
        "residual_se": residual_se,
        "rstudent": residual / residual_se,
        "dffits": (x * shift).sum(axis=1) / np.sqrt(leverage * spread),
        "cook": (shift * solved).sum(axis=1),
        "dfbetas": shift / np.sqrt(deleted.variances),
        "covariance_ratio": np.linalg.det(np.linalg.solve(whole.covariance, deleted.covariance)),
        "tau2_deleted": deleted.tau2,
        "q_deleted": deleted.q,
    }
