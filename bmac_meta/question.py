"""What was asked: whom against what, by which outcome, when and how measured."""

from __future__ import annotations

from dataclasses import dataclass

from bmac_meta.arguments import yes_or_no
from bmac_meta.errors import InputError, told

ABBREVIATIONS = ("NSAID",)
SHORT_WORDS = ("CARE",)


@dataclass(frozen=True, slots=True)
class Question:
    """A question put to the evidence; every part may be empty for effects that came without it.

    `measure` is the code of the effect measure, `unit` the words for what a difference counts,
    `lower_is_better` whether a smaller effect is the better one for the patients of `treatment` (None where
    nobody said), `rules` the rules by which the numbers were taken, in words, and `choices` those of them that are
    this question's own: its window, its studies, and what differs from the defaults.

    >>> Question("BMAC", "HA", "pain", "12 months").title
    'BMAC vs HA · pain · 12 months'
    """

    treatment: str = ""
    comparator: str = ""
    outcome: str = ""
    when: str = ""
    measure: str = "GEN"
    unit: str = ""
    lower_is_better: bool | None = None
    rules: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("treatment", "comparator", "outcome", "when", "measure", "unit"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name} is {told(getattr(self, name))}; it must be a text.")
        if self.lower_is_better is not None:
            yes_or_no("lower_is_better", self.lower_is_better)

    @property
    def versus(self) -> str:
        """Who is compared with whom."""
        return f"{self.treatment} vs {self.comparator}" if self.comparator else self.treatment

    @property
    def title(self) -> str:
        """The question in a line."""
        return " · ".join(part for part in (self.versus, self.outcome, self.when) if part) or "Effects"

    @property
    def sides(self) -> tuple[str | None, str | None]:
        """Whom effects below and above the null favor; None where no direction is known."""
        if self.lower_is_better is None or not self.comparator:
            return None, None
        below, above = self.treatment, self.comparator
        return (below, above) if self.lower_is_better else (above, below)


def spoken(node: str) -> str:
    """Write a treatment's code as it is spoken: abbreviations stay, words become lower case.

    >>> spoken("PLACEBO"), spoken("BMAC+SURGERY"), spoken("AD_MSC"), spoken("ADIPOSE_SVF")
    ('placebo', 'BMAC + surgery', 'AD-MSC', 'adipose SVF')
    """
    return " + ".join(_spoken_part(part) for part in node.split("+"))


def _spoken_part(part: str) -> str:
    words = [
        word.lower() if (len(word) > 4 and word not in ABBREVIATIONS) or word in SHORT_WORDS else word
        for word in part.split("_")
    ]
    return ("-" if all(word.isupper() for word in words) else " ").join(words)
