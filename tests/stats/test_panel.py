"""The small-k panel: its rows are the methods' own answers, its flags say what the rows show."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.bayes import bayesian_pool
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.panel import small_k_panel
from bmac_meta.stats.priors import HalfCauchy

APART = ([0.1, 0.6, 0.25], [0.02, 0.03, 0.015])
CLOSE = ([0.30, 0.31], [0.02, 0.02])


def test_every_row_is_the_methods_own_answer():
    estimate, variance = APART
    panel = small_k_panel(estimate, variance=variance, tau2="PM", level=0.9)
    own = [
        random_effects(estimate, variance=variance, model="common", interval="wald", level=0.9),
        *(
            random_effects(estimate, variance=variance, tau2="PM", interval=interval, level=0.9)
            for interval in ("wald", "knapp-hartung", "knapp-hartung-floored")
        ),
        bayesian_pool(estimate, variance=variance, level=0.9),
    ]
    for row, result in zip(panel.rows, own, strict=True):
        middle = result.median if hasattr(result, "median") else result.estimate
        assert (row.estimate, row.ci_low, row.ci_high) == (middle, result.ci_low, result.ci_high)
    assert panel.rows[-1].method == "Bayes, half-normal(0.5) on tau"


def test_the_verdict_depends_when_intervals_disagree_about_the_null():
    panel = small_k_panel(CLOSE[0], variance=CLOSE[1])
    assert [row.excludes_null for row in panel.rows] == [True, True, True, False, False]
    assert panel.verdict_depends


def test_the_verdict_stands_when_all_agree():
    for estimate in ([3.0, 3.1, 3.2], [0.01, -0.02, 0.0]):
        assert not small_k_panel(estimate, variance=[0.01] * 3).verdict_depends


def test_plain_knapp_hartung_of_nearly_equal_effects_is_narrower_than_the_common_effect():
    panel = small_k_panel(CLOSE[0], variance=CLOSE[1])
    assert panel.knapp_hartung_narrower
    assert not small_k_panel(APART[0], variance=APART[1]).knapp_hartung_narrower


def test_it_is_advised_for_few_trials_or_a_narrow_interval():
    many = np.linspace(-1, 1, 8)
    assert small_k_panel([0.2] * 5, variance=[0.1] * 5).advised
    assert not small_k_panel(many, variance=np.full(8, 0.02)).advised
    narrow = small_k_panel(many / 1000, variance=np.full(8, 0.02))
    assert narrow.knapp_hartung_narrower
    assert narrow.advised


def test_the_null_can_be_any_value():
    panel = small_k_panel([1.0, 1.2, 1.1], variance=[0.001] * 3, null=1.1)
    assert not any(row.excludes_null for row in panel.rows)


def test_another_prior_is_named_in_its_row():
    panel = small_k_panel(APART[0], variance=APART[1], prior=HalfCauchy(1.0))
    assert panel.rows[-1].method == "Bayes, half-Cauchy(1) on tau"


def test_without_a_prior_there_is_no_bayesian_row():
    panel = small_k_panel(APART[0], variance=APART[1], prior=None)
    assert [row.method for row in panel.rows] == [
        row.method for row in small_k_panel(*APART[:1], variance=APART[1]).rows[:4]
    ]


def test_a_masked_batch_gives_what_each_row_gives_alone():
    estimate = np.array([[*APART[0]], [*CLOSE[0], np.nan]])
    mask = np.array([[True] * 3, [True, True, False]])
    variance = np.array([[*APART[1]], [*CLOSE[1], 1.0]])
    batch = small_k_panel(estimate, variance=variance, mask=mask)
    for row, (effects, variances) in enumerate((APART, CLOSE)):
        alone = small_k_panel(effects, variance=variances)
        for ours, expected in zip(batch.rows, alone.rows, strict=True):
            assert ours.ci_low[row] == pytest.approx(expected.ci_low, rel=1e-10)
            assert ours.excludes_null[row] == expected.excludes_null
        assert batch.verdict_depends[row] == alone.verdict_depends
        assert batch.knapp_hartung_narrower[row] == alone.knapp_hartung_narrower


def test_one_trial_is_itself_in_every_row_but_the_bayesian_one():
    panel = small_k_panel([0.3], variance=[0.01])
    assert len({row.ci_low for row in panel.rows[:-1]}) == 1
    assert panel.rows[-1].ci_low < panel.rows[0].ci_low
    assert panel.k == 1


@pytest.mark.parametrize("null", [np.nan, np.inf, [0.0, 1.0]])
def test_a_null_that_is_no_number_is_refused(null):
    with pytest.raises(InputError, match="null"):
        small_k_panel([0.1, 0.2], variance=[0.1, 0.1], null=null)
