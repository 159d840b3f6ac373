"""Laws of the figures of bias."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.plots.judgements import GLYPHS
from bmac_meta.plots.risk_of_bias import RiskOfBias, bias_bars_layout, shares, table, traffic_lights_layout

DOMAINS = ("Randomization", "Deviations from the intended intervention", "Overall")
judged = st.lists(st.tuples(*[st.sampled_from(["low", "some", "high", "none"])] * 3), min_size=1, max_size=25)


def bias(rows, **fields):
    """Return a figure of bias of some rows of judgements."""
    return RiskOfBias("Bias", DOMAINS, tuple(f"Trial {i}" for i in range(len(rows))), tuple(rows), **fields)


@settings(deadline=None, max_examples=40)
@given(judged)
def test_every_judgement_is_a_light_with_the_glyph_of_its_own(rows):
    plan = traffic_lights_layout(bias(rows))
    lights = [mark for mark in plan.of_kind("judgement") if mark.row is not None]
    glyphs = [mark for mark in plan.of_kind("glyph") if mark.row is not None]
    assert [mark.role for mark in lights] == [word for row in rows for word in row]
    assert [mark.text for mark in glyphs] == [GLYPHS[word][0] for row in rows for word in row]


@settings(deadline=None, max_examples=40)
@given(judged, st.booleans())
def test_the_parts_of_a_bar_fill_the_axis_and_follow_the_weights(rows, weighted):
    record = bias(rows, weights=tuple(1.0 + i % 4 for i in range(len(rows))) if weighted else ())
    plan = bias_bars_layout(record)
    axis = plan.of_kind("axis")[0]
    for domain in range(3):
        parts = [mark for mark in plan.of_kind("bar") if mark.row == domain]
        lengths = [max(mark.x) - min(mark.x) for mark in parts]
        assert sum(lengths) == pytest.approx(axis.x[1] - axis.x[0])
        assert [length / sum(lengths) for length in lengths] == pytest.approx(list(shares(record, domain).values()))


def test_shares_are_by_weight():
    record = bias([("low", "low", "low"), ("high", "low", "some")], weights=(3.0, 1.0))
    assert shares(record, 0) == {"low": 0.75, "high": 0.25}


@pytest.mark.parametrize("layout", [traffic_lights_layout, bias_bars_layout])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_texts_keep_apart_and_nothing_leaves_the_figure(layout, width, drawn_boxes, collisions):
    rows = [("low", "some", "high"), ("none", "low", "low")] * 6
    plan = layout(bias(rows, subtitle="RoB 2", footnotes=("A note.",)), width)
    assert collisions(drawn_boxes(plan)) == []
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height


def test_the_glyphs_differ():
    assert len({glyph for glyph, _ in GLYPHS.values()}) == len(GLYPHS)


def test_the_table_has_a_column_for_each_domain():
    assert table(bias([("low", "some", "high")])).iloc[0].tolist() == ["Trial 0", "low", "some", "high"]


def test_the_description_counts_the_last_domain():
    plan = traffic_lights_layout(bias([("low", "low", "high"), ("low", "low", "low")]))
    assert "Overall: 1 low risk, 1 high risk" in plan.description


def test_unknown_judgements_are_refused_with_the_known_ones():
    with pytest.raises(UnknownWordError, match="Known: low, some, high, none"):
        bias([("low", "unclear", "high")])


@pytest.mark.parametrize("weights", [(1.0, 2.0), (-1.0,), (0.0,)])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(InputError, match="one weight per trial"):
        bias([("low", "low", "low")], weights=weights)
