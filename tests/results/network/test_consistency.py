"""Direct, indirect and network evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bmac_meta.errors import NotEnoughTrials


def test_each_comparison_agrees_with_netmeta(pooled, case):
    split = case["netsplit_random"]
    table = pooled.consistency().tidy()
    known = {(row.treatment, row.comparator): row for row in table.itertuples()}
    for i, comparison in enumerate(split["comparison"]):
        a, b = comparison.split(":")
        row, sign = (known[a, b], 1.0) if (a, b) in known else (known[b, a], -1.0)
        for part, name in (("direct", "direct"), ("indirect", "indirect"), ("difference", "diff")):
            # netmeta writes null where there is no such evidence.
            expected = np.nan if split[name][i] is None else sign * split[name][i]
            np.testing.assert_allclose(getattr(row, part), expected, atol=1e-8)
        assert row.trials == split["k"][i]
        assert row.share_direct == pytest.approx(split["prop_direct"][i], abs=1e-8)


def test_evidence_is_sorted_into_kinds(pooled):
    result = pooled.consistency()
    kinds = result.tidy()["evidence"].value_counts().to_dict()
    assert kinds == {"indirect": 30, "both": 11, "direct": 4}
    assert len(result.tested().tidy()) == 11
    assert len(result.indirect_only().tidy()) == 30
    assert len(result.direct_only().tidy()) == 4


def test_the_better_treatment_is_named_first(pooled):
    place = {name: i for i, name in enumerate(pooled.treatments)}
    table = pooled.consistency().tidy()
    assert (table["treatment"].map(place) < table["comparator"].map(place)).all()


@pytest.mark.parametrize("method", ["back-calculation", "side-split", "design-split"])
def test_every_method_keeps_direct_evidence_in_its_interval(pooled, method):
    table = pooled.consistency(method).tested().tidy()
    assert (table["direct_ci_low"] < table["direct"]).all()
    assert (table["indirect"] < table["indirect_ci_high"]).all()
    np.testing.assert_allclose(table["difference"], table["direct"] - table["indirect"], atol=1e-9)


def test_a_card_tells_comparisons_without_a_trial_in_a_number(pooled):
    text = " ".join(repr(pooled.consistency()).split())
    assert "30 comparisons without a trial" in text
    assert "no direct evidence" in repr(pooled.consistency().indirect_only())


def test_the_split_forest_has_three_rows_for_each_tested_comparison(pooled, tmp_path):
    figure = pooled.consistency().tested().forest(save=tmp_path / "split.svg")
    assert len(figure.layout.of_kind("diamond")) == 11
    assert len(figure.layout.of_kind("point", "square")) == 22
    assert (tmp_path / "split.csv").exists()


def test_nothing_to_draw_is_said_in_words(pooled):
    with pytest.raises(NotEnoughTrials, match="nothing to draw"):
        replace(pooled.consistency(), only="none of these").forest()
