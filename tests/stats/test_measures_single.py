"""Means, proportions and correlations of single arms."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures_single import (
    arcsine_back_transform,
    correlation,
    freeman_tukey_back_transform,
    generic_effect,
    logit_back_transform,
    proportion,
    raw_mean,
)

TRANSFORMS = ["raw", "logit", "arcsine", "freeman-tukey"]


def exact_proportion(transform, x, n):
    x, n = mpmath.mpf(x), mpmath.mpf(n)
    p = x / n
    first, second = mpmath.asin(mpmath.sqrt(x / (n + 1))), mpmath.asin(mpmath.sqrt((x + 1) / (n + 1)))
    return {
        "raw": lambda: (p, p * (1 - p) / n),
        "logit": lambda: (mpmath.log(p / (1 - p)), 1 / x + 1 / (n - x)),
        "arcsine": lambda: (mpmath.asin(mpmath.sqrt(p)), 1 / (4 * n)),
        "freeman-tukey": lambda: ((first + second) / 2, 1 / (4 * n + 2)),
    }[transform]()


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(("x", "n"), [(3, 11), (1, 10**9), (10**9 - 1, 10**9), (1, 2), (17, 20)])
def test_each_transform_has_all_its_digits(transform, x, n):
    effect = proportion(events=x, total=n, transform=transform)
    with mpmath.workdps(40):
        estimate, variance = map(float, exact_proportion(transform, x, n))
    assert float(effect.estimate) == pytest.approx(estimate, rel=2e-15, abs=0)
    assert float(effect.variance) == pytest.approx(variance, rel=2e-15, abs=0)


@pytest.mark.parametrize("transform", ["arcsine", "freeman-tukey"])
@pytest.mark.parametrize(("x", "n"), [(0, 10), (10, 10), (0, 10**9)])
def test_angles_need_no_correction_for_no_or_nothing_but_events(transform, x, n):
    effect = proportion(events=x, total=n, transform=transform)
    with mpmath.workdps(40):
        estimate, _ = exact_proportion(transform, x, n)
    assert float(effect.estimate) == pytest.approx(float(estimate), rel=2e-15, abs=0)


@pytest.mark.parametrize("transform", ["raw", "logit"])
def test_raw_and_logit_get_a_half_only_where_a_cell_is_empty(transform):
    effect = proportion(events=[0, 10, 3], total=10, transform=transform)
    by_hand = proportion(events=[0.5, 10.5, 3], total=[11, 11, 10], transform=transform)
    np.testing.assert_array_equal(effect.estimate, by_hand.estimate)
    assert proportion(events=[0, 3], total=10, transform=transform, add=0).included.tolist() == [False, True]


@pytest.mark.parametrize("n", [1, 2, 7, 150, 10**6])
def test_the_freeman_tukey_back_transform_inverts_every_count(n):
    events = np.unique(np.linspace(0, n, 50).round())
    effect = proportion(events=events, total=n, transform="freeman-tukey")
    back = freeman_tukey_back_transform(effect.estimate, n=n)
    # The transform is flat at its ends: there a rounding of the angle by 1e-16 moves p by the square of it.
    np.testing.assert_allclose(back, events / n, rtol=1e-9, atol=1e-15)


def test_the_freeman_tukey_back_transform_ends_at_exactly_0_and_1():
    ends = proportion(events=[0, 20], total=20, transform="freeman-tukey").estimate
    beyond = freeman_tukey_back_transform([-1, 0, *ends, np.pi / 2, 5], n=20)
    np.testing.assert_allclose(beyond, [0, 0, 0, 1, 1, 1], rtol=0, atol=1e-30)


def test_the_freeman_tukey_back_transform_rises_and_stays_within_0_and_1():
    angles = np.linspace(-0.1, 1.7, 5001)
    for n in (1, 3.7, 40, 1e6):
        back = freeman_tukey_back_transform(angles, n=n)
        assert (np.diff(back) >= 0).all()
        assert back.min() == 0
        assert back.max() == 1


def test_the_freeman_tukey_back_transform_agrees_with_the_printed_formula():
    # Miller 1978: p = {1 − sgn(cos t)·sqrt(1 − [sin t + (sin t − 1/sin t)/n]²)}/2, with t twice our angle.
    with mpmath.workdps(40):
        for angle in (0.15, 0.3, 0.6, 0.7853981, 0.7853982, 1.0, 1.3, 1.45):
            t, n = 2 * mpmath.mpf(angle), mpmath.mpf(25)
            inner = mpmath.sin(t) + (mpmath.sin(t) - 1 / mpmath.sin(t)) / n
            exact = (1 - mpmath.sign(mpmath.cos(t)) * mpmath.sqrt(1 - inner**2)) / 2
            assert float(freeman_tukey_back_transform(angle, n=25)) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("n", [0, -3, np.nan, 0.5])
def test_the_freeman_tukey_back_transform_needs_a_number_of_patients(n):
    with pytest.raises(InputError, match="Say which n is meant"):
        freeman_tukey_back_transform(0.5, n=n)


def test_back_transforms_let_nan_pass():
    assert np.isnan(freeman_tukey_back_transform(np.nan, n=10))
    assert np.isnan(logit_back_transform(np.nan))
    assert np.isnan(arcsine_back_transform(np.nan))


def test_logit_and_arcsine_are_inverted():
    p = np.array([0.001, 0.2, 0.5, 0.999])
    np.testing.assert_allclose(logit_back_transform(np.log(p / (1 - p))), p, rtol=1e-14)
    np.testing.assert_allclose(arcsine_back_transform(np.arcsin(np.sqrt(p))), p, rtol=1e-13)
    np.testing.assert_array_equal(arcsine_back_transform([-0.2, 1.8]), [0.0, 1.0])
    assert logit_back_transform(-800) >= 0


@pytest.mark.parametrize(("r", "n"), [(0.0, 5), (0.62, 15), (-0.999999, 30), (1e-9, 10**6)])
def test_correlations_have_all_their_digits(r, n):
    raw, z = correlation(r=r, n=n), correlation(r=r, n=n, transform="z")
    with mpmath.workdps(40):
        exact = mpmath.mpf(r)
        variance, angle = (1 - exact**2) ** 2 / (n - 1), mpmath.atanh(exact)
    assert float(raw.variance) == pytest.approx(float(variance), rel=1e-15, abs=0)
    assert float(z.estimate) == pytest.approx(float(angle), rel=1e-15, abs=0)
    assert float(z.variance) == 1 / (n - 3)


def test_samples_too_small_for_a_variance_are_left_out():
    assert correlation(r=0.5, n=[1, 2]).included.tolist() == [False, True]
    assert correlation(r=0.5, n=[3, 4], transform="z").included.tolist() == [False, True]


@pytest.mark.parametrize("r", [1, -1, 1.2, np.nan])
def test_a_perfect_or_impossible_correlation_is_refused(r):
    with pytest.raises(InputError, match="r: 1 of 2 values is not a correlation strictly between -1 and 1"):
        correlation(r=[0.3, r], n=20)


def test_means_and_given_effects_are_checked():
    with pytest.raises(InputError, match="sd: 1 of 1 value is not a finite number above 0"):
        raw_mean(mean=3, sd=0, n=10)
    with pytest.raises(InputError, match="variance: 1 of 2 values is not a finite number above 0"):
        generic_effect(estimate=[1, 2], variance=[0.1, -0.1])
    assert float(raw_mean(mean=3, sd=2, n=16).variance) == 0.25
    assert generic_effect(estimate=[1, np.nan], variance=[0.1, 0], mask=[True, False]).included.tolist() == [
        True,
        False,
    ]


def test_more_events_than_patients_are_refused():
    with pytest.raises(InputError, match=r"events = 11\.0, total = 10\.0 at position 1"):
        proportion(events=[3, 11], total=10)


def test_unknown_transforms_are_refused():
    with pytest.raises(UnknownWordError, match="did you mean 'freeman-tukey'"):
        proportion(events=3, total=10, transform="freeman tukey")
    with pytest.raises(UnknownWordError, match="Known: raw, z"):
        correlation(r=0.3, n=10, transform="fisher")
