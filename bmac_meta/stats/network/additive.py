"""Additive component models: the effect of a combination is the sum of the effects of its components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bmac_meta.copies import Sealed
from bmac_meta.errors import DesignError, InputError, check_word
from bmac_meta.stats.batch import as_level
from bmac_meta.stats.network.data import BoolArray, FloatArray, NetworkData
from bmac_meta.stats.network.fit import (
    DISTRIBUTIONS,
    ChiSquared,
    chi_squared,
    generalized_q,
    quantile,
    two_sided_p,
)
from bmac_meta.stats.network.heterogeneity import check_tau2, network_projection, solve_tau2
from bmac_meta.stats.network.least_squares import Solution, least_squares
from bmac_meta.stats.network.projection import project
from bmac_meta.stats.network.rows import independent_rows, standardized_rows

SAME = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class AdditiveFit(Sealed):
    """Holds an additive component model of a network.

    `components` (c) with `estimate`, `se`, `ci_low`, `ci_high`, `p_value` (c,), the effect of adding each
    component; NaN where the network can't tell a component from others (`identified` (c,) is False).
    `composition` (n, c) says which treatment has which component. `effects` and `effects_se` (n, n), row
    minus column, are the effects of treatments under additivity, NaN where not identified, and reach across
    parts of a disconnected network. `tau2` is that of the additive model (NaN without degrees of freedom).
    `q` is its generalized Q under a common effect, `q_network` that of the network, and `q_difference` their
    difference: the test of additivity. `q_difference_random` is the same at the network's own `tau2_network`.
    """

    treatments: tuple[str, ...]
    components: tuple[str, ...]
    composition: FloatArray
    identified: BoolArray
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    p_value: FloatArray
    effects: FloatArray
    effects_se: FloatArray
    tau2: float
    tau2_network: float
    q: ChiSquared
    q_network: ChiSquared
    q_difference: ChiSquared
    q_difference_random: ChiSquared
    tau2_method: str
    distribution: str
    level: float


def parse_components(
    treatments: Iterable[str], separator: str = "+", inactive: str | None = None
) -> dict[str, tuple[str, ...]]:
    """Read the components of treatments from their names; the `inactive` one has none.

    >>> parse_components(["BMAC+PRP", "PRP", "PLACEBO"], inactive="PLACEBO")
    {'BMAC+PRP': ('BMAC', 'PRP'), 'PRP': ('PRP',), 'PLACEBO': ()}
    """
    return {
        name: () if name == inactive else tuple(part.strip() for part in name.split(separator) if part.strip())
        for name in treatments
    }


def fit_additive(
    data: NetworkData,
    components: Mapping[str, Iterable[str]],
    tau2: str | float = "REML",
    *,
    distribution: str = "z",
    level: float = 0.95,
) -> AdditiveFit:
    """Fit an additive component model; the network may be disconnected as long as components link its parts.

    `components` gives the components of each treatment (none for the inactive one). Welton et al. 2009
    (doi:10.1093/aje/kwp014); Rücker, Petropoulou & Schwarzer 2020 (doi:10.1002/bimj.201800167). Raises
    `InputError` when the components of a treatment are missing and `DesignError` when no trial compares
    different sets of components.
    """
    check_word("distribution", distribution, DISTRIBUTIONS)
    as_level(level)
    wanted = check_tau2(tau2)
    names, composition = _composition(data, components)
    rows = independent_rows(data)
    basis = _basis(rows.columns @ composition, names)
    every = np.ones(basis.shape[1], dtype=bool)
    model = project(rows.effect, rows.columns @ composition @ basis, rows.variance, every)
    found = float(solve_tau2(model, wanted)[0])
    plain = _solve(data, composition @ basis, 0.0)
    q = chi_squared(plain.squares, data.rows_count - plain.rank)
    solution = _solve(data, composition @ basis, 0.0 if np.isnan(found) else found)
    df = np.inf if distribution == "z" else float(q.df)
    root = basis @ solution.root
    coefficients = basis @ solution.coefficients
    seen = _spanned(np.eye(len(names)), basis)
    estimate = np.where(seen, coefficients, np.nan)
    se = np.where(seen, np.linalg.norm(root, axis=1), np.nan)
    effects, effects_se = _treatment_effects(composition, basis, coefficients, root)
    q_network = generalized_q(data)
    tau2_network = float(solve_tau2(network_projection(rows), wanted)[0])
    at = 0.0 if np.isnan(tau2_network) else tau2_network
    return AdditiveFit(
        treatments=data.treatments,
        components=names,
        composition=composition,
        identified=seen,
        estimate=estimate,
        se=se,
        ci_low=estimate - quantile(df, level) * se,
        ci_high=estimate + quantile(df, level) * se,
        p_value=np.where(seen, two_sided_p(np.nan_to_num(estimate), np.nan_to_num(se), df), np.nan),
        effects=effects,
        effects_se=effects_se,
        tau2=found,
        tau2_network=tau2_network,
        q=q,
        q_network=q_network,
        q_difference=_difference(q.statistic, q_network, q.df),
        q_difference_random=_difference(_solve(data, composition @ basis, at).squares, generalized_q(data, at), q.df),
        tau2_method=wanted if isinstance(wanted, str) else "given",
        distribution=distribution,
        level=level,
    )


def _composition(data: NetworkData, components: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], FloatArray]:
    missing = [name for name in data.treatments if name not in components]
    if missing:
        raise InputError(
            f"the components of {', '.join(missing)} are not given: name those of every treatment, none for "
            "the inactive one."
        )
    parts = [{str(part) for part in components[name]} for name in data.treatments]
    names = tuple(sorted(set().union(*parts)))
    return names, np.array([[float(name in part) for name in names] for part in parts])


def _basis(design: FloatArray, names: tuple[str, ...]) -> FloatArray:
    if not design.any():
        raise DesignError(
            f"no trial compares different sets of components (there are: {', '.join(names) or 'none'}). "
            "Name the components in which the treatments differ."
        )
    _, size, axes = np.linalg.svd(design, full_matrices=False)
    rank = int((size > size[0] * max(design.shape) * 1e-12).sum())
    return np.eye(len(names)) if rank == len(names) else axes[:rank].T


def _spanned(lines: FloatArray, basis: FloatArray) -> BoolArray:
    return np.linalg.norm(lines - lines @ basis @ basis.T, axis=-1) < SAME


def _solve(data: NetworkData, columns: FloatArray, tau2: float) -> Solution:
    rows = standardized_rows(data, tau2)
    return least_squares(rows.effect, rows.columns @ columns, np.ones(columns.shape[1], dtype=bool))


def _treatment_effects(
    composition: FloatArray, basis: FloatArray, coefficients: FloatArray, root: FloatArray
) -> tuple[FloatArray, FloatArray]:
    lines = composition[:, None, :] - composition
    seen = _spanned(lines, basis)
    return np.where(seen, lines @ coefficients, np.nan), np.where(seen, np.linalg.norm(lines @ root, axis=2), np.nan)


def _difference(squares: float, network: ChiSquared, df: int) -> ChiSquared:
    return chi_squared(squares - network.statistic, df - network.df)
