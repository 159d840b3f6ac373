"""The step selection model: effects pooled as if less significant trials were published less often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused, check_word
from bmac_meta.stats.batch import as_floats, as_level, unbatch
from bmac_meta.stats.funnel import read_funnel
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.reference import critical, two_sided
from bmac_meta.stats.step_likelihood import StepLikelihood, maximize_steps

FAVORED = ("positive", "negative")


@dataclass(frozen=True, slots=True)
class StepSelection:
    """Holds the maximum likelihood fit of a step selection model; fields are floats, or (B,) for a batch.

    `weights` and `weights_se`, (J,) or (B, J), are the chances of publication relative to the most
    significant interval, `counts` the trials in each of the J intervals that `steps` make of the one-sided
    p-value. `tau2_se` is NaN where τ² is 0, `weights_se` is NaN for weights that aren't estimated. The
    unadjusted numbers are those of the same likelihood without selection; `lr_statistic`, `lr_df` and
    `lr_p_value` compare the two, NaN with prespecified weights, which are no parameters.
    """

    estimate: float | NDArray
    se: float | NDArray
    statistic: float | NDArray
    p_value: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray
    tau2: float | NDArray
    tau2_se: float | NDArray
    weights: NDArray
    weights_se: NDArray
    counts: NDArray
    k: int | NDArray
    log_likelihood: float | NDArray
    unadjusted_estimate: float | NDArray
    unadjusted_tau2: float | NDArray
    unadjusted_log_likelihood: float | NDArray
    lr_statistic: float | NDArray
    lr_df: int | NDArray
    lr_p_value: float | NDArray
    steps: tuple[float, ...]
    favored: str
    level: float


def step_selection(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    favored: str,
    steps: Sequence[float] = (0.025,),
    weights: Sequence[float] | None = None,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> StepSelection:
    """Pool effects allowing for publication that depends on the one-sided p-value in steps.

    `favored` ("positive" or "negative") is the direction of effect that p is one-sided for and that selection
    prefers. One step at .025 is the three-parameter model: mean, τ² and the relative chance of publication of
    trials that aren't significant in that direction. `weights` prescribes the J = len(steps) + 1 chances (the
    first is 1) instead of estimating them. Maximum likelihood from many starts with exact derivatives; Wald
    interval.

    Raises `NotEnoughTrials` below `minimum_trials` or with no trial in one of the intervals, and
    `PoolingRefused` where the likelihood has no maximum. Sources: Vevea & Hedges 1995, 10.1007/BF02294384;
    with prescribed weights Vevea & Woods 2005, 10.1037/1082-989X.10.4.428.
    """
    check_word("favored direction", favored, FAVORED)
    inner, share = _read_steps(steps), as_level(level)
    given = None if weights is None else _read_weights(weights, inner.size + 1)
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "selection by significance")
    sign = 1.0 if favored == "positive" else -1.0
    rows = [_fit(sign * y, v, inner, given, sign, share) for y, v in funnel.rows()]
    fields = unbatch({name: np.array([row[name] for row in rows]) for name in rows[0]}, funnel.single)
    return StepSelection(**fields, steps=tuple(inner.tolist()), favored=favored, level=share)


def _read_steps(steps: Sequence[float]) -> NDArray:
    inner = as_floats("steps", steps)
    inner = inner[inner != 1.0] if inner.ndim == 1 else np.empty(0)
    if not inner.size or not ((inner > 0.0) & (inner < 1.0)).all() or not (np.diff(inner) > 0.0).all():
        raise InputError(f"steps are {steps!r}; give ascending one-sided p-values between 0 and 1, such as (0.025,).")
    return inner


def _read_weights(weights: Sequence[float], count: int) -> NDArray:
    chances = as_floats("weights", weights)
    if chances.shape != (count,) or not ((chances > 0.0) & np.isfinite(chances)).all():
        raise InputError(f"weights are {weights!r}; give {count} finite numbers above 0, one for each interval.")
    return chances / chances[0]


def _fit(y: NDArray, v: NDArray, steps: NDArray, given: NDArray | None, sign: float, level: float) -> dict[str, object]:
    """Fit one meta-analysis in units of its typical standard error, selection favouring positive effects."""
    unit = float(np.sqrt(np.median(v)))
    model = StepLikelihood.of(y / unit, v / unit**2, steps)
    plain = random_effects(model.effect, variance=model.variance, tau2="ML", interval="wald")
    logs = np.zeros(steps.size + 1) if given is None else np.log(given)
    if given is None:
        _require_every_interval(model.counts, steps)
    free = np.array([True, True, False, *[given is None] * steps.size])
    place = maximize_steps(model, max(plain.tau2, float(np.var(model.effect))), logs, free)
    errors = _standard_errors(model, place, free)
    constant = y.size * np.log(unit)
    own = {
        "tau2": place[1] * unit**2,
        "tau2_se": errors[1] * unit**2,
        "weights": np.exp(place[2:]),
        "weights_se": np.exp(place[2:]) * errors[2:],
        "counts": model.counts,
        "k": y.size,
        "log_likelihood": float(model.value(place)) - constant,
        "unadjusted_estimate": sign * plain.estimate * unit,
        "unadjusted_tau2": plain.tau2 * unit**2,
        "unadjusted_log_likelihood": plain.log_likelihood - constant,
    }
    return own | _mean_fields(sign * place[0] * unit, errors[0] * unit, level) | _ratio_test(own, free)


def _mean_fields(estimate: float, se: float, level: float) -> dict[str, object]:
    normal = np.array([np.inf])
    half, statistic = float(critical(level, normal)[0]) * se, estimate / se
    return {
        "estimate": estimate,
        "se": se,
        "statistic": statistic,
        "p_value": float(two_sided(np.array([statistic]), normal)[0]),
        "ci_low": estimate - half,
        "ci_high": estimate + half,
    }


def _ratio_test(own: dict[str, object], free: NDArray) -> dict[str, object]:
    df = int(free[2:].sum())
    statistic = max(2.0 * (own["log_likelihood"] - own["unadjusted_log_likelihood"]), 0.0) if df else np.nan
    return {"lr_statistic": statistic, "lr_df": df, "lr_p_value": chdtrc(df, statistic) if df else np.nan}


def _require_every_interval(counts: NDArray, steps: NDArray) -> None:
    if counts.all():
        return
    edges = [0.0, *steps.tolist(), 1.0]
    held = [f"{n} with p from {a:g} to {b:g}" for n, a, b in zip(counts, edges, edges[1:], strict=False)]
    raise NotEnoughTrials(
        "selection by significance can't be assessed without a trial in every interval of the one-sided p; "
        f"there are {', '.join(held)}. Choose other steps, or prescribe the weights."
    )


def _standard_errors(model: StepLikelihood, place: NDArray, free: NDArray) -> NDArray:
    """Return standard errors from the observed information, NaN for what is fixed or on its bound."""
    gradient, hessian = model.derivatives(place)
    moving = free & ~((np.arange(place.size) == 1) & (place[1] == 0.0))
    information = -hessian[np.ix_(moving, moving)]
    size = np.abs(np.diag(information))
    known = bool(np.isfinite(information).all() and (size > 0.0).all())
    scale = 1.0 / np.sqrt(np.where(known, size, 1.0))
    curvature = np.linalg.eigvalsh(information * scale[:, None] * scale) if known else np.zeros(1)
    if curvature.min() < 1e-9 or np.abs(gradient[moving] * scale).max() > 1e-5:
        raise PoolingRefused(
            "the likelihood of selection by significance has no maximum at finite values: ever stronger "
            "selection explains the effects ever better. Prescribe the weights, or look at the worst case."
        )
    errors = np.full(place.size, np.nan)
    errors[moving] = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors
