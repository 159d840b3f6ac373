"""Fail-safe numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.fail_safe import fail_safe_number
from bmac_meta.stats.inference import common_effect

RAW = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "pairwise" / "hackshaw1998.json").read_text(encoding="utf-8")
)
Y, V = np.array(RAW["yi"]), np.array(RAW["vi"])


@pytest.mark.parametrize(
    ("method", "target", "number"),
    [
        ("rosenthal", None, 393),
        ("orwin", 0.049, 186),
        ("orwin-weighted", 0.049, 104),
        ("rosenberg", None, 202),
    ],
)
def test_the_passive_smoking_data_agree_with_metafor(method, target, number):
    # metafor's own tests of fsn() for these data, which Becker 2005 (10.1002/0470870168.ch7) uses too.
    assert fail_safe_number(Y, variance=V, method=method, target=target).number == number


def test_as_many_trials_without_effect_undo_the_common_effect():
    number = fail_safe_number(Y, variance=V, method="rosenberg").number
    mean_weight = (1 / V).mean()
    for count, significant in ((number - 1, True), (number, False)):
        y, v = np.r_[Y, np.zeros(count)], np.r_[V, np.full(count, 1 / mean_weight)]
        assert (common_effect(y, variance=v).p_value < 0.05) == significant


def test_as_many_trials_without_effect_bring_the_mean_down():
    number = fail_safe_number(Y, variance=V, method="orwin", target=0.1).number
    assert np.r_[Y, np.zeros(number)].mean() <= 0.1 < np.r_[Y, np.zeros(number - 1)].mean()


def test_a_result_that_is_not_there_needs_no_trial():
    y = np.resize([0.1, -0.1], 12)
    assert fail_safe_number(y, variance=np.ones(12)).number == 0
    assert fail_safe_number(y, variance=np.ones(12), method="orwin", target=0.2).number == 0


def test_the_sign_of_the_effects_does_not_matter():
    for method in ("rosenthal", "rosenberg"):
        assert fail_safe_number(-Y, variance=V, method=method) == fail_safe_number(Y, variance=V, method=method)


def test_the_answer_carries_its_warning():
    assert "Cochrane Handbook advises against it" in fail_safe_number(Y, variance=V).warning


def test_a_batch_with_masks_gives_each_row_its_own_answer():
    mask = np.ones((2, 37), dtype=bool)
    mask[1, 20:] = False
    batch = fail_safe_number(np.where(mask, Y, np.nan), variance=V, mask=mask)
    assert batch.number.tolist() == [393, fail_safe_number(Y[:20], variance=V[:20]).number]


def test_bad_requests_are_refused():
    with pytest.raises(UnknownWordError, match="rosenthal"):
        fail_safe_number(Y, variance=V, method="rosental")
    with pytest.raises(InputError, match="it must be the size of effect"):
        fail_safe_number(Y, variance=V, method="orwin")
    with pytest.raises(InputError, match="leave it out"):
        fail_safe_number(Y, variance=V, target=0.1)
    with pytest.raises(NotEnoughTrials, match="needs 10"):
        fail_safe_number(Y[:9], variance=V[:9])


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0, -0.1, np.nan])
def test_an_alpha_that_is_none_is_refused(alpha):
    with pytest.raises(InputError, match=r"between 0 and 0\.5"):
        fail_safe_number([0.6] * 10, variance=[0.1] * 10, alpha=alpha)


def test_effects_beyond_counting_have_the_largest_number():
    assert fail_safe_number([1e12] * 10, variance=[1e-6] * 10).number == 10**18
