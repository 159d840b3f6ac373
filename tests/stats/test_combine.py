"""Several arms as one."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError
from bmac_meta.stats.combine import combine_arms, combine_events


def handbook(n1, m1, s1, n2, m2, s2):
    """Return n, mean and SD of two groups by the formula of the Handbook, Table 6.5.a."""
    n = n1 + n2
    between = n1 * n2 / n * (m1**2 + m2**2 - 2 * m1 * m2)
    return n, (n1 * m1 + n2 * m2) / n, (((n1 - 1) * s1**2 + (n2 - 1) * s2**2 + between) / (n - 1)) ** 0.5


def test_two_arms_are_combined_by_the_formula_of_the_handbook():
    # The arms of the example in the help of Stata's combine (Jones), Cochrane Handbook 5.1, Table 7.7.a.
    arm = combine_arms(n=[50, 50], mean=[26.5, 32.9], sd=[4.5, 5.8])
    n, mean, sd = handbook(50, 26.5, 4.5, 50, 32.9, 5.8)
    assert float(arm.n) == n == 100
    assert float(arm.mean) == pytest.approx(mean, rel=1e-15)
    assert float(arm.sd) == pytest.approx(sd, rel=1e-14)


def test_combining_equals_putting_the_patients_together():
    rng = np.random.default_rng(3)
    arms = [rng.normal(mean, sd, n) for mean, sd, n in [(3, 1, 17), (5, 2, 9), (-40, 0.1, 30), (0, 7, 2)]]
    arm = combine_arms(mean=[a.mean() for a in arms], sd=[a.std(ddof=1) for a in arms], n=[a.size for a in arms])
    patients = np.concatenate(arms)
    assert float(arm.mean) == pytest.approx(patients.mean(), rel=1e-13)
    assert float(arm.sd) == pytest.approx(patients.std(ddof=1), rel=1e-14)


def test_a_large_offset_costs_no_digits():
    columns = {"sd": [4.5, 5.8], "n": [50, 60]}
    near, far = (
        combine_arms(mean=[0.25, 0.75], **columns),
        combine_arms(mean=[1e9 + 0.25, 1e9 + 0.75], **columns),
    )
    assert float(far.sd) == pytest.approx(float(near.sd), rel=1e-14)


def test_one_arm_is_itself():
    arm = combine_arms(mean=[3.3], sd=[1.7], n=[12])
    assert (float(arm.mean), float(arm.n)) == (3.3, 12)
    assert float(arm.sd) == pytest.approx(1.7, rel=1e-15)


def test_masked_arms_do_not_count_and_trials_without_arms_are_nan():
    arm = combine_arms(
        mean=[[1, 3, np.nan], [np.nan] * 3],
        sd=[[1, 2, np.nan], [np.nan] * 3],
        n=[[5, 6, np.nan], [np.nan] * 3],
        mask=[[True, True, False], [False] * 3],
    )
    alone = combine_arms(mean=[1, 3], sd=[1, 2], n=[5, 6])
    np.testing.assert_allclose(arm.mean, [alone.mean, np.nan], rtol=1e-15)
    np.testing.assert_allclose(arm.sd, [alone.sd, np.nan], rtol=1e-15)
    np.testing.assert_array_equal(arm.n, [11, np.nan])


def test_arms_may_lie_along_any_axis():
    mean, sd, n = np.arange(6.0).reshape(2, 3), np.full((2, 3), 2.0), np.full((2, 3), 8)
    down, across = combine_arms(mean=mean, sd=sd, n=n, axis=0), combine_arms(mean=mean.T, sd=sd.T, n=n.T)
    np.testing.assert_array_equal(down.mean, across.mean)
    np.testing.assert_array_equal(down.sd, across.sd)


def test_single_patients_may_be_combined_but_one_alone_has_no_sd():
    arm = combine_arms(mean=[1, 3], sd=0, n=1)
    assert float(arm.sd) == pytest.approx(2**0.5)
    with pytest.raises(InputError, match="only one patient remains"):
        combine_arms(mean=[1], sd=0, n=1)


def test_events_and_patients_are_summed():
    counts = combine_events(events=[[3, 5], [1, 9]], total=[[20, 22], [10, 10]], mask=[[True, True], [True, False]])
    np.testing.assert_array_equal(counts.events, [8, 1])
    np.testing.assert_array_equal(counts.total, [42, 10])
    assert np.isnan(combine_events(events=[1], total=[2], mask=[False]).total)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: combine_arms(mean=[1, 2], sd=[1, -2], n=10), "sd: 1 of 2 values"),
        (lambda: combine_arms(mean=[1, np.nan], sd=1, n=10), "mean: 1 of 2 values"),
        (lambda: combine_arms(mean=1, sd=1, n=10), "The arms lie along axis -1, but the columns have 0 axes"),
        (lambda: combine_arms(mean=[1], sd=1, n=10, axis=1), "axis 1"),
        (lambda: combine_events(events=[5, 3], total=[4, 9]), "more events than patients"),
        (lambda: combine_events(events=5, total=9), "0 axes"),
    ],
)
def test_what_can_not_be_combined_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
