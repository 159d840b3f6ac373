"""Within the arms of one treatment: the change from baseline, and the share of patients with an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, check_word, told
from bmac_meta.evidence.asking import admitted
from bmac_meta.evidence.candidates import Candidate, Sieve
from bmac_meta.evidence.making import Made, arm_columns, combined, oriented, problem
from bmac_meta.evidence.reading import ArmValue, Step
from bmac_meta.evidence.rules import Rules, window
from bmac_meta.evidence.selection import choose, of_kind, one_per_cohort
from bmac_meta.evidence.words import (
    absent,
    asked,
    effects_of,
    flag_meanings,
    is_outcome,
    node_named,
    read_as,
    rows_about,
    rules_for,
)
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures import MEASURES

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

CHANGES = ("MC", "SMCR", "SMCC")
SHARES = ("PR", "PLO", "PAS", "PFT")


def ask_change(
    evidence: Evidence, treatment: str, on: str, months: Any, measure: str | None, keywords: Mapping[str, Any]
) -> Effects:
    """Answer `Evidence.change`."""
    usual = "MC" if is_outcome(evidence, on) else "SMCR"
    code = check_word("measure of change", usual if measure is None else measure, CHANGES)
    kind = keywords.get("measured_as", "change")
    if not isinstance(kind, str) or kind != "change":
        raise InputError(
            f"measured_as={told(kind)} was given to change(), which takes changes only: printed ones, "
            "else those that both scores and the stated correlation give. Leave the keyword out."
        )
    rules = rules_for(evidence, Rules(designs=None, measured_as="change"), keywords)
    return _within(evidence, treatment, on, months, code, rules)


def ask_proportion(
    evidence: Evidence, treatment: str, of: str, months: Any, measure: str, keywords: Mapping[str, Any]
) -> Effects:
    """Answer `Evidence.proportion`."""
    check_word("measure of a proportion", measure, SHARES)
    return _within(evidence, treatment, of, months, measure, rules_for(evidence, Rules(designs=None), keywords))


def _within(evidence: Evidence, treatment: str, on: str, months: Any, measure: str, rules: Rules) -> Effects:
    node = node_named(evidence, treatment, rules)
    wanted = frozenset((node,))
    rows, _ = rows_about(evidence, on, rules)
    mine = [row for row in rows if row["node"] == node]
    sieve = Sieve(rules, window(months), flag_meanings(), said=read_as([treatment], [node]))
    candidates = admitted(evidence, mine, [], sieve, "RR" if measure in SHARES else measure)
    fitting = [_with_baseline_only(candidate, measure) for candidate in of_kind(candidates, wanted, sieve)]
    chosen = one_per_cohort(choose(fitting, wanted, True, sieve), evidence.cohorts, sieve)
    made = [_share(c, measure) if measure in SHARES else _change(c, measure) for c in chosen]
    absent(evidence, wanted, mine, chosen, sieve)
    return effects_of(evidence, asked(evidence, (node, ""), on, measure, sieve, chosen), chosen, made, sieve)


def _with_baseline_only(candidate: Candidate, measure: str) -> Candidate:
    """Return a candidate without the scores at baseline that its measure has no use for."""
    made_of_both = any(value.spread.startswith("change from") for value in candidate.values)
    return candidate if measure == "SMCR" or made_of_both else replace(candidate, baselines=())


def _change(candidate: Candidate, measure: str) -> Made:
    """Return the change of an arm: plain, in SDs at baseline, or in SDs of the change."""
    value = combined(candidate.values)
    made, steps = arm_columns("a", value), list(value.steps)
    if measure == "SMCR":
        effect, words, why = _in_baseline_sds(candidate, value)
        known = {step.what for step in steps}
        steps += [step for base in candidate.baselines for step in base.steps if step.what not in known]
    else:
        effect = MEASURES[measure].compute(mean_baseline=0.0, mean_final=value.mean, sd_change=value.sd, n=value.n)
        words = f"{measure} of a change of {value.mean:.4g} (SD {value.sd:.4g}, n {value.n})"
        why = "" if bool(effect.included) else f"{MEASURES[measure].label} does not exist for {value.n} patients"
    if why:
        return made | problem(why, steps)
    steps.append(Step(words, arm=value.arm))
    return made | oriented(float(effect.estimate), float(effect.variance), candidate, measure, steps)


def _in_baseline_sds(candidate: Candidate, value: ArmValue) -> tuple[EffectSizes | None, str, str]:
    """Return a change in SDs at baseline with its words, or why there is none.

    The correlation is the one that the SD of the change tells against the SD at baseline, 1 − (SD of change / SD at
    baseline)² / 2: Becker 1988, doi:10.1111/j.2044-8317.1988.tb00901.x.
    """
    if len(candidate.baselines) < len(candidate.values):
        return None, "", "no SD at baseline is printed"
    sd = combined(candidate.baselines).sd
    r = 1 - (value.sd / sd) ** 2 / 2
    if not r > -1:
        return None, "", f"the SD of the change, {value.sd:.4g}, is twice the SD at baseline, {sd:.4g}, or more"
    columns = {"mean_baseline": 0.0, "mean_final": value.mean, "sd_baseline": sd, "r": r, "n": value.n}
    effect = MEASURES["SMCR"].compute(**columns)
    words = f"SMCR of a change of {value.mean:.4g} (SD {value.sd:.4g}, n {value.n}) in SDs at baseline, {sd:.4g}"
    return effect, words, "" if bool(effect.included) else f"SMCR does not exist for {value.n} patients"


def _share(candidate: Candidate, measure: str) -> Made:
    value = combined(candidate.values)
    effect = MEASURES[measure].compute(events=value.events, total=value.total)
    made, steps = arm_columns("a", value), list(value.steps)
    if not bool(effect.included):
        return made | problem(f"{measure} does not exist for {value.events} of {value.total}", steps)
    return made | oriented(float(effect.estimate), float(effect.variance), candidate, measure, steps)
