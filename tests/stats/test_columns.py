"""Raw columns: what is refused, and in which words."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.batch import as_floats
from bmac_meta.stats.columns import COUNT, NUMBER, POSITIVE, SIZE, as_numbers, read_columns


def test_columns_broadcast_to_one_shape():
    first, second, present = read_columns({"a": ([[1], [2]], NUMBER), "b": ([3, 4, 5], NUMBER)})
    assert first.shape == second.shape == present.shape == (2, 3)
    assert present.all()


def test_masked_cells_may_hold_anything():
    values, present = read_columns({"a": ([1, np.nan, np.inf], NUMBER)}, mask=[True, False, False])
    assert values[0] == 1
    assert np.isfinite(values).all()
    assert present.tolist() == [True, False, False]


def test_missing_values_are_refused_with_their_number_and_the_first_position():
    with pytest.raises(InputError, match=r"sd_a: 2 of 4 values are not a finite number above 0.*nan at position 1"):
        read_columns({"sd_a": ([1, None, 2, -1], POSITIVE)})


def test_all_faulty_columns_are_named_at_once():
    with pytest.raises(InputError) as caught:
        read_columns({"events": ([-1, 2], COUNT), "total": ([10, 0], SIZE)})
    assert "events: 1 of 2 values is not a count" in str(caught.value)
    assert "total: 1 of 2 values is not a number of patients" in str(caught.value)
    assert "leave the trials out with mask" in str(caught.value)


def test_position_in_a_batch_is_a_pair():
    with pytest.raises(InputError, match=r"at position \(1, 0\)"):
        read_columns({"n": ([[1, 2], [0, 3]], SIZE)})


def test_a_single_faulty_value_has_no_position():
    with pytest.raises(InputError, match=r"1 of 1 value is not .*; found n = 0\.0\."):
        read_columns({"n": (0, SIZE)})


@pytest.mark.parametrize("value", [1e51, -1e51, np.inf, -np.inf])
def test_numbers_whose_squares_leave_the_range_are_refused(value):
    with pytest.raises(InputError, match="a finite number"):
        read_columns({"mean": (value, NUMBER)})


@pytest.mark.parametrize("value", [["a", "b"], [[1, 2], [3]], [1j]])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(InputError, match="mean must hold numbers only"):
        read_columns({"mean": (value, NUMBER)})


def test_shapes_that_do_not_fit_are_listed():
    with pytest.raises(InputError, match=r"mean \(3,\), n \(2,\)"):
        read_columns({"mean": ([1, 2, 3], NUMBER), "n": ([5, 6], SIZE)})


def test_a_mask_of_numbers_is_refused():
    with pytest.raises(InputError, match="mask must hold True and False"):
        read_columns({"mean": ([1, 2], NUMBER)}, mask=[1, 0])


def test_no_trials_are_no_error():
    values, present = read_columns({"mean": ([], NUMBER)})
    assert values.shape == present.shape == (0,)


@pytest.mark.parametrize(
    "values",
    [
        np.ma.masked_array([1.0, 2.0, 999.0], [0, 0, 1]),
        np.array(["2020", "2021"], dtype="datetime64[D]"),
        np.array([1 + 2j, 3]),
        [10**400, 1],
    ],
)
def test_what_numpy_would_turn_into_other_numbers_is_refused(values):
    with pytest.raises(InputError, match="values"):
        as_numbers("values", values)
    with pytest.raises(InputError, match="values"):
        as_floats("values", values)
