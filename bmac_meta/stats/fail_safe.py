"""Fail-safe numbers, with the warning that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bmac_meta.arguments import one_number
from bmac_meta.errors import InputError, check_word
from bmac_meta.stats.batch import unbatch
from bmac_meta.stats.funnel import Funnel, read_funnel

MOST = 1e18
METHODS = ("rosenthal", "orwin", "orwin-weighted", "rosenberg")
WARNING = (
    "A fail-safe number assumes that the missing trials show no effect on average, ignores heterogeneity and "
    "the size of trials, and grows with the number of trials whatever their quality; the Cochrane Handbook "
    "advises against it. Look at the worst case or at a selection model instead."
)


@dataclass(frozen=True, slots=True)
class FailSafeNumber:
    """Holds how many trials without effect would undo a result, and why not to trust that; int, or (B,)."""

    number: int | NDArray
    k: int | NDArray
    method: str
    alpha: float
    target: float | None
    warning: str = WARNING


def fail_safe_number(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    method: str = "rosenthal",
    target: float | None = None,
    alpha: float = 0.05,
    mask: ArrayLike | None = None,
    minimum_trials: int = 10,
) -> FailSafeNumber:
    """Count the trials without effect that would make a pooled result insignificant, or small.

    "rosenthal": until the combined one-sided p of all trials reaches `alpha`. "rosenberg": until the
    two-sided p of the common effect does, the added trials having the mean weight. "orwin" and
    "orwin-weighted": until the mean, or the common effect, is no more than `target` in size. Rounded up,
    10¹⁸ at most; 0 where the result isn't there to be undone. The answer carries its warning. Shapes (k,) or
    (B, k) with `mask`. Sources: Rosenthal 1979, 10.1037/0033-2909.86.3.638; Orwin 1983, 10.3102/10769986008002157;
    Rosenberg 2005, 10.1111/j.0014-3820.2005.tb01004.x; against its use Becker 2005, 10.1002/0470870168.ch7.

    >>> fail_safe_number([0.6] * 10, variance=[0.1] * 10, method="orwin", target=0.2).number
    20
    """
    check_word("fail-safe method", method, METHODS)
    _check_alpha(alpha)
    _check_target(method, target)
    funnel = read_funnel(estimate, variance, mask, minimum_trials, "a fail-safe number")
    needed = _FORMULA[method](funnel, target if method.startswith("orwin") else alpha)
    number = np.minimum(np.ceil(np.maximum(needed, 0.0) * (1.0 - 1e-12)), MOST).astype(int)
    fields = unbatch({"number": number, "k": funnel.trials}, funnel.single)
    return FailSafeNumber(**fields, method=method, alpha=float(alpha), target=target)


def _check_alpha(alpha: float) -> None:
    wanted = "a p that would no longer count, between 0 and 0.5, such as 0.05"
    one_number("alpha", alpha, wanted, lambda p: 0.0 < p < 0.5)


def _check_target(method: str, target: float | None) -> None:
    if not method.startswith("orwin"):
        if target is not None:
            raise InputError(f"target={target!r} means nothing to the method {method!r}; leave it out.")
        return
    wanted = f"the size of effect, above 0, that the method {method!r} comes down to"
    one_number("target", target, wanted, lambda size: 0.0 < size < np.inf)


def _rosenthal(funnel: Funnel, alpha: float) -> NDArray:
    total = (funnel.y / np.sqrt(funnel.v)).sum(axis=1)
    return (total / ndtri(alpha)) ** 2 - funnel.trials


def _rosenberg(funnel: Funnel, alpha: float) -> NDArray:
    weight = funnel.present / funnel.v
    statistic = (weight * funnel.y).sum(axis=1) / np.sqrt(weight.sum(axis=1))
    return funnel.trials * ((statistic / ndtri(0.5 * alpha)) ** 2 - 1.0)


def _orwin(funnel: Funnel, target: float) -> NDArray:
    mean = funnel.y.sum(axis=1) / funnel.trials
    return funnel.trials * (np.abs(mean) / target - 1.0)


def _orwin_weighted(funnel: Funnel, target: float) -> NDArray:
    weight = funnel.present / funnel.v
    mean = (weight * funnel.y).sum(axis=1) / weight.sum(axis=1)
    return funnel.trials * (np.abs(mean) / target - 1.0)


_FORMULA = {
    "rosenthal": _rosenthal,
    "orwin": _orwin,
    "orwin-weighted": _orwin_weighted,
    "rosenberg": _rosenberg,
}
