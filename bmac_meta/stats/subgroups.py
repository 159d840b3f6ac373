"""Subgroups of trials: each pooled by itself, and the test of their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import Batch, as_batch
from bmac_meta.stats.inference import RandomEffects, random_effects
from bmac_meta.stats.reference import upper_chi2
from bmac_meta.stats.regression import MetaRegression, meta_regression

Test = tuple[float | NDArray, int, float | NDArray, float | NDArray]


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
    batch, words = _present(batch, labels)
    names, member = _as_labels(words, batch)
    choices = {"interval": interval, "level": level, "prediction": prediction}
    common = _common(batch, member, tau2, interval) if common_tau2 and len(names) > 1 else None
    between = tau2 if common is None else common.tau2
    groups = tuple(
        random_effects(**_arguments(batch, member == index), tau2=between, **choices) for index in range(len(names))
    )
    test = _separate_test(groups) if common is None else _regression_test(common)
    shared = groups[0].tau2 if common_tau2 and common is None else between
    return Subgroups(names, groups, *test, tau2=shared if common_tau2 else np.nan, common_tau2=common_tau2)


def _present(batch: Batch, labels: ArrayLike) -> tuple[Batch, NDArray]:
    """Leave the masked trials of one meta-analysis out, so that their subgroups need not have others."""
    words = np.asarray(labels, dtype=object)
    if not batch.single or batch.mask is None or words.shape != (batch.width,):
        return batch, words
    keep = batch.mask[0]
    return Batch(batch.estimate[:, keep], batch.variance[:, keep], None, True), words[keep]


def _as_labels(words: NDArray, batch: Batch) -> tuple[tuple[object, ...], NDArray]:
    if words.shape != (batch.width,):
        raise InputError(f"labels has shape {words.shape}; it needs one label for each of {batch.width} trials.")
    missing = [index for index, word in enumerate(words) if _is_missing(word)]
    if missing:
        raise InputError(f"trial {missing[0]} (counted from 0) has no label. Name its subgroup, or leave it out.")
    try:
        names = sorted(set(words))
    except TypeError:
        names = sorted(set(words), key=lambda word: (type(word).__name__, str(word)))
    place = {name: index for index, name in enumerate(names)}
    return tuple(names), np.array([place[word] for word in words])


def _is_missing(word: object) -> bool:
    # pandas' NA refuses to be compared with itself, and pandas is not known here.
    return word is None or type(word).__name__ == "NAType" or word != word


def _arguments(batch: Batch, chosen: NDArray | slice) -> dict[str, NDArray | None]:
    parts = {"estimate": batch.estimate, "variance": batch.variance, "mask": batch.mask}
    chosen_parts = {name: None if part is None else part[:, chosen] for name, part in parts.items()}
    if not batch.single:
        return chosen_parts
    return {name: None if part is None else part[0] for name, part in chosen_parts.items()}


def _common(batch: Batch, member: NDArray, tau2: str | ArrayLike, interval: str) -> MetaRegression:
    design = np.eye(member.max() + 1)[member]
    contrast = np.diff(np.eye(design.shape[1]), axis=0)
    choices = {"tau2": tau2, "interval": interval, "contrast": contrast}
    return meta_regression(**_arguments(batch, slice(None)), design=design, **choices)


def _regression_test(fit: MetaRegression) -> Test:
    df = int(np.max(fit.omnibus_df))
    statistic = np.where(np.isfinite(fit.omnibus_df2), fit.omnibus, fit.omnibus * df)
    return statistic[()], df, fit.omnibus_df2, fit.omnibus_p


def _separate_test(groups: tuple[RandomEffects, ...]) -> Test:
    df = len(groups) - 1
    se = np.array([group.se for group in groups], dtype=float)
    # Measured from the first, so that an offset of all effects costs no digits.
    estimate = np.array([group.estimate - groups[0].estimate for group in groups])
    possible = (se > 0.0).all(axis=0) & (df > 0)
    weight = 1.0 / np.where(se > 0.0, se, 1.0) ** 2
    mean = (weight * estimate).sum(axis=0) / weight.sum(axis=0)
    q = np.where(possible, (weight * (estimate - mean) ** 2).sum(axis=0), np.nan)
    p_value = np.where(possible, upper_chi2(np.where(possible, q, 0.0), np.float64(df)), np.nan)
    return q[()], df, np.inf, p_value[()]
