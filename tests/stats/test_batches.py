"""Every function of the statistics takes many analyses at once, of different sizes, and gives what each gives alone."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np
import pytest

from bmac_meta import stats

K = 14
SIZES = (14, 11, 12)
DRAW = np.random.default_rng(11)
ESTIMATE = DRAW.normal(-0.4, 0.4, (3, K))
VARIANCE = DRAW.uniform(0.02, 0.3, (3, K))
# Present trials come first, but for the last analysis, where they lie among absent ones.
MASK = np.arange(K) < np.array(SIZES)[:, None]
MASK[2] = np.roll(MASK[2], 1)
TOTAL = DRAW.integers(30, 200, (4, 3, K)).astype(float)
EVENTS = np.floor(TOTAL * DRAW.uniform(0.1, 0.6, (4, 3, K)))
CLUSTER = np.repeat(np.arange(K // 2), 2)
YEAR = DRAW.normal(0, 1, K)
DESIGN = np.column_stack([np.ones(K), YEAR])
SPREAD = np.sqrt(VARIANCE)
TIED = np.where(CLUSTER[:, None] == CLUSTER, 0.5, 0.0) + 0.5 * np.eye(K)
COVARIANCE = SPREAD[:, :, None] * TIED * SPREAD[:, None, :]
EFFECTS = {"estimate": ESTIMATE, "variance": VARIANCE}
TABLES = {"events_a": EVENTS[0], "total_a": TOTAL[0], "events_b": EVENTS[1], "total_b": TOTAL[1]}
DEPENDENT = {"estimate": ESTIMATE, "covariance": COVARIANCE}
P_VALUES = {"p_value": DRAW.uniform(0.01, 0.9, (3, K))}
SIGNS = np.where(ESTIMATE < 0, -1.0, 1.0)
ALBATROSS = P_VALUES | {"size": TOTAL[0], "direction": SIGNS}

# The columns of each function, and what is the same for all analyses: (k,) where `shared` says so, or words.
BATCHED: dict[str, tuple[dict, dict]] = {
    "albatross": (ALBATROSS, {"effects": [0.2, 0.5]}),
    "baujat": (EFFECTS, {}),
    "bayesian_pool": (EFFECTS, {"prior": stats.HalfNormal(0.5)}),
    "begg_test": (EFFECTS, {}),
    "breslow_day": (TABLES, {}),
    "cluster_robust": (EFFECTS, {"cluster": CLUSTER}),
    "cochran_mantel_haenszel": (TABLES, {}),
    "combine_p_values": (P_VALUES, {"method": "fisher"}),
    "common_effect": (EFFECTS, {}),
    "cumulative": (EFFECTS, {"by": YEAR}),
    "egger_mixed_effects": (EFFECTS, {}),
    "egger_test": (EFFECTS, {}),
    "estimate_tau2": (EFFECTS, {}),
    "excess_significance": (EFFECTS, {}),
    "fail_safe_number": (EFFECTS, {}),
    "generalized_least_squares": (DEPENDENT, {}),
    "harbord_test": (TABLES, {}),
    "henmi_copas": (EFFECTS, {}),
    "heterogeneity": (EFFECTS, {}),
    "influence": (EFFECTS, {}),
    "leave_one_out": (EFFECTS, {}),
    "mantel_haenszel": (TABLES, {}),
    "meta_regression": (EFFECTS, {"design": DESIGN}),
    "multivariate_effects": (DEPENDENT, {"outcome": np.tile(["a", "b"], K // 2), "cluster": CLUSTER}),
    "permutation_test": (EFFECTS, {"permutations": 99}),
    "permute_with_pymare": (EFFECTS, {"draws": 20}),
    "pet_peese": (EFFECTS, {}),
    "peters_test": (TABLES, {}),
    "peto": (TABLES, {}),
    "pool_with_pymare": (EFFECTS, {}),
    "profile_likelihood_interval": (EFFECTS, {}),
    "q_profile": (EFFECTS, {}),
    "radial": (EFFECTS, {}),
    "random_effects": (EFFECTS, {}),
    "selection_ratio_estimate": (EFFECTS, {"favored": "negative", "ratio": 3.0}),
    "shrunken_effects": (EFFECTS, {"design": DESIGN}),
    "small_k_panel": (EFFECTS, {}),
    "step_selection": (EFFECTS, {"favored": "negative"}),
    "subgroups": (EFFECTS, {"labels": np.where(YEAR > 0, "late", "early")}),
    "three_level": (EFFECTS, {"cluster": CLUSTER}),
    "trim_and_fill": (EFFECTS, {"side": "right"}),
    "variance_intervals": (EFFECTS, {"cluster": CLUSTER}),
    "worst_case": (EFFECTS, {"favored": "negative"}),
}
# Effect measures and conversions work cell by cell; `test_masks` and the tests of measures look at them. The others
# take a result, a word, or matrices.
CELL_BY_CELL = {
    *("arcsine_difference", "odds_ratio", "peto_odds_ratio", "risk_difference", "risk_ratio", "mean_change"),
    *("standardized_mean_change", "standardized_mean_change_by_change_sd", "mean_difference", "ratio_of_means"),
    *("percent_of_maximum_difference", "correlation", "generic_effect", "proportion", "raw_mean", "combine_arms"),
    *("standardized_mean_difference", "standardized_mean_difference_heteroscedastic", "combine_events"),
    *("paired_mean_difference", "paired_standardized_mean_difference", "paired_odds_ratio", "paired_risk_ratio"),
    *("paired_risk_difference", "smd_from_log_odds_ratio", "log_odds_ratio_from_smd", "wilson_interval"),
    *("p_from_z", "z_from_p", "skewness_from_quartiles"),
}
MATRICES = {"autoregressive", "compound_symmetry", "correlated_covariance", "covariance_blocks"}
MATRICES |= {"shared_control_covariance", "shared_control_smd_covariance", "contrasts_with_control"}
OTHERS = {
    "cluster_codes",
    "coefficient_test",
    "gosh",
    "hedges_correction",
    "measure_named",
    "predict",
    "prediction_interval",
}
OTHERS |= {"probability_beyond", "rhodes_2015", "turner_2015", "contour_size"}
OTHERS |= {name for name in stats.__all__ if name.endswith("_back_transform")}
# Searches along a likelihood end within 1e-9 of its maximum, wherever they start.
CLOSE = {"rtol": 2e-8, "atol": 1e-9}


def functions() -> dict[str, Callable]:
    return {name: getattr(stats, name) for name in stats.__all__ if inspect.isfunction(getattr(stats, name))}


def test_every_function_is_looked_at_here_or_works_cell_by_cell():
    masked = {name for name, function in functions().items() if "mask" in inspect.signature(function).parameters}
    assert set(functions()) - masked - MATRICES - OTHERS == set()
    conversions = {name for name in masked if name.startswith(("sd_from", "se_from", "mean_from", "rescale", "shared"))}
    conversions |= {"change_sd", "correlation_from_sds", "effective_sample_size", "points_from_smd", "pooled_sd"}
    assert masked - set(BATCHED) - CELL_BY_CELL - conversions - MATRICES - OTHERS == {"size_standard_error"}


def alone(columns: dict, shared: dict, row: int) -> dict:
    """Return the arguments of one analysis, without its absent trials."""
    kept = np.flatnonzero(MASK[row])
    own = {
        name: cells[row][np.ix_(kept, kept)] if cells.ndim == 3 else cells[row][kept] for name, cells in columns.items()
    }
    fixed = {name: value[kept] if isinstance(value, np.ndarray) else value for name, value in shared.items()}
    return own | fixed


def spoiled(columns: dict) -> dict:
    """Return the columns with NaN wherever a trial is absent."""
    pairs = MASK[:, :, None] & MASK[:, None, :]
    return {name: np.where(pairs if cells.ndim == 3 else MASK, cells, np.nan) for name, cells in columns.items()}


def compare(name: str, batch: object, single: object, row: int) -> None:
    """Compare a result of a batch with that of one analysis, field by field."""
    if dataclasses.is_dataclass(single) and not isinstance(single, stats.HalfNormal):
        for field in dataclasses.fields(single):
            compare(f"{name}.{field.name}", getattr(batch, field.name), getattr(single, field.name), row)
    elif isinstance(single, tuple) and single and dataclasses.is_dataclass(single[0]):
        for place, (one, other) in enumerate(zip(batch, single, strict=True)):
            compare(f"{name}[{place}]", one, other, row)
    elif isinstance(batch, np.ndarray) and batch.shape[:1] == (3,) and batch.dtype.kind in "fiub":
        numbers(name, batch[row], np.asarray(single), MASK[row])
    elif isinstance(batch, np.ndarray) and batch.shape[:1] == (3,):
        assert str(batch[row]) == str(single), name
    elif isinstance(single, np.ndarray | float):
        np.testing.assert_allclose(batch, single, err_msg=name, **CLOSE)
    else:
        assert batch == single, name


def numbers(name: str, found: np.ndarray, expected: np.ndarray, present: np.ndarray) -> None:
    """Compare numbers, axes over trials without the absent ones."""
    if name.startswith("subgroups") and name.endswith("weights"):
        found = found[found > 0]
    for axis in range(found.ndim):
        if found.shape[axis] == K != expected.shape[axis]:
            found = found.compress(present, axis=axis)
    np.testing.assert_allclose(found, expected, err_msg=name, **CLOSE)


@pytest.mark.parametrize("name", [name for name in BATCHED if name not in ("cumulative", "trim_and_fill")])
def test_a_ragged_batch_is_each_analysis_by_itself(name):
    columns, shared = BATCHED[name]
    batch = getattr(stats, name)(**spoiled(columns), **shared, mask=MASK)
    for row in range(3):
        compare(name, batch, getattr(stats, name)(**alone(columns, shared, row)), row)


def test_cumulative_pools_of_a_ragged_batch_are_each_by_itself():
    columns, shared = BATCHED["cumulative"]
    batch = stats.cumulative(**spoiled(columns), **shared, mask=MASK)
    for row, size in enumerate(MASK.sum(axis=1)):
        single = stats.cumulative(**alone(columns, shared, row))
        np.testing.assert_array_equal(batch.order[row, :size], np.flatnonzero(MASK[row])[single.order])
        for field in ("estimate", "se", "ci_low", "ci_high", "tau2", "q"):
            found = getattr(batch.pooled, field)[row]
            np.testing.assert_allclose(found[:size], getattr(single.pooled, field), err_msg=field, **CLOSE)
            assert np.isnan(found[size:]).all()


def test_trials_filled_into_a_ragged_batch_are_those_of_each():
    columns, shared = BATCHED["trim_and_fill"]
    batch = stats.trim_and_fill(**spoiled(columns), **shared, mask=MASK)
    for row in range(3):
        single = stats.trim_and_fill(**alone(columns, shared, row))
        for field in ("filled", "estimate", "se", "ci_low", "ci_high", "tau2"):
            np.testing.assert_allclose(getattr(batch, field)[row], getattr(single, field), err_msg=field, **CLOSE)
