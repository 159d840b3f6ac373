"""2×2 tables with few events are pooled as they are printed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bmac_meta import stats
from bmac_meta.effects import Effects
from bmac_meta.errors import InputError, NotEnoughTrials, UnknownWordError
from bmac_meta.question import Question

COUNTS = ("events_a", "total_a", "events_b", "total_b")


def effects(rows, measure="OR"):
    """Return effects of trials given as (events, total, events, total)."""
    table = pd.DataFrame(rows, columns=list(COUNTS))
    table["trial"] = [f"Trial {place + 1}" for place in range(len(table))]
    question = Question("A", "B", "death", lower_is_better=True)
    return Effects.from_raw(table, measure=measure, study="trial", question=question)


RARE = [(0, 50, 0, 50), (1, 60, 4, 55), (0, 40, 2, 45), (3, 100, 5, 98), (0, 30, 0, 30)]


def test_tolbutamide_gives_the_odds_ratio_of_rothman_greenland_and_lash():
    # Modern Epidemiology (3rd ed., 2008), ch. 15: death under tolbutamide in two age strata.
    result = effects([(8, 106, 5, 120), (22, 98, 16, 85)]).mantel_haenszel()
    assert result.tidy()["estimate_shown"][0] == pytest.approx(1.40, abs=5e-3)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_mantel_haenszel_is_the_same_whatever_the_measure_of_the_effects(bcg, measure):
    counts = {name: bcg.frame[name].to_numpy(float) for name in COUNTS}
    expected = stats.mantel_haenszel(**counts, measure=measure)
    result = bcg.mantel_haenszel(measure)
    assert result.fit == expected
    assert result.question.measure == measure
    assert result.shown(0.5) == pytest.approx(0.5 if measure == "RD" else np.exp(0.5))


def test_odds_ratios_come_with_the_tests_of_breslow_day_and_of_association(bcg):
    counts = {name: bcg.frame[name].to_numpy(float) for name in COUNTS}
    assert bcg.mantel_haenszel().homogeneity == stats.breslow_day(**counts)
    assert bcg.mantel_haenszel().association == stats.cochran_mantel_haenszel(**counts)
    assert bcg.mantel_haenszel("RR").homogeneity is None


def test_peto_is_petos_odds_ratio(bcg):
    counts = {name: bcg.frame[name].to_numpy(float) for name in COUNTS}
    assert bcg.peto().fit == stats.peto(**counts)
    assert bcg.peto().question.measure == "PETO"


def test_trials_left_out_for_having_no_event_are_counted():
    result = effects(RARE).mantel_haenszel()
    assert result.silent == ()
    assert result.silent_before == ("Trial 1", "Trial 5")
    assert result.tidy()["left_out_before"][0] == 2


def test_trials_kept_without_an_event_are_counted_and_change_no_ratio():
    kept, left_out = effects(RARE, "RD"), effects(RARE)
    assert kept.mantel_haenszel().silent == ("Trial 1", "Trial 5")
    assert kept.mantel_haenszel().fit.estimate == pytest.approx(left_out.mantel_haenszel().fit.estimate)


def test_a_difference_counts_the_patients_of_trials_without_an_event():
    kept = effects(RARE, "RD").mantel_haenszel("RD").fit
    assert kept.k == 5
    assert abs(kept.estimate) < abs(effects(RARE).mantel_haenszel("RD").fit.estimate)


def test_trials_without_printed_counts_are_left_out_by_name():
    made = effects(RARE[1:4])
    frame = made.frame.assign(events_a=made.frame["events_a"].where(made.frame["study"] != "Trial 2"))
    result = dataclasses.replace(made, frame=frame).mantel_haenszel()
    assert result.k == 2
    assert result.left_out["reason"].tolist() == ["no counts are printed"]


def test_effects_without_counts_are_refused_with_the_way_out(smd):
    with pytest.raises(InputError, match=r"need events_a, total_a, events_b, total_b.*from_raw"):
        smd().peto()


def test_where_no_trial_gives_an_effect_the_difference_is_pointed_to():
    with pytest.raises(NotEnoughTrials, match="measure='RD'"):
        effects([(0, 50, 0, 50), (0, 30, 0, 30)]).mantel_haenszel()


def test_an_unknown_measure_is_refused(bcg):
    with pytest.raises(UnknownWordError, match="Known: OR, RR, RD"):
        bcg.mantel_haenszel("HR")


def test_counts_written_as_text_count_and_words_are_no_counts(bcg):
    columns = {name: bcg.frame[name].astype(int).astype(str) for name in ("events_a", "total_a", "events_b", "total_b")}
    table = bcg.tidy().assign(**columns)
    table.loc[0, "events_a"] = "few"
    effects = Effects.from_frame(table, estimate="estimate", se="se", study="study", measure="RR")
    result = effects.mantel_haenszel()
    assert result.fit.estimate == bcg.without("Trial 1").mantel_haenszel().fit.estimate
    assert result.left_out.to_dict("records")[-1]["reason"] == "no counts are printed"


def test_the_way_to_count_trials_without_an_event_is_offered():
    raw = pd.DataFrame({"events_a": [0, 1, 3], "total_a": 20, "events_b": [0, 3, 2], "total_b": 20})
    lost = Effects.from_raw(raw, measure="OR").mantel_haenszel("RD")
    assert "those would count here, were the effects made with measure='RD'" in " ".join(repr(lost).split())
    kept = Effects.from_raw(raw, measure="OR", double_zero="keep").mantel_haenszel("RD")
    assert kept.fit.estimate == Effects.from_raw(raw, measure="RD").mantel_haenszel("RD").fit.estimate
    assert kept.fit.estimate != lost.fit.estimate
