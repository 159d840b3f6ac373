"""Several outcomes at once, against the dense likelihood at high precision and against the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.multivariate import covariance_blocks, multivariate_effects


def two_outcomes(seed: int, correlation: float = 0.5, spread: float = 0.3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    blocks, effects = [], []
    between = spread**2 * np.array([[1, correlation], [correlation, 1]])
    for _ in range(6):
        deviation = rng.uniform(0.1, 0.3, 2)
        block = np.outer(deviation, deviation) * np.array([[1, 0.4], [0.4, 1]])
        blocks.append(block)
        effects.append(rng.multivariate_normal([0.2, -0.1], block + between))
    return {
        "estimate": np.ravel(effects),
        "covariance": covariance_blocks(blocks),
        "outcome": np.array(["pain", "stiffness"] * 6),
        "cluster": np.repeat(np.arange(6), 2),
    }


def likelihood(data, between, restricted):
    """The log-likelihood at a covariance between outcomes, from dense matrices."""
    y = mp.matrix(data["estimate"].tolist())
    place = np.unique(data["outcome"], return_inverse=True)[1]
    x = mp.matrix(np.eye(2)[place].tolist())
    total = mp.matrix(data["covariance"].tolist())
    for i in range(len(place)):
        for j in range(len(place)):
            if data["cluster"][i] == data["cluster"][j]:
                total[i, j] += between[place[i]][place[j]]
    inverse = total**-1
    precision = x.T * inverse * x
    rest = y - x * (precision**-1 * (x.T * inverse * y))
    value = mp.log(mp.det(total)) + (rest.T * inverse * rest)[0]
    if restricted:
        value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
    return -((len(place) - 2 * restricted) * mp.log(2 * mp.pi) + value) / 2


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", range(3))
def test_the_covariance_between_outcomes_is_at_the_top_of_the_exact_likelihood(seed, method):
    data = two_outcomes(seed)
    result = multivariate_effects(**data, method=method)
    first = np.sqrt(result.between[0, 0])
    factor = [mpf(first), mpf(result.between[1, 0] / first)]
    factor.append(mp.sqrt(mpf(result.between[1, 1]) - factor[1] ** 2) if result.correlation[0, 1] ** 2 < 1 else mpf(0))

    def height(a, b, c):
        return likelihood(data, [[a * a, a * b], [a * b, b * b + c * c]], method == "REML")

    with mp.workdps(30):
        best = height(*factor)
        for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            slope, curve = (
                mp.diff(height, factor, order),
                mp.diff(height, factor, tuple(2 * n for n in order)),
            )
            assert abs(slope / curve) < 1e-8
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_no_place_of_a_grid_is_higher(seed):
    data = two_outcomes(seed)
    result = multivariate_effects(**data)
    tau, correlations = np.geomspace(1e-3, 1.5, 6), (-0.95, -0.5, 0.0, 0.5, 0.95)
    with mp.workdps(20):
        heights = [
            likelihood(data, [[mpf(a) ** 2, mpf(a * b * r)], [mpf(a * b * r), mpf(b) ** 2]], True)
            for a in tau
            for b in tau
            for r in correlations
        ]
    assert float(max(heights)) <= result.log_likelihood + 1e-10


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_one_outcome_is_the_kernels_meta_analysis(method):
    data = two_outcomes(4)
    pain = data["outcome"] == "pain"
    estimate, variance = data["estimate"][pain], np.diag(data["covariance"])[pain]
    result = multivariate_effects(
        estimate,
        covariance=np.diag(variance),
        outcome=["pain"] * 6,
        cluster=data["cluster"][pain],
        method=method,
    )
    expected = random_effects(estimate, variance=variance, tau2=method, interval="wald")
    assert result.tau2[0] == pytest.approx(expected.tau2, rel=1e-9)
    for name in ("estimate", "se", "ci_low", "ci_high", "p_value"):
        assert getattr(result, name)[0] == pytest.approx(getattr(expected, name), rel=1e-9), name
    assert result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-10)
    assert (result.q, result.q_df) == (pytest.approx(expected.q, rel=1e-10), expected.q_df)


def test_unlike_effects_without_heterogeneity_have_none():
    data = two_outcomes(0)
    data["estimate"] = np.tile([0.2, -0.1], 6)
    result = multivariate_effects(**data)
    np.testing.assert_allclose(result.tau2, 0, atol=1e-12)
    np.testing.assert_allclose(result.estimate, [0.2, -0.1], rtol=1e-9)


def test_a_missing_outcome_is_allowed():
    data = two_outcomes(1)
    keep = np.arange(12) != 3
    result = multivariate_effects(
        data["estimate"][keep],
        covariance=data["covariance"][np.ix_(keep, keep)],
        outcome=data["outcome"][keep],
        cluster=data["cluster"][keep],
    )
    assert (result.k, result.clusters, result.q_df) == (11, 6, 9)


def test_the_order_of_effects_changes_nothing():
    data, order = two_outcomes(2), np.random.default_rng(0).permutation(12)
    one = multivariate_effects(**data)
    other = multivariate_effects(
        data["estimate"][order],
        covariance=data["covariance"][np.ix_(order, order)],
        outcome=data["outcome"][order],
        cluster=data["cluster"][order],
    )
    np.testing.assert_allclose(other.between, one.between, rtol=1e-7)
    np.testing.assert_allclose(other.estimate, one.estimate, rtol=1e-9)
    assert one.outcomes == other.outcomes == ("pain", "stiffness")


def test_a_change_of_unit_changes_only_the_unit():
    data = two_outcomes(2)
    scaled = {**data, "estimate": data["estimate"] * 1e3, "covariance": data["covariance"] * 1e6}
    one, other = multivariate_effects(**data), multivariate_effects(**scaled)
    np.testing.assert_allclose(other.between / 1e6, one.between, rtol=1e-8)


def test_an_outcome_of_a_single_trial_is_refused():
    with pytest.raises(NotEnoughTrials, match="'pain' is reported by 1 trial"):
        multivariate_effects(
            [0.1, 0.2, 0.3], covariance=np.eye(3), outcome=["pain", "function", "function"], cluster=[1, 1, 2]
        )


def test_outcomes_that_never_meet_are_refused():
    with pytest.raises(NotEnoughTrials, match="'function' and 'pain' are together reported by 0"):
        multivariate_effects(
            [0.1, 0.2, 0.3, 0.4],
            covariance=np.eye(4),
            outcome=["pain", "pain", "function", "function"],
            cluster=[1, 2, 3, 4],
        )


def test_one_outcome_twice_in_a_trial_is_refused():
    with pytest.raises(InputError, match="reports one outcome twice"):
        multivariate_effects([0.1, 0.2], covariance=np.eye(2), outcome=["pain", "pain"], cluster=[1, 1])


def test_unusable_words_and_shapes_are_refused():
    data = two_outcomes(0)
    with pytest.raises(UnknownWordError, match="REML, ML"):
        multivariate_effects(**data, method="DL")
    with pytest.raises(InputError, match="one label for each of the 12 effects"):
        multivariate_effects(**{**data, "outcome": ["pain"]})
    with pytest.raises(InputError, match="square matrices"):
        covariance_blocks([[[1.0, 2.0]]])
    with pytest.raises(InputError, match="square matrices"):
        covariance_blocks([])
