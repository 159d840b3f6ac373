"""Tests of 2×2 tables: whether they share one odds ratio, and whether that is 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.stats.columns import FloatArray
from bmac_meta.stats.fourfold import (
    ChiSquaredTest,
    FourfoldTables,
    chi_squared,
    mantel_haenszel_odds_ratio,
    read_tables,
    score_sums,
)
from bmac_meta.stats.measures_binary import peto_odds_ratio


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
    tables = read_tables(events_a, total_a, events_b, total_b, mask)
    used = tables.present & ~tables.one_sided
    expected = _expected_events(tables, np.exp(mantel_haenszel_odds_ratio(tables)[0])[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (tables.n_a - expected, tables.events - expected, tables.n_b - tables.events + expected)
        variance = 1 / (1 / expected + sum(1 / cell for cell in others))
        excess = np.where(used, tables.a - expected, 0.0)
        statistic = np.where(used, excess**2 / variance, 0.0).sum(-1)
        if tarone:
            statistic -= excess.sum(-1) ** 2 / np.where(used, variance, 0.0).sum(-1)
    return chi_squared(tables, statistic, used.sum(-1) - 1)


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
    tables = read_tables(events_a, total_a, events_b, total_b, mask)
    excess, information = score_sums(tables.effects(peto_odds_ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = excess**2 / information
    return chi_squared(tables, statistic, (information > 0).astype(int))


def _expected_events(tables: FourfoldTables, ratio: FloatArray) -> FloatArray:
    """Return the events of arm A that give each table the odds ratio at its margins (root of a quadratic)."""
    linear = ratio * (tables.n_a + tables.events) + tables.n_b - tables.events
    constant = ratio * tables.n_a * tables.events
    root = np.sqrt(np.maximum(linear**2 - 4 * (ratio - 1) * constant, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(linear > 0, 2 * constant / (linear + root), (linear - root) / (2 * (ratio - 1)))
