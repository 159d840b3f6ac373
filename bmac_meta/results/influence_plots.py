"""Results as plots of influence: the records that Baujat, radial and GOSH plots are drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from bmac_meta.plots import gosh as goshes
from bmac_meta.plots import influence as baujats
from bmac_meta.plots import radial as radials
from bmac_meta.results.forests import axis_label
from bmac_meta.results.options import record_with
from bmac_meta.results.saving import save_picture

if TYPE_CHECKING:
    from bmac_meta.results.influence import Influence
    from bmac_meta.results.subsets import Gosh


def baujat_of_influence(result: Influence, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the Baujat plot of a result."""
    words = {
        "title": result.pooled.question.title,
        "x_label": "Contribution to Q",
        "y_label": "Influence on the pooled effect",
        "footnotes": ("Weights of a common effect, as published (Baujat 2002).",),
    }
    data = {
        "heterogeneity": tuple(result.heterogeneity.heterogeneity),
        "influence": tuple(result.heterogeneity.influence),
        "labels": _labels(result),
    }
    record = record_with(baujats.Baujat, data, words, options)
    picture = baujats.baujat(record)
    return save_picture(picture, save, record.title, baujats.describe(record), baujats.table(record))


def radial_of_influence(result: Influence, save: str | Path | None = None, **options: Any) -> Figure:
    """Draw the radial plot of a result: the slope of the line is the pooled effect, the band is ±1.96."""
    line, (below, above) = result.line, result.pooled.question.sides
    root = "√(v + τ²)" if line.tau2 > 0 else "√v"
    effect = f"{result.pooled.measure.code} {result.pooled.number(line.estimate)}"
    words = {
        "title": result.pooled.question.title,
        "x_label": f"Precision, 1/{root}",
        "y_label": f"Effect/{root}",
        "subtitle": f"slope of the line: {effect}; τ = {result.pooled.spread(line.tau2)}",
        "favours_low": below,
        "favours_high": above,
        "footnotes": ("About 95% of points are expected in the band, ±1.96 around the line; those outside are named.",),
    }
    data = {
        "precision": tuple(map(float, line.precision)),
        "standardized": tuple(map(float, line.standardized)),
        "slope": float(line.estimate),
        "labels": _labels(result),
    }
    record = record_with(radials.Radial, data, words, options)
    picture = radials.radial(record)
    return save_picture(picture, save, record.title, radials.describe(record), radials.table(record))


def gosh_of_subsets(
    result: Gosh, highlight: str | None = None, save: str | Path | None = None, **options: Any
) -> Figure:
    """Draw the GOSH plot of a result, the subsets with one trial in a color of their own."""
    pooled, fit = result.pooled, result.fit
    study = result.splits["study"].iloc[0] if highlight is None else highlight
    held = result.holds(study)[result.chosen]
    words = {
        "title": pooled.question.title,
        "x_label": axis_label(pooled.question),
        "subtitle": f"{len(held):,} subsets of {pooled.k} trials",
    }
    data = {
        "estimate": fit.estimate[result.chosen],
        "i2": fit.i2[result.chosen] / 100,
        "highlighted": held,
        "highlighted_label": study,
        "center": float(pooled.fit.estimate),
        "log": pooled.measure.is_ratio,
    }
    record = record_with(goshes.Gosh, data, words, options)
    return save_picture(goshes.gosh(record), save, record.title, goshes.describe(record), goshes.table(record))


def _labels(result: Influence) -> tuple[str, ...]:
    return tuple(result.pooled.rows["study"].astype(str))
