"""Bracketed roots of many functions at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.stats.roots import bracketed_roots


def test_square_roots_come_out_to_the_last_digit():
    target = np.array([1e-12, 2.0, 3.0, 1e12])
    found = bracketed_roots(lambda x: x**2 - target, np.zeros(4), np.full(4, 1e7))
    np.testing.assert_allclose(found, np.sqrt(target), rtol=4e-16)


def test_arrays_of_any_shape_keep_it():
    target = np.arange(6.0).reshape(2, 3)
    found = bracketed_roots(lambda x: x - target, np.full((2, 3), -1.0), np.full((2, 3), 9.0))
    np.testing.assert_allclose(found, target, atol=1e-15)


def test_a_root_at_an_end_is_found():
    found = bracketed_roots(lambda x: x - np.array([0.0, 1.0]), np.zeros(2), np.ones(2))
    assert found.tolist() == [0.0, 1.0]


def test_without_a_change_of_sign_the_end_nearer_to_zero_is_returned():
    assert bracketed_roots(lambda x: x + 1, np.zeros(1), np.ones(1)).tolist() == [0.0]


def test_a_step_function_is_bisected_to_its_jump():
    found = bracketed_roots(lambda x: np.where(x > np.pi, 1.0, -1.0), np.zeros(1), np.full(1, 10.0))
    assert found[0] == pytest.approx(np.pi, rel=1e-14)


@given(st.floats(-50, 50), st.floats(0.01, 30))
def test_a_steep_sigmoid_is_solved_wherever_it_lies(centre, steepness):
    found = bracketed_roots(
        lambda x: np.tanh(steepness * (x - centre)), np.full(1, centre - 900.0), np.full(1, centre + 77.0)
    )
    assert found[0] == pytest.approx(centre, rel=1e-13, abs=1e-13)
