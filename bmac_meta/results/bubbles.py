"""Results as plots with bubbles: the record that a plot is drawn from, made from a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError
from bmac_meta.numbers import format_number, format_p
from bmac_meta.plots.bubble import Bubble, bubble, describe, table
from bmac_meta.results.forests import axis_label
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.results.regression import Regression

PLACES = 61


def bubble_of_regression(regression: Regression, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the trials against the one covariate of a regression, with the fitted line and its bands."""
    record = bubble_record(regression, options)
    return save_picture(bubble(record), save, record.title, describe(record), table(record))


def bubble_record(regression: Regression, options: dict[str, Any]) -> Bubble:
    """Return the record of a bubble plot; `options` replace its words."""
    column = _covariate(regression)
    rows, question = regression.rows, regression.question
    x = rows[column].to_numpy(float)
    across = np.linspace(x.min(), x.max(), PLACES)
    line = regression.predict(pd.DataFrame({column: across})).prediction
    below, above = question.sides
    words = {
        "title": question.title,
        "x_label": column.replace("_", " "),
        "y_label": axis_label(question),
        "null": None if regression.measure.null is None else regression.on_axis(regression.measure.null),
        "log": regression.measure.is_ratio,
        "favours_low": below,
        "favours_high": above,
        "subtitle": _summary(regression),
        "footnotes": ("Line with confidence band (dark) and prediction band (pale); area shows weight.",),
    }
    curves = {"line": "estimate", **{name: name for name in ("ci_low", "ci_high", "pi_low", "pi_high")}}
    data = {
        "x": tuple(x),
        "estimate": _axis(regression, rows["estimate"]),
        "weight": tuple(1 / (rows["se"].to_numpy(float) ** 2 + regression.fit.tau2)),
        "labels": tuple(rows["study"].astype(str)),
        "line_x": tuple(across),
        **{name: _axis(regression, getattr(line, field)) for name, field in curves.items()},
    }
    return record_with(Bubble, data, words, options)


def _covariate(regression: Regression) -> str:
    column = regression.design.continuous
    if column is None:
        named = ", ".join(regression.design.columns) or "no column"
        raise InputError(
            "A bubble plot shows effects against one continuous covariate; the formula "
            f"{regression.design.formula!r} has {named}. Regress on one column of numbers, or draw subgroups with by()."
        )
    return column


def _axis(regression: Regression, values: Any) -> tuple[float, ...]:
    return tuple(regression.on_axis(value) for value in np.asarray(values, dtype=float))


def _summary(regression: Regression) -> str:
    fit = regression.fit
    share = "" if np.isnan(fit.r2) else f", R² = {format_number(fit.r2, 0)}%"
    return f"{regression.design.formula.removeprefix('~').strip()}: {format_p(fit.omnibus_p)}{share}"
