"""Tests of several coefficients of a meta-regression at once, such as all levels of one factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmac_meta.errors import DesignError
from bmac_meta.stats.batch import as_floats, unbatch
from bmac_meta.stats.reference import upper_f
from bmac_meta.stats.regression import MetaRegression


@dataclass(frozen=True, slots=True)
class CoefficientTest:
    """Holds the test of a linear hypothesis about coefficients; floats, or (B,) for a batch.

    `statistic` is F with `df` and `df2` degrees of freedom, or chi-squared over `df` where `df2` is infinite.
    """

    statistic: float | NDArray
    df: int
    df2: float | NDArray
    p_value: float | NDArray


def coefficient_test(fit: MetaRegression, contrast: ArrayLike) -> CoefficientTest:
    """Test whether linear combinations of coefficients, the rows of `contrast` (m, p), are all 0.

    The covariance and the degrees of freedom are the fit's own, as in its omnibus test. Raises `DesignError` for a
    contrast of another width or with linearly dependent rows. Source: Knapp & Hartung 2003, 10.1002/sim.1482.
    """
    rows, width = np.atleast_2d(as_floats("contrast", contrast)), fit.coefficients.shape[-1]
    if rows.ndim != 2 or rows.shape[1] != width or not _independent(rows):
        raise DesignError(
            f"contrast has shape {rows.shape}; it needs a column for each of the {width} coefficients and linearly "
            "independent rows of finite numbers."
        )
    effect = np.atleast_2d(fit.coefficients) @ rows.T
    solved = np.linalg.solve(rows @ fit.covariance @ rows.T, effect[:, :, None])[:, :, 0]
    statistic, df2 = (effect * solved).sum(axis=1) / len(rows), np.reshape(fit.df, -1)
    p_value = upper_f(statistic, np.full(df2.shape, len(rows)), df2)
    fields = {"statistic": statistic, "df2": df2, "p_value": p_value}
    return CoefficientTest(df=len(rows), **unbatch(fields, fit.coefficients.ndim == 1))


def _independent(rows: NDArray) -> bool:
    return bool(np.isfinite(rows).all()) and np.linalg.matrix_rank(rows) == len(rows)
