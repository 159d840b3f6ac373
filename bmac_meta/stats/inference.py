"""The pooled effect of one or many meta-analyses: estimate, interval, prediction interval, heterogeneity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from bmac_meta.errors import InputError, check_word, told
from bmac_meta.stats.batch import Batch, as_batch, as_floats, as_level, map_chunks, unbatch
from bmac_meta.stats.likelihood import gaussian
from bmac_meta.stats.projection import MeanProjection
from bmac_meta.stats.reference import critical, two_sided, upper_chi2
from bmac_meta.stats.tau2 import TAU2_METHODS, solve

INTERVALS = ("knapp-hartung-floored", "knapp-hartung", "wald", "t")
MODELS = ("random", "common")
PREDICTIONS = ("same", "higgins")


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """Holds the pooled effect of one or many meta-analyses; fields are floats, or (B,) for a batch.

    `df` is infinite for normal-based intervals and for a single trial, which is returned as itself with
    `tau2`, `i2` and `h2` NaN. The prediction limits `pi_low`, `pi_high` are NaN below three trials and
    under a common effect. `q`, `q_df`, `q_p` are Cochran's test; `i2` (percent) and `h2` are based on tau2
    and the typical variance of Higgins and Thompson 2002, `i2_q` (percent) and `h2_q` on Q.
    `log_likelihood` is the restricted one for REML and the full one for every other method. `weights`, (k,)
    or (B, k), are shares that sum to 1, 0 where masked.
    """

    estimate: float | NDArray
    se: float | NDArray
    statistic: float | NDArray
    df: float | NDArray
    p_value: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray
    pi_low: float | NDArray
    pi_high: float | NDArray
    tau2: float | NDArray
    k: int | NDArray
    q: float | NDArray
    q_df: int | NDArray
    q_p: float | NDArray
    i2: float | NDArray
    h2: float | NDArray
    i2_q: float | NDArray
    h2_q: float | NDArray
    log_likelihood: float | NDArray
    weights: NDArray
    level: float
    method: str
    interval: str
    model: str
    prediction: str


def random_effects(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    model: str = "random",
    level: float = 0.95,
    mask: ArrayLike | None = None,
    prediction: str = "same",
) -> RandomEffects:
    """Pool the effects of one or many meta-analyses.

    `estimate` and `variance` are (k,) or (B, k) with an optional boolean `mask` (B, k). `tau2` names an
    estimator of `TAU2_METHODS` or is given, as a number or (B,). `interval` is one of `INTERVALS`:
    Knapp–Hartung with its factor floored at 1 (never narrower than `t`), plain Knapp–Hartung, `wald`
    (normal) or `t` (Wald's standard error, t with k − 1 degrees of freedom). `prediction="same"` uses the
    interval's own standard error and distribution, "higgins" t with k − 2. Raises `InputError` for unusable
    numbers and `UnknownWordError` for unknown words. Sources: 10.1002/sim.791, 10.1002/sim.1262
    (Knapp–Hartung), 10.1186/s12874-015-0091-1 (the floor), 10.1111/j.1467-985X.2008.00552.x (prediction),
    10.1002/sim.1186 (I², H²).

    The 13 trials of BCG vaccine in Viechtbauer 2010 (10.18637/jss.v036.i03), log risk ratios to four digits
    (there -0.7145, 0.1798):

    >>> y = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209,
    ...      0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
    >>> v = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230,
    ...      0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]
    >>> pooled = random_effects(y, variance=v, interval="wald")
    >>> round(pooled.estimate, 4), round(pooled.se, 4)
    (-0.7145, 0.1798)
    """
    method = _check_words(tau2, interval, model, prediction)
    batch, share = as_batch(estimate, variance, mask), as_level(level)
    given = None if method in TAU2_METHODS else given_tau2(tau2 if model == "random" else 0.0, batch)
    words = {"level": share, "method": method, "interval": interval, "model": model, "prediction": prediction}

    def part(rows: slice) -> dict[str, NDArray]:
        projection = MeanProjection.of(*batch.columns(rows))
        between = solve(projection, method)[0] if given is None else given[rows] / projection.unit**2
        fields = _pool(projection, between, words)
        return fields | {"weights": _weights(batch, rows, fields["tau2"])}

    fields = map_chunks(part, batch.count, batch.width)
    return RandomEffects(**unbatch(fields, batch.single), **words)


def common_effect(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    interval: str = "wald",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> RandomEffects:
    """Pool under a common effect: inverse-variance weights, tau2 0 by assumption, no prediction interval."""
    return random_effects(estimate, variance=variance, interval=interval, model="common", level=level, mask=mask)


def _check_words(tau2: object, interval: str, model: str, prediction: str) -> str:
    check_word("interval", interval, INTERVALS)
    check_word("model", model, MODELS)
    check_word("prediction interval", prediction, PREDICTIONS)
    if model == "common":
        return "common effect"
    return check_word("tau2 method", tau2, TAU2_METHODS) if isinstance(tau2, str) else "given"


def given_tau2(tau2: ArrayLike, batch: Batch) -> NDArray:
    """Return a given tau2 as (B,), or raise `InputError`."""
    values = as_floats("tau2", tau2)
    fits = values.shape in ((), (1,), (batch.count,)) and (np.isfinite(values) & (values >= 0.0)).all()
    if isinstance(tau2, bool | np.bool_) or not fits:
        raise InputError(
            f"tau2 is {told(tau2)}; give one finite number of at least 0, or one for each of the {batch.count} "
            f"meta-analyses, or one of {', '.join(TAU2_METHODS)}."
        )
    return np.broadcast_to(values, batch.count)


def _pool(model: MeanProjection, tau2: NDArray, words: Mapping[str, object]) -> dict[str, NDArray]:
    fit, degrees = model.fit(np.where(np.isnan(tau2), 0.0, tau2)), model.degrees
    scale, df = interval_scale(words["interval"], fit.y_p_y, degrees)
    estimate, se, between = fit.mean, np.sqrt(scale * fit.variance), tau2 * model.unit**2
    statistic, factor = ratio(estimate, se), critical(words["level"], df)
    half, wide = factor * se, _prediction_half(between, se, factor, model.trials, words)
    parts = fit.y_p_y, fit.log_volume, fit.log_precision
    return {
        "estimate": estimate,
        "se": se,
        "statistic": statistic,
        "df": df,
        "p_value": two_sided(statistic, df),
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "pi_low": estimate - wide,
        "pi_high": estimate + wide,
        "tau2": between,
        "k": model.trials.astype(int),
        "log_likelihood": gaussian(model.trials, degrees, *parts, words["method"] == "REML"),
        **homogeneity(fit.q, fit.trace_p, degrees, tau2),
    }


def _prediction_half(
    tau2: NDArray, se: NDArray, factor: NDArray, trials: NDArray, words: Mapping[str, object]
) -> NDArray:
    """Return half the prediction interval's width; `factor` is the confidence interval's critical value."""
    if words["model"] == "common":
        return np.full(se.shape, np.nan)
    if words["prediction"] == "higgins":
        factor = critical(words["level"], trials - 2.0)
    return np.where(trials >= 3.0, factor, np.nan) * prediction_scale(tau2, se)


def interval_scale(interval: str, quadratic: NDArray, degrees: NDArray) -> tuple[NDArray, NDArray]:
    """Return the factor on the Wald variance and the degrees of freedom that an interval asks for, both (n,).

    Where no residual degree of freedom is left the answer is Wald's: factor 1, infinite degrees of freedom.
    """
    left = degrees > 0
    df = np.where(left & (interval != "wald"), degrees, np.inf)
    if not interval.startswith("knapp-hartung"):
        return np.ones_like(df), df
    scale = np.where(left, quadratic / np.maximum(degrees, 1.0), 1.0)
    return (np.maximum(scale, 1.0) if interval == "knapp-hartung-floored" else scale), df


def ratio(estimate: NDArray, se: NDArray) -> NDArray:
    """Return estimate / se: infinite for a standard error of 0, and 0 when the estimate is 0 too."""
    limit = np.where(estimate == 0.0, 0.0, np.copysign(np.inf, estimate))
    return np.divide(estimate, se, out=limit, where=se > 0.0)


def homogeneity(q: NDArray, trace: NDArray, degrees: NDArray, tau2: NDArray) -> dict[str, NDArray]:
    """Return Q's test, I² (percent) and H² of both kinds, from Q, tr P at 0, k − p and tau2, each (n,)."""
    df = np.where(degrees > 0, degrees, np.nan)
    typical = df / trace
    return {
        "q": q,
        "q_df": degrees.astype(int),
        "q_p": upper_chi2(q, degrees),
        "i2": 100.0 * tau2 / (typical + tau2),
        "h2": 1.0 + tau2 / typical,
        "i2_q": 100.0 * np.maximum(q - df, 0.0) / np.maximum(q, np.finfo(float).tiny),
        "h2_q": q / df,
    }


def _weights(batch: Batch, rows: slice, tau2: NDArray) -> NDArray:
    total = batch.variance[rows] + np.where(np.isnan(tau2), 0.0, tau2)[:, None]
    present = True if batch.mask is None else batch.mask[rows]
    weights = np.divide(1.0, total, out=np.zeros_like(total), where=present)
    return weights / weights.sum(axis=1, keepdims=True)


def prediction_scale(tau2: NDArray, se: NDArray) -> NDArray:
    """Return the scale of the distribution of the effect in a new trial, sqrt(tau2 + se²)."""
    return np.hypot(np.sqrt(tau2), se)


def prediction_interval(result: RandomEffects, *, level: float | None = None) -> tuple[ArrayLike, ArrayLike]:
    """Return the limits for the effect in a new trial, at the result's own level or another.

    NaN below three trials and under a common effect, where there is no distribution of effects to predict
    from.
    """
    share = result.level if level is None else as_level(level)
    df = _prediction_df(result)
    half = critical(share, np.atleast_1d(df)).reshape(np.shape(df)) * prediction_scale(result.tau2, result.se)
    return result.estimate - half, result.estimate + half


def probability_beyond(result: RandomEffects, threshold: ArrayLike, *, side: str = "above") -> ArrayLike:
    """Return the share of the predictive distribution beyond a threshold, above or below it.

    The predictive distribution is that of the prediction interval: t with its degrees of freedom, centred
    at the estimate, with scale sqrt(tau2 + se²). NaN below three trials and under a common effect.
    """
    check_word("side", side, ("above", "below"))
    gap = (as_floats("threshold", threshold) - result.estimate) / prediction_scale(result.tau2, result.se)
    share = stdtr(_prediction_df(result), gap if side == "below" else -gap)
    return share.item() if np.ndim(share) == 0 else share


def _prediction_df(result: RandomEffects) -> NDArray:
    df = np.asarray(result.df, dtype=float)
    if result.prediction == "higgins":
        df = np.asarray(result.k, dtype=float) - 2.0
    return np.where((np.asarray(result.k) >= 3) & (result.model == "random"), df, np.nan)
