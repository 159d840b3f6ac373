"""Egger & Davey Smith 1995, Misleading meta-analysis: magnesium after infarction, trial after trial.

BMJ 310:752-754, doi:10.1136/bmj.310.6982.752; the 16 trials are those of table 18.2 in Egger, Davey Smith &
Altman 2001, Systematic Reviews in Health Care, 2nd ed., doi:10.1002/9780470693926 (chapter 18, by Sterne, Bradburn &
Egger, pp. 347-369). What the overviews before and after the mega-trial printed is in test_teo_1991.py and
test_li_2007.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bmac_meta.stats.asymmetry import egger_mixed_effects, egger_test, harbord_test, peters_test
from bmac_meta.stats.measures_binary import peto_odds_ratio
from bmac_meta.stats.rank_test import begg_test
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
    # P. 752, text and table: trials were included cumulatively until the effect was significant at P < 0.001; for
    # magnesium seven small trials, with results published in the 1980s, were sufficient.
    assert np.flatnonzero(POOLS.p_value < 0.001)[0] + 1 == 7
    assert max(RAW["mods"]["year"][:7]) == 1989


def test_the_mega_trial_undid_it():
    # P. 752: the negative results of ISIS-4, the last of the 16. The pool of all trials is at no effect.
    assert POOLS.ci_high[-2] < 0
    assert POOLS.ci_low[-1] < 0 < POOLS.ci_high[-1]


def test_every_test_of_asymmetry_sees_that_small_trials_show_larger_benefit():
    for result in (egger_test(RAW["yi"], variance=RAW["vi"]), harbord_test(**TABLES), peters_test(**TABLES)):
        assert result.slope < 0
        assert result.p_value < 0.01


def test_the_tests_of_these_trials_are_those_of_metafor():
    # Not in the chapter: printed by metafor's own tests for these trials.
    assert egger_mixed_effects(RAW["yi"], variance=RAW["vi"]).statistic == pytest.approx(-4.6686, abs=5e-5)
    ranks = begg_test(RAW["yi"], variance=RAW["vi"])
    assert ranks.tau == pytest.approx(0.15, abs=1e-12)
    assert ranks.p_value == pytest.approx(0.4503, abs=5e-5)
