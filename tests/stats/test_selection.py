"""The front doors to the methods about selection, asymmetry and resampling."""

from __future__ import annotations

from dataclasses import is_dataclass

import pytest

from bmac_meta.stats import asymmetry, resampling, selection


@pytest.mark.parametrize("door", [asymmetry, resampling, selection])
def test_every_function_behind_a_door_stands_there_with_its_frozen_record(door):
    listed = [getattr(door, name) for name in door.__all__]
    records = [thing for thing in listed if is_dataclass(thing)]
    functions = [thing for thing in listed if not is_dataclass(thing)]
    assert door.__all__ == sorted(door.__all__)
    assert all(record.__dataclass_params__.frozen for record in records)
    assert all(record.__doc__ and function.__doc__ for record in records for function in functions)
    returned = {function.__annotations__["return"] for function in functions}
    assert {record.__name__ for record in records} <= returned | {"SelectionRatioEstimate", "Cumulative"}
