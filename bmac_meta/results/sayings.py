"""How each doubt is said: a record of numbers becomes a line of a card and a few numbers for a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bmac_meta import stats
from bmac_meta.card import Line
from bmac_meta.numbers import count_noun, format_level, format_number, format_p, format_percent
from bmac_meta.results.answer import decimals_for, some
from bmac_meta.results.pooled import Pooled
from bmac_meta.results.series import Series

Numbers = dict[str, Any]
Parts = tuple[str, str, str]
SMALL_P = 0.10


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as a line and as numbers."""

    line: Line
    numbers: Numbers

    @property
    def refused(self) -> bool:
        """Whether there is no answer."""
        return "refused" in self.numbers


@dataclass(frozen=True, slots=True)
class Saying:
    """The label of a question, and how its answer becomes (value, interval, remark) with numbers."""

    label: str
    say: Callable[[Pooled, Any], tuple[Parts, Numbers]]


def _regression(pooled: Pooled, test: stats.FunnelRegression) -> tuple[Parts, Numbers]:
    digits = decimals_for(test.slope_se)
    slope = f"slope {format_number(test.slope, digits)} (SE {format_number(test.slope_se, digits)})"
    against = {"as given": "on √(1/n + 1/n)", "standard error": "on the standard error"}.get(test.predictor, "")
    lean = _lean(pooled, test.slope) if test.p_value < SMALL_P else "no lean seen"
    words = ", ".join(part for part in (lean, against) if part)
    numbers = {"estimate": test.slope, "p_value": test.p_value, "number": test.statistic}
    return (format_p(test.p_value), slope, words), numbers


def _classical(pooled: Pooled, test: stats.FunnelRegression) -> tuple[Parts, Numbers]:
    (p, slope, words), numbers = _regression(pooled, test)
    return (p, slope, f"{words}; scatter multiplied"), numbers


def _lean(pooled: Pooled, slope: float) -> str:
    below, above = pooled.question.sides
    return f"small trials lean to {(above if slope > 0 else below) or ('high' if slope > 0 else 'low') + ' effects'}"


def _rank(pooled: Pooled, test: stats.RankTest) -> tuple[Parts, Numbers]:
    if math.isnan(test.p_value):
        return ("", "", "all effects or all variances are equal, so nothing can be ranked"), {}
    words = "exact" if test.exact else "normal approximation, ties corrected"
    shown = format_p(test.p_value), f"Kendall's τ = {format_number(test.tau)}", words
    return shown, {"p_value": test.p_value, "number": test.tau}


def _corrected(pooled: Pooled, answer: Any, words: str) -> tuple[Parts, Numbers]:
    """Say an effect beside the pooled one, and whether its verdict is another."""
    level = f"{format_level(pooled.fit.level)}"
    interval = f"{level} CI {pooled.interval(answer.ci_low, answer.ci_high)}"
    verdict = changed_verdict(pooled, answer.ci_low, answer.ci_high)
    numbers = {name: getattr(answer, name) for name in ("estimate", "ci_low", "ci_high")}
    numbers["p_value"] = getattr(answer, "p_value", math.nan)
    return (pooled.number(answer.estimate), interval, "; ".join(part for part in (verdict, words) if part)), numbers


def side(pooled: Pooled, low: float, high: float) -> int:
    """Return 1 where an interval lies above no effect, −1 below, 0 where it holds it (or there is no such value)."""
    null = pooled.measure.null
    return 0 if null is None else int(low > null) - int(high < null)


def changed_verdict(pooled: Pooled, low: float, high: float) -> str:
    """Say what an interval says of no effect where that is not what the pooled one says."""
    now, before = side(pooled, low, high), side(pooled, pooled.fit.ci_low, pooled.fit.ci_high)
    if now == before:
        return ""
    below, above = pooled.question.sides
    named = above if now > 0 else below
    return "includes no effect" if now == 0 else f"favours {named}" if named else "excludes no effect"


def _trim_and_fill(pooled: Pooled, answer: stats.TrimAndFill) -> tuple[Parts, Numbers]:
    words = f"{count_noun(answer.filled, 'trial')} added on the {answer.side}" if answer.filled else "none added"
    parts, numbers = _corrected(pooled, answer, words if answer.stable else f"{words} (the count does not settle)")
    return parts, numbers | {"number": answer.filled}


def _pet_peese(pooled: Pooled, answer: stats.PetPeese) -> tuple[Parts, Numbers]:
    on = {("as given", "PET"): " on √(1/n + 1/n)", ("as given", "PEESE"): " on 1/n + 1/n"}
    words = f"{answer.chosen}{on.get((answer.pet.predictor, answer.chosen), '')}: limit of a huge trial"
    return _corrected(pooled, answer, words)


def _selection(pooled: Pooled, answer: stats.StepSelection) -> tuple[Parts, Numbers]:
    chance = format_number(float(answer.weights[-1]))
    parts, numbers = _corrected(pooled, answer, f"p > .025 published {chance}×, {format_p(answer.lr_p_value)}")
    return parts, numbers | {"number": float(answer.weights[-1])}


def _worst_case(pooled: Pooled, answer: stats.WorstCase) -> tuple[Parts, Numbers]:
    words = f"S-value {format_number(answer.s_value, 1)}; interval {format_number(answer.s_value_interval, 1)}"
    numbers = {"number": answer.s_value}
    left = answer.worst_case
    if math.isnan(left.se):
        trials = count_noun(int(left.nonaffirmative), "trial")
        return ("", "", f"{words}; {trials} would be left, too few to pool"), numbers
    parts, more = _corrected(pooled, left, words)
    return parts, more | numbers


def _henmi_copas(pooled: Pooled, answer: stats.HenmiCopas) -> tuple[Parts, Numbers]:
    return _corrected(pooled, answer, "small trials get no extra weight")


def _excess(pooled: Pooled, answer: stats.ExcessSignificance) -> tuple[Parts, Numbers]:
    expected = f"significant, {format_number(answer.expected, 1)} expected"
    numbers = {"number": answer.observed, "p_value": answer.exact_p_value}
    return (f"{answer.observed} of {answer.k}", expected, f"{format_p(answer.exact_p_value)} for an excess"), numbers


def _fail_safe(pooled: Pooled, answer: stats.FailSafeNumber) -> tuple[Parts, Numbers]:
    return (f"{answer.number:,}", "", "advised against: see the note"), {"number": answer.number}


def _leave_one_out(pooled: Pooled, series: Series) -> tuple[Parts, Numbers]:
    frame = series.frame
    low, high = (frame.loc[place] for place in (frame["estimate"].idxmin(), frame["estimate"].idxmax()))
    ends = f"{pooled.number(low.estimate)} without {low.label} to {pooled.number(high.estimate)} without {high.label}"
    changed = [row.label for row in frame.itertuples() if changed_verdict(pooled, row.ci_low, row.ci_high)]
    verdict = f"the verdict changes without {some(changed)}" if changed else "the verdict never changes"
    verdict = "" if pooled.measure.null is None else f"; {verdict}"
    numbers = {"ci_low": low.estimate, "ci_high": high.estimate, "number": len(changed)}
    return ("", "", ends + verdict), numbers


def _panel(pooled: Pooled, panel: stats.SmallKPanel) -> tuple[Parts, Numbers]:
    excluding = [row.method for row in panel.rows if row.excludes_null]
    depends = bool(panel.verdict_depends)
    held = f"{len(excluding)} of {len(panel.rows)} methods exclude no effect"
    words = f"the verdict depends on the method: {held} ({'; '.join(excluding)})" if depends else f"{held}: one verdict"
    return ("", "", words), {"number": len(excluding)}


def _sensitivity(pooled: Pooled, answer: Any, what: str) -> tuple[Parts, Numbers]:
    kinds = ", ".join(f"{word} {format_percent(share, 0)}" for word, share in answer.kinds)
    share = f"{format_percent(answer.share, 0)} of the weight {what} ({kinds})"
    numbers = {"number": answer.share}
    if answer.without is None:
        return ("", "", f"{share}; no other trial is left"), numbers
    rest = answer.without
    fit = rest.fit
    alone = f"{rest.number(fit.estimate)} ({rest.interval(fit.ci_low, fit.ci_high)})"
    verdict = changed_verdict(pooled, fit.ci_low, fit.ci_high)
    others = f"the other {rest.k} say {alone}" if rest.k > 1 else f"the other trial says {alone}"
    numbers |= {"estimate": fit.estimate, "ci_low": fit.ci_low, "ci_high": fit.ci_high}
    return ("", "", "; ".join(part for part in (share, others, verdict and f"which {verdict}") if part)), numbers


def _derived(pooled: Pooled, answer: Any) -> tuple[Parts, Numbers]:
    if not answer.studies:
        return ("", "", "every SD stands in the paper as such"), {"number": 0.0}
    return _sensitivity(pooled, answer, "rests on spreads that are not an SD as printed")


def _flagged(pooled: Pooled, answer: Any) -> tuple[Parts, Numbers]:
    if not answer.studies:
        return ("", "", "no row that was used bears a flag"), {"number": 0.0}
    return _sensitivity(pooled, answer, f"rests on flagged rows of {some(answer.studies)}")


SAYINGS = {
    "Egger": Saying("Egger", _regression),
    "Egger, classical": Saying("Egger 1997", _classical),
    "Begg": Saying("Begg", _rank),
    "Harbord": Saying("Harbord", _regression),
    "Peters": Saying("Peters", _regression),
    "trim and fill": Saying("trim and fill", _trim_and_fill),
    "PET-PEESE": Saying("PET-PEESE", _pet_peese),
    "step selection": Saying("step selection", _selection),
    "worst case": Saying("worst case", _worst_case),
    "Henmi–Copas": Saying("Henmi–Copas", _henmi_copas),
    "excess significance": Saying("excess p < .05", _excess),
    "fail-safe N": Saying("fail-safe N", _fail_safe),
    "leave one out": Saying("leave one out", _leave_one_out),
    "small-k panel": Saying("small-k panel", _panel),
    "derived spreads": Saying("derived spreads", _derived),
    "flagged rows": Saying("flagged rows", _flagged),
}
"""The questions in the order of the card."""
