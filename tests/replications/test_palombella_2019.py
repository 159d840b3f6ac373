"""Palombella et al. 2019, Bone marrow-derived cell therapies to heal long-bone nonunions (Stem Cells Int 2019:3715964,
doi:10.1155/2019/3715964): union after bone marrow concentrate, from the rows of its Table 1.

Freeman-Tukey double arcsine, DerSimonian-Laird, Wald interval, back-transformed with the harmonic mean of the sizes.
"""

from __future__ import annotations

import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.evidence import load

HALF = 0.005


def shares(pooled) -> list[float]:
    return [pooled.shown(value) for value in (pooled.fit.estimate, pooled.fit.ci_low, pooled.fit.ci_high)]


def test_the_union_proportion_at_six_months_is_reproduced():
    # Abstract: 77% (95% CI 63% to 89%); 8 studies with 107 patients.
    pooled = load().published("palombella2019.p_042c1968").pool(tau2="DL", interval="wald")
    assert (pooled.k, pooled.patients) == (8, 107)
    assert shares(pooled) == pytest.approx([0.77, 0.63, 0.89], abs=HALF)


def test_the_back_transform_is_told_with_its_harmonic_mean():
    pooled = load().published("palombella2019.p_042c1968").pool(tau2="DL", interval="wald")
    harmonic = 8 / sum(1 / n for n in (10, 20, 1, 19, 17, 7, 16, 17))
    assert f"n = {harmonic:.1f}" in pooled.card().notes[-1]


def test_the_share_at_twelve_months_is_the_lower_of_the_printed_ones():
    # Abstract: 81% to 100% across the groups at 12 months. The five rows with bone marrow concentrate are these.
    rows = load().tables.published_inputs
    mine = rows[(rows.review_id == "palombella2019") & (rows.timepoint_months == "12")]
    raw = pd.DataFrame({"events": mine.events_a.astype(float), "total": mine.n_a.astype(float)})
    assert list(zip(raw.events, raw.total, strict=True)) == [(9, 10), (17, 20), (8, 16), (13, 17), (49, 54)]
    pooled = Effects.from_raw(raw, measure="PFT").pool(tau2="DL", interval="wald")
    assert shares(pooled)[0] == pytest.approx(0.81, abs=HALF)
