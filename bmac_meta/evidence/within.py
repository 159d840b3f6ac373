"""Within the arms of one treatment: the change from baseline, and the share of patients with an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bmac_meta.effects import Effects
from bmac_meta.errors import check_word
from bmac_meta.evidence.asking import admitted
from bmac_meta.evidence.making import Made, arm_columns, combined, oriented
from bmac_meta.evidence.reading import Step
from bmac_meta.evidence.rules import Rules, changed, window
from bmac_meta.evidence.selection import Candidate, Sieve, choose, one_per_cohort
from bmac_meta.evidence.words import (
    absent,
    asked,
    effects_of,
    flag_meanings,
    is_outcome,
    node_named,
    rows_about,
)
from bmac_meta.stats.measures import MEASURES

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

CHANGES = ("MC", "SMCR", "SMCC")
SHARES = ("PR", "PLO", "PAS", "PFT")


def ask_change(
    evidence: Evidence, treatment: str, on: str, months: Any, measure: str | None, keywords: Mapping[str, Any]
) -> Effects:
    """Answer `Evidence.change`."""
    code = check_word("measure of change", measure or ("MC" if is_outcome(evidence, on) else "SMCR"), CHANGES)
    rules = changed(Rules(designs=None, measured_as="change"), keywords)
    return _within(evidence, treatment, on, months, code, rules)


def ask_proportion(
    evidence: Evidence, treatment: str, of: str, months: Any, measure: str, keywords: Mapping[str, Any]
) -> Effects:
    """Answer `Evidence.proportion`."""
    check_word("measure of a proportion", measure, SHARES)
    return _within(evidence, treatment, of, months, measure, changed(Rules(designs=None), keywords))


def _within(evidence: Evidence, treatment: str, on: str, months: Any, measure: str, rules: Rules) -> Effects:
    node = node_named(evidence, treatment, rules)
    rows, _ = rows_about(evidence, on, rules)
    mine = [row for row in rows if row["node"] == node]
    sieve = Sieve(rules, window(months), flag_meanings())
    counts = measure in SHARES
    candidates = admitted(evidence, mine, [], sieve, "RR" if counts else measure)
    fitting = [c for c in candidates if counts or c.kind == "change"]
    wanted = frozenset((node,))
    chosen = one_per_cohort(choose(fitting, wanted, True, sieve), evidence.cohorts, sieve)
    made = [_share(c, measure) if counts else _change(c, measure) for c in chosen]
    absent(evidence, wanted, mine, chosen, sieve)
    return effects_of(evidence, asked(evidence, (node, ""), on, measure, sieve, chosen), chosen, made, sieve)


def _change(candidate: Candidate, measure: str) -> Made:
    """Return the change of an arm, plain or in SDs; Becker 1988, doi:10.1111/j.2044-8317.1988.tb00901.x."""
    value = combined(candidate.values)
    made, steps = arm_columns("a", value), list(value.steps)
    if measure == "MC":
        return made | oriented(value.mean, value.sd**2 / value.n, candidate, measure, steps)
    if measure == "SMCR" and not candidate.baselines:
        return made | _missing("no SD at baseline is printed", steps)
    unit = value if measure == "SMCC" else combined(candidate.baselines)
    steps.append(
        Step(
            f"divided by the SD {'of the change' if unit is value else 'at baseline'}, {unit.sd:.4g}",
            arm=value.arm,
        )
    )
    estimate = value.mean / unit.sd
    variance = (value.sd / unit.sd) ** 2 / value.n + estimate**2 / (2 * unit.n)
    return made | oriented(estimate, variance, candidate, measure, steps)


def _share(candidate: Candidate, measure: str) -> Made:
    value = combined(candidate.values)
    effect = MEASURES[measure].compute(events=value.events, total=value.total)
    made, steps = arm_columns("a", value), list(value.steps)
    if not bool(effect.included):
        return made | _missing(f"{measure} does not exist for {value.events} of {value.total}", steps)
    return made | oriented(float(effect.estimate), float(effect.variance), candidate, measure, steps)


def _missing(problem: str, steps: list[Step]) -> Made:
    return {"estimate": np.nan, "variance": np.nan, "problem": problem, "steps": steps}
