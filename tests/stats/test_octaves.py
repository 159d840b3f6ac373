"""Functions of tau2 from a few places in each stretch of octaves."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.octaves import PLACES, SPAN, Octaves

ROOTS = np.array([1.0, 1.0 + 1e-9, 3.0, 40.0, 1e5])
SIZES = np.array([[5.0, 1e-3, 7.0, 2.0, 1e4], [0.0, 0.0, 1.0, 0.0, 3.0]])


def powers(tau2):
    """Return Σ size / (root + tau2)ⁿ for n = 1, 2, 3, of two problems, (3, 2, m)."""
    terms = [SIZES[:, :, None] / (ROOTS[:, None] + tau2) ** n for n in (1, 2, 3)]
    return np.stack([term.sum(axis=1) for term in terms])


def sound(tau2):
    return powers(tau2), np.ones((2, tau2.size), dtype=bool)


@pytest.mark.parametrize("base", [1.0, 0.3, 1e-12])
def test_sums_over_poles_below_minus_the_base_have_their_digits_everywhere(base):
    tau2 = base * np.concatenate([[0.0], np.geomspace(1e-20, 1e30, 500)])
    problem = np.arange(tau2.size) % 2

    def values(places):
        numbers, good = sound(places / base)
        return numbers, good

    numbers, good = Octaves.of(base, values, 50).numbers(tau2, problem)
    expected = powers(tau2 / base)[:, problem, np.arange(tau2.size)]
    np.testing.assert_allclose(numbers, expected, rtol=2e-14)
    assert good.all()


def test_at_a_place_the_value_is_the_one_that_was_computed():
    octaves = Octaves.of(2.0, lambda places: (np.where(places == 0.0, 7.0, 1.0)[None, None], places[None] >= 0.0), 1)
    assert octaves.numbers(np.zeros(3), np.zeros(3, dtype=int))[0].tolist() == [[7.0, 7.0, 7.0]]


def test_what_is_unsound_at_one_place_is_so_in_its_whole_stretch_and_in_no_other():
    def values(places):
        return powers(places), np.array([np.ones(places.size), places != 0.0], dtype=bool)

    tau2 = np.array([0.5, 0.5, 2.0**SPAN - 1.5, 2.0**SPAN, 1e9])
    _, good = Octaves.of(1.0, values, 9).numbers(tau2, np.array([0, 1, 1, 1, 1]))
    assert good.tolist() == [True, False, False, True, True]


def test_a_stretch_that_is_kept_is_computed_once():
    asked = []

    def values(places):
        asked.append(places.size)
        return sound(places)

    octaves = Octaves.of(1.0, values, 1)
    for tau2 in (0.0, 3.0, 0.1, 1e6, 2e6):
        octaves.numbers(np.array([tau2]), np.array([1]))
    assert asked == [PLACES, PLACES]
