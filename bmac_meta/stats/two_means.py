"""The checked columns of two independent arms with means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.stats.columns import NUMBER, SIZE, BoolArray, FloatArray, Rule, read_columns, refuse_where


@dataclass(frozen=True, slots=True)
class TwoMeans:
    """The checked columns of two arms with means."""

    mean_a: FloatArray
    sd_a: FloatArray
    n_a: FloatArray
    mean_b: FloatArray
    sd_b: FloatArray
    n_b: FloatArray
    present: BoolArray

    @property
    def variance_of_difference(self) -> FloatArray:
        """The variance of the difference of the two means."""
        return self.sd_a**2 / self.n_a + self.sd_b**2 / self.n_b

    @property
    def enough(self) -> BoolArray:
        """Whether there is more than the 1 degree of freedom with which J does not exist."""
        return self.n_a + self.n_b > 3

    @property
    def df(self) -> FloatArray:
        """The degrees of freedom of the pooled standard deviation (2 where there are not enough)."""
        return np.where(self.enough, self.n_a + self.n_b - 2, 2.0)

    @property
    def pooled_sd(self) -> FloatArray:
        """The standard deviation within arms (1 where there are not enough degrees of freedom)."""
        squares = (self.n_a - 1) * self.sd_a**2 + (self.n_b - 1) * self.sd_b**2
        return np.sqrt(np.where(self.enough, squares / self.df, 1.0))


def read_two_means(
    spread: Rule,
    mean_a: ArrayLike,
    sd_a: ArrayLike,
    n_a: ArrayLike,
    mean_b: ArrayLike,
    sd_b: ArrayLike,
    n_b: ArrayLike,
    mask: ArrayLike | None,
) -> TwoMeans:
    """Return the checked columns; raise `InputError` where one is unusable or neither arm has any spread."""
    arms = TwoMeans(
        *read_columns(
            {
                "mean_a": (mean_a, NUMBER),
                "sd_a": (sd_a, spread),
                "n_a": (n_a, SIZE),
                "mean_b": (mean_b, NUMBER),
                "sd_b": (sd_b, spread),
                "n_b": (n_b, SIZE),
            },
            mask,
        )
    )
    refuse_where(
        (arms.sd_a == 0) & (arms.sd_b == 0),
        "neither arm has any spread",
        {"sd_a": arms.sd_a, "sd_b": arms.sd_b},
        "An effect without variance can't be weighted: give the standard deviations, or leave the trial out.",
    )
    return arms
