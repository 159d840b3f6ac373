"""The small-k panel: one meta-analysis by five methods, and whether the verdict hangs on the choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_floats
from bmac_meta.stats.bayes import bayesian_pool
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.priors import HalfNormal, HeterogeneityPrior

Array = NDArray[np.float64]

FEW_TRIALS = 5
STANDARD_PRIOR = HalfNormal(0.5)


@dataclass(frozen=True, slots=True)
class PanelRow:
    """The answer of one method: estimate and interval, and whether the interval leaves out the null value.

    Fields are numbers, or (B,) for a batch.
    """

    method: str
    estimate: float | Array
    ci_low: float | Array
    ci_high: float | Array
    excludes_null: bool | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SmallKPanel:
    """The answers of five methods to one question, or of four where no prior was given.

    `verdict_depends` is True where some intervals leave out `null` and others do not, or where they leave it
    out on different sides. `knapp_hartung_narrower` is True where plain Knapp–Hartung gives a narrower
    interval than the common effect, which should not be trusted; `advised` is True there and at 5 trials or
    fewer.
    """

    rows: tuple[PanelRow, ...]
    verdict_depends: bool | NDArray[np.bool_]
    knapp_hartung_narrower: bool | NDArray[np.bool_]
    advised: bool | NDArray[np.bool_]
    k: int | NDArray[np.int64]
    null: float
    level: float
    tau2: str | float


def small_k_panel(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    tau2: str | float = "REML",
    prior: HeterogeneityPrior | None = STANDARD_PRIOR,
    null: float = 0.0,
    level: float = 0.95,
    mask: ArrayLike | None = None,
) -> SmallKPanel:
    """Show one meta-analysis by common effect, Wald, plain and floored Knapp–Hartung, and Bayes.

    `estimate` and `variance` are (k,), or (B, k) with an optional boolean `mask`. The random-effects rows
    take tau2 from the same estimator, or as it is given; the Bayesian one is the posterior median with its
    equal-tailed interval under `prior`, `HalfNormal(0.5)` unless another is given, which suits log ratios and
    standardized mean differences only: give one in the unit of the effects for a mean difference, or None to go
    without Bayes. Raises as `random_effects` and `bayesian_pool` do.

    Why side by side: Röver, Knapp & Friede 2015 (doi:10.1186/s12874-015-0091-1); Wiksten, Rücker & Schwarzer
    2016 (doi:10.1002/sim.6879); Bender et al. 2018 (doi:10.1002/jrsm.1297).

    >>> panel = small_k_panel([0.2, 0.5], variance=[0.02, 0.02])
    >>> panel.verdict_depends, [row.method for row in panel.rows if row.excludes_null]
    (True, ['common effect, Wald', 'random effects, Wald'])
    """
    value = as_floats("null", null)
    if value.ndim or not np.isfinite(value):
        raise InputError(
            f"null is {null!r}; give the one value that means no effect, 0 for differences and log ratios."
        )
    null = float(value)
    shared = {"variance": variance, "level": level, "mask": mask}
    pooled = {
        "common effect, Wald": random_effects(estimate, model="common", interval="wald", **shared),
        "random effects, Wald": random_effects(estimate, tau2=tau2, interval="wald", **shared),
        "random effects, Knapp–Hartung": random_effects(estimate, tau2=tau2, interval="knapp-hartung", **shared),
        "random effects, floored Knapp–Hartung": random_effects(
            estimate, tau2=tau2, interval="knapp-hartung-floored", **shared
        ),
    }
    rows = [_row(name, result.estimate, result.ci_low, result.ci_high, null) for name, result in pooled.items()]
    if prior is not None:
        bayes = bayesian_pool(estimate, prior=prior, **shared)
        rows.append(_row(f"Bayes, {prior.label} on tau", bayes.median, bayes.ci_low, bayes.ci_high, null))
    common, plain = rows[0], rows[2]
    narrower = plain.ci_high - plain.ci_low < common.ci_high - common.ci_low
    k = pooled["common effect, Wald"].k
    return SmallKPanel(
        rows=tuple(rows),
        verdict_depends=_plain(np.ptp([_side(row, null) for row in rows], axis=0) > 0),
        knapp_hartung_narrower=_plain(narrower),
        advised=_plain(narrower | (np.asarray(k) <= FEW_TRIALS)),
        k=k,
        null=null,
        level=pooled["common effect, Wald"].level,
        tau2=tau2,
    )


def _row(method: str, estimate: Array, low: Array, high: Array, null: float) -> PanelRow:
    return PanelRow(method, estimate, low, high, _plain((np.asarray(low) > null) | (np.asarray(high) < null)))


def _side(row: PanelRow, null: float) -> NDArray[np.int64]:
    """Return 1 where the interval lies above the null, −1 below, 0 where it holds it."""
    return (np.asarray(row.ci_low) > null).astype(int) - (np.asarray(row.ci_high) < null)


def _plain(values: NDArray[np.bool_] | bool) -> bool | NDArray[np.bool_]:
    return bool(values) if np.ndim(values) == 0 else values
