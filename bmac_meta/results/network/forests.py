"""Results of a network as forest plots."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.numbers import count_noun, format_number, format_percent
from bmac_meta.plots.forest import forest
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy, ForestSummary
from bmac_meta.results.forests import axis_label
from bmac_meta.results.network.terms import Terms, model_words, q_words
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture
from bmac_meta.stats.network import trials_by_treatment

if TYPE_CHECKING:
    from bmac_meta.results.network.additive import Additive
    from bmac_meta.results.network.consistency import Consistency
    from bmac_meta.results.network.left_out import WithoutEach
    from bmac_meta.results.network.pooled import NetworkPooled

PARTS = ("direct", "indirect", "network")


def forest_against(pooled: NetworkPooled, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw every treatment against the reference: a diamond each, with its prediction interval behind it."""
    terms, fit, column = pooled.terms, pooled.fit, pooled.position(pooled.reference)
    counts = trials_by_treatment(fit.data)
    rows = tuple(_against(pooled, row, column, int(counts[row])) for row in pooled.order if row != column)
    tau = "" if math.isnan(fit.tau2) or fit.model == "common" else f"τ = {terms.spread(fit.tau2)}, I² = {fit.i2:.0f}%, "
    reference = terms.name(pooled.reference)
    words: dict[str, Any] = {
        "title": f"Each treatment against {reference}",
        "subtitle": terms.question.title,
        "left_headings": (("", "trials"), ("", "patients"), ("", "direct")),
        "label_heading": "Treatment",
        "favours_low": _favoured(terms, True, reference),
        "favours_high": _favoured(terms, False, reference),
        "footnotes": (f"{tau}{q_words(fit.q)}; {model_words(fit)}.", *_bars_note(pooled), *pooled.notes),
    }
    record = _forest(terms, (ForestGroup(None, rows),), words, options)
    told = f"{count_noun(len(rows), 'treatment')} against {reference}, each from the whole network."
    return save_picture(forest(record), save, f"{record.title} · {terms.question.title}", told, pooled.tidy())


def _against(pooled: NetworkPooled, row: int, column: int, trials: int) -> ForestStudy:
    fit, name = pooled.fit, pooled.fit.treatments[row]
    patients = pooled.patients.get(name)
    bar = (float(fit.pi_low[row, column]), float(fit.pi_high[row, column]))
    left = (
        str(trials),
        "" if patients is None else f"{patients:,}",
        format_percent(float(pooled.share_direct[row, column]), 0),
    )
    return _diamond(pooled.terms.name(name), _ends(fit, row, column), bar, left)


def _ends(fit: Any, row: int, column: int) -> tuple[float, float, float]:
    return tuple(float(matrix[row, column]) for matrix in (fit.estimate, fit.ci_low, fit.ci_high))


def _diamond(
    label: str, ends: tuple[float, float, float], bar: tuple[float, float], left: tuple[str, ...]
) -> ForestStudy:
    pi = (None, None) if math.isnan(bar[0]) else bar
    return ForestStudy(label, *ends, left=left, shape="diamond", pi_low=pi[0], pi_high=pi[1])


def _bars_note(pooled: NetworkPooled) -> tuple[str, ...]:
    shown = f"Pale bars: {pooled.terms.percent} prediction intervals. " if not np.isnan(pooled.fit.pi_low).all() else ""
    return (f"{shown}Direct: share of evidence from trials that compare the two.",)


def _favoured(terms: Terms, low: bool, reference: str) -> str | None:
    lower = terms.question.lower_is_better
    if lower is None or terms.measure.null is None:
        return None
    return "the treatment" if lower == low else reference


def _forest(terms: Terms, groups: tuple[ForestGroup, ...], words: dict[str, Any], options: dict[str, Any]) -> Forest:
    usual = {
        "axis_label": axis_label(terms.question),
        "null": terms.measure.null,
        "log": terms.measure.is_ratio,
        "effect_heading": f"{terms.code} ({terms.percent} CI)",
        "decimals": terms.decimals,
    }
    data = {"groups": groups, "overall": words.pop("overall", None)}
    return record_with(Forest, data, usual | words, options)


def forest_of_split(result: Consistency, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw direct, indirect and network evidence of each comparison that has a trial, one group each."""
    shown = [pair for pair in result.pairs if result.only is not None or result.kind(pair[0]) != "indirect"]
    if not shown:
        raise NotEnoughTrials("No comparison has this kind of evidence, so that there is nothing to draw.")
    terms = result.terms
    groups = tuple(_split_group(result, row, turned) for row, turned in shown)
    below, above = (
        ("first named", "second named") if terms.question.lower_is_better else ("second named", "first named")
    )
    known = terms.question.lower_is_better is not None and terms.measure.null is not None
    words: dict[str, Any] = {
        "title": "Direct, indirect and network evidence",
        "subtitle": terms.question.title,
        "left_headings": (("", "trials"), ("", "share")),
        "label_heading": "Evidence",
        "favours_low": below if known else None,
        "favours_high": above if known else None,
        "footnotes": tuple(result.notes),
    }
    record = _forest(terms, groups, words, options)
    told = f"{count_noun(len(groups), 'comparison')} with their direct, indirect and network evidence."
    return save_picture(forest(record), save, f"{record.title} · {terms.question.title}", told, result.tidy())


def _split_group(result: Consistency, row: int, turned: bool) -> ForestGroup:
    verdict = result.verdict(row)
    text = f"difference: {verdict}" if verdict.startswith("p") else None
    return ForestGroup(
        result.terms.versus(*result.names(row, turned)), tuple(_split_rows(result, row, turned)), text=text
    )


def _split_rows(result: Consistency, row: int, turned: bool) -> Iterator[ForestStudy]:
    share = float(result.split.share_direct[row])
    left = {
        "direct": (str(int(result.split.trials[row])), format_percent(share, 0)),
        "indirect": ("", format_percent(1 - share, 0)),
        "network": ("", ""),
    }
    for part in PARTS:
        ends = result.numbers(row, turned, part)
        if not math.isnan(ends[0]):
            shape = "diamond" if part == "network" else "point"
            yield ForestStudy(part, *ends, left=left[part], shape=shape)


def forest_without_each(result: WithoutEach, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw one comparison without each trial or comparison, the one that moves it most first."""
    rows = tuple(
        ForestStudy(
            str(row.label),
            row.estimate,
            row.ci_low,
            row.ci_high,
            shape="point",
            left=(result.terms.spread(row.tau2),),
            reason="no longer linked",
        )
        for row in result.frame.itertuples()
    )
    below, above = result.terms.pair(result.treatment, result.comparator).sides
    whole = ForestSummary("Whole network", *result.whole, left=(result.terms.spread(result.tau2),))
    words: dict[str, Any] = {
        "title": result.title,
        "subtitle": f"network estimate without each {result.by}",
        "overall": whole,
        "left_headings": (("", "τ"),),
        "label_heading": f"Without this {result.by}",
        "favours_low": below,
        "favours_high": above,
        "footnotes": (f"{result.method}.", *result.notes),
    }
    record = _forest(result.terms, (ForestGroup(None, rows),), words, options)
    told = (
        f"{result.title} from the network, without each {result.by} in turn; the largest change is {_largest(result)}."
    )
    return save_picture(forest(record), save, f"{record.title} · without each {result.by}", told, result.tidy())


def _largest(result: WithoutEach) -> str:
    known = result.frame.dropna(subset=["shift"])
    if known.empty:
        return "not known, since the two are no longer linked without any"
    return f"{format_number(float(known['shift'].iloc[0]), 2)} standard errors, without {known['label'].iloc[0]}"


def forest_of_components(result: Additive, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the effect of adding each component."""
    fit, terms = result.fit, result.terms
    numbers = zip(fit.components, fit.estimate.tolist(), fit.ci_low.tolist(), fit.ci_high.tolist(), strict=True)
    rows = tuple(
        ForestStudy(
            terms.name(name),
            *ends,
            shape="diamond",
            left=(str(int(fit.composition[:, i].sum())),),
            reason="not identified",
        )
        for i, (name, *ends) in enumerate(numbers)
    )
    words: dict[str, Any] = {
        "title": "What each component adds",
        "subtitle": terms.question.title,
        "left_headings": (("", "treatments"),),
        "label_heading": "Component",
        "favours_low": _favoured(terms, True, "leaving it out"),
        "favours_high": _favoured(terms, False, "leaving it out"),
        "footnotes": (f"Test of additivity: {result.verdict()}.", *result.notes),
    }
    words |= {k: v.replace("the treatment", "adding it") for k, v in words.items() if k.startswith("favours") and v}
    record = _forest(terms, (ForestGroup(None, rows),), words, options)
    told = f"Effects of {count_noun(len(rows), 'component')} in an additive model."
    return save_picture(forest(record), save, f"{record.title} · {terms.question.title}", told, result.tidy())
