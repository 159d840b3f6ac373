"""The rules by which a trial's printed rows become one effect: each has a default, words and a keyword."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf, isinf
from numbers import Real

from bmac_meta.arguments import as_real
from bmac_meta.errors import InputError, check_word, unknown_word
from bmac_meta.tables import read_package
from bmac_meta.vocabulary import FLAG_ACTIONS, FLAG_DEFAULTS, RANDOMIZED, WINDOWS

MEASURED_AS = ("final", "change", "most")
UNLABELLED = ("plausible", "leave_out", "keep")
MEDIANS = ("convert", "leave_out")
FLAG_POLICIES = ("default", "keep_all", "leave_out_all")
FLAG_WORDS = {"keep": "kept", "leave_out": "left out"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The choices between what a trial printed and the one effect that it gives.

    `designs`: study designs that count (None: all); a study whose design is not known counts. `flags`: "default"
    (`vocabulary.FLAG_DEFAULTS`), "keep_all", "leave_out_all", or a mapping from flag to "keep" or "leave_out" that
    changes the default. `measured_as`: "final" or "change" scores only, "most": whichever more trials have; None: a
    trial's final score, else its change. `prefer`: outcomes that come before the hierarchy of `instruments.csv`.
    `nodes`: interventions that join another node than the one in `interventions.csv`. `correlation`: between baseline
    and follow-up, for the SD of a change. `paired_correlation`: between the two joints of a patient. `unlabelled`:
    whether a "±" of unknown kind is read as an SD where that is plausible for the instrument, always ("keep") or never
    ("leave_out"). `medians`: whether medians with quartiles or extremes become means and SDs (if they are not skewed).
    `part`: a part of the arms instead of whole arms, by the name of the subgroup variable and its level, as in
    ("kl_grade", "2").

    Raises `InputError` for a value that a rule does not know.
    """

    designs: tuple[str, ...] | None = RANDOMIZED
    flags: str | Mapping[str, str] = "default"
    measured_as: str | None = None
    prefer: tuple[str, ...] = ()
    nodes: Mapping[str, str] = field(default_factory=dict)
    correlation: float = 0.5
    paired_correlation: float = 0.5
    unlabelled: str = "plausible"
    medians: str = "convert"
    part: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        for name in ("designs", "prefer"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        for name in ("correlation", "paired_correlation"):
            _check_correlation(name, getattr(self, name))
        if self.measured_as is not None:
            check_word("way of measuring", self.measured_as, MEASURED_AS)
        check_word("reading of unlabelled spreads", self.unlabelled, UNLABELLED)
        check_word("rule for medians", self.medians, MEDIANS)
        object.__setattr__(self, "flags", _flags(self.flags))
        object.__setattr__(self, "nodes", _nodes(self.nodes))
        object.__setattr__(self, "part", _part(self.part))

    def action(self, flag: str) -> str:
        """Return "keep" or "leave_out" for a flag."""
        if self.flags == "keep_all":
            return "keep"
        if self.flags == "leave_out_all":
            return "leave_out"
        own = self.flags if isinstance(self.flags, Mapping) else {}
        return own.get(flag, FLAG_DEFAULTS.get(flag, "keep"))

    def lines(self) -> tuple[str, ...]:
        """Return the rules in words."""
        designs = "all designs" if self.designs is None else "designs: " + ", ".join(self.designs)
        measured = {
            None: "the final score of a trial, else its change",
            "most": "final or change scores, whichever more trials have",
        }
        first = f"first {', '.join(self.prefer)}, then " if self.prefer else ""
        joined = "".join(f"; {a} joins {b}" for a, b in self.nodes.items())
        return (
            designs,
            f"nodes of interventions.csv{joined}; arms of one node are combined",
            f"one instrument per trial and domain: {first}the order of instruments.csv",
            f"measured as: {measured.get(self.measured_as, f'{self.measured_as} scores only')}",
            "one report of the same patients; primary report before registry before review",
            f"flagged rows: {self._flag_words()}",
            f"correlation of baseline and follow-up {self.correlation:g}, of two joints {self.paired_correlation:g}",
            f"unlabelled spreads: {self.unlabelled}; medians: {self.medians}",
            *(() if self.part is None else (f"a part of the arms only: {self.part[0]} {self.part[1]}",)),
        )

    def _flag_words(self) -> str:
        if isinstance(self.flags, str):
            return self.flags.replace("_", " ")
        own = (f"{flag.replace('_', ' ')} {FLAG_WORDS[action]}" for flag, action in self.flags.items())
        return ", ".join(("default", *own))


def changed(rules: Rules, keywords: Mapping[str, object]) -> Rules:
    """Return rules with some of them changed; an unknown name raises `UnknownWordError` with the known ones."""
    known = [field_.name for field_ in fields(Rules)]
    for name in keywords:
        if name not in known:
            raise unknown_word("rule", name, known)
    return replace(rules, **keywords)


@dataclass(frozen=True, slots=True)
class Window:
    """The visits that count: above `low` (or at it, if `closed`) up to `high`, the nearest to `target` first.

    An infinite target means the last visit. The baseline (month 0) is in no window but that from 0 to 0.
    """

    low: float
    high: float
    target: float
    closed: bool = False

    def holds(self, months: float | None) -> bool:
        """Tell whether a visit lies in the window; one without a printed time only counts as the last visit of all."""
        if months is None:
            return isinf(self.target) and self.low == 0
        if months == 0:
            return self.high == 0
        return (self.low <= months if self.closed else self.low < months) and months <= self.high

    @property
    def words(self) -> str:
        """The window as it stands in a title."""
        if isinf(self.target):
            return f"last visit from {self.low:g} months on" if self.low else "last visit"
        if self.closed and self.low != self.high:
            return f"{self.low:g} to {self.high:g} months"
        return f"{self.target:g} month{'s' * (self.target != 1)}"

    @property
    def rule(self) -> str:
        """The window as a rule in words."""
        if isinf(self.target):
            return "the last visit of each trial" + (f", from {self.low:g} months on" if self.low else "")
        start = "from" if self.closed else "over"
        end = "" if isinf(self.high) else f" to {self.high:g}"
        return f"visits {start} {self.low:g}{end} months, the nearest to {self.target:g}"


def window(months: float | tuple[float, float] | None) -> Window:
    """Return the window that is meant: of a month (as in data/README.md), of two limits, or the last visit.

    >>> window(12).rule
    'visits over 6 to 12 months, the nearest to 12'
    """
    if months is None:
        return Window(0.0, inf, inf)
    if isinstance(months, tuple | list):
        return _between(*months) if len(months) == 2 else _refuse_months(months)
    if not _is_number(months) or not 0 < as_real(months) < inf:
        return _refuse_months(months)
    low, high = next((low, high) for low, high in WINDOWS if low < months <= high)
    return Window(low, high, float(months))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _between(low: float, high: float) -> Window:
    if not (_is_number(low) and _is_number(high)) or not 0 <= low <= high or isinf(low):
        return _refuse_months((low, high))
    return Window(float(low), float(high), (low + high) / 2, closed=True)


def _refuse_months(months: object) -> Window:
    raise InputError(
        f"months={months!r} was asked; give a number above 0 (12), two limits in order ((5, 7)), or None for the last "
        "visit."
    )


def _words(name: str, value: object) -> tuple[str, ...] | None:
    if value is None and name == "designs":
        return None
    words = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise InputError(f"{name}={value!r} was given; a word or a list of words is needed.")
    return words


def _check_correlation(name: str, value: object) -> None:
    if not _is_number(value) or not -1 < value < 1:
        raise InputError(f"{name}={value!r} was given; a correlation between −1 and 1 is needed (0.5 is the default).")


def _flags(flags: object) -> str | dict[str, str]:
    """Return a policy, or a copy of a mapping from known flags to known actions."""
    if isinstance(flags, str):
        return check_word("policy for flags", flags, FLAG_POLICIES)
    if not isinstance(flags, Mapping):
        raise InputError(f"flags={flags!r} was given; one of {', '.join(FLAG_POLICIES)} or a mapping is needed.")
    for flag, action in flags.items():
        check_word("flag", flag, read_package().flags)
        check_word("action for a flag", action, FLAG_ACTIONS)
    return dict(flags)


def _nodes(nodes: object) -> dict[str, str]:
    words = isinstance(nodes, Mapping) and all(isinstance(word, str) and word for word in [*nodes, *nodes.values()])
    if not words:
        raise InputError(
            f"nodes={nodes!r} was given; a mapping from an intervention to the node that it joins is needed: "
            "{'BM_MNC': 'BM_MNC'}."
        )
    return dict(nodes)


def _part(part: object) -> tuple[str, str] | None:
    if part is None:
        return None
    pair = tuple(part) if isinstance(part, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(word, str) for word in pair):
        raise InputError(f"part={part!r} was given; name a subgroup variable and its level: ('kl_grade', '2').")
    return pair
