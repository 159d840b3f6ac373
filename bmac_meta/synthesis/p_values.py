"""The verbs for evidence that comes as p values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bmac_meta import stats
from bmac_meta.arguments import several_numbers
from bmac_meta.errors import InputError, PoolingRefused, check_word
from bmac_meta.narrowing import floats_in
from bmac_meta.results.p_values import Albatross, CombinedP
from bmac_meta.synthesis.verbs import check_poolable

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

WEIGHTS = ("size",)
SIZES = (("n_a", "n_b"), ("total_a", "total_b"), ("n",), ("total",))
UNKNOWN_RISK = 0.5
NEAR_ONE, NEAR_ZERO = -6.0, 37.0
"""Beyond these normal deviates a p is too near to 1 or 0 to keep its digits."""
CONTOURS = {"SMD": (0.2, 0.5, 0.8), "OR": (1.25, 1.5, 2.0), "RR": (1.1, 1.25, 1.5), "COR": (0.1, 0.3, 0.5)}
KINDS = {"SMD": "SMD", "SMDH": "SMD", "MD": "MD", "OR": "OR", "PETO": "OR", "RR": "RR", "COR": "COR", "ZCOR": "COR"}


def combine_p(effects: Effects, method: str = "stouffer", *, weight: str | None = None) -> CombinedP:
    """Combine the p values of the trials (of effect over standard error, with its sign) into one, two-sided.

    `method` is "stouffer" or "fisher"; `weight="size"` weights Stouffer's sum by the root of the trials' sizes. For
    trials whose effects cannot be put on one scale; where they can, `pool` says more. Raises `PoolingRefused` for a
    measure without a value of no effect, `InputError` for a trial so far out that a p cannot hold it.
    """
    z = _deviates(effects)
    # Small p hold more digits than p near 1, so the side of most of the evidence is made the side of small p.
    side = -1.0 if z.sum() < 0 else 1.0
    _check_digits(effects, side * z)
    weights = None if weight is None else np.sqrt(_sizes(effects, check_word("weight", weight, WEIGHTS)))
    fit = stats.combine_p_values(stats.p_from_z(side * z, sides="one"), method=method, weight=weights, two_sided=True)
    fit = replace(fit, statistic=side * fit.statistic)
    words = "" if weight is None else "the root of the size"
    return CombinedP(effects.question, fit, effects.frame, effects.left_out, words, effects.notes)


def albatross(effects: Effects, contours: Iterable[float] | None = None) -> Albatross:
    """Set the p values of the trials against their sizes, with contours of some effects.

    `contours` are sizes of effect above 0 (ratios for OR and RR) in the measure of the effects; each measure has some
    of its own. Raises `PoolingRefused` for a measure that has no contours.
    """
    z = _deviates(effects)
    measure = KINDS.get(effects.measure.code)
    if measure is None:
        raise PoolingRefused(
            f"An albatross plot has contours for {', '.join(KINDS)}; these effects are {effects.measure.code}. Look at "
            "a funnel plot instead: doubts().funnel()."
        )
    _check_digits(effects, np.abs(z))
    p_values = stats.p_from_z(z)
    assumed = _assumed(effects, measure)
    fit = stats.albatross(
        p_values,
        size=_sizes(effects, "albatross plot"),
        direction=np.where(z < 0, -1, 1),
        effects=_contours(measure, contours, assumed),
        measure=measure,
        **assumed,
    )
    data = {"rows": effects.frame, "left_out": effects.left_out, "assumed": assumed, "notes": effects.notes}
    return Albatross(effects.question, fit, tuple(map(float, p_values)), **data)


def _check_digits(effects: Effects, z: np.ndarray) -> None:
    far = [study for study, value in zip(effects.studies, z, strict=True) if not NEAR_ONE <= value <= NEAR_ZERO]
    if far:
        raise InputError(
            f"{', '.join(far)}: so many standard errors from no effect ({np.abs(z).max():.1f}) that a p cannot hold "
            "it, or against most of the evidence. Look at the units, pool the effects, or leave them out by without()."
        )


def _deviates(effects: Effects) -> np.ndarray:
    check_poolable(effects)
    if effects.measure.null is None:
        raise PoolingRefused(f"A {effects.measure.label} has no value of no effect, so there is no p to speak of.")
    return effects.estimates / np.sqrt(effects.variances)


def _sizes(effects: Effects, purpose: str) -> np.ndarray:
    """Return the number of participants of each trial."""
    for names in SIZES:
        if set(names) <= set(effects.frame):
            sizes = np.column_stack([floats_in(effects.frame[name]) for name in names])
            if (np.isfinite(sizes) & (sizes > 0)).all():
                return sizes.sum(axis=1)
    raise InputError(
        f"The sizes of the trials are needed ({purpose}); give columns n_a and n_b, without gaps, with the effects."
    )


def _assumed(effects: Effects, measure: str) -> dict[str, float]:
    """Return what the contours have to take for granted, from the trials themselves."""
    frame = effects.frame
    if measure == "MD":
        return {"sd": float(np.median(frame["se"] * np.sqrt(_sizes(effects, "SD of the contours")) / 2))}
    if measure in ("OR", "RR"):
        counted = {"events_b", "total_b"} <= set(frame)
        events, total = (np.nansum(floats_in(frame[name])) if counted else 0.0 for name in ("events_b", "total_b"))
        return {"baseline_risk": float(events / total) if 0 < events < total else UNKNOWN_RISK}
    return {}


def _contours(measure: str, contours: Iterable[float] | None, assumed: dict[str, float]) -> np.ndarray:
    if contours is not None:
        wanted = "a size of effect above 0"
        return np.array(several_numbers("contours", contours, wanted, lambda size: 0 < size < np.inf))
    if measure == "MD":
        return np.array(CONTOURS["SMD"]) * assumed["sd"]
    return np.array(CONTOURS[measure])
