"""Saito & Kotake, hyaluronic acid against placebo (Table 1 of PMC7140740, probably rheumatoid arthritis of the knee):
risk ratios with the limits of their trials, DerSimonian-Laird with a Wald interval.
"""

from __future__ import annotations

import pytest

from bmac_meta.evidence import load

HALF = 0.005
POOLS = {"p_170a7292": (4, (1.61, 1.34, 1.92)), "p_8dd7f570": (4, (1.64, 1.14, 2.35))}


def shown(pool: str) -> tuple[int, list[float]]:
    pooled = load().published(f"saito_kotake.{pool}").pool(tau2="DL", interval="wald")
    return pooled.k, [pooled.shown(value) for value in (pooled.fit.estimate, pooled.fit.ci_low, pooled.fit.ci_high)]


@pytest.mark.parametrize("pool", POOLS)
def test_inflammation_and_pain_are_reproduced(pool):
    k, numbers = POOLS[pool]
    found = shown(pool)
    assert found[0] == k
    # Half a unit of the last digit; the limits of the trials have two decimals themselves.
    assert found[1] == pytest.approx(numbers, abs=HALF + 1e-3)


def test_the_printed_efficacy_is_that_of_pain_and_not_that_of_its_rows():
    # Printed for both: 1.64 (1.14 to 2.35). The five rows on efficacy give 1.50 (1.15 to 1.97) by this method.
    printed = load().tables.published_pools.set_index("row_id")
    columns = ["estimate", "ci_low", "ci_high"]
    assert list(printed.loc["saito_kotake.p_aa3d14db", columns]) == list(
        printed.loc["saito_kotake.p_8dd7f570", columns]
    )
    assert shown("p_aa3d14db")[1] == pytest.approx([1.50, 1.15, 1.97], abs=HALF)


def test_what_its_patients_had_is_said_to_be_unknown():
    assert load().published("saito_kotake.p_8dd7f570").notes[0].endswith("flagged: condition not stated")
