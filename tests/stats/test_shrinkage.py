"""Shrunken effects against R's metafor 3.8-1, `blup()`, with its searches tightened to 1e-11, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.regression import meta_regression, predict
from bmac_meta.stats.shrinkage import shrunken_effects

# Log risk ratios of BCG vaccine to four digits, with latitude and year (Colditz 1994).
Y = np.array(
    [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
)
V = np.array([0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714])
LATITUDE = np.array([44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33])
YEAR = np.array([1948, 1949, 1960, 1977, 1973, 1953, 1973, 1980, 1968, 1961, 1974, 1969, 1976])
DESIGN = np.column_stack([np.ones(13), LATITUDE, YEAR]).astype(float)
POOLED = {
    "estimate": [-0.80022826931306, -1.25170000122987, -0.98690847893512, -1.39796551114434, -0.28732565631932],
    "se": [0.4099382474823, 0.3532400987141, 0.4348426059454, 0.1375359041390, 0.2112938493013],
    "ci_low": [-1.603692470264, -1.944037872605, -1.839184325532, -1.667530929838, -0.701453991105],
}
REGRESSED = {
    "estimate": [-0.1949167556383, -0.8017182519877, -0.7479047772039, 0.0069585385166, -0.4958246097975],
    "se": [0.1998918971897, 0.0818375133301, 0.2967295928625, 0.0626318613072, 0.1994637028247],
    "ci_low": [-0.640303657964, -0.984063594989, -1.409059511595, -0.132593945034, -0.940257435622],
}


def test_around_a_mean_they_are_those_of_metafor():
    found = shrunken_effects(Y, variance=V, interval="wald")
    for name, expected in POOLED.items():
        np.testing.assert_allclose(getattr(found, name)[:5], expected, rtol=1e-9)


def test_around_a_regression_they_are_those_of_metafor():
    found = shrunken_effects(Y, variance=V, design=DESIGN, interval="knapp-hartung")
    for name, expected in REGRESSED.items():
        # R's search for τ² stops within 1e-11, which years uncentred magnify.
        np.testing.assert_allclose(getattr(found, name)[4:9], expected, rtol=1e-7)


def test_what_a_trial_is_drawn_towards_is_the_pool_or_the_prediction_of_the_regression():
    pool, fit = random_effects(Y, variance=V), meta_regression(Y, variance=V, design=DESIGN)
    np.testing.assert_allclose(shrunken_effects(Y, variance=V).fitted, pool.estimate)
    expected = predict(fit, DESIGN)
    np.testing.assert_allclose(shrunken_effects(Y, variance=V, design=DESIGN).fitted, expected.estimate, rtol=1e-9)


def test_without_variance_between_trials_nothing_is_a_trials_own():
    pool, found = random_effects(Y, variance=V, tau2=0.0), shrunken_effects(Y, variance=V, tau2=0.0)
    np.testing.assert_array_equal(found.share, 0.0)
    np.testing.assert_allclose(found.estimate, pool.estimate)
    np.testing.assert_allclose(found.ci_high, pool.ci_high)


@given(
    y=st.lists(st.floats(-3, 3), min_size=3, max_size=9),
    exponents=st.lists(st.floats(-12, 12), min_size=9, max_size=9),
    tau2=st.floats(0, 4),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_each_lies_between_its_own_result_and_what_is_expected_of_it(y, exponents, tau2, offset):
    y, v = np.array(y) + offset, 10.0 ** np.array(exponents[: len(y)])
    found = shrunken_effects(y, variance=v, tau2=tau2)
    edge = 1e-12 * (1 + abs(offset))
    assert (found.estimate >= np.minimum(y, found.fitted) - edge).all()
    assert (found.estimate <= np.maximum(y, found.fitted) + edge).all()
    assert ((found.share >= 0) & (found.share <= 1)).all()
    assert np.isfinite(found.se).all()


def test_a_single_trial_is_refused():
    with pytest.raises(NotEnoughTrials, match="takes 2 trials"):
        shrunken_effects([1.0], variance=[1.0])
    with pytest.raises(NotEnoughTrials, match="meta-analysis 1 has one"):
        shrunken_effects([[1.0, 2.0]] * 2, variance=[[1.0, 1.0]] * 2, mask=[[True, True], [True, False]])


def test_faults_are_those_of_the_models():
    with pytest.raises(InputError, match="variance"):
        shrunken_effects([1.0, 2.0], variance=[1.0, -1.0])
    with pytest.raises(DesignError, match="collinear"):
        shrunken_effects(Y, variance=V, design=np.column_stack([DESIGN, DESIGN[:, 1]]))
