"""Reading a funnel, and the weighted line through it."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials
from bmac_meta.stats import batch
from bmac_meta.stats.funnel import read_funnel, require_trials, sum_of_others, weighted_line

RANDOM = np.random.default_rng(20)
Y, X, W = RANDOM.normal(size=(3, 12)), RANDOM.uniform(0.1, 1, (3, 12)), RANDOM.uniform(1, 50, (3, 12))
EVERY = np.ones(Y.shape, dtype=bool)


def test_the_line_is_that_of_weighted_least_squares():
    line = weighted_line(Y, X, W, EVERY, 0.9)
    for row in range(3):
        fit = sm.WLS(Y[row], sm.add_constant(X[row]), W[row]).fit()
        # Two implementations of one closed form.
        np.testing.assert_allclose([line["limit"][row], line["slope"][row]], fit.params, rtol=1e-10)
        np.testing.assert_allclose([line["limit_se"][row], line["slope_se"][row]], fit.bse, rtol=1e-10)
        np.testing.assert_allclose([line["limit_p_value"][row], line["p_value"][row]], fit.pvalues, rtol=1e-9)
        limits = [line["limit_ci_low"][row], line["limit_ci_high"][row]]
        np.testing.assert_allclose(limits, fit.conf_int(0.1)[0], rtol=1e-9)


def test_absent_trials_have_no_say_in_the_line():
    present = EVERY.copy()
    present[:, 9:] = False
    masked = weighted_line(np.where(present, Y, 1e9), X, W, present, 0.95)
    short = weighted_line(Y[:, :9], X[:, :9], W[:, :9], EVERY[:, :9], 0.95)
    for name, values in short.items():
        np.testing.assert_allclose(masked[name], values, rtol=1e-12)


def test_an_offset_of_a_million_moves_the_limit_alone():
    here, there = weighted_line(Y, X, W, EVERY, 0.95), weighted_line(Y + 1e6, X, W, EVERY, 0.95)
    # y itself loses 1e-10 to the offset.
    np.testing.assert_allclose(there["slope"], here["slope"], rtol=1e-8)
    np.testing.assert_allclose(there["statistic"], here["statistic"], rtol=1e-8)
    np.testing.assert_allclose(there["limit"] - 1e6, here["limit"], atol=1e-8)


def test_points_on_a_line_have_no_scatter():
    line = weighted_line(2.0 + 3.0 * X, X, W, EVERY, 0.95)
    np.testing.assert_allclose(line["slope"], 3.0, rtol=1e-12)
    assert np.isinf(line["statistic"]).all()
    assert (line["p_value"] == 0.0).all()


def test_equal_effects_make_a_flat_line_that_tests_nothing():
    line = weighted_line(np.full_like(X, 0.1 + 0.2), X, W, EVERY, 0.95)
    assert (line["slope"] == 0.0).all()
    assert (line["p_value"] == 1.0).all()


def test_rounding_of_equal_effects_is_not_taken_for_a_slope():
    noisy = np.where(np.arange(12) % 2, 0.1 + 0.2, 0.3) * np.ones((3, 1))
    assert np.ptp(noisy) > 0
    assert (weighted_line(noisy, X, W, EVERY, 0.95)["slope"] == 0.0).all()


def test_a_predictor_without_variation_is_refused_with_its_value():
    with pytest.raises(DesignError, match=r"0\.5 throughout in meta-analysis 1"):
        weighted_line(Y, np.where(np.arange(3)[:, None] == 1, 0.5, X), W, EVERY, 0.95)


def test_too_few_trials_are_refused_with_both_numbers():
    message = "small-study effects can't be assessed with 4 trials; needs 10"
    with pytest.raises(NotEnoughTrials, match=message):
        require_trials([4], 10)
    with pytest.raises(NotEnoughTrials, match="with 1 trial; needs 3"):
        require_trials([1], 1)
    with pytest.raises(NotEnoughTrials, match=r"\(meta-analysis 1, counted from 0\)"):
        require_trials([12, 9], 10)
    require_trials([4], 4)


def test_the_sum_of_others_keeps_its_digits_where_one_dominates():
    others = sum_of_others(np.array([[1e20, 1.0, 2.0]]))
    np.testing.assert_array_equal(others, [[3.0, 1e20, 1e20]])


def test_masked_cells_may_hold_anything():
    funnel = read_funnel([1.0, 2.0, np.nan, 3.0], [1.0, 1.0, -5.0, 2.0], [True, True, False, True], 3)
    assert funnel.trials.tolist() == [3]
    assert [part.tolist() for part in funnel.rows()[0]] == [[1.0, 2.0, 3.0], [1.0, 1.0, 2.0]]


@pytest.mark.parametrize("variance", [[1.0, 0.0, 1.0], [1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [1.0, 1.0]])
def test_unusable_variances_are_refused(variance):
    with pytest.raises(InputError):
        read_funnel([1.0, 2.0, 3.0], variance, None, 3)


def test_a_large_batch_is_one_line_after_the_other(monkeypatch):
    whole = weighted_line(Y, X, W, EVERY, 0.9)
    monkeypatch.setattr(batch, "CHUNK_CELLS", 12)
    parts = weighted_line(Y, X, W, EVERY, 0.9)
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values)
    with pytest.raises(DesignError, match="in meta-analysis 2 "):
        weighted_line(Y, np.where([[False], [False], [True]], 0.3, X), W, EVERY, 0.9)
