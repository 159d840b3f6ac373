"""Risk of bias: every judgement of every trial as a traffic light, and the weight behind each judgement.

`traffic_lights(record)` and `bias_bars(record)` draw; `traffic_lights_layout` and `bias_bars_layout` tell
where everything stands. Every color has a glyph of its own, so that the figures can be read in grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bmac_meta.errors import InputError, check_word
from bmac_meta.numbers import count_noun, format_percent
from bmac_meta.plots.forest_records import JUDGEMENTS
from bmac_meta.plots.ink import draw
from bmac_meta.plots.judgements import GLYPHS, WORDS, judgement
from bmac_meta.plots.key import judgement_entries, key
from bmac_meta.plots.marks import (
    LEADING,
    Layout,
    Mark,
    horizontal,
    paragraph,
    paragraph_height,
    rectangle,
    written,
)
from bmac_meta.plots.panel import footnotes, headline, level_axis, level_axis_height
from bmac_meta.plots.scale import Scale
from bmac_meta.plots.style import (
    HAIRLINE,
    JOURNAL_WIDTH,
    MARGIN,
    POINTS_PER_INCH,
    RULE_WIDTH,
    SMALL_SIZE,
    TEXT_SIZE,
)
from bmac_meta.plots.text import clean, measure, widest, wrap

PITCH = 14.0
LIGHT_SIZE = 10.5
BAR_HEIGHT = 12.0
BAR_PITCH = 18.0
LABEL_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class RiskOfBias:
    """Judgements of bias in words.

    Attributes:
        title: stands above the figure.
        domains: names of the domains, the last one often the overall judgement.
        studies: names of the trials.
        judgements: for each trial one of "low", "some", "high", "none" per domain.
        weights: weight of each trial in the meta-analysis, any unit, for the bars; empty: all count the same.
        subtitle: a grey line below the title.
        footnotes: lines below the figure.
        description: what the figure shows, for people who do not see it.
    """

    title: str
    domains: tuple[str, ...]
    studies: tuple[str, ...]
    judgements: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...] = ()
    subtitle: str = ""
    footnotes: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.domains or not self.studies or len(self.judgements) != len(self.studies):
            raise InputError("A figure of bias needs domains, trials, and one row of judgements for each trial.")
        for study, words in zip(self.studies, self.judgements, strict=True):
            if len(words) != len(self.domains):
                raise InputError(f"{study!r} has {len(words)} judgements for {len(self.domains)} domains.")
            for word in words:
                check_word("judgement of bias", word, JUDGEMENTS)
        if self.weights and (len(self.weights) != len(self.studies) or min(self.weights) < 0 or not sum(self.weights)):
            raise InputError("Give one weight per trial, none negative and not all zero, or no weights at all.")


def traffic_lights(record: RiskOfBias, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw the judgements of every trial, at least `width` inches wide and as high as the trials need."""
    return draw(traffic_lights_layout(record, width))


def bias_bars(record: RiskOfBias, width: float = JOURNAL_WIDTH) -> Figure:
    """Draw the share of the weight behind each judgement, one bar per domain."""
    return draw(bias_bars_layout(record, width))


def traffic_lights_layout(record: RiskOfBias, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a figure of traffic lights stands."""
    points = width * POINTS_PER_INCH
    label = min(widest(map(clean, record.studies), TEXT_SIZE), LABEL_SHARE * points) + 12
    pitch = min(
        max(_heading_width(record), 20.0),
        60.0,
        max(20.0, (points - 2 * MARGIN - label) / len(record.domains)),
    )
    points = max(0.6 * points, 2 * MARGIN + label + pitch * len(record.domains))
    centers = [MARGIN + label + (number + 0.5) * pitch for number in range(len(record.domains))]
    marks, top = headline(record.title, record.subtitle, points)
    head, top = _domain_heads(record, centers, pitch, top + 8)
    body, bottom = _lights(record, centers, label - 12, top)
    foot, bottom = _foot(record, bottom, points)
    return _layout(record, [*marks, *head, *body, *foot], points, bottom)


def bias_bars_layout(record: RiskOfBias, width: float = JOURNAL_WIDTH) -> Layout:
    """Return where everything of a figure of bars stands."""
    points = width * POINTS_PER_INCH
    marks, top = headline(record.title, record.subtitle, points)
    label = min(widest(map(clean, record.domains), TEXT_SIZE), LABEL_SHARE * points)
    scale = Scale(0.0, 1.0, MARGIN + label + 10, points - MARGIN - 10, "percent")
    for number, domain in enumerate(record.domains):
        marks += _bar(record, domain, number, scale, top + 8 + (number + 0.5) * BAR_PITCH)
    y = top + 8 + len(record.domains) * BAR_PITCH + 3
    words = "Share of the weight" if record.weights else "Share of the trials"
    marks += level_axis(scale, y, words)
    foot, bottom = _foot(record, y + level_axis_height(scale, words), points)
    return _layout(record, [*marks, *foot], points, bottom)


def describe(record: RiskOfBias) -> str:
    """Say in a sentence what a figure of bias shows, by its last domain."""
    last = [words[-1] for words in record.judgements]
    found = (f"{last.count(word)} {WORDS[word]}" for word in WORDS if word in last)
    return f"Risk of bias of {count_noun(len(last), 'trial')}; {record.domains[-1]}: {', '.join(found)}."


def table(record: RiskOfBias) -> pd.DataFrame:
    """Return the judgements: one row per trial, one column per domain, and the weight where there is one."""
    frame = pd.DataFrame(list(record.judgements), columns=list(record.domains))
    frame.insert(0, "study", list(record.studies))
    return frame.assign(weight=list(record.weights)) if record.weights else frame


def _layout(record: RiskOfBias, marks: Sequence[Mark], width: float, bottom: float) -> Layout:
    return Layout(tuple(marks), width, bottom + MARGIN, record.title, record.description or describe(record))


def _heading_width(record: RiskOfBias) -> float:
    words = (word for domain in record.domains for word in clean(domain).split(" "))
    return widest(words, SMALL_SIZE) + 6


def _domain_heads(record: RiskOfBias, centers: Sequence[float], pitch: float, top: float) -> tuple[list[Mark], float]:
    lines = [wrap(domain, pitch - 4, SMALL_SIZE, lines=4) for domain in record.domains]
    bottom = top + paragraph_height(max(len(text) for text in lines), SMALL_SIZE)
    marks: list[Mark] = []
    for domain, text, center in zip(record.domains, lines, centers, strict=True):
        start = bottom - paragraph_height(len(text), SMALL_SIZE)
        looks = {"align": "center", "full_text": clean(domain)}
        marks += paragraph("heading", text, center, start, SMALL_SIZE, **looks)
    right = centers[-1] + pitch / 2
    marks.append(written("heading", "Study", MARGIN, bottom - SMALL_SIZE * LEADING / 2, TEXT_SIZE, bold=True))
    marks.append(horizontal("rule", MARGIN, right, bottom + 3, RULE_WIDTH, role="soft"))
    return marks, bottom + 5


def _lights(record: RiskOfBias, centers: Sequence[float], room: float, top: float) -> tuple[list[Mark], float]:
    marks: list[Mark] = []
    for row, (study, words) in enumerate(zip(record.studies, record.judgements, strict=True)):
        lines = wrap(study, room, TEXT_SIZE, lines=2)
        height = PITCH + (len(lines) - 1) * TEXT_SIZE * LEADING
        y = top + height / 2
        start = y - paragraph_height(len(lines)) / 2
        marks += paragraph("label", lines, MARGIN, start, TEXT_SIZE, row=row, full_text=clean(study))
        for word, center in zip(words, centers, strict=True):
            marks += judgement(word, center, y, LIGHT_SIZE, row=row)
        top += height
    return marks, top + 3


def _bar(record: RiskOfBias, domain: str, number: int, scale: Scale, y: float) -> Iterator[Mark]:
    """Make the bar of a domain: one part per judgement, with its share where there is room for it."""
    text = wrap(domain, scale.start - 10 - MARGIN, TEXT_SIZE, lines=1)[0]
    yield written("label", text, MARGIN, y, TEXT_SIZE, row=number, full_text=clean(domain))
    start = 0.0
    for word, share in shares(record, number).items():
        left, right = scale.place(start), scale.place(start + share)
        top, bottom = y - BAR_HEIGHT / 2, y + BAR_HEIGHT / 2
        yield rectangle("bar", left, top, right, bottom, role=word, edge="paper", size=HAIRLINE, row=number)
        label = f"{GLYPHS[word][0]} {format_percent(share, 0)}"
        if measure(label, SMALL_SIZE, True) + 4 < right - left:
            looks = {"role": GLYPHS[word][1], "align": "center", "bold": True, "row": number}
            yield written("share", label, (left + right) / 2, y, SMALL_SIZE, **looks)
        start += share


def shares(record: RiskOfBias, domain: int) -> dict[str, float]:
    """Return the share of the weight behind each judgement that occurs in a domain, in the key's order."""
    weights = record.weights or (1.0,) * len(record.studies)
    total = sum(weights)
    found = {
        word: sum(weight for weight, words in zip(weights, record.judgements, strict=True) if words[domain] == word)
        for word in WORDS
    }
    return {word: weight / total for word, weight in found.items() if weight}


def _foot(record: RiskOfBias, top: float, width: float) -> tuple[list[Mark], float]:
    """Return the key and the footnotes, and where they end."""
    marks, bottom = key(judgement_entries(word for words in record.judgements for word in words), top + 5, width)
    notes, bottom = footnotes(record.footnotes, bottom + 3, width)
    return [*marks, *notes], bottom
