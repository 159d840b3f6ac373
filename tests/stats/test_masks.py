"""A mask leaves cells out of every conversion: whatever stands there, and without touching the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bmac_meta import stats
from bmac_meta.errors import InputError

# For each function two good rows of columns; the middle one, between them, is absent and holds what no rule accepts.
COLUMNS: dict[str, dict[str, tuple[float, float]]] = {
    "sd_from_se": {"se": (2, 3), "n": (25, 16)},
    "sd_from_ci": {"low": (1, 2), "high": (3, 5), "n": (25, 16)},
    "se_from_ci": {"low": (1, 2), "high": (3, 5), "df": (24, 15)},
    "se_from_ratio_ci": {"low": (0.5, 0.7), "high": (2, 1.5)},
    "se_from_p": {"estimate": (3.8, -1), "p": (0.008, 0.2), "df": (45, 30)},
    "se_from_t": {"estimate": (3.8, -1), "t": (2.78, 1.2)},
    "sd_from_difference_se": {"se": (1.37, 2), "n_a": (25, 30), "n_b": (22, 31)},
    "pooled_sd": {"sd_a": (47, 20), "n_a": (155, 30), "sd_b": (64, 22), "n_b": (156, 28)},
    "change_sd": {"sd_baseline": (6.4, 20), "sd_final": (7.1, 22), "r": (0.8, 0.5)},
    "correlation_from_sds": {"sd_baseline": (6.4, 20), "sd_final": (7.1, 22), "sd_change": (4.5, 21)},
    "sd_from_quartiles": {"q1": (8, 1), "q3": (13, 4), "n": (20, 50)},
    "sd_from_iqr": {"iqr": (5, 3), "n": (20, 50)},
    "sd_from_range": {"minimum": (3, 0), "maximum": (20, 9), "n": (20, 50)},
    "sd_from_five_numbers": {"minimum": (3, 0), "q1": (8, 2), "q3": (13, 5), "maximum": (20, 9), "n": (20, 50)},
    "mean_from_quartiles": {"q1": (8, 1), "median": (10, 2), "q3": (13, 4), "n": (20, 50)},
    "mean_from_range": {"minimum": (3, 0), "median": (10, 4), "maximum": (20, 9), "n": (20, 50)},
    "mean_from_five_numbers": {
        "minimum": (3, 0),
        "q1": (8, 2),
        "median": (10, 4),
        "q3": (13, 5),
        "maximum": (20, 9),
        "n": (20, 50),
    },
    "points_from_smd": {"smd": (-0.5, 0.2), "sd": (20, 2)},
    "rescale_score": {"score": (2, 40), "scale_min": (1, 0), "scale_max": (5, 50)},
    "rescale_spread": {"spread": (2, 4), "scale_min": (0, 0), "scale_max": (20, 50)},
    "shared_control_covariance_md": {"sd_control": (4, 5), "n_control": (32, 20)},
    "shared_control_covariance_smd": {
        "estimate_a": (2.1, 0.4),
        "estimate_b": (1.3, 0.2),
        "n_control": (25, 30),
        "n_total": (72, 95),
    },
    "shared_control_covariance_rom": {"mean_control": (10, 20), "sd_control": (5, 4), "n_control": (25, 30)},
    "shared_control_covariance_or": {"events_control": (40, 3), "total_control": (1000, 20)},
    "shared_control_covariance_rr": {"events_control": (40, 3), "total_control": (1000, 20)},
    "shared_control_covariance_rd": {"events_control": (40, 3), "total_control": (1000, 20)},
    "shared_control_covariance_as": {"total_control": (1000, 20)},
    "effective_sample_size": {"units": (30, 40), "patients": (20, 25), "icc": (0.5, 0.4)},
    "size_standard_error": {"n_a": (50, 20), "n_b": (50, 30)},
}
PRESENT = [True, False, True]


def with_absent(name: str, absent: float) -> dict[str, list[float]]:
    return {column: [first, absent, last] for column, (first, last) in COLUMNS[name].items()}


def function_named(name: str) -> Callable[..., np.ndarray]:
    return getattr(stats, name)


@pytest.mark.parametrize("absent", [np.nan, np.inf, -7.0, 0.0])
@pytest.mark.parametrize("name", COLUMNS)
def test_an_absent_cell_is_nan_and_the_others_are_as_without_it(name, absent):
    function = function_named(name)
    found = function(**with_absent(name, absent), mask=PRESENT)
    alone = function(**{column: list(values) for column, values in COLUMNS[name].items()})
    assert np.isnan(found[1])
    np.testing.assert_array_equal(found[[0, 2]], alone)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_batch_is_shaped_like_its_columns(name):
    columns = {column: [list(values), list(values)] for column, values in COLUMNS[name].items()}
    found = function_named(name)(**columns, mask=[[True, False], [True, True]])
    assert found.shape == (2, 2)
    assert np.isnan(found).tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "points_from_smd"])
def test_without_the_mask_what_stands_there_is_refused(name):
    with pytest.raises(InputError):
        function_named(name)(**with_absent(name, -np.inf))


def test_the_skewness_of_an_absent_summary_is_not_known():
    summary = {"q1": [4, 9, 4], "median": [6, 1, 6], "q3": [14, 2, 9], "n": [20, 0, 20]}
    test = stats.skewness_from_quartiles(**summary, mask=PRESENT)
    assert np.isnan([test.statistic[1], test.critical[1]]).all()
    assert test.skewed.tolist() == [True, False, False]


def test_a_mask_holds_yes_and_no():
    with pytest.raises(InputError, match="mask must hold True and False, but holds int64"):
        stats.sd_from_se(se=[1, 2], n=[10, 20], mask=[1, 0])
