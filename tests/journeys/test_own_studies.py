"""A reviewer brings a folder or a table of their own, from the first file to the figure."""

from __future__ import annotations

import csv
import math
from xml.etree import ElementTree

import pandas as pd
import pytest

import bmac_meta as bm
from bmac_meta.errors import DataError, InputError, PoolingRefused

HOSTILE = '=cmd()<script>alert("x")</script>'

ARMS = """study_id,arm_id,intervention
one,prp,PRP
one,ha,HA
two,prp,PRP
two,ha,HA
"""
OUTCOMES = """study_id,arm_id,outcome,timepoint_months,value_kind,n,mean,dispersion,dispersion_kind,scale_min,scale_max
one,prp,vas_pain,6,final,20,30,10,sd,0,100
one,ha,vas_pain,6,final,20,40,10,sd,0,100
two,prp,vas_pain,6,final,25,35,2,se,0,100
two,ha,vas_pain,6,final,25,41,2,se,0,100
"""
CONTRASTS = """study_id,arm_a,arm_b,outcome,timepoint_months,measure,estimate,ci_low,ci_high
one,PRP,HA,vas_pain,6,MD,-10,-16,-4
two,HA,PRP,vas_pain,6,MD,6,1,11
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "arms.csv").write_text(ARMS)
    (tmp_path / "outcomes.csv").write_text(OUTCOMES)
    return tmp_path


def test_arms_and_outcomes_are_enough(folder):
    effects = bm.load(folder).compare("PRP", "HA", on="vas_pain", months=6)
    assert effects.frame["estimate"].tolist() == [-10.0, -6.0]
    # SDs 10 and 10 with 20 each; SD = 2 × √25 = 10 with 25 each: variances 100/20 × 2 and 100/25 × 2.
    assert (effects.frame["se"] ** 2).tolist() == pytest.approx([10.0, 8.0], rel=1e-12)


def test_contrasts_alone_are_enough_and_are_turned_round(tmp_path):
    (tmp_path / "contrasts.csv").write_text(CONTRASTS)
    effects = bm.load(tmp_path).compare("PRP", "HA", on="vas_pain", months=6, measure="MD")
    assert effects.frame["estimate"].tolist() == [-10.0, -6.0]
    assert effects.frame["se"].tolist() == pytest.approx([12 / 2 / 1.959964, 10 / 2 / 1.959964], rel=1e-6)


def test_the_history_leads_from_each_effect_to_the_row_of_its_file(folder):
    effects = bm.load(folder).compare("PRP", "HA", on="vas_pain", months=6)
    told = effects.history("two")
    assert told["address"].iloc[0].startswith("outcomes.csv row 4")
    assert any("SE" in step for step in told["what"])


def test_the_figure_and_its_table_are_written_side_by_side(folder):
    effects = bm.load(folder).compare("PRP", "HA", on="vas_pain", months=6)
    effects.pool().forest(save=folder / "answer.svg")
    with (folder / "answer.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["study"] for row in rows[:2]] == ["one", "two"]
    ElementTree.parse(folder / "answer.svg")


def test_hostile_labels_do_no_harm_in_card_figure_and_table(tmp_path):
    table = pd.DataFrame({"trial": [HOSTILE, "../../x", "膝 $x^2$"], "g": [0.1, -0.2, 0.3], "s": [0.1, 0.2, 0.3]})
    effects = bm.Effects.from_frame(table, estimate="g", se="s", study="trial")
    pooled = effects.pool()
    pooled.forest(save=tmp_path / "hostile.svg")
    pages = [effects._repr_html_(), effects.leave_one_out()._repr_html_(), (tmp_path / "hostile.svg").read_text()]
    assert all("<script" not in page for page in pages)
    assert (tmp_path / "hostile.csv").read_text().splitlines()[1].startswith("\"'=cmd()")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.csv", "hostile.svg"]


def test_a_variance_cannot_be_passed_by_position_nor_beside_a_standard_error():
    table = pd.DataFrame({"g": [0.1], "v": [0.04], "s": [0.2]})
    with pytest.raises(TypeError):
        bm.Effects.from_frame(table, "g", "v")
    with pytest.raises(InputError, match="exactly one"):
        bm.Effects.from_frame(table, estimate="g", se="s", variance="v")


def test_the_four_ways_to_give_a_spread_agree():
    table = pd.DataFrame({"g": [0.1, 0.4], "s": [0.2, 0.1]})
    table["v"], table["low"], table["high"] = (
        table.s**2,
        table.g - 1.959963984540054 * table.s,
        table.g + 1.959963984540054 * table.s,
    )
    spreads = ({"se": "s"}, {"variance": "v"}, {"ci_low": "low", "ci_high": "high"})
    pools = [bm.Effects.from_frame(table, estimate="g", **spread).pool().fit.estimate for spread in spreads]
    assert pools[1:] == pytest.approx([pools[0]] * 2, rel=1e-12)  # closed forms: rounding only


def test_ratios_enter_with_their_limits():
    table = pd.DataFrame({"rr": [0.5], "low": [0.25], "high": [1.0]})
    effects = bm.Effects.from_frame(table, estimate="rr", ci_low="low", ci_high="high", measure="RR", logged=False)
    assert effects.frame["estimate"][0] == pytest.approx(math.log(0.5), rel=1e-12)
    assert effects.frame["se"][0] == pytest.approx(math.log(4) / 2 / 1.959963984540054, rel=1e-9)


def test_every_faulty_cell_is_named_at_once():
    table = pd.DataFrame({"g": [0.1, "NR", 0.3], "s": [0.0, 0.1, -1.0]})
    with pytest.raises(DataError) as error:
        bm.Effects.from_frame(table, estimate="g", se="s")
    places = {(fault.row, fault.column) for fault in error.value.faults}
    assert places == {(1, "s"), (2, "g"), (3, "s")}


def test_one_trial_is_shown_as_itself_and_none_is_refused_in_words(folder):
    effects = bm.load(folder).compare("PRP", "HA", on="vas_pain", months=6)
    alone = effects.without("two").pool()
    assert alone.fit.estimate == -10.0
    assert "one trial" in repr(alone)
    with pytest.raises(PoolingRefused, match="no trial gives an effect"):
        effects.without("one", "two").pool()


def test_rows_of_one_trial_are_not_pooled_as_if_independent():
    table = pd.DataFrame({"trial": ["A", "A", "B"], "g": [0.1, 0.2, 0.3], "s": [0.1, 0.1, 0.1]})
    effects = bm.Effects.from_frame(table, estimate="g", se="s", study="trial")
    with pytest.raises(PoolingRefused, match="A"):
        effects.pool()


def test_the_front_door_is_a_short_list():
    assert set(bm.__all__) == {
        "Effects", "Evidence", "Network", "Question", "Rules", "errors", "load", "stats", "tabulate"
    }  # fmt: skip
    assert dir(bm) == [*bm.__all__, "__version__"] or set(bm.__all__) <= set(dir(bm))
