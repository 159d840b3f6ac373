"""Results as forest plots: the record that a plot is drawn from, made from a result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from bmac_meta.arguments import yes_or_no
from bmac_meta.narrowing import floats_in
from bmac_meta.numbers import count_noun, format_level, format_number, format_p
from bmac_meta.plots.forest import forest
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy, ForestSummary
from bmac_meta.question import Question
from bmac_meta.results.answer import patients_of
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture
from bmac_meta.stats.measures import MEASURES
from bmac_meta.stats.wilson import wilson_interval
from bmac_meta.vocabulary import SHARES

if TYPE_CHECKING:
    from bmac_meta.results.pooled import Pooled
    from bmac_meta.results.regression import Regression
    from bmac_meta.results.series import Series
    from bmac_meta.results.shrunken import Shrunken
    from bmac_meta.results.subgroups import Subgroups

ARMS = ("a", "b")
ONE_TRIAL = "One trial"
TRIAL_COLUMNS = (
    *("study", "outcome", "months", "measured_as", "mean_a", "sd_a", "events_a", "total_a", "n_a"),
    *("mean_b", "sd_b", "events_b", "total_b", "n_b", "spread_a", "spread_b", "flags"),
)
POOL_COLUMNS = ("prediction_low", "prediction_high", "tau2", "i2")


def forest_of_pooled(pooled: Pooled, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the trials and their pooled effect."""
    group = ForestGroup(None, studies(pooled, pooled.rows, pooled.fit.weights), None)
    record = _forest(pooled, (group,), summary(pooled, _model_label(pooled)), options)
    return save_picture(forest(record), save, record.title, description(pooled), table(pooled))


def forest_of_subgroups(result: Subgroups, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the trials by subgroup, with a pooled effect for each and for all, and the test of difference."""
    groups = tuple(
        ForestGroup(f"{label}", studies(part, part.rows, part.fit.weights), summary(part, "Subgroup"))
        for label, part in zip(result.labels, result.parts, strict=True)
    )
    record = _forest(
        result.overall,
        groups,
        summary(result.overall, _model_label(result.overall)),
        options | {"difference": result.difference},
    )
    tables = [table(part).assign(subgroup=str(label)) for label, part in zip(result.labels, result.parts, strict=True)]
    everything = pd.concat([*tables, table(result.overall).tail(1)], ignore_index=True)
    return save_picture(
        forest(record), save, record.title, f"{description(result.overall)} {result.difference}", everything
    )


def forest_of_series(series: Series, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw pooled effects one below the other: leave-one-out, or cumulative."""
    frame = series.frame
    columns = zip(frame["label"], frame["estimate"], frame["ci_low"], frame["ci_high"], strict=True)
    shown = series.pooled
    rows = tuple(
        ForestStudy(_text(label), *(_on_axis(shown, value) for value in values), shape="point", left=())
        for label, *values in columns
    )
    record = _forest(
        shown,
        (ForestGroup(None, rows),),
        summary(shown, "All trials"),
        {"columns": False, "label_heading": series.heading} | options,
    )
    return save_picture(forest(record), save, record.title, f"{series.heading}: {description(shown)}", frame)


def forest_of_shrunken(result: Shrunken, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the shrunken effects of the trials, with what each reported beside them."""
    answer, frame = result.answer, result.frame
    rows = tuple(
        ForestStudy(
            _text(row["study"]),
            *(_on_axis(answer, row[name]) for name in ("estimate", "ci_low", "ci_high")),
            left=("{} ({})".format(*result.reported(row)),),
            shape="point",
        )
        for row in frame.to_dict("records")
    )
    overall = None if result.pooled is None else summary(result.pooled, _model_label(result.pooled))
    heading = f"shrunken {_short(answer.measure.code)} ({format_level(result.fit.level)} CI)"
    words = {"columns": False, "left_headings": (("", "as reported"),), "effect_heading": heading} | options
    record = _forest(answer, (ForestGroup(None, rows),), overall, words)
    said = f"Shrunken effects of {count_noun(answer.k, 'trial')}, with what each reported beside them."
    return save_picture(forest(record), save, record.title, said, frame)


def _forest(
    pooled: Pooled | Regression, groups: tuple[ForestGroup, ...], overall: ForestSummary | None, options: dict[str, Any]
) -> Forest:
    question, measure = pooled.question, pooled.measure
    options = dict(options)
    with_columns = yes_or_no("columns", options.pop("columns", True))
    below, above = question.sides
    headings = column_headings(pooled) if with_columns else ()
    words = {
        "title": question.title,
        "axis_label": axis_label(question),
        "null": measure.null,
        "log": measure.is_ratio,
        "percent": measure.code in SHARES,
        "left_headings": headings,
        "effect_heading": f"{_short(measure.code)} ({format_level(pooled.fit.level)} CI)",
        "favours_low": below,
        "favours_high": above,
        "decimals": pooled.decimals,
        "power_decimals": pooled.precision.power_decimals,
        "footnotes": tuple(pooled.notes),
        "label_heading": "Trial" if question.comparator else "Study",
    }
    return record_with(Forest, {"groups": groups, "overall": overall}, words, options)


def _short(code: str) -> str:
    return {"GEN": "Effect", "PETO": "Peto OR"}.get(code, "Share" if code in SHARES else code)


def axis_label(question: Question) -> str:
    """Return the words below the axis: the measure and its unit."""
    label = MEASURES[question.measure].label
    if question.measure in SHARES:
        label = "share of patients"
    label = label[0].upper() + label[1:]
    return f"{label} ({question.unit})" if question.unit else label


def studies(pooled: Pooled, rows: pd.DataFrame, weights: Any) -> tuple[ForestStudy, ...]:
    """Return the rows of a forest plot for the trials of a pool."""
    shares = 100 * np.atleast_1d(np.asarray(weights, float))
    limits, told = study_limits(pooled, rows), told_by_arms(pooled.rows)
    return tuple(
        ForestStudy(_text(row["study"]), *limit, weight=float(share), left=cells(pooled, row, told))
        for row, limit, share in zip(rows.to_dict("records"), limits, shares, strict=True)
    )


def study_limits(pooled: Pooled, rows: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return estimate and limits of each trial on the scale of the axis: Wilson's for shares, else normal ones."""
    counts = _counts_of(rows) if pooled.measure.code in SHARES else None
    if counts is not None:
        events, total = counts
        low, high = wilson_interval(events=events, total=total)
        return [tuple(map(float, row)) for row in zip(events / total, low, high, strict=True)]
    half = 1.959963984540054 * rows["se"].to_numpy(float)
    centre = rows["estimate"].to_numpy(float)
    n = patients_of(rows) if pooled.measure.needs_n else [None] * len(rows)
    return [
        tuple(_on_axis(pooled, value, size) for value in (mid, mid - h, mid + h))
        for mid, h, size in zip(centre, half, n, strict=True)
    ]


def _counts_of(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray] | None:
    """Return events and patients of effects of one arm, each (k,); None where not every row tells them."""
    counted = "events" if {"events", "total"} <= set(rows) else "events_a"
    if counted not in rows or not {"total", "total_a"} & set(rows):
        return None
    events, total = floats_in(rows[counted]), patients_of(rows)
    return (events, total) if ((events >= 0) & (events <= total) & (total >= 1)).all() else None


def _on_axis(pooled: Pooled, value: float, n: float | None = None) -> float:
    """Return a value on the scale of the axis: logarithms stay, other transforms are undone."""
    measure = pooled.measure
    if measure.is_ratio or math.isnan(value):
        return float(value)
    return float(measure.shown(value, n=n)) if n is not None else pooled.shown(value)


def column_headings(pooled: Pooled) -> tuple[tuple[str, str], ...]:
    """Return the headings of the columns between label and plot: what each arm gave."""
    names = dict(zip(ARMS, (pooled.question.treatment, pooled.question.comparator), strict=True))
    headings: list[tuple[str, str]] = []
    for side, what in told_by_arms(pooled.rows):
        words = ("events/n",) if what == "events" else ("mean (SD)", "n")
        headings += [(names[side] or "", word) for word in words]
    return tuple(headings)


def told_by_arms(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return which arms tell events or means, as (arm, "events" or "mean")."""
    kinds = [(side, kind) for side in ARMS for kind in (("events", "total"), ("mean", "sd"))]
    told = {}
    for side, names in kinds:
        if side not in told and _told(rows, *(f"{name}_{side}" for name in names)):
            told[side] = names[0]
    return list(told.items())


def cells(pooled: Pooled, row: dict[str, Any], told: list[tuple[str, str]] | None = None) -> tuple[str, ...]:
    """Return the texts of a trial's columns, in the order of `column_headings`."""
    texts: list[str] = []
    for side, what in told_by_arms(pooled.rows) if told is None else told:
        if what == "events":
            texts.append(_count(row[f"events_{side}"], row[f"total_{side}"]))
        else:
            texts += [_mean(row[f"mean_{side}"], row[f"sd_{side}"]), _whole(row.get(f"n_{side}"))]
    return tuple(texts)


def _told(rows: pd.DataFrame, *names: str) -> bool:
    """Return whether columns are there, hold numbers, and say something of any trial."""
    return set(names) <= set(rows) and all(
        is_numeric_dtype(pd.Series(rows[name].dropna().to_list())) and rows[name].notna().any() for name in names
    )


def _count(events: Any, total: Any) -> str:
    return "" if pd.isna(events) else f"{events:.0f}/{total:.0f}"


def _mean(mean: Any, sd: Any) -> str:
    return "" if pd.isna(mean) else f"{format_number(mean, 1)} ({format_number(sd, 1)})"


def _whole(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.0f}"


def summary(pooled: Pooled, label: str) -> ForestSummary:
    """Return the diamond of a pooled effect."""
    fit = pooled.fit
    values = [_on_axis(pooled, value) for value in (fit.estimate, fit.ci_low, fit.ci_high)]
    prediction = (
        (None, None) if math.isnan(fit.pi_low) else (_on_axis(pooled, fit.pi_low), _on_axis(pooled, fit.pi_high))
    )
    words = {"pi_label": f"{format_level(fit.level)} prediction interval"}
    text = "" if label == ONE_TRIAL else heterogeneity_words(pooled)
    return ForestSummary(label, *values, *prediction, text=text, reason=_no_prediction(pooled), **words)


def _no_prediction(pooled: Pooled) -> str:
    if not math.isnan(pooled.fit.pi_low) or pooled.k == 1 or pooled.fit.model == "common":
        return ""
    return f"a prediction interval needs 3 trials; here are {pooled.k}"


def heterogeneity_words(pooled: Pooled) -> str:
    """Return τ, I² and Q in a line."""
    fit = pooled.fit
    if pooled.k == 1:
        return "one trial"
    q = f"Q({fit.q_df}) = {format_number(fit.q, 1)}, {format_p(fit.q_p)}"
    if fit.model == "common":
        return q
    return f"τ = {pooled.spread(fit.tau2)}, I² = {fit.i2:.0f}%, {q}"


def _model_label(pooled: Pooled) -> str:
    if pooled.k == 1:
        return ONE_TRIAL
    return "Common effect" if pooled.fit.model == "common" else f"Random effects ({pooled.fit.method})"


def description(pooled: Pooled) -> str:
    """Return what the picture shows, for people who do not see it."""
    return f"Forest plot of {count_noun(pooled.k, 'trial')}. {pooled.sentence()}"


def table(pooled: Pooled) -> pd.DataFrame:
    """Return the numbers of the picture: a row per trial and one for the pooled effect."""
    rows = pooled.rows
    limits = np.array(study_limits(pooled, rows), float).reshape(-1, 3)
    shown = np.exp(limits) if pooled.measure.is_ratio else limits
    columns = {"shown": shown[:, 0], "shown_low": shown[:, 1], "shown_high": shown[:, 2]}
    told = [name for name in TRIAL_COLUMNS if name in rows]
    trials = rows[[*told, "estimate", "se"]].assign(**columns, weight=np.atleast_1d(pooled.fit.weights))
    trials = trials.reindex(columns=[*trials.columns, *POOL_COLUMNS])
    return pd.DataFrame([*trials.to_dict("records"), _pool_row(pooled)])


def _pool_row(pooled: Pooled) -> dict[str, Any]:
    fit = pooled.fit
    shown = {"shown": fit.estimate, "shown_low": fit.ci_low, "shown_high": fit.ci_high}
    shown |= {"prediction_low": fit.pi_low, "prediction_high": fit.pi_high}
    numbers = {name: pooled.shown(value) for name, value in shown.items()}
    own = {"study": _model_label(pooled), "estimate": fit.estimate, "se": fit.se, "weight": 1.0}
    return own | numbers | {"tau2": fit.tau2, "i2": fit.i2}


def _text(label: Any) -> str:
    return str(label)


def joined(parts: Iterable[str] | Sequence[str]) -> str:
    """Return non-empty parts with a middle dot between them."""
    return " · ".join(part for part in parts if part)
