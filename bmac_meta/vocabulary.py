"""The closed words of the project: windows of time, designs, measures of shares, what a flag does by default."""

from __future__ import annotations

from types import MappingProxyType

RANDOMIZED = ("rct", "quasi_rct", "crossover_rct")
WINDOWS = ((0.0, 3.0), (3.0, 6.0), (6.0, 12.0), (12.0, float("inf")))
NOT_REPORTED = "has the arms, but no number on this outcome is at hand"
FLAG_ACTIONS = ("keep", "leave_out")
SHARES = ("PR", "PLO", "PAS", "PFT")

# Left out is what cannot be right, or what would give a trial a weight or a sign that it does not have. Every other
# flag keeps its row, and the row bears it by name.
FLAG_DEFAULTS = MappingProxyType(
    dict.fromkeys(
        (
            "allocation_by_size",
            "arms_possibly_swapped",
            "ci_inconsistent",
            "ci_sign_lost",
            "confounded",
            "implausible_effect",
            "implausible_units",
            "impossible_ci",
            "percent_not_mean",
            "suspect_se_not_sd",
        ),
        "leave_out",
    )
)
