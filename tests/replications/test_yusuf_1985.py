"""Yusuf, Peto, Lewis, Collins & Sleight 1985, Progress in Cardiovascular Diseases 27, 335–371
(doi:10.1016/s0033-0620(85)80003-7): beta blockers after myocardial infarction.

Data: table 6 of the paper, deaths in 21 trials (a 22nd row has no numbers). The pooled odds ratio, 0.93 (0.74 to 1.18),
is that of metafor's published analysis of this table, which quotes it from print.
"""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.stats.sparse import mantel_haenszel, peto
from bmac_meta.stats.sparse_tests import breslow_day

# Deaths and patients with the drug, deaths and patients without.
TABLE_6 = np.array(
    [
        (14, 56, 15, 58),
        (18, 66, 19, 64),
        (15, 100, 12, 95),
        (10, 52, 12, 47),
        (21, 226, 24, 228),
        (3, 38, 6, 31),
        (2, 20, 3, 20),
        (19, 76, 15, 67),
        (15, 106, 9, 114),
        (5, 62, 4, 57),
        (0, 9, 0, 8),
        (8, 133, 11, 127),
        (3, 48, 3, 49),
        (0, 16, 0, 13),
        (1, 42, 1, 46),
        (0, 25, 3, 25),
        (14, 221, 15, 228),
        (0, 11, 0, 11),
        (8, 259, 7, 129),
        (6, 157, 4, 158),
        (3, 177, 2, 136),
    ]
)
TRIALS = dict(zip(("events_a", "total_a", "events_b", "total_b"), TABLE_6.T, strict=True))


def test_petos_odds_ratio_is_the_printed_one():
    result = peto(**TRIALS)
    # Half a unit in the last printed digit.
    assert np.exp(result.estimate) == pytest.approx(0.93, abs=0.005)
    assert np.exp(result.ci_low) == pytest.approx(0.74, abs=0.005)
    assert np.exp(result.ci_high) == pytest.approx(1.18, abs=0.005)


def test_the_three_trials_without_a_death_carry_no_information():
    result = peto(**TRIALS)
    assert (result.k, result.k_informative) == (21, 18)


def test_mantel_and_haenszel_tell_the_same_story():
    assert mantel_haenszel(**TRIALS).estimate == pytest.approx(peto(**TRIALS).estimate, abs=0.01)
    assert breslow_day(**TRIALS).p_value > 0.05
