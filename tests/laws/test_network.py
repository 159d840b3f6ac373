"""Laws that hold in every network: symmetries, sums along paths, and trials that must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bmac_meta.errors import InputError
from bmac_meta.stats.inference import random_effects
from bmac_meta.stats.network import (
    NetworkData,
    contributions,
    decompose_q,
    effects_against,
    fit_network,
    leave_one_trial_out,
    network_from_arms,
    network_from_contrasts,
    node_split,
    p_scores,
)

Arms = dict[str, list[Any]]
METHODS = ("REML", "ML", "DL", "PM")
lawful = settings(max_examples=40, deadline=None)
# τ² is a root found to about 1e-10 of the variances; the rest is rounding.
NEAR = {"rtol": 1e-7, "atol": 1e-8}


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def arm_tables(
    draw: st.DrawFn,
    most: int = 6,
    extra: int = 8,
    largest: int = 5,
    powers: tuple[float, float] = (-3.0, 1.0),
) -> Arms:
    """Draw a connected network: a random tree of two-arm trials and further trials of any size."""
    n = draw(st.integers(2, most))
    sets = [[i, draw(st.integers(0, i - 1))] for i in range(1, n)]
    more = st.lists(st.integers(0, n - 1), min_size=2, max_size=min(largest, n), unique=True)
    sets += draw(st.lists(more, max_size=extra))
    rows: Arms = {"mean": [], "variance": [], "trial": [], "treatment": []}
    for trial, arms in enumerate(sets):
        for arm in arms:
            rows["mean"].append(draw(floats(-3.0, 3.0)))
            rows["variance"].append(10.0 ** draw(floats(*powers)))
            rows["trial"].append(f"trial {trial}")
            rows["treatment"].append(f"T{arm}")
    return rows


def pairwise(arms: Arms) -> Arms:
    """Write arms as all pairwise contrasts."""
    rows: Arms = {"estimate": [], "variance": [], "trial": [], "treatment_a": [], "treatment_b": []}
    for i, trial in enumerate(arms["trial"]):
        for j in range(i):
            if arms["trial"][j] == trial:
                rows["estimate"].append(arms["mean"][i] - arms["mean"][j])
                rows["variance"].append(arms["variance"][i] + arms["variance"][j])
                rows["trial"].append(trial)
                rows["treatment_a"].append(arms["treatment"][i])
                rows["treatment_b"].append(arms["treatment"][j])
    return rows


def with_rows(arms: Arms, order: list[int]) -> Arms:
    return {key: [column[i] for i in order] for key, column in arms.items()}


def assert_equal_fits(left: NetworkData, right: NetworkData, method: str = "REML") -> None:
    one, other = fit_network(left, method), fit_network(right, method)
    place = [right.treatments.index(name) for name in left.treatments]
    np.testing.assert_allclose(one.estimate, other.estimate[np.ix_(place, place)], **NEAR)
    np.testing.assert_allclose(one.se, other.se[np.ix_(place, place)], **NEAR)
    np.testing.assert_allclose(one.tau2, other.tau2, **NEAR)


@lawful
@given(st.data(), st.sampled_from(METHODS), st.integers(2, 12))
def test_two_treatments_are_the_pairwise_pool(data: st.DataObject, method: str, k: int) -> None:
    effect = data.draw(st.lists(floats(-3, 3), min_size=k, max_size=k))
    variance = [10.0**power for power in data.draw(st.lists(floats(-3, 1), min_size=k, max_size=k))]
    pairs = {"trial": range(k), "treatment_a": "A" * k, "treatment_b": "B" * k}
    fit = fit_network(network_from_contrasts(effect, variance=variance, **pairs), method)
    pool = random_effects(effect, variance=variance, tau2=method, interval="wald")
    np.testing.assert_allclose(fit.tau2, pool.tau2, **NEAR)
    np.testing.assert_allclose(fit.estimate[0, 1], pool.estimate, **NEAR)
    np.testing.assert_allclose([fit.ci_low[0, 1], fit.ci_high[0, 1]], [pool.ci_low, pool.ci_high], **NEAR)
    np.testing.assert_allclose([fit.q.statistic, fit.q.df], [pool.q, pool.q_df], rtol=1e-8, atol=1e-10)


@lawful
@given(arm_tables(), st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_the_order_of_rows_changes_nothing(arms: Arms, random: Any, method: str) -> None:
    order = list(range(len(arms["mean"])))
    random.shuffle(order)
    assert_equal_fits(network_from_arms(**arms), network_from_arms(**with_rows(arms, order)), method)


@lawful
@given(arm_tables(), st.randoms(use_true_random=False))
def test_the_names_of_treatments_change_nothing(arms: Arms, random: Any) -> None:
    names = sorted(set(arms["treatment"]))
    other = [f"β-{i} <b>{name}</b>" for i, name in enumerate(names)]
    random.shuffle(other)
    renamed = arms | {"treatment": [other[names.index(name)] for name in arms["treatment"]]}
    left, right = fit_network(network_from_arms(**arms)), fit_network(network_from_arms(**renamed))
    place = [right.treatments.index(other[names.index(name)]) for name in left.treatments]
    np.testing.assert_allclose(left.estimate, right.estimate[np.ix_(place, place)], **NEAR)
    np.testing.assert_allclose(left.se, right.se[np.ix_(place, place)], **NEAR)


@lawful
@given(arm_tables())
def test_the_order_of_treatments_and_the_reference_change_nothing(arms: Arms) -> None:
    data = network_from_arms(**arms)
    assert_equal_fits(data, network_from_arms(**arms, treatments=data.treatments[::-1]))
    fit = fit_network(data)
    for name in data.treatments:
        against = effects_against(fit, name)
        np.testing.assert_allclose(against.estimate[:, None] - against.estimate, fit.estimate, atol=1e-11)


@lawful
@given(arm_tables())
def test_effects_add_up_along_every_path(arms: Arms) -> None:
    estimate = fit_network(network_from_arms(**arms)).estimate
    loops = estimate[:, :, None] + estimate[None, :, :] - estimate[:, None, :]
    np.testing.assert_allclose(loops, 0.0, atol=1e-11)


@lawful
@given(arm_tables(extra=0))
def test_in_a_tree_indirect_estimates_are_sums_of_direct_ones(arms: Arms) -> None:
    data = network_from_arms(**arms)
    fit, n = fit_network(data), len(data.treatments)
    effect, variance = np.full((2, n, n), np.inf)
    effect[np.diag_indices(n)] = variance[np.diag_indices(n)] = 0.0
    for (a, b), contrast, spread in zip(
        data.blocks[0].arms, data.blocks[0].effect[:, 0], data.blocks[0].covariance[:, 0, 0], strict=True
    ):
        effect[b, a], effect[a, b] = contrast, -contrast
        variance[a, b] = variance[b, a] = spread
    for over in range(n):
        shorter = variance[:, over, None] + variance[None, over, :]
        through = effect[:, over, None] + effect[None, over, :]
        effect = np.where(shorter < variance, through, effect)
        variance = np.minimum(shorter, variance)
    np.testing.assert_allclose(fit.estimate, effect, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(fit.se, np.sqrt(variance), rtol=1e-9)
    assert np.isnan(fit.tau2)


@lawful
@given(arm_tables(), st.integers(2, 3), st.sampled_from(("REML", "DL")), st.sampled_from((1e12, 1e15)))
def test_a_trial_with_a_huge_variance_changes_nothing(arms: Arms, size: int, method: str, huge: float) -> None:
    names = sorted(set(arms["treatment"]))[:size]
    assume(len(arms["mean"]) > 2)
    more = {"mean": range(len(names)), "variance": [huge] * len(names), "trial": ["vague"] * len(names)}
    extended = {key: [*column, *(more | {"treatment": names})[key]] for key, column in arms.items()}
    left, right = network_from_arms(**arms), network_from_arms(**extended)
    assume(left.rows_count >= len(left.treatments))
    if method == "DL":
        one, other = fit_network(left, 0.1), fit_network(right, 0.1)
    else:
        one, other = fit_network(left), fit_network(right)
        np.testing.assert_allclose(one.tau2, other.tau2, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(one.estimate, other.estimate, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.se, other.se, rtol=1e-6, atol=1e-7)


@lawful
@given(arm_tables(), st.sampled_from(METHODS))
def test_arms_and_their_contrasts_say_the_same(arms: Arms, method: str) -> None:
    assert_equal_fits(network_from_arms(**arms), network_from_contrasts(**pairwise(arms)), method)


@lawful
@given(arm_tables(most=6, largest=6), st.data())
def test_contradicting_contrasts_of_a_multi_arm_trial_are_refused_with_its_name(
    arms: Arms, data: st.DataObject
) -> None:
    pairs = pairwise(arms)
    multi = [i for i, trial in enumerate(pairs["trial"]) if pairs["trial"].count(trial) > 1]
    assume(multi)
    row = data.draw(st.sampled_from(multi))
    pairs["estimate"][row] += data.draw(st.sampled_from((-1.0, 1.0))) * np.sqrt(pairs["variance"][row])
    with pytest.raises(InputError, match=f"'{pairs['trial'][row]}'"):
        network_from_contrasts(**pairs)


@lawful
@given(arm_tables(), st.sampled_from((1e-6, 0.01, 8.0, 1e5)), st.sampled_from(METHODS))
def test_a_change_of_unit_changes_only_the_unit(arms: Arms, unit: float, method: str) -> None:
    scaled = arms | {
        "mean": [unit * value for value in arms["mean"]],
        "variance": [unit**2 * value for value in arms["variance"]],
    }
    left = fit_network(network_from_arms(**arms), method)
    right = fit_network(network_from_arms(**scaled), method)
    np.testing.assert_allclose(left.estimate, right.estimate / unit, **NEAR)
    np.testing.assert_allclose(left.tau2, right.tau2 / unit**2, **NEAR)
    np.testing.assert_allclose(left.q.statistic, right.q.statistic, rtol=1e-8, atol=1e-9)


@lawful
@given(arm_tables(), st.lists(floats(-1e6, 1e6), min_size=20, max_size=20))
def test_what_all_arms_of_a_trial_share_changes_nothing(arms: Arms, shifts: list[float]) -> None:
    moved = [mean + shifts[int(name.split()[1]) % 20] for mean, name in zip(arms["mean"], arms["trial"], strict=True)]
    left = fit_network(network_from_arms(**arms), 0.1)
    right = fit_network(network_from_arms(**(arms | {"mean": moved})), 0.1)
    # Offsets of 1e6 leave 1e-10 of a mean.
    np.testing.assert_allclose(left.estimate, right.estimate, rtol=1e-7, atol=1e-8)


@lawful
@given(arm_tables(), st.sampled_from(METHODS))
def test_turning_every_sign_turns_every_estimate(arms: Arms, method: str) -> None:
    turned = arms | {"mean": [-mean for mean in arms["mean"]]}
    left = fit_network(network_from_arms(**arms), method)
    right = fit_network(network_from_arms(**turned), method)
    np.testing.assert_allclose(left.estimate, -right.estimate, **NEAR)
    np.testing.assert_allclose(p_scores(left), 1.0 - p_scores(right), rtol=1e-6, atol=1e-7)


@lawful
@given(arm_tables(), st.lists(floats(-5, 5), min_size=6, max_size=6))
def test_trials_that_agree_exactly_are_found_exactly_without_heterogeneity(arms: Arms, truth: list[float]) -> None:
    exact = arms | {"mean": [truth[int(name[1:])] for name in arms["treatment"]]}
    data = network_from_arms(**exact)
    assume(data.rows_count >= len(data.treatments))
    fit = fit_network(data)
    expected = np.array([truth[int(name[1:])] for name in data.treatments])
    np.testing.assert_allclose(fit.estimate, expected[:, None] - expected, atol=1e-11)
    assert fit.tau2 == pytest.approx(0.0, abs=1e-20)
    assert fit.q.statistic == pytest.approx(0.0, abs=1e-18)


@lawful
@given(arm_tables(), floats(0.0, 5.0))
def test_heterogeneity_never_narrows_an_interval_and_the_prediction_contains_it(arms: Arms, tau2: float) -> None:
    data = network_from_arms(**arms)
    common, random = fit_network(data, model="common"), fit_network(data, tau2)
    assert (random.se >= common.se * (1.0 - 1e-9)).all()
    assume(random.q.df >= 2)
    assert (random.pi_low <= random.ci_low).all()
    assert (random.pi_high >= random.ci_high).all()


@lawful
@given(arm_tables())
def test_q_within_and_between_designs_add_up(arms: Arms) -> None:
    q = decompose_q(network_from_arms(**arms))
    scale = 1e-9 * (1.0 + q.total.statistic)
    assert abs(q.within.statistic + q.between.statistic - q.total.statistic) <= scale
    assert q.within.df + q.between.df == q.total.df
    for detached in q.detached:
        assert -scale <= detached.statistic <= q.between.statistic + scale
        assert detached.df <= q.between.df


@lawful
@given(arm_tables())
def test_network_evidence_lies_between_its_direct_and_its_indirect_part(arms: Arms) -> None:
    split = node_split(fit_network(network_from_arms(**arms), 0.2))
    both = ~np.isnan(split.difference) & (split.share_direct < 1.0 - 1e-6)
    low, high = np.minimum(split.direct, split.indirect), np.maximum(split.direct, split.indirect)
    assert (split.network[both] >= low[both] - 1e-8).all()
    assert (split.network[both] <= high[both] + 1e-8).all()
    assert ((split.share_direct >= 0.0) & (split.share_direct <= 1.0)).all()
    precision = split.direct_se[both] ** -2.0 + split.indirect_se[both] ** -2.0
    np.testing.assert_allclose(precision, split.network_se[both] ** -2.0, rtol=1e-8)


@lawful
@given(arm_tables())
def test_contributions_are_shares(arms: Arms) -> None:
    found = contributions(fit_network(network_from_arms(**arms), 0.2))
    for shares in (found.comparison, found.trial):
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-9)
        assert (shares >= 0.0).all()


@lawful
@given(arm_tables(extra=5))
def test_leaving_a_trial_out_never_narrows_an_interval_at_the_same_tau2(arms: Arms) -> None:
    data = network_from_arms(**arms)
    assume(len(data.trials) > 1)
    fit = fit_network(data, 0.3)
    left = leave_one_trial_out(fit)
    known = np.isfinite(left.se)
    wider = left.se >= fit.se * (1.0 - 1e-9)
    assert wider[known].all()
    assert (left.connected == known.all(axis=(1, 2))).all()


@lawful
@given(arm_tables(powers=(-12.0, 12.0), largest=2))
def test_variances_over_24_powers_of_ten_give_finite_consistent_answers(arms: Arms) -> None:
    data = network_from_arms(**arms)
    fit = fit_network(data)
    assert np.isfinite(fit.estimate).all()
    assert (fit.se[~np.eye(len(data.treatments), dtype=bool)] > 0.0).all()
    assert np.isnan(fit.tau2) == (fit.q.df == 0)
    np.testing.assert_allclose(fit.estimate, -fit.estimate.T, rtol=1e-12)
    assert_equal_scales(fit.se, fit_network(network_from_arms(**arms, treatments=data.treatments[::-1])).se[::-1, ::-1])


def assert_equal_scales(left: np.ndarray, right: np.ndarray) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-5)
