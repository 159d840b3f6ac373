"""Deletion diagnostics, Baujat and radial coordinates."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import NotEnoughTrials, UnknownWordError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.influence import baujat, influence, radial
from bmac_meta.stats.regression import meta_regression

RAW = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "bcg_RR.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])
LATITUDE = np.column_stack([np.ones(13), RAW["mods"]["ablat"]])
FIELDS = ("rstudent", "dffits", "cook", "covariance_ratio", "hat", "tau2_deleted", "q_deleted")


def test_the_first_bcg_trial_agrees_with_metafor():
    # metafor's own test of influence(), at its default precision: τ² stops within 1e-5 of the maximum.
    expected = [-0.218142474, -0.0407075605, 0.00171654237, 1.11644891, 0.0505948308, 0.336156745, 151.582573]
    result = influence(Y, variance=V)
    np.testing.assert_allclose([getattr(result, name)[0] for name in FIELDS], expected, rtol=1e-5)


def test_six_bcg_trials_agree_with_metafor():
    # metafor's own test of rstudent(), four decimals.
    result = influence(Y[:6], variance=V[:6])
    np.testing.assert_allclose(result.rstudent, [0.1426, -0.9957, -0.4591, -1.1949, 2.0949, 0.4330], atol=6e-5)


def test_a_meta_regression_agrees_with_metafor():
    # metafor's own tests of hatvalues() and cooks.distance() with latitude as moderator, four decimals.
    result = influence(Y, variance=V, design=LATITUDE)
    hat = [
        0.049,
        0.1493,
        0.0351,
        0.3481,
        0.2248,
        0.2367,
        0.064,
        0.357,
        0.0926,
        0.1157,
        0.2309,
        0.0189,
        0.0778,
    ]
    cook = [
        0.0048,
        0.0489,
        0.0104,
        0.2495,
        0.0072,
        0.2883,
        0.3643,
        0.2719,
        0.02,
        0.1645,
        0.0009,
        0.0403,
        0.1433,
    ]
    np.testing.assert_allclose(result.hat, hat, atol=6e-5)
    np.testing.assert_allclose(result.cook, cook, atol=6e-5)


def test_every_diagnostic_of_a_regression_follows_from_its_definition():
    result, whole = (
        influence(Y, variance=V, design=LATITUDE),
        meta_regression(Y, variance=V, design=LATITUDE, interval="wald"),
    )
    for i in range(13):
        kept, x = np.arange(13) != i, LATITUDE[i]
        rest = meta_regression(Y[kept], variance=V[kept], design=LATITUDE[kept], interval="wald")
        shift = whole.coefficients - rest.coefficients
        own = V[i] + rest.tau2
        expected = {
            "residual": Y[i] - x @ rest.coefficients,
            "residual_se": np.sqrt(own + x @ rest.covariance @ x),
            "dffits": x @ shift / np.sqrt(whole.hat[i] * own),
            "cook": shift @ np.linalg.inv(whole.covariance) @ shift,
            "covariance_ratio": np.linalg.det(rest.covariance) / np.linalg.det(whole.covariance),
            "tau2_deleted": rest.tau2,
            "q_deleted": rest.q_residual,
        }
        for name, value in expected.items():
            assert getattr(result, name)[i] == pytest.approx(value, rel=1e-8), name


def test_a_studentized_residual_is_the_test_of_a_mean_shift():
    # Viechtbauer & Cheung 2010, section 2.2: a dummy for the trial has that z.
    for i in (0, 7):
        dummy = np.column_stack([np.ones(13), np.arange(13) == i]).astype(float)
        fit = meta_regression(Y, variance=V, design=dummy, interval="wald")
        assert influence(Y, variance=V).rstudent[i] == pytest.approx(fit.statistic[1], rel=1e-8)


def test_a_column_of_ones_is_the_plain_pool():
    plain, regression = influence(Y, variance=V), influence(Y, variance=V, design=np.ones((13, 1)))
    for name in FIELDS:
        np.testing.assert_allclose(getattr(regression, name), getattr(plain, name), rtol=1e-8)


def test_a_trial_that_alone_carries_a_covariate_cannot_be_left_out():
    design = np.column_stack([np.ones(13), np.arange(13) == 4]).astype(float)
    result = influence(Y, variance=V, design=design)
    assert np.isnan([getattr(result, name)[4] for name in FIELDS if name != "hat"]).all()
    assert result.hat[4] == pytest.approx(1.0)
    assert np.isfinite(np.delete(result.rstudent, 4)).all()


def test_a_common_effect_is_asked_for_by_a_tau2_of_zero():
    result = influence(Y, variance=V, tau2=0.0)
    weight = 1 / V
    np.testing.assert_allclose(result.hat, weight / weight.sum(), rtol=1e-12)
    assert (result.tau2_deleted == 0).all()
    # With a known variance a deletion has a closed form: e/(1 − h), with variance v/(1 − h).
    rest = Y - (weight * Y).sum() / weight.sum()
    np.testing.assert_allclose(result.rstudent, rest / np.sqrt(V * (1 - result.hat)), rtol=1e-9)


def test_masked_trials_are_nan_and_have_no_say():
    mask = np.ones((2, 13), dtype=bool)
    mask[1, [2, 5]] = False
    batch = influence(np.where(mask, Y, np.nan), variance=V, mask=mask)
    alone = influence(Y[mask[1]], variance=V[mask[1]])
    for name in FIELDS:
        np.testing.assert_allclose(getattr(batch, name)[1, mask[1]], getattr(alone, name), rtol=1e-9)
        assert np.isnan(getattr(batch, name)[1, [2, 5]]).all()


def test_one_trial_that_dwarfs_the_others_can_still_be_left_out():
    v = np.array([1e-12, *V[1:]])
    result = influence(Y, variance=v, tau2=0.0)
    rest = random_effects(Y[1:], variance=V[1:], tau2=0.0, interval="wald")
    assert result.residual[0] == pytest.approx(Y[0] - rest.estimate, rel=1e-10)
    assert np.isfinite(result.dffits).all()


def test_too_few_trials_are_refused():
    with pytest.raises(NotEnoughTrials, match="with 2 trials; needs 3"):
        influence(Y[:2], variance=V[:2])
    with pytest.raises(NotEnoughTrials, match="with 3 trials; needs 4"):
        influence(Y[:3], variance=V[:3], design=LATITUDE[:3])


@pytest.mark.parametrize("model", ["common", "random"])
def test_baujat_coordinates_follow_from_their_definition(model):
    result = baujat(Y, variance=V, model=model)
    options = {"model": model, "interval": "wald"}
    whole = random_effects(Y, variance=V, **options)
    np.testing.assert_allclose(result.heterogeneity, (Y - whole.estimate) ** 2 / (V + whole.tau2), rtol=1e-9)
    for i in (0, 6, 12):
        rest = random_effects(np.delete(Y, i), variance=np.delete(V, i), **options)
        expected = (whole.estimate - rest.estimate) ** 2 / rest.se**2
        assert result.influence[i] == pytest.approx(expected, rel=1e-8)


def test_the_parts_of_heterogeneity_add_up_to_q():
    assert baujat(Y, variance=V).heterogeneity.sum() == pytest.approx(152.2330, abs=5e-5)  # metafor: Q(df = 12)


def test_the_line_of_a_radial_plot_is_the_pool():
    for model in ("common", "random"):
        result, pool = radial(Y, variance=V, model=model), random_effects(Y, variance=V, model=model)
        slope = (result.precision * result.standardized).sum() / (result.precision**2).sum()
        assert slope == pytest.approx(pool.estimate, rel=1e-12)
        assert result.estimate == pool.estimate
        np.testing.assert_allclose(
            result.distance, result.standardized - slope * result.precision, rtol=1e-9, atol=1e-12
        )


def test_the_squared_distances_of_a_radial_plot_add_up_to_q():
    assert (radial(Y, variance=V, model="common").distance ** 2).sum() == pytest.approx(152.2330, abs=5e-5)


def test_a_radial_plot_of_one_trial_is_that_trial():
    result = radial([0.5], variance=[0.25])
    assert (result.precision.tolist(), result.standardized.tolist(), result.distance.tolist()) == (
        [2.0],
        [1.0],
        [0.0],
    )


def test_unknown_models_are_refused():
    with pytest.raises(UnknownWordError, match="random, common"):
        baujat(Y, variance=V, model="fixed")


# R's influence() of the BCG trials on latitude and year, converged to 1e-13 with all trials but at its default
# precision without one: good to four digits.
DFBETAS = {
    0: [0.149176108719, -0.062222263636, -0.149119308645],
    3: [2.224816296453, -2.538060978989, -2.216119764890],
    6: [-0.265916229914, 0.536750496941, 0.259094898623],
    12: [-0.827615506490, 0.626929509888, 0.827882704272],
}


def test_the_shift_of_each_coefficient_agrees_with_metafor():
    design = np.column_stack([LATITUDE, RAW["mods"]["year"]])
    result = influence(Y, variance=V, design=design)
    for trial, expected in DFBETAS.items():
        np.testing.assert_allclose(result.dfbetas[trial], expected, rtol=5e-4)


def test_the_shift_of_a_mean_agrees_with_metafor():
    expected = [-0.040265889170, -0.345862309951, -0.159655276646, -0.513813387320]
    np.testing.assert_allclose(influence(Y, variance=V).dfbetas[:4, 0], expected, rtol=5e-4)


def test_the_shift_of_each_coefficient_follows_from_its_definition():
    result, whole = influence(Y, variance=V, design=LATITUDE), meta_regression(Y, variance=V, design=LATITUDE)
    for i in range(13):
        kept = np.arange(13) != i
        without = meta_regression(Y[kept], variance=V[kept], design=LATITUDE[kept], interval="wald")
        weight = 1 / (V + without.tau2)
        spread = np.linalg.inv(LATITUDE.T @ (weight[:, None] * LATITUDE))
        expected = (whole.coefficients - without.coefficients) / np.sqrt(np.diag(spread))
        np.testing.assert_allclose(result.dfbetas[i], expected, rtol=1e-9)


def test_the_shifts_of_a_batch_are_those_of_each():
    mask = np.ones((2, 13), dtype=bool)
    mask[1, [2, 7]] = False
    batch = influence(np.tile(Y, (2, 1)), variance=V, design=LATITUDE, mask=mask)
    alone = influence(Y[mask[1]], variance=V[mask[1]], design=LATITUDE[mask[1]])
    assert batch.dfbetas.shape == (2, 13, 2)
    np.testing.assert_allclose(batch.dfbetas[1][mask[1]], alone.dfbetas, rtol=1e-9)
    assert np.isnan(batch.dfbetas[1][~mask[1]]).all()


def test_a_regression_of_thousands_of_trials_is_diagnosed_without_thousands_of_fits():
    rng = np.random.default_rng(3)
    v = np.exp(rng.normal(-2, 0.8, 3000))
    design = np.column_stack([np.ones(3000), rng.normal(size=(3000, 2))])
    y = rng.normal(size=3000) * np.sqrt(v + 0.1)
    tracemalloc.start()
    start = time.process_time()
    result = influence(y, variance=v, design=design)
    spent, memory = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Refits of what is left would take 40 seconds, and the leverages of all of them 70 MB.
    assert spent < 20
    assert memory < 2**26
    for i in (0, 17, 2999):
        kept = np.arange(3000) != i
        rest = meta_regression(y[kept], variance=v[kept], design=design[kept], interval="wald")
        assert result.tau2_deleted[i] == pytest.approx(rest.tau2, rel=1e-10)
        assert result.q_deleted[i] == pytest.approx(rest.q_residual, rel=1e-12)
        assert result.residual[i] == pytest.approx(y[i] - design[i] @ rest.coefficients, rel=1e-10)


def test_large_and_small_meta_analyses_of_one_batch_are_diagnosed_as_alone():
    rng = np.random.default_rng(4)
    y, v, x = rng.normal(size=(3, 120)), rng.uniform(0.1, 2, (3, 120)), rng.normal(size=(3, 120, 2))
    mask = np.ones((3, 120), dtype=bool)
    mask[0, 9:], mask[2, ::5] = False, False
    x[:, :, 0] = 1.0
    batch = influence(y, variance=v, design=x, mask=mask)
    for row, here in enumerate(mask):
        alone = influence(y[row, here], variance=v[row, here], design=x[row, here])
        for name in (*FIELDS, "dfbetas"):
            np.testing.assert_allclose(getattr(batch, name)[row, here], getattr(alone, name), rtol=1e-8, atol=1e-12)
            assert np.isnan(getattr(batch, name)[row, ~here]).all()
