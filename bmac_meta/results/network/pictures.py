"""Results of a network as pictures that are no forest plots."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from bmac_meta.errors import check_word
from bmac_meta.numbers import count_noun, format_interval, format_number
from bmac_meta.plots.contribution_bars import Bar, ContributionBars, Part, contribution_bars
from bmac_meta.plots.funnel import Funnel, funnel
from bmac_meta.plots.league_map import LeagueCell, LeagueMap, league_map
from bmac_meta.plots.net_heat import NetHeatMap, describe, net_heat
from bmac_meta.plots.rankogram import Rankogram, RankRow, rankogram
from bmac_meta.results.network.terms import SHARE_DECIMALS, model_words
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture
from bmac_meta.stats.network.fit import quantile

if TYPE_CHECKING:
    from bmac_meta.results.network.contribution import Contribution
    from bmac_meta.results.network.funnel import NetworkFunnel
    from bmac_meta.results.network.heat import Heat
    from bmac_meta.results.network.league import League
    from bmac_meta.results.network.ranks import Ranks


def map_of_league(league: League, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the league table as a heat map."""
    terms, count = league.terms, len(league.order)
    names = tuple(terms.name(name) for name in league.treatments)
    cells = tuple(tuple(_league_cell(league, i, j) for j in range(count)) for i in range(count))
    words: dict[str, Any] = {
        "favours_earlier": terms.question.lower_is_better,
        "subtitle": f"{terms.question.title} · {terms.code} ({terms.percent} CI), the earlier against the later",
        "footnotes": (f"{model_words(league.fit)}.", *league.notes),
    }
    record = record_with(LeagueMap, {"names": names, "cells": cells}, {"title": "League table"} | words, options)
    told = f"League table of {count_noun(count, 'treatment')}: network estimates below the diagonal, direct ones above."
    return save_picture(league_map(record), save, f"League table · {terms.question.title}", told, league.tidy())


def _league_cell(league: League, row: int, column: int) -> LeagueCell:
    if row == column:
        return LeagueCell()
    terms, (middle, low, high) = league.terms, league.numbers(row, column)
    if math.isnan(middle):
        return LeagueCell()
    null = terms.measure.null or 0.0
    z = (middle - null) / ((high - low) / 2) * quantile(league.fit.df, league.fit.level)
    return LeagueCell(terms.number(middle), terms.interval(low, high), z, not low <= null <= high)


def rankogram_of(ranks: Ranks, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw rank probabilities, with the effects and shares of direct evidence beside them."""
    terms, simulated = ranks.terms, ranks.probabilities
    rows = tuple(
        RankRow(
            terms.name(ranks.fit.treatments[i]),
            tuple(simulated.probability[i].tolist()),
            float(ranks.scores[i]),
            ranks.effect(i),
            ranks.share(i),
        )
        for i in ranks.order
    )
    words: dict[str, Any] = {
        "subtitle": terms.question.title,
        "effect_heading": f"{terms.code} against {terms.name(ranks.reference)} ({terms.percent} CI)",
        "footnotes": (
            f"{model_words(ranks.fit)}; {simulated.draws:,} draws. Where intervals overlap, the order is not settled.",
        ),
    }
    record = record_with(Rankogram, {"rows": rows}, {"title": "How probable each rank is"} | words, options)
    told = f"Rank probabilities of {count_noun(len(rows), 'treatment')}, with their effects and intervals."
    return save_picture(rankogram(record), save, f"Ranking · {terms.question.title}", told, ranks.tidy())


def bars_of_contribution(
    result: Contribution, save: str | Path | None = None, *, by: str = "comparison", **options: Any
) -> Figure:
    """Draw what the effects against the reference are made of, by direct comparison or by trial."""
    check_word("part of an effect", by, ("comparison", "trial"))
    shares, names = (
        (result.shares.comparison, result.sources) if by == "comparison" else (result.shares.trial, result.trials)
    )
    bars = tuple(
        Bar(result.terms.versus(a, b), _parts(shares[row], names, result.own(row) if by == "comparison" else None))
        for a, b, row in result.rows()
        if b == result.reference
    )
    words: dict[str, Any] = {
        "subtitle": result.terms.question.title,
        "footnotes": (f"{result.method}.",),
    }
    words |= {} if by == "comparison" else {"other_words": "trials, the largest first"}
    record = record_with(ContributionBars, {"bars": bars}, {"title": "What each effect is made of"} | words, options)
    told = f"Contributions to {count_noun(len(bars), 'effect')} against {result.terms.name(result.reference)}."
    table = result.tidy() if by == "comparison" else result.by_trial()
    return save_picture(contribution_bars(record), save, f"{record.title} · {result.terms.question.title}", told, table)


def _parts(shares: np.ndarray, names: tuple[str, ...], own: int | None) -> tuple[Part, ...]:
    shares = np.round(shares, SHARE_DECIMALS)
    order = sorted(np.flatnonzero(shares > 0).tolist(), key=lambda i: (i != own, -shares[i]))
    return tuple(Part(names[i], float(shares[i]), i == own) for i in order)


def heat_of(result: Heat, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the net heat plot."""
    heat = result.heat
    under = "under a common effect" if heat.tau2 == 0 else f"at τ² = {heat.tau2:.3g}"
    words: dict[str, Any] = {"subtitle": f"{result.terms.question.title} · {under}"}
    data = {"designs": result.designs, "contribution": heat.contribution, "heat": heat.heat}
    record = record_with(NetHeatMap, data, {"title": "Net heat"} | words, options)
    return save_picture(
        net_heat(record), save, f"Net heat · {result.terms.question.title}", describe(record), result.tidy()
    )


def funnel_of(result: NetworkFunnel, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the comparison-adjusted funnel."""
    terms, test = result.terms, result.regression
    slope = (
        "" if test is None else f"Egger: {format_number(test.slope, 2)} ({format_interval(test.ci_low, test.ci_high)})"
    )
    lower = terms.question.lower_is_better
    sides = (None, None) if lower is None else ("the earlier", "the later")
    words: dict[str, Any] = {
        "contours": True,
        "labels": tuple(f"{study}: {terms.versus(a, b)}" for study, a, b in result.names),
        "x_label": f"{terms.measure.label.capitalize()}, minus the pool of its comparison",
        "subtitle": terms.question.title,
        "favours_low": sides[0] if lower else sides[1],
        "favours_high": sides[1] if lower else sides[0],
        "footnotes": (slope or result.reason, "Order: " + ", ".join(map(terms.name, result.funnel.order)) + "."),
    }
    data = {"estimate": tuple(result.funnel.adjusted.tolist()), "precision": tuple(result.funnel.se.tolist())}
    words |= {"title": "Comparison-adjusted funnel"}
    record = record_with(Funnel, data | {"center": 0.0}, words, options)
    told = f"Comparison-adjusted funnel of {count_noun(len(result.names), 'contrast')}. {result.verdict()}."
    return save_picture(funnel(record), save, f"{record.title} · {terms.question.title}", told, result.tidy())
