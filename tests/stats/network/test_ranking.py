"""P-scores, rank probabilities and SUCRA."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError, UnknownWordError
from bmac_meta.stats.network import (
    NetworkData,
    fit_network,
    network_from_contrasts,
    p_scores,
    rank_probabilities,
    superiority,
)


def test_p_scores_average_to_a_half(senn: NetworkData) -> None:
    for distribution in ("z", "t"):
        assert p_scores(fit_network(senn, distribution=distribution)).mean() == pytest.approx(0.5, rel=1e-12)


def test_turning_the_direction_turns_the_scores(senn: NetworkData) -> None:
    fit = fit_network(senn)
    np.testing.assert_allclose(p_scores(fit, "desirable"), 1.0 - p_scores(fit, "undesirable"), rtol=1e-12)


def test_superiority_is_a_probability_that_complements_its_mirror(senn: NetworkData) -> None:
    certainty = superiority(fit_network(senn))
    np.testing.assert_allclose(certainty + certainty.T, 1.0, rtol=1e-12)


def test_sucra_is_the_p_score_within_monte_carlo_error(senn: NetworkData) -> None:
    fit = fit_network(senn)
    ranks = rank_probabilities(fit, draws=40_000)
    # The standard error of a mean rank of 10 is below 3 / sqrt(40000) ranks; five of them over 9.
    np.testing.assert_allclose(ranks.sucra, p_scores(fit), atol=5 * 3 / 200 / 9)


def test_rank_probabilities_are_a_doubly_stochastic_matrix(senn: NetworkData) -> None:
    ranks = rank_probabilities(fit_network(senn), draws=3_000)
    np.testing.assert_allclose(ranks.probability.sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(ranks.probability.sum(axis=1), 1.0, rtol=1e-12)
    assert ranks.sucra.mean() == pytest.approx(0.5)


def test_the_probability_of_rank_one_of_two_is_exact_in_the_limit() -> None:
    data = network_from_contrasts([0.5], variance=[1.0], trial="t", treatment_a="A", treatment_b="B")
    ranks = rank_probabilities(fit_network(data), draws=50_000)
    # Φ(0.5) = 0.691462, from a printed table; B has the smaller values.
    assert ranks.probability[1, 0] == pytest.approx(0.691462, abs=5 * ranks.error[1, 0])
    assert ranks.error[1, 0] == pytest.approx(np.sqrt(0.6915 * 0.3085 / 50_000), rel=0.01)


def test_the_same_seed_gives_the_same_ranks(senn: NetworkData) -> None:
    fit = fit_network(senn)
    first, again, other = (rank_probabilities(fit, draws=2_000, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.probability, again.probability)
    assert (first.probability != other.probability).any()


def test_wrong_words_and_numbers_are_refused(senn: NetworkData) -> None:
    fit = fit_network(senn)
    with pytest.raises(UnknownWordError, match="good"):
        p_scores(fit, "good")
    with pytest.raises(UnknownWordError, match="good"):
        rank_probabilities(fit, "good")
    with pytest.raises(InputError, match="draws is 0"):
        rank_probabilities(fit, draws=0)
