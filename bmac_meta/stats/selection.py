"""Selection by significance: models of it, how much it would take, and intervals and numbers about it."""

from __future__ import annotations

from bmac_meta.stats.excess_significance import ExcessSignificance, excess_significance
from bmac_meta.stats.fail_safe import FailSafeNumber, fail_safe_number
from bmac_meta.stats.henmi_copas import HenmiCopas, henmi_copas
from bmac_meta.stats.step_selection import StepSelection, step_selection
from bmac_meta.stats.worst_case import (
    SelectionRatioEstimate,
    WorstCase,
    selection_ratio_estimate,
    worst_case,
)

__all__ = [
    "ExcessSignificance",
    "FailSafeNumber",
    "HenmiCopas",
    "SelectionRatioEstimate",
    "StepSelection",
    "WorstCase",
    "excess_significance",
    "fail_safe_number",
    "henmi_copas",
    "selection_ratio_estimate",
    "step_selection",
    "worst_case",
]
