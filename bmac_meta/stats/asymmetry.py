"""Small-study effects: regression tests of funnel asymmetry, and the effect they extrapolate to.

The rank test and trim and fill have modules of their own and can be had from here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.arguments import one_share
from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_level, unbatch
from bmac_meta.stats.columns import COUNT, NUMBER, SIZE, BoolArray, blank, read_columns, refuse_where
from bmac_meta.stats.funnel import Funnel, read_funnel, require_trials, require_variation, weighted_line
from bmac_meta.stats.rank_test import RankTest, begg_test
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.trim_and_fill import TrimAndFill, trim_and_fill

SQUARES = {"standard error": "variance", "as given": "square of the given"}


@dataclass(frozen=True, slots=True)
class FunnelRegression:
    """Holds a straight line through a funnel plot: effect against a predictor that falls with trial size.

    `slope` is the asymmetry, tested by `statistic`, `df` and `p_value`; `limit` is the effect where the
    predictor is 0, as in an infinitely large trial, with its interval and its own test. `df` is infinite
    where the reference is normal. Where all points lie on the line the statistics are infinite, or 0 for a
    line that is flat at 0.
    """

    method: str
    predictor: str
    slope: float | NDArray
    slope_se: float | NDArray
    statistic: float | NDArray
    df: float | NDArray
    p_value: float | NDArray
    limit: float | NDArray
    limit_se: float | NDArray
    limit_p_value: float | NDArray
    limit_ci_low: float | NDArray
    limit_ci_high: float | NDArray
    k: int | NDArray


@dataclass(frozen=True, slots=True)
class PetPeese:
    """Holds two extrapolations to an infinitely large trial, and which of them counts.

    `chosen` is "PEESE" where the PET limit differs from 0 with p below `alpha`, else "PET"; `estimate` with
    its standard error, interval and p is the limit of the chosen one.
    """

    pet: FunnelRegression
    peese: FunnelRegression
    alpha: float
    chosen: str | NDArray
    estimate: float | NDArray
    se: float | NDArray
    p_value: float | NDArray
    ci_low: float | NDArray
    ci_high: float | NDArray


def egger_test(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    predictor: ArrayLike | None = None,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> FunnelRegression:
    """Test whether effects depend on their standard errors, by weighted least squares.

    The residual variance is free. `predictor` replaces the standard error, shaped like `estimate`:
    standardized mean differences, whose standard errors contain the effect itself, need `size_standard_error`
    there. Shapes (k,) or (B, k) with `mask`. Raises `NotEnoughTrials` below `minimum_trials`, `DesignError`
    where the predictor doesn't vary. Sources: Egger et al. 1997, 10.1136/bmj.315.7109.629; Pustejovsky &
    Rodgers 2019, 10.1002/jrsm.1332.

    >>> result = egger_test([0.1, 0.2, 0.3, 0.5], variance=[0.01, 0.04, 0.09, 0.16], minimum_trials=4)
    >>> result.df, result.slope > 0
    (2.0, True)
    """
    funnel = read_funnel(estimate, variance, mask, minimum_trials)
    x, name = _predictor(funnel, predictor, mask)
    line = weighted_line(funnel.y, x, 1.0 / funnel.v, funnel.present, as_level(level))
    return FunnelRegression("Egger", name, **unbatch(line, funnel.single))


def egger_mixed_effects(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    predictor: ArrayLike | None = None,
    tau2: str = "REML",
    interval: str = "knapp-hartung-floored",
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> FunnelRegression:
    """Test whether effects depend on their standard errors, by meta-regression with variance between trials.

    As `egger_test`, but the scatter beyond chance is added (τ², by the method `tau2`) instead of multiplied.
    `interval` chooses the inference as in `meta_regression`.
    Source: Sterne & Egger 2005, in Publication Bias in Meta-Analysis, 10.1002/0470870168.ch6.
    """
    funnel = read_funnel(estimate, variance, mask, minimum_trials)
    x, name = _predictor(funnel, predictor, mask)
    require_variation(x, funnel.present)
    design = np.stack([np.ones_like(x), x], axis=2)
    fit = meta_regression(
        funnel.y,
        variance=funnel.v,
        design=design,
        tau2=tau2,
        interval=interval,
        level=level,
        mask=funnel.present,
    )
    line = {
        "slope": fit.coefficients[:, 1],
        "slope_se": fit.se[:, 1],
        "statistic": fit.statistic[:, 1],
        "df": fit.df,
        "p_value": fit.p_values[:, 1],
        "limit": fit.coefficients[:, 0],
        "limit_se": fit.se[:, 0],
        "limit_p_value": fit.p_values[:, 0],
        "limit_ci_low": fit.ci_low[:, 0],
        "limit_ci_high": fit.ci_high[:, 0],
        "k": funnel.trials,
    }
    return FunnelRegression("Egger, mixed effects", name, **unbatch(line, funnel.single))


def size_standard_error(n_a: ArrayLike, n_b: ArrayLike, mask: ArrayLike | None = None) -> float | NDArray:
    """Return sqrt(1/n_a + 1/n_b), what a standardized mean difference's standard error owes to trial size.

    Raises `InputError` for sizes that aren't above 0. Source: Pustejovsky & Rodgers 2019, 10.1002/jrsm.1332.

    >>> float(size_standard_error(50, 50))
    0.2
    """
    first, second, present = read_columns({"n_a": (n_a, SIZE), "n_b": (n_b, SIZE)}, mask)
    return blank(np.sqrt(1.0 / first + 1.0 / second), present)


def harbord_test(
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    *,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> FunnelRegression:
    """Test funnel asymmetry of 2×2 tables by their efficient scores, arm a against arm b.

    The score over its variance, Z/V, is regressed on 1/√V with weights V, which is the regression of Z/√V on
    √V. Tables in which nobody or everybody has the event carry no information and drop out of `k`. `limit` is
    a log odds ratio. Shapes (k,) or (B, k) with `mask`. Source: Harbord, Egger & Sterne 2006,
    10.1002/sim.2380.
    """
    tables = _read_tables(events_a, total_a, events_b, total_b, mask, minimum_trials)
    score = tables.a - tables.n_a * ((tables.a + tables.b) / tables.total)
    information = tables.n_a * tables.n_b * tables.weight / (tables.total * (tables.total - 1.0))
    x = 1.0 / np.sqrt(information)
    line = weighted_line(score / information, x, information, tables.informative, as_level(level))
    return FunnelRegression("Harbord", "1/√V of the score", **unbatch(line, tables.single))


def peters_test(
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    *,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> FunnelRegression:
    """Test funnel asymmetry of 2×2 tables by regressing log odds ratios on reciprocal trial sizes.

    Weights are events × non-events / total. In tables with an empty cell the odds ratio has 0.5 added to each
    cell; tables in which nobody or everybody has the event have no weight and drop out of `k`. Shapes (k,) or
    (B, k) with `mask`. Source: Peters et al. 2006, 10.1001/jama.295.6.676.
    """
    tables = _read_tables(events_a, total_a, events_b, total_b, mask, minimum_trials)
    cells = np.stack([tables.a, tables.n_a - tables.a, tables.b, tables.n_b - tables.b])
    cells = cells + 0.5 * (cells == 0.0).any(axis=0)
    log_odds_ratio = np.log(cells[0] / cells[1]) - np.log(cells[2] / cells[3])
    x = 1.0 / tables.total
    line = weighted_line(log_odds_ratio, x, tables.weight, tables.informative, as_level(level))
    return FunnelRegression("Peters", "1/total", **unbatch(line, tables.single))


def pet_peese(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    predictor: ArrayLike | None = None,
    alpha: float = 0.10,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> PetPeese:
    """Extrapolate the effect to an infinitely large trial, by standard errors (PET) or by variances (PEESE).

    Both are weighted least squares with a free residual variance. PEESE counts when the PET limit differs
    from 0 with a two-sided p below `alpha`. `predictor` (its square for PEESE) replaces the standard error, for the
    reason and with the shapes and errors of `egger_test`. Source: Stanley & Doucouliagos 2014, 10.1002/jrsm.1095.
    """
    alpha = one_share("alpha", alpha, 0.1)
    funnel = read_funnel(estimate, variance, mask, minimum_trials)
    weight, share = 1.0 / funnel.v, as_level(level)
    x, name = _predictor(funnel, predictor, mask)
    square = funnel.v if predictor is None else x**2
    pet = weighted_line(funnel.y, x, weight, funnel.present, share)
    peese = weighted_line(funnel.y, square, weight, funnel.present, share)
    use_peese = pet["limit_p_value"] < alpha
    names = {"estimate": "limit", "se": "limit_se", "p_value": "limit_p_value"}
    names |= {"ci_low": "limit_ci_low", "ci_high": "limit_ci_high"}
    chosen = {field: np.where(use_peese, peese[name], pet[name]) for field, name in names.items()}
    chosen["chosen"] = np.where(use_peese, "PEESE", "PET")
    return PetPeese(
        pet=FunnelRegression("PET", name, **unbatch(pet, funnel.single)),
        peese=FunnelRegression("PEESE", SQUARES[name], **unbatch(peese, funnel.single)),
        alpha=alpha,
        **unbatch(chosen, funnel.single),
    )


def _predictor(funnel: Funnel, predictor: ArrayLike | None, mask: ArrayLike | None) -> tuple[NDArray, str]:
    if predictor is None:
        return np.sqrt(funnel.v), "standard error"
    x, _ = read_columns({"predictor": (predictor, NUMBER)}, mask)
    if x.ndim not in (1, 2) or x.shape[-1] != funnel.y.shape[-1] or x.shape[:-1] not in ((), (1,), (len(funnel.y),)):
        raise InputError(
            f"predictor has shape {x.shape}; it must have one value per trial, {funnel.y.shape[-1]} of them."
        )
    return np.broadcast_to(x, funnel.y.shape), "as given"


@dataclass(frozen=True, slots=True)
class _Tables:
    """Holds 2×2 tables (B, k); `weight` is events × non-events / total, or 1 where not `informative`."""

    a: NDArray
    n_a: NDArray
    b: NDArray
    n_b: NDArray
    weight: NDArray
    informative: BoolArray
    single: bool

    @property
    def total(self) -> NDArray:
        return self.n_a + self.n_b


def _read_tables(
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    mask: ArrayLike | None,
    minimum_trials: int,
) -> _Tables:
    names = ("events_a", "total_a", "events_b", "total_b")
    given = zip((events_a, total_a, events_b, total_b), (COUNT, SIZE, COUNT, SIZE), strict=True)
    *counts, present = read_columns(dict(zip(names, given, strict=True)), mask)
    if present.ndim not in (1, 2) or not present.size:
        raise InputError(f"the tables have shape {present.shape}; give (k,) for one meta-analysis or (B, k).")
    a, n_a, b, n_b = counts
    wrong = present & ((a > n_a) | (b > n_b))
    refuse_where(wrong, "the events exceed the total", dict(zip(names, counts, strict=True)), "Correct the counts.")
    a, n_a, b, n_b, here = (np.atleast_2d(part) for part in (*counts, present))
    weight = (a + b) * ((n_a - a) + (n_b - b)) / (n_a + n_b)
    informative = here & (weight > 0.0)
    require_trials(informative.sum(axis=1), minimum_trials)
    return _Tables(a, n_a, b, n_b, np.where(informative, weight, 1.0), informative, present.ndim == 1)


__all__ = [
    "FunnelRegression",
    "PetPeese",
    "RankTest",
    "TrimAndFill",
    "begg_test",
    "egger_mixed_effects",
    "egger_test",
    "harbord_test",
    "pet_peese",
    "peters_test",
    "size_standard_error",
    "trim_and_fill",
]
