"""Changes from baseline that a trial did not print, from both of its scores and a stated correlation."""

from __future__ import annotations

from dataclasses import replace

from bmac_meta.evidence.candidates import Candidate, Sieve, order_of
from bmac_meta.evidence.reading import ArmValue, Step
from bmac_meta.stats.spread import change_sd


def with_changes(candidates: list[Candidate], sieve: Sieve) -> list[Candidate]:
    """Return candidates with their scores at baseline, and beside final scores the changes made of both.

    Scores at baseline are no candidates of their own unless the window is the baseline.
    """
    baselines = {_quantity(c): c for c in candidates if c.months == 0 and c.kind == "final"}
    later = []
    for candidate in (c for c in candidates if c.months != 0 or sieve.window.holds(0)):
        base = baselines.get(_quantity(candidate)) if candidate.months != 0 else None
        scored = candidate if base is None else replace(candidate, baselines=_at_baseline(candidate, base))
        later += [scored, *(_changes(scored, sieve) if candidate.kind == "final" else [])]
    return later


def _quantity(candidate: Candidate) -> tuple:
    return candidate.study, candidate.outcome, candidate.scale, candidate.variant


def _at_baseline(candidate: Candidate, base: Candidate) -> tuple[ArmValue, ...]:
    """Return the scores at baseline of the arms (or strata) that a candidate has."""
    have = {_group(value) for value in candidate.values}
    return tuple(value for value in base.values if _group(value) in have and value.mean is not None)


def _group(value: ArmValue) -> tuple[str, str | None]:
    return value.arm, value.row["subgroup_level"]


def _changes(final: Candidate, sieve: Sieve) -> list[Candidate]:
    before = {_group(value): value for value in final.baselines}
    both = [(before[_group(v)], v) for v in final.values if _group(v) in before and v.mean is not None]
    if not both:
        return []
    values = tuple(change_value(base, later, sieve.rules.correlation) for base, later in both)
    candidate = replace(final, kind="change", values=values)
    order = order_of(candidate, sieve)
    # A change that is made stands behind one that is printed.
    return [replace(candidate, order=(*order[:4], order[4] + 0.5, *order[5:]))]


def change_value(base: ArmValue, final: ArmValue, correlation: float) -> ArmValue:
    """Return the change of an arm from its baseline and final scores, with the SD that a correlation implies."""
    sd = float(change_sd(sd_baseline=base.sd, sd_final=final.sd, r=correlation))
    mean = final.mean - base.mean
    words = f"change = {final.mean:g} − {base.mean:g} = {mean:.4g}; its SD with r = {correlation:g} is {sd:.4g}"
    steps = (*base.steps, *final.steps, Step(words, arm=final.arm))
    spread = f"change from r = {correlation:g}"
    return replace(final, mean=mean, sd=sd, n=min(base.n, final.n), spread=spread, steps=steps)
