"""Colors that can be told apart: by people with color-vision deficiencies, in grey, and from the paper."""

from __future__ import annotations

import pytest

from bmac_meta.plots.style import ROLES, color_of


def luminance(color: str) -> float:
    """Return the relative luminance of an sRGB color (WCAG 2.1, definition of relative luminance)."""
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors (WCAG 2.1)."""
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("role", ["ink", "soft", "grey", "accent"])
def test_text_has_the_contrast_that_wcag_asks_for(role):
    assert contrast(ROLES[role], ROLES["paper"]) >= 4.5


def test_the_answer_and_its_prediction_bar_can_be_told_apart_in_grey():
    assert contrast(color_of("accent"), color_of("accent", 0.7)) >= 3.0
    assert contrast(color_of("accent", 0.35), color_of("accent", 0.7)) >= 1.5
    assert contrast(color_of("accent"), ROLES["ink"]) >= 2.0


def test_judgements_have_the_colors_of_okabe_and_ito():
    assert [ROLES[word] for word in ("low", "some", "high")] == ["#0072b2", "#f0e442", "#d55e00"]


def test_mixing_with_white_ends_at_white():
    assert color_of("ink", 1.0) == "#ffffff"
    assert color_of("ink", 0.0) == ROLES["ink"]
