"""The rows of a forest plot as text: which lines stand below each other, and what each of them says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bmac_meta.numbers import format_number, format_percent, format_ratio
from bmac_meta.plots.forest_records import Forest, ForestGroup, ForestStudy, ForestSummary

RowKind = Literal["heading", "study", "subtotal", "overall", "prediction", "words", "gap"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a forest plot: its texts by column, and the record whose numbers are drawn on it."""

    kind: RowKind
    label: str = ""
    letter: str = ""
    left: tuple[str, ...] = ()
    effect: tuple[str, str, str] = ("", "", "")
    words: str = ""
    weight: str = ""
    judgements: tuple[str, ...] = ()
    item: ForestStudy | ForestSummary | None = None

    @property
    def bold(self) -> bool:
        """Whether the row is set in bold."""
        return self.kind in ("heading", "subtotal", "overall")


def rows(forest: Forest) -> tuple[Row, ...]:
    """Return the rows of a forest plot from top to bottom."""
    letters = note_letters(forest)
    grouped = [row for number, group in enumerate(forest.groups) for row in _group(forest, group, number, letters)]
    return (*grouped, *_overall(forest, bool(grouped)))


def note_letters(forest: Forest) -> dict[str, str]:
    """Return the footnote letter of every different note, in the order in which they first appear."""
    notes = dict.fromkeys(study.note for study in forest.studies if study.note)
    return {note: letter_of(number) for number, note in enumerate(notes)}


def letter_of(number: int) -> str:
    """Return a, b, c … z, aa, ab … for 0, 1, 2 …

    >>> letter_of(0), letter_of(25), letter_of(26)
    ('a', 'z', 'aa')
    """
    prefix = letter_of(number // 26 - 1) if number >= 26 else ""
    return prefix + LETTERS[number % 26]


def _group(forest: Forest, group: ForestGroup, number: int, letters: dict[str, str]) -> Iterator[Row]:
    if number:
        yield Row("gap")
    if group.heading:
        yield Row("heading", group.heading)
    for study in group.studies:
        yield _study(forest, study, letters)
    if group.summary is not None:
        yield from _summary(forest, group.summary, "subtotal")
    if group.text:
        yield Row("words", group.text)


def _overall(forest: Forest, follows: bool) -> Iterator[Row]:
    if forest.overall is not None:
        if follows:
            yield Row("gap")
        yield from _summary(forest, forest.overall, "overall")
    if forest.difference:
        yield Row("words", forest.difference)


def _study(forest: Forest, study: ForestStudy, letters: dict[str, str]) -> Row:
    missing = math.isnan(study.estimate)
    return Row(
        "study",
        study.label,
        letter=letters.get(study.note, ""),
        left=study.left,
        effect=("", "", "") if missing else effect_texts(forest, study.estimate, study.ci_low, study.ci_high),
        words=study.reason if missing else "",
        weight=weight_text(study.weight),
        judgements=study.marks,
        item=study,
    )


def _summary(forest: Forest, summary: ForestSummary, kind: RowKind) -> Iterator[Row]:
    effect = effect_texts(forest, summary.estimate, summary.ci_low, summary.ci_high)
    yield Row(
        kind,
        summary.label,
        left=summary.left,
        effect=effect,
        weight=weight_text(summary.weight),
        item=summary,
    )
    if summary.pi_low is not None and summary.pi_high is not None:
        yield Row(
            "prediction",
            summary.pi_label,
            effect=effect_texts(forest, math.nan, summary.pi_low, summary.pi_high),
        )
    elif summary.reason:
        yield Row("words", summary.reason)
    if summary.text:
        yield Row("words", summary.text)


def weight_text(weight: float | None) -> str:
    """Write a weight in percent to one decimal; None is the empty string."""
    return "" if weight is None else format_percent(weight / 100)


def effect_texts(forest: Forest, estimate: float, low: float, high: float) -> tuple[str, str, str]:
    """Write an estimate and the limits of its interval as they are shown; what is NaN is the empty string."""
    return shown(forest, estimate), shown(forest, low), shown(forest, high)


def shown(forest: Forest, value: float) -> str:
    """Write one value of the analysis as the figure shows it: as a ratio, as a percentage or as it is."""
    if forest.log:
        return format_ratio(exponential(value), forest.decimals)
    if forest.percent:
        return format_number(100 * value, forest.decimals)
    return format_number(value, forest.decimals, forest.power_decimals)


def exponential(value: float) -> float:
    """Return the exponential, infinite where it is too large for a number.

    >>> exponential(0.0), exponential(1e6)
    (1.0, inf)
    """
    return math.inf if value > 700 else math.exp(value)
