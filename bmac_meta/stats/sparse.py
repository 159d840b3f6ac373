"""Pooling of 2×2 tables with few events: Mantel–Haenszel and Peto, without continuity corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from bmac_meta.errors import check_word
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.columns import BoolArray, FloatArray
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.fourfold import (
    FourfoldTables,
    Number,
    chi_squared,
    log_ratio_of_sums,
    mantel_haenszel_odds_ratio,
    read_tables,
    score_sums,
)
from bmac_meta.stats.measures_binary import odds_ratio, peto_odds_ratio, risk_difference, risk_ratio

RD_VARIANCES = ("sato", "greenland-robins")


@dataclass(frozen=True, slots=True)
class SparseEffect:
    """A common effect pooled from 2×2 tables; fields are numbers, or (B,) for a batch.

    Ratios (`estimate`, `ci_low`, `ci_high`) are on the log scale. `k` counts the tables given,
    `k_informative` those that move the estimate. `estimate` and all made from it is NaN where the ratio does
    not exist because one arm has no event in any table (for an odds ratio also: nothing but events); `se` and
    all made from it is NaN where the variance does not exist because nobody, or everybody, has an event. `q`
    and `q_p` are NaN where fewer than two tables can be compared.
    """

    estimate: Number
    se: Number
    statistic: Number
    p_value: Number
    ci_low: Number
    ci_high: Number
    k: int | FloatArray
    k_informative: int | FloatArray
    q: Number
    q_df: int | FloatArray
    q_p: Number
    measure: str
    method: str
    level: float


def mantel_haenszel(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    measure: str = "OR",
    rd_variance: str = "sato",
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> SparseEffect:
    """Pool 2×2 tables by the method of Mantel and Haenszel, arm A against arm B.

    Counts are (k,), or (B, k) with an optional boolean `mask`. `measure` is "OR", "RR" (logarithms) or "RD".
    No cell is corrected: tables with an empty cell enter as they are; tables without any event add nothing to
    a ratio and count in a difference. For Q alone, which compares the trials' own estimates with the pooled
    one, 0.5 is added to the cells of tables with an empty one.

    Variances: Robins, Breslow & Greenland 1986 (doi:10.2307/2531052) for the odds ratio, Greenland & Robins
    1985 (doi:10.2307/2530643) for the risk ratio; for the difference `rd_variance="sato"` (Sato, Greenland &
    Robins 1989, doi:10.2307/2531784), which holds for sparse data too, or "greenland-robins". Raises
    `InputError` for impossible counts and `UnknownWordError` for an unknown word.

    Tolbutamide and death in two age strata (Rothman, Greenland & Lash 2008, Modern Epidemiology, ch. 15):

    >>> result = mantel_haenszel(events_a=[8, 22], total_a=[106, 98], events_b=[5, 16], total_b=[120, 85])
    >>> print(f"{np.exp(result.estimate):.2f}")
    1.40
    """
    check_word("measure of 2×2 tables", measure, OWN_EFFECTS)
    check_word("variance of a risk difference", rd_variance, RD_VARIANCES)
    tables = read_tables(events_a, total_a, events_b, total_b, mask)
    estimate, variance = POOLS[rd_variance if measure == "RD" else measure](tables)
    own = tables.effects(OWN_EFFECTS[measure])
    informative = tables.present & ~{"OR": tables.one_sided, "RR": tables.events == 0}.get(measure, False)
    return _record(tables, (estimate, variance), own, informative, measure, "Mantel–Haenszel", level)


def peto(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> SparseEffect:
    """Pool 2×2 tables by Peto's one-step log odds ratio, arm A against arm B.

    Shapes and errors as in `mantel_haenszel`. Tables in which nobody or everybody has the event carry no
    information. Biased for large effects and for arms of very unequal size. Source: Yusuf et al. 1985
    (doi:10.1016/s0033-0620(85)80003-7).

    >>> result = peto(events_a=[8, 22, 0], total_a=[106, 98, 9], events_b=[5, 16, 0], total_b=[120, 85, 8])
    >>> result.k, result.k_informative
    (3, 2)
    """
    tables = read_tables(events_a, total_a, events_b, total_b, mask)
    own = tables.effects(peto_odds_ratio)
    excess, information = score_sums(own)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(information > 0, 1 / information, np.nan)
        pooled = excess * variance, variance
    return _record(tables, pooled, own, own.included, "OR", "Peto", level)


def _risk_ratio(tables: FourfoldTables) -> tuple[FloatArray, FloatArray]:
    r, s = tables.total_per(tables.a * tables.n_b), tables.total_per(tables.c * tables.n_a)
    products = tables.n_a * tables.n_b * tables.events - tables.a * tables.c * (tables.n_a + tables.n_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        return log_ratio_of_sums(r, s, tables.total_per(products, 2) / (r * s))


def _risk_difference(tables: FourfoldTables) -> tuple[FloatArray, FloatArray]:
    weight = tables.total_per(tables.n_a * tables.n_b)
    return tables.total_per(tables.a * tables.n_b - tables.c * tables.n_a) / weight, weight


def _risk_difference_sato(tables: FourfoldTables) -> tuple[FloatArray, FloatArray]:
    estimate, weight = _risk_difference(tables)
    n_a, n_b, a, c = tables.n_a, tables.n_b, tables.a, tables.c
    p = tables.total_per(n_a**2 * c - n_b**2 * a + n_a * n_b * (n_b - n_a) / 2, 2)
    q = tables.total_per(a * tables.d + c * tables.b) / 2
    return estimate, (estimate * p + q) / weight**2


def _risk_difference_greenland_robins(tables: FourfoldTables) -> tuple[FloatArray, FloatArray]:
    estimate, weight = _risk_difference(tables)
    n_a, n_b = np.maximum(tables.n_a, 1), np.maximum(tables.n_b, 1)
    parts = tables.a * tables.b * n_b**2 / n_a + tables.c * tables.d * n_a**2 / n_b
    return estimate, tables.total_per(parts, 2) / weight**2


OWN_EFFECTS = {"OR": odds_ratio, "RR": risk_ratio, "RD": risk_difference}
POOLS = {
    "OR": mantel_haenszel_odds_ratio,
    "RR": _risk_ratio,
    "sato": _risk_difference_sato,
    "greenland-robins": _risk_difference_greenland_robins,
}


def _record(
    tables: FourfoldTables,
    pooled: tuple[FloatArray, FloatArray],
    own: EffectSizes,
    informative: BoolArray,
    measure: str,
    method: str,
    level: float,
) -> SparseEffect:
    level, (estimate, variance) = as_level(level), pooled
    se = np.sqrt(np.where(variance > 0, variance, np.nan))
    margin = ndtri(0.5 + level / 2) * se
    squares = (own.estimate - estimate[:, None]) ** 2 / own.variance
    test = chi_squared(tables, np.where(own.included, squares, 0.0).sum(-1), own.included.sum(-1) - 1)
    return SparseEffect(
        estimate=tables.out(estimate),
        se=tables.out(se),
        statistic=tables.out(estimate / se),
        p_value=tables.out(2 * ndtr(-np.abs(estimate / se))),
        ci_low=tables.out(estimate - margin),
        ci_high=tables.out(estimate + margin),
        k=tables.out(tables.present.sum(-1)),
        k_informative=tables.out(informative.sum(-1)),
        q=test.statistic,
        q_df=test.df,
        q_p=test.p_value,
        measure=measure,
        method=method,
        level=level,
    )
