"""The ranking."""

from __future__ import annotations

import numpy as np
import pytest

from bmac_meta.errors import InputError


def test_p_scores_agree_with_netmeta(pooled, case):
    scores = pooled.ranks().tidy().set_index("treatment")["p_score"]
    np.testing.assert_allclose(scores.loc[case["treatments"]], case["Pscore_random"], atol=1e-8)


def test_a_ranking_is_never_printed_without_intervals_and_shares(pooled):
    ranks = pooled.ranks()
    text = repr(ranks)
    for row in ranks.order:
        assert ranks.effect(row) in text
    assert "direct" in text
    texts = [mark.text for mark in ranks.draw().layout.of_kind("effect")]
    assert texts == [ranks.effect(row) for row in ranks.order]


def test_rank_probabilities_sum_to_one_and_sucra_nears_the_p_score(pooled):
    table = pooled.ranks().tidy()
    np.testing.assert_allclose(table.filter(like="rank_").filter(regex=r"rank_\d").sum(axis=1), 1.0, atol=1e-12)
    # 20,000 draws: the standard error of a SUCRA is below 0.0036.
    np.testing.assert_allclose(table["sucra"], table["p_score"], atol=0.015)


def test_the_direction_must_be_known(undirected):
    with pytest.raises(InputError, match="small_values"):
        undirected.ranks()
    up, down = undirected.ranks("undesirable"), undirected.ranks("desirable")
    assert up.order == down.order[::-1]


def test_the_picture_is_written_with_its_table(pooled, tmp_path):
    pooled.ranks().draw(save=tmp_path / "ranks.svg")
    assert "rank_10" in (tmp_path / "ranks.csv").read_text(encoding="utf-8")
