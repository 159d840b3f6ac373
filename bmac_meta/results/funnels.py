"""Results as funnel and albatross plots: the records that they are drawn from, made from a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from bmac_meta import stats
from bmac_meta.numbers import count_noun, format_p
from bmac_meta.plots import albatross as albatrosses
from bmac_meta.plots.funnel import Funnel, describe, funnel, table
from bmac_meta.results.forests import axis_label
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.results.doubts import Doubts
    from bmac_meta.results.p_values import Albatross


def funnel_of_doubts(doubts: Doubts, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the trials as a funnel, with the contours of significance and what trim-and-fill adds."""
    record = funnel_record(doubts, options)
    return save_picture(funnel(record), save, record.title, describe(record), table(record))


def funnel_record(doubts: Doubts, options: dict[str, Any]) -> Funnel:
    """Return the record of a funnel plot; `options` replace its words."""
    pooled = doubts.pooled
    center, null = float(pooled.fit.estimate), pooled.measure.null
    below, above = pooled.question.sides
    estimate, precision = _filled(doubts["trim and fill"])
    words = {
        "title": pooled.question.title,
        "x_label": axis_label(pooled.question),
        "favours_low": below,
        "favours_high": above,
        "subtitle": _summary(doubts),
        "contours": null is not None,
        "log": pooled.measure.is_ratio,
    }
    data = {
        "estimate": tuple(pooled.rows["estimate"].astype(float)),
        "precision": tuple(pooled.rows["se"].astype(float)),
        "center": center,
        "labels": tuple(pooled.rows["study"].astype(str)),
        "null": center if null is None else null,
        "imputed_estimate": estimate,
        "imputed_precision": precision,
        "regression": _line(doubts["Egger"]),
    }
    return record_with(Funnel, data, words, options)


def _filled(answer: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not isinstance(answer, stats.TrimAndFill):
        return (), ()
    added = np.isfinite(answer.filled_estimate)
    return tuple(answer.filled_estimate[added]), tuple(np.sqrt(answer.filled_variance[added]))


def _line(answer: Any) -> tuple[float, float] | None:
    """Return the regression line where it runs against the standard error, which the plot shows."""
    if isinstance(answer, stats.FunnelRegression) and answer.predictor == "standard error":
        return answer.limit, answer.slope
    return None


def _summary(doubts: Doubts) -> str:
    egger, filled = doubts["Egger"], doubts["trim and fill"]
    if not isinstance(egger, stats.FunnelRegression):
        return egger.reason
    added = f"; trim and fill adds {count_noun(filled.filled, 'trial')}" if hasattr(filled, "filled") else ""
    return f"Egger {format_p(egger.p_value)}{added}"


def albatross_of_p_values(result: Albatross, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw sizes of trials against their p values, with the contours of some effects."""
    fit, (below, above) = result.fit, result.question.sides
    contours = [
        albatrosses.Contour(f"{fit.measure} {effect:.3g}", tuple(map(float, sizes)))
        for effect, sizes in zip(fit.effects, fit.contour_size, strict=True)
    ]
    words = {"title": result.question.title, "favours_low": below, "favours_high": above}
    data = {
        "log10_p": tuple(map(float, fit.log10_p)),
        "size": tuple(map(float, fit.size)),
        "labels": tuple(result.rows["study"].astype(str)),
        "contour_log10_p": tuple(map(float, fit.contour_log10_p)),
        "contours": tuple(contours),
    }
    record = record_with(albatrosses.Albatross, data, words, options)
    picture, told = albatrosses.albatross(record), albatrosses.describe(record)
    return save_picture(picture, save, record.title, told, albatrosses.table(record))
