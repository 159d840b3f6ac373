"""The three-level model against its likelihood in dense matrices at high precision."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.special import chdtri

from bmac_meta.errors import DesignError, InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.stats.gls import generalized_least_squares
from bmac_meta.stats.multilevel import three_level, variance_intervals


def clustered(seed: int, between: float = 0.1, within: float = 0.05) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 6)
    sizes[0] = 3
    cluster = np.repeat(np.arange(6), sizes)
    variance = rng.uniform(0.005, 0.1, len(cluster))
    effect = rng.normal(0.2, np.sqrt(between), 6)[cluster] + rng.normal(0, np.sqrt(variance + within))
    return {"estimate": effect, "variance": variance, "cluster": cluster}


def likelihood(data: dict[str, np.ndarray], between: mpf, within: mpf, restricted: bool, design=None) -> mpf:
    y = mp.matrix(data["estimate"].tolist())
    x = mp.matrix([[1]] * len(y)) if design is None else mp.matrix(design.tolist())
    same = data["cluster"][:, None] == data["cluster"]
    total = mp.matrix(len(y), len(y))
    for i in range(len(y)):
        for j in range(len(y)):
            total[i, j] = between * int(same[i, j]) + (i == j) * (within + mpf(float(data["variance"][i])))
    inverse = total**-1
    precision = x.T * inverse * x
    rest = y - x * (precision**-1 * (x.T * inverse * y))
    value = mp.log(mp.det(total)) + (rest.T * inverse * rest)[0]
    if restricted:
        value += mp.log(mp.det(precision)) - mp.log(mp.det(x.T * x))
    return -((len(y) - restricted * x.cols) * mp.log(2 * mp.pi) + value) / 2


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", range(4))
def test_the_variances_are_where_the_exact_likelihood_is_flat_or_falls(seed, method):
    data = clustered(seed, between=0.0 if seed == 3 else 0.1)
    result = three_level(**data, method=method)
    with mp.workdps(25):

        def height(between, within):
            return likelihood(data, between, within, method == "REML")

        place = (mpf(result.between), mpf(result.within))
        best = height(*place)
        for which, value in enumerate(place):
            order = (1, 0) if which == 0 else (0, 1)
            slope = mp.diff(height, place, order, direction=0 if value > 0 else 1)
            curve = mp.diff(height, place, tuple(2 * o for o in order), direction=0 if value > 0 else 1)
            if value > 0:
                assert abs(slope / curve) < 1e-9 * (value + mpf("0.01"))
            else:
                assert slope <= 0
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-12)


@pytest.mark.parametrize("variance", [[1e-12, 1e12], [1e-12, 1e-12, 1e-12, 1.0], [1e-8, 1e8, 1.0]])
def test_variances_over_twenty_four_decades_are_solved(variance):
    data = clustered(1)
    data["variance"] = np.resize(variance, len(data["estimate"]))
    result = three_level(**data)
    with mp.workdps(60):
        height = lambda b, w: likelihood(data, b, w, True)  # noqa: E731
        best = height(mpf(result.between), mpf(result.within))
        steps = [1 - mpf("1e-4"), 1 + mpf("1e-4")]
        around = [height(mpf(result.between) * b, mpf(result.within) * w) for b in steps for w in steps]
    assert max(around) <= best
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-11)


@pytest.mark.parametrize("seed", range(4))
def test_no_place_of_a_grid_is_higher(seed):
    data = clustered(seed)
    result = three_level(**data)
    grid = [0.0, *np.geomspace(1e-5, 3, 9)]
    with mp.workdps(20):
        heights = [likelihood(data, mpf(b), mpf(w), True) for b in grid for w in grid]
    assert float(max(heights)) <= result.log_likelihood + 1e-12


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_given_the_variances_coefficients_are_those_of_generalized_least_squares(method):
    data = clustered(1)
    design = np.column_stack([np.ones(len(data["estimate"])), np.arange(len(data["estimate"]))])
    result = three_level(**data, method=method, design=design)
    same = data["cluster"][:, None] == data["cluster"]
    total = np.diag(data["variance"] + result.within) + result.between * same
    expected = generalized_least_squares(data["estimate"], covariance=total, design=design, tau2=0, interval="wald")
    for field in ("estimate", "se", "statistic", "p_value", "ci_low", "ci_high", "coefficient_covariance"):
        np.testing.assert_allclose(getattr(result, field), getattr(expected, field), rtol=1e-9)


def test_with_a_design_the_likelihood_is_the_exact_one():
    data = clustered(2)
    design = np.column_stack([np.ones(len(data["estimate"])), np.linspace(-1, 1, len(data["estimate"])) ** 2])
    result = three_level(**data, design=design)
    with mp.workdps(30):
        expected = likelihood(data, mpf(result.between), mpf(result.within), True, design)
    assert result.log_likelihood == pytest.approx(float(expected), rel=1e-12)


def test_profile_limits_lie_where_the_profile_has_fallen_by_half_a_chi_squared():
    data = clustered(1, between=0.3, within=0.2)
    result, limits = three_level(**data), variance_intervals(**data)
    drop = 0.5 * chdtri(1, 0.05)

    same = data["cluster"][:, None] == data["cluster"]
    others = np.concatenate([[0.0], np.geomspace(1e-4, 3, 4000)])

    def profile(which, value):
        pairs = [(value, other) if which == 0 else (other, value) for other in others]
        total = np.array([np.diag(data["variance"] + w) + b * same for b, w in pairs])
        inverse = np.linalg.inv(total)
        weight = inverse.sum(axis=(1, 2))
        mean = (inverse @ data["estimate"]).sum(-1) / weight
        rest = data["estimate"] - mean[:, None]
        misfit = np.einsum("gi,gij,gj->g", rest, inverse, rest)
        volume = np.linalg.slogdet(total)[1] + np.log(weight / len(rest[0])) + (rest.shape[1] - 1) * np.log(2 * np.pi)
        return -0.5 * (volume + misfit).min()

    for which, low, high in (
        (0, limits.between_low, limits.between_high),
        (1, limits.within_low, limits.within_high),
    ):
        for limit in (low, high):
            if 0 < limit < np.inf:
                # The profile here is taken on a grid, a step of 0.26% in the other variance.
                assert result.log_likelihood - profile(which, limit) == pytest.approx(drop, abs=1e-5)


def test_clusters_without_differences_have_no_variance_between_them():
    result = three_level([0.1, 0.9, 0.2, 0.8], variance=[0.01] * 4, cluster=["a", "a", "b", "b"])
    assert result.between == 0.0
    assert result.within > 0.1


def test_equal_effects_have_no_variance_at_all():
    result = three_level([0.5] * 5, variance=[0.1, 0.2, 0.1, 0.3, 0.1], cluster=[1, 1, 2, 2, 3])
    assert (result.between, result.within) == (0.0, 0.0)
    assert np.isnan(result.intraclass)
    assert result.estimate == pytest.approx(0.5, rel=1e-14)


def test_the_order_of_effects_and_the_names_of_clusters_change_nothing():
    data = clustered(2)
    order = np.random.default_rng(1).permutation(len(data["estimate"]))
    renamed = np.array(["x", "b", "q", "a", "m", "z"])[data["cluster"]]
    result = three_level(**data)
    other = three_level(data["estimate"][order], variance=data["variance"][order], cluster=renamed[order])
    for field in ("estimate", "se", "between", "within", "q", "log_likelihood"):
        assert getattr(other, field) == pytest.approx(getattr(result, field), rel=1e-10), field


def test_prediction_covers_an_effect_in_a_new_cluster():
    result = three_level(**clustered(1))
    half = (result.pi_high - result.pi_low) / 2 / 1.959963984540054
    assert half**2 == pytest.approx(result.se**2 + result.between + result.within, rel=1e-12)


def test_t_intervals_have_k_minus_p_degrees_of_freedom():
    data = clustered(1)
    assert three_level(**data, interval="t").df == len(data["estimate"]) - 1
    assert three_level(**data).df == np.inf


@pytest.mark.parametrize("spread", [1e-12, 1e12])
def test_a_change_of_unit_changes_only_the_unit(spread):
    data = clustered(1)
    scaled = {**data, "estimate": data["estimate"] * spread**0.5, "variance": data["variance"] * spread}
    ours, expected = three_level(**scaled), three_level(**data)
    assert ours.between / spread == pytest.approx(expected.between, rel=1e-9)
    assert ours.within / spread == pytest.approx(expected.within, rel=1e-9)


@pytest.mark.parametrize("cluster", [["a"] * 4, ["a", "b", "c", "d"]])
def test_clusters_that_are_no_clusters_are_refused(cluster):
    with pytest.raises(NotEnoughTrials, match="at least 2 clusters"):
        three_level([0.1, 0.2, 0.3, 0.4], variance=[0.1] * 4, cluster=cluster)


def test_a_design_that_names_every_cluster_is_refused():
    design = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]])
    with pytest.raises(DesignError, match="every cluster apart"):
        three_level([0.1, 0.2, 0.3, 0.4], variance=[0.1] * 4, cluster=["a", "a", "b", "b"], design=design)


def test_unusable_words_and_shapes_are_refused():
    shared = {"variance": [0.1] * 4, "cluster": ["a", "a", "b", "b"]}
    with pytest.raises(UnknownWordError, match="REML, ML"):
        three_level([0.1, 0.2, 0.3, 0.4], **shared, method="DL")
    with pytest.raises(InputError, match="one label for each of the 4 effects"):
        three_level([0.1, 0.2, 0.3, 0.4], variance=[0.1] * 4, cluster=["a", "b"])
    with pytest.raises(NotEnoughTrials, match="1 clusters of 2 effects in meta-analysis 0"):
        three_level([[0.1, 0.2]], variance=[[0.1, 0.1]], cluster=["a", "a"])


def ragged(seed: int, count: int = 9, width: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return effects and variances (B, k), NaN and nonsense where masked, labels, and a mask; one lacks a cluster."""
    rng = np.random.default_rng(seed)
    cluster = np.array(list("dabcadbcabdacb"))[:width]
    variance = 10.0 ** rng.uniform(-2, 0.5, (count, width))
    deviation = rng.normal(0, rng.choice([0, 0.7], (count, 1)), (count, 4))[
        :, np.unique(cluster, return_inverse=True)[1]
    ]
    estimate = deviation + rng.normal(0, np.sqrt(variance + rng.choice([0, 0.2], (count, 1))))
    mask = rng.random((count, width)) < 0.75
    mask[:, :6] = True
    mask[count // 2, cluster == "c"] = False
    return (
        np.where(mask, estimate, np.nan),
        np.where(mask, variance, rng.choice([np.nan, -1, 0, np.inf])),
        cluster,
        mask,
    )


def designs(kind: str, count: int, cluster: np.ndarray) -> np.ndarray | None:
    rng = np.random.default_rng(5)
    columns = {
        "mean": None,
        "of effects": np.column_stack([np.ones(len(cluster)), rng.normal(size=len(cluster))]),
        "of clusters": np.column_stack([np.ones(len(cluster)), np.where(cluster < "c", 1.5, 0.5)]),
        "each its own": np.dstack(
            [np.ones((count, len(cluster))), rng.normal(size=(2, count, len(cluster))).T.swapaxes(0, 1)]
        ),
    }
    return columns[kind]


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("kind", ["mean", "of effects", "of clusters", "each its own"])
def test_a_batch_is_its_data_sets_one_by_one(kind, method):
    estimate, variance, cluster, mask = ragged(3)
    design = designs(kind, len(mask), cluster)
    data = {"variance": variance, "cluster": cluster, "design": design, "method": method, "mask": mask}
    together = asdict(three_level(estimate, **data, interval="t")) | asdict(variance_intervals(estimate, **data))
    for i, here in enumerate(mask):
        columns = None if design is None else (design if design.ndim == 2 else design[i])[here]
        one = {"variance": variance[i, here], "cluster": cluster[here], "design": columns, "method": method}
        alone = asdict(three_level(estimate[i, here], **one, interval="t"))
        alone |= asdict(variance_intervals(estimate[i, here], **one))
        for name, value in alone.items():
            if isinstance(value, str) or name == "level":
                assert together[name] == value
                continue
            # A variance is found to 1e-9 of itself and the smallest variance of an effect.
            assert np.shape(together[name][i]) == np.shape(value)
            np.testing.assert_allclose(together[name][i], value, rtol=1e-8, atol=1e-10, err_msg=f"{name} of {i}")


def test_a_masked_data_set_is_what_is_left_of_it():
    estimate, variance, cluster, mask = (part[4] if part.ndim == 2 else part for part in ragged(3))
    whole = three_level(estimate, variance=variance, cluster=cluster, mask=mask)
    left = three_level(estimate[mask], variance=variance[mask], cluster=cluster[mask])
    assert isinstance(whole.estimate, float)
    assert (whole.k, whole.clusters) == (left.k, left.clusters) == (mask.sum(), 3)
    for name in ("estimate", "se", "pi_high", "between", "within", "q", "q_p", "log_likelihood", "df"):
        assert getattr(whole, name) == pytest.approx(getattr(left, name), rel=1e-9), name


def test_a_batch_of_many_chunks_is_its_parts():
    rng = np.random.default_rng(8)
    cluster, variance = np.repeat(np.arange(5), 4), rng.uniform(0.01, 0.1, (700, 20))
    estimate = rng.normal(0, 0.3, (700, 5))[:, cluster] + rng.normal(0, np.sqrt(variance + 0.03))
    result = three_level(estimate, variance=variance, cluster=cluster)
    limits = variance_intervals(estimate, variance=variance, cluster=cluster)
    assert result.estimate.shape == result.between.shape == result.k.shape == limits.within_high.shape == (700,)
    assert result.coefficient_covariance.shape == (700, 1, 1)
    for i in (0, 101, 350, 699):
        alone = three_level(estimate[i], variance=variance[i], cluster=cluster)
        assert result.estimate[i] == pytest.approx(alone.estimate, rel=1e-12)
        assert result.between[i] == pytest.approx(alone.between, rel=1e-9, abs=1e-12)
        expected = variance_intervals(estimate[i], variance=variance[i], cluster=cluster)
        assert limits.within_high[i] == pytest.approx(expected.within_high, rel=1e-9)


def test_a_data_set_of_a_batch_that_cannot_be_fitted_is_named():
    estimate, variance, cluster, mask = ragged(3)
    mask = mask & (np.arange(len(mask))[:, None] != 6) | (cluster == "a")
    with pytest.raises(NotEnoughTrials, match="1 clusters of 4 effects in meta-analysis 6"):
        three_level(np.nan_to_num(estimate), variance=np.ones_like(variance), cluster=cluster, mask=mask)
    with pytest.raises(NotEnoughTrials, match="in meta-analysis 6"):
        variance_intervals(np.nan_to_num(estimate), variance=np.ones_like(variance), cluster=cluster, mask=mask)


def test_an_offset_moves_the_mean_and_nothing_else():
    data = clustered(2)
    near, far = three_level(**data), three_level(**{**data, "estimate": data["estimate"] + 1e6})
    # The effects of 1e6 keep ten digits behind the point.
    assert far.estimate - 1e6 == pytest.approx(near.estimate, abs=1e-9)
    for name in ("se", "between", "within", "q", "log_likelihood"):
        assert getattr(far, name) == pytest.approx(getattr(near, name), rel=1e-8), name


def test_an_offset_moves_the_intercept_of_a_regression():
    data = clustered(2)
    design = np.column_stack([np.linspace(-1, 1, len(data["estimate"])), np.ones(len(data["estimate"]))])
    near = three_level(**data, design=design)
    far = three_level(**{**data, "estimate": data["estimate"] + 1e6}, design=design)
    np.testing.assert_allclose(far.estimate - [0, 1e6], near.estimate, atol=1e-8)
    np.testing.assert_allclose(far.se, near.se, rtol=1e-8)
    assert far.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-8)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_two_clusters_are_enough(method):
    data = {"estimate": [0.1, 0.4, 1.5], "variance": [0.02, 0.05, 0.03], "cluster": ["a", "a", "b"]}
    result, limits = three_level(**data, method=method), variance_intervals(**data, method=method)
    arrays = {name: np.array(part) for name, part in data.items()}
    with mp.workdps(30):
        height = lambda b, w: likelihood(arrays, b, w, method == "REML")  # noqa: E731
        best = height(mpf(result.between), mpf(result.within))
        grid = [height(mpf(b), mpf(w)) for b in np.geomspace(1e-3, 10, 15) for w in (0, 0.01, 0.1, 1)]
    assert max(grid) <= best
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-12)
    # One contrast between clusters: its profile falls like half a logarithm.
    assert limits.between_low < result.between < limits.between_high < np.inf


@pytest.mark.parametrize("seed", range(4))
def test_covariates_and_variances_over_twenty_four_decades_are_solved(seed):
    data = clustered(seed)
    k = len(data["estimate"])
    rng = np.random.default_rng(seed)
    data["variance"] = rng.permutation(np.resize([1e-12, 1e12, 1.0, 1e-6], k))
    design = np.column_stack([np.ones(k), rng.normal(size=k)])
    result = three_level(**data, design=design)
    with mp.workdps(60):
        height = lambda b, w: likelihood(data, b, w, True, design)  # noqa: E731
        best = height(mpf(result.between), mpf(result.within))
        steps = [1 - mpf("1e-4"), 1 + mpf("1e-4")]
        around = [height(mpf(result.between) * b, mpf(result.within) * w) for b in steps for w in steps]
        around += [height(mpf(b), mpf(w)) for b in (0, 1e-6, 0.1, 10) for w in (0, 1e-12, 1e-6, 0.1, 10)]
    assert max(around) <= best + mpf("1e-25")
    assert result.log_likelihood == pytest.approx(float(best), rel=1e-11)


def test_clusters_of_a_batch_may_be_renamed_and_its_effects_reordered():
    estimate, variance, cluster, mask = ragged(6)
    order = np.random.default_rng(2).permutation(estimate.shape[1])
    renamed = np.array([{"a": 7, "b": 1, "c": 9, "d": 3}[name] for name in cluster])
    one = three_level(estimate, variance=variance, cluster=cluster, mask=mask)
    other = three_level(estimate[:, order], variance=variance[:, order], cluster=renamed[order], mask=mask[:, order])
    for name in ("estimate", "se", "between", "within", "q", "log_likelihood"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-9, atol=1e-10, err_msg=name)
