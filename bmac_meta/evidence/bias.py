"""The risk of bias of a trial: one judgement from those that reviews printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmac_meta.evidence.evidence import Evidence

SEVERITY = {"low": 0, "some": 1, "high": 2}
SAME = {"unclear": "some", "some_concerns": "some", "low": "low", "high": "high"}
OF_OUTCOME = "intention_to_treat_"


def judged(evidence: Evidence, outcome: str) -> dict[str, str]:
    """Return "low", "some" or "high" for the studies with a judgement: the overall one, else the worst of the domains.

    Domains that belong to another outcome than the one that is asked for do not count.
    """
    table = evidence.tables.risk_of_bias
    found: dict[str, list[tuple[bool, str]]] = {}
    for study, domain, word in zip(table["study_id"], table["domain"], table["judgement"], strict=True):
        elsewhere = str(domain).startswith(OF_OUTCOME) and str(domain) != OF_OUTCOME + outcome
        if word in SAME and not elsewhere:
            found.setdefault(study, []).append((domain == "overall", SAME[word]))
    return {study: _worst(words) for study, words in found.items()}


def _worst(words: list[tuple[bool, str]]) -> str:
    overall = [word for whole, word in words if whole]
    return max(overall or [word for _, word in words], key=SEVERITY.__getitem__)
