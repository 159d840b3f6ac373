"""Laws of the forest plot, on its table of marks and on what the renderer makes of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.plots.forest import Forest, ForestGroup, ForestStudy, ForestSummary, forest, layout, table
from bmac_meta.plots.forest_axis import limits
from bmac_meta.plots.labels import overlap
from bmac_meta.plots.marks import Layout, Mark

SYMBOLS = (
    "interval",
    "square",
    "point",
    "diamond",
    "arrow",
    "prediction_bar",
    "prediction_arrow",
    "judgement",
)
ROUNDING = 1e-6
"""Points; positions are sums of a few dozen floating point numbers of size 1000."""


def mixed(count: int, label: Callable[[int], str] = "Study {}".format, **fields: object) -> tuple[ForestStudy, ...]:
    """Return studies with estimates on both sides of zero and unequal weights."""
    return tuple(
        ForestStudy(label(i), math.sin(i), math.sin(i) - 0.2 - i % 3, math.sin(i) + 0.2 + i % 3, 1.0 + i % 7, **fields)
        for i in range(count)
    )


def plain(studies: tuple[ForestStudy, ...], **fields: object) -> Forest:
    """Return a forest plot of some studies with both sides named."""
    return Forest("Title", (ForestGroup(studies=studies),), null=0.0, favours_low="A", favours_high="B", **fields)


def by_row(plan: Layout, *kinds: str) -> dict[int | None, list[Mark]]:
    """Return the marks of some kinds by their row."""
    rows: dict[int | None, list[Mark]] = {}
    for mark in plan.of_kind(*kinds):
        rows.setdefault(mark.row, []).append(mark)
    return rows


numbers = st.floats(-4, 4).map(lambda value: round(value, 3))
widths = st.floats(0.01, 6).map(lambda value: round(value, 3))
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=70)
latin = st.text("abcdefghij klmnopqrstuvwxyz-ÄÖüéñ0123456789 ", max_size=60)


@st.composite
def studies(draw: st.DrawFn, labels: st.SearchStrategy[str] = latin) -> ForestStudy:
    """Draw a study, now and then without an interval or without an estimate."""
    estimate, low, high = draw(numbers), draw(widths), draw(widths)
    kind = draw(st.sampled_from(["whole"] * 8 + ["unbounded", "no interval", "no estimate"]))
    limits = {"whole": (estimate - low, estimate + high), "unbounded": (estimate - low, math.inf)}
    nothing = (math.nan, math.nan)
    return ForestStudy(
        draw(labels),
        math.nan if kind == "no estimate" else estimate,
        *limits.get(kind, nothing),
        weight=None if kind == "no estimate" else draw(st.floats(0.1, 100)),
        left=(draw(st.text("0123456789().−", max_size=12)), draw(latin)),
        marks=draw(st.sampled_from([(), ("low", "high")])),
        note=draw(st.sampled_from(["", "", "a note", "another note that is rather long"])),
    )


@st.composite
def summaries(draw: st.DrawFn) -> ForestSummary:
    """Draw a pooled estimate with or without a prediction interval that contains its interval."""
    estimate, low, high, more = draw(numbers), draw(widths), draw(widths), draw(widths)
    limits = estimate - low, estimate + high
    predicted = draw(st.sampled_from([(None, None), (limits[0] - more, limits[1] + more)]))
    text = draw(st.sampled_from(["", "τ = 0.29 (0.05 to 0.81); I² = 61%; Q(5) = 12.8, p = .025"]))
    return ForestSummary(draw(latin), estimate, *limits, *predicted, text=text, reason="too few trials")


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """Draw a forest plot with groups, subtotals, an overall estimate, references and judgements."""
    groups = st.builds(
        ForestGroup,
        st.none() | latin,
        st.lists(studies(), min_size=1, max_size=7).map(tuple),
        st.none() | summaries(),
        st.none() | latin,
    )
    return Forest(
        draw(latin),
        tuple(draw(st.lists(groups, min_size=1, max_size=3))),
        draw(st.none() | summaries()),
        axis_label=draw(latin),
        null=draw(st.sampled_from([None, 0.0])),
        log=draw(st.booleans()),
        left_headings=draw(
            st.sampled_from([(("BMAC", "Mean (SD)"), ("BMAC", "n")), (("", "Events / total"), ("", "x"))])
        ),
        favours_low=draw(st.none() | latin),
        favours_high=draw(st.none() | latin),
        references=draw(st.sampled_from([(), ((-0.4, "important"), (0.4, "important")), ((0.1, None),)])),
        footnotes=draw(st.sampled_from([(), ("A footnote.",)])),
        subtitle=draw(latin),
        mark_headings=("D1", "D2"),
        difference=draw(st.sampled_from(["", "Test of difference: Q(1) = 1.20, p = .273"])),
    )


slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestNothingOverlapsOrClips:
    @pytest.mark.parametrize("count", [1, 2, 30, 80])
    def test_texts_keep_apart_and_inside_with_any_number_of_rows(self, count, drawn_boxes, collisions):
        plan = layout(plain(mixed(count, lambda i: f"Fernández-de-las-Peñas and colleagues {i} (NCT0123456)")))
        boxes = drawn_boxes(plan)
        assert collisions(boxes) == []
        assert_inside(boxes, plan)

    def test_texts_keep_apart_where_everything_is_shown(self, everything, drawn_boxes, collisions):
        plan = layout(everything)
        boxes = drawn_boxes(plan)
        assert collisions([box for box in boxes if box[0] not in "+?×–"]) == []
        assert_inside(boxes, plan)

    @settings(slow, max_examples=12)
    @given(forests())
    def test_texts_keep_apart_in_random_figures(self, drawn_boxes, collisions, record):
        plan = layout(record)
        boxes = [box for box in drawn_boxes(plan) if box[0]]
        assert collisions(boxes) == []
        assert_inside(boxes, plan)

    @slow
    @given(forests(), st.sampled_from([3.5, 5.0, 7.1, 12.0]))
    def test_every_mark_lies_within_the_figure_at_any_width(self, record, width):
        plan = layout(record, width)
        frame = plan.table
        assert frame["left"].min() >= 0
        assert frame["top"].min() >= 0
        assert frame["right"].max() <= plan.width
        assert frame["bottom"].max() <= plan.height

    @slow
    @given(st.lists(studies(words), min_size=1, max_size=5).map(tuple))
    def test_texts_in_any_script_are_measured_apart(self, rows):
        plan = layout(plain(rows, left_headings=(("", "a"), ("", "b")), mark_headings=("D1", "D2")))
        boxes = [mark.box for mark in plan.marks if mark.shape == "text" and mark.text and mark.kind != "glyph"]
        for number, first in enumerate(boxes):
            for second in boxes[number + 1 :]:
                apart = first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]
                assert apart, (first, second)

    @slow
    @given(forests())
    def test_no_symbol_covers_a_text(self, record):
        plan = layout(record)
        texts = [mark.box for mark in plan.marks if mark.shape == "text" and mark.text and mark.kind != "glyph"]
        for symbol in plan.of_kind(*SYMBOLS):
            assert not any(overlap(symbol.box, text) for text in texts), symbol

    def test_a_long_reason_is_wrapped_to_two_lines_beside_the_plot(self):
        reason = "reported as a percentage of the baseline value without any spread"
        plan = layout(plain((*mixed(2), ForestStudy("A", math.nan, math.nan, math.nan, reason=reason))))
        shown = plan.of_kind("reason")
        assert len(shown) == 2
        assert all(mark.box[0] > plan.of_kind("axis")[0].x[1] for mark in shown)
        assert {mark.full_text for mark in shown} == {reason}

    def test_a_label_that_does_not_fit_on_two_lines_is_elided_and_kept_whole_in_the_table(self):
        label = "A very long label that tells the name of every author of the trial " * 4
        plan = layout(plain((ForestStudy(label, 0.1, -0.2, 0.4, 100.0),)))
        shown = [mark for mark in plan.of_kind("label") if mark.row == 0]
        assert len(shown) == 2
        assert shown[-1].text.endswith("…")
        assert {mark.full_text for mark in shown} == {label.strip()}
        assert table(plain((ForestStudy(label, 0.1, -0.2, 0.4),)))["label"].tolist() == [label]

    def test_the_figure_grows_where_the_columns_leave_no_room_for_the_plot(self):
        headings = tuple(("Group", f"Column {i}") for i in range(9))
        study = ForestStudy("A", 0.1, -0.2, 0.4, left=("123.4 (56.7)",) * 9)
        plan = layout(plain((study,), left_headings=headings))
        axis = plan.of_kind("axis")[0]
        assert plan.width > 7.1 * 72
        assert axis.x[1] - axis.x[0] >= 128 - ROUNDING


def assert_inside(boxes: list[tuple[str, tuple[float, float, float, float]]], plan: Layout) -> None:
    """Assert that every box lies within the figure."""
    for text, (left, top, right, bottom) in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= plan.width, text
        assert bottom <= plan.height, text


class TestStudies:
    @slow
    @given(forests())
    def test_every_estimate_has_one_symbol_or_leaves_the_axis_in_an_arrow(self, record):
        plan = layout(record)
        low, high = limits(record)
        symbols, arrows = by_row(plan, "square", "point"), by_row(plan, "arrow")
        for row, study in drawn_rows(plan, record):
            inside = low <= study.estimate <= high
            assert len(symbols.get(row, [])) == inside
            assert inside or arrows[row]

    @slow
    @given(forests())
    def test_every_interval_is_a_line_over_its_limits_with_an_arrow_where_it_leaves_the_axis(self, record):
        plan = layout(record)
        low, high = limits(record)
        lines, arrows = by_row(plan, "interval"), by_row(plan, "arrow")
        left, right = plan.of_kind("axis")[0].x
        for row, study in drawn_rows(plan, record):
            if math.isnan(study.ci_low):
                continue
            left_out = (study.ci_low < low) + (study.ci_high > high)
            assert len(arrows.get(row, [])) == left_out
            for line in lines.get(row, []):
                assert line.x[0] == pytest.approx(left if study.ci_low <= low else at(plan, study.ci_low, low, high))
                assert line.x[1] == pytest.approx(
                    right if study.ci_high >= high else at(plan, study.ci_high, low, high)
                )

    def test_areas_of_squares_are_proportional_to_weights(self):
        rows = mixed(7)
        squares = layout(plain(rows)).of_kind("square")
        areas = [(max(mark.x) - min(mark.x)) * (max(mark.y) - min(mark.y)) for mark in squares]
        ratios = [area / study.weight for area, study in zip(areas, rows, strict=True)]
        assert ratios == pytest.approx([ratios[0]] * 7, rel=1e-9)

    def test_squares_stand_in_the_order_of_the_estimates(self):
        rows = mixed(9)
        centers = [sum(mark.x) / 4 for mark in layout(plain(rows)).of_kind("square")]
        by_estimate = sorted(range(9), key=lambda i: rows[i].estimate)
        assert sorted(range(9), key=lambda i: centers[i]) == by_estimate

    def test_an_interval_inside_its_square_stays_visible(self):
        rows = (ForestStudy("A", 0.0, -0.001, 0.001, 90.0), ForestStudy("B", 0.5, 0.2, 0.8, 10.0))
        inside = layout(plain(rows)).of_kind("inside")
        assert [mark.role for mark in inside] == ["paper"]

    def test_a_tiny_square_keeps_a_visible_center(self):
        rows = (ForestStudy("A", 0.0, -0.2, 0.2, 99.9), ForestStudy("B", 0.5, 0.2, 0.8, 0.1))
        assert [mark.row for mark in layout(plain(rows)).of_kind("center")] == [1]

    def test_a_study_without_an_estimate_says_so_in_words(self):
        row = ForestStudy("A", math.nan, math.nan, math.nan, reason="percentage only")
        plan = layout(plain((row, *mixed(2))))
        assert [mark.text for mark in plan.of_kind("reason")] == ["percentage only"]
        assert 0 not in by_row(plan, "square", "point", "interval", "estimate")

    def test_the_order_of_rows_does_not_move_a_symbol_sideways(self):
        rows = mixed(6)
        forwards = [mark.x for mark in layout(plain(rows)).of_kind("square")]
        backwards = [mark.x for mark in layout(plain(rows[::-1])).of_kind("square")]
        assert backwards[::-1] == forwards

    def test_points_of_pooled_rows_are_all_of_one_size(self):
        rows = tuple(replace(study, shape="point") for study in mixed(4))
        assert {mark.size for mark in layout(plain(rows)).of_kind("point")} == {5.0}


def drawn_rows(plan: Layout, record: Forest) -> list[tuple[int, ForestStudy]]:
    """Return the studies with an estimate and the number of their row."""
    rows = [mark.row for mark in plan.of_kind("estimate") if not mark.bold]
    return list(zip(rows, [s for s in record.studies if not math.isnan(s.estimate)], strict=True))


def at(plan: Layout, value: float, low: float, high: float) -> float:
    """Return where a value stands if the axis is straight from its lower to its upper limit."""
    left, right = plan.of_kind("axis")[0].x
    return left + (right - left) * (value - low) / (high - low)


class TestSummaries:
    @slow
    @given(forests())
    def test_a_diamond_spans_its_interval_with_its_thickest_place_at_the_estimate(self, record):
        plan = layout(record)
        low, high = limits(record)
        for diamond, summary in zip(plan.of_kind("diamond"), record.summaries, strict=True):
            assert min(diamond.x) == pytest.approx(at(plan, max(summary.ci_low, low), low, high))
            assert max(diamond.x) == pytest.approx(at(plan, min(summary.ci_high, high), low, high))
            thickest = diamond.x[diamond.y.index(min(diamond.y))]
            assert thickest == pytest.approx(at(plan, summary.estimate, low, high))

    @slow
    @given(forests())
    def test_a_prediction_bar_reaches_at_least_as_far_as_its_diamond(self, record):
        plan = layout(record)
        bars = by_row(plan, "prediction_bar")
        diamonds = by_row(plan, "diamond")
        predicted = [summary for summary in record.summaries if summary.pi_low is not None]
        assert len(bars) == len(predicted)
        for row, (bar,) in bars.items():
            assert min(bar.x) <= min(diamonds[row][0].x) + ROUNDING
            assert max(bar.x) >= max(diamonds[row][0].x) - ROUNDING

    def test_the_bar_is_drawn_before_its_diamond(self, everything):
        kinds = [mark.kind for mark in layout(everything).marks]
        assert kinds.index("prediction_bar") < kinds.index("diamond")

    def test_without_a_prediction_interval_the_reason_stands_in_its_place(self):
        summary = ForestSummary("All", 0.1, -0.1, 0.3, reason="A prediction interval needs 3 trials; here are 2.")
        plan = layout(plain(mixed(2), overall=summary))
        said = " ".join(mark.text for mark in plan.of_kind("label")).replace("\u00a0", " ")
        assert summary.reason in said
        assert not plan.of_kind("prediction_bar")

    def test_a_diamond_that_leaves_the_axis_is_cut_and_ends_in_an_arrow(self):
        summary = ForestSummary("All", 0.0, -90.0, 90.0)
        plan = layout(plain(mixed(2), overall=summary))
        left, right = plan.of_kind("axis")[0].x
        diamond = plan.of_kind("diamond")[0]
        assert (min(diamond.x), max(diamond.x)) == pytest.approx((left, right))
        assert len([mark for mark in plan.of_kind("arrow") if mark.role == "accent"]) == 2

    def test_only_the_overall_answer_has_the_full_accent(self, everything):
        subtotal, overall = layout(everything).of_kind("diamond")
        assert (subtotal.role, overall.role) == ("accent", "accent")
        assert subtotal.tint > overall.tint == 0


class TestAxis:
    def test_favours_labels_stand_on_their_own_side_of_the_null(self):
        plan = layout(plain(mixed(5)))
        null = plan.of_kind("null_line")[0].x[0]
        assert all(mark.box[2] <= null for mark in plan.of_kind("favours_low"))
        assert all(mark.box[0] >= null for mark in plan.of_kind("favours_high"))
        assert [mark.text for mark in plan.of_kind("favours_low")] == ["← favours A"]
        assert [mark.text for mark in plan.of_kind("favours_high")] == ["favours B →"]

    @slow
    @given(st.floats(-3, 3), st.floats(0.05, 3))
    def test_ticks_of_ratios_stand_at_the_logarithm_of_what_they_say(self, center, half):
        record = plain((ForestStudy("A", center, center - half, center + half, 100.0),), log=True)
        plan = layout(record)
        low, high = limits(record)
        labels, marks = plan.of_kind("tick_label"), plan.of_kind("tick")
        assert len(labels) == len(marks) >= 2
        for label, mark in zip(labels, marks, strict=True):
            value = math.log(float(label.text.replace(",", "")))
            # labels of narrow axes are rounded to the decimals of their step
            assert mark.x[0] == pytest.approx(at(plan, value, low, high), abs=0.5)

    def test_ratios_and_their_logarithms_are_drawn_at_the_same_places(self):
        rows = mixed(5)
        logs, ratios = layout(plain(rows)), layout(plain(rows, log=True))
        shift = [(a.x[0] - ratios.of_kind("axis")[0].x[0]) / axis_length(ratios) for a in ratios.of_kind("interval")]
        same = [(a.x[0] - logs.of_kind("axis")[0].x[0]) / axis_length(logs) for a in logs.of_kind("interval")]
        assert shift == pytest.approx(same)

    def test_turning_every_sign_mirrors_the_plot(self):
        rows = mixed(6)
        turned = tuple(replace(s, estimate=-s.estimate, ci_low=-s.ci_high, ci_high=-s.ci_low) for s in rows)
        low, high = limits(plain(rows))
        assert limits(plain(turned)) == pytest.approx((-high, -low))

    def test_one_huge_interval_does_not_flatten_the_others(self):
        rows = (*mixed(8), ForestStudy("Huge", 0.2, -500.0, 500.0, 0.1))
        low, high = limits(plain(rows))
        assert high - low < 20
        assert len([m for m in layout(plain(rows)).of_kind("arrow") if m.row == 8]) == 2

    def test_one_absurd_estimate_does_not_flatten_the_others(self):
        rows = (*mixed(8), ForestStudy("Absurd", 900.0, 899.0, 901.0, 0.1))
        low, high = limits(plain(rows))
        assert high - low < 20
        assert by_row(layout(plain(rows)), "arrow")[8]
        assert 8 not in by_row(layout(plain(rows)), "square", "interval")

    def test_the_null_is_left_out_where_it_is_far_from_every_estimate(self):
        rows = (ForestStudy("A", 1e6, 1e6 - 1, 1e6 + 1, 50.0), ForestStudy("B", 1e6 + 1, 1e6, 1e6 + 2, 50.0))
        plan = layout(plain(rows))
        assert not plan.of_kind("null_line", "favours_low", "favours_high")
        assert len(plan.of_kind("tick_label")) >= 2

    def test_an_axis_of_percentages_stays_between_0_and_100(self):
        rows = (ForestStudy("A", 0.05, 0.0, 0.2, 50.0), ForestStudy("B", 0.95, 0.9, 1.0, 50.0))
        record = Forest("Union", (ForestGroup(studies=rows),), percent=True, decimals=0)
        assert limits(record) == (0.0, 1.0)
        labels = [mark.text for mark in layout(record).of_kind("tick_label")]
        assert (labels[0], labels[-1]) == ("0%", "100%")
        assert [mark.text for mark in layout(record).of_kind("estimate")] == ["5", "95"]

    def test_labels_of_references_that_would_touch_are_stacked(self):
        references = ((0.30, "smallest important difference"), (0.31, "another difference"))
        labels = layout(plain(mixed(4), references=references)).of_kind("reference")
        assert len(labels) == 2
        assert abs(labels[0].y[0] - labels[1].y[0]) >= 6.2

    @slow
    @given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
    def test_any_offset_and_any_width_give_a_finite_figure(self, center, half):
        plan = layout(plain((ForestStudy("A", center, center - half, center + half, 1.0),)))
        assert all(math.isfinite(value) for mark in plan.marks for value in (*mark.x, *mark.y))


def axis_length(plan: Layout) -> float:
    """Return the length of the axis in points."""
    left, right = plan.of_kind("axis")[0].x
    return right - left


class TestColumns:
    def test_decimals_stand_below_each_other(self, everything, drawn_boxes):
        boxes = [box for text, box in drawn_boxes(layout(everything)) if re.fullmatch(r"−?0\.\d\d", text)]
        assert len(boxes) >= 5
        assert len({round(box[2], 0) for box in boxes}) <= 2  # regular and bold figures differ in width

    def test_numbers_stand_flush_right_and_words_flush_left(self):
        rows = mixed(3, left=("12.1 (3.4)", "Turkey"))
        plan = layout(plain(rows, left_headings=(("", "Mean (SD)"), ("", "Country"))))
        assert [mark.align for mark in plan.of_kind("cell")][:2] == ["right", "left"]

    def test_a_column_of_numbers_stays_flush_right_where_a_cell_says_not_reported(self):
        rows = (*mixed(3, left=("12/30",)), ForestStudy("D", 0.1, 0.0, 0.2, left=("NR",)))
        plan = layout(plain(rows, left_headings=(("", "Events / total"),)))
        assert {mark.align for mark in plan.of_kind("cell")} == {"right"}

    def test_equal_notes_share_a_letter_that_is_explained_below(self, everything):
        notes = [mark.text for mark in layout(everything).of_kind("note")]
        assert notes == ["a", "b", "a", "a", "b"]
        said = [mark.text for mark in layout(everything).of_kind("footnote")]
        assert said[:2] == ["paired", "SD from CI"]

    def test_weights_are_printed_as_they_are_given(self):
        weights = [mark.text for mark in layout(plain(mixed(3))).of_kind("weight")]
        assert weights == ["1.0%", "2.0%", "3.0%"]

    def test_there_is_no_column_of_weights_without_weights(self):
        plan = layout(plain((ForestStudy("A", 0.1, 0.0, 0.2),)))
        assert "Weight" not in [mark.text for mark in plan.of_kind("heading")]

    def test_the_texts_of_a_figure_read_like_this(self, everything):
        plan = layout(everything)
        texts = [mark.text for mark in plan.marks if mark.row == 1 and mark.shape == "text"]
        assert texts == [
            "Shapiro 2017",
            "a",
            "3.1 (2.0)",
            "25",
            "−0.11",
            "(−0.67",
            "to",
            "0.45)",
            "12.1%",
            "+",
            "?",
        ]


class TestRecords:
    def test_a_figure_without_any_row_is_refused(self):
        with pytest.raises(InputError, match="at least one row"):
            Forest("Empty", (ForestGroup("Nothing"),))

    def test_a_row_with_the_wrong_number_of_cells_is_refused_by_name(self):
        with pytest.raises(InputError, match=r"'Anz 2020' has 1 columns, but there are 2 headings"):
            plain((ForestStudy("Anz 2020", 0.1, 0.0, 0.2, left=("1",)),), left_headings=(("", "a"), ("", "b")))

    def test_exchanged_limits_are_refused(self):
        with pytest.raises(InputError, match="limits are exchanged"):
            ForestStudy("Anz 2020", 0.1, 0.2, 0.0)

    def test_half_a_prediction_interval_is_refused(self):
        with pytest.raises(InputError, match="give both limits"):
            ForestSummary("All", 0.1, 0.0, 0.2, -1.0, None)

    def test_an_unknown_judgement_is_refused_with_the_known_ones(self):
        with pytest.raises(UnknownWordError, match="did you mean 'low'"):
            ForestStudy("Anz 2020", 0.1, 0.0, 0.2, marks=("lwo",))

    def test_ratios_and_percentages_exclude_each_other(self):
        with pytest.raises(InputError, match="not both"):
            plain(mixed(1), log=True, percent=True)

    def test_the_description_holds_the_pooled_numbers(self, everything):
        assert "All trials: −0.21 (−0.52 to 0.06)" in layout(everything).description

    def test_the_table_has_every_row_and_the_unrounded_numbers(self, everything):
        frame = table(everything)
        assert frame["label"].tolist()[:4] == ["Shapiro 2017", "Hernigou 2021", "Boffa 2022", "Subtotal"]
        assert frame.loc[frame["label"] == "All trials", "pi_high"].item() == 0.6
        assert frame["BMAC n"].tolist()[0] == "25"

    def test_a_figure_is_as_large_as_its_layout(self, everything):
        plan, figure = layout(everything), forest(everything)
        assert tuple(figure.get_size_inches() * 72) == pytest.approx((plan.width, plan.height))


def test_more_rows_than_a_page_can_have_are_refused():
    rows = tuple(ForestStudy(f"{number}", 0.1, 0.0, 0.2) for number in range(2001))
    with pytest.raises(InputError, match="A forest plot is for 2,000 rows at most; here are 2,001"):
        Forest("many", (ForestGroup(None, rows),))


@pytest.mark.parametrize("name", ["decimals", "power_decimals"])
def test_decimals_are_not_negative(name):
    with pytest.raises(InputError, match=f"{name} is -1; it must be a whole number from 0"):
        Forest("one", (ForestGroup(None, (ForestStudy("A", 0.1, 0.0, 0.2),)),), **{name: -1})
