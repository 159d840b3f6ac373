"""Checks of regression designs."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import DesignError
from bmac_meta.stats.batch import as_batch
from bmac_meta.stats.regressors import as_contrast, as_design

BATCH = as_batch(np.zeros(5), np.ones(5))
X = np.column_stack([np.ones(5), np.arange(5.0)])


def test_the_basis_is_orthonormal_and_spans_the_design() -> None:
    found = as_design(X, BATCH)
    assert np.allclose(found.basis[0].T @ found.basis[0], np.eye(2), atol=1e-15)
    assert np.linalg.matrix_rank(np.column_stack([X, found.basis[0]])) == 2
    assert found.size == 2


def test_a_constant_may_be_spanned_without_a_column_of_ones() -> None:
    groups = np.eye(2)[[0, 0, 1, 1, 1]]
    assert as_design(groups, BATCH).constant
    assert not as_design(np.arange(1.0, 6.0)[:, None], BATCH).constant


def test_calendar_years_are_not_mistaken_for_a_constant() -> None:
    years = np.column_stack([np.ones(5), [1990.0, 1991.0, 1992.0, 1993.0, 1995.0]])
    assert as_design(years, BATCH).size == 2


def test_two_names_for_one_covariate_are_refused() -> None:
    with pytest.raises(DesignError, match="column 2"):
        as_design(np.column_stack([X, 3.0 * X[:, 1] - 7.0]), BATCH)


def test_one_design_per_meta_analysis_is_taken() -> None:
    batch = as_batch(np.zeros((3, 5)), np.ones((3, 5)))
    assert as_design(np.stack([X, X, X]), batch).raw.shape == (3, 5, 2)
    with pytest.raises(DesignError, match="one row per trial"):
        as_design(np.stack([X, X]), batch)


def test_saturation_counts_only_the_trials_present() -> None:
    batch = as_batch(np.zeros(5), np.ones(5), [True, True, False, False, False])
    with pytest.raises(DesignError, match="2 coefficients from 2 trials"):
        as_design(X, batch)


def test_a_covariate_may_be_unknown_where_a_trial_is_masked() -> None:
    mask = np.array([[True, True, True, True, False]])
    design = np.where(mask.T, X, np.nan)[None]
    assert as_design(design, as_batch(np.zeros((1, 5)), np.ones((1, 5)), mask)).raw[0, 4].tolist() == [
        0.0,
        0.0,
    ]


def test_the_omnibus_test_leaves_constant_columns_out() -> None:
    assert as_contrast(None, as_design(X, BATCH)).tolist() == [[0.0, 1.0]]
    assert as_contrast(None, as_design(np.ones((5, 1)), BATCH)).tolist() == [[1.0]]


@pytest.mark.parametrize("contrast", [[1.0], [[1.0, 0.0], [2.0, 0.0]], [[[1.0, 0.0]]]])
def test_contrasts_that_do_not_fit_are_refused(contrast: list) -> None:
    with pytest.raises(DesignError, match="contrast"):
        as_contrast(contrast, as_design(X, BATCH))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1.0, 1, 1, 1, 1], r"the design of meta-analysis 1 is collinear: column 1 \(counted from 0\)"),
        ([0.0, 0, 0, 0, 0], r"column 1 \(counted from 0\) of the design of meta-analysis 1 is zero in every trial"),
        ([0.0, 0, 0, 0, 1e-150], r"is no larger than 1e-150 in every trial. Leave it out, or change its unit"),
        ([np.nan, 0, 0, 0, 1], "the design of meta-analysis 1 has nan in trial 0, column 1"),
    ],
)
def test_a_design_that_cannot_be_used_is_named_among_those_of_a_batch(row, message):
    batch = as_batch(np.zeros((3, 5)), np.ones((3, 5)))
    designs = np.stack([X, np.column_stack([np.ones(5), row]), X])
    with pytest.raises(DesignError, match=message):
        as_design(designs, batch)


def test_the_meta_analysis_with_too_few_trials_is_named():
    mask = np.ones((3, 5), dtype=bool)
    mask[2, 2:] = False
    batch = as_batch(np.zeros((3, 5)), np.ones((3, 5)), mask)
    with pytest.raises(DesignError, match=r"saturated in meta-analysis 2 \(counted from 0\): 2 coefficients from 2"):
        as_design(X, batch)
