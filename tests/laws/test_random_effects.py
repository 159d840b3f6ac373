"""Laws of random-effects meta-analysis on random data, extreme data included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.stats.heterogeneity import heterogeneity, profile_likelihood_interval, q_profile
from bmac_meta.stats.inference import INTERVALS, RandomEffects, random_effects
from bmac_meta.stats.regression import meta_regression
from bmac_meta.stats.tau2 import TAU2_METHODS, estimate_tau2

law = settings(deadline=None, max_examples=60)
methods = st.sampled_from(TAU2_METHODS)
intervals = st.sampled_from(INTERVALS)


@st.composite
def effects(draw: st.DrawFn, decades: float = 2.0, least: int = 2, most: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects and variances that range over 10^±decades."""
    k = draw(st.integers(least, most))
    exponents = draw(st.lists(st.floats(-decades, decades), min_size=k, max_size=k))
    deviates = draw(st.lists(st.floats(-4, 4), min_size=k, max_size=k))
    v = 10.0 ** np.array(exponents)
    spread = draw(st.sampled_from([0.0, 0.3, 3.0])) * np.sqrt(np.median(v))
    return np.array(deviates) * (np.sqrt(v) + spread), v


def restricted_likelihood(y: np.ndarray, v: np.ndarray, tau2: np.ndarray) -> np.ndarray:
    """Return the restricted log-likelihood without constants, from its definition."""
    w = 1.0 / (v + tau2[:, None])
    mean = (w * y).sum(axis=1) / w.sum(axis=1)
    misfit = (w * (y - mean[:, None]) ** 2).sum(axis=1) - np.log(w).sum(axis=1)
    return -0.5 * (misfit + np.log(w.sum(axis=1)))


def full_likelihood(y: np.ndarray, v: np.ndarray, tau2: np.ndarray) -> np.ndarray:
    """Return the full log-likelihood without constants, from its definition."""
    return restricted_likelihood(y, v, tau2) + 0.5 * np.log((1.0 / (v + tau2[:, None])).sum(axis=1))


def alike(left: float, right: float, y: np.ndarray, v: np.ndarray, method: str) -> bool:
    """Say whether two tau2 are one to rounding error, or two peaks of a likelihood of one height."""
    # 1e-9 of the scale that the data set: the smallest variance, or tau2 itself.
    if abs(left - right) <= 1e-9 * (max(left, right) + v.min()):
        return True
    if method not in ("ML", "REML"):
        return False
    height = restricted_likelihood if method == "REML" else full_likelihood
    return np.ptp(height(y, v, np.array([left, right]))) < 1e-9


@law
@given(effects(decades=6.0), methods, st.randoms())
def test_the_order_of_the_trials_changes_nothing(data: tuple, method: str, random: object) -> None:
    y, v = data
    order = list(range(y.size))
    random.shuffle(order)
    here = estimate_tau2(y, variance=v, method=method).tau2
    there = estimate_tau2(y[order], variance=v[order], method=method).tau2
    assert alike(here, there, y, v, method)


@law
@given(effects(decades=6.0), methods, st.sampled_from([-1e6, -3.0, 0.5, 1e6]))
def test_a_shift_of_all_effects_moves_the_estimate_and_nothing_else(data: tuple, method: str, shift: float) -> None:
    y, v = data
    shifted = y + shift
    # The shift rounds the effects; taking it back exactly shows whether the rest was computed from the same ones.
    back = shifted - shift
    assume(np.array_equal(back + shift, shifted))
    here = random_effects(back, variance=v, tau2=method)
    there = random_effects(shifted, variance=v, tau2=method)
    assert alike(here.tau2, there.tau2, back, v, method)
    assume(abs(here.tau2 - there.tau2) <= 1e-9 * (here.tau2 + v.min()))
    assert there.se == pytest.approx(here.se, rel=1e-8)
    assert there.estimate - shift == pytest.approx(here.estimate, rel=1e-9, abs=1e-8 * here.se + 1e-9 * abs(shift))
    assert there.q == pytest.approx(here.q, rel=1e-9, abs=1e-12)


@law
@given(effects(decades=6.0), methods, st.sampled_from([1e-6, 0.01, 100.0, 3.7e5]))
def test_a_change_of_unit_scales_everything(data: tuple, method: str, unit: float) -> None:
    y, v = data
    here = random_effects(y, variance=v, tau2=method)
    there = random_effects(y * unit, variance=v * unit**2, tau2=method)
    assert alike(here.tau2, there.tau2 / unit**2, y, v, method)
    assume(abs(here.tau2 - there.tau2 / unit**2) <= 1e-9 * (here.tau2 + v.min()))
    assert there.estimate == pytest.approx(here.estimate * unit, rel=1e-7, abs=1e-8 * there.se)
    assert there.se == pytest.approx(here.se * unit, rel=1e-8)
    assert there.p_value == pytest.approx(here.p_value, rel=1e-6, abs=1e-9)
    assert there.i2 == pytest.approx(here.i2, rel=1e-7, abs=1e-7)


@law
@given(effects(), methods, intervals)
def test_mirrored_effects_mirror_the_answer(data: tuple, method: str, interval: str) -> None:
    y, v = data
    here = random_effects(y, variance=v, tau2=method, interval=interval)
    there = random_effects(-y, variance=v, tau2=method, interval=interval)
    assert (there.estimate, there.ci_low, there.tau2) == (-here.estimate, -here.ci_high, here.tau2)


@law
@given(st.integers(1, 30), st.floats(-1e6, 1e6), st.floats(-6, 6), methods)
def test_identical_trials_pool_to_themselves(k: int, effect: float, exponent: float, method: str) -> None:
    v = 10.0**exponent
    found = random_effects(np.full(k, effect), variance=np.full(k, v), tau2=method)
    assert found.estimate == pytest.approx(effect, rel=1e-15)
    assert found.se == pytest.approx(np.sqrt(v / k), rel=1e-14)
    assert (found.q, found.q_p) == (0.0, 1.0)
    assert found.tau2 == 0.0 if k > 1 else np.isnan(found.tau2)


@law
@given(effects(decades=6.0), methods)
def test_the_floored_interval_is_never_narrower_than_walds_with_t(data: tuple, method: str) -> None:
    y, v = data
    floored, wald, plain = (
        random_effects(y, variance=v, tau2=method, interval=interval)
        for interval in ("knapp-hartung-floored", "t", "knapp-hartung")
    )
    assert floored.se >= wald.se
    assert floored.se >= plain.se
    assert floored.ci_high - floored.ci_low >= wald.ci_high - wald.ci_low
    assert floored.se in (wald.se, plain.se)


@law
@given(effects(decades=6.0, least=3), methods, intervals, st.sampled_from(["same", "higgins"]))
def test_the_prediction_interval_contains_the_confidence_interval(
    data: tuple, method: str, interval: str, prediction: str
) -> None:
    y, v = data
    found = random_effects(y, variance=v, tau2=method, interval=interval, prediction=prediction)
    slack = 1e-14 * abs(found.estimate)
    assert found.pi_low <= found.ci_low + slack <= found.estimate + 2 * slack
    assert found.pi_high >= found.ci_high - slack >= found.estimate - 2 * slack


@law
@given(effects(decades=6.0, least=1))
def test_no_estimator_is_negative_or_undefined(data: tuple) -> None:
    y, v = data
    for method in TAU2_METHODS:
        tau2 = estimate_tau2(y, variance=v, method=method).tau2
        assert tau2 >= 0.0 if y.size > 1 else np.isnan(tau2), method


@law
@given(effects(decades=6.0))
def test_paule_mandel_above_zero_makes_the_generalized_q_its_expectation(data: tuple) -> None:
    y, v = data
    found = random_effects(y, variance=v, tau2="PM", interval="knapp-hartung")
    w = 1.0 / (v + found.tau2)
    q = (w * (y - found.estimate) ** 2).sum()
    if found.tau2 > 0.0:
        # Then the Knapp–Hartung factor is 1: plain and Wald standard errors are one.
        assert q == pytest.approx(y.size - 1, rel=1e-9)
        assert found.se == pytest.approx(w.sum() ** -0.5, rel=1e-9)
    else:
        assert q <= (y.size - 1) * (1 + 1e-9)


@law
@given(effects(decades=4.0, most=7), st.sampled_from(["ML", "REML"]))
def test_no_tau2_on_a_dense_grid_has_a_higher_likelihood(data: tuple, method: str) -> None:
    y, v = data
    end = ((y - y.mean()) ** 2).sum() + v.max()
    grid = np.r_[0.0, v.min() * np.expm1(np.linspace(0.0, np.log1p(end / v.min()), 3000)[1:])]
    height = restricted_likelihood if method == "REML" else full_likelihood
    found = estimate_tau2(y, variance=v, method=method).tau2
    # The likelihood's own rounding.
    assert height(y, v, np.array([found]))[0] >= height(y, v, grid).max() - 1e-9


@law
@given(effects(decades=3.0, least=1), effects(decades=3.0, least=1), methods, intervals)
def test_a_masked_batch_is_its_meta_analyses(one: tuple, two: tuple, method: str, interval: str) -> None:
    width = max(one[0].size, two[0].size) + 1
    y, v, mask = np.full((2, width), np.nan), np.zeros((2, width)), np.zeros((2, width), dtype=bool)
    for row, (effect, variance) in enumerate((one, two)):
        places = np.arange(width)[-effect.size :]
        y[row, places], v[row, places], mask[row, places] = effect, variance, True
    whole = random_effects(y, variance=v, mask=mask, tau2=method, interval=interval)
    for row, (effect, variance) in enumerate((one, two)):
        single = random_effects(effect, variance=variance, tau2=method, interval=interval)
        if single.k > 1 and not alike(whole.tau2[row], single.tau2, effect, variance, method):
            raise AssertionError((whole.tau2[row], single.tau2))
        check_row(whole, row, single)


def check_row(whole: RandomEffects, row: int, single: RandomEffects) -> None:
    """Compare the numbers of one row of a batch with those of its meta-analysis alone."""
    for name in ("q", "q_p", "k", "h2_q"):
        found = getattr(whole, name)[row]
        assert found == pytest.approx(getattr(single, name), rel=1e-9, abs=1e-12, nan_ok=True), name
    if not abs(whole.tau2[row] - single.tau2) > 1e-9 * single.tau2:
        assert whole.se[row] == pytest.approx(single.se, rel=1e-8, abs=1e-12)
        assert whole.estimate[row] == pytest.approx(single.estimate, rel=1e-8, abs=1e-8 * single.se)


@law
@given(effects(decades=3.0), methods, intervals)
def test_regression_on_an_intercept_alone_is_the_pooled_effect(data: tuple, method: str, interval: str) -> None:
    y, v = data
    here = meta_regression(y, variance=v, design=np.ones((y.size, 1)), tau2=method, interval=interval)
    there = random_effects(y, variance=v, tau2=method, interval=interval)
    assert alike(here.tau2, there.tau2, y, v, method)
    assume(abs(here.tau2 - there.tau2) <= 1e-9 * (there.tau2 + v.min()))
    assert here.coefficients[0] == pytest.approx(there.estimate, rel=1e-9, abs=1e-8 * there.se + 1e-15)
    assert here.se[0] == pytest.approx(there.se, rel=1e-8, abs=1e-12)
    assert here.log_likelihood == pytest.approx(there.log_likelihood, rel=1e-9, abs=1e-9)


@law
@given(effects(decades=4.0))
def test_q_profile_limits_enclose_paule_mandel_and_widen_with_the_level(data: tuple) -> None:
    y, v = data
    narrow, wide = (q_profile(y, variance=v, level=level) for level in (0.8, 0.95))
    middle = estimate_tau2(y, variance=v, method="PMM").tau2
    assert 0.0 <= wide.tau2_low <= narrow.tau2_low <= middle * (1 + 1e-12)
    assert middle <= narrow.tau2_high * (1 + 1e-12) <= wide.tau2_high * (1 + 1e-11)


@law
@given(effects(decades=2.0), st.sampled_from(["ML", "REML"]))
def test_the_profile_likelihood_interval_encloses_its_maximum(data: tuple, method: str) -> None:
    y, v = data
    found = profile_likelihood_interval(y, variance=v, method=method)
    best = estimate_tau2(y, variance=v, method=method).tau2
    assert 0.0 <= found.tau2_low <= best * (1 + 1e-9)
    assert found.tau2_high >= best * (1 - 1e-9)


@law
@given(effects(decades=4.0))
def test_i2_lies_between_0_and_100_and_follows_tau2(data: tuple) -> None:
    y, v = data
    found = heterogeneity(y, variance=v)
    assert 0.0 <= found.i2_low <= found.i2_high <= 100.0
    assert 0.0 <= found.i2 <= 100.0
    assert found.h2 == pytest.approx(100.0 / (100.0 - found.i2), rel=1e-6) or found.i2 > 99.9999


EXTREMES = {
    "one tiny variance": ([0.1, 0.5, -0.3, 0.8], [1e-12, 0.1, 0.2, 0.3]),
    "one huge variance": ([0.1, 0.5, -0.3, 0.8], [1e12, 0.1, 0.2, 0.3]),
    "24 decades": (np.linspace(-1, 2, 25), 10.0 ** np.arange(-12, 13)),
    "an offset of 1e6": (1e6 + np.linspace(-1, 1, 9), np.linspace(0.01, 0.5, 9)),
    "two trials far apart": ([0.0, 1e6], [1e-12, 1e-12]),
    "two equal trials": ([1e6, 1e6], [1e-12, 1e12]),
    "one outlier": ([0.0, 0.0, 0.0, 0.0, 1e9], [1e-3, 1e-3, 1e-3, 1e-3, 1e-3]),
    "the largest usable numbers": ([1e25, -1e25, 0.0], [1e50, 1e-50, 1.0]),
    "two thousand trials": (np.sin(np.arange(2000.0)), np.geomspace(1e-12, 1e12, 2000)),
}


@pytest.mark.parametrize("method", TAU2_METHODS)
@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_data_have_a_finite_answer(name: str, method: str) -> None:
    y, v = (np.asarray(part, dtype=float) for part in EXTREMES[name])
    for interval in INTERVALS:
        found = random_effects(y, variance=v, tau2=method, interval=interval)
        assert np.isfinite([found.estimate, found.se, found.ci_low, found.ci_high, found.tau2, found.q]).all()
        assert np.isfinite([found.i2, found.h2, found.log_likelihood]).all()
        assert 0.0 <= found.p_value <= 1.0
        assert y.min() <= found.estimate <= y.max()
        assert found.weights.sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_data_have_finite_intervals_for_tau2(name: str) -> None:
    y, v = (np.asarray(part, dtype=float) for part in EXTREMES[name])
    for found in (q_profile(y, variance=v), profile_likelihood_interval(y, variance=v)):
        assert 0.0 <= found.tau2_low <= found.tau2_high < np.inf


@pytest.mark.parametrize("name", [name for name in EXTREMES if len(EXTREMES[name][0]) > 2])
def test_extreme_data_can_be_regressed(name: str) -> None:
    y, v = (np.asarray(part, dtype=float) for part in EXTREMES[name])
    design = np.column_stack([np.ones(y.size), np.cos(np.arange(y.size))])
    for method in TAU2_METHODS:
        found = meta_regression(y, variance=v, design=design, tau2=method)
        assert np.isfinite(found.coefficients).all()
        assert np.isfinite(found.covariance).all()
        assert found.tau2 >= 0.0
        assert found.hat.sum() == pytest.approx(2.0, rel=1e-9)
