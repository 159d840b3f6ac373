"""Meta-regression of one or many meta-analyses: coefficients, tests, residual heterogeneity, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.copies import Sealed
from bmac_meta.errors import DesignError, check_word
from bmac_meta.stats.batch import Batch, as_batch, as_floats, as_level, map_chunks, unbatch
from bmac_meta.stats.design import DesignProjection, Frame
from bmac_meta.stats.inference import (
    INTERVALS,
    given_tau2,
    homogeneity,
    interval_scale,
    prediction_scale,
    ratio,
)
from bmac_meta.stats.projection import MeanProjection
from bmac_meta.stats.reference import critical, two_sided, upper_f
from bmac_meta.stats.regressors import Design, as_contrast, as_design
from bmac_meta.stats.tau2 import TAU2_METHODS, log_likelihood, solve


@dataclass(frozen=True, slots=True)
class MetaRegression:
    """Holds the meta-regression of one or many meta-analyses.

    `coefficients`, `se`, `statistic`, `p_values`, `ci_low`, `ci_high` are (p,) or (B, p), `covariance` (p,
    p) or (B, p, p), `hat` (k,) or (B, k); the others are floats or (B,). `q_residual` is Cochran's Q about
    the regression. The omnibus test is F with `omnibus_df2` degrees of freedom, or chi-squared over
    `omnibus_df` when that is infinite (Wald). `r2` (percent) is the share of tau2 that the covariates
    account for, by the same estimator without them; 0 when there is none to account for, NaN when tau2 was
    given. `i2` (percent) and `h2` are about what is left.
    """

    coefficients: NDArray
    se: NDArray
    covariance: NDArray
    statistic: NDArray
    df: float | NDArray
    p_values: NDArray
    ci_low: NDArray
    ci_high: NDArray
    tau2: float | NDArray
    tau2_without: float | NDArray
    r2: float | NDArray
    k: int | NDArray
    q_residual: float | NDArray
    q_df: int | NDArray
    q_p: float | NDArray
    i2: float | NDArray
    h2: float | NDArray
    omnibus: float | NDArray
    omnibus_df: int | NDArray
    omnibus_df2: float | NDArray
    omnibus_p: float | NDArray
    log_likelihood: float | NDArray
    hat: NDArray
    level: float
    method: str
    interval: str


@dataclass(frozen=True, slots=True)
class Prediction(Sealed):
    """Holds predicted mean effects for new covariate values, each (m,) or (B, m), with both kinds of limits.

    For one place, given as (p,), the last axis is left out.
    """

    estimate: NDArray
    se: NDArray
    ci_low: NDArray
    ci_high: NDArray
    pi_low: NDArray
    pi_high: NDArray
    level: float


def meta_regression(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    design: ArrayLike,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    level: float = 0.95,
    mask: ArrayLike | None = None,
    contrast: ArrayLike | None = None,
) -> MetaRegression:
    """Regress the effects of one or many meta-analyses on covariates.

    `estimate` and `variance` are (k,) or (B, k); `design` is (k, p) or (B, k, p) with its own column of
    ones. The omnibus test is of all coefficients but those of constant columns, or of the rows of
    `contrast` (m, p). `tau2`, `interval`, `level` and `mask` as for `random_effects`. Raises `DesignError`
    for collinear or saturated designs. Sources: 10.1002/sim.1482 (Knapp and Hartung 2003),
    10.1186/s12874-015-0091-1 (the floor).
    """
    check_word("interval", interval, INTERVALS)
    method = check_word("tau2 method", tau2, TAU2_METHODS) if isinstance(tau2, str) else "given"
    batch, share = as_batch(estimate, variance, mask), as_level(level)
    regressors = as_design(design, batch)
    tested = as_contrast(contrast, regressors)
    given = None if method != "given" else given_tau2(tau2, batch)

    def part(rows: slice) -> dict[str, NDArray]:
        model = regressors.project(batch, rows)
        between = solve(model, method)[0] if given is None else given[rows] / model.unit**2
        fields = _fit(model, between, regressors.rows(rows), interval, share, tested)
        fields["log_likelihood"] = log_likelihood(model, between, restricted=method == "REML")
        return fields | _without(batch, rows, method, fields["tau2"])

    fields = map_chunks(part, batch.count, batch.width * (regressors.size + 4))
    return MetaRegression(**unbatch(fields, batch.single), level=share, method=method, interval=interval)


def _fit(
    model: DesignProjection, tau2: NDArray, design: Design, interval: str, level: float, tested: NDArray
) -> dict[str, NDArray]:
    frame = model.frame(tau2)
    rest, shift = frame.residual(frame.distance)
    quadratic = (rest * rest).sum(axis=0) + (shift * shift).sum(axis=0)
    scale, df = interval_scale(interval, quadratic, model.degrees)
    coefficients, wald = wald_coefficients(model, frame, shift, design)
    covariance = wald * scale[:, None, None]
    se = np.sqrt(np.einsum("bpp->bp", covariance))
    statistic, half = ratio(coefficients, se), critical(level, df)[:, None] * se
    return {
        "coefficients": coefficients,
        "se": se,
        "covariance": covariance,
        "statistic": statistic,
        "df": df,
        "p_values": two_sided(statistic, df[:, None]),
        "ci_low": coefficients - half,
        "ci_high": coefficients + half,
        "tau2": tau2 * model.unit**2,
        "k": model.trials.astype(int),
        "hat": _hat(frame),
        **_residual(model, tau2),
        **_omnibus(coefficients, wald, scale, df, tested),
    }


def wald_coefficients(model: DesignProjection, frame: Frame, shift: NDArray, design: Design) -> tuple[NDArray, NDArray]:
    """Return coefficients (b, p) and their covariances (b, p, p) by Wald, from the `shift` (p, b) of a frame."""
    rows = frame.elimination.anchors.T
    raw = np.broadcast_to(design.raw, (len(rows), *design.raw.shape[1:]))
    anchors = np.take_along_axis(raw, rows[:, :, None], axis=1)
    roots = np.sqrt(frame.anchored)
    means = (model.unit * (frame.start + shift / roots)).T
    coefficients = np.linalg.solve(anchors, means[:, :, None])[:, :, 0]
    coefficients = coefficients + np.asarray(model.origin)[:, None] * _of_one(design, anchors)
    scaled = (model.unit / roots).T
    middle = scaled[:, :, None] * frame.inverse * scaled[:, None, :]
    half = np.linalg.solve(anchors, middle)
    return coefficients, np.linalg.solve(anchors, half.transpose(0, 2, 1))


def _of_one(design: Design, anchors: NDArray) -> NDArray:
    """Return the coefficients (b, p) of a constant 1, so that an offset of the effects costs the others no digits."""
    known = np.broadcast_to(design.of_one(), anchors.shape[:2])
    if np.isfinite(known).all():
        return known
    return np.where(np.isfinite(known), known, np.linalg.solve(anchors, np.ones((*anchors.shape[:2], 1)))[:, :, 0])


def _hat(frame: Frame) -> NDArray:
    leverage = frame.leverage()[1].T.copy()
    np.put_along_axis(leverage, frame.elimination.anchors.T, np.einsum("bpp->bp", frame.inverse), axis=1)
    return leverage


def _residual(model: DesignProjection, tau2: NDArray) -> dict[str, NDArray]:
    moments = model.moments(np.zeros(tau2.shape))
    measures = homogeneity(moments.y_p_y, moments.trace_p, model.degrees, tau2)
    return {
        "q_residual": measures["q"],
        **{name: measures[name] for name in ("q_df", "q_p", "i2", "h2")},
    }


def _omnibus(coefficients: NDArray, wald: NDArray, scale: NDArray, df: NDArray, tested: NDArray) -> dict[str, NDArray]:
    effect = np.einsum("mp,bp->bm", tested, coefficients)
    covariance = tested @ wald @ tested.T
    solved = np.linalg.solve(covariance, effect[:, :, None])[:, :, 0]
    size = np.full(df.shape, tested.shape[0])
    statistic = ratio(np.einsum("bm,bm->b", effect, solved) / size, scale)
    return {
        "omnibus": statistic,
        "omnibus_df": size,
        "omnibus_df2": df,
        "omnibus_p": upper_f(statistic, size, df),
    }


def _without(batch: Batch, rows: slice, method: str, tau2: NDArray) -> dict[str, NDArray]:
    if method == "given":
        unknown = np.full(tau2.shape, np.nan)
        return {"tau2_without": unknown, "r2": unknown}
    model = MeanProjection.of(*batch.columns(rows))
    without = solve(model, method)[0] * model.unit**2
    gain = np.divide(without - tau2, without, out=np.zeros_like(tau2), where=without > 0.0)
    return {"tau2_without": without, "r2": 100.0 * np.maximum(gain, 0.0)}


def predict(fit: MetaRegression, new_design: ArrayLike, *, level: float | None = None) -> Prediction:
    """Predict the mean effect, and the effect in a new trial, at new covariate values.

    `new_design` is (m, p), or (p,) for one place, with the columns of the fit (the column of ones
    included). The prediction limits use the fit's standard error and distribution. Raises `DesignError` for
    another number of columns.
    """
    places, share = as_floats("new_design", new_design), fit.level if level is None else as_level(level)
    width = fit.coefficients.shape[-1]
    if places.ndim not in (1, 2) or places.shape[-1] != width or not np.isfinite(places).all():
        raise DesignError(
            f"new_design has shape {places.shape}; the fit has {width} coefficients, so give finite "
            f"numbers in shape (m, {width}), with a 1 for the intercept in each row."
        )
    rows = np.atleast_2d(places)
    estimate = np.einsum("mp,...p->...m", rows, fit.coefficients)
    se = np.sqrt(np.maximum(np.einsum("mp,...pq,mq->...m", rows, fit.covariance, rows), 0.0))
    wide = prediction_scale(np.asarray(fit.tau2)[..., None], se)
    half = critical(share, np.atleast_1d(fit.df)).reshape(np.shape(fit.df))[..., None]
    limits = (estimate - half * se, estimate + half * se, estimate - half * wide, estimate + half * wide)
    fields = (estimate, se, *limits)
    return Prediction(*(field[..., 0][()] if places.ndim == 1 else field for field in fields), level=share)
