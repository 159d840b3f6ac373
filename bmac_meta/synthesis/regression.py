"""The verb that asks what tells the trials apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bmac_meta.arguments import one_seed, whole_number, yes_or_no
from bmac_meta.design import DesignMatrix, design_matrix, formula_columns
from bmac_meta.errors import DesignError, NotEnoughTrials
from bmac_meta.numbers import count_noun
from bmac_meta.results.regression import TRIALS_PER_COVARIATE, Regression
from bmac_meta.stats.heterogeneity import q_profile
from bmac_meta.stats.permutation import PermutationTest, permutation_test
from bmac_meta.stats.regression import meta_regression
from bmac_meta.synthesis.verbs import check_poolable

if TYPE_CHECKING:
    from bmac_meta.effects import Effects

MOST_NAMED = 8


def regress(
    effects: Effects,
    formula: str,
    tau2: str | float = "REML",
    interval: str = "knapp-hartung-floored",
    *,
    level: float = 0.95,
    permutations: int = 0,
    seed: int = 0,
    exploratory: bool = False,
) -> Regression:
    """Regress the effects on columns of the trials: `regress("~ n_injections + C(design)")`.

    The formula is read by `bmac_meta.design`: numbers are continuous, words are categories, + * : and -, C(), log()
    and arithmetic in I(). Trials that do not say a column are left out by name. `tau2` and `interval` as in `pool`;
    `permutations` (such as 9999) adds permutation p values from a generator with this `seed`. Raises
    `NotEnoughTrials` with fewer than 10 trials per covariate unless `exploratory`, which is printed, `DesignError` for
    collinear or saturated designs, and `InputError` for a formula that cannot be read.
    """
    yes_or_no("exploratory", exploratory)
    permutations, seed = whole_number("permutations", permutations, least=0), one_seed(seed)
    check_poolable(effects)
    for column in formula_columns(formula, effects.frame):
        effects = effects._keep(effects.frame[column].notna().to_numpy(), f"{column} is not reported")
    if not len(effects):
        raise NotEnoughTrials(f"No trial says every column of {formula!r}. Name fewer columns.")
    design = design_matrix(formula, effects.frame, effects.studies)
    _check_size(design, len(effects), exploratory)
    data = {"variance": effects.variances, "design": design.matrix}
    choices = {"tau2": tau2, "interval": interval}
    try:
        fit = meta_regression(effects.estimates, **data, **choices, level=level)
    except DesignError as error:
        columns = ", ".join(f"{place} {name}" for place, name in enumerate(design.names[:MOST_NAMED]))
        more = ", …" if len(design.names) > MOST_NAMED else ""
        raise DesignError(f"{design.formula!r}: {error} The columns: {columns}{more}.") from None
    return Regression(
        question=effects.question,
        design=design,
        fit=fit,
        tau2_interval=q_profile(effects.estimates, **data, level=level),
        rows=effects.frame,
        left_out=effects.left_out,
        permutation=_permuted(effects.estimates, data | choices, permutations, seed),
        notes=effects.notes,
    )


def _check_size(design: DesignMatrix, k: int, exploratory: bool) -> None:
    needed = TRIALS_PER_COVARIATE * design.covariates
    if k < needed and not exploratory:
        raise NotEnoughTrials(
            f"{design.formula!r} has {count_noun(design.covariates, 'covariate')}, which takes {needed} trials; here "
            f"are {k} that say every column. Use fewer covariates, or exploratory=True, which the result will say."
        )


def _permuted(
    estimates: np.ndarray, arguments: dict[str, object], permutations: int, seed: int
) -> PermutationTest | None:
    if not permutations:
        return None
    return permutation_test(estimates, **arguments, permutations=permutations, seed=seed)
