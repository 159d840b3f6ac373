"""Laws of the albatross plot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.plots.albatross import Albatross, Contour, layout, table

points = st.lists(st.tuples(st.floats(-30, 30), st.floats(4, 1e6)), min_size=1, max_size=40)
GRID = tuple(0.1 * step for step in range(1, 60))


def albatross_of(pairs, **words):
    """Return an albatross plot of (signed −log₁₀ p, size) pairs with two contours."""
    names = tuple(f"Trial number {place}" for place in range(len(pairs)))
    contours = tuple(Contour(f"SMD {effect}", tuple(20 * x / effect**2 for x in GRID)) for effect in (0.2, 0.8))
    sizes = tuple(size for _, size in pairs)
    return Albatross("Albatross", tuple(x for x, _ in pairs), sizes, names, GRID, contours, **words)


@settings(deadline=None, max_examples=60)
@given(points)
def test_nothing_leaves_the_figure(pairs):
    plan = layout(albatross_of(pairs, favours_low="BMAC", favours_high="HA"))
    frame = plan.table
    assert frame[["left", "top"]].min().min() >= 0
    assert frame["right"].max() <= plan.width
    assert frame["bottom"].max() <= plan.height
    assert len(plan.of_kind("point")) == len(pairs)


def test_contours_are_mirror_images():
    plan = layout(albatross_of([(-2.0, 100.0), (1.0, 500.0)]))
    left, right = plan.of_kind("contour")[:2]
    middle = plan.of_kind("null_line")[0].x[0]
    assert [middle - x for x in left.x] == pytest.approx([x - middle for x in right.x])
    assert left.y == right.y


def test_larger_trials_stand_higher_and_effects_stand_on_their_side():
    plan = layout(albatross_of([(-2.0, 100.0), (1.0, 500.0)]))
    first, second = plan.of_kind("point")
    assert first.y[0] > second.y[0]
    assert first.x[0] < plan.of_kind("null_line")[0].x[0] < second.x[0]


def test_texts_keep_apart(drawn_boxes, collisions):
    pairs = [((-1) ** place * 0.4 * place, 20.0 * (place + 1) ** 2) for place in range(12)]
    assert collisions(drawn_boxes(layout(albatross_of(pairs, favours_low="A", favours_high="B")))) == []


def test_the_table_has_a_row_per_trial():
    assert table(albatross_of([(-2.0, 100.0), (1.0, 500.0)]))["size"].tolist() == [100.0, 500.0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"labels": ()}, "a name for each trial"),
        ({"size": (0.0,)}, "above 0"),
        ({"contours": (Contour("SMD", (1.0,)),)}, "one size for each"),
        ({"contours": (Contour("SMD", GRID),) * 5}, "tell 4 contours apart"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, what):
    fields = {"log10_p": (1.0,), "size": (50.0,), "labels": ("A",), "contour_log10_p": GRID}
    with pytest.raises(InputError, match=what):
        Albatross("Albatross", **(fields | change))
