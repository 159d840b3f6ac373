"""Laws of the methods for small-study effects, on random funnels."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.errors import NotEnoughTrials
from bmac_meta.stats.asymmetry import begg_test, egger_mixed_effects, egger_test, pet_peese, trim_and_fill
from bmac_meta.stats.inference import common_effect, random_effects
from bmac_meta.stats.selection import (
    excess_significance,
    fail_safe_number,
    henmi_copas,
    selection_ratio_estimate,
    step_selection,
    worst_case,
)

PATIENT = settings(deadline=None)  # other work on the machine must not fail a law


@st.composite
def funnels(draw, smallest=10, largest=16):
    """Draw trials with different effects and variances over four decades."""
    k = draw(st.integers(smallest, largest))
    effects = draw(st.lists(st.integers(-3000, 3000), min_size=k, max_size=k, unique=True))
    logs = draw(st.lists(st.integers(-200, 200), min_size=k, max_size=k, unique=True))
    return np.array(effects) / 1000.0, 10.0 ** (np.array(logs) / 100.0)


def same(left, right, tolerance=1e-7):
    np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


def lines(y, v):
    answer = pet_peese(y, variance=v)
    return egger_test(y, variance=v), egger_mixed_effects(y, variance=v), answer.pet, answer.peese


@PATIENT
@given(data=funnels(), seed=st.integers(0, 99))
def test_the_order_of_trials_changes_nothing(data, seed):
    y, v = data
    order = np.random.default_rng(seed).permutation(y.size)
    for here, there in zip(lines(y, v), lines(y[order], v[order]), strict=True):
        same([there.slope, there.p_value, there.limit], [here.slope, here.p_value, here.limit])
    assert begg_test(y[order], variance=v[order]) == begg_test(y, variance=v)
    filled, shuffled = trim_and_fill(y, variance=v), trim_and_fill(y[order], variance=v[order])
    assert (shuffled.filled, shuffled.side) == (filled.filled, filled.side)
    same(shuffled.estimate, filled.estimate)


@PATIENT
@given(data=funnels(), power=st.integers(-6, 6))
def test_a_change_of_unit_changes_no_test(data, power):
    y, v = data
    unit = 10.0**power
    for here, there in zip(lines(y, v), lines(unit * y, unit**2 * v), strict=True):
        same([there.statistic, there.p_value], [here.statistic, here.p_value])
        same(there.limit / unit, here.limit)
    assert begg_test(unit * y, variance=unit**2 * v).tau == begg_test(y, variance=v).tau
    same(trim_and_fill(unit * y, variance=unit**2 * v).estimate / unit, trim_and_fill(y, variance=v).estimate)


@PATIENT
@given(data=funnels())
def test_swapping_the_arms_turns_every_answer(data):
    y, v = data
    for here, there in zip(lines(y, v), lines(-y, v), strict=True):
        same([there.slope, there.limit, there.p_value], [-here.slope, -here.limit, here.p_value])
    same(begg_test(-y, variance=v).tau, -begg_test(y, variance=v).tau)
    filled, turned = trim_and_fill(y, variance=v, side="left"), trim_and_fill(-y, variance=v, side="right")
    assert turned.filled == filled.filled
    same(turned.estimate, -filled.estimate)


@PATIENT
@given(data=funnels(), offset=st.integers(-(10**6), 10**6))
def test_a_shift_of_all_effects_shifts_the_limits_alone(data, offset):
    y, v = data
    for here, there in zip(lines(y, v), lines(y + offset, v), strict=True):
        np.testing.assert_allclose(there.slope, here.slope, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(there.limit - offset, here.limit, rtol=1e-5, atol=1e-6)


@PATIENT
@given(data=funnels())
def test_without_heterogeneity_both_eggers_draw_one_line(data):
    y, v = data
    # Effects so small against their errors that Q is below its expectation.
    same(
        egger_mixed_effects(y / 1e4, variance=v, tau2="DL").slope,
        egger_test(y / 1e4, variance=v).slope,
        1e-10,
    )


@PATIENT
@given(data=funnels())
def test_trim_and_fill_never_adds_more_than_it_can_mirror(data):
    y, v = data
    for estimator in ("L0", "R0"):
        result = trim_and_fill(y, variance=v, estimator=estimator)
        assert 0 <= result.filled <= y.size - 2
        assert result.k == y.size + result.filled
        plain = random_effects(y, variance=v).estimate
        toward = plain - result.estimate if result.side == "left" else result.estimate - plain
        assert result.filled or abs(toward) < 1e-9


@PATIENT
@given(data=funnels(largest=12), ratio=st.floats(1, 1e4))
def test_stronger_selection_moves_the_estimate_to_the_worst_case(data, ratio):
    y, v = data
    result = worst_case(y, variance=v, favored="positive")
    assert min(result.s_value, result.s_value_interval) >= 1
    assume(result.worst_case.nonaffirmative > 0)
    some = selection_ratio_estimate(y, variance=v, favored="positive", ratio=ratio).estimate
    ends = sorted([result.uncorrected.estimate, result.worst_case.estimate])
    assert ends[0] - 1e-9 <= some <= ends[1] + 1e-9


@PATIENT
@given(data=funnels())
def test_the_interval_of_henmi_and_copas_is_centred_on_the_common_effect(data):
    y, v = data
    result, common = henmi_copas(y, variance=v), common_effect(y, variance=v)
    same(result.estimate, common.estimate)
    assert result.se >= common.se * (1 - 1e-12)
    assert result.ci_low < result.estimate < result.ci_high


@PATIENT
@given(data=funnels())
def test_counts_of_significance_are_possible_counts(data):
    y, v = data
    result = excess_significance(y, variance=v)
    assert 0 <= result.observed <= y.size
    assert 0.05 * y.size * (1 - 1e-9) <= result.expected <= y.size
    assert 0 <= result.exact_p_value <= 1
    assert fail_safe_number(y, variance=v).number >= 0


@settings(max_examples=25, deadline=None)
@given(data=funnels(largest=12))
def test_selection_can_only_raise_the_likelihood(data):
    y, v = data
    try:
        result = step_selection(y, variance=v, favored="positive")
    except NotEnoughTrials:
        significant = int((y >= 1.959963984540054 * np.sqrt(v)).sum())
        assert significant in (0, y.size)
        return
    assert result.log_likelihood >= result.unadjusted_log_likelihood - 1e-9
    assert result.tau2 >= 0
    assert (result.weights > 0).all()
    assert result.ci_low < result.estimate < result.ci_high
