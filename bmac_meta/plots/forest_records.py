"""What a forest plot is made from: plain records of numbers and words, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bmac_meta.errors import InputError, check_word

StudyShape = Literal["square", "point", "diamond"]
SHAPES = ("square", "point", "diamond")
LARGEST = 1e100
MOST_DECIMALS, MOST_ROWS = 100, 2_000
JUDGEMENTS = ("low", "some", "high", "none")


@dataclass(frozen=True, slots=True)
class ForestStudy:
    """One row with an estimate: a study, a step of a cumulative series, or a question of a summary.

    Attributes:
        label: name of the row; wrapped and elided where it is too long for its column.
        estimate: on the scale of the analysis (a log ratio where `Forest.log`); NaN where there is none.
        ci_low: lower limit of the interval; NaN where there is none, −inf where it is unbounded.
        ci_high: upper limit of the interval.
        weight: in percent, as it is to be printed; the area of the square is proportional to it. None: no
            weight.
        left: the texts of the columns between the label and the plot, one per entry of
            `Forest.left_headings`.
        marks: judgements of bias, one per entry of `Forest.mark_headings`: "low", "some", "high" or "none".
        note: a remark; printed as a lettered footnote.
        shape: "square" for studies, "point" for rows that are pooled estimates themselves (leave-one-out,
            cumulative), "diamond" for rows that each answer a question.
        pi_low: lower limit of a prediction interval, drawn as a pale bar behind a diamond; None for none.
        pi_high: upper limit of the prediction interval.
        reason: words for the effect column where there is no estimate.
    """

    label: str
    estimate: float
    ci_low: float
    ci_high: float
    weight: float | None = None
    left: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    note: str = ""
    shape: StudyShape = "square"
    pi_low: float | None = None
    pi_high: float | None = None
    reason: str = "not estimable"

    def __post_init__(self) -> None:
        check_word("shape of a row", self.shape, SHAPES)
        for word in self.marks:
            check_word("judgement of bias", word, JUDGEMENTS)
        check_interval(self.label, self.estimate, self.ci_low, self.ci_high)
        check_prediction(self.label, self.pi_low, self.pi_high)
        if self.weight is not None and not 0 <= self.weight < math.inf:
            raise InputError(f"The weight of {self.label!r} is {self.weight}; give a percentage or None.")


@dataclass(frozen=True, slots=True)
class ForestSummary:
    """A pooled estimate: a diamond with its prediction interval as a pale bar behind it.

    Attributes:
        label: name of the row, for instance "Random effects, REML".
        estimate: on the scale of the analysis.
        ci_low: lower limit of the confidence interval.
        ci_high: upper limit of the confidence interval.
        pi_low: lower limit of the prediction interval, None where there is none.
        pi_high: upper limit of the prediction interval.
        text: a small grey line below, for instance on heterogeneity.
        reason: why there is no prediction interval, in words; printed in its place.
        left: texts of the left columns, for instance totals; empty for none.
        weight: in percent, None for none.
        pi_label: name of the row of the prediction interval.
    """

    label: str
    estimate: float
    ci_low: float
    ci_high: float
    pi_low: float | None = None
    pi_high: float | None = None
    text: str = ""
    reason: str = ""
    left: tuple[str, ...] = ()
    weight: float | None = None
    pi_label: str = "95% prediction interval"

    def __post_init__(self) -> None:
        if math.isnan(self.estimate):
            raise InputError(f"The pooled estimate {self.label!r} is missing; leave the summary out instead.")
        check_interval(self.label, self.estimate, self.ci_low, self.ci_high)
        check_prediction(self.label, self.pi_low, self.pi_high)


@dataclass(frozen=True, slots=True)
class ForestGroup:
    """Rows that belong together: a subgroup with its pooled estimate, or all studies.

    Attributes:
        heading: name of the group, None for none.
        studies: the rows in the order in which they are drawn.
        summary: the pooled estimate of the group, None for none.
        text: a small grey line at the end of the group, for instance why there is no pooled estimate.
    """

    heading: str | None = None
    studies: tuple[ForestStudy, ...] = ()
    summary: ForestSummary | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Forest:
    """A whole forest plot in numbers and words.

    Attributes:
        title: stands above the plot, flush left.
        groups: the rows.
        overall: the pooled estimate of all rows, None for none.
        axis_label: words below the axis.
        null: value of no effect (analysis scale), drawn as a line; None for none (proportions, changes).
        log: whether the values are logarithms and the axis and columns show their exponentials.
        left_headings: (group, column) of each column between the label and the plot; neighbors of one group
            share its heading; an empty group has none.
        effect_heading: heading of the column with estimates and intervals.
        favours_low: whom values below the null favor, in words; None for none.
        favours_high: whom values above the null favor.
        references: further vertical lines as (value, label or None), for instance a smallest important
            difference.
        footnotes: lines below the plot.
        description: what the figure shows, for people who do not see it; made from the numbers where empty.
        subtitle: a grey line below the title.
        percent: whether the values are shares between 0 and 1, shown as percentages.
        decimals: decimals of estimates and limits (of percentages where `percent`).
        power_decimals: decimals before a power of ten, as which huge and tiny numbers are written.
        label_heading: heading of the column of labels.
        weight_heading: heading of the column of weights, which is there when any row has a weight.
        mark_headings: short heading of each judgement of bias.
        difference: a line below the overall estimate, for instance the test of difference between subgroups.
    """

    title: str
    groups: tuple[ForestGroup, ...]
    overall: ForestSummary | None = None
    axis_label: str = ""
    null: float | None = None
    log: bool = False
    left_headings: tuple[tuple[str, str], ...] = ()
    effect_heading: str = "Estimate (95% CI)"
    favours_low: str | None = None
    favours_high: str | None = None
    references: tuple[tuple[float, str | None], ...] = ()
    footnotes: tuple[str, ...] = ()
    description: str = ""
    subtitle: str = ""
    percent: bool = False
    decimals: int = 2
    power_decimals: int = 1
    label_heading: str = "Study"
    weight_heading: str = "Weight"
    mark_headings: tuple[str, ...] = ()
    difference: str = ""

    def __post_init__(self) -> None:
        if self.log and self.percent:
            raise InputError("A forest plot shows either ratios (log=True) or percentages (percent=True), not both.")
        for name in ("decimals", "power_decimals"):
            if not 0 <= getattr(self, name) <= MOST_DECIMALS:
                found = getattr(self, name)
                raise InputError(f"{name} is {found}; it must be a whole number from 0 to {MOST_DECIMALS}.")
        if not any(group.studies or group.summary for group in self.groups) and self.overall is None:
            raise InputError("A forest plot needs at least one row with an estimate; here are none.")
        if len(self.studies) > MOST_ROWS:
            raise InputError(
                f"A forest plot is for {MOST_ROWS:,} rows at most; here are {len(self.studies):,}. Draw some of them."
            )
        for study in self.studies:
            _check_cells(study.label, "columns", study.left, self.left_headings, needed=True)
            _check_cells(study.label, "judgements of bias", study.marks, self.mark_headings, needed=False)
        for summary in self.summaries:
            _check_cells(summary.label, "columns", summary.left, self.left_headings, needed=False)

    @property
    def studies(self) -> tuple[ForestStudy, ...]:
        """All rows of all groups."""
        return tuple(study for group in self.groups for study in group.studies)

    @property
    def summaries(self) -> tuple[ForestSummary, ...]:
        """The pooled estimates of the groups and, last, the overall one."""
        pooled = [group.summary for group in self.groups if group.summary is not None]
        return (*pooled, *([] if self.overall is None else [self.overall]))


def check_interval(label: str, estimate: float, low: float, high: float) -> None:
    """Refuse an estimate that is too far away to draw, and an interval whose limits are exchanged.

    Whether an interval holds its estimate is not checked here: what is drawn is what the data say.
    """
    if abs(estimate) > LARGEST:
        raise InputError(f"The estimate of {label!r} is {estimate}, too far away to draw; give NaN.")
    if low > high:
        raise InputError(f"The interval of {label!r} runs from {low} to {high}; its limits are exchanged.")


def check_prediction(label: str, low: float | None, high: float | None) -> None:
    """Refuse half a prediction interval, a reversed one, and one that is not a number."""
    if low is None and high is None:
        return
    if low is None or high is None or math.isnan(low) or math.isnan(high) or low > high:
        raise InputError(
            f"The prediction interval of {label!r} is {low} to {high}; give both limits in order, or None."
        )


def _check_cells(label: str, what: str, cells: tuple, headings: tuple, needed: bool) -> None:
    if len(cells) != len(headings) and (needed or cells):
        raise InputError(f"{label!r} has {len(cells)} {what}, but there are {len(headings)} headings for them.")


def finite(values: Iterable[float]) -> list[float]:
    """Return the finite ones of some values."""
    return [value for value in values if math.isfinite(value)]
