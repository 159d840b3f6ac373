"""The effect measures by code: what each is called, needs, means by no effect, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.columns import FloatArray, as_numbers
from bmac_meta.stats.effect_sizes import EffectSizes
from bmac_meta.stats.measures_binary import (
    arcsine_difference,
    odds_ratio,
    peto_odds_ratio,
    risk_difference,
    risk_ratio,
)
from bmac_meta.stats.measures_change import (
    mean_change,
    standardized_mean_change,
    standardized_mean_change_by_change_sd,
)
from bmac_meta.stats.measures_continuous import (
    mean_difference,
    percent_of_maximum_difference,
    ratio_of_means,
)
from bmac_meta.stats.measures_single import (
    arcsine_back_transform,
    correlation,
    freeman_tukey_back_transform,
    generic_effect,
    logit_back_transform,
    proportion,
    raw_mean,
)
from bmac_meta.stats.measures_standardized import (
    standardized_mean_difference,
    standardized_mean_difference_heteroscedastic,
)

__all__ = [
    "MEASURES",
    "EffectSizes",
    "Measure",
    "arcsine_back_transform",
    "arcsine_difference",
    "correlation",
    "freeman_tukey_back_transform",
    "generic_effect",
    "logit_back_transform",
    "mean_change",
    "mean_difference",
    "measure_named",
    "odds_ratio",
    "percent_of_maximum_difference",
    "peto_odds_ratio",
    "proportion",
    "ratio_of_means",
    "raw_mean",
    "risk_difference",
    "risk_ratio",
    "standardized_mean_change",
    "standardized_mean_change_by_change_sd",
    "standardized_mean_difference",
    "standardized_mean_difference_heteroscedastic",
]

TWO_MEANS = ("mean_a", "sd_a", "n_a", "mean_b", "sd_b", "n_b")
TWO_COUNTS = ("events_a", "total_a", "events_b", "total_b")
CHANGE = ("mean_baseline", "sd_baseline", "mean_final", "sd_final", "r", "n")


def _identity(estimate: ArrayLike) -> FloatArray:
    return as_numbers("estimate", estimate)


def _exponential(estimate: ArrayLike) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.exp(as_numbers("estimate", estimate))


@dataclass(frozen=True, slots=True)
class Measure:
    """One effect measure.

    `columns` are the keywords that `compute` needs; `arms` is how many arms they describe (0 for an
    estimate given as such). `null` is the value of no effect on the scale on which effects are pooled, None
    where there is no such value (a single mean or proportion). `is_ratio` says that effects are pooled as
    logarithms. `back_transform` leads from the pooled scale to the shown one, `decimals` is how many digits
    are shown.
    """

    code: str
    label: str
    compute: Callable[..., EffectSizes]
    columns: tuple[str, ...]
    arms: int
    null: float | None = 0.0
    is_ratio: bool = False
    back_transform: Callable[..., FloatArray] = _identity
    needs_n: bool = False
    decimals: int = 2

    @property
    def null_shown(self) -> float | None:
        """The value of no effect on the scale that is shown: 1 for ratios."""
        return None if self.null is None else float(self.back_transform(self.null))

    def shown(self, estimate: ArrayLike, *, n: ArrayLike | None = None) -> FloatArray:
        """Return estimates or limits on the scale that is shown.

        `n` is the number of patients that the Freeman-Tukey transform has to be told, and that no other
        measure takes. Raises `InputError` when it is missing or out of place.

        >>> float(MEASURES["OR"].shown(0.0))
        1.0
        """
        if self.needs_n == (n is None):
            need = "needs n, the number of patients that is meant" if self.needs_n else "has no use for n"
            raise InputError(f"To be shown, {self.label} ({self.code}) {need}: n is {n!r}.")
        return self.back_transform(estimate, n=n) if self.needs_n else self.back_transform(estimate)


_ALL = (
    Measure("MD", "mean difference", mean_difference, TWO_MEANS, 2, decimals=1),
    Measure("SMD", "standardized mean difference", standardized_mean_difference, TWO_MEANS, 2),
    Measure(
        "SMDH",
        "standardized mean difference, unequal variances",
        standardized_mean_difference_heteroscedastic,
        TWO_MEANS,
        2,
    ),
    Measure(
        "POMP",
        "mean difference in % of the scale",
        percent_of_maximum_difference,
        (*TWO_MEANS, "scale_min", "scale_max"),
        2,
        decimals=1,
    ),
    Measure("ROM", "ratio of means", ratio_of_means, TWO_MEANS, 2, is_ratio=True, back_transform=_exponential),
    Measure("RR", "risk ratio", risk_ratio, TWO_COUNTS, 2, is_ratio=True, back_transform=_exponential),
    Measure("OR", "odds ratio", odds_ratio, TWO_COUNTS, 2, is_ratio=True, back_transform=_exponential),
    Measure("RD", "risk difference", risk_difference, TWO_COUNTS, 2, decimals=3),
    Measure("PETO", "Peto odds ratio", peto_odds_ratio, TWO_COUNTS, 2, is_ratio=True, back_transform=_exponential),
    Measure("AS", "arcsine difference", arcsine_difference, TWO_COUNTS, 2, decimals=3),
    Measure("MN", "mean", raw_mean, ("mean", "sd", "n"), 1, null=None, decimals=1),
    Measure("MC", "mean change", mean_change, CHANGE, 1, decimals=1),
    Measure(
        "SMCR",
        "standardized mean change, in SDs at baseline",
        standardized_mean_change,
        ("mean_baseline", "sd_baseline", "mean_final", "r", "n"),
        1,
    ),
    Measure(
        "SMCC",
        "standardized mean change, in SDs of the change",
        standardized_mean_change_by_change_sd,
        CHANGE,
        1,
    ),
    Measure("PR", "proportion", partial(proportion, transform="raw"), ("events", "total"), 1, null=None),
    Measure(
        "PLO",
        "proportion (logit)",
        partial(proportion, transform="logit"),
        ("events", "total"),
        1,
        null=None,
        back_transform=logit_back_transform,
    ),
    Measure(
        "PAS",
        "proportion (arcsine)",
        partial(proportion, transform="arcsine"),
        ("events", "total"),
        1,
        null=None,
        back_transform=arcsine_back_transform,
    ),
    Measure(
        "PFT",
        "proportion (double arcsine)",
        partial(proportion, transform="freeman-tukey"),
        ("events", "total"),
        1,
        null=None,
        back_transform=freeman_tukey_back_transform,
        needs_n=True,
    ),
    Measure("COR", "correlation", partial(correlation, transform="raw"), ("r", "n"), 1),
    Measure(
        "ZCOR",
        "correlation (Fisher's z)",
        partial(correlation, transform="z"),
        ("r", "n"),
        1,
        back_transform=np.tanh,
    ),
    Measure("GEN", "effect", generic_effect, ("estimate", "variance"), 0),
)

MEASURES: dict[str, Measure] = {measure.code: measure for measure in _ALL}


def measure_named(code: str) -> Measure:
    """Return the measure with this code; raise `UnknownWordError` with the known codes if there is none.

    >>> measure_named("RR").label
    'risk ratio'
    """
    return MEASURES[check_word("effect measure", code, MEASURES)]
