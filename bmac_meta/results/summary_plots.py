"""Many questions in one picture: a diamond for each, with its prediction interval behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from bmac_meta.errors import PoolingRefused
from bmac_meta.numbers import count_noun
from bmac_meta.plots.forest import forest
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy
from bmac_meta.question import Question
from bmac_meta.results.forests import axis_label
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.results.pooled import Pooled
    from bmac_meta.results.summary import Summary


def forest_of_summary(summary: Summary, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the questions that one measure answers, in groups of one outcome at one time."""
    answered = [(q, a) for q, a in zip(summary.questions, summary.answers, strict=True) if a is not None]
    measures = {a.measure.code for _, a in answered}
    if len(measures) != 1:
        listed = ", ".join(sorted(measures)) or "no answer"
        raise PoolingRefused(f"One axis was asked for several measures: {listed}. Ask the questions by one measure.")
    measure = answered[0][1].measure
    words: dict[str, Any] = {
        "title": "Evidence summary",
        "axis_label": axis_label(Question(measure=measure.code)),
        "null": measure.null,
        "log": measure.is_ratio,
        "left_headings": (("", "trials"), ("", "patients")),
        "effect_heading": f"{measure.code} (95% CI)",
        "favours_low": "the first-named",
        "favours_high": "the second-named",
        "label_heading": "Question",
        "decimals": max(answer.decimals for _, answer in answered),
        "footnotes": ("Pale bars: 95% prediction intervals, from 3 trials on.",),
    }
    record = record_with(Forest, {"groups": tuple(_groups(answered))}, words, options)
    told = f"{count_noun(len(answered), 'question')}, one diamond each. {' '.join(summary.sentences())}"
    return save_picture(forest(record), save, record.title, told, summary.tidy())


def _groups(answered: list[tuple[Question, Pooled]]) -> Iterator[ForestGroup]:
    for heading, entries in groupby(answered, key=lambda entry: f"{entry[0].outcome}, {entry[0].when}"):
        yield ForestGroup(heading[0].upper() + heading[1:], tuple(_diamond(q, a) for q, a in entries))


def _diamond(question: Question, answer: Pooled) -> ForestStudy:
    fit = answer.fit
    bar = (None, None) if math.isnan(fit.pi_low) else (fit.pi_low, fit.pi_high)
    patients = "" if answer.patients is None else f"{answer.patients:,}"
    return ForestStudy(
        question.versus,
        float(fit.estimate),
        float(fit.ci_low),
        float(fit.ci_high),
        left=(str(answer.k), patients),
        shape="diamond",
        pi_low=bar[0],
        pi_high=bar[1],
    )
