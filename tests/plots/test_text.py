"""Text as it is set: measured like the renderer, wrapped within its width, cleaned of what is not drawn."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from bmac_meta.plots.text import ELLIPSIS, clean, elide, font_file, measure, outlined, wrap

anything = st.text(max_size=120)
latin = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ 0123456789.,()−%", min_size=1, max_size=60)


@settings(deadline=None)
@given(anything)
def test_clean_text_is_one_line_that_xml_can_hold(text):
    cleaned = clean(text)
    assert cleaned.splitlines() in ([], [cleaned])
    escaped = cleaned.replace("&", "&amp;").replace("<", "&lt;")
    assert (ElementTree.fromstring(f"<a>{escaped}</a>").text or "") == cleaned


@settings(deadline=None)
@given(anything)
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


def test_marks_that_reverse_the_direction_are_taken_away():
    assert clean("abc\u202edef\u2066ghi") == "abcdefghi"


@settings(deadline=None)
@given(latin, st.sampled_from([6.6, 7.5, 10.0]), st.booleans())
def test_the_width_is_the_one_that_the_renderer_draws(text, size, bold):
    text = text.strip() or "x"
    font = FontProperties(fname=font_file(bold), size=size)
    drawn, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    # the renderer leaves out the space beside the last letter and tightens pairs such as "AV" and "fi"
    assert measure(text, size, bold) >= drawn - 0.05 * size
    assert measure(text, size, bold) == pytest.approx(drawn, rel=0.12, abs=0.35 * size)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_with_as_many_digits_are_equally_wide(first, second):
    texts = (f"{first:010d}", f"{second:010d}")
    assert measure(texts[0], 7.5) == measure(texts[1], 7.5)


@settings(deadline=None)
@given(anything, st.floats(20, 300), st.sampled_from([None, 1, 2, 3]))
def test_wrapped_lines_fit_and_are_not_too_many(text, width, lines):
    wrapped = wrap(text, width, 7.5, lines=lines)
    assert lines is None or len(wrapped) <= lines
    assert all(measure(line, 7.5) <= width for line in wrapped)


@settings(deadline=None)
@given(anything, st.floats(20, 300))
def test_wrapping_without_a_limit_loses_no_letter(text, width):
    def letters(lines):
        return "".join(lines).replace(" ", "").replace("\u00a0", "")

    assert letters(wrap(text, width, 7.5)) == letters([clean(text)])


@settings(deadline=None)
@given(anything, st.floats(20, 300))
def test_elided_text_fits_and_ends_in_an_ellipsis_only_where_it_was_cut(text, width):
    text = clean(text)
    short = elide(text, width, 7.5)
    assert measure(short, 7.5) <= width
    assert short == text or short.endswith(ELLIPSIS)


def test_a_number_is_not_parted_from_its_sign_of_equality():
    for width in range(30, 120, 3):
        assert not any(line.startswith(("=", ".025")) for line in wrap("Q(5) = 12.8, p = .025", width, 6.6))


def test_a_last_line_is_not_left_with_a_single_short_word():
    lines = wrap("No prediction interval: it needs 3 trials; here are 2.", 165.0, 6.6)
    assert len(lines[-1].split(" ")) > 1


def test_the_font_has_the_letters_of_europe_and_the_signs_that_figures_use():
    assert outlined("áéíóúñçßøåčłżğ Ελληνικά Кириллица τ² ± ≤ ≥ × − ← → ↑ ↓ … – · √")
    assert not outlined("中")
