"""What the tests of figures share: a forest plot with everything on it, and boxes of drawn texts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy, ForestSummary
from bmac_meta.plots.ink import draw
from bmac_meta.plots.marks import Layout
from bmac_meta.plots.style import house_style

Box = tuple[float, float, float, float]
DPI = 144
SLACK = 0.34


@pytest.fixture(scope="session")
def everything() -> Forest:
    """Return a forest plot that uses every part of the record."""
    studies = (
        ForestStudy("Shapiro 2017", -0.11, -0.67, 0.45, 12.1, ("3.1 (2.0)", "25"), ("low", "some"), note="paired"),
        ForestStudy("Hernigou 2021", -0.62, -0.98, -0.26, 49.9, ("2.4 (1.7)", "60"), ("high", "low")),
        ForestStudy("Boffa 2022", -0.18, -9.0, 9.0, 8.3, ("28.1 (12.9)", "40"), ("low", "low"), note="SD from CI"),
    )
    later = (
        ForestStudy("Anz 2020", 0.08, -0.35, 0.51, 29.7, ("19.9 (15.0)", "45"), ("none", "low"), note="paired"),
        ForestStudy("Le Nail 2014", float("nan"), float("nan"), float("nan"), None, ("NR", "39"), reason="no spread"),
    )
    first = ForestSummary("Subtotal", -0.33, -0.62, -0.06, -1.2, 0.5, text="τ = 0.29; I² = 61%")
    overall = ForestSummary(
        "All trials", -0.21, -0.52, 0.06, -1.0, 0.6, text="τ = 0.21; I² = 51%", left=("", "170"), weight=100.0
    )
    return Forest(
        "Pain at 12 months",
        (
            ForestGroup("Early", studies, first),
            ForestGroup("Late", later, None, "One estimate: nothing to pool."),
        ),
        overall,
        axis_label="Standardized mean difference",
        null=0.0,
        left_headings=(("BMAC", "Mean (SD)"), ("BMAC", "n")),
        effect_heading="SMD (95% CI)",
        favours_low="BMAC",
        favours_high="HA",
        references=((-0.37, "important"), (0.37, None)),
        footnotes=("D1 randomization; D2 missing data.",),
        subtitle="Random effects",
        mark_headings=("D1", "D2"),
        difference="Test of difference: Q(1) = 1.20, p = .273",
    )


@pytest.fixture(scope="session")
def drawn_boxes() -> Callable[[Layout], list[tuple[str, Box]]]:
    """Return a function that draws a layout and gives every text with its drawn box in points.

    This does not use the package's own measuring: the box comes from matplotlib's Agg renderer.
    """

    def boxes(layout: Layout) -> list[tuple[str, Box]]:
        figure = draw(layout)
        figure.set_dpi(DPI)
        with house_style():
            renderer = FigureCanvasAgg(figure).get_renderer()
            extents = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.axes[0].texts]
        return [(text, _in_points(box, layout.height)) for text, box in extents]

    return boxes


def _in_points(box: Bbox, height: float) -> Box:
    scale = 72 / DPI
    return box.x0 * scale, height - box.y1 * scale, box.x1 * scale, height - box.y0 * scale


@pytest.fixture(scope="session")
def collisions() -> Callable[[list[tuple[str, Box]]], list[tuple[str, str]]]:
    """Return a function that names the pairs of texts whose boxes share more than a third of a point."""

    def pairs(boxes: list[tuple[str, Box]]) -> list[tuple[str, str]]:
        edges = np.array([box for _, box in boxes])
        left, top, right, bottom = edges.T
        across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
        down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
        first, second = np.nonzero(np.triu((across > SLACK) & (down > SLACK), 1))
        return [(boxes[i][0], boxes[j][0]) for i, j in zip(first, second, strict=True)]

    return pairs
