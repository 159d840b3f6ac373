"""Egger & Davey Smith 1995, Misleading meta-analysis: magnesium after infarction, trial after trial.

BMJ 310:752-754, doi:10.1136/bmj.310.6982.752; the 16 trials are those of table 18.2 in Egger, Davey Smith &
Altman 2001, Systematic Reviews in Health Care, 2nd ed., doi:10.1002/9780470693926.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bmac_meta.stats.asymmetry import egger_test, harbord_test, peters_test
from bmac_meta.stats.measures_binary import peto_odds_ratio
from bmac_meta.stats.resampling import cumulative

RAW = json.loads(
    (Path(__file__).parents[1] / "reference" / "pairwise" / "egger2001_OR.json").read_text(encoding="utf-8")
)
NAMES = {"events_a": "ai", "total_a": "n1i", "events_b": "ci", "total_b": "n2i"}
TABLES = {ours: RAW["inputs"][theirs] for ours, theirs in NAMES.items()}
EFFECT = peto_odds_ratio(**TABLES)
POOLS = cumulative(
    EFFECT.estimate, variance=EFFECT.variance, by=RAW["mods"]["year"], model="common", interval="wald"
).pooled


def test_seven_small_trials_were_sufficient_to_establish_the_effect():
    # The table of the paper: trials were included cumulatively until the effect was significant at P < 0.001;
    # for magnesium seven small trials, with results published in the 1980s, were sufficient.
    assert np.flatnonzero(POOLS.p_value < 0.001)[0] + 1 == 7
    assert max(RAW["mods"]["year"][:7]) == 1989


def test_the_mega_trial_undid_it():
    # ISIS-4, the last of the 16, found no benefit: the pool of all trials is at no effect.
    assert POOLS.ci_high[-2] < 0
    assert POOLS.ci_low[-1] < 0 < POOLS.ci_high[-1]


def test_every_test_of_asymmetry_sees_that_small_trials_show_larger_benefit():
    for result in (egger_test(RAW["yi"], variance=RAW["vi"]), harbord_test(**TABLES), peters_test(**TABLES)):
        assert result.slope < 0
        assert result.p_value < 0.01
