"""The record in which every effect measure gives its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bmac_meta.stats.columns import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EffectSizes:
    """Estimates with their sampling variances, of one shape, on the scale on which they are pooled.

    `included` is False where the measure does not exist (its docstring says when) or where `mask` left
    the trial out; `estimate` and `variance` are NaN there. `measure` is the code in `MEASURES`.
    """

    estimate: FloatArray
    variance: FloatArray
    included: BoolArray
    measure: str

    @property
    def se(self) -> FloatArray:
        """The standard errors: square roots of the variances."""
        return np.sqrt(self.variance)


def effect_sizes(measure: str, estimate: FloatArray, variance: FloatArray, included: BoolArray) -> EffectSizes:
    """Make the record, with NaN in estimate and variance wherever a cell is not included.

    A variance of 0 can't be given a weight, so such a cell is not included either. One trial gives scalars.
    """
    included = included & (variance > 0)
    blank = np.where(included, 1.0, np.nan)
    return EffectSizes(
        estimate=(estimate * blank)[()],
        variance=(variance * blank)[()],
        included=included[()],
        measure=measure,
    )
