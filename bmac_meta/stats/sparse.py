"""Pooling of 2×2 tables with few events: Mantel–Haenszel and Peto, without continuity corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.columns import COUNT, SIZE, BoolArray, FloatArray, read_columns
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures_binary import (
    odds_ratio,
    peto_odds_ratio,
    refuse_more_events_than_patients,
    risk_difference,
    risk_ratio,
)
from bmac_meta.stats.reference import upper_chi2

Number = float | FloatArray
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


@dataclass(frozen=True, slots=True)
class ChiSquaredTest:
    """A χ² statistic with its degrees of freedom and p; both NaN where `df` is 0."""

    statistic: Number
    df: int | FloatArray
    p_value: Number


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
    tables = _read(events_a, total_a, events_b, total_b, mask)
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
    tables = _read(events_a, total_a, events_b, total_b, mask)
    own = tables.effects(peto_odds_ratio)
    excess, information = _excess(own)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(information > 0, 1 / information, np.nan)
        pooled = excess * variance, variance
    return _record(tables, pooled, own, own.included, "OR", "Peto", level)


def breslow_day(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    tarone: bool = True,
    mask: ArrayLike | None = None,
) -> ChiSquaredTest:
    """Test whether 2×2 tables share one odds ratio, the Mantel–Haenszel one.

    With `tarone` the statistic carries the correction that makes it asymptotically χ². Tables in which nobody
    or everybody has the event say nothing and drop out; nothing is added to empty cells. Shapes and errors as
    in `mantel_haenszel`. Sources: Breslow & Day 1980 (IARC Scientific Publications 32); Tarone 1985
    (doi:10.1093/biomet/72.1.91).
    """
    tables = _read(events_a, total_a, events_b, total_b, mask)
    used = tables.present & ~tables.one_sided
    expected = _expected_events(tables, np.exp(_odds_ratio(tables)[0])[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (tables.n_a - expected, tables.events - expected, tables.n_b - tables.events + expected)
        variance = 1 / (1 / expected + sum(1 / cell for cell in others))
        excess = np.where(used, tables.a - expected, 0.0)
        statistic = np.where(used, excess**2 / variance, 0.0).sum(-1)
        if tarone:
            statistic -= excess.sum(-1) ** 2 / np.where(used, variance, 0.0).sum(-1)
    return _chi_squared(tables, statistic, used.sum(-1) - 1)


def cochran_mantel_haenszel(
    *,
    events_a: ArrayLike,
    total_a: ArrayLike,
    events_b: ArrayLike,
    total_b: ArrayLike,
    mask: ArrayLike | None = None,
) -> ChiSquaredTest:
    """Test whether the common odds ratio of 2×2 tables is 1, without continuity correction.

    Shapes and errors as in `mantel_haenszel`; `df` is 1, or 0 where in no table some have the event and some
    not. Source: Mantel & Haenszel 1959 (doi:10.1093/jnci/22.4.719).
    """
    tables = _read(events_a, total_a, events_b, total_b, mask)
    excess, information = _excess(tables.effects(peto_odds_ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = excess**2 / information
    return _chi_squared(tables, statistic, (information > 0).astype(int))


@dataclass(frozen=True, slots=True)
class _Tables:
    """Cells shaped (B, k), a and c the events, b and d the others; all 0 where a table is absent."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    present: BoolArray
    single: bool

    @property
    def n_a(self) -> FloatArray:
        return self.a + self.b

    @property
    def n_b(self) -> FloatArray:
        return self.c + self.d

    @property
    def events(self) -> FloatArray:
        return self.a + self.c

    @property
    def one_sided(self) -> BoolArray:
        return (self.events == 0) | (self.b + self.d == 0)

    def total_per(self, numerator: FloatArray, power: int = 1) -> FloatArray:
        """Return the sum over tables of a number divided by a power of the table's total."""
        size = (self.n_a + self.n_b) ** power
        return np.divide(numerator, size, out=np.zeros_like(size), where=self.present).sum(-1)

    def effects(self, measure: object) -> EffectSizes:
        """Return the trials' own effects."""
        n_a, n_b = (np.where(self.present, size, 1.0) for size in (self.n_a, self.n_b))
        return measure(events_a=self.a, total_a=n_a, events_b=self.c, total_b=n_b, mask=self.present)

    def out(self, values: FloatArray) -> Number:
        """Return a number for one meta-analysis, the array (B,) for a batch."""
        return values.item() if self.single else values


def _read(
    events_a: ArrayLike, total_a: ArrayLike, events_b: ArrayLike, total_b: ArrayLike, mask: ArrayLike | None
) -> _Tables:
    rules = {
        "events_a": (events_a, COUNT),
        "total_a": (total_a, SIZE),
        "events_b": (events_b, COUNT),
        "total_b": (total_b, SIZE),
    }
    a, n_a, c, n_b, present = read_columns(rules, mask)
    if present.ndim not in (1, 2) or present.size == 0:
        raise InputError(
            f"The counts have the shape {present.shape}. Give (k,) for one meta-analysis, (B, k) for many."
        )
    refuse_more_events_than_patients(np.where(present, a, 0.0), n_a, "a")
    refuse_more_events_than_patients(np.where(present, c, 0.0), n_b, "b")
    cells = (np.where(present, cell, 0.0).reshape(-1, present.shape[-1]) for cell in (a, n_a - a, c, n_b - c))
    return _Tables(*cells, present.reshape(-1, present.shape[-1]), present.ndim == 1)


def _odds_ratio(tables: _Tables) -> tuple[FloatArray, FloatArray]:
    a, b, c, d = tables.a, tables.b, tables.c, tables.d
    r, s = tables.total_per(a * d), tables.total_per(b * c)
    pr, qs = tables.total_per((a + d) * a * d, 2), tables.total_per((b + c) * b * c, 2)
    mixed = tables.total_per((a + d) * b * c + (b + c) * a * d, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _where_both(r, s, pr / (2 * r**2) + mixed / (2 * r * s) + qs / (2 * s**2))


def _risk_ratio(tables: _Tables) -> tuple[FloatArray, FloatArray]:
    r, s = tables.total_per(tables.a * tables.n_b), tables.total_per(tables.c * tables.n_a)
    products = tables.n_a * tables.n_b * tables.events - tables.a * tables.c * (tables.n_a + tables.n_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _where_both(r, s, tables.total_per(products, 2) / (r * s))


def _where_both(r: FloatArray, s: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    both = (r > 0) & (s > 0)
    logs = np.log(np.where(both, r, 1)) - np.log(np.where(both, s, 1))
    return np.where(both, logs, np.nan), np.where(both, variance, np.nan)


def _risk_difference(tables: _Tables) -> tuple[FloatArray, FloatArray]:
    weight = tables.total_per(tables.n_a * tables.n_b)
    return tables.total_per(tables.a * tables.n_b - tables.c * tables.n_a) / weight, weight


def _risk_difference_sato(tables: _Tables) -> tuple[FloatArray, FloatArray]:
    estimate, weight = _risk_difference(tables)
    n_a, n_b, a, c = tables.n_a, tables.n_b, tables.a, tables.c
    p = tables.total_per(n_a**2 * c - n_b**2 * a + n_a * n_b * (n_b - n_a) / 2, 2)
    q = tables.total_per(a * tables.d + c * tables.b) / 2
    return estimate, (estimate * p + q) / weight**2


def _risk_difference_greenland_robins(tables: _Tables) -> tuple[FloatArray, FloatArray]:
    estimate, weight = _risk_difference(tables)
    n_a, n_b = np.maximum(tables.n_a, 1), np.maximum(tables.n_b, 1)
    parts = tables.a * tables.b * n_b**2 / n_a + tables.c * tables.d * n_a**2 / n_b
    return estimate, tables.total_per(parts, 2) / weight**2


OWN_EFFECTS = {"OR": odds_ratio, "RR": risk_ratio, "RD": risk_difference}
POOLS = {
    "OR": _odds_ratio,
    "RR": _risk_ratio,
    "sato": _risk_difference_sato,
    "greenland-robins": _risk_difference_greenland_robins,
}


def _excess(own: EffectSizes) -> tuple[FloatArray, FloatArray]:
    """Return the sums of observed minus expected events in arm A and of their hypergeometric variances."""
    with np.errstate(invalid="ignore"):
        information = np.where(own.included, 1 / own.variance, 0.0)
        return np.where(own.included, own.estimate * information, 0.0).sum(-1), information.sum(-1)


def _expected_events(tables: _Tables, ratio: FloatArray) -> FloatArray:
    """Return the events of arm A that give each table the odds ratio at its margins (root of a quadratic)."""
    linear = ratio * (tables.n_a + tables.events) + tables.n_b - tables.events
    constant = ratio * tables.n_a * tables.events
    root = np.sqrt(np.maximum(linear**2 - 4 * (ratio - 1) * constant, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(linear > 0, 2 * constant / (linear + root), (linear - root) / (2 * (ratio - 1)))


def _record(
    tables: _Tables,
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
    test = _chi_squared(tables, np.where(own.included, squares, 0.0).sum(-1), own.included.sum(-1) - 1)
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


def _chi_squared(tables: _Tables, statistic: FloatArray, df: FloatArray) -> ChiSquaredTest:
    df = np.maximum(df, 0)
    blank = np.where((df > 0) & np.isfinite(statistic), 1.0, np.nan)
    p_value = upper_chi2(np.nan_to_num(statistic), df.astype(float)) * blank
    return ChiSquaredTest(tables.out(statistic * blank), tables.out(df), tables.out(p_value))
