"""How many digits of an effect are worth printing, by the size of its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bmac_meta.numbers import fine_decimals
from bmac_meta.stats.measures import Measure

LARGE, LARGEST_LOG = 1e6, 700.0
MOST_BEFORE_POWER = 12


@dataclass(frozen=True, slots=True)
class Precision:
    """The size of effects as they are shown, and their smallest standard error as it is shown and as it is pooled.

    Decimals are those of the measure. There are more where a standard error is below the last of them, such that two
    digits of it are seen, and none for effects in the millions.
    """

    size: float
    shown_se: float
    se: float
    ratio: bool

    @classmethod
    def of(cls, measure: Measure, estimate: np.ndarray, se: np.ndarray) -> Precision:
        """Return the precision of effects (k,) with their standard errors, on the scale of pooling."""
        if not measure.is_ratio:
            return cls(float(np.abs(estimate).max()), float(se.min()), float(se.min()), False)
        shown = np.exp(np.clip(estimate, -LARGEST_LOG, LARGEST_LOG))
        return cls(float(shown.max()), float((shown * se).min()), float(se.min()), True)

    def decimals(self, usual: int) -> int:
        """Return the decimals of effects."""
        return fine_decimals(self.shown_se, 0 if self.size >= LARGE else usual)

    def spread_decimals(self, usual: int) -> int:
        """Return the decimals of what is on the scale of pooling: τ and standard errors."""
        return fine_decimals(self.se, 0 if self.size >= LARGE and not self.ratio else usual)

    @property
    def power_decimals(self) -> int:
        """How many decimals stand before a power of ten."""
        if not (0 < self.size < math.inf and 0 < self.shown_se < math.inf):
            return 1
        digits = math.floor(math.log10(self.size)) - math.floor(math.log10(self.shown_se)) + 1
        return min(MOST_BEFORE_POWER, max(1, digits))
