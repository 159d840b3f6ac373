"""Effect measures of the change from baseline within one arm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.errors import InputError
from bmac_meta.stats.columns import CORRELATION, NUMBER, POSITIVE, SIZE, SPREAD, FloatArray, read_columns
from bmac_meta.stats.effect_sizes import EffectSizes, effect_sizes
from bmac_meta.stats.hedges import hedges_correction
from bmac_meta.stats.spread import variance_of_change


def mean_change(
    *,
    mean_baseline: ArrayLike,
    mean_final: ArrayLike,
    n: ArrayLike,
    sd_change: ArrayLike | None = None,
    sd_baseline: ArrayLike | None = None,
    sd_final: ArrayLike | None = None,
    r: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return mean changes (final − baseline) within single arms.

    The variance is sd_change²/n, with the SD of the change as printed, or else from the SDs of both scores
    and their correlation r: sd_baseline² + sd_final² − 2·r·sd_baseline·sd_final. A mean change printed as
    such enters as `mean_final` with `mean_baseline=0`. Raises `InputError` for neither or both ways to the
    SD, missing values, SDs of 0 or less, r not strictly between −1 and 1, and sizes below 1. Cochrane
    Handbook 6.5.2.8.

    >>> effect = mean_change(mean_baseline=15.2, mean_final=16.2, sd_change=4.5, n=129)
    >>> round(float(effect.estimate), 2), round(float(effect.se), 2)
    (1.0, 0.4)
    """
    change, n, present = _read_change(mean_baseline, mean_final, n, mask)
    sd = _sd_of_change(sd_change, sd_baseline, sd_final, r, mask)
    return effect_sizes("MC", change, sd**2 / n, present)


def standardized_mean_change(
    *,
    mean_baseline: ArrayLike,
    mean_final: ArrayLike,
    sd_baseline: ArrayLike,
    r: ArrayLike,
    n: ArrayLike,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return standardized mean changes (final − baseline)/sd_baseline within single arms (SMCR).

    Corrected by the exact J with n − 1 degrees of freedom; the variance is 2(1 − r)/n + g²/(2n), with r the
    correlation of baseline and final scores. An arm of 2 or fewer is not included. Raises `InputError` for
    missing values, SDs of 0 or less, r not strictly between −1 and 1, and sizes below 1. Becker 1988,
    doi:10.1111/j.2044-8317.1988.tb00901.x.

    >>> effect = standardized_mean_change(mean_baseline=26, mean_final=22, sd_baseline=30**0.5, r=0.7, n=60)
    >>> round(float(effect.estimate), 4)
    -0.721
    """
    change, n, present = _read_change(mean_baseline, mean_final, n, mask)
    sd, r, _ = read_columns({"sd_baseline": (sd_baseline, POSITIVE), "r": (r, CORRELATION)}, mask)
    g = _correction(n) * change / sd
    return effect_sizes("SMCR", g, 2 * (1 - r) / n + g**2 / (2 * n), present & (n > 2))


def standardized_mean_change_by_change_sd(
    *,
    mean_baseline: ArrayLike,
    mean_final: ArrayLike,
    n: ArrayLike,
    sd_change: ArrayLike | None = None,
    sd_baseline: ArrayLike | None = None,
    sd_final: ArrayLike | None = None,
    r: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> EffectSizes:
    """Return mean changes (final − baseline) in units of the SD of the change (SMCC).

    Corrected by the exact J with n − 1 degrees of freedom; the variance is 1/n + g²/(2n). The SD of the
    change is given or follows from both SDs and r, as in `mean_change`, whose errors it raises. These units
    are not those of `standardized_mean_change`: the two must not be pooled. An arm of 2 or fewer is not
    included. Gibbons, Hedeker & Davis 1993, doi:10.3102/10769986018003271.

    >>> effect = standardized_mean_change_by_change_sd(mean_baseline=0, mean_final=4, sd_change=8, n=1000)
    >>> round(float(effect.estimate), 3), round(float(effect.variance), 6)
    (0.5, 0.001125)
    """
    change, n, present = _read_change(mean_baseline, mean_final, n, mask)
    sd = _sd_of_change(sd_change, sd_baseline, sd_final, r, mask)
    exists = sd > 0
    g = _correction(n) * change / np.where(exists, sd, 1.0)
    return effect_sizes("SMCC", g, 1 / n + g**2 / (2 * n), present & (n > 2) & exists)


def _read_change(
    mean_baseline: ArrayLike, mean_final: ArrayLike, n: ArrayLike, mask: ArrayLike | None
) -> tuple[FloatArray, ...]:
    columns = {"mean_baseline": (mean_baseline, NUMBER), "mean_final": (mean_final, NUMBER), "n": (n, SIZE)}
    baseline, final, n, present = read_columns(columns, mask)
    return final - baseline, n, present


def _sd_of_change(
    sd_change: ArrayLike | None,
    sd_baseline: ArrayLike | None,
    sd_final: ArrayLike | None,
    r: ArrayLike | None,
    mask: ArrayLike | None,
) -> FloatArray:
    parts = {"sd_baseline": sd_baseline, "sd_final": sd_final, "r": r}
    given = [name for name, values in parts.items() if values is not None]
    if sd_change is not None and not given:
        sd, _ = read_columns({"sd_change": (sd_change, POSITIVE)}, mask)
        return sd
    if sd_change is None and len(given) == len(parts):
        columns = {
            "sd_baseline": (sd_baseline, SPREAD),
            "sd_final": (sd_final, SPREAD),
            "r": (r, CORRELATION),
        }
        baseline, final, r, _ = read_columns(columns, mask)
        return np.sqrt(variance_of_change(baseline, final, r))
    found = ", ".join((["sd_change"] if sd_change is not None else []) + given) or "neither"
    raise InputError(
        "The spread of a change is either sd_change alone, or sd_baseline, sd_final and r together; "
        f"here is {found}. Give one of the two."
    )


def _correction(n: FloatArray) -> FloatArray:
    return hedges_correction(np.where(n > 2, n - 1, 2.0))
