"""p to z and back, and the albatross plot."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.measures_binary import odds_ratio, risk_ratio
from bmac_meta.stats.p_values import albatross, contour_size, p_from_z, z_from_p


def test_a_two_sided_p_takes_the_sign_of_its_effect():
    np.testing.assert_allclose(z_from_p([0.05, 0.05, 1.0], direction=[1, -1, 1]), [1.959963985, -1.959963985, 0.0])


def test_a_one_sided_p_above_one_half_speaks_for_the_other_side():
    assert z_from_p(0.9, direction=1, sides="one") == pytest.approx(-1.2815515655)
    assert z_from_p(0.9, direction=-1, sides="one") == pytest.approx(1.2815515655)


def test_a_tiny_p_keeps_its_digits():
    with mp.workdps(40):
        expected = -mp.findroot(lambda x: mp.log(2 * mp.ncdf(x)) - mp.log(mpf(1e-250)), -33.8)
    assert z_from_p(1e-250, direction=1) == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize("sides", ["two", "one"])
def test_there_and_back_is_the_same_p(sides):
    p = np.array([1e-12, 0.01, 0.3, 0.7, 0.99])
    for direction in (1, -1):
        z = z_from_p(p, direction=direction, sides=sides)
        np.testing.assert_allclose(p_from_z(z, direction=direction, sides=sides), p, rtol=1e-12)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, np.nan])
def test_impossible_p_values_are_refused_with_the_way_out(p):
    with pytest.raises(InputError, match=r"give the bound"):
        z_from_p(p, direction=1)


def test_other_bad_requests_are_refused():
    with pytest.raises(InputError, match="no finite z"):
        z_from_p(1.0, direction=1, sides="one")
    with pytest.raises(InputError, match="a direction of 1 or -1"):
        z_from_p(0.05, direction=0)
    with pytest.raises(UnknownWordError, match="two, one"):
        z_from_p(0.05, direction=1, sides="both")


def test_a_contour_is_where_the_standard_error_gives_that_p():
    size = contour_size(0.01, effect=0.4, allocation=2.0)
    n_a, n_b = 2 * size / 3, size / 3
    # The large-sample variance of a standardized mean difference, 1/n_a + 1/n_b + d²/(2N).
    se = np.sqrt(1 / n_a + 1 / n_b + 0.4**2 / (2 * size))
    assert p_from_z(0.4 / se) == pytest.approx(0.01, rel=1e-12)


def test_a_contour_of_raw_differences_takes_its_sd():
    size = contour_size(0.02, effect=5.0, measure="MD", sd=20.0)
    assert p_from_z(5.0 / (20.0 * np.sqrt(4 / size))) == pytest.approx(0.02, rel=1e-12)


@pytest.mark.parametrize(("measure", "own"), [("OR", odds_ratio), ("RR", risk_ratio)])
def test_a_contour_of_ratios_is_where_that_table_gives_that_p(measure, own):
    size = contour_size(0.03, effect=1.5, measure=measure, allocation=1.5, baseline_risk=0.3)
    n_a, n_b = 0.6 * size, 0.4 * size
    risk = 0.45 if measure == "RR" else 1.5 * 0.3 / (0.7 + 1.5 * 0.3)
    effect = own(events_a=risk * n_a, total_a=n_a, events_b=0.3 * n_b, total_b=n_b)
    assert p_from_z(effect.estimate / effect.se) == pytest.approx(0.03, rel=1e-9)


def test_a_contour_of_correlations_goes_by_fishers_z():
    size = contour_size(0.04, effect=0.25, measure="COR")
    assert p_from_z(np.arctanh(0.25) * np.sqrt(size - 3)) == pytest.approx(0.04, rel=1e-12)


@pytest.mark.parametrize(
    "request_",
    [
        {"effect": 0.0},
        {"effect": 1.0, "measure": "OR"},
        {"effect": 2.5, "measure": "RR"},
        {"effect": 1.0, "measure": "COR"},
        {"effect": 0.5, "allocation": 0.0},
        {"effect": 0.5, "measure": "OR", "baseline_risk": 1.0},
    ],
)
def test_contours_that_do_not_exist_are_refused(request_):
    with pytest.raises(InputError):
        contour_size(0.05, **request_)


def test_an_albatross_puts_clear_effects_far_out_on_their_side():
    result = albatross([0.01, 0.5, 0.001], size=[40, 60, 300], direction=[1, 1, -1], effects=[0.2, 0.5, 0.8])
    np.testing.assert_allclose(result.log10_p, [2.0, -np.log10(0.5), -3.0])
    assert result.size.tolist() == [40, 60, 300]
    assert result.contour_size.shape == (3, result.contour_log10_p.size)
    # Larger effects need fewer patients for the same p, smaller p more patients for the same effect.
    assert (np.diff(result.contour_size, axis=0) < 0).all()
    assert (np.diff(result.contour_size, axis=1) > 0).all()
    assert result.contour_log10_p[-1] > 3.0


def test_an_albatross_turns_one_sided_p_values_into_two_sided_ones():
    result = albatross([0.05, 0.95], size=[40, 60], direction=[1, 1], effects=[0.5], sides="one")
    np.testing.assert_allclose(result.log10_p, [1.0, -1.0])


def test_a_trial_on_a_contour_lies_on_it():
    size = contour_size(0.01, effect=0.5)
    result = albatross([0.01], size=[size], direction=[1], effects=[0.5])
    assert np.interp(2.0, result.contour_log10_p, result.contour_size[0]) == pytest.approx(size, rel=1e-3)


def test_columns_of_different_length_are_refused():
    with pytest.raises(InputError, match="one of each per trial"):
        albatross([0.01, 0.02], size=[40], direction=[1, 1], effects=[0.5])


P = np.array([[0.01, 0.5, np.nan], [0.0, 0.04, 0.2]])
SIZES = np.array([[40.0, 60.0, -1.0], [np.nan, 80.0, 30.0]])
SIGNS = np.array([[1.0, -1.0, 0.0], [7.0, 1.0, -1.0]])
MASK = np.array([[True, True, False], [False, True, True]])


@pytest.mark.parametrize("sides", ["two", "one"])
def test_a_batch_of_albatrosses_is_its_trials_one_by_one(sides):
    batch = albatross(P, size=SIZES, direction=SIGNS, effects=[0.2, 0.5], sides=sides, mask=MASK)
    assert batch.log10_p.shape == batch.size.shape == (2, 3)
    for row, here in enumerate(MASK):
        alone = albatross(
            P[row][here], size=SIZES[row][here], direction=SIGNS[row][here], effects=[0.2, 0.5], sides=sides
        )
        np.testing.assert_array_equal(batch.log10_p[row][here], alone.log10_p)
        np.testing.assert_array_equal(batch.size[row][here], alone.size)
    assert np.isnan(batch.log10_p[~MASK]).all()
    assert np.isnan(batch.size[~MASK]).all()
    whole = albatross(P[MASK], size=SIZES[MASK], direction=SIGNS[MASK], effects=[0.2, 0.5], sides=sides)
    np.testing.assert_array_equal(batch.contour_size, whole.contour_size)


def test_a_batch_may_share_its_sizes_and_one_albatross_may_have_a_mask():
    batch = albatross(P, size=[40, 60, 80], direction=1, effects=[0.5], mask=MASK)
    np.testing.assert_array_equal(batch.size, np.where(MASK, [40.0, 60.0, 80.0], np.nan))
    single = albatross(P[1], size=SIZES[1], direction=SIGNS[1], effects=[0.5], mask=MASK[1])
    assert single.log10_p.shape == (3,)
    with pytest.raises(InputError, match="one of each per trial"):
        albatross(P, size=[40], direction=1, effects=[0.5], mask=MASK)
    with pytest.raises(InputError, match="one shape"):
        albatross(np.full((2, 3), 0.1), size=np.full((3, 3), 10.0), direction=1, effects=[0.5])


def test_masked_cells_of_p_and_z_may_hold_anything_and_give_nothing():
    z = z_from_p(P, direction=SIGNS, mask=MASK)
    np.testing.assert_array_equal(z[MASK], z_from_p(P[MASK], direction=SIGNS[MASK]))
    assert np.isnan(z[~MASK]).all()
    one_sided = z_from_p([[1.0, 0.2]], direction=1, sides="one", mask=[[False, True]])
    assert np.isnan(one_sided[0, 0])
    back = p_from_z(np.where(MASK, z, np.inf), mask=MASK)
    np.testing.assert_allclose(back[MASK], P[MASK], rtol=1e-13)
    assert np.isnan(back[~MASK]).all()


def test_the_contours_of_the_smallest_p_values_stay_within_what_a_p_can_be():
    result = albatross([1e-305, 0.2], size=[1e5, 50], direction=1, effects=[0.5])
    assert result.log10_p[0] == pytest.approx(305.0, rel=1e-12)
    assert result.contour_log10_p[-1] == 300.0
    assert np.isfinite(result.contour_size).all()


def test_arms_may_be_of_unequal_size_either_way_and_a_unit_large_against_the_sd():
    half, double = (contour_size(0.05, effect=0.5, allocation=ratio) for ratio in (0.5, 2.0))
    assert half == pytest.approx(double, rel=1e-14)
    metres, millimetres = (contour_size(0.05, effect=5.0 * u, measure="MD", sd=20.0 * u) for u in (1e-3, 1.0))
    assert metres == pytest.approx(millimetres, rel=1e-13)
