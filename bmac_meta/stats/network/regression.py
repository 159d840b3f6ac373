"""Network meta-regression: an effect modifier that all treatments share against a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bmac_meta.arguments import one_number
from bmac_meta.copies import Sealed
from bmac_meta.errors import DesignError, InputError, check_word
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.network.data import FloatArray, NetworkData
from bmac_meta.stats.network.fit import DISTRIBUTIONS, ChiSquared, chi_squared, quantile, two_sided_p
from bmac_meta.stats.network.graph import require_connected
from bmac_meta.stats.network.heterogeneity import check_tau2, free_columns, network_projection, solve_tau2
from bmac_meta.stats.network.least_squares import Solution, least_squares
from bmac_meta.stats.network.projection import project
from bmac_meta.stats.network.rows import Rows, independent_rows, standardized_rows

COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class NetworkRegression(Sealed):
    """Holds a network meta-regression with one common coefficient.

    `coefficient` with `se`, `ci_low`, `ci_high`, `p_value` is the change of every treatment's effect against
    `reference` per unit of the covariate. `estimate` and `effects_se` (n, n), row minus column, hold at the
    covariate value `at`. `tau2` is the residual one, `tau2_without` that of the network without the
    covariate, and `r2` the share that the covariate explains, not below 0; all NaN without degrees of
    freedom, r2 also where `tau2_without` is 0. `q` is the residual generalized Q under a common effect.
    """

    treatments: tuple[str, ...]
    reference: str
    coefficient: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    at: float
    estimate: FloatArray
    effects_se: FloatArray
    tau2: float
    tau2_without: float
    r2: float
    q: ChiSquared
    tau2_method: str
    distribution: str
    level: float


def fit_network_regression(
    data: NetworkData,
    covariate: Mapping[object, float] | ArrayLike,
    reference: str,
    tau2: str | float = "REML",
    *,
    at: float | None = None,
    distribution: str = "z",
    level: float = 0.95,
) -> NetworkRegression:
    """Fit a network in which a covariate of the trials changes all effects against `reference` by one
    coefficient.

    `covariate` has one number per trial, in the order of `data.trials` or by name; 0 and 1 make a subgroup
    analysis. `at` is where the effects are reported (default: the mean over trials). Effects of two
    treatments other than the reference don't depend on the covariate; the choice of `reference` is part of
    the model (Dias et al. 2013, doi:10.1177/0272989X13485157). Raises `DesignError` when the trials can't
    tell the coefficient.
    """
    check_word("distribution", distribution, DISTRIBUTIONS)
    as_level(level)
    wanted = check_tau2(tau2)
    require_connected(data)
    place = data.index(reference)
    values = _values(data, covariate)
    centre = float(values.mean()) if at is None else _number("at", at)
    shift = _interaction(data, values - centre, place)
    rows = independent_rows(data)
    alive = np.append(free_columns(rows), True)
    columns = np.column_stack([rows.columns, rows.rotate(shift)])
    _require_identified(columns, rows, alive, reference)
    found = float(solve_tau2(project(rows.effect, columns, rows.variance, alive), wanted)[0])
    without = float(solve_tau2(network_projection(rows), wanted)[0])
    plain = _fit(data, shift, alive, 0.0)
    q = chi_squared(plain.squares, data.rows_count - plain.rank)
    solution = _fit(data, shift, alive, 0.0 if np.isnan(found) else found)
    df = np.inf if distribution == "z" else float(q.df)
    slope, se = float(solution.coefficients[-1]), float(np.linalg.norm(solution.root[-1]))
    estimate, spread = solution.differences()
    return NetworkRegression(
        treatments=data.treatments,
        reference=str(reference),
        coefficient=slope,
        se=se,
        ci_low=slope - quantile(df, level) * se,
        ci_high=slope + quantile(df, level) * se,
        p_value=float(two_sided_p(np.array(slope), np.array(se), df)),
        at=centre,
        estimate=estimate[:-1, :-1],
        effects_se=spread[:-1, :-1],
        tau2=found,
        tau2_without=without,
        r2=max(0.0, 1.0 - found / without) if without > 0.0 else np.nan,
        q=q,
        tau2_method=wanted if isinstance(wanted, str) else "given",
        distribution=distribution,
        level=level,
    )


def _number(name: str, value: float) -> float:
    return one_number(name, value, "one finite number")


def _values(data: NetworkData, covariate: Mapping[object, float] | ArrayLike) -> FloatArray:
    if isinstance(covariate, Mapping):
        by_name = {str(name): value for name, value in covariate.items()}
        missing = [name for name in data.trials if name not in by_name]
        if missing:
            raise InputError(
                f"the covariate of {len(missing)} trials is not given: {', '.join(missing[:12])}. Complete "
                "it, or leave these trials out (without_trials)."
            )
        covariate = [by_name[name] for name in data.trials]
    values = np.asarray(covariate)
    if values.shape != (len(data.trials),):
        raise InputError(f"covariate has shape {values.shape}; give one number for each of {len(data.trials)} trials.")
    return np.array([_number(f"covariate of trial {t!r}", v) for t, v in zip(data.trials, values, strict=True)])


def _interaction(data: NetworkData, values: FloatArray, reference: int) -> list[FloatArray]:
    active = [(block, (block.arms != reference).astype(float)) for block in data.blocks]
    return [(arms[:, 1:] - arms[:, :1]) * values[block.trial, None] for block, arms in active]


def _require_identified(columns: FloatArray, rows: Rows, alive: np.ndarray, reference: str) -> None:
    scaled = columns / np.sqrt(rows.variance)[:, None]
    last = scaled[:, -1]
    others = np.append(alive[:-1], False)
    size = float(last @ last)
    if size > 0.0 and least_squares(last, scaled, others).squares > COLLINEAR * size:
        return
    raise DesignError(
        f"the covariate can't be told from the treatments: it takes a comparison with {reference!r} that "
        "trials make at different values of the covariate (or a loop of such comparisons). Choose another "
        "reference or covariate."
    )


def _fit(data: NetworkData, shift: list[FloatArray], alive: np.ndarray, tau2: float) -> Solution:
    rows = standardized_rows(data, tau2)
    return least_squares(rows.effect, np.column_stack([rows.columns, rows.rotate(shift)]), alive)
