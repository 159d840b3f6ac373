"""Whittle et al. 2025, Stem cell injections for osteoarthritis of the knee (Cochrane CD013342.pub2,
doi:10.1002/14651858.CD013342.pub2): the effects of the trials and the printed pools.

In the data file of the review a mean difference is stem cells minus control on scales where 0 is best, so below zero
is better. Its text, as quoted, says "1.2 points better" of 10 for pain and "14.2 points better" of 100 for function,
which is −1.2 and −14.2 here; no interval of these pools is at hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bmac_meta.effects import Effects
from bmac_meta.evidence import load

PAIN, FUNCTION = "whittle2025.p_e7daa723", "whittle2025.p_5918402e"
MEANS = ["mean_a", "sd_a", "n_a", "mean_b", "sd_b", "n_b"]


@pytest.fixture(scope="module")
def inputs() -> pd.DataFrame:
    rows = load().tables.published_inputs
    return rows[rows.review_id == "whittle2025"]


def test_the_mean_difference_of_every_trial_is_that_of_the_data_file(inputs):
    rows = inputs.dropna(subset=[*MEANS, "estimate"])
    assert len(rows) == 154
    effects = Effects.from_raw(
        rows[[*MEANS, "row_id"]].astype(dict.fromkeys(MEANS, float)), measure="MD", study="row_id"
    )
    half = 1.959963984540054 * effects.frame.se
    # The data file has the numbers in full; its limits were made with 1.96 to seven digits.
    np.testing.assert_allclose(effects.frame.estimate, rows.estimate, rtol=0, atol=1e-12)
    np.testing.assert_allclose(effects.frame.estimate - half, rows.ci_low, rtol=0, atol=1e-5)
    np.testing.assert_allclose(effects.frame.estimate + half, rows.ci_high, rtol=0, atol=1e-5)


def test_the_risk_ratio_of_every_trial_is_that_of_the_data_file(inputs):
    rows = inputs[inputs.events_a.notna()]
    names = {"events_a": "events_a", "n_a": "total_a", "events_b": "events_b", "n_b": "total_b"}
    raw = rows[["row_id", *names]].rename(columns=names).astype(dict.fromkeys(names.values(), float))
    effects = Effects.from_raw(raw, measure="RR", study="row_id")
    printed = rows.set_index("row_id").estimate
    # The review also gives 1.00 where all patients of both arms have the event (16 of 16, 4 of 4); here there is none.
    everyone = rows.row_id[(rows.events_a == rows.n_a) & (rows.events_b == rows.n_b)]
    assert set(effects.left_out.study) == {*printed.index[printed.isna()], *everyone}
    # Printed with six decimals.
    np.testing.assert_allclose(np.exp(effects.frame.estimate), printed[list(effects.frame.study)], rtol=0, atol=5e-7)


@pytest.mark.parametrize(("pool", "printed", "i2"), [(PAIN, -1.2, 80), (FUNCTION, -14.2, 82)])
def test_the_pools_against_placebo_at_six_months_are_reproduced(pool, printed, i2):
    pooled = load().published(pool).pool(tau2="DL", interval="wald")
    assert pooled.k == 7
    assert pooled.fit.estimate == pytest.approx(printed, abs=0.05)
    assert pooled.fit.i2_q == pytest.approx(i2, abs=0.5)
    assert pooled.measure.code == "MD"


def test_the_data_say_which_way_the_printed_pools_point():
    printed = load().tables.published_pools.set_index("row_id")
    # Two pages quote the pain pool: one as −1.2, the other as 1.2 points better; function only as 14.2 points better.
    assert printed.loc[PAIN, "estimate"] == -1.2
    assert printed.loc["whittle2025.p_ca2ff0d9", "estimate"] == 1.2
    assert printed.loc[FUNCTION, "estimate"] == 14.2
    assert "positive = improvement" in printed.loc[FUNCTION, "notes"]


def test_our_default_says_how_uncertain_these_pools_are():
    # With 7 trials the floored Knapp-Hartung interval includes no effect, and DerSimonian-Laird with z does not.
    pooled = load().published(FUNCTION).pool()
    assert pooled.fit.ci_low < 0 < pooled.fit.ci_high
    assert bool(pooled.panel.verdict_depends)
