"""Regression tests of asymmetry, and PET-PEESE."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials
from bmac_meta.stats.asymmetry import (
    egger_mixed_effects,
    egger_test,
    harbord_test,
    pet_peese,
    peters_test,
    size_standard_error,
)
from bmac_meta.stats.regression import meta_regression

PAIRWISE = Path(__file__).resolve().parents[1] / "reference" / "pairwise"
RANDOM = np.random.default_rng(4)
N_A, N_B = RANDOM.integers(10, 200, (2, 14))
Y, V = RANDOM.normal(0.3, 0.4, 14), 1 / N_A + 1 / N_B
TABLES = {name: json.loads((PAIRWISE / "egger2001_OR.json").read_text())["inputs"][key] for name, key in
          {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}.items()}  # fmt: skip


def test_egger_with_the_size_predictor_of_pustejovsky_and_rodgers():
    x = size_standard_error(N_A, N_B)
    variance = V + Y**2 / (2 * (N_A + N_B))
    result = egger_test(Y, variance=variance, predictor=x)
    fit = sm.WLS(Y, sm.add_constant(np.sqrt(1 / N_A + 1 / N_B)), 1 / variance).fit()
    np.testing.assert_allclose([result.statistic, result.p_value], [fit.tvalues[1], fit.pvalues[1]], rtol=1e-9)
    assert result.predictor == "as given"
    assert result.method == "Egger"


def test_a_size_predictor_on_the_magnesium_trials_as_in_metafor():
    # metafor's own test of regtest(model="lm", predictor="sqrtninv"): t = -5.6083.
    raw = json.loads((PAIRWISE / "egger2001_OR.json").read_text())
    total = np.add(raw["inputs"]["n1i"], raw["inputs"]["n2i"])
    result = egger_test(raw["yi"], variance=raw["vi"], predictor=1 / np.sqrt(total))
    assert round(result.statistic, 4) == -5.6083


def test_mixed_effects_egger_is_the_meta_regression_on_the_standard_error():
    result = egger_mixed_effects(Y, variance=V)
    fit = meta_regression(Y, variance=V, design=np.column_stack([np.ones(14), np.sqrt(V)]))
    assert result.slope == pytest.approx(fit.coefficients[1], rel=1e-12)
    assert result.p_value == pytest.approx(fit.p_values[1], rel=1e-9)
    assert (result.df, result.k) == (12.0, 14)


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 14), dtype=bool)
    mask[1, 11:] = False
    shaky = np.where(mask, Y, np.nan)
    for test in (egger_test, egger_mixed_effects):
        batch = test(shaky, variance=V, mask=mask, predictor=np.sqrt(V))
        alone = test(Y[:11], variance=V[:11])
        assert batch.slope.shape == (2,)
        np.testing.assert_allclose(batch.slope[1], alone.slope, rtol=1e-10)
        np.testing.assert_allclose(batch.p_value[1], alone.p_value, rtol=1e-9)


def test_harbord_is_the_regression_of_z_over_root_v_on_root_v():
    a, n_a, b, n_b = (np.array(TABLES[name], dtype=float) for name in TABLES)
    total, events = n_a + n_b, a + b
    z = a - n_a * events / total
    v = n_a * n_b * events * (total - events) / (total**2 * (total - 1))
    fit = sm.OLS(z / np.sqrt(v), sm.add_constant(np.sqrt(v))).fit()
    result = harbord_test(**TABLES)
    np.testing.assert_allclose([result.slope, result.limit], fit.params, rtol=1e-9)
    np.testing.assert_allclose(result.p_value, fit.pvalues[0], rtol=1e-9)


def test_peters_is_the_regression_on_reciprocal_size():
    a, n_a, b, n_b = (np.array(TABLES[name], dtype=float) for name in TABLES)
    total, events = n_a + n_b, a + b
    empty = 0.5 * ((a == 0) | (b == 0))
    log_odds_ratio = np.log((a + empty) * (n_b - b + empty) / ((n_a - a + empty) * (b + empty)))
    fit = sm.WLS(log_odds_ratio, sm.add_constant(1 / total), events * (total - events) / total).fit()
    result = peters_test(**TABLES)
    np.testing.assert_allclose([result.limit, result.slope], fit.params, rtol=1e-9)
    np.testing.assert_allclose(result.p_value, fit.pvalues[1], rtol=1e-9)


@pytest.mark.parametrize("test", [harbord_test, peters_test])
def test_tables_without_information_drop_out(test):
    more = {"events_a": [0, 12], "total_a": [20, 12], "events_b": [0, 9], "total_b": [21, 9]}
    padded = {name: [*TABLES[name], *more[name]] for name in TABLES}
    assert test(**padded) == test(**TABLES)


@pytest.mark.parametrize("test", [harbord_test, peters_test])
def test_swapping_the_arms_changes_the_sign_alone(test):
    swapped = {"events_a": "events_b", "total_a": "total_b", "events_b": "events_a", "total_b": "total_a"}
    result, turned = test(**TABLES), test(**{name: TABLES[other] for name, other in swapped.items()})
    assert turned.slope == pytest.approx(-result.slope, rel=1e-9)
    assert turned.p_value == pytest.approx(result.p_value, rel=1e-9)


@pytest.mark.parametrize("test", [harbord_test, peters_test])
@pytest.mark.parametrize("change", [{"events_a": 41}, {"total_b": 0}, {"events_b": -1}, {"events_a": np.nan}])
def test_impossible_tables_are_refused(test, change):
    broken = {name: [change.get(name, values[0]), *values[1:]] for name, values in TABLES.items()}
    with pytest.raises(InputError):
        test(**broken)


def test_pet_peese_takes_peese_only_where_pet_finds_an_effect():
    x = np.linspace(0.05, 0.5, 12)
    noise = 0.2 * x * np.resize([1.0, -1.0, -1.0, 1.0], 12)
    flat, steep = 0.8 + noise, x + noise
    result = pet_peese(np.stack([flat, steep]), variance=x**2)
    assert result.chosen.tolist() == ["PEESE", "PET"]
    assert result.estimate[0] == result.peese.limit[0]
    assert result.estimate[1] == result.pet.limit[1]
    assert result.p_value[1] >= result.alpha > result.pet.limit_p_value[0]


def test_pet_is_egger_read_at_its_limit():
    pet, egger = pet_peese(Y, variance=V).pet, egger_test(Y, variance=V)
    assert (pet.limit, pet.limit_ci_low, pet.slope) == (egger.limit, egger.limit_ci_low, egger.slope)


def test_peese_is_the_line_on_the_variance():
    fit = sm.WLS(Y, sm.add_constant(V), 1 / V).fit()
    peese = pet_peese(Y, variance=V).peese
    np.testing.assert_allclose([peese.limit, peese.slope], fit.params, rtol=1e-9)


def test_pet_peese_takes_another_predictor_and_its_square():
    x = np.linspace(0.2, 0.9, len(Y))
    result = pet_peese(Y, variance=V, predictor=x)
    for line, column in ((result.pet, x), (result.peese, x**2)):
        fit = sm.WLS(Y, sm.add_constant(column), 1 / V).fit()
        np.testing.assert_allclose([line.limit, line.slope], fit.params, rtol=1e-9)
    assert (result.pet.predictor, result.peese.predictor) == ("as given", "square of the given")


@pytest.mark.parametrize("test", [egger_test, egger_mixed_effects, pet_peese])
def test_nine_trials_are_refused_and_can_be_insisted_on(test):
    with pytest.raises(NotEnoughTrials, match="can't be assessed with 9 trials; needs 10"):
        test(Y[:9], variance=V[:9])
    assert test(Y[:9], variance=V[:9], minimum_trials=9)


@pytest.mark.parametrize("test", [egger_test, egger_mixed_effects, pet_peese])
def test_trials_of_one_precision_are_refused(test):
    with pytest.raises(DesignError, match="one precision"):
        test(Y, variance=np.full(14, 0.2))


def test_three_trials_are_enough_when_insisted_on():
    result = egger_test([0.1, 0.5, 0.4], variance=[0.1, 0.2, 0.3], minimum_trials=3)
    assert result.df == 1.0
    assert 0 < result.p_value < 1


@pytest.mark.parametrize("predictor", [[1.0, 2.0], np.ones((3, 14)), [np.nan] * 14])
def test_a_predictor_that_does_not_fit_is_refused(predictor):
    with pytest.raises(InputError, match="predictor"):
        egger_test(Y, variance=V, predictor=predictor)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_an_alpha_outside_0_and_1_is_refused(alpha):
    with pytest.raises(InputError, match="alpha"):
        pet_peese(Y, variance=V, alpha=alpha)
