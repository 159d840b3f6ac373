"""The checked columns of two arms with means."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.columns import SPREAD
from bmac_meta.stats.two_means import read_two_means


def arms(n_a=10, sd_a=2.0, n_b=12, sd_b=3.0):
    return read_two_means(SPREAD, 5.0, sd_a, n_a, 4.0, sd_b, n_b, None)


def test_the_pooled_standard_deviation_weighs_by_degrees_of_freedom():
    assert float(arms().pooled_sd) == pytest.approx(((9 * 4 + 11 * 9) / 20) ** 0.5, rel=1e-15)


def test_three_patients_are_not_enough_to_standardize():
    few = arms(n_a=1, n_b=2)
    assert not few.enough
    assert np.isfinite(few.pooled_sd)


def test_arms_that_both_lack_spread_are_refused():
    with pytest.raises(InputError, match="neither arm has any spread"):
        arms(sd_a=[1.0, 0.0], sd_b=[0.0, 0.0])
