"""`gls("shared arm")` knows from the printed numbers of the common arm how effects go together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, PoolingRefused, UnknownWordError
from bmac_meta.stats import contrasts_with_control

# Two trials of two doses against one placebo arm, and a trial of one dose.
MEANS = {
    "trial": ["A", "A", "B", "B", "C"],
    "mean_a": [31.0, 28.0, 40.0, 37.5, 22.0],
    "sd_a": [11.0, 12.5, 15.0, 14.0, 9.0],
    "n_a": [40, 42, 25, 30, 60],
    "mean_b": [36.0, 36.0, 45.0, 45.0, 26.0],
    "sd_b": [12.0, 12.0, 16.0, 16.0, 10.0],
    "n_b": [38, 38, 27, 27, 58],
}
COUNTS = {
    "trial": ["A", "A", "B", "B", "C"],
    "events_a": [12, 9, 5, 0, 20],
    "total_a": [40, 42, 25, 30, 60],
    "events_b": [18, 18, 9, 9, 25],
    "total_b": [38, 38, 27, 27, 58],
}
ROWS_OF_A = slice(0, 2)


def made(measure: str, table: dict[str, list], **more: list) -> Effects:
    return Effects.from_raw(pd.DataFrame(table | more), measure=measure, study="trial")


def covariance_of(effects: Effects) -> np.ndarray:
    """Return the covariance that the verb pools with, read from its weights: V = W⁻¹ for a common effect."""
    from bmac_meta.synthesis.shared_arm import shared_arm_covariance

    return shared_arm_covariance(effects, effects.frame["study"].to_numpy())


@pytest.mark.parametrize(("measure", "names"), [("MD", ("mean", "sd", "n")), ("ROM", ("mean", "sd", "n"))])
def test_the_covariance_is_that_of_the_contrasts_of_the_arms_of_means(measure, names):
    found = covariance_of(made(measure, MEANS))[ROWS_OF_A, ROWS_OF_A]
    arms = {name: [MEANS[f"{name}_b"][0], *MEANS[f"{name}_a"][ROWS_OF_A]] for name in names}
    assert found == pytest.approx(contrasts_with_control(measure, **arms).covariance, rel=1e-12)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "AS"])
def test_the_covariance_is_that_of_the_contrasts_of_the_arms_of_counts(measure):
    found = covariance_of(made(measure, COUNTS))[ROWS_OF_A, ROWS_OF_A]
    arms = {name: [COUNTS[f"{name}_b"][0], *COUNTS[f"{name}_a"][ROWS_OF_A]] for name in ("events", "total")}
    assert found == pytest.approx(contrasts_with_control(measure, **arms).covariance, rel=1e-12)


def test_standardized_differences_have_the_covariance_of_gleser_and_olkin():
    effects = made("SMD", MEANS)
    first, second = effects.estimates[ROWS_OF_A]
    assert covariance_of(effects)[0, 1] == pytest.approx(1 / 38 + first * second / (2 * (38 + 40 + 42)), rel=1e-12)


def test_percent_of_the_scale_goes_together_as_points_do():
    ends = {"scale_min": [0] * 5, "scale_max": [50, 50, 10, 10, 20]}
    found, points = covariance_of(made("POMP", MEANS, **ends)), covariance_of(made("MD", MEANS))
    width = np.array(ends["scale_max"]) / 100
    assert found * np.outer(width, width) == pytest.approx(points, rel=1e-12)


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_a_table_with_an_empty_cell_shares_the_arm_with_its_own_correction(measure):
    matrix = covariance_of(made(measure, COUNTS))
    corrected = {"events": [9.5, 5.5], "total": [28, 26]}
    plain = {"events": [9, 5], "total": [27, 25]}
    own = [contrasts_with_control(measure, **arms, add=0).covariance.item() for arms in (plain, corrected)]
    a_part = [1 / 5 - 1 / 25, 1 / 5.5 - 1 / 26] if measure == "RR" else [1 / 5 + 1 / 20, 1 / 5.5 + 1 / 20.5]
    shared = [whole - a for whole, a in zip(own, a_part, strict=True)]
    assert matrix[2, 3] == pytest.approx(np.sqrt(np.prod(shared)), rel=1e-12)
    assert np.linalg.eigvalsh(matrix)[0] > 0


def test_a_risk_difference_with_an_empty_cell_shares_what_the_correction_made_of_the_arm():
    counts = {"trial": ["A", "A"], "events_a": [3, 5], "total_a": [20, 20], "events_b": [0, 0], "total_b": [20, 20]}
    matrix = covariance_of(made("RD", counts))
    assert matrix[0, 1] == pytest.approx(0.5 * 20.5 / 21**3, rel=1e-12)
    assert (matrix[0, 1] < np.diag(matrix)).all()


def test_trials_that_share_no_arm_are_independent_and_the_diagonal_is_kept():
    effects = made("MD", MEANS)
    matrix = covariance_of(effects)
    assert np.diag(matrix).tolist() == effects.variances.tolist()
    assert (matrix[:2, 2:] == 0).all()


def test_the_verb_pools_with_that_covariance_and_says_so():
    effects = made("MD", MEANS)
    result = effects.gls("shared arm")
    given = effects.gls(covariance_of(effects))
    assert (result.fit.estimate, result.fit.se) == (given.fit.estimate, given.fit.se)
    assert result.pairs == 2
    assert "share arm b" in repr(result)


def test_an_arm_counted_once_makes_the_interval_wider_than_counting_it_twice():
    effects = made("MD", MEANS)
    twice = effects.gls(np.diag(effects.variances), tau2=0)
    assert effects.gls("shared arm", tau2=0).fit.se > twice.fit.se


def test_rows_with_different_numbers_in_arm_b_do_not_share_it():
    apart = MEANS | {"mean_b": [36.0, 36.5, 45.0, 45.0, 26.0]}
    with pytest.raises(InputError, match="The rows of A have different numbers in arm b"):
        made("MD", apart).gls("shared arm")


def test_effects_without_their_arms_say_what_is_needed():
    table = pd.DataFrame({"trial": ["A", "A"], "d": [0.1, 0.2], "s": [0.1, 0.1]})
    effects = Effects.from_frame(table, estimate="d", se="s", study="trial", measure="MD")
    with pytest.raises(InputError, match="needs mean_b, sd_b, n_b of every row; not there, or with gaps: mean_b"):
        effects.gls("shared arm")


def test_a_measure_of_one_arm_is_refused():
    table = {"trial": ["A", "B"], "events": [3, 4], "total": [10, 12]}
    with pytest.raises(PoolingRefused, match="Effects as PLO share no arm"):
        made("PLO", table).gls("shared arm")


def test_another_word_is_unknown():
    with pytest.raises(UnknownWordError, match="shared arm"):
        made("MD", MEANS).gls("shared control")


def test_effects_made_with_another_addition_are_refused():
    raw = pd.DataFrame({"events_a": [0, 3], "total_a": 20, "events_b": [2, 2], "total_b": 20, "trial": "one"})
    usual, other = (Effects.from_raw(raw, measure="OR", study="trial", add=add) for add in (0.5, 0.1))
    assert usual.gls("shared arm").k == 2
    with pytest.raises(InputError, match=r"takes 0\.5 as added to the cells .* were made in another way"):
        other.gls("shared arm")


def test_effects_that_know_arm_b_alone_say_what_is_missing():
    table = pd.DataFrame({"e": [0.1, 0.2], "s": [0.3, 0.3], "trial": "one", "events_b": 2, "total_b": 20})
    effects = Effects.from_frame(table, estimate="e", se="s", study="trial", measure="OR")
    with pytest.raises(InputError, match="not there, or with gaps: events_a, total_a"):
        effects.gls("shared arm")
