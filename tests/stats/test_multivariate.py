"""Several outcomes at once, against the dense likelihood at high precision and against the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials, UnknownWordError
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


def dense_height(data, between, restricted, design=None):
    """The log-likelihood at a covariance between outcomes, from whole matrices in double precision."""
    y, place = np.asarray(data["estimate"]), np.unique(data["outcome"], return_inverse=True)[1]
    x = np.eye(place.max() + 1)[place] if design is None else design
    same = np.equal.outer(data["cluster"], data["cluster"])
    total = data["covariance"] + same * np.asarray(between)[np.ix_(place, place)]
    inverse = np.linalg.inv(total)
    precision = x.T @ inverse @ x
    rest = y - x @ np.linalg.solve(precision, x.T @ inverse @ y)
    value = np.linalg.slogdet(total)[1] + rest @ inverse @ rest
    if restricted:
        value += np.linalg.slogdet(precision)[1] - np.linalg.slogdet(x.T @ x)[1]
    return -0.5 * ((y.size - restricted * x.shape[1]) * np.log(2 * np.pi) + value)


def many_outcomes(seed: int, trials: int, outcomes: int, missing: float = 0.0) -> dict[str, np.ndarray]:
    """Trials of several outcomes, of which the first two trials report all; the errors are correlated."""
    rng = np.random.default_rng(seed)
    blocks, effects, place, cluster = [], [], [], []
    between = 0.09 * (0.5 * np.eye(outcomes) + 0.5)
    for trial in range(trials):
        here = np.flatnonzero((rng.random(outcomes) >= missing) | (trial < 2))
        deviation = rng.uniform(0.1, 0.4, here.size)
        block = np.outer(deviation, deviation) * (0.6 * np.eye(here.size) + 0.4)
        effects.append(rng.multivariate_normal(0.1 * here, block + between[np.ix_(here, here)]))
        blocks.append(block)
        place.append(here)
        cluster.append(np.full(here.size, trial))
    return {
        "estimate": np.concatenate(effects),
        "covariance": covariance_blocks([block for block in blocks if block.size]),
        "outcome": np.concatenate(place),
        "cluster": np.concatenate(cluster),
    }


# Berkey et al. 1998, table I, as in the replication: attachment level and probing depth of five trials.
BERKEY = {
    "estimate": [-0.32, 0.47, -0.60, 0.20, -0.12, 0.40, -0.31, 0.26, -0.39, 0.56],
    "covariance": covariance_blocks(
        [
            [[al, both], [both, pd]]
            for al, pd, both in [
                (0.0077, 0.0075, 0.0030),
                (0.0008, 0.0057, 0.0009),
                (0.0014, 0.0021, 0.0007),
                (0.0015, 0.0029, 0.0009),
                (0.0304, 0.0148, 0.0072),
            ]
        ]
    ),
    "outcome": ["AL", "PD"] * 5,
    "cluster": np.repeat([1, 2, 3, 4, 5], 2),
}
YEAR = np.repeat([0.0, -1, -4, 4, 5], 2)[:, None] * np.tile(np.eye(2), (5, 1))
# metafor 3.8.1 in R 4.2.2: rma.mv(yi, V, mods = ~ outcome - 1, or ~ outcome + outcome:I(year - 1983) - 1, random =
# ~ outcome | trial, struct = "UN", data = dat.berkey1998, method, cvvc = FALSE), with the best of nlm (gradtol and
# steptol 1e-12), optim's BFGS (reltol 1e-17) and Nelder-Mead (1e-15) and bobyqa (rhoend 1e-14), with and without
# Cholesky factors. They agree to about 1e-8, as does the likelihood to 1e-14.
METAFOR = {
    ("ML", False): {
        "estimate": [-0.337938115143772, 0.344839167708308],
        "se": [0.0797631539248620, 0.0494598444004424],
        "tau2": [0.02614451780600780, 0.00700199840561433],
        "rho": 0.699230460056657,
        "log_likelihood": 5.84065688477508,
        "q": 128.226716212968,
        "q_p": 6.59313133229e-24,
    },
    ("ML", True): {
        "estimate": [-0.335128736674088601, 0.347898770188359241, -0.010827821678078229, 0.000974662711176726],
        "se": [0.0786517531063443, 0.0519742454613197, 0.0243286172288836, 0.0154368962984856],
        "tau2": [0.02501348635809900, 0.00804053963008278],
        "rho": 0.658686069624335,
        "log_likelihood": 6.00429634089553,
        "q": 125.755707202839,
        "q_p": 1.00524565016e-24,
    },
    ("REML", False): {
        "estimate": [-0.339215178847102, 0.353428169259355],
        "se": [0.0879051368259560, 0.0588486306862533],
        "tau2": [0.0326513329232273, 0.0117330248609502],
        "rho": 0.608798680575651,
        "log_likelihood": 3.69176769437033,
        "q": 128.226716212968,
        "q_p": 6.59313133229e-24,
    },
    ("REML", True): {
        "estimate": [-0.33573676936933006, 0.35875691952439182, -0.01153665636397691, 0.00486148368210073],
        "se": [0.0979978671458207, 0.0734500295933685, 0.0299634717686583, 0.0218510547304872],
        "tau2": [0.0408571097550655, 0.0204466220977792],
        "rho": 0.561384961750488,
        "log_likelihood": 2.07317364027895,
        "q": 125.755707202839,
        "q_p": 1.00524565016e-24,
    },
}


@pytest.mark.parametrize(("method", "with_year"), METAFOR)
def test_the_numbers_are_metafors(method, with_year):
    design = np.column_stack([np.tile(np.eye(2), (5, 1)), YEAR]) if with_year else None
    result, expected = multivariate_effects(**BERKEY, design=design, method=method), METAFOR[method, with_year]
    for name, digits in (("estimate", 1e-7), ("se", 1e-7), ("tau2", 1e-7), ("log_likelihood", 1e-13), ("q", 1e-12)):
        np.testing.assert_allclose(getattr(result, name), expected[name], rtol=digits, err_msg=name)
    assert result.correlation[0, 1] == pytest.approx(expected["rho"], rel=1e-7)
    assert result.q_p == pytest.approx(expected["q_p"], rel=1e-10)
    # Never lower than the best of metafor's optimizers, but for the rounding of the last of its fifteen digits.
    assert result.log_likelihood > expected["log_likelihood"] - 5e-14


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("between_trials", [False, True])
def test_errors_may_be_correlated_between_trials_too(method, between_trials):
    data = many_outcomes(1, 9, 3, missing=0.3)
    if between_trials:
        loads = np.random.default_rng(2).normal(0, 0.1, (data["estimate"].size, 2))
        loads[data["cluster"] > 5] = 0
        data["covariance"] = data["covariance"] + loads @ loads.T
    result = multivariate_effects(**data, method=method)
    height = dense_height(data, result.between, method == "REML")
    assert result.log_likelihood == pytest.approx(height, rel=1e-11)
    for _ in range(200):
        step = np.random.default_rng(_).normal(0, 1e-2, (3, 3))
        nearby = (np.eye(3) + step) @ result.between @ (np.eye(3) + step).T
        assert dense_height(data, nearby, method == "REML") <= height + 1e-10


# Three of the trials are so precise that the likelihood has two tops; starts of one size for both outcomes, and
# correlations of 0 and 0.9, lead to the lower one, with a correlation of -0.907.
TWO_TOPS = {
    "estimate": np.array([0.92, -0.69, 0.27, -0.4, 3.95, 0.18, 0.48]),
    "covariance": np.diag([0.0019, 0.00026, 0.00017, 0.00015, 57.0, 0.45, 0.039]),
    "outcome": np.array([0, 1, 0, 1, 1, 0, 1]),
    "cluster": np.array([0, 0, 1, 1, 2, 3, 3]),
}


def test_the_higher_of_two_tops_is_found():
    result = multivariate_effects(**TWO_TOPS)
    assert result.log_likelihood > dense_height(TWO_TOPS, [[0.3506, -0.3001], [-0.3001, 0.3121]], True) + 0.28
    assert result.log_likelihood == pytest.approx(dense_height(TWO_TOPS, result.between, True), rel=1e-9)
    assert result.correlation[0, 1] == -1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_top_at_a_correlation_of_one_is_found(sign):
    first = np.array([-0.8, -0.3, 0.1, 0.5, 0.9])
    data = {
        "estimate": np.column_stack([first, 0.2 + sign * 0.5 * first]).ravel(),
        "covariance": np.diag(np.tile([0.02, 0.01], 5)),
        "outcome": ["pain", "stiffness"] * 5,
        "cluster": np.repeat(np.arange(5), 2),
    }
    result = multivariate_effects(**data)
    assert result.correlation[0, 1] == pytest.approx(sign, rel=1e-12)
    tau = np.sqrt(result.tau2)
    heights = [
        dense_height(data, np.outer(tau, tau) * [[1, sign * r], [sign * r, 1]], True) for r in (0.9, 0.99, 0.9999)
    ]
    assert (np.diff([*heights, result.log_likelihood]) > 0).all()


def test_one_outcome_may_vary_and_another_not():
    data = two_outcomes(0)
    pain = data["outcome"] == "pain"
    data["covariance"] = np.diag(np.diag(data["covariance"]))
    data["estimate"] = np.where(pain, np.repeat([-1.0, 0.5, 2.0, -0.5, 1.0, 0.0], 2), 0.3)
    result = multivariate_effects(**data)
    assert result.tau2[1] == 0.0
    assert result.between[0, 1] == 0.0
    np.testing.assert_array_equal(np.isnan(result.correlation), [[False, True], [True, True]])
    alone = random_effects(data["estimate"][pain], variance=np.diag(data["covariance"])[pain], interval="wald")
    assert result.tau2[0] == pytest.approx(alone.tau2, rel=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_equal_effects_have_no_heterogeneity_and_a_p_of_one(method):
    data = many_outcomes(3, 6, 2) | {"estimate": np.full(12, 1e6)}
    result = multivariate_effects(**data, method=method)
    assert result.tau2.tolist() == [0.0, 0.0]
    assert result.estimate.tolist() == [1e6, 1e6]
    assert (result.q, result.q_p) == (pytest.approx(0, abs=1e-15), 1.0)


def test_an_offset_moves_only_the_means():
    data = many_outcomes(4, 8, 3, missing=0.2)
    one, other = multivariate_effects(**data), multivariate_effects(**{**data, "estimate": data["estimate"] + 1e6})
    # Effects of 1e6 hold their own digits to 1e-10, which is 1e-9 of a standard error.
    np.testing.assert_allclose(other.between, one.between, rtol=1e-7)
    np.testing.assert_allclose(other.se, one.se, rtol=1e-8)
    np.testing.assert_allclose(other.estimate - 1e6, one.estimate, atol=1e-8)


def test_each_outcome_may_have_its_own_unit():
    data = many_outcomes(5, 8, 2)
    unit = np.where(data["outcome"] == 0, 1e6, 1e-6)
    scaled = data | {"estimate": data["estimate"] * unit, "covariance": data["covariance"] * np.outer(unit, unit)}
    one, other = multivariate_effects(**data), multivariate_effects(**scaled)
    np.testing.assert_allclose(other.tau2 / [1e12, 1e-12], one.tau2, rtol=1e-9)
    np.testing.assert_allclose(other.correlation, one.correlation, rtol=1e-9)
    np.testing.assert_allclose(other.se / [1e6, 1e-6], one.se, rtol=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", range(4))
def test_variances_of_any_size_keep_the_digits(seed, method):
    data = two_outcomes(seed)
    spread = 10.0 ** np.random.default_rng(seed).uniform(-6, 6, 12)
    data["covariance"] = data["covariance"] * np.outer(spread, spread)
    result = multivariate_effects(**data, method=method)
    with mp.workdps(50):
        # Not `between`: a double cannot hold a covariance of 1e12 that is singular to the last of its digits.
        tau = [mp.sqrt(mpf(float(value))) for value in result.tau2]
        known = np.nan_to_num(result.correlation)
        between = [[tau[i] * tau[j] * mpf(float(known[i, j])) for j in range(2)] for i in range(2)]
        exact = float(likelihood(data, between, method == "REML"))
    assert result.log_likelihood == pytest.approx(exact, rel=1e-10)
    assert (result.se > 0).all()
    assert np.isfinite(result.estimate).all()


@pytest.mark.parametrize("k", [2, 2000])
def test_one_outcome_of_two_and_of_two_thousand_trials_is_the_kernels(k):
    rng = np.random.default_rng(k)
    variance = np.exp(rng.normal(0, 2, k))
    estimate = rng.normal(0, np.sqrt(variance + 1))
    result = multivariate_effects(estimate, covariance=np.diag(variance), outcome=["pain"] * k, cluster=np.arange(k))
    expected = random_effects(estimate, variance=variance, interval="wald")
    assert result.tau2[0] == pytest.approx(expected.tau2, rel=1e-9)
    assert result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-11)


def test_three_hundred_trials_are_at_the_top_of_the_dense_likelihood():
    data = many_outcomes(6, 300, 2)
    result = multivariate_effects(**data)
    assert result.log_likelihood == pytest.approx(dense_height(data, result.between, True), rel=1e-11)
    step = 1e-3 * np.sqrt(np.outer(result.tau2, result.tau2))
    for sign in (-1, 1):
        for pattern in ([[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]):
            assert dense_height(data, result.between + sign * step * pattern, True) < result.log_likelihood


def test_a_covariance_that_the_design_leaves_nothing_of_is_refused():
    data = many_outcomes(7, 3, 2)
    own = (data["outcome"] == 0)[:, None] * np.eye(3)[data["cluster"]]
    design = np.column_stack([own, data["outcome"] == 1]).astype(float)
    with pytest.raises(DesignError, match="cannot be told from the coefficients"):
        multivariate_effects(**data, design=design)
    assert multivariate_effects(**data, design=design, method="ML").tau2[0] == 0.0


def ragged(seed: int = 0, count: int = 5) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A batch, with NaN where masked, and the labels that its analyses share."""
    data = many_outcomes(seed, 8, 3, missing=0.1)
    rng, k = np.random.default_rng(seed), data["estimate"].size
    estimate = data["estimate"] + rng.normal(0, 0.1, (count, k))
    covariance = data["covariance"] * np.exp(rng.normal(0, 0.5, (count, 1, 1)))
    mask = (rng.random((count, k)) < 0.8) | (data["cluster"] < 4)
    estimate[~mask] = np.nan
    covariance[~(mask[:, :, None] & mask[:, None, :])] = np.nan
    labels = {name: data[name] for name in ("outcome", "cluster")}
    return {"estimate": estimate, "covariance": covariance, "mask": mask}, labels


def assert_is_row(whole, row: int, single) -> None:
    """Check one analysis against a batch; what is found by a search agrees to its own tolerance."""
    for name in ("estimate", "se", "ci_low", "p_value", "coefficient_covariance", "between", "tau2", "correlation"):
        np.testing.assert_allclose(getattr(whole, name)[row], getattr(single, name), rtol=1e-7, atol=1e-9, err_msg=name)
    for name in ("q", "q_p", "log_likelihood"):
        assert getattr(whole, name)[row] == pytest.approx(getattr(single, name), rel=1e-11), name
    for name in ("q_df", "k", "clusters"):
        assert getattr(whole, name)[row] == getattr(single, name), name
    assert (whole.outcomes, whole.method, whole.level) == (single.outcomes, single.method, single.level)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("with_design", [None, "shared", "own"])
def test_a_ragged_batch_is_each_by_itself(with_design, method):
    batch, labels = ragged()
    means = np.eye(3)[labels["outcome"]]
    slope = np.random.default_rng(8).normal(size=batch["mask"].shape if with_design == "own" else len(means))
    design = None if with_design is None else np.concatenate([means + 0 * slope[..., None], slope[..., None]], axis=-1)
    whole = multivariate_effects(**batch, **labels, design=design, method=method)
    assert whole.estimate.shape == (5, 3 if design is None else 4)
    assert whole.between.shape == whole.correlation.shape == (5, 3, 3)
    assert whole.q.shape == whole.k.shape == whole.clusters.shape == (5,)
    for row, here in enumerate(batch["mask"]):
        own = None if design is None else (design if with_design == "shared" else design[row])[here]
        covariance = batch["covariance"][row][np.ix_(here, here)]
        names = {name: values[here] for name, values in labels.items()}
        single = multivariate_effects(
            batch["estimate"][row, here], covariance=covariance, **names, design=own, method=method
        )
        assert_is_row(whole, row, single)


def test_one_covariance_may_be_shared_and_one_set_of_effects_too():
    data = many_outcomes(9, 6, 2)
    labels = {name: data[name] for name in ("outcome", "cluster")}
    several = np.stack([data["estimate"], data["estimate"] * 2])
    whole = multivariate_effects(several, covariance=data["covariance"], **labels)
    other = multivariate_effects(
        data["estimate"], covariance=np.stack([data["covariance"], 2 * data["covariance"]]), **labels
    )
    for row in range(2):
        assert_is_row(whole, row, multivariate_effects(several[row], covariance=data["covariance"], **labels))
        scaled = (row + 1) * data["covariance"]
        assert_is_row(other, row, multivariate_effects(data["estimate"], covariance=scaled, **labels))


def test_a_mask_of_one_analysis_leaves_rows_out():
    data = many_outcomes(10, 6, 2)
    keep = np.arange(12) != 7
    gone = data["covariance"].copy()
    gone[7], gone[:, 7] = np.nan, np.inf
    masked = multivariate_effects(**{**data, "covariance": gone}, mask=keep)
    names = {name: data[name][keep] for name in ("estimate", "outcome", "cluster")}
    plain = multivariate_effects(**names, covariance=data["covariance"][np.ix_(keep, keep)])
    assert isinstance(masked.q, float)
    assert (masked.k, masked.clusters) == (plain.k, plain.clusters) == (11, 6)
    np.testing.assert_allclose(masked.between, plain.between, rtol=1e-9)


def test_a_batch_of_many_is_worked_through_in_chunks():
    data = many_outcomes(11, 5, 2)
    labels = {name: data[name] for name in ("outcome", "cluster")}
    several = data["estimate"] + np.random.default_rng(0).normal(0, 0.2, (150, 10))
    whole = multivariate_effects(several, covariance=data["covariance"], **labels)
    for row in (0, 77, 149):
        assert_is_row(whole, row, multivariate_effects(several[row], covariance=data["covariance"], **labels))


def test_an_outcome_that_an_analysis_has_too_little_of_is_refused_by_number():
    data = many_outcomes(12, 4, 2)
    for rows, count in (([1, 3, 5, 7], "0 trials"), ([1, 3, 5], "1 trial")):
        mask = np.ones((3, 8), dtype=bool)
        mask[2, rows] = False
        with pytest.raises(NotEnoughTrials, match=f"meta-analysis 2: outcome '1' is reported by {count};"):
            multivariate_effects(**data, mask=mask)


def test_a_pair_that_an_analysis_has_too_little_of_is_refused_by_number():
    mask = np.ones((2, 8), dtype=bool)
    mask[1, [0, 2, 5]] = False
    with pytest.raises(NotEnoughTrials, match="meta-analysis 1: outcomes '0' and '1' are together reported by 1 "):
        multivariate_effects(**many_outcomes(12, 4, 2), mask=mask)


def test_an_unusable_covariance_of_a_batch_is_refused_by_number():
    data = many_outcomes(13, 4, 2)
    several = np.stack([data["covariance"]] * 3)
    several[1, 0, 1] = several[1, 1, 0] = 1.0
    with pytest.raises(InputError, match="meta-analysis 1: covariance is not positive definite"):
        multivariate_effects(**{**data, "covariance": several})
    several[1, 0, 1] = np.nan
    with pytest.raises(InputError, match="meta-analysis 1: covariance must be finite and symmetric"):
        multivariate_effects(**{**data, "covariance": several})
    with pytest.raises(InputError, match=r"covariance has the shape \(2, 8, 3\)"):
        multivariate_effects(**{**data, "covariance": np.ones((2, 8, 3))})
    with pytest.raises(InputError, match="do not fit together"):
        multivariate_effects(**{**data, "covariance": several, "estimate": np.ones((2, 8))})


def test_a_row_twice_may_be_there_if_one_of_them_is_masked():
    data = many_outcomes(14, 5, 2)
    twice = np.append(np.arange(10), 9)
    double = {name: data[name][twice] for name in ("estimate", "outcome", "cluster")}
    double["covariance"] = covariance_blocks([data["covariance"], [[0.1]]])
    mask = np.ones((2, 11), dtype=bool)
    mask[0, 9] = mask[1, 10] = False
    np.testing.assert_allclose(
        multivariate_effects(**double, mask=mask).between[1], multivariate_effects(**data).between, rtol=1e-9
    )
    mask[0] = True
    with pytest.raises(InputError, match="meta-analysis 0: a trial reports one outcome twice"):
        multivariate_effects(**double, mask=mask)
