"""Jüni et al. 2015, Intra-articular corticosteroid for knee osteoarthritis (Cochrane CD005328.pub3,
doi:10.1002/14651858.CD005328.pub3): the pools of its forest plots from the rows of its trials.

DerSimonian-Laird with a Wald interval; a negative standardized mean difference favours corticosteroid.
"""

from __future__ import annotations

import pytest

from bmac_meta.evidence import load
from bmac_meta.results import Pooled

HALF = 0.005

# Forest plot, result, trials, estimate with its 95% interval, τ².
POOLS = {
    # The review includes 27 trials; one has no numbers on pain, and the forest plot of pain has 26 rows.
    "p_2c2b2b38": ("1.1 pain, main", 26, (-0.40, -0.58, -0.22), 0.14),
    "p_daf9a86b": ("1.2.1 pain, 1 to 2 weeks", 16, (-0.48, -0.70, -0.27), 0.12),
    "p_5a088e5b": ("1.2.2 pain, 4 to 6 weeks", 22, (-0.41, -0.61, -0.21), 0.14),
    "p_7dd65fae": ("1.2.3 pain, 3 months", 18, (-0.22, -0.44, 0.00), 0.14),
    "p_c9df6462": ("1.2.4 pain, 6 months", 7, (-0.07, -0.25, 0.11), 0.0),
    "p_e3960775": ("2.1 function, main", 15, (-0.33, -0.56, -0.09), 0.15),
    "p_39ee0144": ("2.2.1 function, 1 to 2 weeks", 10, (-0.43, -0.72, -0.14), 0.15),
    "p_422082fd": ("2.2.2 function, 4 to 6 weeks", 12, (-0.36, -0.63, -0.09), 0.15),
    "p_583dcf62": ("2.2.3 function, 3 months", 11, (-0.13, -0.37, 0.10), 0.09),
    "p_26633bc9": ("2.2.4 function, 6 months", 4, (0.06, -0.16, 0.28), 0.0),
    "p_9df08d26": ("3.1 quality of life", 2, (-0.01, -0.30, 0.28), 0.0),
    "p_2b3e9bbf": ("4.1 adverse events", 2, (0.89, 0.64, 1.23), 0.0),
    "p_52532b8d": ("5.1 withdrawals", 2, (0.33, 0.05, 2.07), 0.0),
    "p_cd0d4d01": ("6.1 serious adverse events", 2, (0.63, 0.15, 2.67), 0.0),
    "p_523379c8": ("7.1 joint space narrowing", 1, (-0.02, -0.49, 0.46), None),
}
# The rows are printed with two decimals. These four cells lie beyond half a unit, and within what that rounding does:
# an effect in every row that is off by up to half a unit moves the pool and its limits by up to half a unit more.
ROUNDED_ROWS = {("p_daf9a86b", 0), ("p_422082fd", 1), ("p_26633bc9", 2), ("p_523379c8", 1)}


@pytest.fixture(scope="module")
def pools() -> dict[str, Pooled]:
    evidence = load()
    return {name: evidence.published(f"juni2015.{name}").pool(tau2="DL", interval="wald") for name in POOLS}


@pytest.mark.parametrize("name", POOLS)
def test_each_pool_of_the_review_is_reproduced(pools, name):
    _, k, printed, tau2 = POOLS[name]
    pooled = pools[name]
    found = [pooled.shown(value) for value in (pooled.fit.estimate, pooled.fit.ci_low, pooled.fit.ci_high)]
    assert pooled.k == k
    for place, (ours, theirs) in enumerate(zip(found, printed, strict=True)):
        assert abs(ours - theirs) <= HALF * (1 + ((name, place) in ROUNDED_ROWS))
    if tau2 is not None:
        # The between-study variance has two decimals; 0.0954 is printed as 0.09 (2.2.3), for the rounding of the rows.
        assert pooled.fit.tau2 == pytest.approx(tau2, abs=HALF * (1 + (name == "p_583dcf62")))


def test_the_printed_pools_are_those_of_the_data(pools):
    printed = load().tables.published_pools.set_index("row_id")
    for name, (_, _, numbers, tau2) in POOLS.items():
        row = printed.loc[f"juni2015.{name}"]
        assert (row.estimate, row.ci_low, row.ci_high) == numbers
        assert row.tau2 == tau2 if tau2 is not None else row.isna().tau2


def test_cochrans_q_of_the_pain_pools_agrees(pools):
    # Q as printed, from rows of two decimals: 78.14, 40.31, 67.24, 54.06, 5.42.
    for name, q in (("p_2c2b2b38", 78.14), ("p_daf9a86b", 40.31), ("p_5a088e5b", 67.24), ("p_7dd65fae", 54.06)):
        assert pools[name].fit.q == pytest.approx(q, rel=0.005)
        assert pools[name].fit.q_df == POOLS[name][1] - 1


def test_trials_without_an_event_are_named_not_dropped_silently():
    effects = load().published("juni2015.p_cd0d4d01")
    assert list(effects.left_out.study) == ["Lyons 2005", "Ozturk 2006", "Ravaud 1999"]
    assert len(effects) == 2
