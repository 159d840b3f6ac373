"""Laws of the effect measures and spread conversions on random data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmac_meta.stats.combine import combine_arms
from bmac_meta.stats.convert import (
    log_odds_ratio_from_smd,
    rescale_score,
    rescale_spread,
    smd_from_log_odds_ratio,
)
from bmac_meta.stats.measures import MEASURES, freeman_tukey_back_transform, proportion
from bmac_meta.stats.multi_arm import contrasts_with_control
from bmac_meta.stats.paired import paired_mean_difference
from bmac_meta.stats.spread import (
    change_sd,
    correlation_from_sds,
    sd_from_ci,
    sd_from_se,
    se_from_ci,
    se_from_p,
)
from bmac_meta.stats.spread_quantiles import mean_from_five_numbers, sd_from_five_numbers

MEANS = ["MD", "SMD", "SMDH", "ROM"]
COUNTS = ["RR", "OR", "RD", "PETO", "AS"]

mean = st.floats(-1e6, 1e6)
positive_mean = st.floats(1e-3, 1e6)
spread = st.floats(1e-6, 1e6)
size = st.integers(2, 10**9)
arm = st.tuples(positive_mean, spread, size)
events = st.integers(0, 10**9)
correlation = st.floats(-0.999, 0.999)


@st.composite
def counts(draw):
    total = draw(st.integers(1, 10**9))
    return draw(st.integers(0, total)), total


def of_means(code, a, b, **options):
    names = ("mean_a", "sd_a", "n_a", "mean_b", "sd_b", "n_b")
    return MEASURES[code].compute(**dict(zip(names, (*a, *b), strict=True)), **options)


def of_counts(code, a, b, **options):
    names = ("events_a", "total_a", "events_b", "total_b")
    return MEASURES[code].compute(**dict(zip(names, (*a, *b), strict=True)), **options)


@pytest.mark.parametrize("code", MEANS)
@given(a=arm, b=arm)
def test_swapping_arms_with_means_turns_the_sign_alone(code, a, b):
    forth, back = of_means(code, a, b), of_means(code, b, a)
    assert forth.included == back.included
    np.testing.assert_allclose(forth.estimate, -back.estimate, rtol=1e-13)
    np.testing.assert_allclose(forth.variance, back.variance, rtol=1e-13)


@pytest.mark.parametrize("code", COUNTS)
@given(a=counts(), b=counts())
def test_swapping_arms_with_counts_turns_the_sign_alone(code, a, b):
    forth, back = of_counts(code, a, b), of_counts(code, b, a)
    assert forth.included == back.included
    np.testing.assert_array_equal(forth.estimate, -back.estimate)
    np.testing.assert_allclose(forth.variance, back.variance, rtol=1e-14)


@pytest.mark.parametrize("code", MEANS)
@given(a=arm, b=arm, unit=st.sampled_from([0.1, 1 / 3, 2.54, 1000.0]))
def test_a_change_of_units_scales_a_difference_and_leaves_the_others(code, a, b, unit):
    plain = of_means(code, a, b)
    scaled = of_means(code, (a[0] * unit, a[1] * unit, a[2]), (b[0] * unit, b[1] * unit, b[2]))
    factor = unit if code == "MD" else 1.0
    # The two means, each rounded in the new unit, differ by up to 2e-16 of their size.
    size_of_means = max(a[0], b[0]) * (unit if code == "MD" else 1 / min(a[1], b[1], a[0], b[0]))
    np.testing.assert_allclose(scaled.estimate, factor * plain.estimate, rtol=1e-12, atol=1e-15 * size_of_means)
    # The variance holds the square of the estimate too.
    slack = 0.0 if code == "MD" else 1e-15 * size_of_means * float(np.abs(plain.estimate))
    np.testing.assert_allclose(scaled.variance, factor**2 * plain.variance, rtol=1e-12, atol=slack)


@pytest.mark.parametrize("code", ["MD", "SMD", "SMDH"])
@given(a=arm, b=arm)
def test_adding_a_constant_to_both_arms_changes_no_difference(code, a, b):
    shift = 2.0**20
    plain = of_means(code, a, b)
    shifted = of_means(code, (a[0] + shift, *a[1:]), (b[0] + shift, *b[1:]))
    # A rounding of the shifted means by 2^-33 each, in units of the smaller spread.
    slack = 2.0**-31 / (1 if code == "MD" else min(a[1], b[1]))
    np.testing.assert_allclose(shifted.estimate, plain.estimate, rtol=1e-12, atol=slack)


@pytest.mark.parametrize("code", ["OR", "RD", "PETO", "AS"])
@given(a=counts(), b=counts())
def test_counting_non_events_turns_the_sign_alone(code, a, b):
    plain = of_counts(code, a, b)
    other = of_counts(code, (a[1] - a[0], a[1]), (b[1] - b[0], b[1]))
    assert plain.included == other.included
    np.testing.assert_allclose(other.estimate, -plain.estimate, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(other.variance, plain.variance, rtol=1e-12)


@given(a=counts(), b=counts())
def test_the_risk_ratio_lies_between_1_and_the_odds_ratio(a, b):
    ratio, odds = of_counts("RR", a, b), of_counts("OR", a, b)
    if ratio.included:
        assert abs(ratio.estimate) <= abs(odds.estimate) * (1 + 1e-12)
        assert ratio.estimate * odds.estimate >= 0


@given(a=counts(), b=counts(), factor=st.integers(2, 1000))
def test_ten_times_the_patients_give_a_tenth_of_the_variance(a, b, factor):
    if min(a[0], b[0], a[1] - a[0], b[1] - b[0]) == 0:
        return  # the correction for empty cells does not grow with the trial
    for code in ("RR", "OR", "RD", "AS"):
        plain = of_counts(code, a, b)
        larger = of_counts(code, (a[0] * factor, a[1] * factor), (b[0] * factor, b[1] * factor))
        np.testing.assert_allclose(larger.estimate, plain.estimate, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(larger.variance, plain.variance / factor, rtol=1e-12)


@pytest.mark.parametrize("code", MEANS + COUNTS)
@given(data=st.data())
def test_an_included_effect_is_finite_with_a_variance_above_0_and_any_other_is_nan(code, data):
    strategy, compute = (arm, of_means) if code in MEANS else (counts(), of_counts)
    effect = compute(code, data.draw(strategy), data.draw(strategy))
    assert effect.included == np.isfinite(effect.estimate) == np.isfinite(effect.variance)
    if effect.included:
        assert effect.variance > 0


@pytest.mark.parametrize("code", MEANS)
@given(arms=st.lists(st.tuples(arm, arm, st.booleans()), min_size=1, max_size=6))
def test_a_batch_gives_what_its_trials_give_one_by_one(code, arms):
    columns = [np.array(column) for column in zip(*((*a, *b) for a, b, _ in arms), strict=True)]
    mask = np.array([present for _, _, present in arms])
    batch = of_means(code, columns[:3], columns[3:], mask=mask)
    alone = [of_means(code, a, b) if present else None for a, b, present in arms]
    np.testing.assert_array_equal(batch.included, [one is not None and one.included for one in alone])
    # One number and an array are squared by different routines, which differ in the last place.
    for name in ("estimate", "variance"):
        expected = [np.nan if one is None else getattr(one, name) for one in alone]
        np.testing.assert_allclose(getattr(batch, name), expected, rtol=1e-14)


@pytest.mark.parametrize("code", ["RR", "OR"])
@given(a=counts(), b=counts(), low=st.floats(0.05, 1), high=st.floats(0.05, 1))
def test_a_larger_correction_never_enlarges_the_variance_of_a_trial_with_an_empty_cell(code, a, b, low, high):
    low, high = sorted((low, high))
    small, large = (of_counts(code, (0, a[1]), b, add=add) for add in (low, high))
    assert small.included == large.included
    if small.included:
        assert small.variance >= large.variance * (1 - 1e-12)


@given(arms=st.lists(st.tuples(mean, spread, st.integers(2, 10**6)), min_size=2, max_size=6), data=st.data())
def test_arms_combined_in_two_steps_or_any_order_are_the_same_arm(arms, data):
    columns = {
        name: np.array(values, dtype=float)
        for name, values in zip(("mean", "sd", "n"), zip(*arms, strict=True), strict=True)
    }
    at_once = combine_arms(**columns)
    order = data.draw(st.permutations(range(len(arms))))
    cut = data.draw(st.integers(1, len(arms) - 1))
    parts = [
        combine_arms(**{name: values[list(index)] for name, values in columns.items()})
        for index in (order[:cut], order[cut:])
    ]
    in_steps = combine_arms(mean=[p.mean for p in parts], sd=[p.sd for p in parts], n=[p.n for p in parts])
    reach = np.abs(columns["mean"]).max() + at_once.sd
    np.testing.assert_allclose(in_steps.mean, at_once.mean, rtol=1e-12, atol=1e-13 * reach)
    np.testing.assert_allclose(in_steps.sd, at_once.sd, rtol=1e-10, atol=1e-13 * reach)
    assert in_steps.n == at_once.n


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(2, 30), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_combining_arms_equals_putting_their_patients_together(sizes, seed, offset):
    rng = np.random.default_rng(seed)
    arms = [offset + rng.normal(rng.normal(), 1 + rng.random(), n) for n in sizes]
    arm_of_all = combine_arms(mean=[a.mean() for a in arms], sd=[a.std(ddof=1) for a in arms], n=sizes)
    patients = np.concatenate(arms)
    np.testing.assert_allclose(arm_of_all.mean, patients.mean(), rtol=1e-13, atol=1e-13)
    # The means of the arms themselves are only known to 1e-16 of the offset.
    np.testing.assert_allclose(arm_of_all.sd, patients.std(ddof=1), rtol=1e-9)


@given(sd_baseline=spread, sd_final=spread, r=correlation)
def test_the_sd_of_change_lies_between_difference_and_sum_and_gives_back_r(sd_baseline, sd_final, r):
    sd = float(change_sd(sd_baseline=sd_baseline, sd_final=sd_final, r=r))
    assert abs(sd_baseline - sd_final) * (1 - 1e-12) <= sd <= (sd_baseline + sd_final) * (1 + 1e-12)
    larger, smaller = max(sd_baseline, sd_final), min(sd_baseline, sd_final)
    if smaller > 1e-3 * larger:
        back = correlation_from_sds(sd_baseline=sd_baseline, sd_final=sd_final, sd_change=sd)
        assert abs(float(back) - r) < 1e-9


@given(estimate=st.floats(-1e6, 1e6), se=st.floats(1e-3, 1e3), n=st.integers(2, 10**6))
def test_an_interval_and_a_p_value_give_back_the_standard_error(estimate, se, n):
    half = float(se_from_ci(low=-1, high=1, df=n)) ** -1 * se
    back = float(se_from_ci(low=estimate - half, high=estimate + half, df=n))
    assert abs(back - se) <= 1e-9 * se + 1e-15 * abs(estimate)
    sd = float(sd_from_se(se=se, n=n))
    half = float(sd_from_ci(low=-1, high=1, n=n)) ** -1 * sd
    assert float(sd_from_ci(low=-half, high=half, n=n)) == pytest.approx(sd, rel=1e-12)


@given(estimate=st.floats(0.01, 100), p=st.floats(1e-12, 0.99))
def test_a_smaller_p_value_means_a_smaller_standard_error(estimate, p):
    assert se_from_p(estimate=estimate, p=p / 2) < se_from_p(estimate=estimate, p=p)
    assert se_from_p(estimate=estimate, p=p, df=8) < se_from_p(estimate=estimate, p=p)


@given(x=counts())
def test_the_double_arcsine_goes_there_and_back(x):
    effect = proportion(events=x[0], total=x[1], transform="freeman-tukey")
    back = float(freeman_tukey_back_transform(effect.estimate, n=x[1]))
    # An angle known to 1e-16 gives p to 1e-16 of its slope.
    assert back == pytest.approx(x[0] / x[1], rel=1e-6, abs=1e-15)
    assert 0 <= back <= 1


@given(
    estimate=st.floats(-50, 50),
    variance=st.floats(1e-12, 1e12),
    distribution=st.sampled_from(["logistic", "cox"]),
)
def test_odds_ratios_and_standardized_differences_go_there_and_back(estimate, variance, distribution):
    there = log_odds_ratio_from_smd(estimate=estimate, variance=variance, distribution=distribution)
    back = smd_from_log_odds_ratio(estimate=there.estimate, variance=there.variance, distribution=distribution)
    np.testing.assert_allclose(back.estimate, estimate, rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(back.variance, variance, rtol=1e-14)


@given(low=st.floats(-100, 100), width=st.floats(0.1, 1000), share=st.floats(0, 1), sd=spread)
def test_scales_go_there_and_back(low, width, share, sd):
    high = low + width
    score = min(max(low + share * width, low), high)
    there = min(max(float(rescale_score(score=score, scale_min=low, scale_max=high)), 0.0), 100.0)
    back = float(rescale_score(score=there, scale_min=0, scale_max=100, new_min=low, new_max=high))
    assert back == pytest.approx(score, rel=1e-12, abs=1e-12 * (abs(low) + width))
    there = rescale_spread(spread=sd, scale_min=low, scale_max=high)
    back = rescale_spread(spread=there, scale_min=0, scale_max=100, new_min=low, new_max=high)
    assert float(back) == pytest.approx(sd, rel=1e-13)


@given(
    numbers=st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=5),
    n=st.integers(5, 10**6),
    unit=st.floats(0.01, 100),
    shift=st.floats(-1e3, 1e3),
)
def test_five_numbers_in_other_units_give_the_mean_and_sd_in_those_units(numbers, n, unit, shift):
    names = ("minimum", "q1", "median", "q3", "maximum")
    five = dict(zip(names, np.sort(numbers), strict=True))
    if five["q3"] - five["q1"] < 1e-3:
        return  # without width there is nothing to convert
    other = {name: shift + unit * value for name, value in five.items()}
    reach = abs(shift) + unit * 1e3
    plain, scaled = mean_from_five_numbers(**five, n=n), mean_from_five_numbers(**other, n=n)
    assert float(scaled) == pytest.approx(shift + unit * float(plain), abs=1e-12 * reach)
    assert five["minimum"] - 1e-9 <= float(plain) <= five["maximum"] + 1e-9
    five.pop("median"), other.pop("median")
    plain, scaled = sd_from_five_numbers(**five, n=n), sd_from_five_numbers(**other, n=n)
    assert float(scaled) == pytest.approx(unit * float(plain), rel=1e-9, abs=1e-11 * reach)


@pytest.mark.parametrize("code", ["MD", "SMD", "ROM"])
@given(arms=st.lists(arm, min_size=2, max_size=5), data=st.data())
def test_the_order_of_the_arms_of_a_trial_only_orders_the_contrasts(code, arms, data):
    columns = {
        name: np.array(values, dtype=float)
        for name, values in zip(("mean", "sd", "n"), zip(*arms, strict=True), strict=True)
    }
    plain = contrasts_with_control(code, **columns)
    order = np.array([0, *(1 + i for i in data.draw(st.permutations(range(len(arms) - 1))))])
    turned = contrasts_with_control(code, **{name: values[order] for name, values in columns.items()})
    rows = order[1:] - 1
    np.testing.assert_allclose(turned.estimate, plain.estimate[rows], rtol=1e-12)
    np.testing.assert_allclose(turned.covariance, plain.covariance[np.ix_(rows, rows)], rtol=1e-12)


@given(a=arm, b=arm, r=correlation)
def test_a_paired_difference_has_the_variance_of_the_change(a, b, r):
    effect = paired_mean_difference(mean_a=a[0], sd_a=a[1], mean_b=b[0], sd_b=b[1], n=a[2], r=r)
    change = MEASURES["MC"].compute(mean_baseline=b[0], sd_baseline=b[1], mean_final=a[0], sd_final=a[1], n=a[2], r=r)
    np.testing.assert_allclose(effect.estimate, change.estimate, rtol=1e-15)
    np.testing.assert_allclose(effect.variance, change.variance, rtol=1e-12)
