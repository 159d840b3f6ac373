"""Subgroups of trials: each pooled by itself, and the test of their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import Batch, as_batch
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.reference import upper_chi2
from bmac_meta.stats.regression import meta_regression


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Holds the pooled effect of each subgroup and the test of their difference.

    `groups` holds one `RandomEffects` for each of `labels`. `q_between` is chi-squared with `df` degrees of
    freedom when `df2` is infinite, else F with `df` and `df2`; it and `p_value` are NaN with one subgroup,
    and where a plain Knapp–Hartung standard error is 0. `tau2` is the common one (NaN with separate ones).
    """

    labels: tuple[object, ...]
    groups: tuple[RandomEffects, ...]
    q_between: float | NDArray
    df: int
    df2: float | NDArray
    p_value: float | NDArray
    tau2: float | NDArray
    common_tau2: bool


def subgroups(
    estimate: ArrayLike,
    *,
    variance: ArrayLike,
    labels: ArrayLike,
    tau2: str | ArrayLike = "REML",
    interval: str = "knapp-hartung-floored",
    common_tau2: bool = False,
    level: float = 0.95,
    mask: ArrayLike | None = None,
    prediction: str = "same",
) -> Subgroups:
    """Pool each subgroup of the trials and test their difference.

    `labels` (k,) names each trial's subgroup; the subgroups come in order of their label. With separate
    tau2 the test is Cochran's Q of the subgroup estimates with their own standard errors, chi-squared. With
    a common tau2 (estimated within subgroups, by regression on them) it is the omnibus test of that
    regression: chi-squared for Wald, F for the others; each subgroup's interval then uses the common tau2
    and its own residuals. Other arguments, shapes and errors as for `random_effects`; `InputError` for
    labels that are missing or do not fit. Source: Borenstein and Higgins 2013, 10.1007/s11121-013-0377-7.
    """
    batch = as_batch(estimate, variance, mask)
    names, member = _as_labels(labels, batch)
    choices = {"interval": interval, "level": level, "prediction": prediction}
    common = _common(batch, member, tau2, interval) if common_tau2 and len(names) > 1 else None
    between = tau2 if common is None else common.tau2
    groups = tuple(_pool_one(batch, member == index, tau2=between, **choices) for index in range(len(names)))
    test = _separate_test(groups) if common is None else _regression_test(common)
    shared = groups[0].tau2 if common_tau2 and common is None else between
    return Subgroups(names, groups, *test, tau2=shared if common_tau2 else np.nan, common_tau2=common_tau2)


def _as_labels(labels: ArrayLike, batch: Batch) -> tuple[tuple[object, ...], NDArray]:
    words = np.asarray(labels, dtype=object)
    if words.shape != (batch.width,):
        raise InputError(
            f"labels has shape {words.shape}; it needs one label for each of {batch.width} trials."
        )
    missing = [index for index, word in enumerate(words) if word is None or word != word]
    if missing:
        raise InputError(
            f"trial {missing[0]} (counted from 0) has no label. Name its subgroup, or leave it out."
        )
    try:
        names = sorted(set(words))
    except TypeError:
        names = sorted(set(words), key=lambda word: (type(word).__name__, str(word)))
    place = {name: index for index, name in enumerate(names)}
    return tuple(names), np.array([place[word] for word in words])


def _pool_one(batch: Batch, chosen: NDArray, **choices: object) -> RandomEffects:
    estimate, variance = batch.estimate[:, chosen], batch.variance[:, chosen]
    if batch.single and batch.mask is None:
        return random_effects(estimate[0], variance=variance[0], **choices)
    mask = None if batch.mask is None else batch.mask[:, chosen]
    return random_effects(estimate, variance=variance, mask=mask, **choices)


def _common(batch: Batch, member: NDArray, tau2: str | ArrayLike, interval: str):
    design = np.eye(member.max() + 1)[member]
    contrast = np.diff(np.eye(design.shape[1]), axis=0)
    data = (batch.estimate, batch.variance) if not batch.single else (batch.estimate[0], batch.variance[0])
    return meta_regression(
        data[0],
        variance=data[1],
        design=design,
        tau2=tau2,
        interval=interval,
        mask=batch.mask,
        contrast=contrast,
    )


def _regression_test(fit) -> tuple:
    finite = np.isfinite(fit.omnibus_df2)
    df = int(np.max(fit.omnibus_df))
    statistic = np.where(finite, fit.omnibus, fit.omnibus * df)
    return statistic[()], df, fit.omnibus_df2, fit.omnibus_p


def _separate_test(groups: tuple[RandomEffects, ...]) -> tuple:
    df = len(groups) - 1
    se = np.array([group.se for group in groups], dtype=float)
    estimate = np.array([group.estimate for group in groups])
    possible = (se > 0.0).all(axis=0) & (df > 0)
    weight = 1.0 / np.where(se > 0.0, se, 1.0) ** 2
    mean = (weight * estimate).sum(axis=0) / weight.sum(axis=0)
    q = np.where(possible, (weight * (estimate - mean) ** 2).sum(axis=0), np.nan)
    p_value = np.where(possible, upper_chi2(np.where(possible, q, 0.0), np.float64(df)), np.nan)
    return q[()], df, np.inf, p_value[()]
