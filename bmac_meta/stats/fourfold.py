"""2×2 tables of trials as they are pooled without correction: cells, margins, and sums over tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.columns import COUNT, SIZE, BoolArray, FloatArray, read_columns
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures_binary import refuse_more_events_than_patients
from bmac_meta.stats.reference import upper_chi2

Number = float | FloatArray


@dataclass(frozen=True, slots=True)
class ChiSquaredTest:
    """A χ² statistic with its degrees of freedom and p; both NaN where `df` is 0."""

    statistic: Number
    df: int | FloatArray
    p_value: Number


@dataclass(frozen=True, slots=True)
class FourfoldTables:
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

    def effects(self, measure: Callable[..., EffectSizes]) -> EffectSizes:
        """Return the trials' own effects."""
        n_a, n_b = (np.where(self.present, size, 1.0) for size in (self.n_a, self.n_b))
        return measure(events_a=self.a, total_a=n_a, events_b=self.c, total_b=n_b, mask=self.present)

    def out(self, values: FloatArray) -> Number:
        """Return a number for one meta-analysis, the array (B,) for a batch."""
        return values.item() if self.single else values


def read_tables(
    events_a: ArrayLike, total_a: ArrayLike, events_b: ArrayLike, total_b: ArrayLike, mask: ArrayLike | None
) -> FourfoldTables:
    """Return checked tables, (k,) or (B, k); raise `InputError` for impossible ones."""
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
    return FourfoldTables(*cells, present.reshape(-1, present.shape[-1]), present.ndim == 1)


def mantel_haenszel_odds_ratio(tables: FourfoldTables) -> tuple[FloatArray, FloatArray]:
    """Return the log odds ratio of Mantel and Haenszel and the variance of Robins, Breslow and Greenland, both (B,)."""
    a, b, c, d = tables.a, tables.b, tables.c, tables.d
    r, s = tables.total_per(a * d), tables.total_per(b * c)
    pr, qs = tables.total_per((a + d) * a * d, 2), tables.total_per((b + c) * b * c, 2)
    mixed = tables.total_per((a + d) * b * c + (b + c) * a * d, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return log_ratio_of_sums(r, s, pr / (2 * r**2) + mixed / (2 * r * s) + qs / (2 * s**2))


def log_ratio_of_sums(r: FloatArray, s: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log(r/s) and its variance where both sums are above 0, NaN elsewhere."""
    both = (r > 0) & (s > 0)
    logs = np.log(np.where(both, r, 1)) - np.log(np.where(both, s, 1))
    return np.where(both, logs, np.nan), np.where(both, variance, np.nan)


def score_sums(own: EffectSizes) -> tuple[FloatArray, FloatArray]:
    """Return the sums of observed minus expected events in arm A and of their hypergeometric variances."""
    with np.errstate(invalid="ignore"):
        information = np.where(own.included, 1 / own.variance, 0.0)
        return np.where(own.included, own.estimate * information, 0.0).sum(-1), information.sum(-1)


def chi_squared(tables: FourfoldTables, statistic: FloatArray, df: FloatArray) -> ChiSquaredTest:
    """Return the test of a statistic (B,); NaN where it does not exist or no degree of freedom is left."""
    df = np.maximum(df, 0)
    blank = np.where((df > 0) & np.isfinite(statistic), 1.0, np.nan)
    p_value = upper_chi2(np.nan_to_num(statistic), df.astype(float)) * blank
    return ChiSquaredTest(tables.out(statistic * blank), tables.out(df), tables.out(p_value))
