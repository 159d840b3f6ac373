"""Small-study effects in a network: the comparison-adjusted funnel and its regression test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from bmac_meta.copies import Sealed
from bmac_meta.errors import InputError, NotEnoughTrials
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.network.data import FloatArray, IntArray, NetworkData
from bmac_meta.stats.network.direct import direct_evidence, trial_pairs

FEWEST_TRIALS = 10


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedFunnel(Sealed):
    """Holds a comparison-adjusted funnel plot, one point per pairwise contrast of a trial (R,).

    `first` minus `second`, where `first` comes earlier in `order`; `adjusted` is the effect minus the
    common-effect pool of its comparison, `se` its standard error and `trial` the index of its trial.
    Comparisons with one trial only are left out, because they stand at 0 by construction.
    """

    order: tuple[str, ...]
    trial: IntArray
    first: IntArray
    second: IntArray
    adjusted: FloatArray
    se: FloatArray


def adjusted_funnel(data: NetworkData, order: Sequence[str]) -> AdjustedFunnel:
    """Return the comparison-adjusted funnel (Chaimani & Salanti 2012, doi:10.1002/jrsm.57).

    `order` lists all treatments so that a small-study effect is expected to favour the earlier one, for
    instance from the newest to placebo; without a meaningful order the plot has no meaning. Raises
    `InputError` when it isn't complete.
    """
    names = tuple(str(name) for name in order)
    if sorted(names) != sorted(data.treatments):
        raise InputError(
            f"order must list every treatment once; the network has {', '.join(data.treatments)}; given: "
            f"{', '.join(names)}."
        )
    rank = np.array([names.index(name) for name in data.treatments])
    pairs = trial_pairs(data)
    evidence = direct_evidence(data, 0.0)
    kept = evidence.trials[pairs.first, pairs.second] > 1
    first, second = pairs.first[kept], pairs.second[kept]
    away = pairs.estimate[kept] - evidence.estimate[first, second]
    swap = rank[first] > rank[second]
    return AdjustedFunnel(
        order=names,
        trial=pairs.trial[kept],
        first=np.where(swap, second, first),
        second=np.where(swap, first, second),
        adjusted=np.where(swap, -away, away),
        se=np.sqrt(pairs.variance[kept]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class FunnelRegression(Sealed):
    """Holds the regression of a comparison-adjusted funnel: the adjusted effect on its standard error."""

    slope: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    df: int
    p_value: float
    trials: int


def funnel_regression(funnel: AdjustedFunnel, level: float = 0.95) -> FunnelRegression:
    """Test the asymmetry of a comparison-adjusted funnel by Egger's weighted regression
    (doi:10.1136/bmj.315.7109.629).

    Weighted least squares of the adjusted effect on its standard error with multiplicative dispersion and
    Student's t. The contrasts of a multi-arm trial are taken as independent. Raises `NotEnoughTrials` below
    10 trials.
    """
    share = as_level(level)
    trials = np.unique(funnel.trial).size
    if trials < FEWEST_TRIALS:
        raise NotEnoughTrials(
            f"small-study effects can't be assessed with {trials} trials in comparisons of two trials or "
            f"more; it takes {FEWEST_TRIALS}."
        )
    columns = np.column_stack([1.0 / funnel.se, np.ones_like(funnel.se)])
    effect = funnel.adjusted / funnel.se
    if np.ptp(funnel.se) <= 1e-12 * funnel.se.max():
        raise InputError("all contrasts have the same standard error: there is nothing to regress on.")
    orthogonal, triangle = np.linalg.qr(columns)
    inverse = np.linalg.inv(triangle)
    coefficients = inverse @ (orthogonal.T @ effect)
    rest = effect - columns @ coefficients
    df = effect.size - 2
    se = float(np.sqrt(rest @ rest / df) * np.linalg.norm(inverse[1]))
    slope = float(coefficients[1])
    margin = float(stdtrit(df, 0.5 + 0.5 * share)) * se
    ratio = slope / se if se > 0.0 else np.nan
    p = float(2.0 * stdtr(df, -abs(ratio)))
    return FunnelRegression(slope, se, slope - margin, slope + margin, ratio, df, p, trials)
