"""The step selection model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.stats import chi2

from bmac_meta.errors import InputError, NotEnoughTrials, PoolingRefused, UnknownWordError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.step_selection import step_selection

PAIRWISE = Path(__file__).resolve().parents[1] / "reference" / "pairwise"


def effects(name):
    raw = json.loads((PAIRWISE / f"{name}.json").read_text())
    return np.array(raw["yi"]), np.array(raw["vi"])


Y, V = effects("hackshaw1998")


def test_four_intervals_agree_with_metafor():
    # metafor's own tests of selmodel(type="stepfun", steps=c(.05, .10, .50, 1)): weights, their standard
    # errors, likelihood ratio, τ², counts; its optimizer stops at about 1e-6.
    result = step_selection(Y, variance=V, favored="positive", steps=(0.05, 0.10, 0.50, 1))
    np.testing.assert_allclose(result.weights, [1, 2.422079, 0.977543, 0.396713], rtol=1e-5)
    np.testing.assert_allclose(result.weights_se[1:], [1.66085, 0.820387, 0.469235], rtol=1e-5)
    assert result.lr_statistic == pytest.approx(7.066137, abs=1e-6)
    assert result.tau2 == pytest.approx(0.03071325, rel=1e-5)
    assert result.counts.tolist() == [7, 8, 16, 6]
    assert result.lr_df == 3


def test_the_maximum_stands_in_30_digits():
    result = step_selection(Y, variance=V, favored="positive")
    y, v = [mpf(float(x)) for x in Y], [mpf(float(x)) for x in V]
    with mp.workdps(30):
        bound = -mp.findroot(lambda x: mp.ncdf(x) - mpf("0.025"), -2)

        def slope(*place):
            return [mp.diff(likelihood, place, order) for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]

        def likelihood(mean, tau2, weight):
            total = mpf(0)
            for effect, variance in zip(y, v, strict=True):
                spread, limit = mp.sqrt(variance + tau2), bound * mp.sqrt(variance)
                below = mp.ncdf((limit - mean) / spread)
                total += mp.log(mp.npdf(effect, mean, spread)) - mp.log(1 - below + weight * below)
                total += 0 if effect >= limit else mp.log(weight)
            return total

        start = (result.estimate, result.tau2, result.weights[1])
        exact = mp.findroot(slope, start, tol=1e-25, maxsteps=5)
        expected = [float(x) for x in exact], float(likelihood(*exact))
    np.testing.assert_allclose([result.estimate, result.tau2, result.weights[1]], expected[0], rtol=1e-9)
    assert result.log_likelihood == pytest.approx(expected[1], rel=1e-12)


STEPS = (0.005, 0.01, 0.05, 0.10, 0.25, 0.35, 0.50, 0.65, 0.75, 0.90, 0.95, 0.99, 0.995, 1)
MODERATE_ONE = (1, 0.99, 0.95, 0.80, 0.75, 0.65, 0.60, 0.55, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50)
SEVERE_ONE = (1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.40, 0.35, 0.30, 0.25, 0.10, 0.10, 0.10, 0.10)
MODERATE_TWO = (1, 0.99, 0.95, 0.90, 0.80, 0.75, 0.60, 0.60, 0.75, 0.80, 0.90, 0.95, 0.99, 1.00)
SEVERE_TWO = (1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.25, 0.25, 0.50, 0.60, 0.75, 0.90, 0.99, 1.00)


@pytest.mark.parametrize(
    ("weights", "estimate", "tau2"),
    [
        (MODERATE_ONE, 0.351894, 0.004500),
        (SEVERE_ONE, 0.321518, 0.009544),
        (MODERATE_TWO, 0.362019, 0.002774),
        (SEVERE_TWO, 0.332180, 0.005652),
    ],
)
def test_prescribed_weights_agree_with_metafor(weights, estimate, tau2):
    # The four patterns of Vevea & Woods 2005 on the data of Cohen 1981; six printed decimals of metafor's
    # tests.
    y, v = effects("cohen1981_ZCOR")
    result = step_selection(y, variance=v, favored="positive", steps=STEPS, weights=weights)
    assert result.estimate == pytest.approx(estimate, abs=5.1e-7)
    assert result.tau2 == pytest.approx(tau2, abs=5.1e-7)
    assert np.isnan(result.lr_statistic)
    assert np.isnan(result.weights_se).all()


def test_equal_weights_are_the_maximum_likelihood_pool():
    plain = random_effects(Y, variance=V, tau2="ML", interval="wald")
    result = step_selection(Y, variance=V, favored="positive", weights=(1, 1))
    for name in ("estimate", "tau2", "log_likelihood"):
        assert getattr(result, name) == pytest.approx(getattr(plain, name), rel=1e-9)
    assert result.unadjusted_estimate == pytest.approx(plain.estimate, rel=1e-12)
    # The standard error is from the observed information, in which the mean and τ² are not independent.
    assert result.se == pytest.approx(plain.se, rel=0.05)


def test_the_likelihood_ratio_compares_with_no_selection():
    result = step_selection(Y, variance=V, favored="positive")
    gain = 2 * (result.log_likelihood - result.unadjusted_log_likelihood)
    assert result.lr_statistic == pytest.approx(gain, rel=1e-12)
    assert result.lr_p_value == pytest.approx(chi2.sf(gain, 1), rel=1e-12)


def test_it_recovers_the_truth_from_a_thousand_selected_trials():
    random = np.random.default_rng(7)
    v = 1 / random.integers(10, 120, 9_000)
    y = random.normal(0.2, np.sqrt(v + 0.04))
    kept = (y > 1.959964 * np.sqrt(v)) | (random.random(9_000) < 0.25)
    y, v = y[kept][:2_000], v[kept][:2_000]
    result = step_selection(y, variance=v, favored="positive")
    assert abs(result.estimate - 0.2) < 3.5 * result.se
    assert abs(result.weights[1] - 0.25) < 3.5 * result.weights_se[1]
    assert abs(result.tau2 - 0.04) < 3.5 * result.tau2_se
    assert result.unadjusted_estimate > result.ci_high


def test_turning_effects_and_direction_turns_the_answer():
    result = step_selection(Y, variance=V, favored="positive")
    turned = step_selection(-Y, variance=V, favored="negative")
    assert turned.estimate == pytest.approx(-result.estimate, rel=1e-10)
    assert turned.ci_low == pytest.approx(-result.ci_high, rel=1e-10)
    np.testing.assert_allclose(turned.weights, result.weights, rtol=1e-9)


def test_a_change_of_unit_scales_the_answer():
    result, scaled = (step_selection(u * Y, variance=u**2 * V, favored="positive") for u in (1.0, 1e3))
    assert scaled.estimate == pytest.approx(1e3 * result.estimate, rel=1e-9)
    assert scaled.tau2 == pytest.approx(1e6 * result.tau2, rel=1e-9)
    np.testing.assert_allclose(scaled.weights, result.weights, rtol=1e-9)
    assert scaled.lr_statistic == pytest.approx(result.lr_statistic, abs=1e-9)


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 37), dtype=bool)
    mask[1, :5] = False
    batch = step_selection(np.where(mask, Y, np.nan), variance=V, favored="positive", mask=mask)
    alone = step_selection(Y[5:], variance=V[5:], favored="positive")
    assert batch.estimate[1] == pytest.approx(alone.estimate, rel=1e-12)
    assert batch.weights.shape == batch.counts.shape == (2, 2)
    assert batch.k.tolist() == [37, 32]


def test_tau2_on_its_bound_has_no_standard_error():
    v = np.linspace(0.05, 0.6, 12)
    y = 0.3 + np.sqrt(v) * np.resize([1.1, -0.3, 0.4, 0.9], 12)
    result = step_selection(y, variance=v, favored="positive", minimum_trials=5)
    assert result.tau2 == 0
    assert np.isnan(result.tau2_se)
    assert result.se > 0


def test_without_a_trial_in_every_interval_it_is_refused_with_the_counts():
    with pytest.raises(NotEnoughTrials, match=r"0 with p from 0 to 0\.025, 12 with p from 0\.025 to 1"):
        step_selection(np.full(12, 0.1), variance=np.linspace(0.1, 0.5, 12), favored="positive")


def test_nine_trials_are_refused():
    with pytest.raises(NotEnoughTrials, match="with 9 trials; needs 10"):
        step_selection(Y[:9], variance=V[:9], favored="positive")


@pytest.mark.parametrize("steps", [(), (0.5, 0.025), (0.0,), (1.0,), (1.5,), (np.nan,), ((0.025,),), "p"])
def test_unusable_steps_are_refused(steps):
    with pytest.raises(InputError, match="steps"):
        step_selection(Y, variance=V, favored="positive", steps=steps)


@pytest.mark.parametrize("weights", [(1,), (1, 0), (1, -1), (1, np.inf), (1, 0.5, 0.2)])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(InputError, match="weights"):
        step_selection(Y, variance=V, favored="positive", weights=weights)


def test_the_direction_must_be_one_of_two_words():
    with pytest.raises(UnknownWordError, match="positive, negative"):
        step_selection(Y, variance=V, favored="greater")


@pytest.mark.parametrize(
    ("effects", "variances", "favored"),
    [
        (
            [4280.4767697230745, 4282.35046700531, 4279.775146936359, 4282.09427760783, 4279.971129807395],
            [4344407511, 63964376165.4, 0.1, 0.1, 0.1],
            "positive",
        ),
        ([-0.7, -1.1, 2.5], [0.0014, 10.76, 1890.3], "negative"),
    ],
)
def test_a_likelihood_without_information_is_refused_in_words(effects, variances, favored):
    with pytest.raises(PoolingRefused, match="no maximum at finite values"):
        step_selection(effects, variance=variances, favored=favored, minimum_trials=3)
