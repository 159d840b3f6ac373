"""Judgements of bias as traffic lights that do not depend on color: each has a glyph of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bmac_meta.plots.marks import Mark, disc, written

GLYPHS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"low": ("+", "paper"), "some": ("?", "ink"), "high": ("×", "paper"), "none": ("–", "ink")}
)
"""Glyph of every judgement and the role of its color."""
OPERATOR_LIFT = 0.05
"""Signs such as + stand lower than the middle of capitals by this share of the type size."""
WORDS: Mapping[str, str] = MappingProxyType(
    {"low": "low risk", "some": "some concerns or unclear", "high": "high risk", "none": "no judgement"}
)


def judgement(word: str, x: float, y: float, diameter: float, **looks: Any) -> Iterator[Mark]:
    """Make the disc of a judgement ("low", "some", "high", "none") with its glyph."""
    glyph, role = GLYPHS[word]
    size = diameter * 0.86
    lift = 0.0 if glyph == "?" else OPERATOR_LIFT * size
    yield disc("judgement", x, y, diameter, role=word, **looks)
    yield written("glyph", glyph, x, y - lift, size, role=role, align="center", bold=True, **looks)
