"""Laws of Mantel–Haenszel and Peto on random tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmac_meta.stats.measures_binary import odds_ratio, peto_odds_ratio, risk_difference, risk_ratio
from bmac_meta.stats.sparse import mantel_haenszel, peto
from bmac_meta.stats.sparse_tests import breslow_day, cochran_mantel_haenszel

NAMES = ("events_a", "total_a", "events_b", "total_b")
MEASURES = ("OR", "RR", "RD")


@st.composite
def table(draw, smallest=0):
    totals = [draw(st.integers(2 + 2 * smallest, 10**6)) for _ in range(2)]
    events = [draw(st.integers(smallest, total - smallest)) for total in totals]
    return (events[0], totals[0], events[1], totals[1])


tables = st.lists(table(), min_size=1, max_size=8)


def columns(rows):
    return dict(zip(NAMES, (list(column) for column in zip(*rows, strict=True)), strict=True))


def same(left, right, tolerance=1e-9):
    """Agree, or be both NaN."""
    np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("measure", "own"), [("OR", odds_ratio), ("RR", risk_ratio), ("RD", risk_difference)])
@given(row=table(smallest=1))
def test_one_table_without_empty_cells_is_itself(measure, own, row):
    result, expected = mantel_haenszel(**columns([row]), measure=measure), own(**columns([row]))
    same(result.estimate, expected.estimate[0])
    if measure != "RD":
        same(result.se, np.sqrt(expected.variance[0]))


@given(row=table(smallest=1))
def test_one_table_by_greenland_and_robins_has_the_variance_of_its_difference(row):
    result = mantel_haenszel(**columns([row]), measure="RD", rd_variance="greenland-robins")
    same(result.se, np.sqrt(risk_difference(**columns([row])).variance[0]))


@given(row=table(smallest=1))
def test_one_table_by_peto_is_petos_odds_ratio(row):
    expected = peto_odds_ratio(**columns([row]))
    same(
        [peto(**columns([row])).estimate, peto(**columns([row])).se],
        [expected.estimate[0], np.sqrt(expected.variance[0])],
    )


@pytest.mark.parametrize("measure", MEASURES)
@given(rows=tables)
def test_swapping_the_arms_turns_the_sign(measure, rows):
    swapped = [(c, m, a, n) for a, n, c, m in rows]
    one, other = (mantel_haenszel(**columns(each), measure=measure) for each in (rows, swapped))
    same(
        [one.estimate, one.ci_low, one.ci_high, one.q],
        [-other.estimate, -other.ci_high, -other.ci_low, other.q],
    )


@given(rows=tables)
def test_swapping_events_and_others_turns_the_sign_of_an_odds_ratio(rows):
    turned = [(n - a, n, m - c, m) for a, n, c, m in rows]
    for method in (mantel_haenszel, peto):
        one, other = method(**columns(rows)), method(**columns(turned))
        same([one.estimate, one.se], [-other.estimate, other.se])


@given(rows=tables, seed=st.integers(0, 99))
def test_the_order_of_tables_changes_nothing(rows, seed):
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    for method in (mantel_haenszel, peto, breslow_day, cochran_mantel_haenszel):
        one, other = method(**columns(rows)), method(**columns(shuffled))
        same([one.statistic, one.p_value], [other.statistic, other.p_value])


@pytest.mark.parametrize("measure", ["OR", "RR"])
@given(rows=tables, totals=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
def test_a_table_without_events_changes_no_ratio(measure, rows, totals):
    more = [*rows, (0, totals[0], 0, totals[1])]
    one, other = (mantel_haenszel(**columns(each), measure=measure) for each in (rows, more))
    same([one.estimate, one.se, one.q], [other.estimate, other.se, other.q])
    assert one.k_informative == other.k_informative


@given(rows=tables)
def test_the_interval_holds_its_estimate(rows):
    for measure in MEASURES:
        result = mantel_haenszel(**columns(rows), measure=measure)
        assert not result.ci_low > result.estimate
        assert not result.ci_high < result.estimate
        assert np.isnan(result.se) or result.se > 0


@given(row=table(smallest=1), copies=st.integers(2, 6))
def test_identical_tables_agree_perfectly(row, copies):
    rows = columns([row] * copies)
    result, alone = mantel_haenszel(**rows), mantel_haenszel(**columns([row]))
    same([result.estimate, result.se * np.sqrt(copies)], [alone.estimate, alone.se])
    assert result.q == pytest.approx(0, abs=1e-6)
    assert breslow_day(**rows).statistic == pytest.approx(0, abs=1e-6)


@given(rows=tables)
def test_tarones_correction_only_lowers_the_statistic(rows):
    plain, corrected = breslow_day(**columns(rows), tarone=False), breslow_day(**columns(rows))
    assert not corrected.statistic > plain.statistic * (1 + 1e-9)
