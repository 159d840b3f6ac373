"""`influence` gives R's deletion diagnostics; `gosh` pools every subset."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError

# The fits without a trial that R's influence() makes stop when τ² moves by less than 1e-5; what they give is good
# to four digits, in bcg_RR to seven.
CLOSE = {"rel": 1e-6, "abs": 1e-8}
FOUR_DIGITS = {"rel": 2e-4, "abs": 1e-5}


@pytest.mark.parametrize(
    ("name", "close"), [("bcg_RR", CLOSE), ("bcg_OR", FOUR_DIGITS), ("normand1999_MD", FOUR_DIGITS)]
)
def test_the_diagnostics_are_those_of_metafor(effects_of, case, name, close):
    table = effects_of(name).influence().tidy()
    for column, expected in case(name)["influence_reml"].items():
        assert table[column].tolist() == pytest.approx(expected, **close)


def test_tau2_and_q_without_a_trial_are_those_of_leave_one_out(effects_of, case):
    table = effects_of("bcg_RR").influence().tidy()
    expected = case("bcg_RR")["leave1out_reml"]
    assert table["tau2_deleted"].tolist() == pytest.approx(expected["tau2"], **CLOSE)
    assert table["q_deleted"].tolist() == pytest.approx(expected["Q"], **CLOSE)


def test_weights_are_those_of_the_pool(bcg):
    assert bcg.influence().tidy()["weight"].tolist() == pytest.approx(bcg.pool().fit.weights.tolist())


def test_a_trial_far_from_the_others_stands_out_by_its_residual(smd):
    effects = smd(k=12)
    frame = effects.frame.assign(estimate=effects.frame["estimate"].where(effects.frame.index != 4, 3.0))
    table = type(effects)(frame, effects.question).influence().tidy()
    assert "rstudent" in table["stands_out"][4]
    assert (table["stands_out"].drop(4) == "").all()


def test_the_cutoffs_are_those_of_viechtbauer_and_cheung(bcg):
    cutoffs = bcg.influence().cutoffs
    assert cutoffs["dffits"] == pytest.approx(3 / np.sqrt(12))
    assert cutoffs["hat"] == pytest.approx(3 / 13)


def test_two_trials_are_too_few(bcg):
    with pytest.raises(NotEnoughTrials, match="can't be assessed with 2 trials"):
        bcg.where(study=["Trial 1", "Trial 2"]).influence()


def test_every_subset_is_pooled_once(bcg):
    result = bcg.gosh()
    assert result.fit.complete
    assert len(result.tidy()) == 2**13 - 1
    assert result.tidy()["estimate"].iloc[-1] == pytest.approx(bcg.pool().fit.estimate)


def test_a_sample_of_subsets_comes_from_its_seed(bcg):
    first, again, other = (bcg.gosh(subsets=300, seed=seed).tidy() for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_the_subsets_with_a_trial_are_half_of_all(bcg):
    assert bcg.gosh().holds("Trial 8").sum() == 2**12


def test_the_widest_split_comes_first_and_is_a_difference_of_medians(bcg):
    result = bcg.gosh()
    first = result.splits.iloc[0]
    held = result.holds(first["study"])
    several = result.fit.k > 1
    assert first["estimate_with"] == pytest.approx(np.median(result.fit.estimate[held & several]))
    assert first["estimate_without"] == pytest.approx(np.median(result.fit.estimate[~held & several]))
    gaps = (result.splits["estimate_with"] - result.splits["estimate_without"]).abs()
    assert gaps.is_monotonic_decreasing


def test_an_unknown_trial_has_no_subsets(bcg):
    with pytest.raises(UnknownWordError, match="did you mean"):
        bcg.gosh(subsets=10).holds("Trail 8")


def test_subsets_need_three_trials(bcg):
    with pytest.raises(NotEnoughTrials, match="3 trials; here are 2"):
        bcg.where(study=["Trial 1", "Trial 2"]).gosh()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"seed": "a"}, "seed is 'a'; it must be a whole number of 0 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"subsets": "95"}, "subsets is '95'; it must be a whole number"),
        ({"subsets": 0}, "subsets is 0"),
    ],
)
def test_subsets_and_seeds_that_are_no_numbers_are_refused(bcg, keywords, message):
    with pytest.raises(InputError, match=message):
        bcg.gosh(**keywords)


def test_a_sample_of_more_subsets_than_fit_is_refused(smd):
    with pytest.raises(InputError, match="ask for 10,000,000 at most"):
        smd(k=30).gosh(subsets=10**9)
